"""Energy, emissions, windows, and the exact conversions between what people write and what the ledger holds.

The ledger holds two integers: **millijoules** and **micrograms of CO2e**. Everything on the way to them is an exact rational
(``fractions.Fraction``); a float never takes part, because books that use floats cannot balance. Rounding happens once per
pool, half to even, and its result is what gets apportioned.

1 kWh = 3 600 000 000 mJ exactly (SI: 1 W h = 3600 J). A factor is an exact rational in micrograms per kWh.
A window is a half-open stretch of UTC time that divides the hour, so that an hourly factor covers it wholly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError

__all__ = [
    "INT64_MAX",
    "MICROGRAMS_PER_GRAM",
    "MILLIJOULES_PER_JOULE",
    "MILLIJOULES_PER_KWH",
    "WINDOW_SECONDS",
    "Emissions",
    "Energy",
    "Window",
    "accrued",
    "emissions_of",
    "format_emissions",
    "format_energy",
    "format_instant",
    "microseconds_of",
    "parse_instant",
    "parse_rational",
    "round_half_even",
]

MILLIJOULES_PER_JOULE: Final = 1_000
MILLIJOULES_PER_KWH: Final = 3_600_000_000
MICROGRAMS_PER_GRAM: Final = 1_000_000
INT64_MAX: Final = 2**63 - 1
WINDOW_SECONDS: Final = (300, 360, 600, 720, 900, 1200, 1800, 3600)
"""Window lengths allowed: 5 minutes to 1 hour, dividing the hour."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RATIONAL: Final = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?|[+-]?\d{1,30}/\d{1,30}")


@dataclass(frozen=True, slots=True, order=True)
class Energy:
    """An amount of energy in integer millijoules (unbounded)."""

    millijoules: int = 0

    def __add__(self, other: Energy) -> Energy:
        return Energy(self.millijoules + other.millijoules)

    def __sub__(self, other: Energy) -> Energy:
        return Energy(self.millijoules - other.millijoules)

    @property
    def kwh(self) -> Fraction:
        """Exact kilowatt hours."""
        return Fraction(self.millijoules, MILLIJOULES_PER_KWH)

    def __str__(self) -> str:
        return format_energy(self.millijoules)


@dataclass(frozen=True, slots=True, order=True)
class Emissions:
    """A mass of CO2 equivalent in integer micrograms (unbounded)."""

    micrograms: int = 0

    def __add__(self, other: Emissions) -> Emissions:
        return Emissions(self.micrograms + other.micrograms)

    def __sub__(self, other: Emissions) -> Emissions:
        return Emissions(self.micrograms - other.micrograms)

    @property
    def kilograms(self) -> Fraction:
        """Exact kilograms."""
        return Fraction(self.micrograms, MICROGRAMS_PER_GRAM * 1000)

    def __str__(self) -> str:
        return format_emissions(self.micrograms)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch ``[start, start + seconds)`` of UTC time, aligned to its own length."""

    start: datetime
    seconds: int = 3600

    def __post_init__(self) -> None:
        if self.seconds not in WINDOW_SECONDS:
            allowed = ", ".join(map(str, WINDOW_SECONDS))
            raise QuantityError(f"a window of {self.seconds} s is not allowed", advice=f"use one of {allowed} seconds")
        if self.start.utcoffset() != timedelta(0):
            raise QuantityError(f"window start {self.start!r} is not in UTC")
        if self.start_us % (self.seconds * 1_000_000):
            raise QuantityError(f"window start {format_instant(self.start)} is not a multiple of {self.seconds} s")

    @classmethod
    def at(cls, instant: datetime, seconds: int) -> Window:
        """The window of that length that holds ``instant``."""
        step = timedelta(seconds=seconds)
        return cls(_EPOCH + (instant.astimezone(UTC) - _EPOCH) // step * step, seconds)

    @classmethod
    def of_us(cls, start_us: int, seconds: int) -> Window:
        """The window that starts that many microseconds after 1970-01-01 UTC."""
        return cls(_EPOCH + timedelta(microseconds=start_us), seconds)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    @property
    def start_us(self) -> int:
        return microseconds_of(self.start)

    @property
    def end_us(self) -> int:
        return self.start_us + self.seconds * 1_000_000

    def __str__(self) -> str:
        return f"{format_instant(self.start)}/{self.seconds}s"


def microseconds_of(instant: datetime) -> int:
    """Since 1970-01-01 UTC (leap seconds do not exist in POSIX time), of an instant with an offset; what is finer is dropped."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def parse_rational(value: str | int | Fraction, *, what: str = "number") -> Fraction:
    """Read ``12``, ``"0.35"``, ``"1e-3"`` or ``"1/20"`` exactly.

    Raises:
        QuantityError: not a finite decimal, a ratio by zero, or a float (which would already have lost digits).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Fraction):
        raise QuantityError(f"{what} {value!r} is not an exact number", advice="write it in decimal digits, as 0.35")
    if isinstance(value, str) and not _RATIONAL.fullmatch(value.strip()):
        raise QuantityError(f"{what} {value!r} is not a number", advice="write it in decimal digits, as 0.35")
    try:
        return Fraction(value)
    except ZeroDivisionError:
        raise QuantityError(f"{what} {value!r} divides by zero", advice="write another denominator, as 1/6") from None


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or time with an offset (``Z`` or ``+01:00``; a bare date is midnight UTC) as UTC.

    Raises:
        QuantityError: unreadable, or a time of day without an offset: a guess would move it between windows.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise QuantityError(f"{text!r} is not a time", advice="write ISO 8601, as 2026-11-23T14:00:00Z") from None
    if instant.tzinfo is None:
        if len(text.strip()) > 10:
            raise QuantityError(f"time {text!r} has no UTC offset", advice=f"write {text.strip()}Z if UTC is meant")
        instant = instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise QuantityError(f"time {text!r} lies outside the years 1 to 9999 in UTC", advice="choose another year") from None


def format_instant(instant: datetime) -> str:
    """ISO 8601 in UTC with a final ``Z``, without needless fractions."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def round_half_even(value: Fraction) -> int:
    """The nearest integer, ties to even (ISO 80000-1, rule A), exactly."""
    return round(value)


def emissions_of(millijoules: int, micrograms_per_kwh: Fraction) -> int:
    """Micrograms of CO2e of an energy: activity data x emission factor (GHG Protocol Scope 2 Guidance, 6.8), rounded once."""
    return round_half_even(Fraction(millijoules, MILLIJOULES_PER_KWH) * micrograms_per_kwh)


def accrued(total: int, start_us: int, end_us: int, from_us: int, to_us: int) -> int:
    """The part of ``total`` that falls in ``[from_us, to_us)`` when it accrues evenly over ``[start_us, end_us)``.

    Cumulative floors, so that the parts of any partition of the whole span add up to ``total`` exactly; zero outside it.
    All times are microseconds since the epoch; ``end_us`` is after ``start_us``.
    """

    def until(instant_us: int) -> int:
        return total * (min(max(instant_us, start_us), end_us) - start_us) // (end_us - start_us)

    return until(to_us) - until(from_us)


def format_energy(millijoules: int) -> str:
    """For people: J, Wh, kWh, MWh or GWh with four significant digits."""
    steps = ((3_600_000_000_000_000, "GWh"), (3_600_000_000_000, "MWh"), (3_600_000_000, "kWh"), (3_600_000, "Wh"))
    for size, unit in steps:
        if abs(millijoules) >= size:
            return f"{_significant(Fraction(millijoules, size))} {unit}"
    return f"{_significant(Fraction(millijoules, 1000))} J"


def format_emissions(micrograms: int) -> str:
    """For people: µg, mg, g, kg, t or kt of CO2e with four significant digits."""
    steps = ((10**15, "kt"), (10**12, "t"), (10**9, "kg"), (10**6, "g"), (10**3, "mg"))
    for size, unit in steps:
        if abs(micrograms) >= size:
            return f"{_significant(Fraction(micrograms, size))} {unit}"
    return f"{micrograms} µg"


def _significant(value: Fraction) -> str:
    magnitude = abs(value)
    digits = 3 if magnitude < 10 else 2 if magnitude < 100 else 1 if magnitude < 1000 else 0
    scaled = round_half_even(value * 10**digits)
    sign, scaled = ("-", -scaled) if scaled < 0 else ("", scaled)
    whole, part = divmod(scaled, 10**digits)
    return f"{sign}{whole:,}.{part:0{digits}d}" if digits else f"{sign}{whole:,}"
