"""Amounts as text: exact decimals for programs, and columns of one common unit for people.

A kilogram of CO2e is 10^9 micrograms, so ``kg`` decimals are exact. A kilowatt hour is 3.6 * 10^9 millijoules, so most have no
finite decimal: ``kwh`` decimals are rounded half to even at the ninth place, and the millijoules beside them are exact.

A column of a table has one unit, chosen by its largest figure, so that its rows can be compared at a glance. ``0`` is exactly
nothing; what is not nothing but too small for the unit shows as ``<0.001``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from greencloud.units import MILLIJOULES_PER_KWH, round_half_even

__all__ = [
    "EMISSION_UNITS",
    "ENERGY_UNITS",
    "Scale",
    "exact_decimal",
    "kg_decimal",
    "kwh_decimal",
    "percent",
    "scale_for",
    "scale_in",
]

_NANO: Final = 10**9

EMISSION_UNITS: Final = (("µg", 1), ("mg", 10**3), ("g", 10**6), ("kg", 10**9), ("t", 10**12), ("kt", 10**15))
"""Units of CO2e, in micrograms."""

ENERGY_UNITS: Final = (
    ("J", 10**3),
    ("Wh", 3_600_000),
    ("kWh", 3_600_000_000),
    ("MWh", 3_600_000_000_000),
    ("GWh", 3_600_000_000_000_000),
)
"""Units of energy, in millijoules."""


def kg_decimal(micrograms: int) -> str:
    """Kilograms, exactly, with nine places: ``0.000000001`` is a microgram."""
    return _decimal(micrograms, 9)


def kwh_decimal(millijoules: int) -> str:
    """Kilowatt hours with nine places, rounded half to even."""
    return _decimal(round_half_even(Fraction(millijoules * _NANO, MILLIJOULES_PER_KWH)), 9)


def exact_decimal(number: Fraction) -> str:
    """As a decimal where it has one, else as a fraction: exact either way."""
    rest, places = number.denominator, 0
    while rest % 10 == 0 or rest % 2 == 0 or rest % 5 == 0:
        rest //= 10 if rest % 10 == 0 else 2 if rest % 2 == 0 else 5
        places += 1
    if rest != 1:
        return str(number)
    digits = f"{abs(number.numerator) * 10**places // number.denominator:0{places + 1}d}"
    text = f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".") if places else digits
    return f"-{text}" if number < 0 else text


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit and the number of places of one column."""

    unit: str
    size: int
    places: int

    def show(self, amount: int | Fraction) -> str:
        if amount == 0:
            return "0"
        scaled = round_half_even(Fraction(amount * 10**self.places, self.size))
        if scaled == 0:
            return ("-" if amount < 0 else "") + "<" + _decimal(1, self.places)
        return _decimal(scaled, self.places, group=True)


def scale_for(amounts: Iterable[int], units: tuple[tuple[str, int], ...]) -> Scale:
    """The largest unit in which the largest amount is at least one, and places for four digits of it or more."""
    largest = max((abs(amount) for amount in amounts), default=0)
    unit, size = units[0]
    for name, candidate in units:
        if largest >= candidate:
            unit, size = name, candidate
    whole = largest // size
    places = 0 if size == 1 else 3 if whole < 100 else 2 if whole < 1000 else 1
    return Scale(unit, size, places)


def percent(old: int, new: int, places: int = 4) -> str | None:
    """The signed difference in percent of the old amount, rounded half to even; None where that is zero."""
    if not old:
        return None
    scaled = round_half_even(Fraction((new - old) * 100 * 10**places, abs(old)))
    sign = "-" if scaled < 0 else "+" if scaled else ""
    whole, part = divmod(abs(scaled), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def scale_in(unit: str, units: tuple[tuple[str, int], ...]) -> Scale:
    """The column in a unit that is asked for, with three places, whatever its figures are; none where it is the smallest unit.

    Raises:
        KeyError: it is not one of ``units``.
    """
    size = dict(units)[unit]
    return Scale(unit, size, 0 if size == 1 else 3)


def _decimal(scaled: int, places: int, *, group: bool = False) -> str:
    sign, scaled = ("-", -scaled) if scaled < 0 else ("", scaled)
    whole, part = divmod(scaled, 10**places)
    digits = f"{whole:,}" if group else str(whole)
    return f"{sign}{digits}.{part:0{places}d}" if places else sign + digits
