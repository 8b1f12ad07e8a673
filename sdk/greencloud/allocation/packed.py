"""Claims on hosts and the leaves below them as arrays: what stays of a host once it is known who bears its energy.

A claim as an object, with its uses and leaves, takes kilobytes, and a window has as many leaves as usage rows. Here a leaf is its
weight, the number of its entry and its flags (13 bytes), and a claim its energy, the number of its host and what its slots weigh.
That is all that settling needs: each amount is apportioned as ``tree.Tree`` would, over the same weights in the same order, so the
parts are the same to the unit. What cannot be had from it any more is how a leaf came about: explanations take the whole window.

``PackedTree`` can be pickled, and is made in one place and settled in another (``parts``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from greencloud import _apportion
from greencloud.allocation.claims import Claim
from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.leaves import Leaf
from greencloud.allocation.postings import FLAGS
from greencloud.allocation.tree import Slots, apportioned, fitting, lines_of

__all__ = ["MASKS", "PackedTree", "mask_of", "settled"]

_BITS: Final = {flag: 1 << index for index, flag in enumerate(FLAGS)}
_COMPONENTS: Final = ("dynamic", "idle")
"""Of claims on hosts."""

_Key = tuple[str, str, str, str, str]
"""Account, service, SKU, operation, labels."""


class _Masks(dict[frozenset[str], int]):
    """Flags as bits, worked out when they are first seen."""

    def __missing__(self, flags: frozenset[str]) -> int:
        self[flags] = found = sum(_BITS[flag] for flag in flags)
        return found


MASKS: Final = _Masks()


def mask_of(flags: frozenset[str]) -> int:
    """Flags as bits."""
    return MASKS[flags]


@dataclass(slots=True)
class PackedTree:
    """Claims on hosts in order. A leaf's place is twice the number of its key, and one more on component "idle"."""

    keys: dict[_Key, int] = field(default_factory=dict)
    energies: array[int] = field(default_factory=lambda: array("q"))
    hosts: array[int] = field(default_factory=lambda: array("i"))
    components: array[int] = field(default_factory=lambda: array("b"))
    firsts: array[int] = field(default_factory=lambda: array("i"))  # the place of each claim's first leaf, which has its account
    kept: dict[int, tuple[tuple[Leaf, ...], Slots]] = field(default_factory=dict)  # of claims whose half-widths need their leaves
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)  # operations and flags, by place
    _slots: array[int] = field(default_factory=lambda: array("q", [0]))
    _slot_weights: array[int] = field(default_factory=lambda: array("q"))
    _spans: array[int] = field(default_factory=lambda: array("q", [0]))
    _weights: array[int] = field(default_factory=lambda: array("q"))
    _places: array[int] = field(default_factory=lambda: array("i"))
    _flags: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        return len(self.energies)

    def add(self, claim: Claim, host: int, *, keep: bool) -> None:
        """Add a claim on the host of that number. ``keep``: its leaves are those of more than one account, or asked for later."""
        component = _COMPONENTS.index(claim.component)
        if keep or claim.slots:
            self.kept[len(self.energies)] = claim.leaves, claim.slots
        self.energies.append(claim.energy_mj)
        self.hosts.append(host)
        self.components.append(component)
        self.firsts.append(self._place(claim.leaves[0], component))
        flags = mask_of(claim.flags)
        slots = claim.slots or ((1, claim.leaves),)
        self._slot_weights.extend(fitting([weight for weight, _ in slots]))
        for _, leaves in slots:
            self._weights.extend(fitting([leaf.weight for leaf in leaves]))
            self._spans.append(len(self._weights))
            for leaf in leaves:
                place = self._place(leaf, component)
                mask = flags | mask_of(leaf.flags) if leaf.flags else flags
                self._places.append(place)
                self._flags.append(mask)
                if leaf.operations and not component:
                    count, marks = self.counts.get(place, (0, 0))
                    self.counts[place] = count + leaf.operations, marks | mask
        self._slots.append(len(self._slot_weights))

    def _place(self, leaf: Leaf, component: int) -> int:
        return 2 * self.keys.setdefault(leaf[:5], len(self.keys)) + component

    def claims(self, energies: Sequence[HostEnergy]) -> Iterator[Claim]:
        """The claims without the leaves below them: one leaf of the account has them all, but for those that were kept."""
        accounts = [key[0] for key in self.keys]
        bearers = {account: (Leaf(account),) for account in accounts}
        for index, (amount, host, component) in enumerate(zip(self.energies, self.hosts, self.components, strict=True)):
            energy = energies[host]
            idle = component == _COMPONENTS.index("idle")
            whole, vector = (energy.idle_mj, energy.idle_vector) if idle else (energy.dynamic_mj, energy.dynamic_vector)
            leaves, slots = self.kept.get(index, (bearers[accounts[self.firsts[index] >> 1]], ()))
            # A part of all of it is exactly 1, as the owner's is.
            scale = 1.0 if energy.host.dedicated_to else amount / (whole or 1)
            yield Claim(_COMPONENTS[component], leaves, amount, energy.flags, ((vector, scale),), slots)

    def parts(self, totals: Sequence[Sequence[int]]) -> memoryview:
        """Apportion lines of totals, each with a total for every claim: int64[lines, leaves]."""
        return apportioned(apportioned(lines_of(totals), self._slots, self._slot_weights), self._spans, self._weights)

    def flags(self) -> array[int]:
        """Of each leaf."""
        return array("q", self._flags)

    def places(self, numbers: Sequence[int]) -> array[int]:
        """Of each leaf, where its key has that number."""
        return array("q", [2 * numbers[place >> 1] | (place & 1) for place in self._places])


def settled(
    trees: Sequence[PackedTree], totals: Sequence[Sequence[int]], *, overhead: bool
) -> Iterator[tuple[tuple[str, ...], list[int], int, int]]:
    """Apportion lines of totals, each with a total for every claim of all trees: the entries that get some of it, each with its
    lines, flags and operations. With ``overhead`` they are on that component, and operations are not counted.

    Raises:
        OverflowError: an entry is more than 64 bits hold.
    """
    keys: dict[_Key, int] = {}
    numbers = [[keys.setdefault(key, len(keys)) for key in tree.keys] for tree in trees]
    entries = 2 * len(keys)
    sums, marks = array("q", bytes(8 * len(totals) * entries)), array("q", bytes(8 * entries))
    counts: dict[int, int] = {}
    first = 0
    for tree, known in zip(trees, numbers, strict=True):
        last = first + len(tree)
        if len(tree):
            grid = memoryview(sums).cast("B").cast("q", shape=[len(totals), entries])
            parts = tree.parts([line[first:last] for line in totals])
            _apportion.add_at(parts, tree.places(known), tree.flags(), grid, marks)
        for place, (count, mask) in tree.counts.items() if not overhead else ():
            at = 2 * known[place >> 1] | (place & 1)
            counts[at] = counts.get(at, 0) + count
            marks[at] |= mask
        first = last
    for key, number in keys.items():
        found = [sums[2 * number + component :: entries].tolist() for component in range(len(_COMPONENTS))]
        if overhead:
            found = [[one + other for one, other in zip(*found, strict=True)]]
            marks[2 * number] |= marks[2 * number + 1]
        for component, amounts in enumerate(found):
            place = 2 * number + component
            if any(amounts) or place in counts:
                name = "overhead" if overhead else _COMPONENTS[component]
                yield (*key, name), amounts, marks[place], counts.get(place, 0)
