"""The facility books that an object store keeps, each as it was applied, with the files that it names.

::

    facility/books/REVISION/FILES/...     a book and its files, below a digest of their names and contents
    facility/books/REVISION.json          which of these it is: {"file": "FILES/facility.toml", "files": {"FILES/...": SHA-256}}

The files are put before the manifest that names them, so that a book is there whole or not at all. A revision is of what a book
says: where another server kept the same in other files, or at the same moment, what the manifest names is kept, and the rest is
nobody's. Keeping a book again, from the same files, puts back what was lost of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from greencloud.engine.kept_books import inside
from greencloud.errors import FacilityError, StoreError
from greencloud.facility import Examined, Facility, examine_facility
from greencloud.objects.objects import Objects

__all__ = ["StoredBooks"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Manifest:
    """Where the book of a revision lies, and where its files with the SHA-256 of each, all below the folder of the revision."""

    file: str
    files: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, content: bytes) -> _Manifest:
        told = json.loads(content)
        return cls(str(told["file"]), tuple(sorted((str(name), str(digest)) for name, digest in told["files"].items())))


class _UnlikeError(StoreError):
    """The copies are not the book that they should be."""


@dataclass(frozen=True, slots=True)
class StoredBooks:
    """The books of an object store, whose copies lie in ``folder``. Everything raises StoreUnavailableError."""

    folder: Path
    objects: Objects

    def find(self, revision: str) -> Facility | None:
        """The book of that revision; None where it is not kept.

        Raises:
            FacilityError: it is of another release.
            StoreError: it is kept, but a file of it is lost or damaged.
        """
        return self._reading(revision, lambda _, examined: examined.facility)

    def read(self, revision: str, file: str) -> Facility:
        """As ``find``, of one that is kept. Raises StoreError: it is not."""
        if (found := self.find(revision)) is None:
            where = f"{self.objects.uri}/facility/books/{revision}.json"
            raise StoreError(f"{where}: the object is missing", path=where, advice="apply the facility book again")
        return found

    def file(self, revision: str) -> Path | None:
        """Where the copy of the book of that revision lies. As ``find``."""
        return self._reading(revision, lambda file, _: file)

    def files(self, revision: str, file: str = "") -> tuple[tuple[str, bytes], ...] | None:
        """The names and contents of the book's files, the book itself first. As ``find``."""

        def contents(file: Path, examined: Examined) -> tuple[tuple[str, bytes], ...]:
            return tuple((each.relative_to(file.parent).as_posix(), each.read_bytes()) for each in examined.files)

        return self._reading(revision, contents)

    def keep(self, source: Path, revision: str, files: Collection[Path]) -> Path:
        """Keep the book at ``source``, which has that revision and these files; where its copy lies.

        Raises:
            FacilityError: a file lies outside the book's folder.
            StoreError: it is kept already, in other files, of which some are lost or damaged.
        """
        contents = {inside(file, source).as_posix(): file.read_bytes() for file in files}
        digests = {name: sha256(content).hexdigest() for name, content in contents.items()}
        below = sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:32]
        own = _Manifest(
            f"{below}/{inside(source, source).as_posix()}",
            tuple(sorted((f"{below}/{name}", digest) for name, digest in digests.items())),
        )
        kept = self._manifest(revision)
        if kept in {None, own}:
            lacking = self.objects.missing([self._path(revision, name) for name, _ in own.files])
            for name, content in contents.items():
                if (path := self._path(revision, f"{below}/{name}")) in lacking:
                    self.objects.create(path, content)
        if kept is None:
            told = json.dumps({"file": own.file, "files": dict(own.files)}, sort_keys=True)
            self.objects.create(self._at(revision), told.encode() + b"\n")
        file = self.file(revision)  # of two that keep it at once, what one kept; whole, or it is told
        assert file, "it is kept by now"
        return file

    def _reading(self, revision: str, action: Callable[[Path, Examined], T]) -> T | None:
        """What ``action`` makes of the book of that revision while its copies are held."""
        manifest = self._manifest(revision)
        if manifest is None:
            return None
        file = self._path(revision, manifest.file)

        def read() -> T:
            examined = examine_facility(file)
            if examined.facility is None or examined.facility.revision != revision:
                raise self._unlike(revision, manifest) from next(iter(examined.errors), None)
            try:
                return action(file, examined)
            except OSError as error:
                raise StoreError(f"{file}: the copy cannot be read: {error}", path=str(file)) from error

        try:
            return self.objects.read([self._path(revision, name) for name, _ in manifest.files], read)
        except _UnlikeError as error:
            if not error.path and isinstance(error.__cause__, FacilityError):  # every copy is what was kept
                raise error.__cause__ from None
            raise

    def _unlike(self, revision: str, manifest: _Manifest) -> _UnlikeError:
        """What is said of copies that are not the book of that revision; ``path`` names one that is not what was kept, if any."""
        for name, digest in manifest.files:
            path = self._path(revision, name)
            if not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
                where = f"{self.objects.uri}/facility/books/{revision}/{name}"
                return _UnlikeError(f"{where}: the content is not what was kept", path=where, advice="restore it from a backup")
        return _UnlikeError(
            f"the facility book {revision[:12]} reads as another", advice="read it with the release that applied it"
        )

    def _manifest(self, revision: str) -> _Manifest | None:
        path = self._at(revision)

        def read() -> _Manifest:
            try:
                return _Manifest.parse(path.read_bytes())
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{path}: it cannot be read: {error}", path=str(path), advice="restore it from a backup"
                ) from error

        return self.objects.read([path], read) if self.objects.gather([path]) else None

    def _at(self, revision: str) -> Path:
        return self.folder / f"{revision}.json"

    def _path(self, revision: str, name: str) -> Path:
        return self.folder / revision / name
