"""One table of the TOML file, or one row of a CSV file, with its place: what is read from it is checked as it is taken.

An ``Entry`` gives out typed values by key and raises ``FacilityError`` with the file, the line, the key and a remedy. It knows
nothing of what the values mean; the readers of ``greencloud.facility.records`` do.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction

from greencloud.errors import FacilityError, QuantityError
from greencloud.facility.quantities import exact_integer, exact_text, parse_bytes, parse_fraction, parse_number
from greencloud.units import parse_instant

__all__ = ["Entry", "did_you_mean"]

_DATE_LENGTH = 10
_MAX_UNCERTAINTY = 2  # of the value: beyond that, the figure says nothing


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A question that names the nearest known word, else ``otherwise``."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {str(near[0])!r}?" if near else otherwise


@dataclass(frozen=True, slots=True)
class Entry:
    section: str
    values: Mapping[str, object]
    path: str
    line: int
    lines: Mapping[str, int]

    def error(self, key: str, message: str, advice: str) -> FacilityError:
        """An error at that key of this entry."""
        where = f"{self.section}.{key}" if key else self.section
        return FacilityError(message, path=self.path, line=self.lines.get(key, self.line), key=where, advice=advice)

    def check_keys(self, known: Collection[str], units: Collection[str] = ()) -> None:
        """Refuse keys that mean nothing here: a typo must not become a default."""
        for key in self.values:
            if key not in known:
                listed = f"keys here are {', '.join(known)}"
                if units and not any(unit in self.values for unit in units):
                    listed = f"the unit must be in the name: write {' or '.join(units)}"
                raise self.error(
                    key,
                    f"unknown key {key!r} in {self.section}",
                    did_you_mean(key, [name for name in known if name not in units], listed),
                )

    def has(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if value is None:
            raise self.error(key, f"{self.section} needs {key!r}", f"add {key} = ...")
        if not isinstance(value, str):
            raise self.error(key, f"{key} is {value!r}, not text", f'write {key} = "..."')
        value = " ".join(value.split())  # a source may be written over several lines
        if key in self.values and not value:
            raise self.error(key, f"{key} is empty", f"write a value, or leave {key} out if it is optional")
        if not value.isprintable():
            raise self.error(key, f"{key} has control characters", "write it without them")
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            listed = f"{key} is one of {', '.join(choices)}"
            raise self.error(key, f"{key} {value!r} is not known", did_you_mean(value, choices, listed))
        return value

    def reference(self, key: str, known: Collection[str], table: str, default: str | None = None) -> str:
        """The id of something that another table of the book declares."""
        value = self.text(key, default)
        if value and value not in known:
            listed = f"add a [[{table}]] entry for it, or name one that is there"
            advice = did_you_mean(value, known, "")
            advice = f"{advice} Otherwise {listed}" if advice else listed
            raise self.error(key, f"{key} {value!r} is not in {table}", advice)
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if isinstance(value, str) and value in {"true", "false"}:
            return value == "true"
        if not isinstance(value, bool):
            raise self.error(key, f"{key} is {value!r}, not true or false", f"write {key} = true or {key} = false")
        return value

    def number(
        self,
        key: str,
        default: Fraction | None = None,
        *,
        above: int | None = None,
        parse: Callable[..., Fraction] = parse_number,
    ) -> Fraction:
        """An exact number, zero or more (or more than ``above``)."""
        if key not in self.values and default is not None:
            return default
        if key not in self.values:
            raise self.error(key, f"{self.section} needs {key!r}", f"add {key} = ...")
        try:
            value = parse(self.values[key], what=key)
        except QuantityError as error:
            raise self.error(key, error.message, error.advice) from error
        if value < 0:
            raise self.error(key, f"{key} is negative", f"write {key} as zero or more")
        if above is not None and value <= above:
            raise self.error(key, f"{key} is not above {above}", f"write {key} as more than {above}")
        return value

    def fraction(self, key: str, *, above: int | None = None, most: int = 1) -> Fraction:
        """A fraction, as 0.05 or "5 %", up to ``most``; a percentage without its sign is refused."""
        value = self.number(key, above=above, parse=parse_fraction)
        if value > most:
            advice = f'write a fraction; a percentage as {key} = {exact_text(value / 100)} or "{exact_text(value)} %"'
            if str(self.values[key]).rstrip().endswith("%"):
                advice = f"write at most {most * 100} %"
            raise self.error(key, f"{key} {self.values[key]} is above {most}", advice)
        return value

    def uncertainty(self, key: str = "uncertainty") -> Fraction | None:
        """The half-width of the 95 % interval relative to the value; None where it is not given."""
        return self.fraction(key, most=_MAX_UNCERTAINTY) if self.has(key) else None

    def whole(self, key: str, default: int | None = None, *, above: int | None = None) -> int:
        value = self.number(key, None if default is None else Fraction(default), above=above)
        if value.denominator != 1:
            raise self.error(key, f"{key} = {self.values[key]} is not a whole number", "round it to a whole number")
        return self.integer(key, value, "units")

    def integer(self, key: str, value: Fraction, unit: str) -> int:
        try:
            return exact_integer(value, what=f"{key} = {self.values.get(key)}", unit=unit)
        except QuantityError as error:
            raise self.error(key, error.message, error.advice) from error

    def in_unit(self, units: Mapping[str, int], what: str) -> tuple[str, Fraction]:
        """The key that carries the quantity, and the quantity in the book's unit."""
        found = [key for key in units if key in self.values]
        if not found:
            raise self.error("", f"{self.section} has no {what}", f"the unit must be in the name: write {' or '.join(units)}")
        if len(found) > 1:
            raise self.error(found[1], f"{self.section} gives {what} twice, as {' and '.join(found)}", "keep one of them")
        return found[0], self.number(found[0]) * units[found[0]]

    def size(self, key: str, default: int | None = None) -> int:
        """Bytes, from ``memory = "16 GiB"``."""
        if key not in self.values and default is not None:
            return default
        if key not in self.values:
            raise self.error(key, f"{self.section} needs {key!r}", f'add {key} = "16 GiB"')
        try:
            return parse_bytes(self.values[key], what=key)
        except QuantityError as error:
            raise self.error(key, error.message, error.advice) from error

    def instant(self, key: str, default: datetime | None = None) -> datetime:
        """UTC. A TOML or ISO time with an offset, or a date, which is midnight UTC."""
        value = self.values.get(key, default)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self.error(key, f"{key} {value.isoformat()} has no UTC offset", f"write {value.isoformat()}Z if UTC is meant")
            return value.astimezone(UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(value, str):
            raise self.error(key, f"{self.section} needs {key!r} as a time", f"add {key} = 2026-01-01T00:00:00Z")
        try:
            return parse_instant(value)
        except QuantityError as error:
            raise self.error(key, f"{key}: {error.message}", error.advice) from error

    def period(self, default_end: datetime | None = None) -> tuple[datetime, datetime]:
        start, end = self.instant("start"), self.instant("end", default_end)
        if end <= start:
            raise self.error(
                "end", "end is not after start", "write the first instant that no longer counts; periods are [start, end)"
            )
        return start, end

    def day(self, key: str) -> date:
        value = self.values.get(key)
        if isinstance(value, str) and len(value.strip()) == _DATE_LENGTH:
            try:
                return date.fromisoformat(value.strip())
            except ValueError:
                pass  # said below, with the remedy
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise self.error(key, f"{self.section} needs {key!r} as a date", f"write {key} = 2026-01-01")

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts; in a CSV cell, words with blanks between."""
        value = self.values.get(key, ())
        items = value.split() if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
            raise self.error(key, f"{key} is {value!r}, not a list of texts", f'write {key} = ["...", "..."]')
        return tuple(items)
