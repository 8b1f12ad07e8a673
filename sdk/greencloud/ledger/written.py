"""A batch that was written elsewhere: a worker of a distributed run allocated it, checked it, and wrote its segment.

Nobody sees the segment until a commit names it. The ledger takes it as it is where the batch comes out as the worker was told (what
it supersedes is what is visible now, and it restates nothing). Otherwise its postings are read back, and it is written once more:
the worker's file stays an orphan, which the vacuum removes. Postings that are never wanted are never read, so that a commit costs
the same whatever its segments hold.

A worker is this program, so that the balance it has checked (``greencloud.ledger.checks``) is not checked again; what is read back
must have the id of the header.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from greencloud.errors import StoreError
from greencloud.ledger.batch import batch_id
from greencloud.ledger.columns import ROWS
from greencloud.ledger.header import Header
from greencloud.ledger.segments import read_segment
from greencloud.ledger.version import Segment
from greencloud.objects.objects import LOCAL, Objects
from greencloud.results import BatchSummary
from greencloud.units import Window

__all__ = ["WrittenBatch"]


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """``header``: as it is in the segment. ``size``: bytes of the file; ``modified_ms``: when it was written, since 1970.

    ``root``: the ledger's folder, and ``objects`` where its files lie.
    """

    header: Header
    segment: Segment
    size: int
    modified_ms: int
    root: Path
    objects: Objects = LOCAL

    @property
    def summary(self) -> BatchSummary:
        """As a batch has it that is not posted yet."""
        return replace(self.header.summary, supersedes="")

    @property
    def totals(self) -> dict[str, int]:
        return self.header.totals

    @property
    def window(self) -> Window:
        summary = self.header.summary
        return Window(summary.start, int((summary.end - summary.start).total_seconds()))

    @property
    def postings(self) -> pa.Table:
        """Read back from the segment. Raises StoreError where it is lost, torn or of another batch."""
        path = self.root / self.segment.path
        postings = read_segment(path, self.objects).select(ROWS.names)
        if batch_id(self.summary, postings, self.totals) != self.summary.id:
            raise StoreError(f"{path}: it holds another batch than the one that was made", path=str(path), advice="allocate again")
        return postings
