"""Claims as arrays: the tree from claim to slot to leaf, which the kernel apportions level by level.

Every line of every claim (energy and emissions) is apportioned over its slots, and what each slot gets over its leaves; most claims
have one slot. Weights of slots are the provider's evidence, weights of leaves one account's own rows, so that no account's rows
can move a unit onto another's (law 4). A tenant may report weights beyond 64 bits: then all weights of that slot are halved until
they fit, which costs that tenant the last digits of its own division. So are slots of reservations beyond that (2.5 million cores).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from greencloud import _apportion
from greencloud.allocation.leaves import Leaf
from greencloud.units import INT64_MAX

__all__ = ["Branch", "Slots", "Tree", "apportioned", "fitting", "lines_of"]

Slots = tuple[tuple[int, tuple[Leaf, ...]], ...]


@dataclass(slots=True)
class Tree:
    """``claims[i]`` is the index of the claim that leaf i belongs to."""

    count: int = 0
    leaves: list[Leaf] = field(default_factory=list)
    claims: array[int] = field(default_factory=lambda: array("q"))
    _slots: array[int] = field(default_factory=lambda: array("q", [0]))
    _slot_weights: array[int] = field(default_factory=lambda: array("q"))
    _spans: array[int] = field(default_factory=lambda: array("q", [0]))
    _weights: array[int] = field(default_factory=lambda: array("q"))

    def add(self, slots: Slots) -> None:
        """Add a claim with its slots, each with its weight and leaves; some weight among them is positive."""
        self._slot_weights.extend(fitting([weight for weight, _ in slots]))
        for _, leaves in slots:
            self._weights.extend(fitting([leaf.weight for leaf in leaves]))
            self._spans.append(len(self._weights))
            self.leaves += leaves
            self.claims.extend([self.count] * len(leaves))
        self._slots.append(len(self._slot_weights))
        self.count += 1

    def parts(self, totals: Sequence[Sequence[int]]) -> memoryview:
        """Apportion K lines of totals, each with a total for every claim: int64[K, n], what each leaf gets of each line."""
        by_slot = apportioned(lines_of(totals), self._slots, self._slot_weights)
        return apportioned(by_slot, self._spans, self._weights)

    def branch(self, leaf: int) -> Branch:
        """The two apportionments on the way to a leaf."""
        claim = self.claims[leaf]
        first, last = self._slots[claim], self._slots[claim + 1]
        slot = bisect_right(self._spans, leaf) - 1
        while self._spans[slot] == self._spans[slot + 1]:  # a slot without leaves
            slot -= 1
        start, end = self._spans[slot], self._spans[slot + 1]
        return Branch(self._slot_weights[first:last], slot - first, self._weights[start:end], leaf - start, start)

    def fractions(self) -> Iterator[float]:
        """Of its claim, for every leaf."""
        for claim in range(self.count):
            first, last = self._slots[claim], self._slots[claim + 1]
            whole = sum(self._slot_weights[first:last])
            for slot in range(first, last):
                span = self._weights[self._spans[slot] : self._spans[slot + 1]]
                within = sum(span)
                for weight in span:
                    yield self._slot_weights[slot] / (whole or 1) * weight / (within or 1)


@dataclass(frozen=True, slots=True)
class Branch:
    """Weights of a claim's slots and of one slot's leaves, with the slot's and the leaf's place in them; ``first`` is that slot's
    first leaf.
    """

    slots: Sequence[int]
    slot: int
    leaves: Sequence[int]
    leaf: int
    first: int


def fitting(weights: list[int]) -> list[int]:
    """The same weights, all halved as often as the largest needs to fit into 64 bits."""
    excess = max(weights).bit_length() - INT64_MAX.bit_length()
    return weights if excess <= 0 else [weight >> excess for weight in weights]


def lines_of(rows: Sequence[Sequence[int]]) -> memoryview:
    """Rows of equal length, none of them empty, as int64[rows, length]."""
    flat = array("q")
    for row in rows:
        flat.extend(row)
    return memoryview(flat).cast("B").cast("q", shape=[len(rows), len(rows[0])])


def apportioned(totals: memoryview, offsets: array[int], weights: array[int]) -> memoryview:
    """Every total of every line, int64[lines, groups], over the weights of its group: int64[lines, weights]."""
    assert totals.shape is not None
    lines = totals.shape[0]
    out = memoryview(array("q", bytes(8 * lines * len(weights)))).cast("B").cast("q", shape=[lines, len(weights)])
    _apportion.apportion_groups(totals, offsets, weights, out)
    return out
