"""Partial sums: what postings of one kind come to, and how such sums make a row of a footprint.

Postings add up in any order and any grouping, so a row may be put together from sums that were made apart: by SQL over segments,
or long before in a roll-up. A partial sum never mixes kinds of evidence or methodologies, because a row tells of both.

``SUMS`` are its amounts: the measures of a posting, the count of operations, and three half-widths of 95 % intervals: of energy
and of the location- and market-based totals. That of one posting is ``ceil(|amount| * ppm / 10**6)`` (``columns.py``), and 0 where
it is not known, which ``flags`` then says. Half-widths are added up as they are, as if all postings erred together: for errors
that are shared (a factor, a meter) this is exact, for others too wide, never too narrow for whole accounts and components (a finer
line takes the ratio of its account and component, and its own may be wider).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import add
from typing import Any, Final, NamedTuple

from greencloud.errors import TooLargeError
from greencloud.ledger.columns import MEASURES, PPM, UNCERTAINTIES
from greencloud.ledger.periods import MONTHS, months_after
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.units import Emissions, Energy

__all__ = [
    "ENERGY_BY_CLASS",
    "FLAGS_SQL",
    "POSTED_SQL",
    "PROVISIONAL",
    "ROW_FLAGS_SQL",
    "ROW_SUMS_SQL",
    "SCOPES",
    "SUMS",
    "SUMS_SQL",
    "UNKNOWN_WIDTHS",
    "WEAKEST_FIRST",
    "Partial",
    "Rows",
]

SUMS: Final = (*MEASURES, "count", "energy_half_width_mj", "location_half_width_ug", "market_half_width_ug")
PROVISIONAL: Final = 1
UNKNOWN_WIDTHS: Final = (2, 4, 8)
"""Flags of a partial sum: some posting is provisional; some posting's half-width of energy, of either total is not known."""

_WIDTHS: Final = dict(
    zip(
        UNCERTAINTIES,
        (
            "energy_mj::HUGEINT",
            "scope1_ug::HUGEINT + scope2_location_ug + scope3_upstream_location_ug + scope3_embodied_ug",
            "scope1_ug::HUGEINT + scope2_market_ug + scope3_upstream_market_ug + scope3_embodied_ug",
        ),
        strict=True,
    )
)
ROW_SUMS_SQL: Final = (
    *MEASURES,
    "count",
    # Rows without an interval, often all of them, cost next to nothing: a CASE works on the rows of its branch alone.
    *(f"CASE WHEN {ppm} > 0 THEN (abs({amount}) * {ppm} + {PPM - 1}) // {PPM} ELSE 0 END" for ppm, amount in _WIDTHS.items()),
)
SUMS_SQL: Final = tuple(f"sum({amount})" for amount in ROW_SUMS_SQL)
ROW_FLAGS_SQL: Final = "{} | {}".format(
    f"provisional::TINYINT * {PROVISIONAL}::TINYINT",
    " | ".join(f"({ppm} < 0)::TINYINT * {flag}::TINYINT" for ppm, flag in zip(UNCERTAINTIES, UNKNOWN_WIDTHS, strict=True)),
)
FLAGS_SQL: Final = f"bit_or({ROW_FLAGS_SQL})"
POSTED_SQL: Final = "epoch_us(max(posted))"
"""Over columns of a segment: the amounts of ``SUMS``, the flags, and the last moment of posting in microseconds since 1970; with
``ROW_``, of one posting."""

SCOPES: Final = {
    "scope1": ("scope1",),
    "scope2": ("energy", "scope2_location_based", "scope2_market_based"),
    "scope3": ("scope3_upstream_location_based", "scope3_upstream_market_based", "scope3_embodied"),
}
"""What a row of ``group_by`` scope carries. Energy goes with Scope 2, which is about purchased energy, so that the rows add up."""

_LINES: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
ENERGY_BY_CLASS: Final = ("self_reported_energy", "estimated_energy", "modelled_energy", "measured_energy")
WEAKEST_FIRST: Final = ("self_reported", "estimated", "modelled")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Partial(NamedTuple):
    """The sum of some postings of one period, of one combination of values, one ``quality`` and one methodology.

    ``start_us``: of the period, None where the query's own time is the one period; ``seconds``: its length, where the granularity
    does not say; ``posted_us``: of the newest posting; ``amounts``: in the order of ``SUMS``.
    """

    start_us: int | None
    seconds: int | None
    values: tuple[str, ...]
    quality: str
    methodology_version: str
    flags: int
    posted_us: int
    amounts: tuple[int, ...]


@dataclass(slots=True)
class _Row:
    amounts: tuple[int, ...]
    by_class: list[int]
    flags: int
    posted_us: int
    qualities: set[str]
    versions: set[str]


class Rows:
    """The rows of an answer while partial sums are added to them: as much memory as there are rows, however many sums there are.

    ``most``: of how many rows an answer may be.
    """

    __slots__ = ("_found", "_most", "_query")

    def __init__(self, query: FootprintQuery, most: int | None = None) -> None:
        self._query = query
        self._most = most
        self._found: dict[tuple[Any, ...], _Row] = {}

    def fresh(self) -> Rows:
        """For another part of the same answer."""
        return Rows(self._query, self._most)

    def add(self, partials: Iterable[Partial]) -> None:
        """Raises TooLargeError when there are more rows than may be."""
        for start, seconds, values, quality, version, flags, posted, amounts in partials:
            row = _Row(amounts, [0, 0, 0, 0], flags, posted, {quality}, {version})
            row.by_class[_class_of(quality)] = amounts[0]
            self._put((start, seconds, values), row)

    def absorb(self, other: Rows) -> None:
        """Add what another part comes to. Raises TooLargeError."""
        for key, row in other._found.items():
            self._put(key, row)

    def finished(self, names: tuple[str, ...]) -> list[FootprintRow]:
        """In ascending order of period, then of the dimensions in the order asked for; ``names`` are those of ``values``."""
        rows = [_row(self._query, names, key, row) for key, row in self._found.items()]
        wanted = tuple(dict.fromkeys(self._query.group_by))
        if "scope" in wanted:
            rows = [_of_scope(row, scope, wanted) for row in rows for scope in SCOPES]
        return sorted(rows, key=lambda row: (row.start, row.end, *(row.dimensions[name] for name in wanted)))

    def _put(self, key: tuple[Any, ...], new: _Row) -> None:
        row = self._found.get(key)
        if row is not None:
            row.amounts = tuple(map(add, row.amounts, new.amounts))
            row.by_class = list(map(add, row.by_class, new.by_class))
            row.flags |= new.flags
            row.posted_us = max(row.posted_us, new.posted_us)
            row.qualities |= new.qualities
            row.versions |= new.versions
            return
        self._found[key] = new
        if self._most is not None and len(self._found) * (len(SCOPES) if "scope" in self._query.group_by else 1) > self._most:
            raise TooLargeError(
                f"the answer has more than {self._most:,} rows",
                advice="narrow the filter or the time, take fewer dimensions or longer periods, or call StreamFootprint",
            )


def _row(query: FootprintQuery, names: tuple[str, ...], key: tuple[Any, ...], row: _Row) -> FootprintRow:
    start, end = _period(query, *key[:2])
    energy, *lines, count, energy_width, location_width, market_width = row.amounts
    known = [not row.flags & flag for flag in UNKNOWN_WIDTHS]
    emissions: dict[str, Any] = dict(zip(_LINES, map(Emissions, lines), strict=True))
    by_class: dict[str, Any] = dict(zip(ENERGY_BY_CLASS, map(Energy, row.by_class), strict=True))
    return FootprintRow(
        start=start,
        end=end,
        dimensions=dict(zip(names, key[2], strict=True)),
        energy=Energy(energy),
        **emissions,
        operation_count=count,
        quality_flags=tuple(sorted({flag for quality in row.qualities for flag in quality.split(",") if flag})),
        provisional=bool(row.flags & PROVISIONAL),
        methodology_versions=tuple(sorted(row.versions)),
        **by_class,
        energy_half_width=Energy(energy_width) if known[0] else None,
        location_half_width=Emissions(location_width) if known[1] else None,
        market_half_width=Emissions(market_width) if known[2] else None,
        updated=_EPOCH + timedelta(microseconds=row.posted_us),
    )


@lru_cache(maxsize=1024)
def _class_of(quality: str) -> int:
    flags = quality.split(",")
    return next((place for place, flag in enumerate(WEAKEST_FIRST) if flag in flags), len(WEAKEST_FIRST))


def _period(query: FootprintQuery, start_us: int | None, seconds: int | None) -> tuple[datetime, datetime]:
    if start_us is None:
        return query.start.astimezone(UTC), query.end.astimezone(UTC)
    start = _EPOCH + timedelta(microseconds=start_us)
    match query.granularity:
        case Granularity.DAY:
            return start, start + timedelta(days=1)
        case Granularity.MONTH | Granularity.QUARTER | Granularity.YEAR:
            return start, months_after(start, MONTHS[query.granularity])
        case _:
            return start, start + timedelta(seconds=seconds or 3600)


def _of_scope(row: FootprintRow, scope: str, wanted: tuple[str, ...]) -> FootprintRow:
    """One scope's part of a row. What tells of energy goes where energy goes, and operations nowhere. The intervals are those of
    whole totals, of which nobody knows how much is a scope's: they are not known. When and how it was worked out holds for all."""
    kept = {name: getattr(row, name) for name in SCOPES[scope]}
    if "energy" in kept:
        kept |= {name: getattr(row, name) for name in (*ENERGY_BY_CLASS, "energy_half_width")}
    return FootprintRow(
        start=row.start,
        end=row.end,
        dimensions={name: scope if name == "scope" else row.dimensions[name] for name in wanted},
        **kept,
        quality_flags=row.quality_flags,
        provisional=row.provisional,
        methodology_versions=row.methodology_versions,
        updated=row.updated,
    )
