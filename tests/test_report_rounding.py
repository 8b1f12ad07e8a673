"""Printed parts add up to their printed total, and each is as near to its amount as that allows."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.report.rounding import decimal_units, rounded_parts, rounded_total

AMOUNTS = st.lists(st.integers(-(10**24), 10**24), max_size=20)
UNITS = st.sampled_from([1, 2, 3, 10, 10**9, 10**12])


@given(AMOUNTS, UNITS)
def test_parts_add_up_to_the_total_and_none_is_off_by_a_unit(amounts: list[int], unit: int) -> None:
    parts = rounded_parts(amounts, unit)

    assert sum(parts) == rounded_total(amounts, unit)
    assert abs(Fraction(sum(amounts), unit) - sum(parts)) <= Fraction(1, 2)
    for part, amount in zip(parts, amounts, strict=True):
        assert abs(part - Fraction(amount, unit)) < 1
        assert part * amount >= 0
        if amount % unit == 0:
            assert part == amount // unit


@given(st.lists(st.lists(st.integers(0, 10**15), min_size=1, max_size=6), min_size=1, max_size=6), UNITS)
def test_a_tree_adds_up_on_every_level(groups: list[list[int]], unit: int) -> None:
    tops = rounded_parts([sum(group) for group in groups], unit)
    leaves = [rounded_parts(group, unit, top) for group, top in zip(groups, tops, strict=True)]

    assert [sum(group) for group in leaves] == tops
    assert sum(map(sum, leaves)) == rounded_total([amount for group in groups for amount in group], unit)


@given(AMOUNTS, UNITS)
def test_who_lost_most_gets_the_unit(amounts: list[int], unit: int) -> None:
    parts = rounded_parts(amounts, unit)
    rests = [(amount % unit, part > amount // unit) for amount, part in zip(amounts, parts, strict=True) if amount % unit]
    assert min((rest for rest, up in rests if up), default=unit) >= max((rest for rest, up in rests if not up), default=0)


def test_thirds_of_a_hundred_percent() -> None:
    assert rounded_parts([1, 1, 1], 3) == [1, 0, 0]
    assert rounded_parts([333, 333, 334], 10) == [33, 33, 34]
    assert rounded_parts([333, 333, 333], 10) == [34, 33, 33]
    assert rounded_parts([], 10) == []


def test_a_total_that_is_none_is_refused() -> None:
    with pytest.raises(QuantityError):
        rounded_parts([10, 10], 10, 3)


def test_units_as_decimals_keep_their_places() -> None:
    assert str(decimal_units(1200, 3)) == "1.200"
    assert decimal_units(-5, 3) == Decimal("-0.005")
