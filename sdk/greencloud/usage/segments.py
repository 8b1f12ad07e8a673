"""Usage at rest: immutable segments, each named by the digest of what it holds.

A segment is one file, so that it is there whole or not at all: the Arrow IPC stream of the rows and behind it that of the readings,
texts dictionary-encoded, in canonical order (by window, site, host), to be memory-mapped. Writing the same usage twice
leaves one segment. What the store holds is the merge of its segments, so their order and number do not matter. On an object store
each is one object, and its copy here is what is mapped.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.durable import sync_directory
from greencloud.errors import StorageFullError, StoreError
from greencloud.objects.objects import LOCAL, Objects
from greencloud.usage.columns import READINGS, ROWS, Usage
from greencloud.usage.digest import digest
from greencloud.usage.merge import merge

__all__ = ["SegmentStore"]

_SUFFIX: Final = ".arrows"  # the suffix of the Arrow stream format


class SegmentStore:
    """The segments in a directory, which is created when the first is written, or where its ``objects`` lie: then everything raises
    StoreUnavailableError."""

    def __init__(self, directory: Path, objects: Objects = LOCAL) -> None:
        self.directory = directory
        self._objects = objects

    def write(self, usage: Usage) -> Path:
        """Keep usage; when this returns it is on disk.

        Raises:
            UsageDataError: it contradicts what is kept already; nothing is written.
            StorageFullError, StoreError: it could not be written; what is kept is unharmed.
        """
        usage = merge([usage])
        path = self.directory / f"{digest(usage)}{_SUFFIX}"
        if self._objects.exists(path):
            return path
        merge([usage, *self._overlapping(usage)])
        if self._objects.remote:
            self._objects.create(path, _content(usage))
            return path
        try:
            self._write(usage, path)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                advice = "free space on the volume, then send it again"
                raise StorageFullError(f"no room for {path.name}", path=str(path), advice=advice) from error
            advice = "check the directory's permissions"
            raise StoreError(f"{path} cannot be written: {error.strerror}", path=str(path), advice=advice) from error
        return path

    def read(self) -> Usage:
        """The merge of every segment.

        Raises:
            UsageDataError: two segments contradict each other.
            StoreError: a segment is damaged.
        """
        return self._merged(self.paths())

    def read_only(self, names: Iterable[str]) -> Usage:
        """The merge of the segments of those names. Raises as ``read``."""
        return self._merged([self.directory / name for name in names])

    def _merged(self, paths: Sequence[Path]) -> Usage:
        return self._objects.read(paths, lambda: merge(_read(path) for path in paths))

    def paths(self) -> list[Path]:
        """Segments in order of name.

        Raises:
            StoreError: the directory cannot be read.
        """
        if self._objects.remote:
            return sorted(self.directory / name for name in self._objects.names(self.directory) if name.endswith(_SUFFIX))
        # Not glob, which takes a directory that may not be read for an empty one.
        try:
            found = sorted(self.directory.iterdir())
        except OSError as error:
            if not self.directory.exists():
                return []
            advice = "run as the user that owns the data directory"
            raise StoreError(
                f"{self.directory} cannot be read: {error.strerror}", path=str(self.directory), advice=advice
            ) from error
        return [path for path in found if path.suffix == _SUFFIX]

    def verify(self) -> Iterator[StoreError]:
        """Segments that are damaged."""
        for path in self.paths():
            try:
                self._read(path)
            except StoreError as error:
                yield error

    def _overlapping(self, usage: Usage) -> Iterator[Usage]:
        """What is kept of the windows that the usage is about: nothing else can contradict it."""
        spans = [_span(usage.rows), _span(usage.readings)]
        paths = self.paths()
        self._objects.gather(paths)
        for path in paths:
            kept = self._read(path)
            yield Usage(*(_within(table, *span) for table, span in zip((kept.rows, kept.readings), spans, strict=True)))

    def _read(self, path: Path) -> Usage:
        return self._objects.read([path], lambda: _read(path))

    def _write(self, usage: Usage, path: Path) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=self.directory)
        try:
            with os.fdopen(handle, "wb") as file:
                _encode(usage, file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        sync_directory(self.directory)


def _content(usage: Usage) -> bytes:
    with io.BytesIO() as file:
        _encode(usage, file)
        return file.getvalue()


def _encode(usage: Usage, file: IO[bytes]) -> None:
    for table in (usage.rows, usage.readings):
        encoded = _encoded(table)
        with pa.ipc.new_stream(file, encoded.schema) as writer:
            writer.write_table(encoded)


def _encoded(table: pa.Table) -> pa.Table:
    table = table.combine_chunks()
    columns = [pc.dictionary_encode(column) if column.type == pa.string() else column for column in table.columns]
    return pa.table(columns, names=table.schema.names)


def _read(path: Path) -> Usage:
    try:
        with pa.memory_map(str(path)) as source:
            rows, readings = (pa.ipc.open_stream(source).read_all() for _ in range(2))
        usage = Usage(rows.select(ROWS.names).cast(ROWS), readings.select(READINGS.names).cast(READINGS))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(path, str(error)) from error
    # A stream that is cut between two messages reads as a shorter one.
    if (found := digest(usage)) != path.name.removesuffix(_SUFFIX):
        raise _damaged(path, f"it holds {found[:12]}…")
    return usage


def _damaged(path: Path, why: str) -> StoreError:
    advice = "restore the file from a copy, or remove it and take its usage in again"
    return StoreError(f"segment {path} is damaged: {why}", path=str(path), advice=advice)


def _span(table: pa.Table) -> tuple[pa.Scalar, pa.Scalar]:
    found = pc.min_max(table["window_start"])
    return found["min"], found["max"]


def _within(table: pa.Table, first: pa.Scalar, last: pa.Scalar) -> pa.Table:
    if not first.is_valid:
        return table.slice(0, 0)
    start = table["window_start"]
    return table.filter(pc.and_(pc.greater_equal(start, first), pc.less_equal(start, last)))
