"""Usage files: Parquet, Arrow IPC (file or stream) and CSV, read into canonical usage.

The columns are those of ``ROWS``; ``labels`` may be a map or JSON text. In CSV an empty cell takes the column's default where a
text has one; an empty measure is refused, because not known is not zero. Rows are counted from 0, without the header.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.errors import UsageDataError
from greencloud.usage.columns import Usage
from greencloud.usage.intake import usage_from

__all__ = ["read_usage"]

_OPTIONAL_TEXT = ("labels", "source", "quality")


def read_usage(path: Path | str) -> Usage:
    """Read rows from a ``.parquet``, ``.arrow``, ``.arrows``, ``.feather``, ``.csv`` or ``.csv.gz`` file.

    Raises:
        UsageDataError: the file cannot be read, or a row cannot be true; with path and row.
    """
    path = Path(path)
    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            return usage_from(_csv_rows(path), path=str(path))
        if name.endswith(".parquet"):
            # Not a dataset: folder names must not become columns.
            return usage_from(pq.ParquetFile(path).read(), path=str(path))
        if name.endswith((".arrow", ".arrows", ".feather")):
            return usage_from(_read_arrow(path), path=str(path))
    except (OSError, EOFError, zlib.error, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise UsageDataError(
            f"cannot be read: {error}", path=str(path), advice="check that the file is whole, and its format"
        ) from error
    raise UsageDataError("unknown format", path=str(path), advice="use .parquet, .arrow, .feather, .csv or .csv.gz")


def _read_arrow(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        return pa.ipc.open_file(source).read_all() if is_file else pa.ipc.open_stream(source).read_all()


def _csv_rows(path: Path) -> Iterator[dict[str, object]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.name.lower().endswith(".gz") else data).decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    if len(set(header)) != len(header) or not header:
        raise UsageDataError("the header is empty or names a column twice", path=str(path), advice="give each column its own name")
    row = 0
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            said = f"the row has {len(cells)} cells, the header {len(header)}"
            raise UsageDataError(said, path=str(path), row=row, advice="write one cell for each column; it may be empty")
        yield {name: cell for name, cell in zip(header, cells, strict=True) if cell or name not in _OPTIONAL_TEXT}
        row += 1
