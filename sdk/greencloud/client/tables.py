"""Rows as tables: Arrow first, pandas and polars from that. The libraries are loaded when a table is asked for.

Amounts are exact: ``decimal128(38, 0)`` in millijoules (``_mj``) and micrograms of CO2e (``_ug``), named as the ledger's columns;
what is not known is null. Names and order are those of StreamFootprint, whose amounts are int64 and never beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import MissingExtraError
from greencloud.results import FootprintRow
from greencloud.units import Emissions, Energy

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

__all__ = ["library", "pandas_frame", "polars_frame", "rows_of_batch", "rows_table", "total_of"]

_EXTRAS: Final = {
    "pyarrow": ("arrow", "an Arrow table"),
    "pandas": ("pandas", "a pandas data frame"),
    "polars": ("polars", "a polars data frame"),
}

_ENERGY: Final = (
    "energy",
    "self_reported_energy",
    "estimated_energy",
    "modelled_energy",
    "measured_energy",
    "energy_half_width",
)

_EMISSIONS: Final = {
    "scope1": "scope1_ug",
    "scope2_location_based": "scope2_location_ug",
    "scope2_market_based": "scope2_market_ug",
    "scope3_upstream_location_based": "scope3_upstream_location_ug",
    "scope3_upstream_market_based": "scope3_upstream_market_ug",
    "scope3_embodied": "scope3_embodied_ug",
    "total_location_based": "total_location_based_ug",
    "total_market_based": "total_market_based_ug",
    "location_half_width": "location_half_width_ug",
    "market_half_width": "market_half_width_ug",
}

_ADDED: Final = (
    *_ENERGY[:-1],
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
_WIDTHS: Final = (("energy_half_width", Energy), ("location_half_width", Emissions), ("market_half_width", Emissions))


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: Any
    value: Callable[[FootprintRow], Any]


def library(name: str) -> Any:
    """The module ``pyarrow``, ``pandas`` or ``polars``. Raises MissingExtraError."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        extra, what = _EXTRAS[name]
        raise MissingExtraError(what, extra=extra) from error


def rows_table(rows: Iterable[FootprintRow], names: Sequence[str]) -> pa.Table:
    """Rows as a table; ``names`` are the dimensions.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = library("pyarrow")
    held = list(rows)
    columns = _columns(pa, tuple(dict.fromkeys(names)))
    schema = pa.schema([(column.name, column.type) for column in columns])
    return pa.table([pa.array([column.value(row) for row in held], column.type) for column in columns], schema=schema)


def rows_of_batch(batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[FootprintRow]:
    """The rows of a record batch of StreamFootprint, or of a table: ``rows_table`` the other way round."""
    for row in batch.to_pylist():
        amounts: dict[str, Any] = {field: _amount(row[f"{field}_mj"], Energy) for field in _ENERGY}
        amounts |= {field: _amount(row[column], Emissions) for field, column in _EMISSIONS.items() if not field.startswith("total")}
        yield FootprintRow(
            start=row["start_time"].astimezone(UTC),
            end=row["end_time"].astimezone(UTC),
            dimensions={name: row[name] for name in names if row[name] is not None},
            operation_count=row["operation_count"],
            quality_flags=tuple(row["quality_flags"]),
            provisional=row["provisional"],
            methodology_versions=tuple(row["methodology_versions"]),
            updated=row["update_time"] and row["update_time"].astimezone(UTC),
            **amounts,
        )


def pandas_frame(table: pa.Table) -> pandas.DataFrame:
    """A data frame of Arrow types, in which amounts stay exact and null stays null. Raises MissingExtraError."""
    frame: pandas.DataFrame = table.to_pandas(types_mapper=library("pandas").ArrowDtype)
    return frame


def polars_frame(table: pa.Table) -> polars.DataFrame:
    """A data frame; amounts stay exact. Raises MissingExtraError."""
    frame: polars.DataFrame = library("polars").from_arrow(table)
    return frame


def total_of(rows: Iterable[FootprintRow], start: datetime, end: datetime) -> FootprintRow:
    """The sum of rows that do not overlap, exact, as one row of ``[start, end)`` without dimensions.

    Half-widths add up as if all erred together, as they do in each row, and are None where one of them is not known.
    """
    held = list(rows)
    sums: dict[str, Any] = {}
    for name in _ADDED:
        unit = Energy if name in _ENERGY else Emissions
        sums[name] = sum((getattr(row, name) for row in held), unit())
    for name, unit in _WIDTHS:
        widths = [getattr(row, name) for row in held]
        sums[name] = None if None in widths else sum(widths, unit())
    return FootprintRow(
        start=start,
        end=end,
        dimensions={},
        operation_count=sum(row.operation_count for row in held),
        quality_flags=tuple(sorted({flag for row in held for flag in row.quality_flags})),
        provisional=any(row.provisional for row in held),
        methodology_versions=tuple(sorted({version for row in held for version in row.methodology_versions})),
        updated=max((row.updated for row in held if row.updated), default=None),
        **sums,
    )


def _columns(pa: Any, names: Sequence[str]) -> list[_Column]:
    instant, text, exact = pa.timestamp("us", tz="UTC"), pa.string(), pa.decimal128(38, 0)

    def dimension(name: str) -> _Column:
        return _Column(name, text, lambda row: row.dimensions.get(name))

    def energy(field: str) -> _Column:
        return _Column(f"{field}_mj", exact, lambda row: _part(getattr(row, field), "millijoules"))

    def emissions(field: str, name: str) -> _Column:
        return _Column(name, exact, lambda row: _part(getattr(row, field), "micrograms"))

    return [
        _Column("start_time", instant, lambda row: row.start),
        _Column("end_time", instant, lambda row: row.end),
        *map(dimension, names),
        energy("energy"),
        *(emissions(field, name) for field, name in _EMISSIONS.items() if not field.endswith("width")),
        _Column("operation_count", pa.int64(), lambda row: row.operation_count),
        _Column("quality_flags", pa.list_(text), lambda row: list(row.quality_flags)),
        _Column("provisional", pa.bool_(), lambda row: row.provisional),
        _Column("methodology_versions", pa.list_(text), lambda row: list(row.methodology_versions)),
        *map(energy, _ENERGY[1:]),
        *(emissions(field, name) for field, name in _EMISSIONS.items() if field.endswith("width")),
        _Column("update_time", instant, lambda row: row.updated),
    ]


def _amount(value: Any, unit: Any) -> Any:
    return None if value is None else unit(int(value))


def _part(amount: Energy | Emissions | None, unit: str) -> int | None:
    return None if amount is None else getattr(amount, unit)
