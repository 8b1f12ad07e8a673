"""The growing postings of one site-window: amounts by dimensions, added up as claims are settled."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa

from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import pool_leaf
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.packed import PackedTree, mask_of, settled
from greencloud.allocation.postings import EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS
from greencloud.allocation.setting import Setting
from greencloud.allocation.spread import Settled, SettledMass, Spread
from greencloud.allocation.tree import Parted, Tree, apportioned, lines_of
from greencloud.allocation.uncertainty import Load
from greencloud.facility import POOL_UNATTRIBUTED
from greencloud.units import INT64_MAX

__all__ = ["Entries", "EntryKey"]

_BITS: Final = {flag: mask_of(frozenset({flag})) for flag in FLAGS}
_LINES: Final = tuple(name for name in EMISSION_LINES if name != "scope3_embodied_ug")
_EMBODIED: Final = POSTING_MEASURES.index("scope3_embodied_ug")
_NOBODY: Final = Claim("overhead", (pool_leaf(POOL_UNATTRIBUTED),), 0)


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
        held = self.amounts.get(key)
        if held is None:
            self.amounts[key], self.flags[key], self.counts[key] = list(amounts), set(flags), count
            return
        for index, amount in enumerate(amounts):
            held[index] += amount
        self.counts[key] += count
        self.flags[key].update(flags)

    def settle(self, claims: Sequence[Claim], load: Load, overhead: Overhead, trees: Sequence[PackedTree] = ()) -> None:
        """Post claims on a load of energy: their own, the overhead beyond it, and the load's emissions, all in proportion.

        Where no claim has energy, overhead and emissions are nobody's in particular: unattributed. Operations are counted on
        dynamic lines, once. ``trees`` have the leaves of the last claims, which are theirs in order.
        """
        claims = [*claims, _NOBODY]
        used = array("q", [claim.energy_mj for claim in claims])
        (beyond,) = _shared_out([load.energy_mj - sum(used)], used)
        lines = _shared_out([load.lines[name] for name in _LINES], used + beyond)
        count = len(claims)
        on_energy, on_overhead = [used, *(line[:count] for line in lines)], [beyond, *(line[count:] for line in lines)]
        packed = count - 1 - sum(map(len, trees))
        tree = Tree()
        own = [*range(packed), count - 1] if trees else range(count)
        for index in own:
            tree.add(claims[index].slots or ((1, claims[index].leaves),))
        with_leaves = [claims[index] for index in own]
        self._post_energy(tree, with_leaves, "", tree.parts(_of(own, on_energy)), frozenset())
        self._post_energy(tree, with_leaves, "overhead", tree.parts(_of(own, on_overhead)), overhead.flags)
        if trees:
            self._post_packed(trees, [line[packed:-1] for line in on_energy])
            self._post_packed(trees, [line[packed:-1] for line in on_overhead], overhead.flags)
        self.spread.energy.append(Settled(load, claims, beyond, overhead, tree, dict(zip(_LINES, lines, strict=True))))

    def settle_mass(self, claims: Sequence[MassClaim]) -> None:
        """Post embodied mass."""
        if not claims:
            return
        tree = Tree()
        for claim in claims:
            tree.add(((1, claim.leaves),))
        keys, places = _places(tree, [claim.component for claim in claims])
        flags = [mask_of(leaf.flags) for leaf in tree.leaves]
        sums, marks = tree.parts([[claim.micrograms for claim in claims]]).added(places, flags, len(keys))
        for key, (mass,), mark in zip(keys, sums, marks, strict=True):
            amounts = [0] * len(POSTING_MEASURES)
            amounts[_EMBODIED] = mass
            self.add(key, amounts, _words(mark))
        self.spread.mass.append(SettledMass(claims, tree))

    def _post_energy(self, tree: Tree, claims: Sequence[Claim], component: str, parts: Parted, more: frozenset[str]) -> None:
        """Post what the leaves of claims get, on a component or (where it is "") on each claim's own."""
        keys, places = _places(tree, [component or claim.component for claim in claims])
        known = {flags: mask_of(flags | more) for flags in {claim.flags for claim in claims}}
        masks = [known[claim.flags] for claim in claims]
        flags = [
            masks[claim] | (mask_of(leaf.flags) if leaf.flags else 0) for claim, leaf in zip(tree.claims, tree.leaves, strict=True)
        ]
        sums, marks = parts.added(places, flags, len(keys))
        counts = [0] * len(keys)
        if not component:
            for place, claim, leaf, mask in zip(places, tree.claims, tree.leaves, flags, strict=True):
                if leaf.operations and claims[claim].component == "dynamic":
                    counts[place] += leaf.operations
                    marks[place] |= mask
        for key, amounts, mark, count in zip(keys, sums, marks, counts, strict=True):
            self.add(key, (*amounts, 0), _words(mark), count)

    def _post_packed(
        self, trees: Sequence[PackedTree], totals: Sequence[Sequence[int]], more: frozenset[str] | None = None
    ) -> None:
        """Post what the leaves of packed trees get; on overhead, with ``more`` flags, where these are given."""
        marked = mask_of(more or frozenset())
        for key, amounts, mark, count in settled(trees, totals, overhead=more is not None):
            self.add(EntryKey(*key), (*amounts, 0), _words(mark | marked), count)

    def table(self, setting: Setting) -> pa.Table:
        """The postings, in canonical order."""
        keys = sorted(self.amounts)
        words = {frozenset(flags): "" for flags in self.flags.values()}
        words = {flags: ",".join(sorted(flags)) for flags in words}
        columns: dict[str, Sequence[object]] = {
            "window_start": [setting.window.start] * len(keys),
            "window_s": [setting.window.seconds] * len(keys),
            "site": [setting.site.id] * len(keys),
            "region": [setting.site.region] * len(keys),
            "quality": [words[frozenset(self.flags[key])] for key in keys],
            # A tenant may claim any number of operations; the largest that a posting holds is as absurd as any above it.
            "count": [min(self.counts[key], INT64_MAX) for key in keys],
        }
        columns |= zip(EntryKey._fields, zip(*keys, strict=True) if keys else [()] * len(EntryKey._fields), strict=True)
        measures = zip(*(self.amounts[key] for key in keys), strict=True) if keys else [()] * len(POSTING_MEASURES)
        for name, amounts in zip(POSTING_MEASURES, measures, strict=True):
            if max(amounts, default=0) > INT64_MAX:
                raise setting.refused(f"{name} of one posting is more than 64 bits hold", advice="look for a meter in wrong units")
            columns[name] = amounts
        return pa.table([pa.array(columns[field.name], field.type) for field in POSTINGS], schema=POSTINGS)


def _shared_out(totals: Sequence[int], weights: array[int]) -> list[array[int]]:
    """Each total apportioned over the same weights; where there are none, all of it is the last one's."""
    if not any(weights):
        weights = weights[:-1] + array("q", [1])
    out = apportioned(lines_of([[total] for total in totals]), array("q", [0, len(weights)]), weights)
    flat = out.cast("B").cast("q")
    return [array("q", flat[at : at + len(weights)]) for at in range(0, len(flat), len(weights))]


def _of(indices: Sequence[int], lines: Sequence[array[int]]) -> Sequence[Sequence[int]]:
    return lines if len(indices) == len(lines[0]) else [[line[index] for index in indices] for line in lines]


def _places(tree: Tree, components: Sequence[str]) -> tuple[list[EntryKey], list[int]]:
    """The entries that the leaves of a tree belong to, and for each leaf the index of its entry."""
    index: dict[tuple[str, ...], int] = {}
    places = []
    for claim, leaf in zip(tree.claims, tree.leaves, strict=True):
        key = (leaf.account, leaf.service, leaf.sku, leaf.operation, leaf.labels, components[claim])
        places.append(index.setdefault(key, len(index)))
    return [EntryKey(*key) for key in index], places


@lru_cache(1 << len(FLAGS))
def _words(mask: int) -> frozenset[str]:
    return frozenset(flag for flag, bit in _BITS.items() if mask & bit)
