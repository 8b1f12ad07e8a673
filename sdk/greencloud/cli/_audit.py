"""What a verb of the command line does to a data directory, told in its audit trail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory

__all__ = ["audited"]


def audited(directory: DataDirectory, action: str, summary: str) -> AbstractContextManager[None]:
    """Note the action before the block begins, and how it ended after. Raises StoreError where it cannot be noted."""
    return directory.audit.doing(action, summary, status_of=_status)


def _status(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "CANCELLED"
    from greencloud.server.errors import status_of  # which loads grpc

    return status_of(error).name
