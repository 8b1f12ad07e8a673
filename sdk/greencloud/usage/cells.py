"""Columns as they come (Arrow of any width, text, Python values) as the columns that the schema asks for, cell by checked cell.

A column that is right already passes at the speed of Arrow. Any other is read value by value, so that what cannot be read is
refused with its row. Nothing is coerced that would lose or invent: no float, no null, no sign, no time outside UTC.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import QuantityError, UsageDataError
from greencloud.units import INT64_MAX, microseconds_of, parse_instant

__all__ = ["UTC_US", "Column", "first_row", "instants", "integers", "labels", "texts"]

Column: TypeAlias = pa.ChunkedArray | Sequence[object]

UTC_US: Final = pa.timestamp("us", tz="UTC")
_UTC_NAMES: Final = frozenset({"UTC", "Etc/UTC", "Z", "+00:00"})


def integers(column: Column, name: str, *, path: str = "", nullable: bool = False) -> pa.ChunkedArray:
    """Non-negative int64."""
    if isinstance(column, pa.ChunkedArray) and pa.types.is_signed_integer(column.type) and (nullable or not column.null_count):
        least = pc.min(column).as_py()
        if least is None or least >= 0:
            return column.cast(pa.int64())

    def read(value: object) -> int | None:
        return None if nullable and value is None else _integer(value)

    return _array(_each(column, name, read, path), pa.int64())


def texts(column: Column, name: str, *, path: str = "") -> pa.ChunkedArray:
    """UTF-8 strings without nulls."""
    if isinstance(column, pa.ChunkedArray) and not column.null_count and _is_text(column.type):
        return column.cast(pa.string())
    return _array(_each(column, name, _text, path), pa.string())


def labels(column: Column, name: str, *, path: str = "") -> pa.ChunkedArray:
    """Canonical JSON objects of strings, keys sorted, from maps, dictionaries or JSON text."""
    known: dict[str, str] = {}  # few combinations of labels make many rows

    def read(value: object) -> str:
        if not isinstance(value, str):
            return _canonical(_pairs(value))
        if value not in known:
            known[value] = _canonical(_parsed(value))
        return known[value]

    return _array(_each(column, name, read, path), pa.string())


def instants(column: Column, name: str, *, path: str = "") -> pa.ChunkedArray:
    """Microseconds UTC, from timestamps or datetimes in UTC or from ISO 8601 text."""
    if isinstance(column, pa.ChunkedArray) and pa.types.is_timestamp(column.type):
        if column.type.tz not in _UTC_NAMES:
            zone = f"in zone {column.type.tz}" if column.type.tz else "without a zone"
            raise UsageDataError(f"{name} is a time {zone}", path=path, advice='cast the column to timestamp("us", tz="UTC")')
        if column.null_count:
            row = first_row(pc.is_null(column))
            raise UsageDataError(f"{name} is null", path=path, row=row, advice=_advice(name))
        try:
            return column.cast(UTC_US)
        except pa.ArrowInvalid as error:
            advice = "windows begin on whole seconds"
            raise UsageDataError(f"{name} is finer than a microsecond, or out of range", path=path, advice=advice) from error
    known: dict[str, int] = {}

    def read(value: object) -> int:
        if not isinstance(value, str):
            return _microseconds(value)  # not cached: datetimes of two zones may be equal
        if value not in known:
            known[value] = _microseconds(value)
        return known[value]

    return _array(_each(column, name, read, path), pa.int64()).cast(UTC_US)


def first_row(mask: pa.ChunkedArray) -> int:
    """The first row where the mask is true; -1 where none is."""
    return int(pc.index(pc.fill_null(mask, fill_value=False), pa.scalar(value=True)).as_py())


def _each(column: Column, name: str, read: Callable[[Any], Any], path: str) -> list[Any]:
    values: Iterable[object] = column.to_pylist() if isinstance(column, pa.ChunkedArray) else column
    made = []
    for row, value in enumerate(values):
        try:
            made.append(read(value))
        except QuantityError as error:
            raise UsageDataError(f"{name} {error.message}", path=path, row=row, advice=error.advice or _advice(name)) from error
    return made


def _advice(name: str) -> str:
    return f"write {name} in every row, or leave the column out if it is optional"


def _array(values: list[Any], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)], kind)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _integer(value: object) -> int:
    if value is None or value == "":
        raise QuantityError("is null")
    if isinstance(value, bool):
        raise QuantityError(f"is {value!r}, not an integer", advice="write a whole number")
    if isinstance(value, float):
        kind = "not a number" if value != value else f"the float {value!r}"  # noqa: PLR0124 - NaN alone differs from itself
        raise QuantityError(f"is {kind}", advice="write whole numbers in an integer column: a float has lost digits already")
    try:
        if isinstance(value, str):
            number = int(value) if value.isascii() and value.lstrip("+-").isdigit() else operator.index(value)  # type: ignore[arg-type]
        elif isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
            number = int(value)
        else:
            number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise QuantityError(f"is {value!r}, not an integer", advice="write a whole number") from None
    if number < 0:
        raise QuantityError(f"is negative ({number})", advice="usage is zero or more; correct the row at its source")
    if number > INT64_MAX:
        raise QuantityError(
            f"is {number}, which does not fit in int64", advice="check the unit, or write more rows of shorter windows"
        )
    return number


def _text(value: object) -> str:
    if value is None:
        raise QuantityError("is null", advice="write an empty text where it is not known")
    if not isinstance(value, str):
        raise QuantityError(f"is {value!r}, not text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise QuantityError(f"is {value!r}, which is not UTF-8") from None
    return value


def _microseconds(value: object) -> int:
    if value is None or value == "":
        raise QuantityError("is null")
    if isinstance(value, str):
        if not value.strip().endswith(("Z", "z", "+00:00")) and len(value.strip()) > 10:
            raise QuantityError(f"is {value!r}, which is not in UTC", advice="write it in UTC, as 2026-11-23T14:00:00Z")
        value = parse_instant(value)
    if not isinstance(value, datetime):
        raise QuantityError(f"is {value!r}, not a time", advice="write it in UTC, as 2026-11-23T14:00:00Z")
    if value.utcoffset() != timedelta(0):
        raise QuantityError(f"is {value.isoformat()}, which is not in UTC", advice="convert it to UTC")
    return microseconds_of(value)


def _parsed(text: str) -> tuple[tuple[str, object], ...]:
    try:
        found = json.loads(text or "{}", object_pairs_hook=tuple)
    except (json.JSONDecodeError, RecursionError) as error:
        raise QuantityError(f"is not JSON: {error}", advice='write an object of texts, as {"team": "search"}') from error
    if not isinstance(found, tuple):
        raise QuantityError("is not a JSON object", advice='write an object of texts, as {"team": "search"}')
    return found


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return [pair for pair in value.items() if pair[1] is not None]  # a struct has every key in every row
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        return value
    raise QuantityError(f"is {value!r}, not a map", advice='write an object of texts, as {"team": "search"}')


def _canonical(pairs: Iterable[Any]) -> str:
    found: dict[str, str] = {}
    for key, value in pairs:
        if not isinstance(key, str) or not isinstance(value, str):
            raise QuantityError(f"has the value {value!r} for {key!r}", advice="labels are texts: put the value in quotes")
        if key in found:
            raise QuantityError(f"has the key {key!r} twice", advice="keep one of them")
        found[key] = value
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
