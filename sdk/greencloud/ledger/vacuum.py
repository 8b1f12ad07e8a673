"""The vacuum: files that no reader needs any more are removed, and nothing that was ever promised is.

A file goes when no version has named it for the grace (readers of an earlier version may still be at it), it has been there for as
long, and everything in it is worth nothing by itself: batches that are visible in another segment (compaction left it behind),
provisional batches (they were promised to change), or what a process wrote that died. A *final* batch that was superseded stays,
since law 3 promises what it said; a policy may let those go a time of its own after they were superseded, and the restatement that
tells of each stays all the same. Earlier versions are read all the same (``earlier``).

Nobody writes meanwhile (``Store.alone``), so that a segment that is about to be committed is never taken for one that nobody wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.errors import StoreError
from greencloud.ledger.earlier import note_removed
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.segments import read_headers, sync
from greencloud.ledger.store import Version

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

    ``keep_superseded``: how long final batches are kept after they were superseded; None is for ever.

    Raises:
        StoreError: the folder or the table's log cannot be read.
    """
    if not ledger.store.folder.is_dir():
        return Vacuumed()
    with ledger.store.alone():
        version = ledger.store.read()
        visible = _names(version) | _names_at(ledger, now - grace)
        in_force = set[str]() if keep_superseded is None else _names_at(ledger, now - keep_superseded)
        ids = {summary.id for summary in ledger.snapshot(version.number).readable_batches()}
        count = size = 0
        for path in sorted(ledger.store.folder.iterdir()):
            if path.name in visible or not path.is_file():
                continue
            state = path.stat()
            age = now - datetime.fromtimestamp(state.st_mtime, UTC)
            outlived = keep_superseded is not None and age >= keep_superseded and path.name not in in_force
            if age < grace or not all(_worthless(path, ids, outlived=outlived)):
                continue
            count, size = count + 1, size + state.st_size
            if not dry_run:
                if path.suffix == ".parquet":
                    note_removed(ledger.store.root, path)
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
        for path in ledger.store.folder.glob("*.parquet"):
            found |= {header.summary.usage_revision for header in read_headers(path)}
    return found


def _names(version: Version) -> set[str]:
    return {Path(path).name for path in version.listing["path"].to_pylist()}


def _names_at(ledger: Ledger, moment: datetime) -> set[str]:
    """What the version named that was the latest at a moment. What came and went since then is younger than that."""
    return _names(ledger.store.read(ledger.version_at(moment)))


def _worthless(path: Path, visible: set[str], *, outlived: bool) -> Iterator[bool]:
    if path.suffix == ".parquet":
        try:
            headers = read_headers(path)
        except StoreError:
            return  # what cannot be read says nothing
        for header in headers:
            summary = header.summary
            yield summary.id in visible or summary.provisional or outlived
