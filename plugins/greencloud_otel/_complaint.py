"""What goes wrong off the hot path is told, and not again within a minute; nothing is ever raised into the application."""

from __future__ import annotations

import logging
import time
from typing import Final

__all__ = ["PAUSE_S", "complain"]

_log: Final = logging.getLogger("greencloud_otel")

PAUSE_S: Final = 60.0
"""Seconds between two warnings, whatever they are about."""

_last: list[float] = []


def complain(message: str, *arguments: object, error: BaseException | None = None) -> None:
    """Logs a warning, or drops it when there was one within the last minute."""
    now = time.monotonic()
    if _last and now - _last[0] < PAUSE_S:
        return
    _last[:] = [now]
    _log.warning(message, *arguments, exc_info=error)
