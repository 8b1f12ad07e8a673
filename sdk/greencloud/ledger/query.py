"""Footprint queries over segments: from a ``FootprintQuery`` and a list of files to SQL, and from its answer to partial sums.

Names of columns come from the fixed tables below; every value (account, label key, file) is a bound parameter, so that no text
that a customer chose is ever read as SQL. A window belongs to the period that it starts in; a period is a whole UTC hour, day or
calendar month, or three or twelve of these from the month that the year begins with, whatever the bounds of the query. Sums of
int64 are HUGEINT in DuckDB and cannot overflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.ledger.periods import MONTHS
from greencloud.ledger.sums import FLAGS_SQL, POSTED_SQL, SUMS_SQL, Partial
from greencloud.results import GROUPABLE, FootprintQuery, Granularity
from greencloud.units import microseconds_of

__all__ = ["FILTERS", "LABEL", "Statement", "compile_query", "compile_windows", "dimensions_of", "partials_of"]

_PERIOD: Final = {
    # make_timestamp of epoch microseconds is UTC without a time zone: no session setting takes part.
    Granularity.ALL: "NULL",
    Granularity.WINDOW: "epoch_us(window_start)",
    Granularity.HOUR: "epoch_us(date_trunc('hour', make_timestamp(epoch_us(window_start))))",
    Granularity.DAY: "epoch_us(date_trunc('day', make_timestamp(epoch_us(window_start))))",
}
_COLUMNS: Final = (frozenset(GROUPABLE) - {"scope"}) | {"labels"}  # all labels of a posting, in JSON: of ``dimension_values``

FILTERS: Final = {
    "account": "accounts",
    "service": "services",
    "region": "regions",
    "sku": "skus",
    "operation": "operations",
    "component": "components",
    "methodology_version": "methodology_versions",
}
"""Column: the field of a query that narrows it. Sites are chosen by whole segments."""

LABEL: Final = "label:"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, its parameters, and how many dimensions it selects."""

    sql: str
    parameters: list[Any]
    dimensions: int


def dimensions_of(query: FootprintQuery) -> tuple[str, ...]:
    """What to group by, each once, ``scope`` left out: it is no column.

    Raises:
        QuantityError: ``group_by`` names something else than a dimension, or no year begins with that month.
    """
    if query.fiscal_year_start_month not in range(1, 13):
        raise QuantityError(f"no year begins with month {query.fiscal_year_start_month}", advice="a month is 1 to 12")
    names = tuple(name for name in dict.fromkeys(query.group_by) if name != "scope")
    for name in names:
        if name not in _COLUMNS and (not name.startswith(LABEL) or name == LABEL):
            raise QuantityError(f"cannot group by {name!r}", advice=f"group by {', '.join(GROUPABLE)} or label:<key>")
    return names


def compile_query(query: FootprintQuery, names: tuple[str, ...], files: list[str]) -> Statement:
    """The statement for a query by these dimensions over these files, which hold the sites asked for and no others."""
    parameters: list[Any] = []
    dimensions = [_dimension(name, parameters) for name in names]
    seconds = "window_s" if query.granularity is Granularity.WINDOW else "NULL"
    keys = [period_sql(query), seconds, *dimensions, "quality", "methodology_version"]
    parameters.append(files)
    where = _where(query, parameters)
    sql = (
        f"SELECT {', '.join([*keys, FLAGS_SQL, POSTED_SQL, *SUMS_SQL])} "  # noqa: S608 - names from the tables above, values bound
        f"FROM read_parquet(?, hive_partitioning = false) {where} "
        f"GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}"
    )
    return Statement(sql, parameters, len(names))


def compile_windows(query: FootprintQuery, files: list[str]) -> Statement:
    """The statement for the windows that hold what a query asks for: site, region, start in microseconds, seconds, provisional.

    It reads few columns and adds nothing up, so that a day of millions of postings takes milliseconds.
    """
    parameters: list[Any] = [files]
    where = _where(query, parameters)
    sql = (
        "SELECT site, region, epoch_us(window_start), window_s, bool_or(provisional) "  # noqa: S608 - as above
        f"FROM read_parquet(?, hive_partitioning = false) {where} GROUP BY site, region, window_start, window_s"
    )
    return Statement(sql, parameters, 2)


def period_sql(query: FootprintQuery) -> str:
    """The start of the period of a posting, in microseconds since 1970; NULL where the query's own time is the one period."""
    months = MONTHS.get(query.granularity)
    if months is None:
        return _PERIOD[query.granularity]
    unit, shift = {1: "month", 3: "quarter", 12: "year"}[months], (query.fiscal_year_start_month - 1) % months
    # From the first of the month, so that no day of the month is cut off by shorter months.
    return (
        f"epoch_us(date_trunc('{unit}', date_trunc('month', make_timestamp(epoch_us(window_start))) - to_months({shift:d}))"
        f" + to_months({shift:d}))"
    )


def partials_of(statement: Statement, answer: list[tuple[Any, ...]]) -> Iterator[Partial]:
    """The partial sums in the answer to a statement."""
    end = 2 + statement.dimensions
    for record in answer:
        yield Partial._make((*record[:2], record[2:end], *record[end : end + 4], record[end + 4 :]))


def _dimension(name: str, parameters: list[Any]) -> str:
    if name in _COLUMNS:
        return f'"{name}"'
    # A JSON pointer (RFC 6901), which alone can name every key. Rows without the label have "".
    parameters.append("/" + name.removeprefix(LABEL).replace("~", "~0").replace("/", "~1"))
    return "coalesce(json_extract_string(labels, ?), '')"


def _where(query: FootprintQuery, parameters: list[Any]) -> str:
    terms = ["window_start >= make_timestamptz(?)", "window_start < make_timestamptz(?)"]
    parameters += [microseconds_of(query.start), microseconds_of(query.end)]
    for column, field in FILTERS.items():
        if values := getattr(query, field):
            terms.append(f'"{column}" IN ({", ".join("?" * len(values))})')
            parameters += values
    return f"WHERE {' AND '.join(terms)}"
