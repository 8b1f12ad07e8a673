"""Segments: immutable Parquet files, one a batch, whose names are never used twice.

A segment has the columns of ``POSTINGS``, then what a query needs to know of the batch behind each row (``batch_id``,
``provisional``, ``methodology_version``), and the header in its metadata. It is whole before it has its name: written aside,
synced, renamed, and its folder synced. Since it never changes after that, what was read of a header may be kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.allocation import POSTINGS
from greencloud.errors import StoreError
from greencloud.ledger.batch import canonical
from greencloud.ledger.header import HEADER_KEY, Header, decode_header, encode_header
from greencloud.results import BatchSummary

__all__ = ["SEGMENT", "batch_id_in", "cached_header", "read_header", "read_segment", "sync", "write_segment"]

SEGMENT: Final = pa.schema(
    [
        *POSTINGS,
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("provisional", pa.bool_(), nullable=False),
        pa.field("methodology_version", pa.string(), nullable=False),
    ]
)

_ROW_GROUP: Final = 8192  # of 2048, 8192 and larger, the one with the quickest look-up of one account


def write_segment(
    folder: Path,
    summary: BatchSummary,
    postings: pa.Table,
    totals: dict[str, int],
    *,
    token: str,
    checkpoint: Callable[[str], None],
) -> Path:
    """Write one segment durably and return its path. ``token`` makes the name unique. Raises OSError as the system does."""
    path = folder / f"{summary.id}-{token}.parquet"
    aside = folder / f".{path.name}.part"
    count = postings.num_rows
    columns = [
        *canonical(postings).columns,
        pa.repeat(pa.scalar(summary.id), count),
        pa.repeat(pa.scalar(summary.provisional), count),
        pa.repeat(pa.scalar(summary.methodology_version), count),
    ]
    table = pa.Table.from_arrays(columns, schema=SEGMENT)
    header = encode_header(summary, totals)
    try:
        with aside.open("xb") as file:
            with pq.ParquetWriter(file, SEGMENT, compression="zstd", store_schema=False, write_page_checksum=True) as writer:
                writer.write_table(table, row_group_size=_ROW_GROUP)
                writer.add_key_value_metadata({HEADER_KEY: header})
            checkpoint("segment_written")
            file.flush()
            os.fsync(file.fileno())
        checkpoint("segment_synced")
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    checkpoint("segment_renamed")
    sync(folder)
    return path


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def batch_id_in(path: str) -> str:
    """The batch id that a segment's name begins with."""
    return Path(path).name.rpartition("-")[0]


def read_header(path: Path) -> Header:
    """Read the header from the file's footer.

    Raises:
        StoreError: missing, torn, not a segment, or of a newer format.
    """
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if HEADER_KEY not in metadata:
        raise StoreError(f"{path}: this Parquet file has no batch header", path=str(path))
    return decode_header(metadata[HEADER_KEY], path=str(path))


# A header is some 2 kB: at most some 100 MB a process, and seven site-years of hours.
cached_header = lru_cache(maxsize=65_536)(read_header)


def read_segment(path: Path) -> pa.Table:
    """Every row, with the checksums of its pages checked.

    Raises:
        StoreError: missing, torn, or without the columns of a segment.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
        return table.select(SEGMENT.names).cast(SEGMENT)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: the segment cannot be read: {error}",
        path=str(path),
        advice="restore the file from a backup, or allocate its window again",
    )
