"""A data set: named, typed columns and rows of exact values, before any format writes them.

CSV, TSV, JSON Lines, Parquet and Arrow are made from one data set, so that they hold the same table: the same columns in the same
order, with units in their names, and the same values.

======== ======================================= ============ ================================ ====================
kind     value                                   CSV, TSV     JSON Lines                       Arrow, Parquet
======== ======================================= ============ ================================ ====================
text     str                                     quoted       string                           string
instant  datetime with an offset                 ISO 8601, Z  string                           timestamp[us, UTC]
date     date                                    ISO 8601     string                           date32
count    int of 64 bits                          digits       number                           int64
amount   int of 128 bits                         digits       number                           decimal128(38, 0)
ratio    Decimal of at most 4 places             digits       number                           decimal128(38, 4)
mass     Decimal of at most 9 places, in kg      digits       number                           decimal128(38, 9)
double   Decimal                                 all digits   number, all digits               float64, the nearest
flag     bool                                    true, false  true, false                      bool
======== ======================================= ============ ================================ ====================

None is what is not known: empty, null. ``double`` is for tables whose published type is a double; nothing of our own is one.
``nested``: a dot in a name stands for a field within a record, where the format has records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from greencloud.errors import QuantityError

__all__ = ["Dataset", "Field", "Kind", "Value", "nested_record"]

Value = str | int | bool | Decimal | datetime | date | None


class Kind(StrEnum):
    TEXT = "text"
    INSTANT = "instant"
    DATE = "date"
    COUNT = "count"
    AMOUNT = "amount"
    RATIO = "ratio"
    MASS = "mass"
    DOUBLE = "double"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """A column. ``key`` is what it may be asked for by besides its name: the name without the unit."""

    name: str
    kind: Kind = Kind.TEXT
    key: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    fields: tuple[Field, ...]
    rows: tuple[tuple[Value, ...], ...]
    nested: bool = False

    def select(self, names: Iterable[str]) -> Dataset:
        """These columns in this order, each by its name or its key.

        Raises:
            QuantityError: there is no such column.
        """
        known = {field.key: index for index, field in enumerate(self.fields) if field.key}
        known |= {field.name: index for index, field in enumerate(self.fields)}
        wanted = list(names)
        for name in wanted:
            if name not in known:
                columns = ", ".join(field.key or field.name for field in self.fields)
                raise QuantityError(f"there is no column {name!r}", advice=f"columns: {columns}")
        places = [known[name] for name in wanted]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, fields=tuple(self.fields[place] for place in places), rows=rows)

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row by name, in the order of the columns; with records within it where the data set is nested."""
        names = [field.name for field in self.fields]
        for row in self.rows:
            flat = dict(zip(names, row, strict=True))
            yield nested_record(flat) if self.nested else flat


def nested_record(flat: dict[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``; the order is that of the first name of each record."""
    found: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        at = found
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return found
