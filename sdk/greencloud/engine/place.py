"""Where a data directory's truth lies: in its own folder, or in an object store with that folder as a cache.

Said once, in ``greencloud.json``, by ``greencloud init`` or by a variable when the directory is opened::

    {"format": 2, "store": {"uri": "s3://BUCKET/PREFIX", "cache_bytes": N}}     all that is written once
    {"format": 2, "ledger": {"uri": "s3://BUCKET/PREFIX", "cache_bytes": N}}    the ledger alone (of a store: at PREFIX/ledger)

The variables are ``GREENCLOUD_STORE_URI`` and ``GREENCLOUD_LEDGER_URI``. From then on the directory knows it, with the variable or
without: a run that lacks it must not begin a second truth beside the first. A store has a ``greencloud.json`` of its own, written
with the first directory that was placed there, which says its format. Credentials are never kept, and keys never go there.

In a store the paths are those of a directory (``greencloud.engine.data``), and where a directory has a file that is replaced or
grows, there is a sequence of records (``greencloud.objects.records``) or an object for each line::

    facility/books/REVISION.json, facility/books/REVISION/...    greencloud.engine.stored_books
    facility/applied/NUMBER.json                                 for facility/current.json and applied.jsonl
    ingested/SHA256.json                                         for the lines of ingested.jsonl that are of usage
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
from greencloud.objects.bucket import LEDGER, Bucket
from greencloud.objects.cache import BOUND
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.s3 import checked_uri

__all__ = ["FORMAT", "MARKER", "STORE_VARIABLE", "VARIABLE", "LedgerPlace", "StorePlace", "check_format"]

FORMAT: Final = 2
"""2: segments of several batches, days as partitions. A ledger of format 1 is not read: no release ever wrote one."""

MARKER: Final = "greencloud.json"
VARIABLE: Final = "GREENCLOUD_LEDGER_URI"
STORE_VARIABLE: Final = "GREENCLOUD_STORE_URI"

_COPIES: Final = (*(f"ledger/{folder}" for folder in LEDGER), "inputs", "usage", "facility", "closes", "books", "audit")
_TRUTHS: Final = ("ledger/_delta_log", "inputs", "usage", "facility", "closes", "books", "audit.jsonl", "ingested.jsonl")
"""What a directory holds itself until it is placed in a store. Beside it are the telemetry, the keys and the locks of a machine."""


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """``uri``: "" where the ledger lies in its folder. ``cache_bytes``: what copies of objects may take on disk."""

    uri: str = ""
    cache_bytes: int = BOUND

    @classmethod
    def read(cls, marker: Path) -> Self:
        """What ``greencloud.json`` says. Raises StoreError: it cannot be read."""
        if (store := StorePlace.read(marker)).uri:
            return cls(f"{store.uri}/ledger", store.cache_bytes)
        return cls(*_said(marker, "ledger"))

    def settle(self, marker: Path, ledger: Path) -> None:
        """Keep this as the place of the ledger of which ``ledger`` is the folder, once it is known that the store can hold one.

        Raises:
            StoreError: the ledger lies elsewhere already, or the place is none.
            StoreUnavailableError: the store does not answer.
        """
        kept, wanted = self.read(marker), checked_uri(self.uri)
        if kept.uri == wanted and (kept.cache_bytes == self.cache_bytes or StorePlace.read(marker).uri):
            return
        if kept.uri not in {"", wanted}:
            raise StoreError(
                f"{marker.parent}: the ledger lies at {kept.uri}, not at {wanted}",
                path=str(marker),
                advice=f"leave --ledger and {VARIABLE} out, or make a data directory of its own for the other ledger",
            )
        if not kept.uri and (ledger / "_delta_log").exists():
            raise StoreError(
                f"{marker.parent}: there is a ledger in its folder, which would be left behind",
                path=str(ledger),
                advice="make a new data directory with greencloud init --ledger, take the telemetry in there and allocate",
            )
        if not kept.uri:
            _ledger(wanted, ledger, self.cache_bytes, os.getpid()).check()
        _say(marker, "ledger", wanted, self.cache_bytes)

    @classmethod
    def follow_environment(cls, marker: Path, ledger: Path) -> None:
        """Settle what the variable says, where it is set. Raises as ``settle``."""
        if uri := os.environ.get(VARIABLE, ""):
            cls(uri, cls.read(marker).cache_bytes).settle(marker, ledger)

    def objects(self, ledger: Path) -> Objects:
        """What reads and writes the objects. Raises MissingExtraError where the library for it is not installed."""
        return _ledger(self.uri, ledger, self.cache_bytes, os.getpid()) if self.uri else LOCAL


@dataclass(frozen=True, slots=True)
class StorePlace:
    """``uri``: "" where the directory is the truth. ``cache_bytes``: what copies of all objects may take on disk together."""

    uri: str = ""
    cache_bytes: int = BOUND

    @classmethod
    def read(cls, marker: Path) -> Self:
        """What ``greencloud.json`` says. Raises StoreError: it cannot be read."""
        return cls(*_said(marker, "store"))

    @classmethod
    def of_environment(cls) -> Self | None:
        """What the variable says; None where it is not set."""
        uri = os.environ.get(STORE_VARIABLE, "")
        return cls(uri) if uri else None

    def settle(self, marker: Path, *, resize: bool = True) -> None:
        """Keep this as the place of the directory of that marker, which is written when there is none.

        Of a store that was begun before, one object is read, and none when the directory knows it. ``resize``: the cache's bound
        may change.

        Raises:
            StoreError: the directory has another place or a truth of its own, or the store is of another format or cannot be one.
            StoreUnavailableError: the store does not answer.
        """
        kept, wanted = self.read(marker), checked_uri(self.uri)
        if kept.uri == wanted and (not resize or kept.cache_bytes == self.cache_bytes):
            return
        if kept.uri not in {"", wanted}:
            raise StoreError(
                f"{marker.parent}: its store is {kept.uri}, not {wanted}",
                path=str(marker),
                advice=f"leave --store and {STORE_VARIABLE} out, or choose a data directory of its own for the other store",
            )
        if not kept.uri:
            ledger = LedgerPlace.read(marker).uri
            own = [name for name in _TRUTHS if _holds_anything(marker.parent / name)]
            if own or ledger not in {"", f"{wanted}/ledger"}:
                what = f"its ledger lies at {ledger}" if not own else f"it holds {', '.join(own)} itself"
                raise StoreError(
                    f"{marker.parent}: {what}, which would be left behind",
                    path=str(marker.parent),
                    advice="choose a new data directory: greencloud init --data DIR --store s3://BUCKET/PREFIX",
                )
            _begin(_store(wanted, marker.parent.absolute(), self.cache_bytes, os.getpid()), marker.absolute())
        _say(marker, "store", wanted, self.cache_bytes)

    def examine(self, directory: Path) -> None:
        """See that the store is there, and of our format. Raises StoreError, StoreUnavailableError."""
        found = self.objects(directory).content(directory.absolute() / MARKER)
        if found is None:
            raise StoreError(
                f"{self.uri}: there is no {MARKER}: the store is lost, or was restored in part",
                path=self.uri,
                advice=f"restore it from a backup; copies of what was used lately are in {directory}",
            )
        check_format(found, self.uri)

    def objects(self, directory: Path) -> Objects:
        """What reads and writes the objects of that directory. Raises MissingExtraError."""
        return _store(self.uri, directory.absolute(), self.cache_bytes, os.getpid()) if self.uri else LOCAL


def check_format(content: bytes, where: str) -> None:
    """Whether this greencloud reads what a ``greencloud.json`` that lies ``where`` is of. Raises StoreError: it does not."""
    try:
        found = json.loads(content)["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{where}/{MARKER} cannot be read", path=where, advice="restore it from a backup") from error
    if not isinstance(found, int) or found > FORMAT:
        raise StoreError(
            f"{where} was written by a newer greencloud (format {found}; this one reads up to {FORMAT})",
            path=where,
            advice="upgrade greencloud; nothing was changed",
        )
    if found < FORMAT:
        raise StoreError(
            f"{where} was written by a greencloud before the first release (format {found}; this one reads {FORMAT})",
            path=where,
            advice="take its telemetry and usage files into a new data directory, and allocate there; nothing was changed",
        )


def _begin(store: Bucket, marker: Path) -> None:
    """See that there is a store of our format, beginning one where there is none."""
    found = store.content(marker)
    if found is None:
        store.check()
        store.create(marker, f'{{"format": {FORMAT}}}\n'.encode())
        found = store.content(marker) or b""  # of two that begin it at once, one did
    check_format(found, store.uri)


def _holds_anything(path: Path) -> bool:
    if not path.is_dir():
        return path.exists()
    return any(each for each in path.rglob("*") if each.is_file())


def _said(marker: Path, key: str) -> tuple[str, int]:
    try:
        told = json.loads(marker.read_bytes()).get(key, {})
        return str(told.get("uri", "")), int(told.get("cache_bytes", BOUND))
    except FileNotFoundError:
        return "", BOUND
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{marker} cannot be read", path=str(marker), advice="restore it from a backup") from error


def _say(marker: Path, key: str, uri: str, cache_bytes: int) -> None:
    content: dict[str, Any] = json.loads(marker.read_bytes()) if marker.exists() else {"format": FORMAT}
    content[key] = {"uri": uri, "cache_bytes": cache_bytes}
    replace_file(marker, json.dumps(content) + "\n")


@lru_cache(maxsize=16)
def _ledger(uri: str, ledger: Path, cache_bytes: int, process: int) -> Bucket:  # noqa: ARG001 - one a process
    return Bucket(uri, ledger, bound=cache_bytes)


@lru_cache(maxsize=16)
def _store(uri: str, directory: Path, cache_bytes: int, process: int) -> Bucket:  # noqa: ARG001 - one a process
    return Bucket(uri, directory, bound=cache_bytes, folders=_COPIES)
