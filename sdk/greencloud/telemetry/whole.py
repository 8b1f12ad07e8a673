"""Rows of a window from their parts, each of which knows some of what tells of it.

Sums are exact beyond 64 bits. Of spans, at most ``MAX_OPERATIONS`` rows of an account on a host are kept apart in a window, as
``greencloud.telemetry.spans`` has it: first the least of CPU time become other operations; where these are too many once more,
the least of them become other services. Only then is a sum that cannot be left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.telemetry import spans as bounds
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.tally import MEASURE_LIMIT, credible
from greencloud.units import INT64_MAX
from greencloud.usage import KEY, MEASURES, ROWS
from greencloud.usage.merge import same_as_before

__all__ = ["whole_rows"]

_BOUND: Final = ("window_start", "window_s", "site", "host", "account")
_WIDE: Final = pa.decimal128(38, 0)


def whole_rows(parts: Iterable[pa.Table], dead: DeadLetters, *, of_spans: bool) -> pa.Table:
    """Canonical rows of the parts of one source (spans, or metrics), all of whose windows are whole."""
    table = _summed(pa.concat_tables([ROWS.empty_table(), *parts]))
    if of_spans:
        table = _folded(table, dead, again=False)
        table = _folded(table, dead, again=True)
    limit = pa.scalar(MEASURE_LIMIT + 1, table.schema.field(MEASURES[0]).type)
    for name in MEASURES:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.min_element_wise(table[name], limit))
    return credible(table.cast(ROWS).sort_by([(name, "ascending") for name in KEY]), dead)


def _summed(table: pa.Table) -> pa.Table:
    """One row for each key; the sums are decimals where they might be beyond 64 bits."""
    most = max((pc.max(table[name]).as_py() or 0 for name in MEASURES), default=0)
    if most * table.num_rows > INT64_MAX and pa.types.is_integer(table.schema.field(MEASURES[0]).type):
        wide = {name: table[name].cast(_WIDE) for name in MEASURES}
        table = pa.table({name: wide.get(name, table[name]) for name in table.schema.names})
    sums = table.group_by(list(KEY), use_threads=False).aggregate([(name, "sum") for name in MEASURES])
    return sums.select([*KEY, *(f"{name}_sum" for name in MEASURES)]).rename_columns(table.schema.names)


def _folded(table: pa.Table, dead: DeadLetters, *, again: bool) -> pa.Table:
    """With the rows beyond the bound, in order of CPU time and key, moved to others."""
    rest = table.slice(0, 0)
    if again:
        others = pc.equal(table["operation"], bounds.OTHER_OPERATIONS)
        rest, table = table.filter(pc.invert(others)), table.filter(others)
    holds = pc.not_equal(table[MEASURES[0]], 0)
    for name in MEASURES[1:]:
        holds = pc.or_(holds, pc.not_equal(table[name], 0))
    table = table.filter(holds)
    if table.num_rows <= bounds.MAX_OPERATIONS:
        return pa.concat_tables([rest, table])
    most = pa.scalar(INT64_MAX, table.schema.field("cpu_ns").type)
    order = [(name, "ascending") for name in KEY]
    order[len(_BOUND) : len(_BOUND)] = [("weight", "descending")]
    weighed = table.append_column("weight", pc.min_element_wise(table["cpu_ns"], most))
    table = table.take(pc.sort_indices(weighed, sort_keys=order)).combine_chunks()
    beyond = pc.greater_equal(_ranks(table), bounds.MAX_OPERATIONS)
    moved = table.filter(beyond)
    if not moved.num_rows:
        return pa.concat_tables([rest, table])
    for row in moved.select(["site", "host", "account"]).group_by(["site", "host", "account"]).aggregate([]).to_pylist():
        bounds.note_crowd(dead, row["site"], row["host"], row["account"])
    said = {"operation": bounds.OTHER_OPERATIONS}
    if again:
        said |= {"service": bounds.OTHER_SERVICES, "sku": "", "labels": "{}"}
    for name, value in said.items():
        moved = moved.set_column(moved.schema.get_field_index(name), name, pa.repeat(value, moved.num_rows))
    whole = pa.concat_tables([rest, table.filter(pc.invert(beyond)), moved.cast(table.schema)])
    return _summed(whole)


def _ranks(table: pa.Table) -> pa.Array:
    """Of rows in order of account, host and window: the how manieth each is of its own, from 0."""
    number = pa.array(range(table.num_rows), pa.int64())
    fresh = pa.concat_arrays([pa.array([True]), *pc.invert(same_as_before(table, _BOUND)).chunks])
    return pc.subtract(number, pc.cumulative_max(pc.if_else(fresh, number, 0)))
