"""Steps of an explanation: values that are given, each with its source, and results that formulas make of them.

Steps are in an order in which each uses only those before it, and every step is there once, however many others use it: together
they are a program without branches. The result of a step with a formula *is* the value of the formula; what the allocation came to
is held against it where it is posted.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from greencloud.allocation.formula import Number, evaluate

__all__ = ["STAGES", "Operand", "Step", "Steps", "Use", "Value"]

STAGES: Final = (
    "meters",
    "pools",
    "usage",
    "capacity",
    "claims",
    "factors",
    "emissions",
    "embodied",
    "leaves",
    "entries",
    "shared",
    "postings",
)
"""What steps are about, in the order in which people read them."""

_QUOTA: Final = "floor(total * weight / weights)"


@dataclass(frozen=True, slots=True)
class Operand:
    """A value under a name of the formula. ``step`` is the step whose result it is, "" where ``source`` says where it is from."""

    name: str
    value: Number
    unit: str
    step: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """``formula`` is "" for what is given: ``source`` says by whom, and the operands are what that rests on."""

    id: str
    stage: str
    title: str
    formula: str
    operands: tuple[Operand, ...]
    result: Number
    unit: str
    source: str = ""

    def named(self, name: str) -> Operand:
        return Operand(name, self.result, self.unit, self.id)


@dataclass(frozen=True, slots=True)
class Value:
    """A value to use as an operand where no step is worth it, with its unit and source."""

    result: Number
    unit: str
    source: str = ""

    def named(self, name: str) -> Operand:
        return Operand(name, self.result, self.unit, "", self.source)


Use: TypeAlias = tuple[str, Step | Value]


class Steps:
    """Steps in the making, each under a key so that nothing is told twice."""

    def __init__(self) -> None:
        self._steps: dict[Hashable, Step] = {}

    def ordered(self) -> tuple[tuple[Step, ...], dict[str, str]]:
        """All steps by stage, numbered anew, and their new ids by the old ones. No step uses one of a later stage."""
        steps = sorted(self._steps.values(), key=lambda step: STAGES.index(step.stage))
        ids = {"": ""} | {step.id: str(number) for number, step in enumerate(steps, start=1)}
        return tuple(
            replace(step, id=ids[step.id], operands=tuple(replace(one, step=ids[one.step]) for one in step.operands))
            for step in steps
        ), ids

    def known(self, key: Hashable) -> Step | None:
        return self._steps.get(key)

    def given(self, key: Hashable, stage: str, title: str, value: Value, *rests_on: Use) -> Step:
        """A value that is taken as it is."""
        return self._steps.get(key) or self._add(
            key, Step("", stage, title, "", (), value.result, value.unit, value.source), rests_on
        )

    def made(self, key: Hashable, stage: str, title: str, formula: str, *uses: Use, unit: str, source: str = "") -> Step:
        """A result; ``source`` is that of the formula."""
        if key in self._steps:
            return self._steps[key]
        values: dict[str, list[Number]] = {}
        for name, use in uses:
            values.setdefault(name, []).append(use.result)
        return self._add(key, Step("", stage, title, formula, (), evaluate(formula, values), unit, source), uses)

    def part(
        self,
        key: Hashable,
        stage: str,
        title: str,
        amount: int,
        *,
        total: Step | Value,
        weight: Step | Value,
        weights: Step | Value,
    ) -> Step:
        """A part of an apportionment by largest remainder: its quota rounded down, and a unit of what rounding left, or none.

        ``amount`` is what the allocation came to. That is the quota rounded down, or one more.
        """
        if key in self._steps:
            return self._steps[key]
        quota = evaluate(_QUOTA, {"total": [total.result], "weight": [weight.result], "weights": [weights.result]})
        unit = amount - quota
        assert unit in {0, 1}, f"{title}: {amount} is neither {quota}, the quota rounded down, nor one more"
        why = "its remainder is among the largest" if unit else "its remainder is not among the largest"
        uses = (("total", total), ("weight", weight), ("weights", weights), ("unit", Value(unit, total.unit, why)))
        return self.made(key, stage, title, f"{_QUOTA} + unit", *uses, unit=total.unit)

    def _add(self, key: Hashable, step: Step, uses: tuple[Use, ...]) -> Step:
        operands = tuple(use.named(name) for name, use in uses)
        made = replace(step, id=str(len(self._steps) + 1), operands=operands)
        return self._steps.setdefault(key, made)
