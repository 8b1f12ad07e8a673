"""The footprint as CSV: one line a row, exact integers with the unit in each column's name, and no total line.

A total would be added up again by whoever sums the column, so it is left to them. Texts are quoted and numbers are not: names come
from telemetry and may hold any character, and Python 3.11 leaves a lone carriage return bare otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = ["footprint_csv", "inert"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def footprint_csv(rows: Sequence[FootprintRow], group_by: Sequence[str]) -> str:
    """Columns: start, end, the dimensions, energy_millijoules, one ``*_micrograms`` an emission line and total, and the rest."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    amounts = (*EMISSION_FIELDS, *TOTAL_FIELDS)
    rest = ("operation_count", "quality_flags", "provisional", "methodology_versions")
    writer.writerow(["start", "end", *group_by, "energy_millijoules", *(f"{name}_micrograms" for name in amounts), *rest])
    for row in rows:
        writer.writerow(
            [
                format_instant(row.start),
                format_instant(row.end),
                *(inert(row.dimensions.get(name, "")) for name in group_by),
                row.energy.millijoules,
                *(getattr(row, name).micrograms for name in amounts),
                row.operation_count,
                " ".join(row.quality_flags),
                str(row.provisional).lower(),
                " ".join(row.methodology_versions),
            ]
        )
    return text.getvalue()


def inert(text: str) -> str:
    """Names come from telemetry: a spreadsheet must not run one as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
