"""Orphans: provisional batches of which nothing is known any more, because a usage file was taken away, or a log archived.

No run makes their windows again, so nothing would ever make them final, and no period that they are in could be closed. What they
were made from is kept with them (``inputs``): each is made again from that, under its own facility book and rule, and then it is
final. Its figures stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from greencloud.engine.batch import batch_of
from greencloud.engine.collector import collector_paused
from greencloud.engine.data import DataDirectory
from greencloud.engine.recomputation import Books, allocated_again, kept_inputs, window_of
from greencloud.errors import AllocationError
from greencloud.ledger import Batch
from greencloud.results import BatchSummary
from greencloud.units import Window

__all__ = ["final", "orphans"]


def orphans(batches: Iterable[BatchSummary], due: Collection[tuple[str, Window]]) -> list[BatchSummary]:
    """The provisional batches that share no time with a due window of their site."""
    left = [batch for batch in batches if batch.provisional and (batch.site, window_of(batch)) not in due]
    return [
        batch
        for batch in left
        if not any(site == batch.site and window.start < batch.end and batch.start < window.end for site, window in due)
    ]


def final(data: DataDirectory, batch: BatchSummary, now: datetime) -> Batch:
    """The batch again, as it is and final.

    Raises:
        AllocationError: it cannot be made again from what is kept.
    """
    kept = kept_inputs(data, Books(data), batch)
    if isinstance(kept, str):
        raise AllocationError(
            f"the batch is provisional, nothing is known of its window any more, and its inputs cannot make it final: {kept}",
            advice="ingest the usage of the window again, and allocate",
        )
    facility, inputs = kept
    with collector_paused():
        allocated = allocated_again(batch, facility, inputs)
        return batch_of(allocated, usage_revision=inputs.revision, provisional=False, created=now)
