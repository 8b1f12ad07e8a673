"""The growing postings of one site-window: amounts by dimensions, added up as claims are settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from greencloud.allocation.apportion import apportion
from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.leaves import Leaf, pool_leaf
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.postings import POSTING_MEASURES, POSTINGS
from greencloud.allocation.setting import Setting
from greencloud.allocation.uncertainty import Load, Spread, scaled
from greencloud.facility import POOL_UNATTRIBUTED
from greencloud.units import INT64_MAX

__all__ = ["Entries", "EntryKey"]


class EntryKey(NamedTuple):
    """The dimensions that vary within a site-window, in the order of ``DIMENSIONS``."""

    account: str
    service: str
    sku: str
    operation: str
    labels: str
    component: str


class Entries:
    """``amounts`` are in the order of ``POSTING_MEASURES``; ``counts`` and ``flags`` have the same keys."""

    def __init__(self) -> None:
        self.amounts: dict[EntryKey, list[int]] = {}
        self.counts: dict[EntryKey, int] = {}
        self.flags: dict[EntryKey, set[str]] = {}
        self.spread = Spread()

    def add(self, key: EntryKey, amounts: Sequence[int], flags: Iterable[str] = (), count: int = 0) -> None:
        """Add to an entry; an amount of nothing leaves no trace, so that empty leaves cannot colour its quality."""
        if not count and not any(amounts):
            return
        if key in self.amounts:
            held = self.amounts[key]
            for index, amount in enumerate(amounts):
                held[index] += amount
        else:
            self.amounts[key] = list(amounts)
        self.counts[key] = self.counts.get(key, 0) + count
        self.flags.setdefault(key, set()).update(flags)

    def post(
        self, component: str, leaves: Sequence[Leaf], totals: Mapping[str, int], flags: frozenset[str] = frozenset()
    ) -> list[tuple[EntryKey, float]]:
        """Apportion each measure of a claim over its leaves. Operations are counted on dynamic lines, once.

        Returns where it went, with the fraction of the claim.
        """
        weights = [leaf.weight for leaf in leaves]
        nothing = [0] * len(leaves)
        columns = [apportion(totals[name], weights) if totals.get(name) else nothing for name in POSTING_MEASURES]
        placed = []
        whole = sum(weights) or 1
        for leaf, amounts in zip(leaves, zip(*columns, strict=True), strict=True):
            key = EntryKey(leaf.account, leaf.service, leaf.sku, leaf.operation, leaf.labels, component)
            self.add(key, amounts, flags | leaf.flags, leaf.count if component == "dynamic" else 0)
            if leaf.weight:
                placed.append((key, leaf.weight / whole))
        return placed

    def post_mass(self, claim: MassClaim) -> None:
        """Post embodied mass."""
        for key, fraction in self.post(claim.component, claim.leaves, {"scope3_embodied_ug": claim.micrograms}):
            self.spread.mass.append((key, scaled(claim.spread, fraction)))

    def settle(self, claims: Sequence[Claim], load: Load, overhead: Overhead) -> None:
        """Post claims on a load of energy: their own, the overhead beyond it, and the load's emissions, all in proportion.

        Where no claim has energy, overhead and emissions are nobody's in particular: unattributed.
        """
        load_mj, lines = load.energy_mj, load.lines
        used = [claim.energy_mj for claim in claims]
        spill = Claim("overhead", (pool_leaf(POOL_UNATTRIBUTED),), 0)
        beyond = apportion(load_mj - sum(used), [*used, 0 if any(used) else 1])
        posted = [(claim.component, claim, energy) for claim, energy in zip(claims, used, strict=True)]
        posted += [("overhead", claim, energy) for claim, energy in zip([*claims, spill], beyond, strict=True)]
        weights = [energy for _, _, energy in posted]
        if not any(weights):
            weights[-1] = 1
        shares = {name: apportion(total, weights) for name, total in lines.items()}
        for index, (component, claim, energy) in enumerate(posted):
            totals = {"energy_mj": energy} | {name: parts[index] for name, parts in shares.items()}
            flags = claim.flags | overhead.flags if component == "overhead" else claim.flags
            placed = self.post(component, claim.leaves, totals, flags)
            spread = overhead.spread(claim) if component == "overhead" else claim.spread
            for key, fraction in placed:
                self.spread.energy.append((key, load, energy * fraction, scaled(spread, fraction)))

    def table(self, setting: Setting) -> pa.Table:
        """The postings, in canonical order."""
        keys = sorted(self.amounts)
        columns: dict[str, list[object]] = {
            "window_start": [setting.window.start] * len(keys),
            "window_s": [setting.window.seconds] * len(keys),
            "site": [setting.site.id] * len(keys),
            "region": [setting.site.region] * len(keys),
            "quality": [",".join(sorted(self.flags[key])) for key in keys],
            # A tenant may claim any number of operations; the largest that a posting holds is as absurd as any above it.
            "count": [min(self.counts[key], INT64_MAX) for key in keys],
        }
        for position, name in enumerate(EntryKey._fields):
            columns[name] = [key[position] for key in keys]
        for position, name in enumerate(POSTING_MEASURES):
            amounts = [self.amounts[key][position] for key in keys]
            if max(amounts, default=0) > INT64_MAX:
                raise setting.refused(f"{name} of one posting is more than 64 bits hold", advice="look for a meter in wrong units")
            columns[name] = list(amounts)
        return pa.table([pa.array(columns[field.name], field.type) for field in POSTINGS], schema=POSTINGS)
