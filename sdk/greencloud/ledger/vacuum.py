"""The vacuum: files that no reader needs any more are removed, and nothing that was ever promised is.

A file goes when no version has named it for the grace (readers of an earlier version may still be at it), it has been there for as
long, and everything in it is worth nothing by itself: batches that are visible in another segment (compaction left it behind),
provisional batches (they were promised to change), or what lies whole in another file that stays. What a process wrote that died
before its commit goes too, whatever it holds: the table's log has every name that ever counted. A *final* batch that was superseded
stays, since law 3 promises what it said; a policy may let those go a time of its own after they were superseded, and the
restatement that tells of each stays all the same. Earlier versions are read all the same (``earlier``).

Nobody writes meanwhile (``Store.alone``), so that a segment that is about to be committed is never taken for one that nobody wants.
On object storage nobody can be held off; there the grace is never shorter than an hour, and whoever lost the lease before is fenced
off first, so that a writer that slept so long cannot commit what was removed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.errors import StoreError
from greencloud.ledger.earlier import batches_in, note_removed
from greencloud.ledger.header import Header, encode_headers
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.segments import gather_headers, read_encoded, read_headers, sync
from greencloud.ledger.version import Version
from greencloud.objects.objects import Objects, Stored
from greencloud.results import BatchSummary

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
    in_force = set[str]()
    if keep_superseded is not None:
        in_force = {each for name in _names_at(ledger, now - keep_superseded) for each in batches_in(ledger.store, name)}
    ids = {summary.id for summary in ledger.snapshot(version.number).readable_batches()}
    stored = objects.stored(ledger.store.folder)
    gather_headers([each.path for each in stored if each.path.suffix == ".parquet"], objects)
    old = [each for each in stored if each.path.name not in named and now - each.modified >= grace]
    worth: dict[Path, set[bytes]] = {}
    for each in old:
        outlived = keep_superseded is not None and now - each.modified >= keep_superseded
        headers = _headers(each.path, objects)
        worth[each.path] = {
            encode_headers([header]) for header in headers if not _worthless(header.summary, ids, in_force, outlived=outlived)
        }
        if not headers and each.path.suffix == ".parquet":
            # What cannot be read now was worth something if it ever counted, unless it is visible elsewhere: it was repaired.
            lost = batches_in(ledger.store, each.path.name)
            worth[each.path] = set() if lost and ids.issuperset(lost) else {each.path.name.encode()}
    needed = {path: batches for path, batches in worth.items() if batches}
    if needed:
        ever = _ever_named(ledger, version)
        needed = {path: batches for path, batches in needed.items() if path.name in ever}
    gone = worth.keys() - needed.keys()
    gone |= _copies(needed, [each.path for each in stored if each.path not in gone], objects)
    return [each for each in old if each.path in gone]


def _copies(needed: Mapping[Path, set[bytes]], staying: Sequence[Path], objects: Objects) -> set[Path]:
    """The files of which everything that is needed lies in another file that stays, and that was read whole just now.

    The smaller ones go: what was left of a day, each time that an hour of it was replaced, is in the file of the whole day.
    """
    holders: dict[bytes, set[Path]] = defaultdict(set)
    wanted = set[bytes]().union(*needed.values())
    for path in staying if wanted else ():
        for batch in wanted.intersection(encode_headers([header]) for header in _headers(path, objects)):
            holders[batch].add(path)
    whole: dict[Path, bool] = {}

    def is_whole(path: Path) -> bool:
        if path not in whole:
            try:
                whole[path] = read_encoded(path, objects) is not None
            except StoreError:
                whole[path] = False
        return whole[path]

    gone = set()
    for path in sorted(needed, key=lambda each: (len(needed[each]), each)):
        if all(any(is_whole(other) for other in sorted(holders[batch] - {path})) for batch in needed[path]):
            gone.add(path)
            for batch in needed[path]:
                holders[batch].discard(path)
    return gone


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


def _ever_named(ledger: Ledger, version: Version) -> Container[str]:
    """What any version named; everything, where the log cannot tell."""
    try:
        return {Path(segment.path).name for segment in ledger.store.added(version.number)}
    except StoreError:
        return _Everything()


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True


def _headers(path: Path, objects: Objects) -> tuple[Header, ...]:
    """None where it is no segment, or cannot be read."""
    if path.suffix != ".parquet":
        return ()
    try:
        return read_headers(path, objects)
    except StoreError:
        return ()


def _worthless(summary: BatchSummary, visible: Container[str], in_force: Container[str], *, outlived: bool) -> bool:
    return summary.id in visible or summary.provisional or (outlived and summary.id not in in_force)
