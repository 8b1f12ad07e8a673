"""The facility books that a data directory keeps, each as it was applied, with the files that it names: ``REVISION/``.

What was posted is explained and computed again by the book of its revision, so that a book outlasts a loss of power before
anything is said to rest on it. Keeping one again compares what is kept with what is given: where that is damaged it is written
anew, and where it says the same in other files (the revision is of the content) it stays as it is.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from greencloud.durable import replace_file, sync_directory, sync_tree
from greencloud.errors import FacilityError
from greencloud.facility import Facility, examine_facility, read_facility

__all__ = ["KeptBooks", "inside"]


@dataclass(frozen=True, slots=True)
class KeptBooks:
    """The books in a folder, which the first one makes."""

    folder: Path

    def find(self, revision: str) -> Facility | None:
        """The book of that revision; None where it is not kept.

        Raises:
            FacilityError: it is kept, but damaged, or of another release.
        """
        return self._book(revision)[1]

    def read(self, revision: str, file: str) -> Facility:
        """The book that lies there in the folder of its revision. Raises FacilityError."""
        return read_facility(self.folder / revision / file)

    def file(self, revision: str) -> Path | None:
        """Where the book of that revision lies. As ``find``."""
        return self._book(revision)[0]

    def files(self, revision: str, file: str = "") -> tuple[tuple[str, bytes], ...] | None:
        """The names and contents of the book's files, the book itself first. ``file``: where the book lies in the folder of the
        revision, if that is known. As ``find``."""
        path = self.folder / revision / file if file else self.file(revision)
        examined = examine_facility(path) if path else None
        if path is None or examined is None or examined.facility is None:
            return None
        return tuple((each.relative_to(path.parent).as_posix(), each.read_bytes()) for each in examined.files)

    def keep(self, source: Path, revision: str, files: Collection[Path]) -> Path:
        """Keep the book at ``source``, which has that revision and these files, durably; where it lies now.

        Raises:
            FacilityError: a file lies outside the book's folder.
        """
        copies = {inside(file, source): file for file in files}
        kept, name = self.folder / revision, inside(source, source)
        if not kept.is_dir():
            self._write(kept, copies)
        if not all(_same(kept / copy, file) for copy, file in copies.items()):
            if other := self._intact(revision):
                name = other.relative_to(kept)
            else:
                for copy, file in copies.items():
                    replace_file(kept / copy, file.read_bytes())
        sync_tree(kept)
        for folder in (self.folder, *self.folder.parents[:2]):
            sync_directory(folder)
        return kept / name

    def _write(self, kept: Path, copies: dict[Path, Path]) -> None:
        fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        for copy, file in copies.items():
            (fresh / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, fresh / copy)
        sync_tree(fresh)
        fresh.rename(kept)

    def _intact(self, revision: str) -> Path | None:
        try:
            return self._book(revision)[0]
        except FacilityError:
            return None

    def _book(self, revision: str) -> tuple[Path | None, Facility | None]:
        trouble: FacilityError | None = None
        for file in sorted((self.folder / revision).rglob("*.toml")):
            try:
                book = read_facility(file)
            except FacilityError as error:
                trouble = trouble or error
                continue
            if book.revision == revision:
                return file, book
        if trouble:
            raise trouble
        return None, None


def _same(kept: Path, given: Path) -> bool:
    return kept.is_file() and filecmp.cmp(kept, given, shallow=False)


def inside(file: Path, book: Path) -> Path:
    """A file of a book, relative to the book's folder."""
    folder = book.parent.resolve()
    if not file.resolve().is_relative_to(folder):
        raise FacilityError(
            f"{file} lies outside the folder of the book",
            path=str(book),
            key="files",
            advice="keep the files of a facility book beside it, so that a revision can be kept whole",
        )
    return file.resolve().relative_to(folder)
