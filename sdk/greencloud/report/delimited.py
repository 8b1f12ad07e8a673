"""The footprint as CSV: one line a row, exact integers with the unit in each column's name, and no total line.

A total would be added up again by whoever sums the column, so it is left to them. Texts are quoted and numbers are not: names come
from telemetry and may hold any character, and Python 3.11 leaves a lone carriage return bare otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from greencloud.report.certainty import EVIDENCE, evidence_of
from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS, WIDTH_FIELDS
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = ["footprint_csv", "inert"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def footprint_csv(rows: Sequence[FootprintRow], group_by: Sequence[str]) -> str:
    """Columns: start, end, the dimensions, energy_millijoules, one ``*_micrograms`` an emission line and total, then operations,
    flags and methodologies, and last how sure the row is: energy by evidence, half-widths, and when it was posted. What is not
    known is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    amounts = (*EMISSION_FIELDS, *TOTAL_FIELDS)
    rest = ("operation_count", "quality_flags", "provisional", "methodology_versions")
    sure = (
        *(f"{kind}_energy_millijoules" for kind in EVIDENCE),
        "energy_half_width_millijoules",
        *(f"{name}_micrograms" for name in WIDTH_FIELDS),
        "updated",
    )
    writer.writerow(["start", "end", *group_by, "energy_millijoules", *(f"{name}_micrograms" for name in amounts), *rest, *sure])
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
                *_sure(row),
            ]
        )
    return text.getvalue()


def _sure(row: FootprintRow) -> list[int | str]:
    evidence = evidence_of(row)
    widths = [getattr(row, name) for name in WIDTH_FIELDS]
    return [
        *("" if evidence is None else evidence[kind].millijoules for kind in EVIDENCE),
        "" if row.energy_half_width is None else row.energy_half_width.millijoules,
        *("" if width is None else width.micrograms for width in widths),
        "" if row.updated is None else format_instant(row.updated),
    ]


def inert(text: str) -> str:
    """Names come from telemetry: a spreadsheet must not run one as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
