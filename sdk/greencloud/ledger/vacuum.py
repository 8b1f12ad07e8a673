"""The vacuum: files that no reader needs any more are removed, and nothing that was ever promised is.

A file goes when no visible batch lies in it, it has been there longer than the grace (readers of an earlier version may still be
at it), and everything in it is worth nothing by itself: batches that are visible in another segment (compaction left it behind),
provisional batches (they were promised to change), or what a process wrote that died. A *final* batch that was superseded stays,
since law 3 promises what it said; a policy may let those go after a time of its own, and the restatement that tells of each stays
all the same.

Nobody writes meanwhile (``Store.alone``), so that a segment that is about to be committed is never taken for one that nobody wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.errors import StoreError
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.segments import read_headers, sync

__all__ = ["GRACE", "Vacuumed", "kept_revisions", "vacuum"]

GRACE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Vacuumed:
    files: int = 0
    bytes: int = 0


def vacuum(
    ledger: Ledger, now: datetime, *, grace: timedelta = GRACE, keep_superseded: timedelta | None = None, dry_run: bool = False
) -> Vacuumed:
    """Remove what is not needed; with ``dry_run`` only say how much that is.

    ``keep_superseded``: how long final batches are kept that were superseded; None is for ever.

    Raises:
        StoreError: the folder or the table's log cannot be read.
    """
    if not ledger.store.folder.is_dir():
        return Vacuumed()
    with ledger.store.alone():
        version = ledger.store.read()
        visible = {Path(segment.path).name for segment in version.segments()}
        ids = {summary.id for summary in ledger.snapshot(version.number).readable_batches()}
        count = size = 0
        for path in sorted(ledger.store.folder.iterdir()):
            if path.name in visible or not path.is_file():
                continue
            state = path.stat()
            age = now - datetime.fromtimestamp(state.st_mtime, UTC)
            if age < grace or not all(_worthless(path, ids, age, keep_superseded)):
                continue
            count, size = count + 1, size + state.st_size
            if not dry_run:
                path.unlink()
                ledger.checkpoint("removed")
        if count and not dry_run:
            sync(ledger.store.folder)
    return Vacuumed(count, size)


def kept_revisions(ledger: Ledger) -> set[str]:
    """The usage revisions of every batch that is kept, visible or not.

    Raises:
        StoreError: a segment cannot be read, so that nobody knows what it needs.
    """
    found: set[str] = set()
    if ledger.store.folder.is_dir():
        visible = {ledger.store.root / segment.path for segment in ledger.store.read().segments()}  # of which some may be lost
        for path in sorted(visible.union(ledger.store.folder.glob("*.parquet"))):
            found |= {header.summary.usage_revision for header in read_headers(path)}
    return found


def _worthless(path: Path, visible: set[str], age: timedelta, keep_superseded: timedelta | None) -> Iterator[bool]:
    if path.suffix == ".parquet":
        try:
            headers = read_headers(path)
        except StoreError:
            return  # what cannot be read says nothing
        for header in headers:
            summary = header.summary
            outlived = keep_superseded is not None and age >= keep_superseded
            yield summary.id in visible or summary.provisional or outlived
