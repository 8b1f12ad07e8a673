"""The objects of a data directory: files that are written once under a name of their own and never changed (segments, roll-ups,
inputs, books), and where the truth of them lies.

Everything reads files of the directory by their paths. Here the truth *is* that folder, and there is nothing to do; in
``greencloud.objects.bucket`` the truth is an object store, and the folder a cache of it. So whoever reads a file does it through
``read``, whoever wrote one ``put``s it before the commit that names it, and whoever wants to know what is there asks ``names``,
``stored`` or ``missing``.

Paths are absolute and lie in the folder.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import IO, TypeVar

from greencloud.durable import sync_directory

__all__ = ["LOCAL", "Objects", "Stored"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object that lies in the store, finished or not. ``modified`` is by the store's clock."""

    path: Path
    size: int
    modified: datetime


class Objects:
    """Objects that lie where they are read: in a local folder."""

    __slots__ = ()

    remote = False
    """Whether the truth lies elsewhere, so that asking for it costs a request. What is marked "remote" below is for then."""

    uri = ""
    """Where it lies then."""

    @property
    def options(self) -> dict[str, str]:
        """Remote: what Delta is told of the store beside the environment."""
        return {}

    def read(self, paths: Sequence[Path], action: Callable[[], T]) -> T:
        """Do what reads these files.

        Raises:
            StoreError: one is not in the store, or damaged there; and what ``action`` raises.
            StoreUnavailableError: the store does not answer. Nothing is known of the files.
        """
        return action()

    def header(self, path: Path, parse: Callable[[Path | IO[bytes], Path], bytes]) -> bytes:
        """What ``parse`` takes from the end of a file: of the file itself, or of a stream of it, with the path to name in errors.
        Raises as ``read``."""
        return parse(path, path)

    def each(self, action: Callable[[Path], object], paths: Iterable[Path]) -> None:
        """Do it for each path, several at once where that saves waiting."""
        for path in paths:
            action(path)

    def gather(self, paths: Sequence[Path]) -> bool:
        """Remote: fetch what is in the store of these; whether all were. Raises as ``read``."""
        return True

    def absent(self, path: Path) -> bool:
        """Remote: whether an object was not there when it was last looked for, and that was lately."""
        return False

    def reached(self, folder: Path) -> int | None:
        """Remote: how far the records in a folder were seen to go (``greencloud.objects.records``); None: not looked."""
        return None

    def reach(self, folder: Path, number: int) -> None:
        """Remote: keep that it goes so far."""

    def put(self, paths: Sequence[Path]) -> None:
        """Keep files that were written, durably and for everybody. One that is there already has the same content."""

    def names(self, folder: Path, prefix: str = "") -> list[str]:
        """The names in a folder that begin so, in no order; none where there is no folder."""
        return [path.name for path in folder.iterdir() if path.name.startswith(prefix)] if folder.is_dir() else []

    def stored(self, folder: Path, *, below: bool = False) -> list[Stored]:
        """What lies in a folder, with ``below`` at any depth, in order of path."""
        found = []
        for path in sorted(folder.rglob("*") if below else folder.iterdir()) if folder.is_dir() else ():
            with suppress(FileNotFoundError):  # it was somebody's for a moment
                if not S_ISREG((state := path.stat()).st_mode):
                    continue
                found.append(Stored(path, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC)))
        return found

    def sighted(self, folder: Path) -> list[Stored]:
        """As ``stored``, of names that may say something else after the store was restored from a backup. Remote: copies of others
        than lie there now are dropped."""
        return self.stored(folder)

    def missing(self, paths: Sequence[Path]) -> set[Path]:
        """Those that are not in the store."""
        return {path for path in paths if not path.is_file()}

    def exists(self, path: Path) -> bool:
        """Whether it is in the store now."""
        return path.exists()

    def content(self, path: Path) -> bytes | None:
        """A small one whole, of which no copy is kept; None where there is none."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def create(self, path: Path, content: bytes) -> bool:
        """Put one of which there is none, whole and durably. False, with nothing changed: another one has its name."""
        fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            fresh.unlink(missing_ok=True)
        sync_directory(path.parent)
        return True

    def named(self, path: Path) -> str:
        """Where it lies, to be told in errors."""
        return str(path)

    def remove(self, path: Path) -> None:
        """Remove one from the store."""
        path.unlink(missing_ok=True)


LOCAL = Objects()
