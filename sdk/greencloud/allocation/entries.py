"""The growing postings of one site-window: amounts by dimensions, added up as claims are settled."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud._entries import EntrySums
from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import pool_leaf
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.packed import MASKS, PackedTree, mask_of, settled
from greencloud.allocation.postings import EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS
from greencloud.allocation.setting import Setting
from greencloud.allocation.spread import Settled, SettledMass, Spread
from greencloud.allocation.tree import Tree, apportioned, lines_of
from greencloud.allocation.uncertainty import Load
from greencloud.facility import POOL_UNATTRIBUTED

__all__ = ["Entries", "EntryKey"]

_BITS: Final = {flag: mask_of(frozenset({flag})) for flag in FLAGS}
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
        self._sums.add(key, amounts, mask_of(frozenset(flags)), count)

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
        components = [claims[index].component for index in own]
        counted = [component == "dynamic" for component in components]
        masks = [mask_of(claims[index].flags) for index in own]
        more = mask_of(overhead.flags)
        self._post(tree, components, masks, tree.parts(_of(own, on_energy)), counted=counted)
        self._post(tree, ["overhead"] * len(own), [mask | more for mask in masks], tree.parts(_of(own, on_overhead)))
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
        self._sums.add_leaves(tree.leaves, tree.claims, components, array("q", masks), marks, parts, first, MASKS)

    def _post_packed(
        self, trees: Sequence[PackedTree], totals: Sequence[Sequence[int]], more: frozenset[str] | None = None
    ) -> None:
        """Post what the leaves of packed trees get; on overhead, with ``more`` flags, where these are given."""
        marked = mask_of(more or frozenset())
        self._amounts = {}
        for key, amounts, mask, count in settled(trees, totals, overhead=more is not None):
            self._sums.add(key, [*amounts, 0], mask | marked, count)

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


def _shared_out(totals: Sequence[int], weights: array[int]) -> list[array[int]]:
    """Each total apportioned over the same weights; where there are none, all of it is the last one's."""
    if not any(weights):
        weights = weights[:-1] + array("q", [1])
    out = apportioned(lines_of([[total] for total in totals]), array("q", [0, len(weights)]), weights)
    flat = out.cast("B").cast("q")
    return [array("q", flat[at : at + len(weights)]) for at in range(0, len(flat), len(weights))]


def _of(indices: Sequence[int], lines: Sequence[array[int]]) -> Sequence[Sequence[int]]:
    return lines if len(indices) == len(lines[0]) else [[line[index] for index in indices] for line in lines]


@lru_cache(1 << len(FLAGS))
def _words(mask: int) -> frozenset[str]:
    return frozenset(flag for flag, bit in _BITS.items() if mask & bit)
