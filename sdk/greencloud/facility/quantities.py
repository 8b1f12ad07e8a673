"""Quantities as people write them in a book, each with its unit, and the exact integers and rationals that the book holds.

A unit is part of the key (``g_per_kwh``, ``embodied_kg``) or of the text (``"16 GiB"``, ``"1h"``, ``"5 %"``): a number alone is
refused, because 0.35 kg and 0.35 g look alike. What is written as an integer (millijoules, micrograms) must be one exactly; what is
computed from two written figures, as a mass of gas and its potential, is rounded once.
"""

from __future__ import annotations

import re
from calendar import isleap
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.units import INT64_MAX, MILLIJOULES_PER_JOULE, MILLIJOULES_PER_KWH, WINDOW_SECONDS, parse_rational

__all__ = [
    "CERTIFICATE_UNITS",
    "EMBODIED_UNITS",
    "FACTOR_UNITS",
    "FUEL_UNITS",
    "GAS_UNITS",
    "MASS_UNITS",
    "METER_UNITS",
    "exact_integer",
    "exact_text",
    "life_in_days",
    "parse_bytes",
    "parse_fraction",
    "parse_number",
    "parse_window",
]

# Key name: how many of the book's unit (micrograms per kWh, micrograms, millijoules) one of it is.
FACTOR_UNITS: Final = {"g_per_kwh": 1_000_000, "kg_per_mwh": 1_000_000}
MASS_UNITS: Final = {"kg": 1_000_000_000}
GAS_UNITS: Final = {"gas_kg": 1}  # of the gas itself
FUEL_UNITS: Final = {"litres": 1, "m3": 1, "kwh": 1, "fuel_kg": 1}  # of the fuel, each with a factor of its own
EMBODIED_UNITS: Final = {"embodied_kg": 1_000_000_000}
CERTIFICATE_UNITS: Final = {"mwh": 1_000 * MILLIJOULES_PER_KWH}
METER_UNITS: Final = {"energy_kwh": MILLIJOULES_PER_KWH, "energy_j": MILLIJOULES_PER_JOULE}

_BYTES: Final = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_MOST_DIGITS: Final = 60  # twice what is read, for products
_AMOUNT: Final = re.compile(r"\s*([0-9./eE+-]+)\s*([A-Za-z]*)\s*")


def parse_number(value: object, *, what: str) -> Fraction:
    """A TOML integer or decimal, or the text of a CSV cell, exactly.

    Raises:
        QuantityError: not a finite number.
    """
    if isinstance(value, Decimal):
        value = str(value)
    if isinstance(value, str | int | Fraction):
        return parse_rational(value, what=what)
    raise QuantityError(f"{what} {value!r} is not a number", advice="write it in decimal digits, as 0.35")


def parse_fraction(value: object, *, what: str) -> Fraction:
    """``0.05`` or ``"5 %"``, exactly.

    Raises:
        QuantityError: not a finite number.
    """
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return parse_number(value.rstrip()[:-1], what=what) / 100
    return parse_number(value, what=what)


def exact_text(value: Fraction) -> str:
    """The number in decimal digits where they end, else as a ratio; nothing is rounded."""
    digits, scaled = 0, value
    while scaled.denominator != 1 and digits < _MOST_DIGITS:
        digits, scaled = digits + 1, scaled * 10
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    whole, part = divmod(abs(scaled.numerator), 10**digits)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def exact_integer(value: Fraction, *, what: str, unit: str) -> int:
    """The integer that the value is, within int64.

    Raises:
        QuantityError: it has a fraction, or does not fit.
    """
    if value.denominator != 1:
        raise QuantityError(f"{what} is not a whole number of {unit}", advice=f"round it, so that no fraction of {unit} is left")
    if not -INT64_MAX <= value.numerator <= INT64_MAX:
        raise QuantityError(f"{what} is too large for the ledger", advice=f"at most {INT64_MAX} {unit} fit in one entry")
    return value.numerator


def parse_bytes(text: object, *, what: str) -> int:
    """``"16 GiB"`` or ``"3.84 TB"`` as bytes.

    Raises:
        QuantityError: no unit, or not one of bytes.
    """
    amount, unit = _split(text)
    written = f"{what} {text!r}" if isinstance(text, str) else f"{what} {text}"
    if unit not in _BYTES:
        said = f"has the unit {unit!r}, which is not one of bytes" if unit else "has no unit"
        raise QuantityError(f"{written} {said}", advice=f'write "16 GiB"; units are {", ".join(_BYTES)}')
    size = parse_rational(amount, what=what) * _BYTES[unit]
    if size < 0:
        raise QuantityError(f"{written} is negative", advice='write "16 GiB"')
    return exact_integer(size, what=written, unit="bytes")


def parse_window(text: object) -> int:
    """``"1h"``, ``"5min"`` or ``"900s"`` as seconds.

    Raises:
        QuantityError: no unit, or not a length that windows may have.
    """
    amount, unit = _split(text)
    if unit not in _SECONDS:
        raise QuantityError(f"window {text!r} has no unit of time", advice='write "1h", "15min" or "900s"')
    seconds = parse_rational(amount, what="window") * _SECONDS[unit]
    if seconds not in WINDOW_SECONDS:
        allowed = ", ".join(f'"{s // 60}min"' for s in WINDOW_SECONDS[:-1])
        raise QuantityError(f"a window of {text!r} is not allowed", advice=f'use {allowed} or "1h", which divide the hour')
    return int(seconds)


def life_in_days(in_service: date, years: int) -> int:
    """Days from the day of entry to its anniversary; one that falls on no day (29 February) is the day after the 28th.

    Raises:
        QuantityError: the anniversary is after the year 9999.
    """
    year = in_service.year + years
    try:
        if (in_service.month, in_service.day) == (2, 29) and not isleap(year):
            return (date(year, 3, 1) - in_service).days
        return (in_service.replace(year=year) - in_service).days
    except ValueError:
        raise QuantityError(f"a life of {years} years is too long", advice="write the life in whole years, as 4") from None


def _split(text: object) -> tuple[str, str]:
    found = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    return (found[1], found[2]) if found else (str(text), "")
