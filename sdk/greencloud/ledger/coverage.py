"""For how much of a time the ledger holds every site: half a fleet is not a smaller fleet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from greencloud.results import BatchSummary

__all__ = ["Span", "covered_by_all", "seconds_in", "union_of"]

Span = tuple[datetime, datetime]
"""Half-open."""


def union_of(spans: Iterable[Span]) -> list[Span]:
    """The same stretches of time, in order, without gaps or overlaps between neighbours."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def seconds_in(spans: Iterable[Span]) -> int:
    """Seconds of stretches that do not overlap."""
    return sum(int((end - start).total_seconds()) for start, end in spans)


def covered_by_all(batches: Sequence[BatchSummary], sites: Iterable[str]) -> list[Span]:
    """The time in which each of the sites has a batch; withdrawn batches cover nothing. No site: no time."""
    common: list[Span] | None = None
    for site in sorted(set(sites)):
        union = union_of((batch.start, batch.end) for batch in batches if batch.site == site and not batch.withdrawn)
        common = union if common is None else _intersection(common, union)
    return common or []


def _intersection(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return found
