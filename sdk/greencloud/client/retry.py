"""Trying again: what a channel does by itself when the server was not reached, or says that it cannot serve just now.

Only UNAVAILABLE is tried again (AIP-194): RESOURCE_EXHAUSTED is for the caller to pace, DEADLINE_EXCEEDED has used up its time.
grpc does it, by the service config of the channel (gRFC A6): the wait before attempt n is random between 0 and
``min(initial_backoff_s * multiplier ** (n - 1), max_backoff_s)``, and the call's timeout holds over all attempts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import ConfigError

__all__ = ["Retry"]

_MOST: Final = 5  # gRFC A6: grpc takes no more, and cuts what is more in silence


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call is tried, the first time included, and how long to wait in between. ``Retry(attempts=1)`` never repeats.

    Raises:
        ConfigError: not 1 to 5 attempts, a wait that is not above zero, or a multiplier below 1.
    """

    attempts: int = 4
    initial_backoff_s: float = 0.2
    max_backoff_s: float = 5.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST:
            raise ConfigError(
                f"a call cannot be tried {self.attempts} times", key="attempts", advice=f"use 1 (never again) to {_MOST}"
            )
        if not 0 < self.initial_backoff_s <= self.max_backoff_s < float("inf"):
            raise ConfigError(
                f"waits of {self.initial_backoff_s} s to {self.max_backoff_s} s are not a range",
                key="initial_backoff_s",
                advice="let 0 < initial_backoff_s <= max_backoff_s",
            )
        if not 1 <= self.multiplier < float("inf"):
            raise ConfigError(f"waits cannot grow by {self.multiplier}", key="multiplier", advice="use 1 or more")

    @classmethod
    def off(cls) -> Retry:
        """Never try again."""
        return cls(attempts=1)

    def options(self) -> tuple[tuple[str, Any], ...]:
        """As options of a channel."""
        if self.attempts == 1:
            return (("grpc.enable_retries", 0),)
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.initial_backoff_s:.9f}s",
            "maxBackoff": f"{self.max_backoff_s:.9f}s",
            "backoffMultiplier": self.multiplier,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
        return (("grpc.enable_retries", 1), ("grpc.service_config", json.dumps(config)))
