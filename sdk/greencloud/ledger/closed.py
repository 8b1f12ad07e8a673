"""What a period says when it is closed: the lines of every account, which batches they are made from, and what is missing.

Lines are sums over the period by service, region, site, SKU, component and quality. A period that is to be closed has ended, every
batch in it is final, and every site has a batch for every window of the period: what is missing is named, window by window.

A site that opened after the period, or was shut down before it, lacks nothing of it: only between its first and its last batch can
a site have a gap. That a site began or ended within the period is told, as nothing tells a site that was shut down from one that
sends nothing any more. But a site is still going on as long as the ledger itself has not gone on for a day without it: what is not
allocated yet is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Final

from greencloud.ledger.snapshot import Snapshot
from greencloud.results import BatchSummary
from greencloud.units import format_instant

__all__ = ["LINE_DIMENSIONS", "Gap", "account_lines", "batches_digest", "begun_or_ended", "gaps"]

LINE_DIMENSIONS: Final = ("service", "region", "site", "sku", "component", "quality")

_SILENCE: Final = timedelta(days=1)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

Amounts = tuple[int, ...]
Lives = Mapping[str, tuple[datetime, datetime]]
"""From when to when each site has batches in the whole ledger."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A site has no batch for the time from ``start`` to ``end``."""

    site: str
    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.site} has no batch from {format_instant(self.start)} to {format_instant(self.end)}"


def account_lines(
    snapshot: Snapshot, start: datetime, end: datetime
) -> Iterator[tuple[str, list[tuple[tuple[str, ...], Amounts]]]]:
    """Every account and pool in order, with its lines: values of ``LINE_DIMENSIONS``, and amounts in the order of ``MEASURES``."""
    width = 1 + len(LINE_DIMENSIONS)
    rows = snapshot.sums(("account", *LINE_DIMENSIONS), start, end)
    for account, own in groupby(rows, key=lambda row: str(row[0])):
        yield account, [(tuple(map(str, row[1:width])), tuple(map(int, row[width:]))) for row in own]


def batches_digest(batches: Sequence[BatchSummary]) -> bytes:
    """SHA-256 over the batches that count, a line each (site, start, end, id, parted by tabs) in order of their text."""
    lines = sorted(f"{each.site}\t{format_instant(each.start)}\t{format_instant(each.end)}\t{each.id}" for each in batches)
    return sha256("".join(f"{line}\n" for line in lines).encode()).digest()


def gaps(batches: Sequence[BatchSummary], lives: Lives, start: datetime, end: datetime) -> list[Gap]:
    """Where a site has no batch while it is going on, in order of site and time; ``batches`` are those of the period."""
    found = []
    for site, (first, last) in sorted(_going_on(lives).items()):
        reached = max(start, first)
        for batch in sorted((each for each in batches if each.site == site), key=lambda each: each.start):
            if batch.start > reached:
                found.append(Gap(site, reached, batch.start))
            reached = max(reached, batch.end)
        until = min(end, last)
        if reached < until:
            found.append(Gap(site, reached, until))
    return found


def begun_or_ended(lives: Lives, start: datetime, end: datetime) -> list[str]:
    """A sentence for each site whose first or last batch is within the period, in order of site."""
    found = []
    for site, (first, last) in sorted(_going_on(lives).items()):
        if start < first < end:
            found.append(f"{site} has no batch before {format_instant(first)}: it is taken to begin then")
        if start < last < end:
            found.append(f"{site} has no batch after {format_instant(last)}: it is taken to end then")
    return found


def _going_on(lives: Lives) -> Lives:
    """With no end where the ledger has not yet gone on for long without the site."""
    ends = [last for _, last in lives.values()]
    return {site: (first, last if max(ends) - last >= _SILENCE else _NEVER) for site, (first, last) in lives.items()}
