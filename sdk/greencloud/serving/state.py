"""What a serving copy says of itself, and what stands for the content of a version of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from threading import Lock
from typing import Any, Final

from greencloud.ledger.version import Version

__all__ = ["STATE_SQL", "CopyState", "content_of_version", "ledger_of"]

STATE_SQL: Final = (
    "SELECT format, ledger, version, content, "
    "(SELECT array_agg(site ORDER BY site, day) FROM greencloud.day WHERE NOT rolled), "
    "(SELECT array_agg(day ORDER BY site, day) FROM greencloud.day WHERE NOT rolled) FROM greencloud.copy_state"
)


@dataclass(frozen=True, slots=True)
class CopyState:
    """``unrolled``: sites (as the copy has them) and days of which ``day_sum`` has nothing yet."""

    format: int
    ledger: str
    version: int
    content: str
    unrolled: tuple[tuple[str, date], ...] = ()

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> CopyState:
        """The state in the answer to ``STATE_SQL``."""
        form, ledger, version, content, sites, days = row
        return cls(form, ledger, version, content, tuple(zip(sites or (), days or (), strict=True)))


def ledger_of(version: Version) -> str:
    """Which ledger this is a version of: the id that its table was made with; "" of an empty one."""
    return str(version.handle.metadata().id) if version.handle else ""


def content_of_version(version: Version) -> str:
    """SHA-256 over the paths of the segments of a version, sorted. Their names are random, so that versions of two ledgers with the
    same number, one restored from a backup of the other, do not have the same."""
    with _LOCK:
        for listing, content in _KEPT:
            if listing is version.listing:
                return content
    content = sha256("\n".join(sorted(version.listing["path"].to_pylist())).encode()).hexdigest()
    with _LOCK:
        _KEPT.append((version.listing, content))
        del _KEPT[:-4]
    return content


_LOCK: Final = Lock()
_KEPT: Final[list[tuple[Any, str]]] = []
