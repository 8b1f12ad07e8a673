"""The audit trail: what was done to a data directory with the provider's authority, in a file that only grows.

``audit.jsonl`` has a line for each action before it begins, and one for how it ended. A line that was not synced does not let its
action begin. Each line holds the SHA-256 of the line before, so that it is seen where one was changed, put in or taken out
(``faults``). What was cut off at the end is not: note ``head`` elsewhere to see that. An action without an outcome was under way
when its process ended.

Several processes may write; each appends under a lock of the file. A line that a crash cut was never the reason for anything to
begin, so the next writer takes it away.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from greencloud.durable import NO_ROOM, sync_directory
from greencloud.errors import StorageFullError, StoreError
from greencloud.results import AuditEntry
from greencloud.units import format_instant, parse_instant

__all__ = ["AuditTrail", "system_user"]

_NOTHING: Final = "0" * 64
_LONGEST: Final = 512
_LONGEST_LINE: Final = 16 << 10
_KEYS: Final = {"n", "previous", "time"}


def system_user() -> str:
    """The user that the process runs as, whatever its environment says; "" where it has no name, as in a container."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        return ""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Read:
    """What was read of the file so far: up to ``size``, of which the last line has the digest ``head``."""

    size: int = 0
    count: int = 0
    head: str = _NOTHING
    entries: list[AuditEntry] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)  # line of an action: its place in entries
    fault: str = ""


class AuditTrail:
    """The trail at ``path``. ``clock`` is when things are done."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._read = _Read()

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
            self._read = _Read()
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
                        advice="restore audit.jsonl from a backup, or move it away once it is looked into: a new one is begun",
                    )
                os.ftruncate(file, self._read.size)  # what is behind the last whole line was cut by a crash
                number = self._read.count
                stamp = {"n": number, "previous": self._read.head, "time": format_instant(self._clock())}
                line = json.dumps(stamp | content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
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
                    self._read = _Read()
                file.seek(self._read.size)
                while not self._read.fault and (line := file.readline(_LONGEST_LINE)):
                    if line.endswith(b"\n"):
                        self._take(line)
                    elif len(line) == _LONGEST_LINE:
                        self._read.fault = f"line {self._read.count + 1}: it is longer than any that is written"
                    else:
                        break  # another process is writing it, or a crash cut it
        except FileNotFoundError:
            self._read = _Read()

    def _take(self, line: bytes) -> None:
        read = self._read
        try:
            said = json.loads(line)
            if not isinstance(said, dict) or not said.keys() >= _KEYS:
                raise ValueError("no line of a trail")
            if said["n"] != read.count or said["previous"] != read.head:
                raise ValueError("it does not follow the line before: one was changed, put in or taken out")
            if "of" in said:
                place = read.places[said["of"]]
                read.entries[place] = replace(read.entries[place], outcome=str(said["outcome"]))
            else:
                texts = {name: str(said[name]) for name in ("action", "subject", "role", "request_id", "summary")}
                entry = AuditEntry(index=read.count, created=parse_instant(said["time"]), outcome="", **texts)
                read.places[read.count] = len(read.entries)
                read.entries.append(entry)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            text = str(error) if type(error) is ValueError else "it is no line of a trail"
            read.fault = f"line {read.count + 1}: {text}"
            return
        read.head = hashlib.sha256(line).hexdigest()
        read.count += 1
        read.size += len(line)


def _bounded(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
