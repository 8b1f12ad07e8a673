"""What the cells of an inventory file say: scope, category, amount and source, each from its text.

The amount's unit is the name of its column, ``kg_co2e`` or ``t_co2e``, so that no amount is ever without one. Amounts are exact
decimals, down to the microgram. Every function raises GoalError with the column as ``key``, and what to do.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from greencloud.errors import GoalError, QuantityError
from greencloud.inventory.checks import check_amount, check_category, check_scope
from greencloud.units import Emissions, parse_rational, round_half_even

__all__ = ["AMOUNT_UNITS", "parse_amount", "parse_category", "parse_number", "parse_scope", "parse_source"]

AMOUNT_UNITS: Final = {"kg_co2e": 10**9, "t_co2e": 10**12}
"""Columns of amounts, and the micrograms in one of each."""
_WITH_UNIT: Final = re.compile(r"[-+0-9., ]+([A-Za-z][A-Za-z0-9 ]*)")


def parse_scope(text: str) -> str:
    return check_scope(text)


def parse_category(text: str, scope: str) -> int | None:
    """1 to 15; None where it is empty."""
    if not text:
        return None
    if scope != "scope3":
        raise GoalError(f"{scope} has no categories, but the line says {text[:32]!r}", key="category", advice="leave it empty")
    if not re.fullmatch("[1-9][0-9]?", text):
        message = f"Scope 3 has no category {text[:32]!r}"
        raise GoalError(message, key="category", advice="use 1 to 15, or leave it empty for the whole")
    check_category(int(text), scope)
    return int(text)


def parse_amount(text: str, column: str, *, rounded: bool = False) -> Emissions:
    """The amount in a column of ``AMOUNT_UNITS``; ``rounded``: what is finer than a microgram is, half to even."""
    if not text:
        advice = "leave out the line of what is not known; write 0 if it is nothing"
        raise GoalError("the amount is empty", key=column, advice=advice)
    micrograms = parse_number(text, column) * AMOUNT_UNITS[column]
    if micrograms < 0:
        advice = "book gross emissions only: removals and credits never reduce an inventory; they are instruments"
        raise GoalError(f"the amount {text} is negative", key=column, advice=advice)
    if micrograms.denominator != 1 and not rounded:
        raise GoalError(f"the amount {text} is finer than a microgram", key=column, advice="round it to whole micrograms")
    emissions = Emissions(round_half_even(micrograms))
    check_amount(emissions, key=column)
    return emissions


def parse_number(text: str, column: str) -> Fraction:
    """An exact number; one with a unit is told where that belongs."""
    try:
        return parse_rational(text, what="amount" if column in AMOUNT_UNITS else column)
    except QuantityError as error:
        unit = _WITH_UNIT.fullmatch(text[:80])
        if unit and column in AMOUNT_UNITS:
            message = f"the amount {text[:80]!r} has a unit, but the column is in {column.partition('_')[0]} CO2e"
            advice = "write the number alone; energy and other activity data go into activity_amount and activity_unit"
            raise GoalError(message, key=column, advice=advice) from error
        advice = "write decimals with a point and no signs between thousands" if "," in text or " " in text else error.advice
        raise GoalError(error.message, key=column, advice=advice) from error


def parse_source(text: str) -> str:
    if not text:
        raise GoalError("the amount has no source", key="source", advice="name the report, model or invoice that it comes from")
    return text
