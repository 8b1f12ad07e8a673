"""Every posting that a filter leaves, as the segments have it: straight from Parquet to Arrow, a row group at a time.

The order is that of ``Version.segments`` (first window, site, path), and in a segment that of its rows (account, window, then the
rest of ``SEGMENT_ORDER``). A version never changes, so a place in this order is the same place whenever it is read again.

Row groups of which the statistics say that nothing in them was asked for are passed over. A filter is looked up in the dictionary
of a row group, not in its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from greencloud.errors import StoreError
from greencloud.ledger.columns import SEGMENT
from greencloud.ledger.parts import TARGET, Part, Place, compact, cut, encoded_schema, joined
from greencloud.ledger.query import FILTERS
from greencloud.ledger.stop import Stop
from greencloud.objects.objects import Objects
from greencloud.results import FootprintQuery

__all__ = ["STREAMED_POSTINGS", "streamed_postings"]

STREAMED_POSTINGS: Final = encoded_schema(SEGMENT)
_TEXTS: Final = [field.name for field in STREAMED_POSTINGS if pa.types.is_dictionary(field.type)]
_ACCOUNT: Final = SEGMENT.get_field_index("account")
_WINDOW: Final = SEGMENT.get_field_index("window_start")


@dataclass(frozen=True, slots=True)
class _Question:
    """``wanted``: by column, the texts that count; ``accounts`` are sorted."""

    start: pa.Scalar
    end: pa.Scalar
    wanted: dict[str, pa.Array]
    accounts: list[str] | None

    def may_hold(self, group: Any) -> bool:
        """Whether a row group may have a row that was asked for, by its statistics."""
        window = group.column(_WINDOW).statistics
        if window is not None and window.has_min_max:
            first, last = (pa.scalar(bound, self.start.type).value for bound in (window.min, window.max))
            if last < self.start.value or first >= self.end.value:
                return False
        account = group.column(_ACCOUNT).statistics
        if self.accounts is not None and account is not None and account.has_min_max:
            return any(account.min <= each <= account.max for each in self.accounts)
        return True

    def kept(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that were asked for, compact."""
        mask = None
        window = pc.min_max(batch["window_start"])
        if batch.num_rows and not (self.start.value <= window["min"].value and window["max"].value < self.end.value):
            mask = pc.and_(pc.greater_equal(batch["window_start"], self.start), pc.less(batch["window_start"], self.end))
        for name, texts in self.wanted.items():
            column = batch[name]
            own = pc.is_in(column.dictionary, value_set=texts).take(column.indices)
            mask = own if mask is None else pc.and_(mask, own)
        return compact(batch if mask is None else batch.filter(mask))


def streamed_postings(paths: Sequence[Path], query: FootprintQuery, place: Place, objects: Objects, stop: Stop) -> Iterator[Part]:
    """The parts after a place; at least one, which has no row where there is nothing left.

    Raises:
        StoreError: a segment is missing or torn.
        StoppedError: ``stop`` was set.
    """
    question = _question_of(query)
    held: list[pa.RecordBatch] = []
    size, reached, empty = 0, place, True
    for batch, after in _batches(paths, question, place, objects, stop):
        empty = False
        if batch.nbytes >= TARGET // 2 or size + batch.nbytes > TARGET:
            if held:
                yield Part(joined(held), reached)
            held, size = [], 0
        if batch.nbytes >= TARGET // 2:
            yield from _cut(batch, after)
        else:
            held.append(batch)
            size += batch.nbytes
        reached = after
    if held or empty:
        yield Part(joined(held or [pa.RecordBatch.from_pylist([], STREAMED_POSTINGS)]), reached)


def _question_of(query: FootprintQuery) -> _Question:
    wanted = {
        column: pa.array(values, pa.string())
        for column, field in FILTERS.items()
        if (values := getattr(query, field)) is not None and (values or column == "account")
    }
    start, end = (pa.scalar(bound, SEGMENT.field("window_start").type) for bound in (query.start, query.end))
    return _Question(start, end, wanted, None if query.accounts is None else sorted(query.accounts))


def _batches(
    paths: Sequence[Path], question: _Question, place: Place, objects: Objects, stop: Stop
) -> Iterator[tuple[pa.RecordBatch, Place]]:
    """Row groups, and the place after each. Those without a row that was asked for are left out."""
    for number in range(place.segment, len(paths)):
        path = paths[number]
        skip = place.row if number == place.segment else 0
        row = skip
        with objects.read([path], partial(_opened, path)) as file:
            for group in range(file.num_row_groups):
                stop.check()
                if not question.may_hold(file.metadata.row_group(group)):
                    continue
                batch = question.kept(_read(file, group, path))
                gone = min(skip, batch.num_rows)
                skip -= gone
                if batch.num_rows > gone:
                    row += batch.num_rows - gone
                    yield compact(batch.slice(gone)) if gone else batch, Place(number, row)


def _cut(batch: pa.RecordBatch, reached: Place) -> Iterator[Part]:
    """A large batch of one row group in pieces, each with the place after it."""
    row = reached.row - batch.num_rows
    for piece in cut(batch):
        row += piece.num_rows
        yield Part(piece, Place(reached.segment, row))


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path, read_dictionary=_TEXTS, page_checksum_verification=True)
        missing = set(SEGMENT.names) - set(file.schema_arrow.names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if missing:
        raise _unreadable(path, KeyError(*missing))
    return file


def _read(file: pq.ParquetFile, group: int, path: Path) -> pa.RecordBatch:
    try:
        table = file.read_row_group(group, columns=SEGMENT.names)
        if table.schema.types != STREAMED_POSTINGS.types or table.schema.names != STREAMED_POSTINGS.names:
            table = table.select(SEGMENT.names).cast(STREAMED_POSTINGS)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if not table.num_rows:
        return pa.RecordBatch.from_pylist([], STREAMED_POSTINGS)
    if any(column.num_chunks != 1 for column in table.columns):
        table = table.unify_dictionaries().combine_chunks()
    return pa.RecordBatch.from_arrays([column.chunk(0) for column in table.columns], schema=STREAMED_POSTINGS)


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: the segment cannot be read: {error}", path=str(path), advice="run greencloud doctor")
