"""From a question about accounts to PostgreSQL's SQL over a serving copy, and from its answer to partial sums. Pure.

Whole days that are added up come from ``day_sum``, the rest from ``posting``: the days at the ends of the time asked for, and days
that are not added up yet. Months are made quarters and years here, and labels are looked up here, as for roll-ups.

The statement says itself whether it answers: its rows count if, and only if, one row without a ``quality`` is among them, which is
there when the copy is of the version and content asked for. So one statement, which sees one state of the database, does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from greencloud.ledger.periods import MONTHS, months_around
from greencloud.ledger.query import FILTERS, LABEL
from greencloud.ledger.rollup import label_value
from greencloud.ledger.sums import SUMS, Partial
from greencloud.results import FootprintQuery, Granularity
from greencloud.serving.schema import decoded, encoded
from greencloud.serving.state import CopyState

__all__ = ["Asked", "compile_question"]

_UNITS: Final = {Granularity.HOUR: "hour", Granularity.DAY: "day", **dict.fromkeys(MONTHS, "month")}
_FINE: Final = frozenset({Granularity.WINDOW, Granularity.HOUR})
_OWN: Final = 2  # columns before the dimensions: start_us, seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, its parameters, and how its rows are read: ``columns`` of each dimension of ``names`` among those selected."""

    sql: str
    parameters: list[Any]
    query: FootprintQuery
    names: tuple[str, ...]
    columns: tuple[int, ...]
    width: int

    def partials(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Partial]:
        """The partial sums in an answer, without the row that says that it is one.

        Raises:
            ValueError: a label is not a text.
        """
        end = _OWN + self.width
        months = MONTHS.get(self.query.granularity)
        for start, seconds, *rest in rows:
            if rest[self.width] is None:
                continue
            texts = [decoded(text) for text in rest[: self.width + 2]]
            told = [texts[column] for column in self.columns]
            for place, name in enumerate(self.names):
                if name.startswith(LABEL):
                    told[place] = label_value(told[place], name)
            period = months_around(start, months, self.query.fiscal_year_start_month) if months else start
            flags, posted, *amounts = rest[end:]
            quality, version = texts[self.width :]
            yield Partial(period, seconds, tuple(told), quality, version, flags, posted, tuple(amounts))


def compile_question(query: FootprintQuery, names: tuple[str, ...], state: CopyState, most: int) -> Asked:
    """The statement for a query that names accounts, by these dimensions, of a copy in this state. It gives ``most`` rows and one
    more at the most, of which one is the row that says that they count."""
    columns = ["labels" if name.startswith(LABEL) else name for name in names]
    by = tuple(dict.fromkeys(columns))
    own = [*(f"d{place}" for place in range(len(by))), "quality", "methodology"]
    key = ", ".join(own)
    chosen = ", ".join(f"{column} AS {name}" for column, name in zip([*by, "quality", "methodology_version"], own, strict=True))
    parts, parameters = [], []
    for table, terms, bound in _parts(query, state):
        times = _times(table, query.granularity)
        where, values = _where(query)
        parts.append(
            f"SELECT {times}, {chosen}, flags, posted, {', '.join(SUMS)} FROM greencloud.{table} "  # noqa: S608
            f"WHERE {' AND '.join([*where, *terms])}"
        )
        parameters += [*values, *bound]
    types = ["int8", "int4", *["text"] * len(own), "int2", "int8", *["numeric"] * len(SUMS)]
    nothing = ", ".join(f"NULL::{each}" for each in types)
    sql = (
        f"SELECT {nothing} FROM greencloud.copy_state WHERE version = %s AND content = %s UNION ALL "  # noqa: S608
        f"SELECT {_micros('period')}, seconds, {key}, bit_or(flags), {_micros('max(posted)')}, "
        f"{', '.join(f'sum({name})' for name in SUMS)} FROM ({' UNION ALL '.join(parts)}) part "
        f"GROUP BY period, seconds, {key} LIMIT {most + 1:d}"
    )
    return Asked(
        sql, [state.version, state.content, *parameters], query, names, tuple(by.index(column) for column in columns), len(by)
    )


def _parts(query: FootprintQuery, state: CopyState) -> Iterator[tuple[str, list[str], list[Any]]]:
    """Tables to read, with the terms of time and their parameters. No posting is read twice, and none is left out."""
    start, end = query.start.astimezone(UTC), query.end.astimezone(UTC)
    span = ["window_start >= %s", "window_start < %s"]
    first, last = _whole_days(start, end)
    if query.granularity in _FINE or first >= last:
        yield "posting", span, [start, end]
        return
    yield "day_sum", ["day >= %s", "day < %s"], [first, last]
    before, after = _midnight(first), _midnight(last)
    if start < before:
        yield "posting", span, [start, before]
    if after < end:
        yield "posting", span, [after, end]
    unrolled = [(site, day) for site, day in state.unrolled if first <= day < last]
    if unrolled:
        days = [day for _, day in unrolled]
        within = "(site, (window_start AT TIME ZONE 'UTC')::date) IN (SELECT * FROM unnest(%s::text[], %s::date[]))"
        bounds = [_midnight(min(days)), _midnight(max(days) + timedelta(days=1))]
        yield "posting", [*span, within], [*bounds, [site for site, _ in unrolled], days]


def _whole_days(start: datetime, end: datetime) -> tuple[date, date]:
    """The days that lie wholly in ``[start, end)``, half-open."""
    first, last = start.date(), end.date()
    if start > _midnight(first):
        first = last if first == date.max else first + timedelta(days=1)
    return first, last


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _where(query: FootprintQuery) -> tuple[list[str], list[Any]]:
    filters = {"site": query.sites} | {column: getattr(query, field) for column, field in FILTERS.items()}
    chosen = {column: [encoded(value) for value in values] for column, values in filters.items() if values}
    return [f"{column} = ANY(%s)" for column in chosen], list(chosen.values())


def _times(table: str, granularity: Granularity) -> str:
    if granularity is Granularity.ALL:
        return "NULL::timestamptz AS period, NULL::int4 AS seconds"
    if granularity is Granularity.WINDOW:
        return "window_start AS period, window_s AS seconds"
    instant = "window_start" if table == "posting" else "(day::timestamp AT TIME ZONE 'UTC')"
    return f"date_trunc('{_UNITS[granularity]}', {instant}, 'UTC') AS period, NULL::int4 AS seconds"


def _micros(instant: str) -> str:
    return f"(extract(epoch FROM {instant}) * 1000000)::int8"
