"""What a server has taken, answered and refused since it began: plain sums, cheap enough to keep for every call.

They are sums, so that what reads them (``greencloud.server.metrics``, the line in the log once a minute) may come when it likes.
Accounts are many and their names are labels of a time series, so only the busiest of late are named and the rest are together.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

__all__ = ["CAUSES", "MOST_NAMED", "OTHER", "AccountBytes", "Counts"]

MOST_NAMED: Final = 50
OTHER: Final = "other"
CAUSES: Final = ("calls", "quota", "account bytes", "bytes", "wait", "draining", "questions", "watchers", "credentials")
"""Why calls are turned away to come again."""


class AccountBytes:
    """Bytes by account, of which the ``most`` busiest between two looks are named. Each name's sum only grows while it is named."""

    def __init__(self, most: int = MOST_NAMED) -> None:
        self._most = most
        self._fresh: Counter[str] = Counter()
        self._named: dict[str, int] = {}
        self._other = 0

    def add(self, account: str, size: int) -> None:
        self._fresh[account] += size

    def look(self) -> dict[str, int]:
        """Sums by name, and of all others."""
        busiest = {name for name, _ in self._fresh.most_common(self._most)}
        idle = [name for name in self._named if name not in self._fresh]
        quiet = idle + sorted((name for name in self._named if name in self._fresh), key=lambda name: self._fresh[name])
        for name in sorted(busiest - self._named.keys(), key=lambda name: -self._fresh[name]):
            if len(self._named) >= self._most:
                least = quiet.pop(0)
                if self._fresh[least] >= self._fresh[name]:
                    break
                del self._named[least]
            self._named[name] = 0
        for name, size in self._fresh.items():
            if name in self._named:
                self._named[name] += size
            else:
                self._other += size
        self._fresh.clear()
        return self._named | {OTHER: self._other}


class Counts:
    """Sums of one process. Keys: signal (traces, metrics, logs, profiles, other, api), status, cause of a refusal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.bytes: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.took_s = 0.0
        self.duration: Callable[[float, str], None] | None = None
        self._accounts = AccountBytes()
        self._lag_s = 0.0

    def ended(self, signal: str, code: str, seconds: float, *, refusal: str) -> None:
        """A call is over."""
        with self._lock:
            self.requests[signal, code] += 1
            if refusal:
                self.refused[refusal] += 1
        if self.duration and not refusal:
            self.duration(seconds, signal)

    def took(self, signal: str, account: str, size: int, *, items: int, rejected: int, seconds: float, lag_s: float) -> None:
        """A request was taken and is durable; its newest item was ``lag_s`` old when it came."""
        with self._lock:
            self.bytes[signal] += size
            self.items[signal] += items
            self.rejected[signal] += rejected
            self.took_s += seconds
            self._accounts.add(account or "(provider)", size)
            self._lag_s = max(self._lag_s, lag_s)

    def lag(self) -> float:
        """The largest lag since the last look."""
        with self._lock:
            found, self._lag_s = self._lag_s, 0.0
            return found

    def accounts(self) -> dict[str, int]:
        """Bytes by account."""
        with self._lock:
            return self._accounts.look()

    def summary(self) -> tuple[int, int, int, int]:
        """Requests, items, bytes and refusals so far, of telemetry."""
        with self._lock:
            requests = sum(count for (signal, _), count in self.requests.items() if signal != "api")
            return requests, self.items.total(), self.bytes.total(), self.refused.total()
