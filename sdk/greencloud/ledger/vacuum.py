"""The vacuum: files that no reader needs any more are removed, and nothing that was ever promised is.

A file goes when no version has named it for the grace (readers of an earlier version may still be at it), it has been there for as
long, and everything in it is worth nothing by itself: batches that are visible in another segment (compaction left it behind),
provisional batches (they were promised to change), or what a process wrote that died. A *final* batch that was superseded stays,
since law 3 promises what it said; a policy may let those go a time of its own after they were superseded, and the restatement that
tells of each stays all the same. Earlier versions are read all the same (``earlier``).

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
from greencloud.ledger.earlier import note_removed
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

    ``keep_superseded``: how long final batches are kept after they were superseded; None is for ever. ``lease``: the number of the
    lease that the caller holds.

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
            visible = _names(ledger.store.read())  # what was committed before the fence counts
            found = [each for each in found if each.path.name not in visible]
        if found and not dry_run:
            for each in found:
                if each.path.suffix == ".parquet":
                    note_removed(ledger.store, each.path)
                objects.remove(each.path)
                ledger.checkpoint("removed")
            if not objects.remote:
                sync(ledger.store.folder)
    return Vacuumed(len(found), sum(each.size for each in found))


def _unwanted(ledger: Ledger, now: datetime, grace: timedelta, keep_superseded: timedelta | None) -> list[Stored]:
    objects, version = ledger.store.objects, ledger.store.read()
    named = _names(version) | _names_at(ledger, now - grace)
    in_force = set[str]() if keep_superseded is None else _names_at(ledger, now - keep_superseded)
    ids = {summary.id for summary in ledger.snapshot(version.number).readable_batches()}
    old = [each for each in objects.stored(ledger.store.folder) if each.path.name not in named and now - each.modified >= grace]
    gather_headers([each.path for each in old if each.path.suffix == ".parquet"], objects)

    def outlived(each: Stored) -> bool:
        return keep_superseded is not None and now - each.modified >= keep_superseded and each.path.name not in in_force

    return [each for each in old if all(_worthless(each.path, objects, ids, outlived=outlived(each)))]


def effective_grace(ledger: Ledger, grace: timedelta) -> timedelta:
    """The grace, or the shortest that is safe where no lock holds writers off."""
    return max(grace, SHORTEST) if ledger.store.objects.remote else grace


def kept_revisions(ledger: Ledger) -> set[str]:
    """The usage revisions of every batch that is kept, visible or not.

    Raises:
        StoreError: a segment cannot be read, so that nobody knows what it needs.
    """
    objects = ledger.store.objects
    if not objects.remote and not ledger.store.folder.is_dir():
        return set()
    paths = {ledger.store.folder / name for name in objects.names(ledger.store.folder) if name.endswith(".parquet")}
    paths |= {ledger.store.root / segment.path for segment in ledger.store.read().segments()}  # of which some may be lost
    gather_headers(sorted(paths), objects)
    return {header.summary.usage_revision for path in sorted(paths) for header in read_headers(path, objects)}


def _names(version: Version) -> set[str]:
    return {Path(path).name for path in version.listing["path"].to_pylist()}


def _names_at(ledger: Ledger, moment: datetime) -> set[str]:
    """What the version named that was the latest at a moment. What came and went since then is younger than that."""
    return _names(ledger.store.read(ledger.store.latest_by(moment)))


def _worthless(path: Path, objects: Objects, visible: set[str], *, outlived: bool) -> Iterator[bool]:
    if path.suffix == ".parquet":
        try:
            headers = read_headers(path, objects)
        except StoreError:
            return  # what cannot be read says nothing
        for header in headers:
            summary = header.summary
            yield summary.id in visible or summary.provisional or outlived
