"""Where the ledger of a data directory lies: in its folder ``ledger``, or in an object store with that folder as a cache.

Said once, in ``greencloud.json`` (``{"format": 2, "ledger": {"uri": "s3://BUCKET/PREFIX", "cache_bytes": N}}``), by ``greencloud
init`` or by the variable ``GREENCLOUD_LEDGER_URI`` when the directory is opened. From then on the directory knows it, with the
variable or without: a run that lacks it must not begin a second ledger beside the first. Credentials are never kept.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from greencloud.durable import replace_file
from greencloud.errors import StoreError
from greencloud.objects.bucket import Bucket
from greencloud.objects.cache import BOUND
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.s3 import checked_uri

__all__ = ["VARIABLE", "LedgerPlace"]

VARIABLE: Final = "GREENCLOUD_LEDGER_URI"


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """``uri``: "" where the ledger lies in its folder. ``cache_bytes``: what copies of objects may take on disk."""

    uri: str = ""
    cache_bytes: int = BOUND

    @classmethod
    def read(cls, marker: Path) -> Self:
        """What ``greencloud.json`` says.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            told = json.loads(marker.read_text()).get("ledger", {})
            return cls(str(told.get("uri", "")), int(told.get("cache_bytes", BOUND)))
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError(f"{marker} cannot be read", path=str(marker), advice="restore it from a backup") from error

    def settle(self, marker: Path, ledger: Path) -> None:
        """Keep this as the place of the ledger of which ``ledger`` is the folder, once it is known that the store can hold one.

        Raises:
            StoreError: the ledger lies elsewhere already, or the place is none.
            StoreUnavailableError: the store does not answer.
        """
        kept, wanted = self.read(marker), checked_uri(self.uri)
        if kept.uri == wanted and kept.cache_bytes == self.cache_bytes:
            return
        if kept.uri not in {"", wanted}:
            raise StoreError(
                f"{marker.parent}: the ledger lies at {kept.uri}, not at {wanted}",
                path=str(marker),
                advice=f"unset {VARIABLE}, or make a data directory of its own for the other ledger",
            )
        if not kept.uri and (ledger / "_delta_log").exists():
            raise StoreError(
                f"{marker.parent}: there is a ledger in its folder, which would be left behind",
                path=str(ledger),
                advice="make a new data directory with greencloud init --ledger, take the telemetry in there and allocate",
            )
        if not kept.uri:
            _bucket(wanted, ledger, self.cache_bytes, os.getpid()).check()
        content: dict[str, Any] = json.loads(marker.read_text())
        content["ledger"] = {"uri": wanted, "cache_bytes": self.cache_bytes}
        replace_file(marker, json.dumps(content) + "\n")

    @classmethod
    def follow_environment(cls, marker: Path, ledger: Path) -> None:
        """Settle what the variable says, where it is set. Raises as ``settle``."""
        if uri := os.environ.get(VARIABLE, ""):
            cls(uri, cls.read(marker).cache_bytes).settle(marker, ledger)

    def objects(self, ledger: Path) -> Objects:
        """What reads and writes the objects. Raises MissingExtraError where the library for it is not installed."""
        return _bucket(self.uri, ledger, self.cache_bytes, os.getpid()) if self.uri else LOCAL


@lru_cache(maxsize=16)
def _bucket(uri: str, ledger: Path, cache_bytes: int, process: int) -> Bucket:  # noqa: ARG001 - one a process
    return Bucket(uri, ledger, bound=cache_bytes)
