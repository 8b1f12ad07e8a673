"""How much one reader may ask of the page: attempts to log in by address, and pages at once by who is logged in.

Tokens cannot be guessed. Attempts are bounded because each is a question to the server, and so is the memory of them.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from greencloud.errors import GreencloudError

__all__ = ["Attempts", "BusyError", "Turns"]

_MOST_ADDRESSES: Final = 4_096


class BusyError(GreencloudError):
    """More is asked for than is answered at once. Try again after ``retry_after_s`` seconds."""

    reason = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after_s: float, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.retry_after_s = retry_after_s


class Attempts:
    """``most`` attempts that failed, in ``within_s`` seconds, of one address (IPv6: of one /64). Time is of any monotonic clock."""

    def __init__(self, most: int = 30, within_s: float = 60.0) -> None:
        self._most = most
        self._within_s = within_s
        self._lock = threading.Lock()
        self._failed: dict[str, tuple[float, int]] = {}  # since when, how many; the oldest first

    def check(self, address: str, now: float) -> None:
        """Raises BusyError where too many have failed."""
        since, count = self._failed.get(_network(address), (now, 0))
        if count >= self._most and now - since < self._within_s:
            raise BusyError(
                "too many attempts to log in have failed",
                retry_after_s=self._within_s - (now - since),
                advice="wait for a minute, and use a credential that still holds",
            )

    def failed(self, address: str, now: float) -> None:
        network = _network(address)
        with self._lock:
            since, count = self._failed.pop(network, (now, 0))
            self._failed[network] = (now, 1) if now - since >= self._within_s else (since, count + 1)
            while len(self._failed) > _MOST_ADDRESSES:
                del self._failed[next(iter(self._failed))]


class Turns:
    """``most`` pages under way of one owner at once, so that one who asks for dear ones leaves room for others."""

    def __init__(self, most: int = 6) -> None:
        self._most = most
        self._free = threading.Condition()
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one(self, owner: str, *, wait_s: float = 0.0) -> Iterator[None]:
        """Raises BusyError where as many are under way, and none of them ends within ``wait_s``."""
        with self._free:
            if not self._free.wait_for(lambda: self._under_way.get(owner, 0) < self._most, wait_s):
                raise BusyError("more pages are asked for than are made at once for one reader", retry_after_s=2.0)
            self._under_way[owner] += 1
        try:
            yield
        finally:
            with self._free:
                self._under_way[owner] -= 1
                if not self._under_way[owner]:
                    del self._under_way[owner]
                self._free.notify_all()


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)
