"""The shared log that a verb was given by ``--log``, open while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greencloud.telemetry.shared_log import SharedLog

__all__ = ["shared_log"]


@contextmanager
def shared_log(uri: str) -> Iterator[SharedLog | None]:
    """None where no log was named. Raises ConfigError, MissingExtraError."""
    if not uri:
        yield None
        return
    from greencloud.telemetry.log_uri import open_log

    log = open_log(uri)
    try:
        yield log
    finally:
        log.close()
