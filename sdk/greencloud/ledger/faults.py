"""What the system and Delta raise, as errors of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake.exceptions import DeltaError

from greencloud.durable import NO_ROOM
from greencloud.errors import StorageFullError, StoreError

__all__ = ["is_full", "plain", "storage_errors"]


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system and Delta raise into StorageFullError and StoreError."""
    try:
        yield
    except (DeltaError, OSError) as error:
        if is_full(error):
            raise StorageFullError(
                f"{path}: there is no room left; nothing was posted",
                path=str(path),
                advice="free some space on that volume and try again; what was posted before is whole",
            ) from error
        raise StoreError(f"{path}: {plain(error)}", path=str(path), advice="greencloud doctor examines the folder") from error


def is_full(error: Exception) -> bool:
    """Whether the disk, or somebody's part of it, is full."""
    # Delta passes the system's error on as text.
    return getattr(error, "errno", None) in NO_ROOM or any(
        sign in str(error) for sign in ("No space left on device", *(f"os error {number}" for number in NO_ROOM))
    )


def plain(error: Exception) -> str:
    """The words of an error, on one line."""
    # Delta's text is in several lines with colours for a terminal.
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", "", str(error)).split())
