"""Which facility book is in force, and which were: when, and who put them in force.

``facility/current.json`` names the one in force and tells the rest of it; ``facility/applied.jsonl`` has a line for each that ever
was, oldest first. The book itself is kept before either is written (``kept_books``), and the line is appended after the book is in
force: a crash between them loses nothing, because the line is in ``current.json``, from where it is appended before that is
replaced. Two that change the book take turns, so that what one expected to replace is what it replaces.

On an object store both are one numbered sequence, ``facility/applied/``: the last is in force. Of two that change the book at once
one is first, and the other looks again at what it wants to replace.

A book that was put in force before there was a history has no time and nobody's name.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from greencloud.durable import replace_file, sync_directory
from greencloud.engine.uploaded_book import Uploaded, storage_errors
from greencloud.errors import ConflictError, FacilityError, NotFoundError, StoreError
from greencloud.facility import Facility, starter_facility
from greencloud.facility.differences import differences
from greencloud.objects.records import Records
from greencloud.results import AppliedFacilityBook, BookChange, FacilityBook
from greencloud.units import format_instant, parse_instant

if TYPE_CHECKING:
    from greencloud.engine.data import DataDirectory

__all__ = ["CURRENT", "HISTORY", "AppliedBooks"]

CURRENT: Final = "facility/current.json"
HISTORY: Final = "facility/applied.jsonl"
_MOST_CHANGES: Final = 1_000
_STARTER: Final = "starter.toml"


@dataclass(frozen=True, slots=True)
class AppliedBooks:
    """The facility books of a data directory, as they were put in force."""

    data: DataDirectory

    @property
    def current(self) -> dict[str, Any] | None:
        """What is written of the book in force; None where it is the starter. Raises StoreError."""
        if stored := self._stored:
            number = stored.latest()
            return stored.read(number, _record) if number else None
        path = self.data.path / CURRENT
        if not path.exists():
            return None
        try:
            return _parsed(path.read_bytes())
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} cannot be read", path=str(path), advice="apply the facility book again") from error

    @property
    def mark(self) -> tuple[int, ...]:
        """Another one whenever another book was put in force: cheap to ask."""
        if stored := self._stored:
            return (stored.latest(),)
        try:
            found = (self.data.path / CURRENT).stat()
        except FileNotFoundError:  # the starter is in force
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    @property
    def in_force(self) -> str:
        """The revision of the book in force; "" where what is written of it cannot be read."""
        try:
            current = self.current
        except StoreError:
            return ""  # which putting a book in force repairs
        return current["revision"] if current else starter_facility().revision

    def check(self, expected: str) -> None:
        """Raises ConflictError where another book is in force than the one expected, if any."""
        if expected and expected != (in_force := self.in_force):
            raise ConflictError(
                "another facility book is in force than the one expected",
                in_force=in_force,
                advice="look at what it says, and apply yours over it",
            )

    def put_in_force(self, book: Facility, file: str, *, applied_by: str, now: datetime | None, expected: str) -> None:
        """Say that this book, kept as ``file`` of its revision, is in force from now on; the one before is in the history.

        Raises:
            ConflictError: another one than expected is in force by now.
        """
        said: dict[str, Any] = {"revision": book.revision, "file": file, **_counts(book)}
        if now is not None:
            said |= {"applied": format_instant(now), "applied_by": applied_by}
        if stored := self._stored:
            while self.in_force != book.revision:
                number = stored.latest()
                self.check(expected)
                if stored.create(number + 1, _text(said)):
                    return
            return
        before = self.current if self.in_force else None
        if before and before["revision"] == book.revision:
            said = before | {"file": file}  # nothing changes but where it lies
        else:
            self._settle(before)
        replace_file(self.data.path / CURRENT, _text(said))
        self._settle(said)

    def _settle(self, entry: dict[str, Any] | None) -> None:
        """Append the line of the book in force to the history, if it is not there."""
        if entry and self._lines()[-1:] != [_line(entry)]:
            self.data.remember(HISTORY, _line(entry))
            sync_directory((self.data.path / HISTORY).parent)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for whoever is changing the book, and hold the others off; on an object store nobody waits."""
        if self._stored:
            yield
            return
        folder = self.data.path / "facility"
        folder.mkdir(exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def all(self) -> list[FacilityBook]:
        """Every book that was in force, oldest first, once for each time; the starter before all others. Without their files."""
        current = None if self._stored else self.current
        lines = self._lines()
        if current and lines[-1:] != [_line(current)]:
            lines.append(_line(current))
        begun = bool(lines if self._stored else current)
        known = {line["revision"] for line in lines}
        folder = self.data.path / "facility" / "books"
        older = folder.is_dir() and not self._stored  # before there was a history
        kept = sorted(each.name for each in folder.iterdir() if not each.name.startswith(".")) if older else []
        lines = [{"revision": revision} for revision in kept if revision not in known] + lines
        found = [book for line in lines if (book := self._book(line))]
        if begun:
            found[-1:] = [replace(each, in_force=True) for each in found[-1:]]
        starter = starter_facility()
        return [_summary(starter.revision, _counts(starter), in_force=not begun), *found]

    def find(self, revision: str = "") -> FacilityBook:
        """A book with its files; the one in force where no revision is named.

        Raises:
            NotFoundError: it is not kept.
        """
        current = self.current
        revision = revision or (current["revision"] if current else starter_facility().revision)
        if revision == starter_facility().revision:
            text = files("greencloud.facility").joinpath(_STARTER).read_bytes()
            contents: tuple[tuple[str, bytes], ...] | None = ((_STARTER, text),)
        else:
            known = current["file"] if current and current["revision"] == revision else ""
            contents = self.data.kept_books.files(revision, known)
        if contents is None:
            raise NotFoundError("there is no such facility book", advice="facilityBooks/- is the one in force")
        applied = [each for each in self.all() if each.revision == revision]
        if not applied:
            raise NotFoundError("there is no such facility book", advice="facilityBooks/- is the one in force")
        summary = applied[-1]
        return replace(summary, files=contents, in_force=bool(applied and applied[-1].in_force))

    def apply(
        self, sent: Uploaded, *, applied_by: str, now: datetime, expected: str = "", dry_run: bool = False
    ) -> AppliedFacilityBook:
        """Put a book in force that was sent and has no mistake, or tell what that would change.

        Raises:
            ConflictError: the book in force is not the one expected.
        StorageFullError, StoreError: it cannot be kept; the one in force stays.
        """
        book = sent.examined.facility
        assert book is not None, "a book with mistakes is nobody's to apply"
        before = self.data.facility()
        if dry_run:
            self.check(expected)
            after = _summary(book.revision, _counts(book), in_force=book.revision == before.revision)
        else:
            with storage_errors(self.data.path):
                self.data.apply_facility(sent.path, applied_by=applied_by, now=now, expected=expected)
            (*_, after) = (each for each in self.all() if each.revision == book.revision)
        found = differences(before, book)
        changes = tuple(BookChange(each.path, each.old, each.new, each.account) for each in found[:_MOST_CHANGES])
        return AppliedFacilityBook(after, changes, len(found) - len(changes), sent.examined.notes)

    @property
    def _stored(self) -> Records | None:
        objects = self.data.objects
        return Records(self.data.path / "facility" / "applied", objects) if objects.remote else None

    def _lines(self) -> list[dict[str, Any]]:
        if stored := self._stored:
            return [_line(entry) for entry in stored.after(0, _record)]
        return [line for line in self.data.remembered(HISTORY) if isinstance(line.get("revision"), str)]

    def _book(self, line: dict[str, Any]) -> FacilityBook | None:
        """The book of a line of the history; None where nothing is known of it but its revision, and it is not kept."""
        if "title" not in line:
            try:
                book = self.data.facility_of(line["revision"])
            except FacilityError:
                return None
            if book is None:
                return None
            line = line | _counts(book)
        return _summary(line["revision"], line)


def _counts(book: Facility) -> dict[str, Any]:
    return {"title": book.name, "sites": len(book.sites), "hosts": len(book.hosts), "accounts": len(book.accounts)}


def _summary(revision: str, said: dict[str, Any], *, in_force: bool = False) -> FacilityBook:
    return FacilityBook(
        revision=revision,
        title=said["title"],
        site_count=said["sites"],
        host_count=said["hosts"],
        account_count=said["accounts"],
        applied=parse_instant(said["applied"]).astimezone(UTC) if "applied" in said else None,
        applied_by=said.get("applied_by", ""),
        in_force=in_force,
    )


def _parsed(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    return {**found, "revision": str(found["revision"]), "file": str(found["file"])}


def _record(number: int, content: bytes) -> dict[str, Any]:
    try:
        return _parsed(content)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"record {number} of the facility books in force cannot be read: {error}", advice="restore it from a backup"
        ) from error


def _text(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _line(entry: dict[str, Any]) -> dict[str, Any]:
    """What the history says of a book: not where its file lies, which may change."""
    return {key: value for key, value in entry.items() if key != "file"}
