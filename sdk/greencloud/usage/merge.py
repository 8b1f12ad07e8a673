"""Usage as a set: canonical order, no repeats, no contradictions.

``merge`` is commutative, associative and idempotent, so that the order of arrival, batches and retries leave no trace (law 2). The
same key with the same measures is the same fact told twice; with other measures it is a contradiction, and refused, because
neither adding nor choosing would be true.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import UsageDataError
from greencloud.usage.cells import first_row
from greencloud.usage.columns import KEY, MEASURES, READING_KEY, READINGS, ROWS, Usage

__all__ = ["add_up", "canonical", "empty_usage", "merge", "same_as_before", "without_keys_of"]


def empty_usage() -> Usage:
    return Usage(ROWS.empty_table(), READINGS.empty_table())


def merge(parts: Iterable[Usage]) -> Usage:
    """The union of the parts, in canonical order.

    Raises:
        UsageDataError: two rows have the same key and differ; the message names the key.
    """
    found = [empty_usage(), *parts]
    rows = pa.concat_tables([part.rows.select(ROWS.names).cast(ROWS) for part in found])
    readings = pa.concat_tables([part.readings.select(READINGS.names).cast(READINGS) for part in found])
    return Usage(canonical(rows, KEY), canonical(readings, READING_KEY))


def add_up(parts: Iterable[Usage]) -> Usage:
    """The sum of the parts, in canonical order: what several say under one key are different amounts of it.

    Raises:
        UsageDataError: two parts have a reading of one host and window, which is no sum.
    """
    found = [empty_usage(), *parts]
    rows = pa.concat_tables([part.rows.select(ROWS.names).cast(ROWS) for part in found])
    rows = rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in KEY])).combine_chunks()
    if rows.num_rows > 1 and pc.any(same_as_before(rows, KEY)).as_py():
        grouped = rows.group_by(list(KEY)).aggregate([(name, "sum") for name in MEASURES])
        rows = grouped.rename_columns({f"{name}_sum": name for name in MEASURES}).select(ROWS.names).cast(ROWS)
    return Usage(canonical(rows, KEY), merge(Usage(found[0].rows, part.readings) for part in found).readings)


def without_keys_of(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows whose key is not among the others', in canonical order."""
    if not rows.num_rows or not others.num_rows:
        return rows
    return canonical(rows.join(others.select(KEY), keys=list(KEY), join_type="left anti").select(ROWS.names).cast(ROWS), KEY)


def canonical(table: pa.Table, key: tuple[str, ...], *, path: str = "") -> pa.Table:
    """The rows sorted by key, repeats dropped.

    Raises:
        UsageDataError: two rows have the same key and differ.
    """
    if table.num_rows < 2:
        return table.combine_chunks()
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in key])).combine_chunks()
    repeated = same_as_before(table, key)
    if first_row(repeated) < 0:
        return table
    measures = tuple(name for name in table.schema.names if name not in key)
    contradiction = first_row(pc.and_not(repeated, same_as_before(table, measures)))
    if contradiction >= 0:
        raise _contradiction(table.slice(contradiction, 2), key, measures, path)
    fresh = pa.chunked_array([pa.array([True]), *pc.invert(repeated).chunks])
    return table.filter(fresh).combine_chunks()


def same_as_before(table: pa.Table, names: Iterable[str]) -> pa.ChunkedArray:
    """For every row but the first: whether it has the same values as the row before it. Two nulls are the same."""
    before, after = table.slice(0, table.num_rows - 1), table.slice(1)
    return reduce(pc.and_, (_same(before[name], after[name]) for name in names))


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    if not left.null_count and not right.null_count:
        return pc.equal(left, right)
    both_null = pc.and_(pc.is_null(left), pc.is_null(right))
    return pc.or_(both_null, pc.fill_null(pc.equal(left, right), fill_value=False))


def _contradiction(pair: pa.Table, key: tuple[str, ...], measures: tuple[str, ...], path: str) -> UsageDataError:
    text = {name: pair[name].cast(pa.string()).to_pylist() for name in (*key, *measures)}
    named = ", ".join(f"{name}={text[name][0]}" for name in key if text[name][0] not in {"", "{}"})
    differing = "; ".join(f"{name} is {text[name][0]} and {text[name][1]}" for name in measures if text[name][0] != text[name][1])
    return UsageDataError(
        f"two rows contradict each other at {named}: {differing}",
        path=path,
        advice="keep the one that is true; rows that are parts of one amount must be added up before they are sent",
    )
