"""What there are figures of: from when to when, up to where they are final, and how fresh.

It is found by three questions to a snapshot, each finer and shorter than the one before: the months of every site, the days of
the months at the ends, the windows of the days at the ends. Months and most days are answered by roll-ups, so that the cost does
not grow with the number of postings.

``final_until`` is the start of a site's first window with a provisional figure, else the end of its last window: every window that
starts before it is final. Over all sites it is the earliest of those that are held up by a provisional window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from greencloud.results import DataAvailability, FootprintQuery, FootprintRow, Granularity, SiteDataAvailability

__all__ = ["EVER", "Readable", "data_availability"]

EVER: Final = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""Before and after every window."""

_FINER: Final = (Granularity.DAY, Granularity.WINDOW)


class Readable(Protocol):
    """One version of the ledger; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]: ...


@dataclass(slots=True)
class _Ends:
    """The periods of a site that hold its first window, its last, and its first that is provisional. ``end``: of all periods; of
    windows of different lengths the last to start need not be the last to end."""

    first: FootprintRow
    last: FootprintRow
    held: FootprintRow | None
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
    found = _ends(months)
    for granularity in _FINER:
        found = _ends(_within(snapshot, replace(asked, granularity=granularity), found))
    sites = tuple(_site(name, found[name], [row for row in months if row.dimensions["site"] == name]) for name in sorted(found))
    held = [ends.held.start for ends in found.values() if ends.held]
    return DataAvailability(
        start=min(site.start for site in sites),
        end=max(site.end for site in sites),
        final_until=min(held) if held else max(site.end for site in sites),
        updated=max(site.updated for site in sites),
        methodology_versions=tuple(sorted({version for row in months for version in row.methodology_versions})),
        sites=sites,
        ledger_version=snapshot.version,
    )


def _ends(rows: Iterable[FootprintRow]) -> dict[str, _Ends]:
    """By site. A site of which the region changed has several rows in a period."""
    found: dict[str, _Ends] = {}
    for row in sorted(rows, key=lambda row: (row.start, row.end)):
        ends = found.setdefault(row.dimensions["site"], _Ends(row, row, None, row.end))
        ends.last = row
        ends.end = max(ends.end, row.end)
        if row.provisional and ends.held is None:
            ends.held = row
    return found


def _within(snapshot: Readable, query: FootprintQuery, found: dict[str, _Ends]) -> list[FootprintRow]:
    """The rows of a finer question about the periods at the ends; sites of the same periods are asked together."""
    sites: dict[tuple[datetime, datetime], dict[str, None]] = {}
    for site, ends in found.items():
        for row in (ends.first, ends.last, ends.held):
            if row:
                sites.setdefault((row.start, row.end), {})[site] = None
    return [
        row
        for (start, end), names in sorted(sites.items())
        for row in snapshot.footprint(replace(query, start=start, end=end, sites=tuple(names)))
    ]


def _site(name: str, ends: _Ends, months: Sequence[FootprintRow]) -> SiteDataAvailability:
    return SiteDataAvailability(
        site=name,
        region=ends.last.dimensions["region"],
        start=ends.first.start,
        end=ends.end,
        final_until=ends.held.start if ends.held else ends.end,
        updated=max(row.updated for row in months if row.updated is not None),
    )
