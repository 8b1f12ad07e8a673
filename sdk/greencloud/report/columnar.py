"""Data sets as Arrow and Parquet. The bytes depend on the data and on the release of pyarrow, which Parquet names in the file.

Integers beyond 64 bits are what sums of a provider are: amounts are ``decimal128(38, 0)``, which DuckDB, Spark, BigQuery and pandas
read exactly. Arrow is the IPC file format (Feather v2), uncompressed, to be mapped; Parquet is compressed with zstd.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from greencloud.errors import MissingExtraError
from greencloud.report.dataset import Dataset, Kind, nested_record

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_bytes", "arrow_table", "parquet_bytes"]

_EXTRA = "arrow"


def arrow_table(data: Dataset) -> pa.Table:
    """One column a field; structs where the data set is nested.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise MissingExtraError("Arrow and Parquet output", extra=_EXTRA) from None
    types = {
        Kind.TEXT: pa.string(),
        Kind.INSTANT: pa.timestamp("us", tz="UTC"),
        Kind.DATE: pa.date32(),
        Kind.COUNT: pa.int64(),
        Kind.AMOUNT: pa.decimal128(38, 0),
        Kind.RATIO: pa.decimal128(38, 4),
        Kind.MASS: pa.decimal128(38, 9),
        Kind.DOUBLE: pa.float64(),
        Kind.FLAG: pa.bool_(),
    }
    flat = {field.name: types[field.kind] for field in data.fields}
    schema = _schema(pa, nested_record(flat) if data.nested else flat)
    doubles = {index for index, field in enumerate(data.fields) if field.kind is Kind.DOUBLE}
    names = [field.name for field in data.fields]
    records = []
    for row in data.rows:
        values = [float(value) if index in doubles and value is not None else value for index, value in enumerate(row)]  # type: ignore[arg-type]
        record = dict(zip(names, values, strict=True))
        records.append(nested_record(record) if data.nested else record)
    return pa.Table.from_pylist(records, schema=schema)


def arrow_bytes(data: Dataset) -> bytes:
    """An Arrow IPC file."""
    table = arrow_table(data)
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet_bytes(data: Dataset) -> bytes:
    """A Parquet file of one row group, compressed."""
    table = arrow_table(data)
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _schema(pa: Any, types: dict[str, Any]) -> pa.Schema:
    def typed(found: Any) -> Any:
        return pa.struct([(name, typed(part)) for name, part in found.items()]) if isinstance(found, dict) else found

    return pa.schema([(name, typed(found)) for name, found in types.items()])
