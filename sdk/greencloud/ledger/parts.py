"""Parts of a stream: record batches of some megabyte, each with the place in the answer that it reaches.

Text columns are dictionary-encoded with a dictionary for each batch, which has the texts of its rows and no others: what was
filtered away is not sent, neither as a row nor as an entry, and an index of 32 bits always suffices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TARGET", "TEXT", "Part", "Place", "compact", "cut", "encoded_schema", "joined"]

TARGET: Final = 1 << 20
"""Bytes of a part, roughly; at the most twice as many, unless one row is larger."""

TEXT: Final = pa.dictionary(pa.int32(), pa.string())


class Place(NamedTuple):
    """Where a stream goes on: in which of the segments that answer the query, and after how many of its rows in the answer."""

    segment: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Rows, and the place after them."""

    rows: pa.RecordBatch
    reached: Place


def encoded_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns, texts dictionary-encoded."""
    return pa.schema([field.with_type(TEXT) if field.type == pa.string() else field for field in schema])


def compact(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows, each dictionary with the texts that occur, in the order in which they do, and nothing else."""
    columns = [_compact(column) if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Compact batches as one, which is compact too."""
    if len(batches) == 1:
        return batches[0]
    (whole,) = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return whole


def cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A compact batch in pieces that are not too large, each compact."""
    size = batch.nbytes
    if size <= 2 * TARGET or batch.num_rows < 2:
        yield batch
        return
    half = batch.num_rows // 2
    for piece in batch.slice(0, half), batch.slice(half):
        yield from cut(compact(piece))


def _compact(column: pa.DictionaryArray) -> pa.DictionaryArray:
    if len(column.dictionary) == 1 and len(column):
        return column
    present = pc.unique(column.indices)
    if len(present) == len(column.dictionary):
        return column
    return pa.DictionaryArray.from_arrays(pc.index_in(column.indices, value_set=present), column.dictionary.take(present))
