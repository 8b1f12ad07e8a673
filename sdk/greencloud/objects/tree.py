"""Files under one place, by their names relative to it: a folder, or ``s3://BUCKET/PREFIX``.

A name is created once and never changed; ``create`` shows a file whole or not at all. For what others lay out and this reads, and
what this lays out for others: nothing is cached. A link is refused: it could have one sender's file read in the place of another.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from greencloud.durable import NO_ROOM
from greencloud.errors import NotFoundError, StorageFullError, StoreError
from greencloud.objects.objects import LOCAL
from greencloud.objects.s3 import S3

__all__ = ["Folder", "Tree", "tree_at"]

_SCHEME: Final = "s3://"


class Tree:
    """Files in an object store."""

    def __init__(self, uri: str) -> None:
        self._s3 = S3(uri)
        self.uri = self._s3.uri

    def files(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """Names and sizes of all files in a folder and below; none where there is no folder.

        Raises:
            StoreError: it cannot be read.
            StoreUnavailableError: the store does not answer.
        """
        return ((name, size) for name, size, _ in self.dated(folder))

    def dated(self, folder: str = "") -> Iterator[tuple[str, int, datetime]]:
        """As ``files``, and when each was written, by the store's clock. Raises as it does."""
        yield from self._s3.under(folder)

    def unfinished(self) -> Iterator[tuple[str, int, datetime]]:
        """As ``dated``, of all that ``create`` began and did not come to the end of: it is under way, or its writer was killed.
        What is unfinished in an object store is not there."""
        yield from ()

    def content(self, name: str) -> bytes:
        """Raises NotFoundError where there is none, and as ``files``."""
        found = self._s3.content(name)
        if found is None:
            raise _absent(f"{self.uri}/{name}")
        return found

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A file of that last name to be read within the context: the file, or a copy of it. Raises as ``content``."""
        with tempfile.TemporaryDirectory(prefix="greencloud-") as folder:
            path = Path(folder, name.rpartition("/")[2])
            path.write_bytes(self.content(name))
            yield path

    def create(self, name: str, content: bytes) -> bool:
        """Put a new file, durably. False, with nothing changed: there is one of that name. Raises as ``files``; and
        StorageFullError."""
        return self._s3.create(name, content)

    def remove(self, name: str) -> None:
        """Raises as ``files``."""
        self._s3.delete(name)


class Folder(Tree):
    """Files in a folder, which is created with the first."""

    def __init__(self, path: Path) -> None:
        self._root = path.absolute()
        self.uri = str(self._root)

    def dated(self, folder: str = "") -> Iterator[tuple[str, int, datetime]]:
        return self._walked(folder, unfinished=False)

    def unfinished(self) -> Iterator[tuple[str, int, datetime]]:
        return self._walked("", unfinished=True)

    def _walked(self, folder: str, *, unfinished: bool) -> Iterator[tuple[str, int, datetime]]:
        def refuse(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise self._failed(error)

        for place, folders, names in os.walk(self._root / folder, onerror=refuse):
            folders.sort()
            for name in sorted(names):
                if name.startswith(".") != unfinished:
                    continue
                path = Path(place, name)
                try:
                    state = path.lstat()
                except FileNotFoundError:
                    continue  # removed just now
                except OSError as error:
                    raise self._failed(error) from error
                if stat.S_ISLNK(state.st_mode):
                    raise StoreError(
                        f"{path} is a link", path=str(path), advice="put the file itself there: its place says whose it is"
                    )
                yield path.relative_to(self._root).as_posix(), state.st_size, datetime.fromtimestamp(state.st_mtime, UTC)

    def content(self, name: str) -> bytes:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            raise _absent(f"{self.uri}/{name}") from None
        except OSError as error:
            raise self._failed(error) from error

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        yield self._root / name

    def create(self, name: str, content: bytes) -> bool:
        path = self._root / name
        if path.exists():
            return False
        try:
            return LOCAL.create(path, content)
        except OSError as error:
            raise self._failed(error) from error

    def remove(self, name: str) -> None:
        LOCAL.remove(self._root / name)

    def _failed(self, error: OSError) -> StoreError:
        path = str(error.filename or self.uri)
        if error.errno in NO_ROOM:
            return StorageFullError(f"no room for {path}", path=path, advice="free space on the volume, then do it again")
        return StoreError(f"{path}: {error.strerror}", path=path, advice="check the folder's permissions")


def tree_at(uri: str) -> Tree:
    """What is at a folder's path, or at ``s3://BUCKET/PREFIX``. Raises StoreError where it is no such place."""
    if uri.startswith(_SCHEME):
        return Tree(uri)
    if "://" in uri:
        advice = "name a folder, or s3://BUCKET/PREFIX"
        raise StoreError(f"{uri.partition('://')[0]}:// is no place that files are read from", path=uri, advice=advice)
    return Folder(Path(uri))


def _absent(where: str) -> NotFoundError:
    return NotFoundError(f"there is no file {where}", advice="list the place again: it was replaced meanwhile, or removed")
