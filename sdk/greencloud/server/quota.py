"""How much an account may send and ask: limits by side, and a bucket that fills at the account's rate.

The size of a request is known when it has come, and refusing it then would save nothing: the next ones are refused instead, before
their message is read, until the account is out of debt. So one large request is always taken, and the average holds.

The rate limiters of ``limits`` were tried: its windows keep no debt, and the moving one costs an entry for each byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LONG_S", "PROVIDER_RATE", "TENANT_RATE", "TENANT_REQUESTS", "Bucket", "Limits", "Policy"]

TENANT_RATE: Final = 50_000_000
"""Bytes/s: about 150,000 spans a second."""

PROVIDER_RATE: Final = 500_000_000

TENANT_REQUESTS: Final = 100
"""Requests/s of the API, saved up for ``burst_s`` seconds."""

LONG_S: Final = 60.0
"""Over quota for longer than this, and the delay asked for is the longest."""

_PAUSE_S: Final = 10.0
_SHORTEST_S: Final = 1.0  # OTLP clients with ten seconds of patience give up at longer delays than these
_LONGEST_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one account has. ``rate`` is bytes/s of telemetry (0: any); in hand ``calls``, ``bytes`` and ``running`` threads.

    Of the API: ``requests`` a second (0: any), ``questions`` in hand, of which ``answering`` at once, and ``exports`` under way.
    """

    calls: int
    running: int
    bytes: int
    rate: int
    weight: int = 1
    burst_s: float = 4.0
    requests: float = 0
    questions: int = 1 << 30
    answering: int = 1 << 30
    exports: int = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of a tenant's account and of the provider, and of all together. ``wait_s``: longest wait for a turn.

    ``exports``: how many exports of all accounts are under way at once.
    """

    tenant: Limits
    provider: Limits
    bytes: int = 256 << 20
    wait_s: float = 4.0
    exports: int = 8

    @classmethod
    def of(
        cls, threads: int, *, rate: int = TENANT_RATE, provider_rate: int = PROVIDER_RATE, requests: float = TENANT_REQUESTS
    ) -> Policy:
        """For a server of so many threads. A tenant has a quarter of them, the provider with all its agents a half.

        Questions have half of the threads together; of these a tenant has a quarter (two at the least), and the provider a half.
        """
        calls, running, answering = 32 * threads, max(1, threads // 2), max(1, threads // 4)
        return cls(
            tenant=Limits(
                calls=threads,
                running=max(1, threads // 4),
                bytes=64 << 20,
                rate=rate,
                requests=requests,
                answering=max(2, threads // 8),
            ),
            provider=Limits(
                calls=calls, running=running, bytes=128 << 20, rate=provider_rate, weight=4, exports=4, answering=answering
            ),
        )


class Bucket:
    """Bytes that may be sent: ``rate`` a second, saved up to ``burst``. Time is seconds of any monotonic clock."""

    def __init__(self, rate: float, burst: float, *, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._filled = now
        self._first_refused = now
        self._last_refused = now - 2 * _PAUSE_S

    def take(self, size: int, now: float) -> None:
        """Note a request; the bucket may go into debt."""
        self._fill(now)
        self._level -= size

    def refusal(self, now: float) -> float:
        """0 when the account may send; else the seconds after which to try again."""
        self._fill(now)
        if self._level > 0:
            return 0.0
        if now - self._last_refused > _PAUSE_S:
            self._first_refused = now
        self._last_refused = now
        if now - self._first_refused > LONG_S:
            return _LONGEST_S
        return min(_LONGEST_S, max(_SHORTEST_S, -self._level / self._rate))

    def _fill(self, now: float) -> None:
        self._level = min(self._burst, self._level + (now - self._filled) * self._rate)
        self._filled = now
