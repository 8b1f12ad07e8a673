"""The rows of a query as a stream of record batches: the figures of ``Snapshot.footprint``, without a Python object for each.

DuckDB adds the postings up and orders the rows, on disk where memory does not suffice, and Arrow batches are fetched as they are
wanted. Amounts are int64: a row with a sum beyond that is an error and never a wrong figure. Columns are those of ``rows_schema``.

The order is that of ``Snapshot.footprint``: by period, then by the dimensions in the order asked for. No two rows are equal in
these, so that the n-th row of a version is the same whenever it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from greencloud.ledger.columns import MEASURES
from greencloud.ledger.parts import TEXT, Part, Place, compact, cut
from greencloud.ledger.periods import MONTHS
from greencloud.ledger.query import Statement, compile_query
from greencloud.ledger.sums import ENERGY_BY_CLASS, PROVISIONAL, SCOPES, SUMS, UNKNOWN_WIDTHS, WEAKEST_FIRST
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import microseconds_of

__all__ = ["compile_rows", "parts_of", "rows_schema"]

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_SECOND_US: Final = 1_000_000
_WIDTHS: Final = SUMS[-3:]
_BY_CLASS: Final = tuple(f"{name}_mj" for name in ENERGY_BY_CLASS)
_TOTALS: Final = {
    "total_location_based_ug": "scope1_ug + scope2_location_ug + scope3_upstream_location_ug + scope3_embodied_ug",
    "total_market_based_ug": "scope1_ug + scope2_market_ug + scope3_upstream_market_ug + scope3_embodied_ug",
}
_LINES_OF: Final = {
    "scope1": ("scope1_ug",),
    "scope2": ("energy_mj", "scope2_location_ug", "scope2_market_ug", *_BY_CLASS),
    "scope3": ("scope3_upstream_location_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"),
}
assert _LINES_OF.keys() == SCOPES.keys()


def rows_schema(query: FootprintQuery) -> pa.Schema:
    """The columns of the rows of a query; a half-width that is not known is null."""

    def amounts(names: Sequence[str], *, nullable: bool = False) -> list[pa.Field]:
        return [pa.field(name, pa.int64(), nullable=nullable) for name in names]

    texts = pa.list_(pa.field("item", pa.string(), nullable=False))
    return pa.schema(
        [
            pa.field("start_time", _INSTANT, nullable=False),
            pa.field("end_time", _INSTANT, nullable=False),
            *(pa.field(name, TEXT, nullable=False) for name in dict.fromkeys(query.group_by)),
            *amounts([*MEASURES, *_TOTALS, "operation_count"]),
            pa.field("quality_flags", texts, nullable=False),
            pa.field("provisional", pa.bool_(), nullable=False),
            pa.field("methodology_versions", texts, nullable=False),
            *amounts(_BY_CLASS),
            *amounts(_WIDTHS, nullable=True),
            pa.field("update_time", _INSTANT, nullable=False),
        ]
    )


def compile_rows(query: FootprintQuery, names: tuple[str, ...], files: list[str], offset: int) -> Statement:
    """The statement for the rows after the first ``offset``; otherwise as ``compile_query``."""
    inner = compile_query(query, names, files)
    dimensions = [f"d{place}" for place in range(len(names))]
    keys = ", ".join(["start_us", "seconds", *dimensions])
    grouped = [
        keys,
        *(f"sum({name}) AS {name}" for name in SUMS),
        *(f"sum(CASE WHEN {_of_class(place)} THEN energy_mj ELSE 0 END) AS {name}" for place, name in enumerate(_BY_CLASS)),
        "bit_or(flags) AS flags",
        "max(posted_us) AS posted_us",
        "list_sort(list_distinct(list_filter(flatten(list(string_split(quality, ','))), lambda f: f <> ''))) AS quality_flags",
        "list_sort(list_distinct(list(methodology_version))) AS methodology_versions",
    ]
    sql = f"SELECT {', '.join(grouped)} FROM ({inner.sql}) GROUP BY {keys}"  # noqa: S608 - names of our own
    wanted = list(dict.fromkeys(query.group_by))
    scoped = "scope" in wanted
    if scoped:
        sql = f"SELECT * REPLACE ({', '.join(_of_scope())}) FROM ({sql}), (VALUES {_VALUES}) scopes(scope)"  # noqa: S608
    told = {name: f"d{place}" for place, name in enumerate(names)} | {"scope": "scope"}
    order = ", ".join(["start_us", "seconds", *(told[name] for name in wanted)])
    start, end = _period_sql(query)
    columns = [
        start,
        end,
        *(told[name] for name in wanted),
        *(f"({_TOTALS.get(name, name)})::BIGINT" for name in (*MEASURES, *_TOTALS, "count")),
        "quality_flags",
        f"flags & {PROVISIONAL} <> 0",
        "methodology_versions",
        *(f"{name}::BIGINT" for name in _BY_CLASS),
        *(
            f"CASE WHEN flags & {unknown} = 0 THEN {name}::BIGINT END"
            for name, unknown in zip(_WIDTHS, UNKNOWN_WIDTHS, strict=True)
        ),
        "posted_us",
    ]
    named = ", ".join(f"{column} AS c{place}" for place, column in enumerate(columns))
    return Statement(f"SELECT {named} FROM ({sql}) ORDER BY {order} OFFSET {offset:d}", inner.parameters, len(wanted))  # noqa: S608


def parts_of(batches: Iterator[pa.RecordBatch], query: FootprintQuery, place: Place) -> Iterator[Part]:
    """The parts of an answer to ``compile_rows``; at least one, which has no row where there is none."""
    schema = rows_schema(query)
    row, begun = place.row, False
    for batch in batches:
        columns = [_as(column, field) for column, field in zip(batch.columns, schema, strict=True)]
        for piece in cut(compact(pa.RecordBatch.from_arrays(columns, schema=schema))):
            row, begun = row + piece.num_rows, True
            yield Part(piece, Place(0, row))
    if not begun:
        yield Part(pa.RecordBatch.from_pylist([], schema), place)


def _as(column: pa.Array, field: pa.Field) -> pa.Array:
    if field.type == TEXT:
        return column.dictionary_encode()
    return column.cast(field.type)


_VALUES: Final = ", ".join(f"('{scope}')" for scope in SCOPES)


def _of_class(place: int) -> str:
    """Whether a quality is of a class of evidence: it has its flag, and no weaker one. The last class has none."""
    weaker = [f"list_contains(string_split(quality, ','), '{flag}')" for flag in WEAKEST_FIRST]
    own = [] if place == len(weaker) else [weaker[place]]
    return " AND ".join([*own, *(f"NOT {each}" for each in weaker[:place])])


def _of_scope() -> Iterator[str]:
    """One scope's part of each amount, as in rows: operations belong to none, and of totals no half-width is known."""
    for scope, names in _LINES_OF.items():
        yield from (f"CASE WHEN scope = '{scope}' THEN {name} ELSE 0 END AS {name}" for name in names)
    yield "0 AS count"
    energy, *totals = UNKNOWN_WIDTHS
    yield f"flags | {sum(totals)} | CASE WHEN scope = 'scope2' THEN 0 ELSE {energy} END AS flags"


def _period_sql(query: FootprintQuery) -> tuple[str, str]:
    """The bounds of a row's period, in microseconds since 1970."""
    if months := MONTHS.get(query.granularity):
        return "start_us", f"epoch_us(make_timestamp(start_us) + to_months({months}))"
    match query.granularity:
        case Granularity.ALL:
            return f"{microseconds_of(query.start)}::BIGINT", f"{microseconds_of(query.end)}::BIGINT"
        case Granularity.DAY:
            return "start_us", f"start_us + {86_400 * _SECOND_US}"
        case _:
            return "start_us", f"start_us + coalesce(seconds, 3600)::BIGINT * {_SECOND_US}"
