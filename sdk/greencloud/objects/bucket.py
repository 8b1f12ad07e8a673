"""The objects of a data directory or of its ledger in an object store, with the folder as a cache of them.

Objects lie under ``s3://BUCKET/PREFIX/`` at the paths that they have in the folder; the ledger's beside the Delta table's log. A
file that is not in the folder is fetched when it is wanted: written aside, compared with the size and SHA-256 that were put with
it, made read-only, renamed. What is written goes the other way, and never changes anything that is there; it becomes read-only once
it is in the store. Of the ledger's segments that are not here only the footer is read for their headers, and these are kept beside
the copies. Processes of one machine may share a folder.

That an object is not there, or not what was put, is damage: StoreError, as for a local file. Every other fault is
StoreUnavailableError, so that nobody takes a window for lost because the network was. A copy that was removed or damaged here is
fetched again.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, TypeVar

from greencloud.errors import StoreError
from greencloud.objects.cache import BOUND, Cache, is_copy, mark
from greencloud.objects.objects import Objects, Stored
from greencloud.objects.s3 import S3, unavailable

__all__ = ["LEDGER", "Bucket"]

T = TypeVar("T")

_HEADERS: Final = "headers"
LEDGER: Final = ("segments", "rollups/day", "rollups/month", "restatements", _HEADERS)
"""The folders of a ledger of which there are copies."""

_AT_ONCE: Final = 16
_FOOTER: Final = 1 << 16
_SAME_S: Final = 2.0  # a listing tells the time of an object in milliseconds or in seconds, what is got of it in seconds
_ABSENT_S: Final = 60.0  # so long an object that was not there is not asked for again
_TRIES: Final = 3  # of a reader whose copies others of this machine remove, for whom they are too many
_FEW: Final = 32  # objects: more are looked up by listing their folder


class Bucket(Objects):
    """The objects under ``uri``, with copies of them in the folder ``root``.

    ``folders``: where these lie, at any depth; ``bound``: bytes that they may take; ``in_use_s``: so many seconds one is in use
    that was wanted (``greencloud.objects.cache``).
    """

    __slots__ = ("_absent", "_cache", "_reached", "_root", "_s3", "_within", "uri")

    remote = True

    def __init__(
        self, uri: str, root: Path, *, bound: int = BOUND, in_use_s: float = 60.0, folders: Sequence[str] = LEDGER
    ) -> None:
        self._s3 = S3(uri)
        self.uri = self._s3.uri
        self._root = root.absolute()
        self._cache = Cache([self._root / folder for folder in folders], bound, in_use_s=in_use_s)
        self._absent: dict[Path, float] = {}
        self._reached: dict[Path, int] = {}
        self._within: dict[str, Bucket] = {}

    def within(self, folder: str) -> Bucket:
        """The objects of one folder alone, as if they were a store: the same cache, the same bound."""
        if folder not in self._within:
            made = Bucket(f"{self.uri}/{folder}", self._root / folder)
            made._cache = self._cache
            self._within[folder] = made
        return self._within[folder]

    @property
    def options(self) -> dict[str, str]:
        return self._s3.delta_options

    def check(self) -> None:
        """See whether the store can hold a ledger: that of two puts of one key it refuses the second.

        Raises:
            StoreError: it takes both, so that two writers could both count.
            StoreUnavailableError: it does not answer, or refuses what a ledger needs.
        """
        probe = f"probes/{secrets.token_hex(16)}"
        refused = self._s3.create(probe, b"first") and not self._s3.create(probe, b"second")
        self._s3.delete(probe)
        if not refused:
            raise StoreError(
                f"{self.uri}: the store ignores If-None-Match, so that two writers could both count",
                path=self.uri,
                advice="use a store, or a version of it, that refuses a conditional put where there is an object",
            )

    def read(self, paths: Sequence[Path], action: Callable[[], T]) -> T:
        with self._cache.holding(paths):
            self.each(self._want, [path for path in paths if not self._cache.has(path)])
            for _ in range(_TRIES):
                try:
                    return action()
                except StoreError:
                    if not self._mended(paths):
                        raise
            return action()

    def header(self, path: Path, parse: Callable[[Path | IO[bytes], Path], bytes]) -> bytes:
        kept = self._root / _HEADERS / path.name
        with suppress(FileNotFoundError):
            if self._cache.has(kept):
                content = kept.read_bytes()
                if sha256(content[32:]).digest() == content[:32]:
                    return content[32:]
        content = self.read([path], lambda: parse(path, path)) if self._cache.has(path) else parse(self._footer(path), path)
        try:
            self._keep(kept, [sha256(content).digest(), content])
        except OSError as error:
            raise unavailable(self.uri, str(error)) from error
        return content

    def each(self, action: Callable[[Path], object], paths: Iterable[Path]) -> None:
        wanted = list(paths)
        if len(wanted) < 2:
            super().each(action, wanted)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
            asked = [pool.submit(action, path) for path in wanted]
            try:
                for each in asked:
                    each.result()
            finally:
                pool.shutdown(cancel_futures=True)  # after a fault the rest would only wait for theirs

    def gather(self, paths: Sequence[Path]) -> bool:
        lacking: list[Path] = []

        def fetch(path: Path) -> None:
            if not self._cache.has(path) and not self._get(path):
                self._absent[path] = time.monotonic() + _ABSENT_S
                lacking.append(path)

        self.each(fetch, paths)
        return not lacking

    def absent(self, path: Path) -> bool:
        until = self._absent.get(path)
        if until is not None and until < time.monotonic():
            self._absent.pop(path, None)
            return False
        return until is not None

    def reached(self, folder: Path) -> int | None:
        return self._reached.get(folder)

    def reach(self, folder: Path, number: int) -> None:
        self._reached[folder] = max(number, self._reached.get(folder, 0))

    def put(self, paths: Sequence[Path]) -> None:
        self.each(self._put, paths)

    def names(self, folder: Path, prefix: str = "") -> list[str]:
        return [name for name, _, _ in self._s3.listed(self._key(folder), prefix)]

    def stored(self, folder: Path, *, below: bool = False) -> list[Stored]:
        listed = self._s3.listed(self._key(folder), below=below)
        return [Stored(folder / name, size, modified) for name, size, modified in listed]

    def sighted(self, folder: Path) -> list[Stored]:
        found = self.stored(folder)
        told = {each.path: each for each in found}
        for copy in folder.iterdir() if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                state, stored = copy.stat(), told.get(copy)
                if not is_copy(state):
                    continue
                known = stored and stored.size == state.st_size and abs(stored.modified.timestamp() - state.st_mtime) < _SAME_S
                if not known:
                    copy.unlink()
        return found

    def missing(self, paths: Sequence[Path]) -> set[Path]:
        if len(paths) > _FEW:
            there = {folder: set(self.names(folder)) for folder in {path.parent for path in paths}}
            return {path for path in paths if path.name not in there[path.parent]}
        lacking: set[Path] = set()
        self.each(lambda path: None if self.exists(path) else lacking.add(path), paths)
        return lacking

    def exists(self, path: Path) -> bool:
        return self._s3.digest(self._key(path)) is not None

    def content(self, path: Path) -> bytes | None:
        return self._s3.content(self._key(path))

    def create(self, path: Path, content: bytes) -> bool:
        self._absent.pop(path, None)
        return self._s3.create(self._key(path), content)

    def remove(self, path: Path) -> None:
        self._s3.delete(self._key(path))
        for copy in (path, self._root / _HEADERS / path.name):
            with suppress(OSError):  # what is left here goes when it was not wanted for longest
                copy.unlink()

    def _want(self, path: Path) -> None:
        if not self._get(path):
            raise self._lost(path)

    def _get(self, path: Path) -> bool:
        """Fetch an object. False: there is none. Raises StoreError where it is not what was put."""
        with self._s3.get(self._key(path)) as found:
            if found is None:
                return False
            self._keep(path, found.content, found.size, found.digest, found.modified.timestamp())
        return True

    def _keep(self, path: Path, parts: Iterable[bytes], size: int = -1, told: str = "", modified: float | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.parent / f".{path.name}.{secrets.token_hex(8)}.part"
        digest, written = sha256(), 0
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # some are secret
                for part in parts:
                    written += file.write(part)
                    digest.update(part)
            if (size >= 0 and written != size) or (told and told != digest.hexdigest()):
                where = self.named(path)
                raise StoreError(f"{where}: the content is not what was put", path=where, advice="restore it from a backup")
            if modified is not None:
                os.utime(aside, (time.time(), modified))
            mark(aside)
            aside.rename(path)
        finally:
            aside.unlink(missing_ok=True)
        self._cache.added(written)

    def _put(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise unavailable(self.uri, str(error)) from error
        if not self._s3.create(self._key(path), content):
            path.unlink(missing_ok=True)  # it says the same in other bytes; what is read here is what everybody reads
        else:
            with suppress(FileNotFoundError):  # somebody removed it, and did not know that it is on its way
                mark(path)
        self._absent.pop(path, None)
        self._cache.added(len(content))

    def _mended(self, paths: Sequence[Path]) -> bool:
        """Fetch anew what was removed meanwhile, and copies that are not what was put; whether there were any."""
        mended: list[Path] = []

        def mend(path: Path) -> None:
            try:
                own = sha256(path.read_bytes()).hexdigest()
            except OSError:
                own = ""
            told = self._s3.digest(self._key(path))
            if told is None:
                raise self._lost(path)
            if not own or (told and told != own):
                self._want(path)
                mended.append(path)

        self.each(mend, paths)
        return bool(mended)

    def _footer(self, path: Path) -> IO[bytes]:
        """A Parquet file of the object's footer alone."""
        wanted = _FOOTER
        while True:
            found = self._s3.tail(self._key(path), wanted)
            if found is None:
                raise self._lost(path)
            content, whole = found
            length = int.from_bytes(content[-8:-4], "little") + 8
            if length <= len(content) or len(content) >= whole:
                return io.BytesIO(b"PAR1" + content[-length:])
            wanted = min(length, whole)

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def named(self, path: Path) -> str:
        return f"{self.uri}/{self._key(path)}"

    def _lost(self, path: Path) -> StoreError:
        where = self.named(path)
        return StoreError(
            f"{where}: the object is missing", path=where, advice="restore it from a backup, or allocate its window again"
        )
