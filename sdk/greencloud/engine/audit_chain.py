"""The chain of an audit trail: each line holds the SHA-256 of the line before, so that it is seen where one was changed, put in or
taken out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from greencloud.results import AuditEntry
from greencloud.units import format_instant, parse_instant

__all__ = ["Chain"]

_NOTHING: Final = "0" * 64
_KEYS: Final = {"n", "previous", "time"}
_NO_LINE: Final = "it is no line of a trail"


@dataclass(slots=True)
class Chain:
    """What was read of a trail so far: up to ``size`` bytes, of which the last line has the digest ``head``."""

    size: int = 0
    count: int = 0
    head: str = _NOTHING
    entries: list[AuditEntry] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)  # line of an action: its place in entries
    fault: str = ""

    def following(self, content: dict[str, Any], now: datetime) -> bytes:
        """The line that comes next."""
        stamp = {"n": self.count, "previous": self.head, "time": format_instant(now)}
        return json.dumps(stamp | content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    def take(self, line: bytes) -> None:
        """Read the next line. Raises ValueError, with nothing changed, where it cannot be the next one."""
        try:
            said = json.loads(line)
            if not isinstance(said, dict) or not said.keys() >= _KEYS:
                raise ValueError(_NO_LINE)
            if said["n"] != self.count or said["previous"] != self.head:
                raise ValueError("it does not follow the line before: one was changed, put in or taken out")
            if "of" in said:
                place = self.places[said["of"]]
                self.entries[place] = replace(self.entries[place], outcome=str(said["outcome"]))
            else:
                texts = {name: str(said[name]) for name in ("action", "subject", "role", "request_id", "summary")}
                entry = AuditEntry(index=self.count, created=parse_instant(said["time"]), outcome="", **texts)
                self.places[self.count] = len(self.entries)
                self.entries.append(entry)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(str(error) if type(error) is ValueError else _NO_LINE) from error
        self.head = hashlib.sha256(line).hexdigest()
        self.count += 1
        self.size += len(line)
