"""What there are figures of: from when to when, up to where they are final, and how fresh.

It is found by three questions to a snapshot, each finer and shorter than the one before: the months of every site, the days of
the months at the ends, the windows of the days at the ends. Months and most days are answered by roll-ups, and of windows nothing
is added up, so that the cost does not grow with the number of postings.

``final_until`` is the start of a site's first window with a provisional figure, else the end of its last window: every window that
starts before it is final. Over all sites it is the earliest of those that are held up by a provisional window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from greencloud.ledger.stop import Stop
from greencloud.results import DataAvailability, FootprintQuery, FootprintRow, Granularity, SiteDataAvailability
from greencloud.units import Window

__all__ = ["EVER", "FilledWindow", "Readable", "data_availability"]

EVER: Final = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""Before and after every window."""


@dataclass(frozen=True, slots=True)
class FilledWindow:
    """A window with postings at one site, and whether any of them is provisional."""

    site: str
    region: str
    window: Window
    provisional: bool


class Readable(Protocol):
    """One version of the ledger; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def footprint(self, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None) -> list[FootprintRow]: ...

    def windows(self, query: FootprintQuery) -> Sequence[FilledWindow]: ...


@dataclass(frozen=True, slots=True)
class _Period:
    """A month, a day or a window in which a site has figures."""

    site: str
    region: str
    start: datetime
    end: datetime
    provisional: bool


@dataclass(slots=True)
class _Ends:
    """The periods of a site that hold its first window, its last, and its first that is provisional. ``end``: of all periods; of
    windows of different lengths the last to start need not be the last to end."""

    first: _Period
    last: _Period
    held: _Period | None
    end: datetime


def data_availability(snapshot: Readable, accounts: Sequence[str] | None = None) -> DataAvailability:
    """From when to when these accounts (None: all, pools included) have figures, at all and by site.

    Raises:
        StoreError: a segment is missing or torn.
    """
    asked = FootprintQuery(
        *EVER,
        accounts=None if accounts is None else tuple(accounts),
        group_by=("site", "region"),
        granularity=Granularity.MONTH,
    )
    months = snapshot.footprint(asked)
    if not months:
        return DataAvailability(ledger_version=snapshot.version)
    found = _ends(map(_period, months))
    days = replace(asked, granularity=Granularity.DAY)
    found = _ends(_period(row) for query in _within(days, found) for row in snapshot.footprint(query))
    found = _ends(_filled(each) for query in _within(asked, found) for each in snapshot.windows(query))
    sites = tuple(_site(name, found[name], [row for row in months if row.dimensions["site"] == name]) for name in sorted(found))
    held = [ends.held.start for ends in found.values() if ends.held]
    end = max(site.end for site in sites)
    return DataAvailability(
        start=min(site.start for site in sites),
        end=end,
        final_until=min(held, default=end),
        updated=max(site.updated for site in sites),
        methodology_versions=tuple(sorted({version for row in months for version in row.methodology_versions})),
        sites=sites,
        ledger_version=snapshot.version,
    )


def _period(row: FootprintRow) -> _Period:
    return _Period(row.dimensions["site"], row.dimensions["region"], row.start, row.end, row.provisional)


def _filled(each: FilledWindow) -> _Period:
    return _Period(each.site, each.region, each.window.start, each.window.end, each.provisional)


def _ends(periods: Iterable[_Period]) -> dict[str, _Ends]:
    """By site. A site of which the region changed has several in one time."""
    found: dict[str, _Ends] = {}
    for each in sorted(periods, key=lambda period: (period.start, period.end)):
        ends = found.setdefault(each.site, _Ends(each, each, None, each.end))
        ends.last = each
        ends.end = max(ends.end, each.end)
        if each.provisional and ends.held is None:
            ends.held = each
    return found


def _within(query: FootprintQuery, found: dict[str, _Ends]) -> list[FootprintQuery]:
    """The same question about the periods at the ends; sites of the same periods are asked about together."""
    sites: dict[tuple[datetime, datetime], dict[str, None]] = {}
    for site, ends in found.items():
        for each in (ends.first, ends.last, ends.held):
            if each:
                sites.setdefault((each.start, each.end), {})[site] = None
    return [replace(query, start=start, end=end, sites=tuple(names)) for (start, end), names in sorted(sites.items())]


def _site(name: str, ends: _Ends, months: Sequence[FootprintRow]) -> SiteDataAvailability:
    return SiteDataAvailability(
        site=name,
        region=ends.last.region,
        start=ends.first.start,
        end=ends.end,
        final_until=ends.held.start if ends.held else ends.end,
        updated=max(row.updated for row in months if row.updated is not None),
    )
