"""Posting what a run made of a site's day: in one step, without what is refused.

One commit for a day replaces a segment of that day once and not window by window, and replaces one that is lost or torn as a
whole, which cannot be done in part. A batch that is refused is told with its reason, and holds up no other. In a dry run nothing is
written, and the outcome is what would come of it.

So is one at which greencloud itself fails, in a way that nobody thought of: it would fail at it in every run, and hold up all that
comes after. Its traceback goes to the log. What a machine lacks (memory, a disk, a library) is no window's fault, and ends the run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from greencloud.errors import (
    AllocationError,
    FacilityError,
    GreencloudError,
    LeaseLostError,
    QuantityError,
    StorageFullError,
    StoreError,
    UnbalancedError,
    UsageDataError,
)
from greencloud.ledger import Because, Ledger
from greencloud.ledger.batch import AnyBatch
from greencloud.ledger.lease import Held
from greencloud.ledger.restatement_chain import restatement_of
from greencloud.results import BatchSummary, RefusedWindow, Restatement, RunSummary
from greencloud.units import Window

__all__ = ["FAULT", "OF_THE_MACHINE", "REFUSALS", "Outcome", "fault_told"]

_LOG: Final = logging.getLogger("greencloud.engine")

REFUSALS = (AllocationError, FacilityError, UsageDataError, UnbalancedError, QuantityError)
"""What concerns one window by itself."""

OF_THE_MACHINE = (ImportError, MemoryError, OSError)
"""What another try, or another machine, may not meet."""

FAULT: Final = "INTERNAL"
"""The reason of a window that was refused because greencloud failed at it."""

_LONGEST: Final = 600


def fault_told(error: BaseException) -> str:
    """What is told of it to who reads of refused windows."""
    return f"greencloud failed at it, which is a fault of greencloud: {type(error).__name__}: {error}"[:_LONGEST]


@dataclass(slots=True)
class Outcome:
    """What came of the windows of a run so far. ``held``: the lease to write; None for a dry run."""

    ledger: Ledger
    held: Held | None
    posted: list[BatchSummary] = field(default_factory=list)
    refused: list[RefusedWindow] = field(default_factory=list)
    restatements: list[Restatement] = field(default_factory=list)
    unchanged: int = 0

    def summary(self) -> RunSummary:
        """All of it, in order of window, then site."""

        def place(each: BatchSummary | RefusedWindow | Restatement) -> tuple[datetime, str]:
            return each.start, each.site

        posted, refused = sorted(self.posted, key=place), sorted(self.refused, key=place)
        return RunSummary(tuple(posted), self.unchanged, tuple(refused), tuple(sorted(self.restatements, key=place)))

    def refuse(self, site: str, window: Window, error: GreencloudError) -> None:
        self.refuse_for(site, window, str(error), error.reason)

    def refuse_for(self, site: str, window: Window, message: str, reason: str) -> None:
        """As ``refuse``, of an error that a worker told."""
        self.refused.append(RefusedWindow(site, window.start, window.end, message, reason))

    @contextmanager
    def refusing(self, site: str, window: Window) -> Iterator[None]:
        """What goes wrong in the block is told as a refusal of that window. Raises what is not of the window."""
        try:
            yield
        except REFUSALS as error:
            self.refuse(site, window, error)
        except (GreencloudError, *OF_THE_MACHINE):
            raise
        except Exception as error:
            _LOG.exception("%s %s is refused", site, window)
            self.refuse_for(site, window, fault_told(error), FAULT)

    def post(self, batches: Sequence[AnyBatch], why: Because) -> None:
        """Post batches of one site and day.

        Raises:
            LeaseLostError, StorageFullError: nothing of them was posted.
            StoreError: nothing was posted, for a reason that is of no batch by itself.
        """
        if self.held is None:
            self._preview(batches, why)
            return
        left = list(batches)
        while left:
            try:
                posted = self.ledger.post_all(left, because=why, lease=self.held.number)
            except (LeaseLostError, StorageFullError):
                raise
            except (*REFUSALS, StoreError):
                if not (refused := self._refusals(left, why)):
                    raise
                left = [batch for batch in left if batch.window not in refused]
            else:
                self.posted += posted
                self.unchanged += len(left) - len(posted)
                return

    def _refusals(self, batches: Sequence[AnyBatch], why: Because) -> set[Window]:
        """The windows of which the ledger refuses the batch; each is told."""
        found = set()
        for would in self.ledger.preview(batches, because=why):
            if would.refusal:
                self.refuse(would.batch.summary.site, would.batch.window, would.refusal)
                found.add(would.batch.window)
        return found

    def _preview(self, batches: Sequence[AnyBatch], why: Because) -> None:
        found = self.ledger.preview(batches, because=why)
        self.unchanged += len(batches) - len(found)
        for would in found:
            if would.link:
                self.restatements.append(restatement_of(would.link, would.link.lines))
            if would.refusal:
                self.refuse(would.batch.summary.site, would.batch.window, would.refusal)
            else:
                self.posted.append(would.summary)
