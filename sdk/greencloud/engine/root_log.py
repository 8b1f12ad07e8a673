"""Where the log of roots is kept (``greencloud.proof.log``): in a file, or as one object an entry in an object store.

::

    closes/log.jsonl                  an entry a line
    closes/log/000000000001.json      entry 0, and so on: one after the other they are what the file would be

In the store two servers may close at once. Only one can create the object of the next entry; the other is told that its own does
not follow the log, as a writer of the file is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Final

from greencloud.errors import ProofError, StoreError
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.records import Records
from greencloud.proof import append_entry, canonical, log_faults, parse, parse_entry, read_log
from greencloud.proof.hashes import HASH_BYTES

__all__ = ["RootLog", "StoredRootLog", "root_log"]

FRESH_S: Final = 1.0


class RootLog:
    """The log in the file ``path``."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path

    def exists(self) -> bool:
        """Whether there is one."""
        return self._path.exists()

    def state(self) -> object:
        """What tells one content from another: the log only grows, and each entry replaces the file. None: there is none."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def entries(self) -> list[dict[str, Any]]:
        """The entries, oldest first; their truth is for ``log_faults``. Raises ProofError where they cannot be read."""
        return read_log(self._path)

    def kept(self) -> list[dict[str, Any]]:
        """As ``entries``, from where the truth lies, whatever copies say. Raises as it does."""
        return self.entries()

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry, whole or not at all.

        Raises:
            ProofError: it does not follow the last one: another was added since it was made, say.
            OSError: it cannot be written.
        """
        append_entry(self._path, entry)

    def lacks(self, entry: dict[str, Any], error: BaseException) -> bool:
        """Whether it is sure that an entry is not there nor will be, after ``append`` ended so; {}: it was never asked to.
        Raises as ``entries``."""
        return not entry or entry not in self.entries()


class StoredRootLog(RootLog):
    """The log under the name of ``folder`` in an object store. What was read is remembered: entries never change.

    ``clock``: seconds, from anywhere. ``state`` looks whether there are more when ``fresh_s`` have passed since it did: it is asked
    for each batch that is posted. So a window that another server closed is known to be closed that much later.

    All that is asked of it raises StoreUnavailableError where the store does not answer.
    """

    def __init__(
        self, folder: Path, objects: Objects, *, clock: Callable[[], float] = time.monotonic, fresh_s: float = FRESH_S
    ) -> None:
        self._records = Records(folder, objects)
        self.where = self._records.where
        self._clock = clock
        self._fresh_s = fresh_s
        self._entries: list[dict[str, Any]] = []
        self._whole = False  # no entry lies behind a gap
        self._asked: float | None = None
        self._lock = Lock()

    def exists(self) -> bool:
        return bool(self._records.numbers())

    def state(self) -> object:
        now = self._clock()
        if self._asked is None or now - self._asked >= self._fresh_s:
            self._read_on()
            self._asked = now
        return len(self._entries)

    def entries(self) -> list[dict[str, Any]]:
        self._read_on()
        return list(self._entries)

    def kept(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, content in self._records.stored():
            if number != len(found) + 1:
                raise self._lost(len(found), number - 1)
            found.append(parse(content, f"{self.where}: entry {number - 1}"))
        return found

    def append(self, entry: dict[str, Any]) -> None:
        for _ in range(2):
            log = [*self.entries(), entry]
            for fault in log_faults(log):
                raise ProofError(f"{self.where}: {fault}", advice="make the entry anew on the log as it is now")
            if self._records.create(len(log), canonical(entry) + b"\n"):
                with self._lock:
                    if len(self._entries) == len(log) - 1:
                        self._entries.append(entry)
                return
        raise StoreError(f"{self.where}: entry {len(log) - 1} is there, and cannot be read", path=self.where, advice="try again")

    def lacks(self, entry: dict[str, Any], error: BaseException) -> bool:
        # What was asked of the store and not answered may still come to be; that another entry is in its place is an answer.
        return not entry or isinstance(error, ProofError)

    def _read_on(self) -> None:
        with self._lock:
            try:
                self._take_more()
            except StoreError:  # whatever it is, it is the content of the store, to be read as that of a file is
                self._entries = self.kept()
            if not self._whole:
                last = max(self._records.numbers(), default=0)
                self._take_more()  # what others added meanwhile
                if last > len(self._entries):
                    raise self._lost(len(self._entries), last - 1)
                self._whole = True

    def _take_more(self) -> None:
        for entry in self._records.after(len(self._entries), self._following):
            self._entries.append(entry)

    def _following(self, number: int, content: bytes) -> dict[str, Any]:
        """An entry that is what was written; so a copy that is not is fetched again."""
        where = f"{self.where}: entry {number - 1}"
        try:
            entry: dict[str, Any] = parse(content, where)
            read = parse_entry(entry, where)
        except ProofError as error:
            raise StoreError(error.message, path=where) from error
        before = sha256(canonical(self._entries[-1])).digest() if self._entries else bytes(HASH_BYTES)
        if read.previous != before or not read.signature_holds():
            raise StoreError(f"{where} is not what was written", path=where)
        return entry

    def _lost(self, entry: int, last: int) -> ProofError:
        message = f"{self.where}: entry {entry} is missing, though entry {last} is there"
        return ProofError(message, advice="restore it from a backup, or from a copy of the log")


def root_log(folder: Path, objects: Objects = LOCAL) -> RootLog:
    """The log of the closes in ``folder``; of one in an object store a process has one, which remembers."""
    return _stored(folder / "log", objects) if objects.remote else RootLog(folder / "log.jsonl")


_stored = lru_cache(maxsize=16)(StoredRootLog)
