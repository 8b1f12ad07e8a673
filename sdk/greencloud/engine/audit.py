"""The audit trail: what was done to a data directory with the provider's authority, in a file that only grows.

``audit.jsonl`` has a line for each action before it begins, and one for how it ended. A line that was not synced does not let its
action begin. Each line holds the SHA-256 of the line before, so that it is seen where one was changed, put in or taken out
(``faults``). What was cut off at the end is not: note ``head`` elsewhere to see that. An action without an outcome was under way
when its process ended.

Several processes may write; each appends under a lock of the file. A line that a crash cut was never the reason for anything to
begin, so the next writer takes it away. In an object store it is ``greencloud.engine.stored_audit``.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from greencloud.durable import NO_ROOM, sync_directory
from greencloud.engine.audit_chain import Chain
from greencloud.errors import StorageFullError, StoreError
from greencloud.results import AuditEntry

__all__ = ["AuditTrail", "now_utc", "system_user"]

_LONGEST: Final = 512
_LONGEST_LINE: Final = 16 << 10


def system_user() -> str:
    """The user that the process runs as, whatever its environment says; "" where it has no name, as in a container."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        return ""


def now_utc() -> datetime:
    return datetime.now(UTC)


class AuditTrail:
    """The trail at ``path``. ``clock`` is when things are done."""

    remedy = "restore audit.jsonl from a backup, or move it away once it is looked into: a new one is begun"
    """What to do where it is damaged."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = now_utc) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._read = Chain()

    def begin(self, action: str, *, subject: str, role: str, request_id: str, summary: str) -> int:
        """Note durably what is about to be done; the number of the line, for ``end``.

        Raises:
            StoreError: it cannot be noted, or the trail is damaged; then it must not be done.
        """
        told = {"action": action, "subject": subject, "role": role, "request_id": request_id, "summary": summary}
        return self._append({name: _bounded(text) for name, text in told.items()})

    def end(self, index: int, outcome: str) -> None:
        """Note how the action of that line ended. Raises StoreError."""
        self._append({"of": index, "outcome": _bounded(outcome)})

    @contextmanager
    def doing(self, action: str, summary: str, *, status_of: Callable[[BaseException], str]) -> Iterator[None]:
        """Around what the user of the system does: noted before, and how it ended after. ``status_of`` names an error's status."""
        index = self.begin(action, subject=system_user(), role="", request_id="", summary=summary)
        try:
            yield
        except BaseException as error:
            self.end(index, status_of(error))
            raise
        self.end(index, "OK")

    def entries(self) -> list[AuditEntry]:
        """Every action, oldest first, up to the first fault. ``outcome`` is "" where none was noted."""
        with self._lock:
            self._catch_up()
            return list(self._read.entries)

    def faults(self) -> list[str]:
        """Where the chain breaks; nothing where it holds. Reads the file anew."""
        with self._lock:
            self._read = Chain()
            self._catch_up()
            return [self._read.fault] if self._read.fault else []

    def head(self) -> tuple[int, str]:
        """How many lines there are, and the SHA-256 of the last, in hex."""
        with self._lock:
            self._catch_up()
            return self._read.count, self._read.head

    def _append(self, content: dict[str, Any]) -> int:
        try:
            with self._lock, self._locked() as file:
                self._catch_up()
                if self._read.fault:
                    raise StoreError(
                        f"the audit trail is damaged: {self._read.fault}",
                        path=str(self._path),
                        advice=self.remedy,
                    )
                os.ftruncate(file, self._read.size)  # what is behind the last whole line was cut by a crash
                number = self._read.count
                line = self._read.following(content, self._clock())
                os.pwrite(file, line, self._read.size)
                os.fsync(file)
                return number
        except OSError as error:
            kind = StorageFullError if error.errno in NO_ROOM else StoreError
            text = f"{self._path} cannot be written: {error.strerror}; what was asked for was not begun"
            advice = "free some space on that volume" if kind is StorageFullError else "check the permissions of the data directory"
            raise kind(text, path=str(self._path), advice=f"{advice}, then try again: what is done is noted first") from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if new:
                sync_directory(self._path.parent)
            yield file
        finally:
            os.close(file)

    def _catch_up(self) -> None:
        """Read the whole lines that others and we have added."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._read.size:  # another file
                    self._read = Chain()
                file.seek(self._read.size)
                while not self._read.fault and (line := file.readline(_LONGEST_LINE)):
                    if line.endswith(b"\n"):
                        try:
                            self._read.take(line)
                        except ValueError as error:
                            self._read.fault = f"line {self._read.count + 1}: {error}"
                    elif len(line) == _LONGEST_LINE:
                        self._read.fault = f"line {self._read.count + 1}: it is longer than any that is written"
                    else:
                        break  # another process is writing it, or a crash cut it
        except FileNotFoundError:
            self._read = Chain()


def _bounded(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
