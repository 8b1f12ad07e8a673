"""A data directory: everything that one provider's greencloud keeps, in one folder.

::

    greencloud.json   the format of the directory; a newer one is refused, never guessed at. Where the truth lies
    wal/              raw OTLP, appended before it is acknowledged
    telemetry/        what is worked out from it, and what it was too late for (greencloud.telemetry.store)
    usage/            usage segments (Arrow IPC), from usage files
    inputs/           what each batch was made from, by its usage revision (greencloud.engine.inputs)
    facility/         books/REVISION/ as applied, current.json that names the one in force, and applied.jsonl, those that ever were
    goal/             the goal and the inventory that it rests on, of releases before there were books
    books/            the provider's books: inventory, goals, instruments, with their evidence
    ledger/           the Delta table of postings, and leases/ of who may write to it; or a cache of them (greencloud.engine.place)
    closes/           closed periods: the log of roots, and the tree of each (greencloud.engine.closes)
    keys/             signing keys (owner only)
    audit.jsonl       what was done with the provider's authority (greencloud.engine.audit)
    allocate.lock     held by the run of the allocation that is under way
    ingested.jsonl    digests of the files that were taken, so that taking one twice does nothing

Files that stand for a state are replaced by rename after fsync, so that a crash leaves the old one or the new one.

The truth of usage, inputs, facility, books, ledger, closes and audit trail may lie in an object store instead, with these folders
as a cache of it (greencloud.engine.place). There nothing is ever replaced: what stands for a state is a numbered sequence of
objects.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from greencloud.durable import NO_ROOM, replace_file
from greencloud.engine.applied_books import AppliedBooks
from greencloud.engine.audit import AuditTrail
from greencloud.engine.closes import Closes
from greencloud.engine.inputs import Inputs
from greencloud.engine.kept_books import KeptBooks
from greencloud.engine.leasing import holder_of, leases_of, writing
from greencloud.engine.place import FORMAT, MARKER, LedgerPlace, StorePlace, check_format
from greencloud.engine.stored_audit import StoredTrail
from greencloud.engine.stored_books import StoredBooks
from greencloud.errors import NotFoundError, StorageFullError, StoreError
from greencloud.facility import Facility, examine_facility, read_facility, starter_facility
from greencloud.ledger import Ledger
from greencloud.ledger.lease import Held, Lease, Leasing
from greencloud.objects.bucket import Bucket
from greencloud.objects.objects import Objects
from greencloud.telemetry import TelemetryStore
from greencloud.usage import SegmentStore

__all__ = ["FORMAT", "DataDirectory"]


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths of a data directory and what lies behind them. Make one with ``open``."""

    path: Path
    leasing: Leasing = field(default_factory=Leasing, compare=False)

    @classmethod
    def open(cls, path: str | Path, *, create: bool) -> DataDirectory:
        """Open a data directory, making it when ``create`` is set, or when the environment names the store that it is a cache of.

        Raises:
            NotFoundError: there is none, and it is not to be made.
            StoreError: it is of a newer format, or not a data directory, or cannot be written.
            StorageFullError: no room to make it.
            StoreUnavailableError: the object store does not answer.
        """
        data = cls(Path(path))
        with _disk_errors(data.path):
            data._check(create=create, store=StorePlace.of_environment())
        return data

    @classmethod
    def attach(cls, uri: str, folder: str | Path, *, cache_bytes: int | None = None) -> DataDirectory:
        """The data directory whose truth is the object store at ``uri``; ``folder``, made where it is absent, is a cache of it.

        The first time one object is read of a store that was begun before; after that, none. ``cache_bytes``: what the cache may
        take on disk, if that is to change.

        Raises:
            StoreError: the folder is no cache of that store, or the store is of another format, or cannot be one.
            StorageFullError: no room for the folder.
            StoreUnavailableError: the object store does not answer.
        """
        data = cls(Path(folder))
        with _disk_errors(data.path):
            place = StorePlace(uri) if cache_bytes is None else StorePlace(uri, cache_bytes)
            data._check(create=True, store=place, resize=cache_bytes is not None)
        return data

    def _check(self, *, create: bool, store: StorePlace | None, resize: bool = False) -> None:
        marker = self.path / MARKER
        if not marker.exists():
            if not create and not store:
                raise NotFoundError(
                    f"{self.path} is not a greencloud data directory",
                    advice="make one with: greencloud init --data DIR (serve and ingest make one, too)",
                )
            # Of several that make it at once, one is a moment ahead with a file of that name.
            if self.path.exists() and any(not each.name.startswith(f".{MARKER}.") for each in self.path.iterdir()):
                if not marker.exists():
                    raise StoreError(
                        f"{self.path} is not empty and not a greencloud data directory",
                        path=str(self.path),
                        advice="choose an empty folder, so that nothing of yours is mixed with ours",
                    )
            else:
                self.path.mkdir(parents=True, exist_ok=True)
                if not store:
                    replace_file(marker, json.dumps({"format": FORMAT}) + "\n")
        if marker.exists():
            check_format(marker.read_bytes(), str(self.path))
        if store:
            store.settle(marker, resize=resize)
        LedgerPlace.follow_environment(marker, self.path / "ledger")

    @property
    def wal_directory(self) -> Path:
        return self.path / "wal"

    @property
    def telemetry(self) -> TelemetryStore:
        return TelemetryStore(self.wal_directory, self.path / "telemetry")

    @property
    def keys_directory(self) -> Path:
        return self.path / "keys"

    @property
    def audit(self) -> AuditTrail:
        """The audit trail, read anew: keep it to ask it often."""
        objects = self.objects
        return StoredTrail(self.path / "audit", objects) if objects.remote else AuditTrail(self.path / "audit.jsonl")

    @property
    def goal_directory(self) -> Path:
        return self.path / "goal"

    @property
    def books_directory(self) -> Path:
        return self.path / "books"

    @property
    def segments(self) -> SegmentStore:
        return SegmentStore(self.path.absolute() / "usage", self.objects)

    @property
    def inputs(self) -> Inputs:
        return _inputs(self.path.absolute() / "inputs", self.objects)

    @property
    def ledger(self) -> Ledger:
        folder = self.path / "ledger"
        closes = self.closes  # one for all that is posted: it remembers the log
        return Ledger(
            folder,
            closed=lambda batch: closes.is_closed(batch.start),
            objects=self._ledger_objects,
        )

    @property
    def objects(self) -> Objects:
        """Where the truth lies of what is written once in this directory: the directory itself, or the whole store."""
        return self.store_place.objects(self.path)

    @property
    def _ledger_objects(self) -> Objects:
        objects = self.objects
        if isinstance(objects, Bucket):
            return objects.within("ledger")
        return self.ledger_place.objects(self.path / "ledger")

    @property
    def store_place(self) -> StorePlace:
        """Where all that is written once lies."""
        return StorePlace.read(self.path / MARKER)

    @property
    def ledger_place(self) -> LedgerPlace:
        """Where the ledger lies."""
        return LedgerPlace.read(self.path / MARKER)

    def place_ledger(self, place: LedgerPlace) -> None:
        """Say where the ledger lies, before there is one. Raises StoreError where it lies elsewhere already."""
        place.settle(self.path / MARKER, self.path / "ledger")

    @property
    def closes(self) -> Closes:
        return Closes(self.path / "closes", self.keys_directory / "closing", objects=self.objects)

    def facility(self) -> Facility:
        """The facility book in force; the packaged starter, of named defaults, where none was applied."""
        current = AppliedBooks(self).current
        return self.kept_books.read(current["revision"], current["file"]) if current else starter_facility()

    def facility_file(self) -> Path | None:
        """Where the book in force lies, or a copy of it; None when it is the starter."""
        current = AppliedBooks(self).current
        return self.kept_books.folder / current["revision"] / current["file"] if current else None

    def facility_of(self, revision: str) -> Facility | None:
        """The book of that revision, in force or not; None where it is not kept."""
        starter = starter_facility()
        if revision == starter.revision:
            return starter
        return self.kept_books.find(revision)

    def apply_facility(
        self, path: str | Path, *, applied_by: str = "", now: datetime | None = None, expected: str = ""
    ) -> Facility:
        """Check a facility book, keep a copy of it with the files that it names, and put it in force.

        ``applied_by`` and ``now`` are for the history. ``expected``: the revision that must be in force, if any.

        Raises:
            FacilityError: the book is wrong; the one in force stays.
            ConflictError: another book than expected is in force.
        """
        source = Path(path)
        examined = examine_facility(source)
        book = examined.facility or read_facility(source)  # which raises the first mistake
        history = AppliedBooks(self)
        with history.turn():
            history.check(expected)
            books = self.kept_books
            kept = books.keep(source, book.revision, examined.files)
            file = kept.relative_to(books.folder / book.revision).as_posix()
            history.put_in_force(book, file, applied_by=applied_by, now=now, expected=expected)
        return book

    @property
    def kept_books(self) -> KeptBooks | StoredBooks:
        """Every facility book that was applied, by its revision."""
        folder, objects = self.path.absolute() / "facility" / "books", self.objects
        return StoredBooks(folder, objects) if objects.remote else KeptBooks(folder)

    @contextmanager
    def allocating(self) -> Iterator[None]:
        """Hold the directory's one place for a run of the allocation; a process that dies gives it back.

        Of two runs at once the one that read less could post last, and put its batches in the place of fuller ones.

        Raises:
            StoreError: another process or thread holds it.
        """
        with (self.path / "allocate.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"{self.path}: another run of the allocation is under way",
                    path=str(self.path),
                    advice="wait for its end; if it has posted what you want, nothing is left to do",
                ) from None
            yield

    @contextmanager
    def writing(self) -> Iterator[Held]:
        """Hold the lease to write to the ledger. For whoever holds ``allocating()``.

        That lock shows that no writer of this machine is alive, so the lease of one that died here need not expire. Of a ledger in
        object storage it shows that for this directory only.

        Raises:
            StoreError: a writer on another machine or, of a ledger in object storage, of another directory holds it.
            StoreUnavailableError: the object store does not answer.
        """
        with writing(self) as held:
            yield held

    def lease(self) -> tuple[Lease | None, bool]:
        """The latest lease to write to the ledger, held or not, and whether it is this directory's."""
        latest = leases_of(self).latest()
        return latest, latest is not None and latest.holder.partition("/")[0] == holder_of(self)

    def remember(self, name: str, entry: dict[str, Any]) -> None:
        """Append one JSON line to a record file of the directory, durably."""
        line = json.dumps(entry, sort_keys=True) + "\n"
        with (self.path / name).open("a+b") as file:
            if file.tell() and not _ends_a_line(file):
                line = "\n" + line  # a crash cut the last one, which must not take this one with it
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def remembered(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines of a record file; lines that were cut by a crash are left out."""
        path = self.path / name
        if not path.exists():
            return []
        found = []
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return [entry for entry in found if isinstance(entry, dict)]


@lru_cache(maxsize=16)
def _inputs(directory: Path, objects: Objects) -> Inputs:
    return Inputs(directory, objects)  # which remembers what it found in an object store


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFullError(
                f"no room for the data directory {path}", path=str(path), advice="free some space on that volume"
            ) from error
        raise StoreError(
            f"data directory {path}: {error.strerror}", path=str(path), advice="choose a folder that you may write"
        ) from error


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
