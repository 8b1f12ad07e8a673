"""The Delta table that says which segments are visible: one atomic commit adds and removes segments, and readers see all or
nothing.

A version of the table is a list of segments; a reader takes one version's list and never looks into the folder, where segments
that no version names may lie (a process died before its commit). The log is never cleaned up, so every version stays known.

**The double count.** Two writers that both find a new (site, window) empty would both add a segment, and Delta would take both:
appends do not conflict. So each commit carries an application transaction for every hour of a site that it posts to. Delta refuses
the second of two concurrent commits with the same one; and since it compares concurrent commits only, what a commit removes is
worked out from the same fresh version that it commits against. The transaction is named for site and *hour*: windows divide the
hour, so this also catches writers of different window lengths that would overlap. Two commits that remove the same segment
conflict by themselves. The first commit of all makes the table, which Delta does not keep others from doing at the same moment
(the second becomes version 1, and nothing conflicts); so it is made under a lock, and on an object store by putting the first
entry of the log ourselves, which only one can.

**The fence.** A writer with a lease commits with the lease's number as the version of the transaction "lease". Who finds a higher
number there has lost its lease and is refused; and of two commits at the same moment Delta takes one.

**Time.** Every commit is stamped with the writer's clock, or with the stamp of the version before where the clock is behind it. The
version before is the one that it was worked out from: of two commits from one version Delta takes one, since each carries the
transaction "order". So stamps never go back, and a moment before the newest stamp means one version, for ever. A later moment does
not: a commit is seen some time after it was stamped, and a clock may be behind.

**Object storage.** The table and its segments may lie there, with this folder as a cache (``greencloud.objects.bucket``). Locks
hold on one machine only, so there are none then: conditional puts, transactions and the fence keep writers apart.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction

from greencloud.errors import LeaseLostError, NotFoundError, StoreError, StoreUnavailableError
from greencloud.ledger.faults import is_full, plain, storage_errors
from greencloud.ledger.segments import sync
from greencloud.ledger.table import PARTITION, SCHEMA, create_table
from greencloud.ledger.table_log import drop_damaged_checkpoints, entry_of, set_torn_entry_aside, sync_log, torn_entry
from greencloud.ledger.version import EMPTY, Commit, Segment, Version, partition_values, segment_of, version_of
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.s3 import unavailable
from greencloud.units import format_instant, parse_instant

__all__ = ["Store"]

SEGMENTS: Final = "segments"

_LEASE: Final = "lease"
_ORDER: Final = "order"
_STAMP: Final = "greencloud.committed"


class Store:
    """The table in the folder ``root``, or where ``objects`` lie. Every call opens it afresh: a handle that is kept is a version
    that has passed."""

    def __init__(self, root: Path, objects: Objects = LOCAL) -> None:
        self.root = root.absolute()
        self.objects = objects
        self.where = objects.uri or str(self.root)
        if not objects.remote and unquote(str(self.root)) != str(self.root):
            # Delta's kernel decodes the path once too often and would then look in another folder.
            raise StoreError(
                f"{self.root}: a ledger cannot lie under a name with %XX in it", path=str(root), advice="rename the folder"
            )

    @property
    def folder(self) -> Path:
        """Where segments lie."""
        return self.root / SEGMENTS

    def read(self, number: int | None = None) -> Version:
        """The latest version, or an earlier one; ``EMPTY`` where nothing was ever posted.

        Raises:
            NotFoundError: there is no such version.
            StoreError: the log cannot be read.
            StoreUnavailableError: the object store does not answer.
        """
        with self._asking():
            table = self._open()
            latest = table.version() if table else EMPTY.number
            if number is not None and not EMPTY.number <= number <= latest:
                raise NotFoundError(f"{self.where}: there is no version {number}", advice=f"versions go from 0 to {latest}")
            if table is None or number == EMPTY.number:
                return EMPTY
            if number not in {None, latest}:
                table.load_as_version(number if number is not None else latest)
            return version_of(table)

    def is_latest(self, version: Version) -> bool:
        """Whether no later version exists. One look at the folder: versions are created in order, each as one file."""
        if self.objects.remote:
            return not self.objects.exists(entry_of(self.root, version.number + 1))
        return not entry_of(self.root, version.number + 1).exists() and (
            version.number < 0 or entry_of(self.root, version.number).exists()
        )

    def prepare(self) -> None:
        """Make the folders, durably."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync(self.root)
            sync(self.root.parent)

    def commit(self, base: Version, commit: Commit, now: datetime) -> bool:
        """Make the step from ``base``, which must be fresh.

        Returns False, with nothing changed, when another writer was first.

        Raises:
            LeaseLostError: another writer holds a later lease.
            StoreUnavailableError: the object store does not answer. Whether the step was made is not known; to post the same
                again is right in any case.
        """
        with self._asking():
            held = _lease_in(base)
            if commit.lease is not None and held > commit.lease:
                raise LeaseLostError(f"{self.where}: lease {commit.lease} has passed to another writer, which holds {held}")
            stamp = format_instant(max(now, self.committed(base.number) or now))
            properties = CommitProperties(
                custom_metadata={_STAMP: stamp, **commit.notes}, app_transactions=list(_transactions(base, commit))
            )
            try:
                self._commit(base, commit, properties)
            except (DeltaError, OSError, StoreUnavailableError) as error:
                # What counts is the log, not what the call says of it: a commit may have been made before something failed.
                now_there = self.read()
                paths = set(now_there.listing["path"].to_pylist())
                if not commit.added or not all(segment.path in paths for segment in commit.added):
                    if isinstance(error, CommitFailedError) and not is_full(error):
                        return False
                    if base.handle is None and now_there.number >= 0:
                        return False
                    raise
        if not self.objects.remote:
            try:
                sync_log(self.root, base.number + 1)
            except OSError as error:
                raise StoreError(
                    f"{self.root}: version {base.number + 1} was committed, and the disk does not confirm that it is kept: {error}",
                    path=str(self.root),
                    advice="see to the disk, then do the same again: what is there counts once",
                ) from error
        return True

    def lease(self) -> int:
        """The highest number of a lease that any commit carried; 0 where none did. Raises StoreError: the log cannot be read."""
        return _lease_in(self.read())

    def fence(self, lease: int, now: datetime) -> None:
        """See to it that no writer with an earlier lease can commit any more.

        Raises:
            LeaseLostError: another writer holds a later lease.
        """
        while (base := self.read()).handle is not None:
            if base.handle.transaction_version(_LEASE) == lease:
                return
            if self.commit(base, Commit((), (), (), lease, {"greencloud.work": "fence"}), now):
                return

    def put(self, segments: Sequence[Segment]) -> None:
        """Keep segments that were written, before the commit that names them. Raises StoreUnavailableError."""
        self.objects.put([self.root / segment.path for segment in segments])

    def discard(self, base: Version, files: Iterable[Path]) -> None:
        """Remove what was written for a commit against ``base`` that failed. Where there is a later version, it may name them, and
        they are left to the vacuum; as they are in an object store, which may still be at it."""
        if not self.objects.remote and self.is_latest(base):
            for file in files:
                file.unlink(missing_ok=True)

    def committed(self, number: int) -> datetime | None:
        """When a version was committed, by its stamp; None where it has none, or where there is no such version."""
        stamp = self.noted(number, _STAMP)
        return parse_instant(stamp) if stamp else None

    def latest_by(self, moment: datetime) -> int:
        """The latest version that was stamped no later; -1 where none was. One without a stamp counts as the one before it."""
        low, high = EMPTY.number, self.read().number
        while low < high:  # stamps never go back
            middle = known = (low + high + 1) // 2
            while known > low and (stamp := self.committed(known)) is None:
                known -= 1
            if known == low or (stamp and stamp <= moment):
                low = middle
            else:
                high = known - 1
        return low

    def noted(self, number: int, name: str) -> str | None:
        """What the commit of a version noted; None where it did not, or where there is no such version."""
        for line in (self.objects.content(entry_of(self.root, number)) or b"").splitlines():
            if b'"commitInfo"' in line:
                note: str | None = json.loads(line)["commitInfo"].get(name)
                return note
        return None

    def added(self, number: int) -> Iterator[Segment]:
        """Every segment that a commit up to version ``number`` made visible, whether it still is or not, in order of commit.

        Raises:
            StoreError: an entry of the log cannot be read.
        """
        for entry in (entry_of(self.root, each) for each in range(number + 1)):
            try:
                lines = (self.objects.content(entry) or b"").splitlines()
                yield from (segment_of(json.loads(line)["add"]) for line in lines if line.startswith(b'{"add"'))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(f"{entry}: the entry of the log cannot be read: {error}", path=str(entry)) from error

    def _commit(self, base: Version, commit: Commit, properties: CommitProperties) -> None:
        added = [self._add(segment, commit.states.get(segment.path) or self._state(segment)) for segment in commit.added]
        if base.handle is None:
            if self.objects.remote:
                with tempfile.TemporaryDirectory(prefix="greencloud-") as folder:
                    create_table(folder, added, properties, remote=True)
                    first = (Path(folder) / entry_of(self.root, 0).relative_to(self.root)).read_bytes()
                    first = first.replace(Path(folder).as_uri().encode(), self.where.encode())
                if not self.objects.create(entry_of(self.root, 0), first):
                    raise CommitFailedError("another writer made the table")
                return
            with self._locked("first.lock", fcntl.LOCK_EX):
                if self._open() is not None:
                    raise CommitFailedError("another writer made the table")
                create_table(str(self.root), added, properties)
            return
        when = max((action.modification_time for action in added), default=0)
        removed = [RemoveAction(old.path, True, when, partition_values=partition_values(old)) for old in commit.removed]
        base.handle.create_write_transaction(
            [*added, *removed], mode="append", schema=SCHEMA, partition_by=PARTITION, commit_properties=properties
        )

    def _state(self, segment: Segment) -> tuple[int, int]:
        path = self.root / segment.path
        state = self.objects.read([path], path.stat)
        return state.st_size, state.st_mtime_ns // 1_000_000

    def _add(self, segment: Segment, state: tuple[int, int]) -> AddAction:
        bounds = {"minValues": segment.first, "maxValues": segment.last}
        stats = {
            name: {"window_start": f"{at:%Y-%m-%dT%H:%M:%S}.000Z", "window_s": segment.window_s} for name, at in bounds.items()
        }
        return AddAction(
            path=segment.path,
            size=state[0],
            partition_values=partition_values(segment),
            modification_time=state[1],
            data_change=True,
            stats=json.dumps({"numRecords": segment.rows, **stats, "nullCount": {}}),
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold off who must be alone, from the writing of a segment to its commit."""
        with self._locked("writers.lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody writes, and hold off who would."""
        with self._locked("writers.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def making_again(self) -> Iterator[None]:
        """Hold off who would make the same segments of an earlier version again."""
        with self._locked("again.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def _locked(self, name: str, kind: int) -> Iterator[None]:
        """A lock that the system releases should this process die. None on object storage, where it would mean nothing."""
        if self.objects.remote:
            yield
            return
        self.prepare()
        file = os.open(self.root / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, kind)
            yield
        finally:
            os.close(file)

    def repair(self) -> Path | None:
        """Set a torn newest entry of the log aside, so that the ledger opens at the version before; return where it is now.

        None: it is whole, as every object is in an object store. A loss of power in the middle of a commit, which nobody was told
        of, leaves such an entry.
        """
        if self.objects.remote:
            return None
        with storage_errors(self.root), self.alone():
            return set_torn_entry_aside(self.root)

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(self.where, storage_options=self.objects.options or None)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            if self.objects.remote:
                raise
            if drop_damaged_checkpoints(self.root):
                return self._open()
            if entry := torn_entry(self.root):
                raise StoreError(
                    f"{entry}: the newest entry of the log is torn, as a loss of power in the middle of a commit leaves it",
                    path=str(entry),
                    advice="greencloud ledger repair sets it aside; what was acknowledged before it is whole",
                ) from error
            raise

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self.objects.remote:
            with storage_errors(self.root):
                yield
            return
        try:
            yield
        except (DeltaError, OSError) as error:
            raise unavailable(self.where, plain(error)) from error


def _lease_in(version: Version) -> int:
    return (version.handle.transaction_version(_LEASE) if version.handle else None) or 0


def _transactions(base: Version, commit: Commit) -> Iterator[Transaction]:
    for name in sorted({_ORDER, *commit.work}):
        # The number says nothing but that it rises, as that of versions does; to ask for the last would be to read the log again.
        yield Transaction(name, base.number + 2)
    if commit.lease is not None:
        yield Transaction(_LEASE, commit.lease)
