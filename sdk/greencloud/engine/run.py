"""One run of the allocation: gather what is known, find the windows that are due, allocate each and post it.

Windows are independent: one that cannot be allocated is refused with its reason and holds up no other. A window whose inputs
(facility book, usage, rule, methodology) are those of the batch that is visible is left alone, so that running twice does
nothing; changed inputs make a batch that supersedes, which is a restatement where the old one was final. The usage that a batch is
made from is kept before it is posted (``inputs``). A window that has not ended, or whose late data may still come, is allocated
too and marked provisional. Batches whose usage a new book puts at another site are withdrawn (``moved``).

Usage comes from the log and from files that the operator took in. Where a tenant's telemetry tells of a row that a file holds, the
file counts: else a tenant could contradict it, and stop the allocation.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

import pyarrow.compute as pc

from greencloud.allocation import DEFAULT_RULE, Rule, allocate_window, rule_named
from greencloud.engine.batch import batch_of
from greencloud.engine.books import Books
from greencloud.engine.collector import collector_paused
from greencloud.engine.data import DataDirectory
from greencloud.engine.fitting import SiteWindow, in_windows
from greencloud.engine.inputs import BatchInputs, revision_with
from greencloud.engine.moved import moved_batches, withdrawal
from greencloud.engine.slices import slices_of
from greencloud.errors import AllocationError, FacilityError, QuantityError, StoreError, UnbalancedError, UsageDataError
from greencloud.facility import Facility, starter_facility
from greencloud.ledger import Batch, Because
from greencloud.ledger.restatement_files import restatement_of
from greencloud.results import BatchSummary, RefusedWindow, Restatement, RunSummary
from greencloud.telemetry import Collected, DeadLetter
from greencloud.units import Window, format_instant
from greencloud.usage import Usage, by_window, empty_usage, merge, without_keys_of

__all__ = ["GRACE", "LARGE_CHANGE", "REFUSALS", "Gathered", "due_windows", "gather", "run_allocation"]

_LOG = logging.getLogger("greencloud.engine")

GRACE = timedelta(minutes=10)
"""How long after its end a window stays provisional: exporters batch and retry for seconds, hosts buffer for minutes."""

LARGE_CHANGE = Fraction(1)
"""The bound of ``most_change`` where nobody says another: a total that more than doubles, or falls to less than half."""

REFUSALS = (AllocationError, FacilityError, UsageDataError, UnbalancedError, QuantityError)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All usage of a data directory in the facility's windows: of files, and of the log with what intake could not use.

    ``unfit``: windows of which files tell what does not go into them, each with the reason; nothing of it is in ``filed``.
    """

    facility: Facility
    filed: Usage
    collected: Collected
    unfit: Mapping[SiteWindow, UsageDataError] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        """Both together. Raises UsageDataError where what the provider's telemetry and files say of one row differs."""
        return merge([self.filed, self.collected.usage])

    def check(self, site: str, window: Window) -> None:
        """Raises UsageDataError where what files tell of the window does not go into it."""
        if (site, window) in self.unfit:
            raise self.unfit[site, window]


def gather(data: DataDirectory, *, keep: bool = False) -> Gathered:
    """Everything known of use and meters: the write-ahead log, and the usage files that were ingested.

    ``keep`` is for the holder of ``data.allocating()``: it keeps what was worked out of the log for the next run.
    """
    return _gathered(data, data.facility(), keep=keep)


def _gathered(data: DataDirectory, facility: Facility, *, keep: bool = False) -> Gathered:
    filed, unfit = in_windows(data.segments.read(), facility.window_seconds)
    settled, unsettled = in_windows(data.telemetry.settled_usage(), facility.window_seconds)
    collected = data.telemetry.collect(facility, keep=keep)
    collected = replace(collected, usage=merge([collected.usage, settled]))
    return Gathered(facility, filed, _beside(filed, collected), unsettled | unfit)


def _beside(filed: Usage, collected: Collected) -> Collected:
    """What was collected, without tenants' rows that a file holds."""
    rows = collected.usage.rows
    told = rows.filter(pc.equal(rows["source"], "tenant"))
    kept = without_keys_of(told, filed.rows)
    if kept.num_rows == told.num_rows:
        return collected
    left_out = without_keys_of(told, kept)
    rest = Usage(rows.filter(pc.not_equal(rows["source"], "tenant")), collected.usage.readings)
    first = left_out.slice(0, 1).to_pylist()[0]
    letter = DeadLetter(
        "a row that an ingested file holds", left_out.num_rows, f"account {first['account']}, service {first['service']}"
    )
    dead = tuple(sorted((*collected.dead_letters, letter)))
    return replace(collected, usage=merge([rest, Usage(kept, rest.readings.slice(0, 0))]), dead_letters=dead)


def run_allocation(
    data: DataDirectory,
    *,
    rule: str = DEFAULT_RULE,
    start: datetime | None = None,
    end: datetime | None = None,
    now: datetime,
    gathered: Gathered | None = None,
    settle_after: timedelta | None = None,
    requested_by: str = "",
    reason: str = "",
    most_change: Fraction | None = None,
    dry_run: bool = False,
) -> RunSummary:
    """Allocate every site-window with usage or readings that starts in ``[start, end)``, and post what is new.

    With ``settle_after`` the hours are settled afterwards that nothing came of for so long (``greencloud.telemetry.store``).
    Whoever gathers beforehand holds ``data.allocating()`` from then on.

    ``requested_by`` and ``reason`` are kept with restatements, for customers to read. ``most_change`` refuses those that would
    change a total of a site and window by more than that, relative to the smaller of both: unless late data is the only cause,
    or no book was in force when it was posted. With ``dry_run`` nothing is written and nobody is kept waiting; the answer is
    what would be posted and refused, and the restatements that would come, those refused by ``most_change`` among them.

    Raises:
        StoreError: another run is under way.
        AllocationError: there is no such rule. What concerns one window is in ``RunSummary.refused`` instead.
    """
    named = rule_named(rule)
    if start and end and start >= end:
        raise QuantityError(f"the time from {format_instant(start)} to {format_instant(end)} is empty")
    if gathered is None and not dry_run:
        with data.allocating():
            return run_allocation(
                data,
                rule=rule,
                start=start,
                end=end,
                now=now,
                gathered=gather(data, keep=True),
                settle_after=settle_after,
                requested_by=requested_by,
                reason=reason,
                most_change=most_change,
            )
    known = gathered or gather(data)
    ledger = data.ledger
    because = Because(requested_by, reason, Books(data, known.facility).changes, most_change)
    defaults = starter_facility().revision
    restatements: list[Restatement] = []

    def post(batch: Batch, before: BatchSummary | None) -> BatchSummary | None:
        # What was posted by named defaults, before there was a book, is no standard to measure the book by.
        why = replace(because, most_change=None) if before and before.facility_revision == defaults else because
        if not dry_run:
            return ledger.post(batch, because=why)
        for would in ledger.preview([batch], because=why):
            if would.link:
                restatements.append(restatement_of(would.link))
            if would.refusal:
                raise would.refusal
            return would.summary
        return None

    visible = {(batch.site, batch.start): batch for batch in ledger.snapshot().readable_batches()}
    posted: list[BatchSummary] = []
    refused: list[RefusedWindow] = []
    unchanged = 0
    due = due_windows(known)
    slices = slices_of(data, known.facility) if named.needs_slices else None
    for (site, window), parts in due.items():
        if (start and window.start < start) or (end and window.start >= end):
            continue
        provisional = now < window.end + GRACE
        before = visible.get((site, window.start))
        try:
            known.check(site, window)
            usage = merge(parts)
            within = slices.within(site, window) if slices else None
            if slices and within is None:
                within = usage.rows.slice(0, 0)
            revision = revision_with(usage, within)
            if before and _same(before, known.facility, revision, named, provisional):
                unchanged += 1
                if not data.inputs.holds(revision):  # posted before inputs were kept, or they were lost
                    data.inputs.write(BatchInputs(usage, within))
                continue
            with collector_paused():
                allocated = allocate_window(known.facility, usage, site, window, rule=rule, slices=within)
                batch = batch_of(allocated, usage_revision=revision, provisional=provisional, created=now)
            if not dry_run:
                data.inputs.write(BatchInputs(usage, within))
            summary = post(batch, before)
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
            inputs = BatchInputs(empty_usage())
            nothing = inputs.revision if dry_run else data.inputs.write(inputs)
            summary = post(batch_of(gone, usage_revision=nothing, provisional=False, created=now), old)
            posted += [summary] if summary else []
    if settle_after is not None and not dry_run:
        try:
            data.telemetry.settle(known.facility, int(now.timestamp()) * 1_000_000_000, settle_after)
        except StoreError as error:  # all is posted; the next run tries again
            _LOG.warning("old telemetry was not settled: %s", error.message)
    return RunSummary(tuple(posted), unchanged, tuple(refused), tuple(restatements))


def _due_under(data: DataDirectory, revision: str) -> set[SiteWindow]:
    """The site-windows that an earlier book makes of what is known today; none where the book is not kept any more."""
    facility = data.facility_of(revision)
    return set(due_windows(_gathered(data, facility))) if facility else set()


def due_windows(known: Gathered) -> Mapping[SiteWindow, list[Usage]]:
    """Every site and window of which something is known, in order, with what files and the log say of it."""
    found: dict[SiteWindow, list[Usage]] = {}
    for usage in (known.filed, known.collected.usage):
        for key, part in by_window(usage).items():
            found.setdefault(key, []).append(part)
    for key in (*((reading.site, reading.window) for reading in known.facility.readings), *known.unfit):
        found.setdefault(key, [])
    return dict(sorted(found.items(), key=lambda item: (item[0][1].start, item[0][0])))


def _same(before: BatchSummary, facility: Facility, revision: str, rule: Rule, provisional: bool) -> bool:
    return (
        before.facility_revision == facility.revision
        and before.usage_revision == revision
        and before.methodology_version == str(rule)
        and (before.provisional == provisional or not before.provisional)
    )
