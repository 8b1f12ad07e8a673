"""The DuckDB of a process: in memory, with no state but a cache of Parquet footers. It reads files that are named one by one.

Segments never change, and no name is used twice; so what was read of a footer may be kept, and need not be looked at again. DuckDB
lets go of none, so after some thousand files a fresh one takes over.

It takes a quarter of the memory of the machine, or of its container, unless ``limit`` says otherwise, and goes to disk for what
does not fit.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import duckdb
import pyarrow as pa

from greencloud.errors import StoreError, TooLargeError
from greencloud.ledger.stop import Stop

__all__ = ["fetch", "limit", "literal", "memory", "stream", "stream_arrow", "to_arrow"]


def fetch(sql: str, parameters: list[Any], *, root: Path) -> list[tuple[Any, ...]]:
    """The rows of a statement over files of the ledger in the folder ``root``.

    Raises:
        StoreError: a file is missing or torn.
    """
    try:
        with _database(parameters).cursor() as cursor:
            return cursor.execute(sql, parameters).fetchall()
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def stream(sql: str, parameters: list[Any], *, root: Path, stop: Stop | None = None) -> Iterator[tuple[Any, ...]]:
    """As ``fetch``, a few thousand rows at a time. Raises StoppedError once ``stop`` is set, TooLargeError for want of memory."""
    stop = stop or Stop()
    try:
        with _database(parameters).cursor() as cursor:
            with stop.interrupting(cursor.interrupt):
                cursor.execute(sql, parameters)
            while rows := _next(cursor, stop):
                yield from rows
    except duckdb.OutOfMemoryException as error:
        raise TooLargeError("the question takes more memory than it may", advice=_NARROW) from error
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def _next(cursor: duckdb.DuckDBPyConnection, stop: Stop) -> list[tuple[Any, ...]]:
    with stop.interrupting(cursor.interrupt):
        return cursor.fetchmany(4096)


def stream_arrow(sql: str, parameters: list[Any], *, root: Path, rows: int, stop: Stop) -> Iterator[pa.RecordBatch]:
    """As ``stream``, as record batches of so many rows, the last of which may have fewer.

    Raises:
        OverflowError: an amount does not fit the type that it is cast to.
    """
    try:
        with _database(parameters).cursor() as cursor:
            with stop.interrupting(cursor.interrupt):
                reader = cursor.sql(sql, params=parameters).to_arrow_reader(rows)
            while batch := _next_batch(reader, cursor, stop):
                yield batch
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise OverflowError(str(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise TooLargeError("the question takes more memory than it may", advice=_NARROW) from error
    except (duckdb.Error, pa.ArrowException) as error:
        raise _unreadable(root, error) from error


def _next_batch(reader: pa.RecordBatchReader, cursor: duckdb.DuckDBPyConnection, stop: Stop) -> pa.RecordBatch | None:
    with stop.interrupting(cursor.interrupt):
        return next(reader, None)


def to_arrow(sql: str, parameters: list[Any], *, root: Path, **tables: pa.Table) -> pa.Table:
    """As ``fetch``, as an Arrow table. The statement may name ``tables`` too.

    Raises:
        StoreError: a file is missing or torn.
        OverflowError: an amount does not fit the type that it is cast to.
    """
    try:
        with _database(parameters).cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            return cursor.sql(sql, params=parameters).to_arrow_table()
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise OverflowError(str(error)) from error
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def limit(*, memory: int | None = None, threads: int | None = None) -> None:
    """How many bytes of memory and how many threads the queries of this process may take together, from now on."""
    kept = _kept(os.getpid())
    with kept.lock:
        if memory is not None:
            kept.settings["memory_limit"] = f"{memory}B"
        if threads is not None:
            kept.settings["threads"] = str(threads)
        kept.database = None  # who reads with the one before keeps it


def literal(path: str) -> str:
    """The path as a pattern that matches nothing but itself: DuckDB would take ``[``, ``*`` and ``?`` for wildcards."""
    return re.sub(r"[\[*?]", r"[\g<0>]", path)


def _unreadable(root: Path, error: Exception) -> StoreError:
    return StoreError(f"{root}: the segments cannot be read: {error}", path=str(root), advice="run greencloud doctor")


_NARROW: Final = "narrow the filter or the time, or take fewer dimensions or longer periods"
_MOST_FILES: Final = 4096  # a footer is some 10 to 100 kB


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    database: duckdb.DuckDBPyConnection | None = None
    files: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=lambda: {"memory_limit": f"{memory() // 4}B"})


def _database(parameters: list[Any]) -> duckdb.DuckDBPyConnection:
    """The DuckDB of this process, fresh where the files of these parameters would be too many."""
    kept = _kept(os.getpid())
    with kept.lock:
        kept.files.update(file for each in parameters if isinstance(each, list) for file in each)
        if kept.database is None or len(kept.files) > _MOST_FILES:
            kept.database = _opened(kept.settings)  # who still reads with the one before keeps it
            kept.files.clear()
        return kept.database


@cache
def _kept(process: int) -> _Kept:  # noqa: ARG001 - one a process: threads of the one before a fork are gone
    return _Kept()


def memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may take: of the machine, or less where a container is limited (the kernel's cgroup-v2.rst and
    cgroup-v1/memory.rst). A quarter of the machine may be all that a container has, and more, and its process would be killed."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            found = min(found, int((cgroup / name).read_text()))
    return found


def _opened(settings: dict[str, str]) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(
        config={
            **settings,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(Path(tempfile.gettempdir()) / f"greencloud-duckdb-{os.getpid()}"),
        }
    )
    database.execute("SET enable_progress_bar = false")  # which is for standard output, where our data go
    database.execute("SET GLOBAL parquet_metadata_cache = true")  # of the Parquet extension, which is loaded by now
    return database
