"""A data directory: everything that one provider's greencloud keeps, in one folder.

::

    greencloud.json   the format of the directory; a newer one is refused, never guessed at. Where the ledger lies
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
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from greencloud.durable import NO_ROOM, replace_file
from greencloud.engine.applied_books import CURRENT, AppliedBooks
from greencloud.engine.audit import AuditTrail
from greencloud.engine.closes import Closes
from greencloud.engine.inputs import Inputs
from greencloud.engine.kept_books import KeptBooks
from greencloud.engine.place import LedgerPlace
from greencloud.errors import NotFoundError, StorageFullError, StoreError
from greencloud.facility import Facility, examine_facility, read_facility, starter_facility
from greencloud.ledger import Ledger
from greencloud.ledger.lease import Held, Leases, StoredLeases
from greencloud.objects.objects import LOCAL, Objects
from greencloud.telemetry import TelemetryStore
from greencloud.usage import SegmentStore

__all__ = ["FORMAT", "DataDirectory"]

FORMAT = 2
"""2: segments of several batches, days as partitions. A ledger of format 1 is not read: no release ever wrote one."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths of a data directory and what lies behind them. Make one with ``open``."""

    path: Path

    @classmethod
    def open(cls, path: str | Path, *, create: bool) -> DataDirectory:
        """Open a data directory, making it when ``create`` is set.

        Raises:
            NotFoundError: there is none, and ``create`` is not set.
            StoreError: it is of a newer format, or not a data directory, or cannot be written.
            StorageFullError: no room to make it.
        """
        data = cls(Path(path))
        try:
            data._check(create=create)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StorageFullError(
                    f"no room for the data directory {data.path}", path=str(data.path), advice="free some space on that volume"
                ) from error
            raise StoreError(
                f"data directory {data.path}: {error.strerror}", path=str(data.path), advice="choose a folder that you may write"
            ) from error
        return data

    @classmethod
    def attach(cls, uri: str, folder: Path) -> DataDirectory:
        """The data directory whose store is at ``uri``, with ``folder`` as a cache of it."""
        raise NotImplementedError(f"{uri} {folder}")

    def _check(self, *, create: bool) -> None:
        marker = self.path / "greencloud.json"
        if not marker.exists():
            if not create:
                raise NotFoundError(
                    f"{self.path} is not a greencloud data directory",
                    advice="make one with: greencloud init --data DIR (serve and ingest make one, too)",
                )
            if self.path.exists() and any(self.path.iterdir()):
                raise StoreError(
                    f"{self.path} is not empty and not a greencloud data directory",
                    path=str(self.path),
                    advice="choose an empty folder, so that nothing of yours is mixed with ours",
                )
            self.path.mkdir(parents=True, exist_ok=True)
            replace_file(marker, json.dumps({"format": FORMAT}) + "\n")
        try:
            found = json.loads(marker.read_text())["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{marker} cannot be read", path=str(marker), advice="restore it from a backup") from error
        if not isinstance(found, int) or found > FORMAT:
            raise StoreError(
                f"{self.path} was written by a newer greencloud (format {found}; this one reads up to {FORMAT})",
                path=str(self.path),
                advice="upgrade greencloud; nothing was changed",
            )
        if found < FORMAT:
            raise StoreError(
                f"{self.path} was written by a greencloud before the first release (format {found}; this one reads {FORMAT})",
                path=str(self.path),
                advice="take its telemetry and usage files into a new data directory, and allocate there; nothing was changed",
            )
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
        return AuditTrail(self.path / "audit.jsonl")

    @property
    def goal_directory(self) -> Path:
        return self.path / "goal"

    @property
    def books_directory(self) -> Path:
        return self.path / "books"

    @property
    def segments(self) -> SegmentStore:
        return SegmentStore(self.path / "usage")

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.path / "inputs")

    @property
    def ledger(self) -> Ledger:
        folder = self.path / "ledger"
        closes = self.closes  # one for all that is posted: it remembers the log
        return Ledger(
            folder,
            closed=lambda batch: closes.is_closed(batch.start),
            objects=self.ledger_place.objects(folder),
        )

    @property
    def objects(self) -> Objects:
        """Where the truth lies of what is written once in this directory, beside the ledger: for now the directory itself."""
        return LOCAL

    @property
    def ledger_place(self) -> LedgerPlace:
        """Where the ledger lies."""
        return LedgerPlace.read(self.path / "greencloud.json")

    def place_ledger(self, place: LedgerPlace) -> None:
        """Say where the ledger lies, before there is one. Raises StoreError where it lies elsewhere already."""
        place.settle(self.path / "greencloud.json", self.path / "ledger")

    @property
    def closes(self) -> Closes:
        return Closes(self.path / "closes", self.keys_directory / "closing")

    def facility(self) -> Facility:
        """The facility book in force; the packaged starter, of named defaults, where none was applied."""
        book = self.facility_file()
        return read_facility(book) if book else starter_facility()

    def facility_file(self) -> Path | None:
        """Where the book in force lies; None when it is the starter."""
        current = AppliedBooks(self).current
        return self._books.folder / current["revision"] / current["file"] if current else None

    def facility_of(self, revision: str) -> Facility | None:
        """The book of that revision, in force or not; None where it is not kept."""
        starter = starter_facility()
        if revision == starter.revision:
            return starter
        return self._books.find(revision)

    def kept_book_file(self, revision: str) -> Path | None:
        """Where the book of that revision lies; None where it is not kept. Raises FacilityError as ``facility_of``."""
        return self._books.file(revision)

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
            kept = self._books.keep(source, book.revision, examined.files)
            file = kept.relative_to(self._books.folder / book.revision).as_posix()
            entry = history.record(book, file, applied_by=applied_by, now=now)
            replace_file(self.path / CURRENT, json.dumps(entry) + "\n")
            history.settle(entry)
        return book

    @property
    def _books(self) -> KeptBooks:
        return KeptBooks(self.path / "facility" / "books")

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

        def clock() -> datetime:
            return datetime.now(UTC)

        host, ledger = socket.gethostname(), (self.path / "ledger").absolute()
        objects, seen = self.ledger_place.objects(ledger), self.ledger.store.lease
        if objects.remote:
            host += f":{sha256(os.fsencode(ledger.resolve())).hexdigest()[:16]}"
        leases = StoredLeases(ledger / "leases", objects, seen) if objects.remote else Leases(ledger / "leases", seen)
        held = Held(leases, leases.take(f"{host}/{os.getpid()}", clock(), over_host=host), clock)
        try:
            yield held
        finally:
            held.release()

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


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
