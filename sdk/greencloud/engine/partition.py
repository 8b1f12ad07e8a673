"""Partitions: the unit of distribution is one site and window, and what a worker must be told of it and tells back are documents.

A ``Partition`` names everything by content: the facility book by its revision, the usage by the revision of the kept inputs or by
the files of a usage lake. So a worker needs nothing but the place where these lie, and running it twice, anywhere, makes the same
batch. ``Made`` is what came of it: the segment that the worker wrote, that nothing has changed, or why it was refused.

Both travel as JSON, so that an engine has one column of bytes to carry and no types of ours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar

from greencloud.errors import StoreError
from greencloud.units import Window

__all__ = ["Made", "Partition", "Result"]

T = TypeVar("T")

Result: TypeAlias = Literal["written", "unchanged", "refused", "failed"]
"""``refused``: of this window alone. ``failed``: the store does not take it, which ends the run."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Partition:
    """One site and window to allocate.

    ``start_us`` and ``created_us``: microseconds since 1970. ``usage``: the revision of the kept inputs; "" where they are the
    ``files`` of the usage lake at ``lake``, ``size`` bytes in all. ``supersedes``: the id of the batch that is visible now.
    ``unchanged_if``: the usage revision with which that batch would come out again; "" where it would not with any.
    ``memory``: bytes that a worker has; 0: it is not known.
    """

    site: str
    start_us: int
    seconds: int
    facility: str
    rule: str
    provisional: bool
    created_us: int
    usage: str = ""
    lake: str = ""
    files: tuple[str, ...] = ()
    size: int = 0
    supersedes: str = ""
    unchanged_if: str = ""
    memory: int = 0

    @property
    def window(self) -> Window:
        return Window.of_us(self.start_us, self.seconds)

    @property
    def created(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.created_us)

    def encoded(self) -> bytes:
        return _encoded(self)

    @classmethod
    def decoded(cls, content: bytes) -> Self:
        """Raises StoreError where it is of another release."""
        fields = _decoded(content)
        return _made(cls, fields | {"files": tuple(fields.get("files", ()))})


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a partition.

    ``segment``: the path in the ledger's folder of the file that was written, with its ``header`` (canonical JSON), ``rows``,
    ``size`` in bytes and ``modified_ms``. ``reason`` and ``message``: why it was refused or failed; ``trace``: the end of a Python
    traceback, where greencloud failed at it. ``read_s``, ``allocate_s`` and ``write_s``: seconds of the wall clock; ``peak_bytes``:
    the most memory that the worker's process has had so far.
    """

    site: str
    start_us: int
    seconds: int
    result: Result
    segment: str = ""
    header: str = ""
    rows: int = 0
    size: int = 0
    modified_ms: int = 0
    reason: str = ""
    message: str = ""
    trace: str = ""
    usage_rows: int = 0
    read_s: float = 0.0
    allocate_s: float = 0.0
    write_s: float = 0.0
    peak_bytes: int = 0

    @property
    def window(self) -> Window:
        return Window.of_us(self.start_us, self.seconds)

    def encoded(self) -> bytes:
        return _encoded(self)

    @classmethod
    def decoded(cls, content: bytes) -> Self:
        """Raises StoreError where it is of another release."""
        return _made(cls, _decoded(content))


def _encoded(value: Partition | Made) -> bytes:
    return json.dumps(asdict(value), separators=(",", ":"), sort_keys=True).encode()


def _decoded(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    return found if isinstance(found, dict) else {}


def _made(kind: type[T], fields: dict[str, Any]) -> T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise StoreError(
            f"a worker and the driver of a run do not agree on what a {kind.__name__.lower()} is: {error}",
            advice="install the same release of greencloud on every machine of the cluster",
        ) from error
