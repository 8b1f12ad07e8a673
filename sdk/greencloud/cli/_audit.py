"""What a verb of the command line does to a data directory, told in its audit trail."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory

__all__ = ["audited", "user"]


def user() -> str:
    """The user of the system; "" where it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


@contextmanager
def audited(directory: DataDirectory, action: str, summary: str) -> Iterator[None]:
    """Note the action before the block begins, and how it ended after. Raises StoreError where it cannot be noted."""
    trail = directory.audit
    index = trail.begin(action, subject=user(), role="", request_id="", summary=summary)
    try:
        yield
    except BaseException as error:
        trail.end(index, _outcome(error))
        raise
    trail.end(index, "OK")


def _outcome(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "CANCELLED"
    from greencloud.server.errors import status_of

    return status_of(error).name
