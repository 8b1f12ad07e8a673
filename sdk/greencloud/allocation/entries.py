"""The growing postings of one site-window: amounts by dimensions, added up as claims are settled."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud import _apportion
from greencloud._entries import EntrySums
from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import pool_leaf
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.postings import EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS
from greencloud.allocation.setting import Setting
from greencloud.allocation.spread import Settled, SettledMass, Spread
from greencloud.allocation.tree import Tree, lines_of
from greencloud.allocation.uncertainty import Load
from greencloud.facility import POOL_UNATTRIBUTED

__all__ = ["Entries", "EntryKey"]

_BITS: Final = {flag: 1 << index for index, flag in enumerate(FLAGS)}
_LINES: Final = tuple(name for name in EMISSION_LINES if name != "scope3_embodied_ug")
_EMBODIED: Final = POSTING_MEASURES.index("scope3_embodied_ug")
_NOBODY: Final = Claim("overhead", (pool_leaf(POOL_UNATTRIBUTED),), 0)


class Entries:
    """Amounts are in the order of ``POSTING_MEASURES``."""

    def __init__(self) -> None:
        self.spread = Spread()
        self._sums = EntrySums(len(POSTING_MEASURES))
        self._amounts: dict[EntryKey, list[int]] = {}

    @property
    def amounts(self) -> Mapping[EntryKey, list[int]]:
        """The amounts of every entry; not to be changed."""
        if len(self._amounts) != len(self._sums):
            self._amounts = {EntryKey(*key): self._sums.amounts_of(key) for key in self._sums.keys()}  # noqa: SIM118 - no mapping
        return self._amounts

    def accounts(self) -> set[str]:
        """Whoever has an entry."""
        return {key[0] for key in self._sums.keys()}  # noqa: SIM118

    def flags_of(self, key: EntryKey) -> frozenset[str]:
        return _words(self._sums.mask_of(key))

    def count_of(self, key: EntryKey) -> int:
        """Operations; a tenant may claim any number, and the largest that a posting holds is as absurd as any above it."""
        return self._sums.count_of(key)

    def add(self, key: EntryKey, amounts: Sequence[int], flags: Iterable[str] = (), count: int = 0) -> None:
        """Add to an entry; an amount of nothing leaves no trace, so that empty leaves cannot colour its quality."""
        self._amounts = {}
        self._sums.add(key, amounts, _mask(frozenset(flags)), count)

    def settle(self, claims: Sequence[Claim], load: Load, overhead: Overhead) -> None:
        """Post claims on a load of energy: their own, the overhead beyond it, and the load's emissions, all in proportion.

        Where no claim has energy, overhead and emissions are nobody's in particular: unattributed. Operations are counted on
        dynamic lines, once.
        """
        claims = [*claims, _NOBODY]
        used = [claim.energy_mj for claim in claims]
        (beyond,) = _shared_out([load.energy_mj - sum(used)], used)
        lines = _shared_out([load.lines[name] for name in _LINES], [*used, *beyond])
        tree = Tree()
        for claim in claims:
            tree.add(claim.slots or ((1, claim.leaves),))
        count = len(claims)
        own = [claim.component for claim in claims]
        counted = [component == "dynamic" for component in own]
        masks = [_mask(claim.flags) for claim in claims]
        self._post(tree, own, masks, tree.parts([used, *(line[:count] for line in lines)]), counted=counted)
        more = _mask(overhead.flags)
        masks = [mask | more for mask in masks]
        self._post(tree, ["overhead"] * count, masks, tree.parts([beyond, *(line[count:] for line in lines)]))
        self.spread.energy.append(Settled(load, claims, beyond, overhead, tree, dict(zip(_LINES, lines, strict=True))))

    def settle_mass(self, claims: Sequence[MassClaim]) -> None:
        """Post embodied mass."""
        if not claims:
            return
        tree = Tree()
        for claim in claims:
            tree.add(((1, claim.leaves),))
        parts = tree.parts([[claim.micrograms for claim in claims]])
        self._post(tree, [claim.component for claim in claims], [0] * len(claims), parts, first=_EMBODIED)
        self.spread.mass.append(SettledMass(claims, tree))

    def _post(
        self,
        tree: Tree,
        components: list[str],
        masks: Sequence[int],
        parts: memoryview,
        *,
        counted: Sequence[bool] = (),
        first: int = 0,
    ) -> None:
        """Post what the leaves of claims get of the measures from ``first`` on, each claim on its component and with its flags.

        ``counted``: of which claims operations are counted.
        """
        self._amounts = {}
        marks = array("q", counted or [False] * len(components))
        self._sums.add_leaves(tree.leaves, tree.claims, components, array("q", masks), marks, parts, first, _MASKS)

    def table(self, setting: Setting) -> pa.Table:
        """The postings, in canonical order."""
        if self._sums.full >= 0:
            name = POSTING_MEASURES[self._sums.full]
            raise setting.refused(f"{name} of one posting is more than 64 bits hold", advice="look for a meter in wrong units")
        keys = self._sums.keys()
        names = list(zip(*keys, strict=True)) if keys else [()] * len(EntryKey._fields)
        masks = self._sums.masks()
        words = {mask: ",".join(sorted(_words(mask))) for mask in set(masks)}
        columns: dict[str, object] = {
            "window_start": pa.repeat(pa.scalar(setting.window.start, POSTINGS.field("window_start").type), len(keys)),
            "window_s": pa.repeat(pa.scalar(setting.window.seconds, pa.int32()), len(keys)),
            "site": pa.repeat(setting.site.id, len(keys)),
            "region": pa.repeat(setting.site.region, len(keys)),
            "quality": pa.array([words[mask] for mask in masks], pa.string()),
            "count": _int64(self._sums.counts()),
        }
        columns |= {name: pa.array(values, pa.string()) for name, values in zip(EntryKey._fields, names, strict=True)}
        columns |= {name: _int64(self._sums.line(line)) for line, name in enumerate(POSTING_MEASURES)}
        found = pa.table([columns[field.name] for field in POSTINGS], schema=POSTINGS)
        return found.take(pc.sort_indices(found, sort_keys=[(name, "ascending") for name in EntryKey._fields]))


def _int64(values: array[int]) -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def _shared_out(totals: Sequence[int], weights: Sequence[int]) -> list[list[int]]:
    """Each total apportioned over the same weights; where there are none, all of it is the last one's."""
    weights = list(weights)
    if not any(weights):
        weights[-1] = 1
    tree = array("q", [0, len(weights)])
    out = lines_of([[0] * len(weights)] * len(totals))
    _apportion.apportion_groups(lines_of([[total] for total in totals]), tree, array("q", weights), out)
    rows: list[list[int]] = out.tolist()  # type: ignore[assignment]
    return rows


class _Masks(dict[frozenset[str], int]):
    """The bits of flags, worked out when they are first seen."""

    def __missing__(self, flags: frozenset[str]) -> int:
        self[flags] = found = sum(_BITS[flag] for flag in flags)
        return found


_MASKS: Final = _Masks()


def _mask(flags: frozenset[str]) -> int:
    return _MASKS[flags]


@lru_cache(1 << len(FLAGS))
def _words(mask: int) -> frozenset[str]:
    return frozenset(flag for flag, bit in _BITS.items() if mask & bit)
