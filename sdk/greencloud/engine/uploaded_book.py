"""A facility book that somebody sent: its files, in a folder that lasts as long as the book is looked at and kept.

It is read as somebody else's word: it may name no file but those that were sent with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from greencloud.durable import NO_ROOM
from greencloud.errors import FacilityError, StorageFullError, StoreError
from greencloud.facility import Examined, examine_facility

__all__ = ["Uploaded", "storage_errors", "uploaded"]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A book that somebody sent, as files in a folder that is soon gone. Paths in ``examined`` begin with that of ``folder``."""

    folder: Path
    path: Path
    examined: Examined


@contextmanager
def uploaded(files: tuple[tuple[str, bytes], ...]) -> Iterator[Uploaded]:
    """The files (path, content; the book first) as a book. The caller has checked that the paths are relative and stay inside.

    Raises:
        FacilityError: two files cannot lie beside each other, as ``a`` and ``a/b``.
        StorageFullError: no room for them.
    """
    with TemporaryDirectory(prefix="greencloud-book-") as made:
        folder = Path(made).resolve()
        for name, content in files:
            path = folder / name
            if not path.resolve().is_relative_to(folder):
                raise FacilityError(f"{name!r} lies outside the folder of the book", path=name)
            try:
                with storage_errors(folder):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as file:
                        file.write(content)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise FacilityError(f"{name!r} lies where another file of the book does", path=name) from error
        path = folder / files[0][0]
        yield Uploaded(folder, path, examine_facility(path, confined=True))


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a disk into StorageFullError and StoreError; of names that are taken, it says so itself."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            advice = "free some space on that volume and try again; the book in force stays"
            raise StorageFullError(f"{path}: no room for the facility book", path=str(path), advice=advice) from error
        advice = "look at the volume; the book in force stays"
        raise StoreError(f"{path}: {error.strerror or error}", path=str(path), advice=advice) from error
