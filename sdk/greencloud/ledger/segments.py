"""Segments: immutable Parquet files of one batch or of several of one site and day, whose names are never used twice.

A segment has the columns of ``SEGMENT``, sorted by account and window, and the headers of its batches in its metadata. It is whole
before it has its name: written aside, synced, renamed, and its folder synced. Since it never changes after that, what was read of
its headers may be kept.

Its name is ``CONTENT-COUNT-TOKEN.parquet``: the content is the batch's id, or the digest of the ids of several, so that a list of
names says what is in the files; the count is that of batches.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from greencloud.errors import StoreError
from greencloud.ledger.columns import MEASURES, ROWS, SEGMENT
from greencloud.ledger.header import HEADER_KEY, Header, decode_headers, encode_headers
from greencloud.objects.objects import LOCAL, Objects
from greencloud.results import BatchSummary

__all__ = [
    "by_account",
    "cached_headers",
    "content_in",
    "content_of",
    "count_in",
    "gather_headers",
    "read_headers",
    "read_segment",
    "rows_of",
    "sync",
    "token_in",
    "write_segment",
]

_MOST_HEADERS: Final = 65_536  # of some 2 kB: 130 MB a process, and seven site-years of hours
_ROW_GROUP: Final = 8192  # of 2048, 8192 and larger, the one with the quickest look-up of one account
_ENCODED: Final = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.type == pa.string() else field for field in SEGMENT]
)
_TEXTS: Final = [field.name for field in SEGMENT if field.name not in {*MEASURES, "count"}]


def rows_of(summary: BatchSummary, postings: pa.Table) -> pa.Table:
    """A batch's postings in the columns of a segment."""
    count = postings.num_rows
    constant = (summary.id, summary.provisional, summary.methodology_version, summary.created)
    fields = [SEGMENT.field(place) for place in range(len(ROWS), len(SEGMENT))]
    columns = [pa.repeat(pa.scalar(value, field.type), count) for value, field in zip(constant, fields, strict=True)]
    return pa.Table.from_arrays([*postings.select(ROWS.names).columns, *columns], schema=SEGMENT)


def write_segment(
    folder: Path, headers: Sequence[Header], rows: pa.Table, *, token: str, checkpoint: Callable[[str], None] = lambda _: None
) -> Path:
    """Write one segment durably and return its path. ``rows``: sorted by account and window; texts may be dictionary-encoded.

    ``token`` makes the name unique. Raises OSError as the system does.
    """
    content = content_of([header.summary.id for header in headers])
    path = folder / f"{content}-{len(headers)}-{token}.parquet"
    aside = folder / f".{path.name}.part"
    try:
        with aside.open("xb") as file:
            with pq.ParquetWriter(
                file, rows.schema, compression="zstd", use_dictionary=_TEXTS, store_schema=False, write_page_checksum=True
            ) as writer:
                writer.write_table(rows, row_group_size=_ROW_GROUP)
                writer.add_key_value_metadata({HEADER_KEY: encode_headers(headers)})
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


def content_of(ids: Collection[str]) -> str:
    """What stands for these batches, in whatever order: the id of the one, or SHA-256 over the ids of several."""
    if len(ids) == 1:
        return next(iter(ids))
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()


def content_in(path: str) -> str:
    """The content that a segment's name begins with."""
    return Path(path).name.split("-", 1)[0]


def count_in(path: str) -> int:
    """How many batches a segment holds, by its name."""
    return int(Path(path).name.split("-", 2)[1])


def token_in(path: str) -> str:
    """What makes a segment's name unique."""
    return Path(path).stem.split("-", 2)[2]


def read_headers(path: Path, objects: Objects = LOCAL) -> tuple[Header, ...]:
    """Read the headers from the file's footer, in order of window.

    Raises:
        StoreError: missing, torn, not a segment, or of a newer format.
    """
    return decode_headers(objects.header(path, _encoded_headers), path=str(path))


def _encoded_headers(source: Path | IO[bytes], path: Path) -> bytes:
    try:
        metadata = pq.read_metadata(source).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if HEADER_KEY not in metadata:
        raise StoreError(f"{path}: this Parquet file has no batch header", path=str(path))
    return bytes(metadata[HEADER_KEY])


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    headers: OrderedDict[Path, tuple[Header, ...]] = field(default_factory=OrderedDict)
    count: int = 0


def cached_headers(path: Path, objects: Objects = LOCAL) -> tuple[Header, ...]:
    """As ``read_headers``, which is asked once for each of the segments that were wanted last."""
    kept = _kept(os.getpid())
    with kept.lock:
        if (found := kept.headers.get(path)) is not None:
            kept.headers.move_to_end(path)
            return found
    headers = read_headers(path, objects)
    with kept.lock:
        if path not in kept.headers:
            kept.count += len(headers)
        kept.headers[path] = headers
        while len(kept.headers) > 1 and kept.count > _MOST_HEADERS:
            kept.count -= len(kept.headers.popitem(last=False)[1])
    return headers


def gather_headers(paths: Sequence[Path], objects: Objects) -> None:
    """Read headers that will be wanted and that are far away, many at once. What cannot be read is told when it is wanted."""
    if not objects.remote:
        return

    def gather(path: Path) -> None:
        with suppress(StoreError):
            cached_headers(path, objects)

    kept = _kept(os.getpid())
    with kept.lock:
        wanted = [path for path in paths if path not in kept.headers]
    objects.each(gather, wanted)


@cache
def _kept(process: int) -> _Kept:  # noqa: ARG001 - one a process, since a lock may be held at a fork
    return _Kept()


def read_segment(path: Path, objects: Objects = LOCAL) -> pa.Table:
    """Every row, with the checksums of its pages checked.

    Raises:
        StoreError: missing, torn, or without the columns of a segment.
    """
    return objects.read([path], lambda: _read(path, SEGMENT))


def read_encoded(path: Path, objects: Objects = LOCAL) -> pa.Table:
    """As ``read_segment``, with texts dictionary-encoded (int32): a third of the memory, and a tenth of the time to reorder."""
    return objects.read([path], lambda: _read(path, _ENCODED))


def by_account(parts: Sequence[pa.Table]) -> pa.Table:
    """Encoded tables, each sorted by account and window, as one that is."""
    rows = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    if not rows.num_rows:
        return rows
    account = rows["account"].combine_chunks()
    place = pc.sort_indices(pc.sort_indices(account.dictionary))  # of each text among all
    order = pa.table({"account": place.take(account.indices), "start": rows["window_start"], "length": rows["window_s"]})
    return rows.take(pc.sort_indices(order, sort_keys=[(name, "ascending") for name in order.column_names]))  # stable


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    encoded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    try:
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None, read_dictionary=encoded)
        return table.select(schema.names).cast(schema)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: the segment cannot be read: {error}",
        path=str(path),
        advice="restore the file from a backup, or allocate its window again",
    )
