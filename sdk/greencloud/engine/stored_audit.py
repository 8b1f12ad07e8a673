"""The audit trail of several servers: one chain in an object store, with an object for each line (``audit/000000000001.json``).

A line is created under the number that follows what was read, which one writer alone can do; the others read on and try again. So
there is one order of what was done, as in a file, and a place in it stays the same. What is noted is rare, and a try takes
milliseconds. A chain for each writer would save the tries, and would have no order but that of their clocks: entries would come
in between those that were already read.

Each line has a random ``token``, since a store takes the same content under the same name for one that asked again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from greencloud.engine.audit import AuditTrail, now_utc
from greencloud.engine.audit_chain import Chain
from greencloud.errors import StoreError
from greencloud.objects.objects import Objects
from greencloud.objects.records import Records

__all__ = ["StoredTrail"]

_TRIES: Final = 200


class StoredTrail(AuditTrail):
    """The trail under the name of ``folder`` in an object store. All that is asked of it raises StoreUnavailableError where the
    store does not answer; what was to be noted then may be there, as an action without an outcome."""

    remedy = "look into it, and restore the objects below audit/ from a backup or from another version of the bucket"

    def __init__(self, folder: Path, objects: Objects, *, clock: Callable[[], datetime] = now_utc) -> None:
        super().__init__(folder, clock=clock)
        self._records = Records(folder, objects)
        self._whole = False  # no line lies behind a gap

    def faults(self) -> list[str]:
        """As of the file, from the store itself, whatever copies say."""
        with self._lock:
            self._read, self._whole = Chain(), False
            for number, content in self._records.stored():
                if number != self._read.count + 1:
                    self._read.fault = self._lost(number)
                    break
                try:
                    self._following(number, content)
                except StoreError as error:
                    self._read.fault = error.message
                    break
            return [self._read.fault] if self._read.fault else []

    def _append(self, content: dict[str, Any]) -> int:
        with self._lock:
            if not self._whole:
                self._catch_up()
            for _ in range(_TRIES):
                if self._read.fault:
                    raise StoreError(
                        f"the audit trail is damaged: {self._read.fault}", path=self._records.where, advice=self.remedy
                    )
                number = self._read.count
                line = self._read.following(content | {"token": secrets.token_hex(8)}, self._clock())
                if self._records.create(number + 1, line):
                    self._read.take(line)
                    return number
                self._catch_up()
        raise StoreError(
            f"{self._records.where}: others write all the time; what was asked for was not begun",
            path=self._records.where,
            advice="try again",
        )

    def _catch_up(self) -> None:
        """Read the lines that others and we have added."""
        self._read_on()
        if not self._whole and not self._read.fault:
            last = max(self._records.numbers(), default=0)
            self._read_on()  # what others added meanwhile
            if last > self._read.count and not self._read.fault:
                self._read.fault = self._lost(last)
            self._whole = not self._read.fault

    def _read_on(self) -> None:
        if self._read.fault:
            return
        try:
            for _ in self._records.after(self._read.count, self._following):
                pass  # each is taken when it is read
        except StoreError as error:
            self._read.fault = error.message

    def _following(self, number: int, content: bytes) -> None:
        try:
            self._read.take(content)
        except ValueError as error:
            raise StoreError(f"line {number}: {error}", path=self._records.named(number)) from error

    def _lost(self, last: int) -> str:
        return f"line {self._read.count + 1} is missing, though line {last} is there"
