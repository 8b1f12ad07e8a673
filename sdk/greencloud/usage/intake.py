"""The way in for usage: any table or rows of Python values, checked and brought into canonical form.

``window_start``, ``window_s``, ``site`` and ``account`` must be there, and at least one measure; other columns have defaults. A row
of usage may cover any divisor of the hour (agents report minutes); ``rebin`` brings it to the windows of the facility book.
Columns named ``reserved_*`` are passed over: reservations are the facility book's. Any other unknown column is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import FacilityError, UsageDataError
from greencloud.facility import check_account_id
from greencloud.usage.cells import Column, first_row, instants, integers, labels, texts
from greencloud.usage.columns import KEY, MEASURES, QUALITIES, READING_KEY, READING_QUALITIES, READINGS, ROWS, SOURCES, Usage
from greencloud.usage.merge import canonical
from greencloud.usage.windows import bad_window, check_windows

__all__ = ["usage_from"]

Rows: TypeAlias = Iterable[Mapping[str, object]] | pa.Table

_ABSENT: Final = object()
_DEFAULTS: Final = {
    "host": "",
    "service": "",
    "sku": "",
    "operation": "",
    "labels": "{}",
    "caller_account": "",
    "source": "provider",
    "quality": "measured",
} | dict.fromkeys(MEASURES, 0)
_READING_DEFAULTS: Final = {"host": "", "quality": "measured"}
_NULLABLE: Final = ("energy_mj", "busy_cpu_ns", "memory_byte_s")
_HOUR: Final = 3600
_SECOND_US: Final = 1_000_000


def usage_from(rows: Rows, readings: Rows = (), *, path: str = "") -> Usage:
    """Canonical usage from a table or from mappings. ``path`` names the file in errors.

    Raises:
        UsageDataError: a row that cannot be true, with its number; or two that contradict each other.
    """
    return Usage(
        canonical(_rows(_columns(rows, ROWS, path), path), KEY, path=path),
        canonical(_readings(_columns(readings, READINGS, path), path), READING_KEY, path=path),
    )


def _rows(columns: dict[str, Column], path: str) -> pa.Table:
    if columns and not any(name in columns for name in MEASURES):
        raise UsageDataError("the table has no measure", path=path, advice=f"add one of {', '.join(MEASURES)}")
    made = _filled(columns, ROWS, _DEFAULTS, path)
    check_windows(made, path=path)
    _check_each(made["site"], "site", _named, path)
    _check_each(made["account"], "account", check_account_id, path)
    _check_each(made["caller_account"], "caller_account", lambda value: value and check_account_id(value), path)
    _check_choice(made["source"], "source", SOURCES, path)
    _check_choice(made["quality"], "quality", QUALITIES, path)
    return made


def _readings(columns: dict[str, Column], path: str) -> pa.Table:
    covered = "covered_us" in columns
    made = _filled(columns, READINGS, _READING_DEFAULTS | dict.fromkeys(_NULLABLE) | {"covered_us": 0}, path)
    check_windows(made, path=path)
    _check_each(made["site"], "site", _named, path)
    _check_choice(made["quality"], "quality", READING_QUALITIES, path)
    whole = pc.multiply(made["window_s"].cast(pa.int64()), _SECOND_US)
    if not covered:
        at = READINGS.get_field_index("covered_us")
        return made.set_column(at, READINGS.field(at), whole)
    over = first_row(pc.greater(made["covered_us"], whole))
    if over >= 0:
        raise UsageDataError(
            "covered_us is more than the window", path=path, row=over, advice="a reading covers its window at most"
        )
    return made


def _columns(rows: Rows, schema: pa.Schema, path: str) -> dict[str, Column]:
    """Columns by name; for mappings, lists in which a missing key is ``_ABSENT``."""
    if isinstance(rows, pa.Table):
        columns: dict[str, Column] = dict(zip(rows.schema.names, rows.columns, strict=True))
        if len(columns) != len(rows.schema.names):
            raise UsageDataError("two columns have the same name", path=path, advice="keep one of them")
    else:
        listed: list[Mapping[str, object]] = list(rows)
        names = dict.fromkeys(name for row in listed for name in row)
        columns = {name: [row.get(name, _ABSENT) for row in listed] for name in names}
    for name in columns:
        if name not in schema.names and not name.startswith("reserved_"):
            near = difflib.get_close_matches(name, schema.names, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"columns are {', '.join(schema.names)}"
            raise UsageDataError(f"unknown column {name!r}", path=path, advice=advice)
    return columns


def _filled(columns: dict[str, Column], schema: pa.Schema, defaults: Mapping[str, object], path: str) -> pa.Table:
    count = len(next(iter(columns.values()))) if columns else 0
    made = []
    for field in schema:
        column = columns.get(field.name)
        if column is None:
            if field.name not in defaults and columns:
                raise UsageDataError(f"the table has no column {field.name!r}", path=path, advice="add it; it has no default")
            column = pa.chunked_array([pa.repeat(pa.scalar(defaults.get(field.name), field.type), count)], field.type)
        elif isinstance(column, list):
            column = _with_defaults(column, field.name, defaults, path)
        made.append(_converted(column, field, path))
    return pa.Table.from_arrays(made, schema=schema)


def _with_defaults(column: list[object], name: str, defaults: Mapping[str, object], path: str) -> list[object]:
    if _ABSENT not in column:
        return column
    if name not in defaults:
        raise UsageDataError(f"{name} is not given", path=path, row=column.index(_ABSENT), advice="add it; it has no default")
    return [defaults[name] if value is _ABSENT else value for value in column]


def _converted(column: Column, field: pa.Field, path: str) -> pa.ChunkedArray:
    if field.name == "labels":
        return labels(column, field.name, path=path)
    if pa.types.is_timestamp(field.type):
        return instants(column, field.name, path=path)
    if pa.types.is_integer(field.type):
        found = integers(column, field.name, path=path, nullable=field.nullable)
        if field.type == pa.int64():
            return found
        too_long = first_row(pc.greater(found, _HOUR))
        if too_long >= 0:
            raise bad_window(found, too_long, path)
        return found.cast(field.type)
    return texts(column, field.name, path=path)


def _check_each(column: pa.ChunkedArray, name: str, check: Callable[[str], object], path: str) -> None:
    for value in pc.unique(column).to_pylist():
        try:
            check(value)
        except FacilityError as error:
            row = int(pc.index(column, value).as_py())
            raise UsageDataError(f"{name} {error.message}", path=path, row=row, advice=error.advice) from error


def _named(site: str) -> None:
    if not site:
        raise FacilityError("is empty", advice="name the site of the facility book where the use took place")


def _check_choice(column: pa.ChunkedArray, name: str, choices: tuple[str, ...], path: str) -> None:
    for value in pc.unique(column).to_pylist():
        if value not in choices:
            row = int(pc.index(column, value).as_py())
            raise UsageDataError(f"{name} {value!r} is not known", path=path, row=row, advice=f"use one of {', '.join(choices)}")
