"""The journal of the provider's books: every change to inventory, goals and instruments, in one order, kept for ever.

A **record** is a file that is written once: ``changes/000000000001.json`` and so on, without a gap. It says when, who, what kind of
change, why, and the change itself, and it holds the SHA-256 of the record before, so that one that was changed, put in or taken out
is seen. What was cut off at the end, or changed in the last record, is not: note ``head`` elsewhere to see that. What the books
hold is a fold over the records: nothing else is stored, and any earlier state can be had again.

Writers do not wait for each other. Each reads all records, decides on them, and creates the file of the next number, which only one
can; whoever lost reads on and decides anew (``transact``). So a rule over the whole, as that a serial is used once, holds among any
number of writers. A file is synced before it has its name, and a crash leaves a record or none.

Documents that are evidence lie in ``evidence/`` under their SHA-256. They leave room on the disk, and so cannot stop telemetry.

In an object store it is the same, under the same names; a record has a random ``token`` beside, since a store takes the same
content under the same name from two writers for one that asked again.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from greencloud.durable import NO_ROOM
from greencloud.errors import ConflictError, NotFoundError, QuantityError, StorageFullError, StoreError
from greencloud.inventory.document import canonical
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.records import Records
from greencloud.units import format_instant, parse_instant

__all__ = ["LEAST_FREE_BYTES", "MOST_EVIDENCE_BYTES", "Change", "Draft", "Folded", "Journal"]

S = TypeVar("S")

MOST_EVIDENCE_BYTES: Final = 32 << 20
LEAST_FREE_BYTES: Final = 256 << 20
"""More than the 64 MiB below which the server refuses telemetry: whoever may keep documents cannot stop that."""
_MOST_RECORD_BYTES: Final = 32 << 20
_NOTHING: Final = "0" * 64
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that was decided and is not written yet. ``body`` is a document (``greencloud.inventory.document``)."""

    kind: str  # "inventory.entries", "goal.put", ...: the room that folds it comes first
    body: Any
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A record that was written."""

    number: int  # from 1
    time: datetime
    actor: str
    kind: str
    reason: str
    body: Any
    digest: str


class Journal:
    """The journal in a directory, which is made when the first record is written.

    Args:
        least_free: bytes that documents leave free on the disk.
        objects: where the truth of the directory lies.
    """

    def __init__(self, directory: str | Path, *, least_free: int = LEAST_FREE_BYTES, objects: Objects = LOCAL) -> None:
        self._least_free = least_free
        self._objects = objects
        self._records = Records(Path(directory) / "changes", objects)
        self._evidence_directory = Path(directory).absolute() / "evidence"
        self._lock = threading.Lock()
        self._changes: list[Change] = []
        self._whole = False  # no record lies behind a gap
        self._end: int | None = None

    def changes(self) -> list[Change]:
        """Every record, in order.

        Raises:
            StoreError: one was changed, damaged or taken out.
            StoreUnavailableError: the object store does not answer.
        """
        with self._lock:
            self._read_on()
            if not self._whole:
                last = max(self._records.numbers(), default=0)
                self._read_on()  # what others wrote meanwhile
                if last > len(self._changes):
                    raise _lost(len(self._changes) + 1, last, self._records.path(len(self._changes) + 1))
                self._whole = True
            return self._changes[: self._end]

    def head(self) -> tuple[int, str]:
        """The number of the last record and its SHA-256, which binds all before. Raises as ``changes``."""
        changes = self.changes()
        return (changes[-1].number, changes[-1].digest) if changes else (0, _NOTHING)

    def until(self, number: int) -> Journal:
        """The same journal up to record ``number``, to be read: whoever writes to it is told that others were faster."""
        past = copy.copy(self)  # what was read is shared
        past._end = number
        return past

    def append(self, draft: Draft, *, after: int, actor: str, now: datetime) -> Change:
        """Write the record that follows record ``after``. Its time is never before that of the record before.

        Raises:
            ConflictError: another wrote that record first.
            StorageFullError, StoreError: it cannot be written, and was not.
            StoreUnavailableError: the object store does not answer; it may have taken the record.
        """
        earlier = self.changes()
        if len(earlier) != after or self._end is not None:
            raise _taken(after + 1)
        last = earlier[-1] if earlier else None
        document = {
            "actor": actor,
            "body": draft.body,
            "kind": draft.kind,
            "number": after + 1,
            "previous": last.digest if last else _NOTHING,
            "reason": draft.reason,
            "time": format_instant(max(now, last.time) if last else now),
        } | ({"token": secrets.token_hex(8)} if self._objects.remote else {})
        content = canonical(document)
        if len(content) > _MOST_RECORD_BYTES:
            raise QuantityError("the change is larger than 32 MiB", advice="split it up")
        if not self._create(self._records.path(after + 1), content):
            raise _taken(after + 1)
        return self.changes()[after]

    def transact(self, decide: Callable[[list[Change]], Draft | None], *, actor: str, now: datetime) -> Change | None:
        """Decide on all records and write what was decided, again where another was faster; None where there is nothing to do.

        ``decide`` may be called several times; what it raises is raised.
        """
        for _ in range(_TRIES):
            earlier = self.changes()
            draft = decide(earlier)
            if draft is None:
                return None
            with suppress(ConflictError):
                return self.append(draft, after=len(earlier), actor=actor, now=now)
        raise ConflictError("others write to the provider's books all the time", advice="try again")

    def put_evidence(self, content: bytes) -> str:
        """Keep a document; its SHA-256, by which it is named. Keeping it again changes nothing. Raises as ``append``."""
        if not content:
            raise QuantityError("the document is empty", advice="give the file that the figure was taken from")
        if len(content) > MOST_EVIDENCE_BYTES:
            raise QuantityError("the document is larger than 32 MiB", advice="give the page that the figure was taken from")
        digest = hashlib.sha256(content).hexdigest()
        if not self.has_evidence(digest):
            self._check_room(len(content))
        self._create(self._evidence_directory / digest, content)
        return digest

    def _check_room(self, size: int) -> None:
        """Documents are not what fills a disk: telemetry and records go on when no more are taken. Raises StorageFullError."""
        if self._objects.remote:
            return  # of copies the cache has its own bound
        place = next(each for each in (self._evidence_directory, *self._evidence_directory.parents) if each.exists())
        state = os.statvfs(place)
        if state.f_bavail * state.f_frsize < self._least_free + size:
            raise StorageFullError("there is no room for documents", path=str(place), advice="free some space, then try again")

    def kept_evidence(self) -> list[str]:
        """The names of all documents."""
        return sorted(name for name in self._objects.names(self._evidence_directory) if not name.startswith("."))

    def has_evidence(self, digest: str) -> bool:
        named = len(digest) == 64 and set(digest) <= set("0123456789abcdef")
        return named and self._objects.exists(self._evidence_directory / digest)

    def evidence(self, digest: str) -> bytes:
        """A document by its SHA-256, checked against it.

        Raises:
            NotFoundError: it is not here.
            StoreError: it was changed since.
        """
        if not self.has_evidence(digest):
            raise NotFoundError(f"there is no evidence {digest[:64]!r}", advice="keep it first: greencloud inventory evidence put")
        path = self._evidence_directory / digest
        return self._objects.read([path], lambda: _checked(path, digest))

    def _read_on(self) -> None:
        try:
            for change in self._records.after(len(self._changes), self._parsed):
                self._changes.append(change)
        except OSError as error:
            path = self._records.path(len(self._changes) + 1)
            raise StoreError(f"the provider's books cannot be read: {error.strerror}", path=str(path)) from error

    def _parsed(self, number: int, content: bytes) -> Change:
        previous = self._changes[-1].digest if self._changes else _NOTHING
        try:
            document = json.loads(content)
            if document["previous"] != previous or document["number"] != number:
                raise ValueError("it does not follow the record before")
            return Change(
                number=number,
                time=parse_instant(document["time"]),
                actor=document["actor"],
                kind=document["kind"],
                reason=document["reason"],
                body=document["body"],
                digest=hashlib.sha256(content).hexdigest(),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"record {number} of the provider's books was damaged or changed: {error}",
                path=str(self._records.path(number)),
                advice="restore the folder from a backup",
            ) from error

    def _create(self, path: Path, content: bytes) -> bool:
        """Whether the file is new. It has its whole content once it has its name."""
        try:
            return self._objects.create(path, content)
        except OSError as error:
            kind = StorageFullError if error.errno in NO_ROOM else StoreError
            raise kind(
                f"the provider's books cannot be written: {error.strerror}", path=str(path), advice="make room, then try again"
            ) from error


class Folded(Generic[S]):
    """A state that follows from the records: ``step(state, change)`` gives the next, and changes nothing that it was given."""

    def __init__(self, journal: Journal, initial: S, step: Callable[[S, Change], S]) -> None:
        self._journal, self._step, self._initial = journal, step, initial
        self._lock = threading.Lock()
        self._latest: tuple[int, S] = (0, initial)

    def on(self, journal: Journal) -> Folded[S]:
        """The same for an earlier state of the journal."""
        other = copy.copy(self)
        other._journal = journal
        return other

    def latest(self) -> S:
        """After every record. Raises StoreError."""
        return self.after(self._journal.changes())

    def after(self, changes: list[Change]) -> S:
        """After these records, which are the first of the journal (all of them for ``transact``; fewer for what was then)."""
        with self._lock:
            number, state = self._latest if self._latest[0] <= len(changes) else (0, self._initial)
            for change in changes[number:]:
                state = self._step(state, change)
            if len(changes) >= self._latest[0]:
                self._latest = (len(changes), state)
            return state


def _checked(path: Path, digest: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreError("a document of evidence was changed", path=str(path), advice="restore it from a backup")
    return content


def _lost(number: int, last: int, path: Path) -> StoreError:
    message = f"record {number} of the provider's books is missing, though record {last} is there"
    return StoreError(message, path=str(path), advice="restore the folder from a backup")


def _taken(number: int) -> ConflictError:
    return ConflictError(f"record {number} of the provider's books was written by another", advice="read again, then try again")
