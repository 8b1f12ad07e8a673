"""Footprint queries: from a ``FootprintQuery`` and a list of segments to SQL, and from its answer to rows.

Names of columns come from the fixed tables below; every value (account, label key, file) is a bound parameter, so that no text
that a customer chose is ever read as SQL. A window belongs to the period that it starts in; a period is a whole UTC hour, day or
calendar month, whatever the bounds of the query. Sums of int64 are HUGEINT in DuckDB and cannot overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from greencloud.allocation import EMISSION_LINES
from greencloud.errors import QuantityError
from greencloud.results import GROUPABLE, FootprintQuery, FootprintRow, Granularity
from greencloud.units import Emissions, Energy

__all__ = ["Statement", "compile_query", "micros", "rows_of"]

SCOPES: Final = {
    "scope1": ("scope1",),
    "scope2": ("energy", "scope2_location_based", "scope2_market_based"),
    "scope3": ("scope3_upstream_location_based", "scope3_upstream_market_based", "scope3_embodied"),
}
"""What a row of ``group_by`` scope carries. Energy goes with Scope 2, which is about purchased energy, so that the rows add up."""

_PERIOD: Final = {
    # make_timestamp of epoch microseconds is UTC without a time zone: no session setting takes part.
    Granularity.ALL: "NULL",
    Granularity.WINDOW: "make_timestamp(epoch_us(window_start))",
    Granularity.HOUR: "date_trunc('hour', make_timestamp(epoch_us(window_start)))",
    Granularity.DAY: "date_trunc('day', make_timestamp(epoch_us(window_start)))",
    Granularity.MONTH: "date_trunc('month', make_timestamp(epoch_us(window_start)))",
}
_COLUMNS: Final = frozenset(GROUPABLE) - {"scope"}
_SUMS: Final = ("energy_mj", *EMISSION_LINES, "count")
_LINES: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
_LABEL: Final = "label:"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, its parameters, and the names of the dimensions that it selects (``scope`` left out)."""

    sql: str
    parameters: list[Any]
    dimensions: tuple[str, ...]


def compile_query(query: FootprintQuery, files: list[str]) -> Statement:
    """The statement for a query over these files, which hold the sites asked for and no others.

    Raises:
        QuantityError: ``group_by`` names something else than a dimension.
    """
    names = tuple(name for name in dict.fromkeys(query.group_by) if name != "scope")
    parameters: list[Any] = []
    dimensions = [_dimension(name, parameters) for name in names]
    seconds = "window_s" if query.granularity is Granularity.WINDOW else "NULL"
    keys = [_PERIOD[query.granularity], seconds, *dimensions]
    sums = [f'sum("{name}")' for name in _SUMS]
    merged = ["list(DISTINCT quality)", "bool_or(provisional)", "list(DISTINCT methodology_version)"]
    parameters.append(files)
    where = _where(query, parameters)
    sql = (
        f"SELECT {', '.join([*keys, *sums, *merged])} "  # noqa: S608 - names from the tables above, values bound
        f"FROM read_parquet(?, hive_partitioning = false) {where} "
        f"GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}"
    )
    return Statement(sql, parameters, names)


def rows_of(query: FootprintQuery, statement: Statement, answer: list[tuple[Any, ...]]) -> list[FootprintRow]:
    """The rows, in ascending order of period, then of the dimensions in the order asked for."""
    rows = [_row(query, statement.dimensions, record) for record in answer]
    wanted = tuple(dict.fromkeys(query.group_by))
    if "scope" in wanted:
        rows = [_of_scope(row, scope, wanted) for row in rows for scope in SCOPES]
    return sorted(rows, key=lambda row: (row.start, row.end, *(row.dimensions[name] for name in wanted)))


def _dimension(name: str, parameters: list[Any]) -> str:
    if name in _COLUMNS:
        return f'"{name}"'
    if name.startswith(_LABEL) and name != _LABEL:
        # A JSON pointer (RFC 6901), which alone can name every key. Rows without the label have "".
        parameters.append("/" + name.removeprefix(_LABEL).replace("~", "~0").replace("/", "~1"))
        return "coalesce(json_extract_string(labels, ?), '')"
    raise QuantityError(f"cannot group by {name!r}", advice=f"group by {', '.join(GROUPABLE)} or label:<key>")


def _where(query: FootprintQuery, parameters: list[Any]) -> str:
    filters = {
        "account": query.accounts or (),
        "service": query.services,
        "region": query.regions,
        "sku": query.skus,
        "operation": query.operations,
        "component": query.components,
    }
    terms = ["window_start >= make_timestamptz(?)", "window_start < make_timestamptz(?)"]
    parameters += [micros(query.start), micros(query.end)]
    for column, values in filters.items():
        if values:
            terms.append(f'"{column}" IN ({", ".join("?" * len(values))})')
            parameters += values
    return f"WHERE {' AND '.join(terms)}"


def micros(instant: datetime) -> int:
    """Microseconds since 1970, as ``make_timestamptz`` takes them."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _row(query: FootprintQuery, names: tuple[str, ...], record: tuple[Any, ...]) -> FootprintRow:
    at, seconds, *rest = record
    values, rest = rest[: len(names)], rest[len(names) :]
    energy, *lines, count = rest[: len(_SUMS)]
    qualities, provisional, versions = rest[len(_SUMS) :]
    start, end = _period(query, at, seconds)
    emissions: dict[str, Any] = {name: Emissions(amount) for name, amount in zip(_LINES, lines, strict=True)}
    return FootprintRow(
        start=start,
        end=end,
        dimensions=dict(zip(names, values, strict=True)),
        energy=Energy(energy),
        **emissions,
        operation_count=count,
        quality_flags=tuple(sorted({flag for quality in qualities for flag in quality.split(",") if flag})),
        provisional=provisional,
        methodology_versions=tuple(sorted(versions)),
    )


def _period(query: FootprintQuery, at: datetime | None, seconds: int | None) -> tuple[datetime, datetime]:
    if at is None:
        return query.start.astimezone(UTC), query.end.astimezone(UTC)
    start = at.replace(tzinfo=UTC)
    match query.granularity:
        case Granularity.DAY:
            return start, start + timedelta(days=1)
        case Granularity.MONTH:
            return start, (start + timedelta(days=31)).replace(day=1)
        case _:
            return start, start + timedelta(seconds=seconds or 3600)


def _of_scope(row: FootprintRow, scope: str, wanted: tuple[str, ...]) -> FootprintRow:
    blank: dict[str, Any] = {name: Emissions() for name in _LINES if name not in SCOPES[scope]}
    dimensions = {name: scope if name == "scope" else row.dimensions[name] for name in wanted}
    energy = row.energy if "energy" in SCOPES[scope] else Energy()
    return replace(row, dimensions=dimensions, energy=energy, operation_count=0, **blank)
