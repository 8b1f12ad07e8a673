"""What a roll-up holds: all postings of one site in one day or month, added up over everything but time.

Columns: ``TEXTS``, dictionary-encoded (int32, each dictionary sorted, shared by the whole file); ``flags`` (uint8) and ``posted``
(microseconds UTC) as of a partial sum; ``SUMS`` in int64. Two record batches:

0. one row for each combination of ``TEXTS`` and ``provisional``, sorted by them, accounts first, so that the rows of one account
   lie together and are found by bisection;
1. the same, added up over ``FOLDED`` too, which are "" there: the rows that answer for a whole provider, some thousand times fewer.

The same postings give the same tables, whether they were added up at once or day by day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.ledger.database import literal, to_arrow
from greencloud.ledger.sums import FLAGS_SQL, PROVISIONAL, SUMS, SUMS_SQL
from greencloud.objects.objects import LOCAL, Objects

__all__ = ["FOLDED", "ROLLUP", "TEXTS", "digest_of", "from_rollups", "from_segments"]

FOLDED: Final = ("account", "operation", "labels")
TEXTS: Final = (
    "account",
    "site",
    "region",
    "service",
    "sku",
    "operation",
    "labels",
    "component",
    "quality",
    "methodology_version",
)

ROLLUP: Final = pa.schema(
    [
        *(pa.field(name, pa.dictionary(pa.int32(), pa.string()), nullable=False) for name in TEXTS),
        pa.field("flags", pa.uint8(), nullable=False),
        pa.field("posted", pa.timestamp("us", tz="UTC"), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in SUMS),
    ]
)

_KEY: Final = ", ".join(TEXTS)
_SUMS_AGAIN: Final = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
_FROM_SEGMENTS: Final = (
    f"SELECT {_KEY}, {FLAGS_SQL} AS flags, max(posted) AS posted, "  # noqa: S608 - constants of ours
    f"{', '.join(f'({sum_})::BIGINT AS {name}' for sum_, name in zip(SUMS_SQL, SUMS, strict=True))} "
    f"FROM read_parquet(?, hive_partitioning = false) GROUP BY {_KEY}, provisional ORDER BY {_KEY}, provisional"
)


def _again(texts: str, key: str) -> str:
    provisional = f"flags & {PROVISIONAL}::UTINYINT"
    return (
        f"SELECT {texts}, bit_or(flags) AS flags, max(posted) AS posted, {_SUMS_AGAIN} FROM rows "  # noqa: S608 - constants of ours
        f"GROUP BY {key}, {provisional} ORDER BY {key}, {provisional}"
    )


_FROM_ROLLUPS: Final = _again(_KEY, _KEY)
_WHOLE: Final = _again(
    ", ".join(f"'' AS {name}" if name in FOLDED else name for name in TEXTS),
    ", ".join(name for name in TEXTS if name not in FOLDED),
)


def from_segments(root: Path, paths: Sequence[str], objects: Objects = LOCAL) -> list[pa.RecordBatch]:
    """The two record batches of the postings in these segments.

    Raises:
        OverflowError: a sum does not fit int64.
        StoreError: a segment is missing or torn.
    """
    files = [root / path for path in paths]
    rows = objects.read(files, lambda: to_arrow(_FROM_SEGMENTS, [[literal(str(file)) for file in files]], root=root))
    return _encoded(root, rows)


def from_rollups(root: Path, parts: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The two record batches of the postings behind these first batches of other roll-ups. Raises OverflowError as before."""
    return _encoded(root, to_arrow(_FROM_ROLLUPS, [], root=root, rows=pa.Table.from_batches(parts).unify_dictionaries()))


def digest_of(batches: Sequence[pa.RecordBatch]) -> str:
    """SHA-256 of everything in the batches of one file: dictionaries, then codes and amounts."""
    digest = hashlib.sha256()
    for name in TEXTS:
        texts = batches[0][name].dictionary
        digest.update(b"%d;" % len(texts))
        if len(texts):
            offsets = memoryview(texts.buffers()[1]).cast("i")[: len(texts) + 1]
            digest.update(offsets)
            digest.update(memoryview(texts.buffers()[2] or b"")[: offsets[-1]])
    for batch in batches:
        digest.update(b"%d;" % batch.num_rows)
        for column in batch.columns:
            values = column.indices if pa.types.is_dictionary(column.type) else column
            if batch.num_rows:
                digest.update(memoryview(values.buffers()[1])[: batch.num_rows * values.type.bit_width // 8])
    return digest.hexdigest()


def _encoded(root: Path, rows: pa.Table) -> list[pa.RecordBatch]:
    whole = to_arrow(_WHOLE, [], root=root, rows=rows)
    columns: dict[str, list[pa.Array]] = {}
    for name in TEXTS:
        texts = pc.unique(pa.chunked_array([*rows[name].chunks, *whole[name].chunks], pa.string()))
        texts = texts.take(pc.sort_indices(texts))
        columns[name] = [
            pa.DictionaryArray.from_arrays(pc.index_in(table[name].combine_chunks(), value_set=texts), texts)
            for table in (rows, whole)
        ]
    for name in ROLLUP.names[len(TEXTS) :]:
        columns[name] = [table[name].cast(ROLLUP.field(name).type).combine_chunks() for table in (rows, whole)]
    return [pa.RecordBatch.from_arrays([columns[name][at] for name in ROLLUP.names], schema=ROLLUP) for at in (0, 1)]
