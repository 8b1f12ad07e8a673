"""A site's fleet at rest: usage and reservations of many windows in columns that a pass reads where they lie.

A fleet segment is one Arrow IPC file of one record batch, to be memory-mapped. ``window`` (timestamp), ``host`` (text) and
``group`` (account and service) are dictionaries with int32 codes, the measures float32 without nulls, the rows in order of window
and host.
A window lies wholly in one segment, because its idle energy is one pool. The floats are weights and nothing else: energy and mass,
which they divide, are integers and come from the facility.

The segments of ``SegmentStore`` keep what was reported, to the operation and with its labels; these are derived from them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import StoreError, UsageDataError

__all__ = ["FLEET_MEASURES", "FLEET_RESERVED", "FLEET_USE", "FleetSegment", "read_fleet_segment", "write_fleet_segment"]

FLEET_USE: Final = ("cpu_s", "memory_gib_s", "disk_gib", "gpu_s")
FLEET_RESERVED: Final = ("reserved_cpu_s", "reserved_memory_gib_s")
FLEET_MEASURES: Final = FLEET_USE + FLEET_RESERVED

_FORMAT: Final = {b"greencloud.fleet": b"1"}
_CODES: Final = ("window", "host", "group")


@dataclass(frozen=True, slots=True)
class FleetSegment:
    """The record batch of a file, and what its codes mean."""

    path: Path
    rows: pa.RecordBatch

    @property
    def windows(self) -> pa.Array:
        return self.rows["window"].dictionary

    @property
    def hosts(self) -> pa.Array:
        return self.rows["host"].dictionary

    @property
    def groups(self) -> pa.StructArray:
        """Fields account and service."""
        return self.rows["group"].dictionary


def write_fleet_segment(path: Path, usage: pa.Table) -> None:
    """Write usage with the columns window_start, host, account, service and the measures, in any order of rows.

    Raises:
        UsageDataError: a column is missing, or has a null.
    """
    usage = usage.combine_chunks()
    for name in ("window_start", "host", "account", "service", *FLEET_MEASURES):
        if name not in usage.column_names or usage[name].null_count:
            raise UsageDataError(f"{name} is missing or has nulls", path=str(path), advice="give every column for every row")
    window, host, account, service = (_encoded(usage[name]) for name in ("window_start", "host", "account", "service"))
    both = pc.add(pc.multiply(account.indices.cast(pa.int64()), len(service.dictionary)), service.indices.cast(pa.int64()))
    pairs = _encoded(both)
    accounts = pc.divide(pairs.dictionary, len(service.dictionary))
    services = pc.subtract(pairs.dictionary, pc.multiply(accounts, len(service.dictionary)))
    groups = pa.StructArray.from_arrays(
        [account.dictionary.take(accounts), service.dictionary.take(services)], names=["account", "service"]
    )
    columns = {
        "window": window,
        "host": host,
        "group": pa.DictionaryArray.from_arrays(pairs.indices, groups),
        **{name: usage[name].chunk(0).cast(pa.float32()) if len(usage) else pa.array([], pa.float32()) for name in FLEET_MEASURES},
    }
    keys = pa.table({"window": window.indices, "host": host.indices})
    order = pc.sort_indices(keys, sort_keys=[("window", "ascending"), ("host", "ascending")])
    batch = pa.record_batch({name: column.take(order) for name, column in columns.items()}).replace_schema_metadata(_FORMAT)
    written = path.with_name(f".tmp-{path.name}")
    with written.open("wb") as file:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)


def read_fleet_segment(path: Path) -> FleetSegment:
    """Map a segment into memory; nothing is copied.

    Raises:
        StoreError: not a fleet segment, or damaged.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        rows = reader.get_batch(0)
        sound = reader.num_record_batches == 1 and rows.schema.metadata == _FORMAT
        sound = sound and rows.schema.names == [*_CODES, *FLEET_MEASURES]
        sound = sound and all(pa.types.is_dictionary(rows[name].type) for name in _CODES)
    except (pa.ArrowException, OSError, IndexError) as error:
        raise _damaged(path, str(error)) from error
    if not sound:
        raise _damaged(path, "its columns are not those of a fleet segment")
    return FleetSegment(path, rows)


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is not a fleet segment: {why}", path=str(path), advice="write it again from the usage it came from")


def _encoded(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """Codes in order of value: the same rows make the same file, whatever order they come in."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = pc.unique(column)
    values = values.take(pc.sort_indices(values))
    return pa.DictionaryArray.from_arrays(pc.index_in(column, value_set=values).cast(pa.int32()), values)
