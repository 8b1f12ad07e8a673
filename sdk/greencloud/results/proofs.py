"""Statements of closed periods, and the log of roots that they are verified against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["RootLogEntry", "Statement"]


@dataclass(frozen=True, slots=True)
class Statement:
    """What an account is told of a closed period, with its proof; ``root`` is the entry of the log that it is verified against.

    Both are canonical JSON (RFC 8785), byte for byte what ``greencloud verify`` takes.
    """

    account: str
    period: str
    statement: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class RootLogEntry:
    """One entry of the log of roots: a close of ``period``, or a key, which has no period.

    ``restates``: the index of the close that this one takes the place of. ``entry``: canonical JSON, a line of the log.
    """

    index: int
    created: datetime
    key_fingerprint: str
    entry: bytes
    period: str = ""
    start: datetime | None = None
    end: datetime | None = None
    restates: int | None = None
