"""The DuckDB of a process: in memory, with no state but a cache of Parquet footers. It reads files that are named one by one.

Segments never change, and no name is used twice; so what was read of a footer may be kept, and need not be looked at again.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from greencloud.errors import StoreError

__all__ = ["fetch", "literal", "stream", "to_arrow"]


def fetch(sql: str, parameters: list[Any], *, root: Path) -> list[tuple[Any, ...]]:
    """The rows of a statement over files of the ledger in the folder ``root``.

    Raises:
        StoreError: a file is missing or torn.
    """
    try:
        with _database(os.getpid()).cursor() as cursor:
            return cursor.execute(sql, parameters).fetchall()
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def stream(sql: str, parameters: list[Any], *, root: Path) -> Iterator[tuple[Any, ...]]:
    """As ``fetch``, a few thousand rows at a time."""
    try:
        with _database(os.getpid()).cursor() as cursor:
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(4096):
                yield from rows
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def to_arrow(sql: str, parameters: list[Any], *, root: Path, **tables: pa.Table) -> pa.Table:
    """As ``fetch``, as an Arrow table. The statement may name ``tables`` too.

    Raises:
        StoreError: a file is missing or torn.
        OverflowError: an amount does not fit the type that it is cast to.
    """
    try:
        with _database(os.getpid()).cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            return cursor.sql(sql, params=parameters).to_arrow_table()
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise OverflowError(str(error)) from error
    except duckdb.Error as error:
        raise _unreadable(root, error) from error


def literal(path: str) -> str:
    """The path as a pattern that matches nothing but itself: DuckDB would take ``[``, ``*`` and ``?`` for wildcards."""
    return re.sub(r"[\[*?]", r"[\g<0>]", path)


def _unreadable(root: Path, error: duckdb.Error) -> StoreError:
    return StoreError(f"{root}: the segments cannot be read: {error}", path=str(root), advice="run greencloud doctor")


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    # One a process, since opening takes some 25 ms. One from before a fork is kept but not used: its threads are gone.
    database = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(Path(tempfile.gettempdir()) / f"greencloud-duckdb-{process}"),
        }
    )
    database.execute("SET GLOBAL parquet_metadata_cache = true")  # of the Parquet extension, which is loaded by now
    return database
