"""Windows as they were posted, of all sites over a period: whether each balances, and where there is none.

A batch is one (site, window): its **metered** energy is what accounts and pools were charged (law 1), and what is left of it is the
difference, which is zero in every batch that was ever visible. A **gap** is a time between a site's first and last window of which
there is no batch: it was refused, or never allocated. What comes after the last window is not a gap; how far behind a site is says
its freshness.

A page takes ``MOST_WINDOWS`` at most. Where there are more it says up to where it looked, and a shorter period has all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from greencloud.page.asked import Asked
from greencloud.page.view import Caller
from greencloud.results import BatchSummary, SiteDataAvailability
from greencloud.units import Energy

__all__ = [
    "MOST_WINDOWS",
    "Gap",
    "SiteBalance",
    "Windows",
    "balance_of",
    "gaps",
    "missing",
    "site_balances",
    "windows_asked",
    "windows_between",
]

MOST_WINDOWS = 20_000
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Windows:
    """Batches in order of window and site, those that were withdrawn left out. ``until``: up to where they were read, where there
    are more of them than are shown."""

    batches: Sequence[BatchSummary]
    until: datetime | None = None

    @property
    def by_site(self) -> dict[str, list[BatchSummary]]:
        found: dict[str, list[BatchSummary]] = defaultdict(list)
        for batch in self.batches:
            found[batch.site].append(batch)
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class SiteBalance:
    """All windows of a site, or of all sites (``site`` ""): energy in millijoules."""

    site: str
    count: int
    unbalanced: int
    provisional: int
    metered: int
    accounts: int
    pools: dict[str, int]

    @property
    def difference(self) -> int:
        return self.metered - self.accounts - sum(self.pools.values())


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that a site has no batch of."""

    site: str
    start: datetime
    end: datetime


def windows_asked(caller: Caller, asked: Asked, *, most: int = MOST_WINDOWS) -> Windows:
    """Of the period. Raises PermissionDeniedError for whoever is not on the provider's side."""
    return windows_between(caller, asked.period.start, asked.period.end, most=most)


def windows_between(caller: Caller, start: datetime, end: datetime, *, most: int = MOST_WINDOWS) -> Windows:
    """Of the windows that start in ``[start, end)``. Raises PermissionDeniedError for whoever is not on the provider's side."""
    found = list(islice(caller.client.list_batches(start, end, page_size=min(_PAGE, most + 1)), most + 1))
    until = found[-1].start if len(found) > most else None
    return Windows([batch for batch in found if not batch.withdrawn and (until is None or batch.start < until)], until)


def site_balances(windows: Windows) -> list[SiteBalance]:
    """A line a site."""
    return [_balance(site, batches) for site, batches in windows.by_site.items()]


def balance_of(windows: Windows) -> SiteBalance:
    """Of all sites."""
    return _balance("", windows.batches)


def gaps(windows: Windows, sites: Iterable[SiteDataAvailability], start: datetime, end: datetime) -> list[Gap]:
    """Where a site has no batch in ``[start, end)`` between its first and its last window ever, as far as windows were read."""
    found, by_site = [], windows.by_site
    for each in sites:
        reached, limit = max(start, each.start), min(end, each.end, windows.until or end)
        for batch in by_site.get(each.site, ()):
            if batch.start > reached:
                found.append(Gap(each.site, reached, batch.start))
            reached = max(reached, batch.end)
        if reached < limit:
            found.append(Gap(each.site, reached, limit))
    return found


def missing(found: Iterable[Gap]) -> timedelta:
    """How long all gaps are, of all sites together."""
    return sum((gap.end - gap.start for gap in found), timedelta())


def _balance(site: str, batches: Sequence[BatchSummary]) -> SiteBalance:
    pools: dict[str, int] = defaultdict(int)
    for batch in batches:
        for pool, energy in batch.pool_energy.items():
            pools[pool] += energy.millijoules
    return SiteBalance(
        site=site,
        count=len(batches),
        unbalanced=sum(batch.difference != Energy() for batch in batches),
        provisional=sum(batch.provisional for batch in batches),
        metered=sum(batch.metered_energy.millijoules for batch in batches),
        accounts=sum(batch.account_energy.millijoules for batch in batches),
        pools=dict(sorted(pools.items())),
    )
