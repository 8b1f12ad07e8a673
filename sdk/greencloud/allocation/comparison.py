"""Several rules side by side on the same usage: what each does to whom.

A rule changes who pays, never how much, so each measure adds up to the same under every rule, and the differences from the first
rule add up to zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa

from greencloud.allocation.intervals import check_dimensions
from greencloud.allocation.postings import POSTING_MEASURES, POSTINGS
from greencloud.allocation.rule import RULES, rule_named
from greencloud.allocation.site_windows import allocate
from greencloud.allocation.window import WindowAllocation
from greencloud.errors import QuantityError
from greencloud.facility import Facility
from greencloud.usage import Usage, usage_from

__all__ = ["Comparison", "check_rules", "compare", "comparison_of"]

_WIDE: Final = pa.decimal128(38, 0)

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Sum:
    """``amounts`` are in the order of ``POSTING_MEASURES``."""

    amounts: tuple[int, ...] = (0,) * len(POSTING_MEASURES)
    count: int = 0
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``table`` has the dimensions compared by, ``rule``, ``quality`` (the flags of all that is in a row), ``count`` (operations),
    each posting measure (millijoules or micrograms), and for each measure ``difference_<measure>``: its amount less that of the
    first rule. Numbers are decimal128(38, 0). Rows are in the order of the dimensions, then of ``rules``. ``notes``: what the
    provider should know of the windows.
    """

    table: pa.Table
    by: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    period: tuple[datetime, datetime] | None  # from the first window's start to the last one's end


def compare(
    facility: Facility, usage: Usage | pa.Table, *, rules: Iterable[str] = RULES, by: Sequence[str] = ("account",)
) -> Comparison:
    """Allocate the same usage by several rules, and add the postings up by some of ``DIMENSIONS``.

    Raises:
        QuantityError: no rule, one twice, or an unknown dimension.
        AllocationError, UsageDataError: as ``allocate``.
    """
    rules = check_rules(rules)
    check_dimensions(by)
    usage = usage if isinstance(usage, Usage) else usage_from(usage)
    return comparison_of({rule: allocate(facility, usage, rule=rule).windows for rule in rules}, by)


def comparison_of(windows: Mapping[str, Sequence[WindowAllocation]], by: Sequence[str]) -> Comparison:
    """The comparison of the same windows, allocated by each rule."""
    rules = tuple(windows)
    sums = {rule: _sums(windows[rule], by) for rule in rules}
    rows = []
    for key in sorted({key for found in sums.values() for key in found}):
        first = sums[rules[0]].get(key, _Sum())
        for rule in rules:
            own = sums[rule].get(key, _Sum())
            differences = (amount - base for amount, base in zip(own.amounts, first.amounts, strict=True))
            rows.append((*key, rule, own.quality, own.count, *own.amounts, *differences))
    fields = [*(POSTINGS.field(name) for name in by), pa.field("rule", pa.string(), nullable=False), POSTINGS.field("quality")]
    numbers = ("count", *POSTING_MEASURES, *(f"difference_{name}" for name in POSTING_MEASURES))
    fields += [pa.field(name, _WIDE, nullable=False) for name in numbers]
    columns: list[Sequence[object]] = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    notes = {note for some in windows.values() for window in some for note in window.notes}
    spans = [(one.window.start, one.window.end) for one in windows[rules[0]]]
    period = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
    return Comparison(pa.table(arrays, schema=pa.schema(fields)), tuple(by), rules, tuple(sorted(notes)), period)


def check_rules(rules: Iterable[str]) -> tuple[str, ...]:
    """The rules, if there are some, each known and named once. Raises QuantityError or AllocationError."""
    rules = (rules,) if isinstance(rules, str) else tuple(rules)
    if not rules or len(set(rules)) < len(rules):
        raise QuantityError("there is no rule to compare, or one is named twice", advice=f"name some of {', '.join(RULES)}")
    for rule in rules:
        rule_named(rule)
    return rules


def _sums(windows: Sequence[WindowAllocation], by: Sequence[str]) -> dict[_Key, _Sum]:
    if not windows:
        return {}
    postings = pa.concat_tables([window.postings for window in windows])
    keys, names = [*by, "quality"], ("count", *POSTING_MEASURES)
    wide = postings.select(keys)
    for name in names:
        wide = wide.append_column(name, postings[name].cast(_WIDE))
    grouped = wide.group_by(keys).aggregate([(name, "sum") for name in names])
    columns = [grouped[name].to_pylist() for name in (*keys, *(f"{name}_sum" for name in names))]
    parts: dict[_Key, list[_Sum]] = defaultdict(list)
    for row in zip(*columns, strict=True):
        key, (quality, count, *amounts) = row[: len(by)], row[len(by) :]
        parts[key].append(_Sum(tuple(map(int, amounts)), int(count), quality))
    return {key: _together(found) for key, found in parts.items()}


def _together(parts: Sequence[_Sum]) -> _Sum:
    amounts = tuple(map(sum, zip(*(part.amounts for part in parts), strict=True)))
    flags = sorted({flag for part in parts for flag in part.quality.split(",") if flag})
    return _Sum(amounts, sum(part.count for part in parts), ",".join(flags))
