"""What the ledger holds of one calendar year, and for how much of that year it can be compared.

A second of the year is **covered** when every site of the ledger has a batch over it; withdrawn batches cover nothing. A window
that is not covered as a whole (a site was not allocated yet) is left out with its emissions: half a fleet compared with the whole
path would look like progress. For the same reason a window counts only where the meters cover all of it (no flag ``partial``): the
energy of the rest is not known, and its allowance would be. Where no window is whole, the partial ones are all there is to show:
they are summed, and ``partial`` says that the sum is a lower bound.

Emissions are by scope; within Scope 3 the ledger knows category 2 (amortised) and category 3, the latter by the method that the
goal's Scope 2 uses, and location-based where the goal has no Scope 2. Of a goal for some sites or categories only these are taken.
The ledger knows no businesses: with a goal for some of them it cannot be compared, and covers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from greencloud.errors import GoalError
from greencloud.ledger.coverage import Span, seconds_in, union_of
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, Granularity
from greencloud.results.goals import Goal
from greencloud.units import Emissions

__all__ = ["LedgerView", "LedgerYear", "latest_year", "ledger_year", "ledger_year_of", "seconds_of"]


class LedgerView(Protocol):
    """The part of a ledger snapshot that a goal is compared with."""

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]: ...

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]: ...


@dataclass(frozen=True, slots=True)
class LedgerYear:
    """Emissions by scope over the covered seconds of a year. ``provisional``: some of it may still change.

    ``partial``: the meters cover only a part of the windows. ``left_out_seconds``: of windows left out because they are partial.
    """

    year: int
    covered_seconds: int
    emissions: dict[str, Emissions] = field(default_factory=dict)
    provisional: bool = False
    partial: bool = False
    left_out_seconds: int = 0


def seconds_of(year: int) -> int:
    """Seconds of a calendar year in UTC: 31 622 400 in leap years."""
    return int((datetime(year + 1, 1, 1, tzinfo=UTC) - datetime(year, 1, 1, tzinfo=UTC)).total_seconds())


def latest_year(snapshot: LedgerView) -> int | None:
    """The calendar year of the latest batch; None where the ledger is empty."""
    return max((batch.start.year for batch in snapshot.batches()), default=None)


def ledger_year_of(snapshot: LedgerView, year: int, goal: Goal) -> LedgerYear:
    """The ledger's year for what a goal covers."""
    if goal.businesses:
        return LedgerYear(year, 0)
    return ledger_year(snapshot, year, goal.scopes, sites=goal.sites, categories=goal.categories)


def ledger_year(
    snapshot: LedgerView, year: int, scopes: Iterable[str], *, sites: Iterable[str] = (), categories: Iterable[int] = ()
) -> LedgerYear:
    """The ledger's year: all accounts and pools, over the covered seconds only. No sites, or categories of Scope 3: all."""
    scopes, only, kinds = tuple(scopes), tuple(sites), tuple(categories)

    def kept_of(batches: Iterable[BatchSummary]) -> list[BatchSummary]:
        return [batch for batch in batches if not batch.withdrawn and (not only or batch.site in only)]

    names = set(only) or {batch.site for batch in kept_of(snapshot.batches())}
    batches = snapshot.batches(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    kept = _covered(kept_of(batches), names)
    part = _partial(snapshot, kept, only)
    whole = _covered([batch for batch in kept if (batch.site, batch.start) not in part], names) if part else kept
    chosen = whole or kept
    spans = union_of((batch.start, batch.end) for batch in chosen)
    rows = [row for start, end in spans for row in snapshot.footprint(FootprintQuery(start, end, sites=only))]
    return LedgerYear(
        year=year,
        covered_seconds=seconds_in(spans),
        emissions={scope: _in_scope(rows, scope, scopes, kinds) for scope in scopes},
        provisional=any(batch.provisional for batch in chosen),
        partial=bool(kept) and not whole,
        left_out_seconds=seconds_in(union_of((batch.start, batch.end) for batch in kept)) - seconds_in(spans),
    )


def _partial(snapshot: LedgerView, batches: Iterable[BatchSummary], sites: tuple[str, ...]) -> set[tuple[str, datetime]]:
    """Site and start of the windows of which the meters cover only a part."""
    rows = (
        row
        for start, end in union_of((batch.start, batch.end) for batch in batches)
        for row in snapshot.footprint(FootprintQuery(start, end, sites=sites, group_by=("site",), granularity=Granularity.WINDOW))
    )
    return {(row.dimensions["site"], row.start) for row in rows if "partial" in row.quality_flags}


def _covered(batches: Sequence[BatchSummary], sites: set[str]) -> list[BatchSummary]:
    """The batches whose whole window every site covers; leaving one out may uncover another, so until nothing changes."""
    kept = list(batches)
    while True:
        unions = {site: union_of((b.start, b.end) for b in kept if b.site == site) for site in sites}
        left = [b for b in kept if all(_within((b.start, b.end), unions[site]) for site in sites)]
        if len(left) == len(kept):
            return left
        kept = left


def _within(span: Span, union: list[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in union)


def _in_scope(rows: Iterable[FootprintRow], scope: str, scopes: tuple[str, ...], categories: tuple[int, ...]) -> Emissions:
    total = Emissions()
    for row in rows:
        if scope == "scope3":
            market = "scope2_market_based" in scopes
            if not categories or 3 in categories:
                total += row.scope3_upstream_market_based if market else row.scope3_upstream_location_based
            if not categories or 2 in categories:
                total += row.scope3_embodied
        elif scope in {"scope1", "scope2_location_based", "scope2_market_based"}:
            amount: Emissions = getattr(row, scope)
            total += amount
        else:
            raise GoalError(f"the ledger has no scope {scope!r}", key="scopes")
    return total
