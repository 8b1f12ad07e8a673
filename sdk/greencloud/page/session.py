"""Who is logged in: secrets that stay in this process, each opened by a random id until its time.

A reader's cookie has the id and nothing else; the token stays here. Ids are kept as SHA-256 digests, so that looking one up tells
nothing by its time. Everything is bounded: of one owner and of all together the oldest give way, so that nobody who logs in again
and again puts others out. What is here is gone when the process ends, and readers log in anew.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from greencloud.results import CallerIdentity

__all__ = ["LINK_HOLDS", "SESSION_HOLDS", "Secrets", "Session", "owner_of"]

SESSION_HOLDS: Final = timedelta(hours=8)
LINK_HOLDS: Final = timedelta(minutes=5)
_LONGEST_ID: Final = 128

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in: the token, and what the server said of it then."""

    token: str = field(repr=False)
    identity: CallerIdentity


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    owner: str
    value: T
    until: datetime


class Secrets(Generic[T]):
    """Values, each for ``holds`` at most; ``most`` of all owners together and ``most_each`` of one."""

    def __init__(self, holds: timedelta, *, most: int = 10_000, most_each: int = 20) -> None:
        self._holds = holds
        self._most = most
        self._most_each = most_each
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Kept[T]] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, owner: str, value: T, *, now: datetime, until: datetime) -> str:
        """Keep a value until then, or for as long as any is kept; gives the id that opens it, 256 random bits."""
        id_ = secrets.token_urlsafe(32)
        with self._lock:
            for digest in [digest for digest, kept in self._kept.items() if kept.until <= now]:
                del self._kept[digest]
            own = [digest for digest, kept in self._kept.items() if kept.owner == owner]
            for digest in own[: max(0, len(own) + 1 - self._most_each)]:
                del self._kept[digest]
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[_digest(id_)] = _Kept(owner, value, min(until, now + self._holds))
        return id_

    def find(self, id_: str, now: datetime) -> T | None:
        """The value, if it is there and its time is not over."""
        kept = self._kept.get(_digest(id_))
        return kept.value if kept and now < kept.until else None

    def take(self, id_: str, now: datetime) -> T | None:
        """The same, and it is gone: of two who ask at once one has it."""
        with self._lock:
            kept = self._kept.pop(_digest(id_), None)
        return kept.value if kept and now < kept.until else None


def owner_of(identity: CallerIdentity) -> str:
    """One name for whoever has credentials of the same issuer, role, account and subject."""
    return "\0".join((identity.issuer, identity.role, identity.account, identity.subject))


def _digest(id_: str) -> bytes:
    return hashlib.sha256(id_[:_LONGEST_ID].encode(errors="replace")).digest()
