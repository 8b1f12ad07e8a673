"""95 % intervals of postings, added up by any of their dimensions.

Every measure is normal to first order, so an interval is the amount and its half-width on both sides (``uncertainty``), cut at
zero, in the measure's unit and rounded to it. It covers what meters, curves, factors and hardware are uncertain by; not what is
missing (flag ``partial``), nor that another rule of sharing would give other figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.postings import DIMENSIONS, POSTING_MEASURES, POSTINGS
from greencloud.allocation.uncertainty import half_width
from greencloud.allocation.window import WindowAllocation
from greencloud.errors import QuantityError

__all__ = ["check_dimensions", "intervals"]

_WIDE = pa.decimal128(38, 0)
_Name = tuple[Any, ...]


def intervals(windows: Iterable[WindowAllocation], by: Sequence[str] = DIMENSIONS) -> pa.Table:
    """The dimensions of ``by`` in canonical order, and ``<measure>``, ``<measure>_low`` and ``<measure>_high`` for each of
    ``POSTING_MEASURES`` (decimal128(38, 0); millijoules or micrograms).

    Raises:
        QuantityError: an unknown dimension, or one twice.
    """
    check_dimensions(by)
    amounts: dict[_Name, list[int]] = defaultdict(lambda: [0] * len(POSTING_MEASURES))
    widths: dict[_Name, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    for window in windows:
        columns = [window.postings[name].to_pylist() for name in (*by, *POSTING_MEASURES)]
        for row in zip(*columns, strict=True):
            held = amounts[row[: len(by)]]
            for index, amount in enumerate(row[len(by) :]):
                held[index] += amount
        for name, measures in _named(window, by).items():
            for measure, vector in measures.items():
                sums = widths[name][measure]
                for source, width in vector.items():
                    sums[source] += width
    rows = [(*name, *_bounds(found, widths[name])) for name, found in sorted(amounts.items())]
    ends = ("", "_low", "_high")
    fields = [POSTINGS.field(name) for name in by]
    fields += [pa.field(measure + end, _WIDE, nullable=False) for measure in POSTING_MEASURES for end in ends]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)], schema=pa.schema(fields))


def check_dimensions(by: Sequence[str]) -> None:
    """Raises QuantityError for a dimension that postings do not have, or one that is named twice."""
    if isinstance(by, str):
        raise QuantityError(f"by={by!r} is a text, not several names", advice=f"write by=({by!r},)")
    if [name for name in by if name not in DIMENSIONS] or len(set(by)) < len(by):
        raise QuantityError(f"cannot add up by {', '.join(by)}", advice=f"name some of {', '.join(DIMENSIONS)}, each once")


def _named(window: WindowAllocation, by: Sequence[str]) -> dict[_Name, dict[str, dict[str, float]]]:
    """Half-widths of one window by name, measure and source."""
    if not window.postings.num_rows:
        return {}
    fixed = {name: window.postings[name][0].as_py() for name in DIMENSIONS if name not in EntryKey._fields}
    places = {name: position for position, name in enumerate(EntryKey._fields)}

    def name_of(key: EntryKey) -> _Name:
        return tuple(key[places[field]] if field in places else fixed[field] for field in by)

    return window.spread.by_source(name_of)


def _bounds(amounts: Sequence[int], widths: dict[str, dict[str, float]]) -> Iterable[int]:
    for measure, amount in zip(POSTING_MEASURES, amounts, strict=True):
        width = round(half_width(widths[measure]))
        yield from (amount, max(0, amount - width), amount + width)
