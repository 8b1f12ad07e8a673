"""The footprint as a data set: exact integers with the unit in each column's name.

Columns: ``start end``, the dimensions, ``energy_millijoules``, one ``*_micrograms`` an emission line and total, then operations,
flags and methodologies, and last how sure the row is: energy by evidence, half-widths, and when it was posted. Where a change is
asked for there follow ``<measure>_previous_<unit> <measure>_change_<unit> <measure>_change_percent``.
"""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.report.certainty import EVIDENCE, evidence_of
from greencloud.report.changes import Pair, amount_of
from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS, WIDTH_FIELDS, Changes
from greencloud.results import FootprintRow

__all__ = ["change_fields", "footprint_data", "unit_of"]

_AMOUNTS = (*EMISSION_FIELDS, *TOTAL_FIELDS)


def footprint_data(rows: Sequence[FootprintRow], group_by: Sequence[str], changes: Changes | None = None) -> Dataset:
    """``changes``, of each row; None for no columns of a change."""
    fields = (
        Field("start", Kind.INSTANT),
        Field("end", Kind.INSTANT),
        *(Field(name) for name in group_by),
        Field("energy_millijoules", Kind.AMOUNT, "energy"),
        *(Field(f"{name}_micrograms", Kind.AMOUNT, name) for name in _AMOUNTS),
        Field("operation_count", Kind.COUNT, "operations"),
        Field("quality_flags"),
        Field("provisional", Kind.FLAG),
        Field("methodology_versions"),
        *(Field(f"{kind}_energy_millijoules", Kind.AMOUNT, f"{kind}_energy") for kind in EVIDENCE),
        Field("energy_half_width_millijoules", Kind.AMOUNT, "energy_half_width"),
        *(Field(f"{name}_micrograms", Kind.AMOUNT, name) for name in WIDTH_FIELDS),
        Field("updated", Kind.INSTANT),
        *(change_fields(changes.measure) if changes else ()),
    )
    told = [_change(pair, changes.measure) for pair in changes.pairs] if changes else [()] * len(rows)
    return Dataset(fields, tuple((*_values(row, group_by), *change) for row, change in zip(rows, told, strict=True)))


def change_fields(measure: str) -> tuple[Field, ...]:
    """Of a change of ``measure``."""
    unit = unit_of(measure)
    return (
        Field(f"{measure}_previous_{unit}", Kind.AMOUNT, "previous"),
        Field(f"{measure}_change_{unit}", Kind.AMOUNT, "change"),
        Field(f"{measure}_change_percent", Kind.RATIO, "change_percent"),
    )


def unit_of(measure: str) -> str:
    return "millijoules" if measure == "energy" else "micrograms"


def _values(row: FootprintRow, group_by: Sequence[str]) -> tuple[Value, ...]:
    evidence = evidence_of(row)
    widths = [getattr(row, name) for name in WIDTH_FIELDS]
    return (
        row.start,
        row.end,
        *(row.dimensions.get(name, "") for name in group_by),
        row.energy.millijoules,
        *(getattr(row, name).micrograms for name in _AMOUNTS),
        row.operation_count,
        " ".join(row.quality_flags),
        row.provisional,
        " ".join(row.methodology_versions),
        *(None if evidence is None else evidence[kind].millijoules for kind in EVIDENCE),
        None if row.energy_half_width is None else row.energy_half_width.millijoules,
        *(None if width is None else width.micrograms for width in widths),
        row.updated,
    )


def _change(pair: Pair, measure: str) -> tuple[Value, ...]:
    old = None if pair.old is None else amount_of(pair.old, measure)
    return old, pair.difference(measure), pair.ratio(measure)
