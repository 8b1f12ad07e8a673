"""The derivation of one account's entries in a site-window, step by step from what they rest on (``grounds``, ``weight_steps``).

It walks the very tree that was settled: an entry is the sum of its leaves, a leaf a part of a claim (or of a slot in it), a claim's
line a part of the line's total, the claim's energy a part of a host or pool. Amounts come from that tree, so every apportionment is
held against what was posted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from greencloud.allocation.apportion import apportion
from greencloud.allocation.claim_steps import ClaimSteps
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import own_leaves
from greencloud.allocation.steps import Step, Steps, Value
from greencloud.allocation.steps import Use as Operand
from greencloud.allocation.tree import Branch, Tree
from greencloud.allocation.uses import Use
from greencloud.allocation.weight_steps import WeightSteps, name_of
from greencloud.allocation.work import Work

__all__ = ["Derivation"]

_EMBODIED: Final = "scope3_embodied_ug"
_UNIT: Final = "core-ns"


@dataclass(frozen=True, slots=True)
class _Place:
    """Leaf ``leaf`` of the load (or mass) ``number``; ``over``: what of it is on the line "overhead"."""

    number: int
    leaf: int
    over: bool = False


class Derivation:
    """Of entries as they were before internal accounts passed anything on."""

    def __init__(self, steps: Steps, work: Work, claims: ClaimSteps, weights: WeightSteps, *, account: str) -> None:
        self._steps = steps
        self._work = work
        self._claims = claims
        self._weights = weights
        self._account = account
        self._energy = work.entries.spread.energy
        self._mass = work.entries.spread.mass
        self._parts: dict[Hashable, list[int]] = {}
        self._weighs: dict[Hashable, bool] = {}
        self._places: dict[EntryKey, list[_Place]] = {}
        for number, settled in enumerate(self._energy):
            for at, claim in self._mine(settled.tree):
                leaf = settled.tree.leaves[at]
                self._add(EntryKey.of(leaf, settled.claims[claim].component), _Place(number, at))
                self._add(EntryKey.of(leaf, "overhead"), _Place(number, at, over=True))
        for number, mass in enumerate(self._mass):
            for at, claim in self._mine(mass.tree):
                self._add(EntryKey.of(mass.tree.leaves[at], mass.claims[claim].component), _Place(number, at))

    def _mine(self, tree: Tree) -> list[tuple[int, int]]:
        return [
            (at, claim)
            for at, (claim, leaf) in enumerate(zip(tree.claims, tree.leaves, strict=True))
            if leaf.account == self._account
        ]

    def _add(self, key: EntryKey, place: _Place) -> None:
        self._places.setdefault(key, []).append(place)

    def entry(self, key: EntryKey, measure: str) -> Step:
        """The amount of an entry, as the sum of its leaves."""
        leaf = self._mass_leaf if key.component in {"embodied", "building"} else self._energy_leaf
        found = (leaf(place, measure) for place in self._places.get(key, ()))
        uses: list[Operand] = [("leaf", step) for step in found if step is not None and step.result]
        unit = "mJ" if measure == "energy_mj" else "µg"
        title = f"{measure} of {key.component}, {name_of(key[1:5])}"
        return self._steps.made(("entry", key, measure), "entries", title, "sum(leaf)" if uses else "0", *uses, unit=unit)

    def _energy_leaf(self, place: _Place, measure: str) -> Step | None:
        settled = self._energy[place.number]
        index = settled.tree.claims[place.leaf]
        if measure == _EMBODIED or not self._claims.amount(place.number, index, measure, over=place.over):
            return None
        total = self._claims.line(place.number, index, measure, over=place.over)
        return self._down(settled.tree, place.leaf, total, self._claims.uses_of(settled.claims[index]))

    def _mass_leaf(self, place: _Place, measure: str) -> Step | None:
        if measure != _EMBODIED:
            return None
        tree = self._mass[place.number].tree
        total = self._claims.mass(place.number, tree.claims[place.leaf])
        return self._down(tree, place.leaf, total, self._work.own.get(self._account, ()))

    def _down(self, tree: Tree, place: int, total: Step, uses: Sequence[Use]) -> Step:
        """From a claim's line to the part of a leaf."""
        branch = tree.branch(place)
        if len(branch.slots) > 1:
            weight = Value(branch.slots[branch.slot], _UNIT, "what the account reserved, which the provider did not measure here")
            weights = Value(sum(branch.slots), _UNIT, "what all such accounts reserved")
            amount = self._apportioned((total.id, "slots"), total, branch.slots)[branch.slot]
            title = f"slot of {self._account} in: {total.title}"
            total = self._steps.part((total.id, branch.slot), "leaves", title, amount, total=total, weight=weight, weights=weights)
        if len(branch.leaves) == 1:
            return total
        amount = self._apportioned((total.id, "leaves"), total, branch.leaves)[branch.leaf]
        held = self._weight(tree, place, branch, uses)
        weights = Value(sum(branch.leaves), _UNIT, "the account's rows in this claim, all together")
        title = f"{name_of(tree.leaves[place][1:5])} in: {total.title}"
        return self._steps.part((total.id, "leaf", place), "leaves", title, amount, total=total, weight=held, weights=weights)

    def _weight(self, tree: Tree, place: int, branch: Branch, uses: Sequence[Use]) -> Step:
        span = (id(tree), branch.first)
        if span not in self._weighs:
            self._weighs[span] = any(leaf.weight for leaf in own_leaves(self._account, uses))
        leaf = tree.leaves[place]
        weight = self._weights.leaf((*span, place), leaf, uses if self._weighs[span] else ())
        if branch.leaves[branch.leaf] == leaf.weight:
            return weight
        most = max(tree.leaves[branch.first + at].weight for at in range(len(branch.leaves)))
        divisor = Value(1 << (most.bit_length() - 63), "", "weights beyond 64 bits are halved until they fit")
        uses_: tuple[Operand, ...] = (("weight", weight), ("divisor", divisor))
        title = f"{weight.title}, in 64 bits"
        return self._steps.made((*span, place, "fitted"), "leaves", title, "floor(weight / divisor)", *uses_, unit=_UNIT)

    def _apportioned(self, key: Hashable, total: Step, weights: Sequence[int]) -> list[int]:
        if key not in self._parts:
            self._parts[key] = apportion(cast("int", total.result), list(weights)) if total.result else [0] * len(weights)
        return self._parts[key]
