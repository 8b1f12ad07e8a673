"""One run of the allocation: gather what is known, find the windows that are due, allocate each and post it.

Windows are independent: one that cannot be allocated or posted is refused with its reason and holds up no other. What is posted of
a site's day is posted in one step, so that a day that was compacted is replaced once and not hour by hour, and one of which the
segment is lost or torn is replaced as a whole; no more than that is held at a time. A window whose inputs
(facility book, usage, rule, methodology) are those of the batch that is visible is left alone, so that running twice does
nothing; changed inputs make a batch that supersedes, which is a restatement where the old one was final. The usage that a batch is
made from is kept before it is posted (``inputs``). A window that has not ended, or whose late data may still come, is allocated
too and marked provisional; if nothing is known of it any more by then, its batch is made final as it is (``orphans``). Batches
whose usage a new book puts at another site are withdrawn (``moved``). A batch that was made from usage which is not here any more,
or lies in a lake, stands, though the book still has meters of its window: else they would be charged to nobody.

One run at a time writes, under the ledger's lease; of two at once the one that read less could post last.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction

from greencloud.allocation import DEFAULT_RULE, rule_named
from greencloud.engine.batch import batch_of
from greencloud.engine.data import DataDirectory
from greencloud.engine.distribution import Progress, distribute, silent
from greencloud.engine.feed import Feed
from greencloud.engine.fitting import SiteWindow
from greencloud.engine.following import make_current
from greencloud.engine.gathering import Gathered, due_windows, gather, gather_under
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.lake_run import LakeRun
from greencloud.engine.moved import moved_batches, withdrawal
from greencloud.engine.orphans import final, orphans
from greencloud.engine.partition import Partition
from greencloud.engine.recomputation import window_of
from greencloud.engine.run_state import GRACE, Options, RunState
from greencloud.engine.runner import InProcess, Runner
from greencloud.engine.slices import slices_of
from greencloud.engine.window_batch import window_batch
from greencloud.errors import QuantityError, StoreError
from greencloud.ledger import Batch
from greencloud.ledger.lease import Held
from greencloud.results import BatchSummary, RunSummary
from greencloud.telemetry.shared_log import SharedLog
from greencloud.units import Window, format_instant
from greencloud.usage import empty_usage, merge

__all__ = ["GRACE", "LARGE_CHANGE", "run_allocation"]

_LOG = logging.getLogger("greencloud.engine")

LARGE_CHANGE = Fraction(1)
"""The bound of ``most_change`` where nobody says another: a total that more than doubles, or falls to less than half."""


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
    runner: Runner | None = None,
    lake: str = "",
    worker_memory: int = 0,
    progress: Progress = silent,
    log: SharedLog | None = None,
    told: Callable[[Gathered], object] = lambda _: None,
) -> RunSummary:
    """Allocate every site-window with usage or readings that starts in ``[start, end)``, and post what is new.

    With ``settle_after`` the hours are settled afterwards that nothing came of for so long (``greencloud.telemetry.store``).
    Whoever gathers beforehand holds ``data.allocating()`` from then on; that holds off no other machine, so of an object store all
    is gathered again under the lease.

    ``requested_by`` and ``reason`` are kept with restatements, for customers to read. ``most_change`` refuses those that would
    change a total of a site and window by more than that, relative to the smaller of both: unless late data is the only cause,
    or no book was in force when it was posted. With ``dry_run`` nothing is written and nobody is kept waiting; the answer is
    what would be posted and refused, and the restatements that would come, those refused by ``most_change`` among them.

    With a ``runner`` its workers allocate (``greencloud.engine.distribution``); the ledger is the same to the bit. ``lake``: take
    usage from there and from nowhere else (``greencloud.engine.lake_run``). ``progress`` is told how many windows are done, and of
    how many. ``worker_memory``: bytes that a worker has, so that a window that does not go into them is refused.

    ``log`` is the shared log that the directory follows, if it does: the run begins when all of it is here (``following``).
    ``told`` is given what was gathered.

    Raises:
        StoreError: another run is under way, or the directory follows a shared log and none was named, or the ledger is fed by
            another log or a later facility book (``greencloud.engine.feed``).
        LogUnavailableError, LogLostError: not all of the shared log is here; nothing was allocated.
        AllocationError: there is no such rule. What concerns one window is in ``RunSummary.refused`` instead.
    """
    rule_named(rule)
    if dry_run and (runner or lake):
        raise QuantityError(
            "a dry run is made in this process, of what the data directory holds", advice="leave --engine and --lake out"
        )
    if start and end and start >= end:
        raise QuantityError(f"the time from {format_instant(start)} to {format_instant(end)} is empty")
    options = Options(rule, start, end, now, settle_after, requested_by, reason, most_change, worker_memory)
    if lake:
        with data.allocating(), data.writing() as held:
            Feed(data).note(None, now)
            return LakeRun(data, lake, options, held).summary(runner or InProcess(), progress)
    if dry_run:
        return _Run(data, gathered or gather(data), options, None).summary()
    by = log.name if log else ""
    if gathered is None:
        with data.allocating():
            make_current(data, log)
            with data.writing() as held:
                make_current(data, log, held.keep)
                Feed(data).note(by, now)
                known = gather(data, keep=True)
                told(known)
                return _Run(data, known, options, held, runner=runner, progress=progress).summary()
    make_current(data, log)
    with data.writing() as held:
        Feed(data).note(by, now)
        if data.objects.remote:  # another machine may have known more meanwhile, and posted it
            gathered = gather(data, keep=True)
        return _Run(data, gathered, options, held, runner=runner, progress=progress).summary()


class _Run(RunState):
    """A run of what is known of a data directory."""

    def __init__(
        self,
        data: DataDirectory,
        known: Gathered,
        options: Options,
        held: Held | None,
        *,
        runner: Runner | None = None,
        progress: Progress = silent,
    ) -> None:
        super().__init__(data, known.facility, options, held)
        self.runner = runner
        self.progress = progress
        self.known = known
        self.due = due_windows(known)
        self.standing = self._standing()
        self.slices = slices_of(data, known.facility) if self.rule.needs_slices else None

    def summary(self) -> RunSummary:
        days: dict[tuple[date, str], list[Window]] = defaultdict(list)
        for site, window in self.due:
            if self.options.wanted(window.start) and (site, window) not in self.standing:
                days[window.start.date(), site].append(window)
        self._allocate(days)
        self._finish(self._withdraw())
        self._settle()
        return self.outcome.summary()

    def _allocate(self, days: Mapping[tuple[date, str], Sequence[Window]]) -> None:
        """Make and post the batches of every window, by day and site."""
        count, done = sum(map(len, days.values())), 0
        if self.runner:
            places = [(site, window) for (_, site), windows in days.items() for window in windows]
            distribute(self, self.runner, (part for place in places if (part := self._partition(*place))), count, self.progress)
            return
        for (_, site), windows in days.items():
            self.post([batch for window in windows if (batch := self._made(site, window))])
            done += len(windows)
            self.progress(done, count)

    def _partition(self, site: str, window: Window) -> Partition | None:
        """A window for a worker, its inputs kept where the worker finds them; None as ``changed``."""
        if not (found := self.changed(site, window)):
            return None
        self.data.inputs.write(found[0])
        return self.partition(site, window, usage=found[1])

    def _made(self, site: str, window: Window) -> Batch | None:
        """The batch of a window, its inputs kept; None where it is refused, or the one that is visible is of the same inputs."""
        if not (found := self.changed(site, window)):
            return None
        inputs, revision = found
        batch = None
        with self.outcome.refusing(site, window):
            batch = window_batch(
                self.facility,
                inputs,
                site,
                window,
                rule=self.options.rule,
                usage_revision=revision,
                provisional=self.provisional(window),
                created=self.options.now,
            )
        if batch and self.held:
            self.data.inputs.write(inputs)
        return batch

    def changed(self, site: str, window: Window) -> tuple[BatchInputs, str] | None:
        """The inputs of a window and their revision; None where they are refused, or those of the batch that is visible."""
        if self.held:
            self.held.keep()
        inputs = None
        with self.outcome.refusing(site, window):
            self.known.check(site, window)
            usage = merge(self.due[site, window])
            within = self.slices.within(site, window) if self.slices else None
            if self.slices and within is None:
                within = usage.rows.slice(0, 0)
            inputs = BatchInputs(usage, within)
        if inputs is None:
            return None
        revision = inputs.revision
        if revision != self.unchanged_if(site, window):
            return inputs, revision
        self.outcome.unchanged += 1
        if self.held and not self.data.inputs.holds(revision):  # posted before inputs were kept, or they were lost
            self.data.inputs.write(inputs)
        return None

    def _withdraw(self) -> list[BatchSummary]:
        """Batches whose usage a new book puts at another site, which stand for nothing any more; all of them."""
        facility = self.facility
        hours_refused = {Window.at(window.start, 3600) for window in self.outcome.refused}
        days: dict[tuple[date, str], list[Batch]] = defaultdict(list)
        moved = moved_batches(self.visible.values(), self.due, facility.revision, self._due_under)
        for old in moved:
            # Where a window of that time was refused, what moved may have no other place yet: the old batch holds it until then.
            if self.options.wanted(old.start) and Window.at(old.start, 3600) not in hours_refused:
                inputs = BatchInputs(empty_usage())
                nothing = self.data.inputs.write(inputs) if self.held else inputs.revision
                gone = batch_of(withdrawal(old, facility), usage_revision=nothing, provisional=False, created=self.options.now)
                days[old.start.date(), old.site].append(gone)
        for batches in days.values():
            self.post(batches)
        return moved

    def _finish(self, moved: list[BatchSummary]) -> None:
        elsewhere = {each.id for each in moved}
        days: dict[tuple[date, str], list[Batch]] = defaultdict(list)
        for old in orphans(self.visible.values(), self.due.keys() - self.standing):
            if self.options.wanted(old.start) and self.options.now >= old.end + GRACE and old.id not in elsewhere:
                if self.held:
                    self.held.keep()
                with self.outcome.refusing(old.site, window_of(old)):
                    days[old.start.date(), old.site].append(final(self.data, old, self.options.now))
        for batches in days.values():
            self.post(batches)

    def _settle(self) -> None:
        if self.options.settle_after is not None and self.held:
            now_ns = int(self.options.now.timestamp()) * 1_000_000_000
            try:
                self.data.telemetry.settle(self.facility, now_ns, self.options.settle_after)
            except StoreError as error:  # all is posted; the next run tries again
                _LOG.warning("old telemetry was not settled: %s", error.message)

    def _standing(self) -> set[SiteWindow]:
        """Windows of which the book alone still says something, and whose visible batch was made from more. Where an earlier book
        put use there that is known today, it has moved, and the window is to be allocated without."""
        places: dict[str, set[SiteWindow]] = defaultdict(set)
        for (site, window), told in self.due.items():
            if not told and (site, window) not in self.known.unfit and (before := self.made_from_usage(site, window)):
                places[before.facility_revision].add((site, window))
        places = {
            revision: found if revision == self.facility.revision else found - self._due_under(revision, of_usage=True)
            for revision, found in places.items()
        }
        return set[SiteWindow]().union(*places.values())

    def _due_under(self, revision: str, *, of_usage: bool = False) -> set[SiteWindow]:
        """The site-windows that an earlier book makes of what is known today; none where the book is not kept any more.

        ``of_usage``: without those of which the book alone says something.
        """
        facility = self.data.facility_of(revision)
        due = due_windows(gather_under(self.data, facility)) if facility else {}
        return {place for place, told in due.items() if told or not of_usage}
