"""The vacuum: files that no reader needs any more are removed, and nothing that was ever promised is.

A file goes when no visible batch lies in it, it has been there longer than the grace (readers of an earlier version may still be
at it), and everything in it is worth nothing by itself: batches that are visible in another segment (compaction left it behind),
provisional batches (they were promised to change), or what a process wrote that died. A *final* batch that was superseded stays,
since law 3 promises what it said; a policy may let those go after a time of its own, and the restatement that tells of each stays
all the same.

Nobody writes meanwhile (``Store.alone``), so that a segment that is about to be committed is never taken for one that nobody wants.
On object storage nobody can be held off; there the grace is never shorter than an hour, and whoever lost the lease before is fenced
off first, so that a writer that slept so long cannot commit what was removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.errors import StoreError
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.objects import Objects, Stored
from greencloud.ledger.segments import gather_headers, read_headers, sync
from greencloud.ledger.store import Version

__all__ = ["GRACE", "Vacuumed", "effective_grace", "kept_revisions", "vacuum"]

GRACE: Final = timedelta(days=7)
SHORTEST: Final = timedelta(hours=1)
"""On object storage: from the put of a segment to its commit no post takes so long."""


@dataclass(frozen=True, slots=True)
class Vacuumed:
    files: int = 0
    bytes: int = 0


def vacuum(
    ledger: Ledger,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    keep_superseded: timedelta | None = None,
    dry_run: bool = False,
    lease: int | None = None,
) -> Vacuumed:
    """Remove what is not needed; with ``dry_run`` only say how much that is.

    ``keep_superseded``: how long final batches are kept that were superseded; None is for ever. ``lease``: the number of the lease
    that the caller holds.

    Raises:
        StoreError: the folder or the table's log cannot be read.
        StoreUnavailableError: the object store does not answer.
        LeaseLostError: another writer holds a later lease.
    """
    objects = ledger.store.objects
    if not objects.remote and not ledger.store.folder.is_dir():
        return Vacuumed()
    grace = effective_grace(ledger, grace)
    with ledger.store.alone():
        found = _unwanted(ledger, now, grace, keep_superseded)
        if found and objects.remote and lease is not None and not dry_run:
            ledger.store.fence(lease, ledger.clock())
            visible = _visible(ledger.store.read())  # what was committed before the fence counts
            found = [each for each in found if each.path.name not in visible]
        if found and not dry_run:
            for each in found:
                objects.remove(each.path)
                ledger.checkpoint("removed")
            if not objects.remote:
                sync(ledger.store.folder)
    return Vacuumed(len(found), sum(each.size for each in found))


def _unwanted(ledger: Ledger, now: datetime, grace: timedelta, keep_superseded: timedelta | None) -> list[Stored]:
    objects, version = ledger.store.objects, ledger.store.read()
    visible = _visible(version)
    ids = {summary.id for summary in ledger.snapshot(version.number).readable_batches()}
    old = [each for each in objects.stored(ledger.store.folder) if each.path.name not in visible and now - each.modified >= grace]
    gather_headers([each.path for each in old if each.path.suffix == ".parquet"], objects)
    return [each for each in old if all(_worthless(each.path, objects, ids, now - each.modified, keep_superseded))]


def _visible(version: Version) -> set[str]:
    return {Path(segment.path).name for segment in version.segments()}


def effective_grace(ledger: Ledger, grace: timedelta) -> timedelta:
    """The grace, or the shortest that is safe where no lock holds writers off."""
    return max(grace, SHORTEST) if ledger.store.objects.remote else grace


def kept_revisions(ledger: Ledger) -> set[str]:
    """The usage revisions of every batch that is kept, visible or not.

    Raises:
        StoreError: a segment cannot be read, so that nobody knows what it needs.
    """
    objects = ledger.store.objects
    paths = [ledger.store.folder / name for name in objects.names(ledger.store.folder) if name.endswith(".parquet")]
    gather_headers(paths, objects)
    return {header.summary.usage_revision for path in paths for header in read_headers(path, objects)}


def _worthless(
    path: Path, objects: Objects, visible: set[str], age: timedelta, keep_superseded: timedelta | None
) -> Iterator[bool]:
    if path.suffix == ".parquet":
        try:
            headers = read_headers(path, objects)
        except StoreError:
            return  # what cannot be read says nothing
        for header in headers:
            summary = header.summary
            outlived = keep_superseded is not None and age >= keep_superseded
            yield summary.id in visible or summary.provisional or outlived
