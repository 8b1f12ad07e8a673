"""The arithmetic of an explanation run again from its JSON alone: what an auditor's own program would do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

_FUNCTIONS = {
    "floor": math.floor,
    "round": round,
    "sum": lambda values: sum(_list(values)),
    "min": lambda *values: min(value for some in values for value in _list(some)),
    "max": lambda *values: max(value for some in values for value in _list(some)),
}


def check_steps(steps: list[dict[str, Any]]) -> dict[str, Fraction]:
    """Every step's result from its operands, in order; results by id."""
    known: dict[str, Fraction] = {}
    for step in steps:
        values: dict[str, Any] = {}
        for operand in step["operands"]:
            value = Fraction(operand["value"])
            if operand["step"]:
                assert value == known[operand["step"]], (step, operand)
            else:
                assert operand["source"], (step, operand)
            values.setdefault(operand["name"], []).append(value)
        if step["formula"]:
            assert Fraction(step["result"]) == _value(step["formula"], values), step
        else:
            assert step["source"], step
        assert step["id"] not in known
        known[step["id"]] = Fraction(step["result"])
    return known


def check_postings(window: Mapping[str, Any]) -> None:
    """Every posting's amounts are the results of the steps that it names; amounts of 0 name none."""
    known = check_steps(window["steps"])
    for posting in window["postings"]:
        for measure, amount in posting["amounts"].items():
            if int(amount):
                assert known[posting["steps"][measure]] == int(amount), (posting, measure)
            else:
                assert measure not in posting["steps"]


def _list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _value(formula: str, values: Mapping[str, list[Fraction]]) -> Fraction:
    inside_sums = {name for name in values if f"sum({name})" in formula}
    scope: dict[str, Any] = {name: found if name in inside_sums else found[0] for name, found in values.items()}
    for name, found in values.items():
        assert len(found) == 1 or name in inside_sums, (formula, name)
    exact = formula.replace("/", "* ONE /")
    return Fraction(eval(exact, {"__builtins__": {}}, {**_FUNCTIONS, **scope, "ONE": Fraction(1)}))
