"""Quantities are exact: nothing is lost between what people write, what the ledger holds and what is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.units import (
    INT64_MAX,
    MILLIJOULES_PER_KWH,
    WINDOW_SECONDS,
    Emissions,
    Energy,
    Window,
    accrued,
    emissions_of,
    format_emissions,
    format_energy,
    format_instant,
    parse_instant,
    parse_rational,
    round_half_even,
)

instants = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
rationals = st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**12)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**15), max_value=10**15))
def test_a_decimal_is_read_exactly(value: Decimal) -> None:
    assert parse_rational(f"{value:f}") == Fraction(value)


@given(rationals)
def test_a_ratio_is_read_exactly(value: Fraction) -> None:
    assert parse_rational(f"{value.numerator}/{value.denominator}") == parse_rational(value) == value


@pytest.mark.parametrize(
    "value", [0.1, float("nan"), True, None, "", "nan", "inf", "1,5", "0x10", "1_000", "1 000", "1e999", "--1", "1/0"]
)
def test_what_is_not_an_exact_number_is_refused(value: Any) -> None:
    with pytest.raises(QuantityError):
        parse_rational(value)


@given(instants)
def test_an_instant_survives_writing_and_reading(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant


@given(instants, offsets)
def test_an_instant_is_the_same_in_every_offset(instant: datetime, offset: timezone) -> None:
    found = parse_instant(instant.astimezone(offset).isoformat())
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_a_time_of_day_needs_an_offset_and_a_date_does_not() -> None:
    assert parse_instant("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)
    with pytest.raises(QuantityError, match="no UTC offset") as refused:
        parse_instant("2026-11-23T14:00:00")
    assert "2026-11-23T14:00:00Z" in refused.value.advice
    with pytest.raises(QuantityError, match="not a time"):
        parse_instant("tomorrow")


@given(instants, st.sampled_from(WINDOW_SECONDS))
def test_every_instant_is_in_one_window_of_each_length(instant: datetime, seconds: int) -> None:
    window = Window.at(instant, seconds)
    assert window.start <= instant < window.end
    assert Window.at(window.end, seconds).start == window.end
    assert (window.end_us - window.start_us) == seconds * 1_000_000
    hour = Window.at(instant, 3600)
    assert hour.start <= window.start
    assert window.end <= hour.end


@pytest.mark.parametrize("seconds", [0, 1, 60, 420, 7200, -3600])
def test_only_lengths_that_divide_the_hour_are_windows(seconds: int) -> None:
    with pytest.raises(QuantityError, match="not allowed"):
        Window(datetime(2026, 1, 1, tzinfo=UTC), seconds)


@pytest.mark.parametrize(
    "start",
    [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 1, 1, 0, 1, tzinfo=UTC)],  # noqa: DTZ001 - refused for it
)
def test_windows_start_in_utc_on_a_multiple_of_their_length(start: datetime) -> None:
    with pytest.raises(QuantityError, match=r"not in UTC|not a multiple"):
        Window(start, 3600)


@given(
    st.integers(0, INT64_MAX),
    st.integers(-(10**15), 10**15),
    st.integers(1, 10**14),
    st.lists(st.integers(-(10**15), 10**15 + 10**14), max_size=10),
)
def test_accrued_parts_of_any_partition_add_up_to_the_total(total: int, start: int, length: int, cuts: list[int]) -> None:
    end = start + length
    edges = sorted([min(start, *cuts, start), *cuts, max(end, *cuts, end)])
    parts = [accrued(total, start, end, low, high) for low, high in pairwise(edges)]
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)


@given(st.integers(0, INT64_MAX), st.integers(0, 10**6), st.integers(1, 10**6))
def test_nothing_accrues_outside_the_span(total: int, start: int, length: int) -> None:
    assert accrued(total, start, start + length, start - 10, start) == 0
    assert accrued(total, start, start + length, start + length, start + length + 10) == 0


@given(st.integers(0, 10**18), st.fractions(0, 10**9, max_denominator=1000))
def test_emissions_are_rounded_once_and_to_the_nearest(millijoules: int, factor: Fraction) -> None:
    exact = Fraction(millijoules, MILLIJOULES_PER_KWH) * factor
    assert abs(emissions_of(millijoules, factor) - exact) <= Fraction(1, 2)


def test_ties_go_to_even() -> None:
    assert [round_half_even(Fraction(half, 2)) for half in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]
    assert emissions_of(MILLIJOULES_PER_KWH, Fraction(350_000_000)) == 350_000_000


@given(st.integers(), st.integers())
def test_amounts_add_as_integers_do(one: int, other: int) -> None:
    assert (Energy(one) + Energy(other)) - Energy(other) == Energy(one)
    assert (Emissions(one) + Emissions(other)) - Emissions(other) == Emissions(one)
    assert Energy(one).kwh * MILLIJOULES_PER_KWH == one
    assert Emissions(one).kilograms * 10**9 == one


_SIZES = {"J": 1000, "Wh": 3_600_000, "kWh": 3_600_000_000, "MWh": 3_600 * 10**9, "GWh": 3_600 * 10**12}
_MASSES = {"µg": 1, "mg": 10**3, "g": 10**6, "kg": 10**9, "t": 10**12, "kt": 10**15}


@given(st.integers(-(10**20), 10**20))
def test_what_is_shown_is_within_a_two_thousandth_of_the_amount(amount: int) -> None:
    for text, sizes in ((format_energy(amount), _SIZES), (format_emissions(amount), _MASSES)):
        digits, unit = text.split(" ")
        shown = Fraction(digits.replace(",", "")) * sizes[unit]
        least = Fraction(sizes[unit], 2000) if unit in {"J", "µg"} else 0
        assert abs(shown - amount) <= max(Fraction(abs(amount), 2000), least)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (format_energy(0), "0.000 J"),
        (format_energy(1_500), "1.500 J"),
        (format_energy(3_600_000_000), "1.000 kWh"),
        (format_energy(-5_400_000_000), "-1.500 kWh"),
        (format_emissions(999), "999 µg"),
        (format_emissions(1_234_567_890_123), "1.235 t"),
        (format_emissions(12_345_000_000_000_000_000), "12,345 kt"),
    ],
)
def test_amounts_are_shown_in_the_unit_that_fits(shown: str, text: str) -> None:
    assert shown == text
