"""What a period says when it is closed: the lines of every account, which batches they are made from, and what is missing.

Lines are sums over the period by service, region, site, SKU, component and quality. A period that is to be closed has ended, every
batch in it is final, and every site has a batch for every window from the start of the period to its end: what is missing is
named, window by window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Final

from greencloud.ledger.snapshot import Snapshot
from greencloud.results import BatchSummary
from greencloud.units import format_instant

__all__ = ["LINE_DIMENSIONS", "Gap", "account_lines", "batches_digest", "gaps"]

LINE_DIMENSIONS: Final = ("service", "region", "site", "sku", "component", "quality")

Amounts = tuple[int, ...]


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


def gaps(batches: Sequence[BatchSummary], sites: Sequence[str], start: datetime, end: datetime) -> list[Gap]:
    """Where a site has no batch, in order of site and time."""
    found = []
    for site in sites:
        reached = start
        for batch in sorted((each for each in batches if each.site == site), key=lambda each: each.start):
            if batch.start > reached:
                found.append(Gap(site, reached, batch.start))
            reached = max(reached, batch.end)
        if reached < end:
            found.append(Gap(site, reached, end))
    return found
