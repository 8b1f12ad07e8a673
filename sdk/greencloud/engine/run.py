"""One run of the allocation: gather what is known, find the windows that are due, allocate each and post it.

Windows are independent: one that cannot be allocated is refused with its reason and holds up no other. A window whose inputs
(facility book, usage, rule, methodology) are those of the batch that is visible is left alone, so that running twice does
nothing; changed inputs make a batch that supersedes. A window that has not ended, or whose late data may still come, is
allocated too and marked provisional. Batches whose usage a new book puts at another site are withdrawn (``moved``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from greencloud.allocation import RULES, allocate_window
from greencloud.engine.data import DataDirectory
from greencloud.engine.moved import moved_batches, withdrawal
from greencloud.errors import AllocationError, FacilityError, QuantityError, UnbalancedError, UsageDataError
from greencloud.facility import Facility
from greencloud.ledger import make_batch
from greencloud.results import BatchSummary, RefusedWindow, RunSummary
from greencloud.telemetry import Collected, collect, read_log
from greencloud.units import Window, format_instant
from greencloud.usage import Usage, digest, merge, rebin, select, site_windows

__all__ = ["GRACE", "Gathered", "gather", "run_allocation"]

GRACE = timedelta(minutes=10)
"""How long after its end a window stays provisional: exporters batch and retry for seconds, hosts buffer for minutes."""

REFUSALS = (AllocationError, FacilityError, UsageDataError, UnbalancedError, QuantityError)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All usage of a data directory in the facility's windows, and what intake could not use."""

    facility: Facility
    usage: Usage
    collected: Collected


def gather(data: DataDirectory) -> Gathered:
    """Everything known of use and meters: the write-ahead log, and the usage files that were ingested."""
    return _gathered(data, data.facility())


def _gathered(data: DataDirectory, facility: Facility) -> Gathered:
    collected = collect(read_log(data.wal_directory), facility)
    filed = rebin(data.segments.read(), facility.window_seconds)
    return Gathered(facility, merge([filed, collected.usage]), collected)


def run_allocation(
    data: DataDirectory,
    *,
    rule: str = "reserved_and_used",
    start: datetime | None = None,
    end: datetime | None = None,
    now: datetime,
    gathered: Gathered | None = None,
) -> RunSummary:
    """Allocate every site-window with usage or readings that starts in ``[start, end)``, and post what is new.

    Raises:
        AllocationError: there is no such rule. What concerns one window is in ``RunSummary.refused`` instead.
    """
    if rule not in RULES:
        raise AllocationError(f"there is no rule {rule!r}", advice=f"rules: {', '.join(RULES)}")
    if start and end and start >= end:
        raise QuantityError(f"the time from {format_instant(start)} to {format_instant(end)} is empty")
    known = gathered or gather(data)
    ledger = data.ledger
    visible = {(batch.site, batch.start): batch for batch in ledger.snapshot().batches()}
    posted: list[BatchSummary] = []
    refused: list[RefusedWindow] = []
    unchanged = 0
    due = _due(known)
    for site, window in due:
        if (start and window.start < start) or (end and window.start >= end):
            continue
        usage = select(known.usage, site, window)
        revision = digest(usage)
        provisional = now < window.end + GRACE
        before = visible.get((site, window.start))
        if before and _same(before, known.facility, revision, rule, provisional):
            unchanged += 1
            continue
        try:
            allocated = allocate_window(known.facility, usage, site, window, rule=rule)
            batch = make_batch(allocated, usage_revision=revision, provisional=provisional, created=now)
            summary = ledger.post(batch)
        except REFUSALS as error:
            refused.append(RefusedWindow(site, window.start, window.end, str(error), error.reason))
            continue
        if summary:
            posted.append(summary)
        else:
            unchanged += 1
    hours_refused = {Window.at(window.start, 3600) for window in refused}
    for old in moved_batches(visible.values(), due, known.facility.revision, lambda revision: _due_under(data, revision)):
        if (start and old.start < start) or (end and old.start >= end):
            continue
        # Where a window of that time was refused, what moved may have no other place yet: the old batch holds it until then.
        if Window.at(old.start, 3600) not in hours_refused:
            gone = withdrawal(old, known.facility)
            nothing = digest(select(known.usage, gone.site, gone.window))
            summary = ledger.post(make_batch(gone, usage_revision=nothing, provisional=False, created=now))
            posted += [summary] if summary else []
    return RunSummary(tuple(posted), unchanged, tuple(refused))


def _due_under(data: DataDirectory, revision: str) -> set[tuple[str, Window]]:
    """The site-windows that an earlier book makes of what is known today; none where the book is not kept any more."""
    facility = data.facility_of(revision)
    return set(_due(_gathered(data, facility))) if facility else set()


def _due(known: Gathered) -> list[tuple[str, Window]]:
    found = set(site_windows(known.usage))
    found |= {(reading.site, reading.window) for reading in known.facility.readings}
    return sorted(found, key=lambda key: (key[1].start, key[0]))


def _same(before: BatchSummary, facility: Facility, revision: str, rule: str, provisional: bool) -> bool:
    return (
        before.facility_revision == facility.revision
        and before.usage_revision == revision
        and before.rule == rule
        and (before.provisional == provisional or not before.provisional)
    )
