"""The ledger: append-only batches of postings, of which one per (site, window) is visible.

Posting a batch checks that it balances, writes its segment, and makes it visible by one commit, which also takes the earlier
batch of that site and window out of sight. A process that dies on the way leaves the old state or the new one; at worst a file
that no version names. What was replaced stays readable in the version before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from greencloud.errors import AllocationError, StoreError
from greencloud.ledger.audit import examine
from greencloud.ledger.batch import Batch
from greencloud.ledger.checks import check_batch
from greencloud.ledger.segments import batch_id_in, read_header, write_segment
from greencloud.ledger.snapshot import Snapshot
from greencloud.ledger.store import EMPTY, Segment, Store, Version, storage_errors
from greencloud.results import BatchSummary
from greencloud.units import Window

__all__ = ["Ledger"]

# Each failed try means that another writer's commit was made, so there is always progress; this only ends a hopeless race.
_TRIES: Final = 200


def _pass(step: str) -> None:
    """What happens between the steps of a post: nothing."""


class Ledger:
    """The ledger in the folder ``root``, which the first post creates.

    Any number of processes and threads may read and post at once; start processes by ``spawn``, since Delta's runtime does not
    outlive a fork. ``token`` makes file names unique; ``checkpoint`` is called
    with the name of each step of a post when it is done (checked, segment_written, segment_synced, segment_renamed,
    segment_durable, committed).
    """

    def __init__(
        self, root: Path, *, token: Callable[[], str] = lambda: secrets.token_hex(16), checkpoint: Callable[[str], None] = _pass
    ) -> None:
        self.root = root
        self._store = Store(root)
        self._token = token
        self._checkpoint = checkpoint
        self._latest = EMPTY

    def post(self, batch: Batch) -> BatchSummary | None:
        """Make a batch visible in place of the earlier one of its site and window, and return its header as posted.

        None: the very same batch is visible already, and nothing was done.

        Raises:
            UnbalancedError: the postings do not add up; nothing was posted.
            AllocationError: the site has a window of another length at that time, and both would count.
            StorageFullError: no room; nothing was posted.
            StoreError: the batch is malformed, or the folder cannot be written.
        """
        check_batch(batch)
        self._checkpoint("checked")
        written: tuple[BatchSummary, Segment] | None = None
        for _ in range(_TRIES):
            base = self._store.read()
            earlier = _earlier(base, batch)
            if self._is_visible(batch, earlier):
                return None
            replaced = next((batch_id_in(segment.path) for segment in earlier), "")
            summary = replace(batch.summary, supersedes=replaced if replaced != batch.summary.id else "")
            if written is None or written[0] != summary:
                written = summary, self._write(summary, batch)
                self._checkpoint("segment_durable")
            if self._store.commit(base, written[1], earlier):
                self._checkpoint("committed")
                return summary
        raise StoreError(f"{self.root}: other writers were first {_TRIES} times", path=str(self.root), advice="post it again")

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The latest version, or an earlier one by number (-1 is the empty ledger before the first post).

        Raises:
            NotFoundError: there is no such version.
            StoreError: the table's log cannot be read.
        """
        if version is not None:
            return Snapshot(self._store.root, self._store.read(version))
        if self._latest is EMPTY or not self._store.is_latest(self._latest):
            self._latest = self._store.read()
        return Snapshot(self._store.root, self._latest)

    def verify(self) -> list[str]:
        """Read every visible segment whole and say what is wrong, one sentence a finding; empty when all is well."""
        return examine(self._store.root, self._store.read())

    def _write(self, summary: BatchSummary, batch: Batch) -> Segment:
        with storage_errors(self.root):
            self._store.prepare()
            path = write_segment(
                self._store.folder, summary, batch.postings, batch.totals, token=self._token(), checkpoint=self._checkpoint
            )
        return Segment(path.relative_to(self._store.root).as_posix(), summary.site, batch.window)

    def _is_visible(self, batch: Batch, earlier: list[Segment]) -> bool:
        if [batch_id_in(segment.path) for segment in earlier] != [batch.summary.id]:
            return False
        try:
            return read_header(self._store.root / earlier[0].path).summary.id == batch.summary.id
        except StoreError:
            return False  # lost or torn: posting it again repairs it


def _earlier(base: Version, batch: Batch) -> list[Segment]:
    hour = Window.at(batch.summary.start, 3600)
    near = base.segments(hour.start, hour.end, (batch.summary.site,))
    for segment in near:
        if segment.window != batch.window and segment.window.start < batch.window.end and batch.window.start < segment.window.end:
            raise AllocationError(
                f"{batch.summary.site} has a batch of {segment.window} already, which {batch.window} overlaps",
                site=batch.summary.site,
                window=str(batch.window),
                advice="keep the length of windows for the time that was posted, or allocate into a new data directory",
            )
    return [segment for segment in near if segment.window == batch.window]
