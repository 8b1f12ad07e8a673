"""Spans and number points as Arrow tables, to be carried elsewhere and read there like the decoder's columns.

A table has a row for each item and the columns of ``greencloud._otlp``. What the decoder numbers (resources, names, callers,
metrics, attributes) is dictionary-encoded, and so are owners; a dictionary holds what its own table needs. Tables of several
places are joined in any order: what is worked out of items does not depend on it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud._otlp import Metrics, Traces
from greencloud.telemetry.place import Owner

__all__ = ["Points", "Spans", "compacted", "from_bytes", "joined", "point_table", "span_table", "to_bytes"]

_FORMATS: Final[dict[pa.DataType, Any]] = {pa.int32(): "i", pa.int64(): "q", pa.uint64(): "Q", pa.uint16(): "H", pa.uint8(): "B"}
_SPAN_NUMBERS: Final = {
    "span_id": pa.uint64(),
    "parent_id": pa.uint64(),
    "start_ns": pa.uint64(),
    "end_ns": pa.uint64(),
    "cpu_ns": pa.int64(),
    "memory_byte_s": pa.int64(),
    "io_bytes": pa.int64(),
    "gpu_ns": pa.int64(),
    "quality": pa.uint8(),
    "marks": pa.uint16(),
    "fault": pa.uint8(),
}
_POINT_NUMBERS: Final = {
    "start_ns": pa.uint64(),
    "time_ns": pa.uint64(),
    "kind": pa.uint8(),
    "bits": pa.int64(),
    "fault": pa.uint8(),
}


def span_table(traces: Traces, owners: Sequence[Owner]) -> pa.Table:
    """A copy of the columns; ``owners`` by the number in them, which may repeat."""
    columns = {
        "owner": _of_owners(traces.owner, owners),
        "resource": _encoded(traces.resource, pa.array(traces.resources, pa.binary())),
        "name": _encoded(traces.name, pa.array(traces.names, pa.string())),
        "caller": _encoded(traces.caller, pa.array(traces.callers, pa.string()), nulls=True),
        "trace_id": pa.Array.from_buffers(pa.binary(16), len(traces), [None, pa.py_buffer(bytes(traces.trace_id))]),
    }
    return pa.table(columns | {name: _copied(getattr(traces, name), kind) for name, kind in _SPAN_NUMBERS.items()})


def point_table(metrics: Metrics, owners: Sequence[Owner]) -> pa.Table:
    """As ``span_table``."""
    columns = {
        "owner": _of_owners(metrics.owner, owners),
        "resource": _encoded(metrics.resource, pa.array(metrics.resources, pa.binary())),
        "metric": _encoded(metrics.metric, pa.array([json.dumps(metric) for metric in metrics.metrics], pa.string())),
        "attributes": _encoded(metrics.attributes, pa.array(metrics.attribute_sets, pa.binary())),
    }
    return pa.table(columns | {name: _copied(getattr(metrics, name), kind) for name, kind in _POINT_NUMBERS.items()})


@dataclass(slots=True)
class _Items:
    owners: list[Owner]
    owner: memoryview[int]
    resource: memoryview[int]
    resources: list[bytes]
    fault: memoryview[int]

    def __len__(self) -> int:
        return len(self.fault)


@dataclass(slots=True)
class Spans(_Items):
    """What is read of ``greencloud._otlp.Traces``, of a table."""

    name: memoryview[int]
    names: list[str]
    caller: memoryview[int]
    callers: list[str]
    trace_id: memoryview[int]
    span_id: memoryview[int]
    parent_id: memoryview[int]
    start_ns: memoryview[int]
    end_ns: memoryview[int]
    cpu_ns: memoryview[int]
    memory_byte_s: memoryview[int]
    io_bytes: memoryview[int]
    gpu_ns: memoryview[int]
    quality: memoryview[int]
    marks: memoryview[int]

    @classmethod
    def of(cls, table: pa.Table) -> Spans:
        name, names = _decoded(table["name"])
        caller, callers = _decoded(table["caller"])
        traces = _whole(table["trace_id"])
        first = 16 * traces.offset
        ids = memoryview(traces.buffers()[1]).cast("B")[first : first + 16 * len(traces)] if len(traces) else memoryview(b"")
        numbers: dict[str, Any] = {column: _numbers(table[column]) for column in _SPAN_NUMBERS}
        return cls(**_common(table), name=name, names=names, caller=caller, callers=callers, trace_id=ids, **numbers)


@dataclass(slots=True)
class Points(_Items):
    """What is read of ``greencloud._otlp.Metrics``, of a table."""

    metric: memoryview[int]
    metrics: list[tuple[str, str, str, bool]]
    attributes: memoryview[int]
    attribute_sets: list[bytes]
    start_ns: memoryview[int]
    time_ns: memoryview[int]
    kind: memoryview[int]
    bits: memoryview[int]

    @classmethod
    def of(cls, table: pa.Table) -> Points:
        metric, texts = _decoded(table["metric"])
        attributes, sets = _decoded(table["attributes"])
        metrics = [(name, unit, shape, monotonic) for name, unit, shape, monotonic in map(json.loads, texts)]
        numbers: dict[str, Any] = {column: _numbers(table[column]) for column in _POINT_NUMBERS}
        return cls(**_common(table), metric=metric, metrics=metrics, attributes=attributes, attribute_sets=sets, **numbers)


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """One table of several, each column in one piece."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def compacted(table: pa.Table) -> pa.Table:
    """The same rows, with dictionaries that hold nothing else."""
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = _whole(table.column(at))
            used = pc.unique(column.indices).drop_null()
            indices = pc.index_in(column.indices, used)
            table = table.set_column(at, field.name, pa.DictionaryArray.from_arrays(indices, column.dictionary.take(used)))
    return table


def to_bytes(table: pa.Table) -> bytes:
    """An Arrow IPC stream, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def from_bytes(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(content)).read_all()


def _of_owners(numbers: memoryview[int], owners: Sequence[Owner]) -> pa.DictionaryArray:
    texts = pa.array([f"{owner.role}/{owner.account}" for owner in owners], pa.string()).dictionary_encode()
    of_item = texts.indices.take(_copied(numbers, pa.int32()))
    return pa.DictionaryArray.from_arrays(of_item, texts.dictionary)


def _common(table: pa.Table) -> dict[str, Any]:
    owner, texts = _decoded(table["owner"])
    resource, resources = _decoded(table["resource"])
    owners = [Owner(role, account) for role, _, account in (text.partition("/") for text in texts)]
    return {"owners": owners, "owner": owner, "resource": resource, "resources": resources}


def _copied(column: memoryview[int], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(bytes(column))])


def _encoded(column: memoryview[int], dictionary: pa.Array, *, nulls: bool = False) -> pa.DictionaryArray:
    indices = _copied(column, pa.int32())
    if nulls:
        indices = pc.if_else(pc.less(indices, 0), pa.scalar(None, pa.int32()), indices)
    return pa.DictionaryArray.from_arrays(indices, dictionary)


def _decoded(column: pa.ChunkedArray) -> tuple[memoryview[int], list[Any]]:
    """Numbers, -1 where there is none, and what they are of."""
    whole = _whole(column)
    return _view(pc.fill_null(whole.indices, -1)), whole.dictionary.to_pylist()


def _numbers(column: pa.ChunkedArray) -> memoryview[int]:
    return _view(_whole(column))


def _view(numbers: pa.Array) -> memoryview[int]:
    kind = _FORMATS[numbers.type]
    if not len(numbers):
        return memoryview(array(kind))
    size = numbers.type.bit_width // 8
    first = size * numbers.offset
    view: memoryview[int] = memoryview(numbers.buffers()[1]).cast("B")[first : first + size * len(numbers)].cast(kind)
    return view


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
