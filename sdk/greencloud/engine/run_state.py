"""The state of a run under way: what it was asked for, what is visible, and what has come of its windows so far.

What every run shares, whether it works in this process or has workers: how it posts a site's day, and when a window is unchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Final

from greencloud.allocation import rule_named
from greencloud.engine.books import Books
from greencloud.engine.data import DataDirectory
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.partition import Partition
from greencloud.engine.posting import Outcome
from greencloud.engine.recomputation import window_of
from greencloud.facility import Facility, starter_facility
from greencloud.ledger import Because
from greencloud.ledger.batch import AnyBatch
from greencloud.ledger.lease import Held
from greencloud.results import BatchSummary
from greencloud.units import Window, microseconds_of
from greencloud.usage import ROWS, empty_usage

__all__ = ["GRACE", "Options", "RunState"]

GRACE: Final = timedelta(minutes=10)
"""How long after its end a window stays provisional: exporters batch and retry for seconds, hosts buffer for minutes."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of ``greencloud.engine.run.run_allocation``."""

    rule: str
    start: datetime | None
    end: datetime | None
    now: datetime
    settle_after: timedelta | None
    requested_by: str
    reason: str
    most_change: Fraction | None
    worker_memory: int = 0

    def wanted(self, start: datetime) -> bool:
        return (self.start is None or start >= self.start) and (self.end is None or start < self.end)


class RunState:
    """``held``: the lease to write; None for a dry run."""

    def __init__(self, data: DataDirectory, facility: Facility, options: Options, held: Held | None) -> None:
        self.data = data
        self.facility = facility
        self.options = options
        self.held = held
        self.rule = rule_named(options.rule)
        self.ledger = data.ledger
        self.because = Because(options.requested_by, options.reason, Books(data, facility).changes, options.most_change)
        self.defaults = starter_facility().revision
        self.visible = {(batch.site, batch.start): batch for batch in self.ledger.snapshot().readable_batches()}
        self.outcome = Outcome(self.ledger, held)

    def provisional(self, window: Window) -> bool:
        """Whether late data of it may still come."""
        return self.options.now < window.end + GRACE

    def unchanged_if(self, site: str, window: Window) -> str:
        """The usage revision with which the batch that is visible would come out again; "" where it would with none."""
        before = self.visible.get((site, window.start))
        same = (
            before is not None
            and before.facility_revision == self.facility.revision
            and before.methodology_version == str(self.rule)
            and (before.provisional == self.provisional(window) or not before.provisional)
        )
        return before.usage_revision if before and same else ""

    def made_from_usage(self, site: str, window: Window) -> BatchSummary | None:
        """The batch of a window that is visible, if anything but the facility book said what it charges."""
        before = self.visible.get((site, window.start))
        return before if before and window_of(before) == window and before.usage_revision not in _of_nothing() else None

    def partition(
        self, site: str, window: Window, *, usage: str = "", lake: str = "", files: tuple[str, ...] = (), size: int = 0
    ) -> Partition:
        """A window for a worker. ``usage``: the revision of its kept inputs, or ``files`` of a ``lake``."""
        before = self.visible.get((site, window.start))
        return Partition(
            site,
            window.start_us,
            window.seconds,
            self.facility.revision,
            self.options.rule,
            self.provisional(window),
            microseconds_of(self.options.now),
            usage=usage,
            lake=lake,
            files=files,
            size=size,
            supersedes=before.id if before else "",
            unchanged_if=self.unchanged_if(site, window),
            memory=self.options.worker_memory,
        )

    def post(self, batches: Sequence[AnyBatch]) -> None:
        """Post batches of one site and day."""
        by_default: dict[bool, list[AnyBatch]] = defaultdict(list)
        for batch in batches:
            before: BatchSummary | None = self.visible.get((batch.summary.site, batch.summary.start))
            by_default[before is not None and before.facility_revision == self.defaults].append(batch)
        for defaults, own in by_default.items():
            # What was posted by named defaults, before there was a book, is no standard to measure the book by.
            why = replace(self.because, most_change=None) if defaults else self.because
            self.outcome.post(own, why)


@cache
def _of_nothing() -> frozenset[str]:
    """The usage revisions of batches for which nobody told of any use."""
    return frozenset(BatchInputs(empty_usage(), slices).revision for slices in (None, ROWS.empty_table()))
