"""Tables for a terminal: plain text in aligned columns, the same wherever they are shown.

There is no colour and no drawing: what is read on a terminal, in a mail and in a log is one text, and nothing is lost in a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest

from greencloud.report.amounts import ENERGY_UNITS, scale_for
from greencloud.report.certainty import certainty_lines
from greencloud.report.sheet import PROVISIONAL, Changes, Column, Layout, Sheet, footprint_sheet, total_of
from greencloud.results import BatchSummary, FootprintRow
from greencloud.units import Energy

__all__ = ["balance_table", "footprint_table", "table_text"]


def footprint_table(
    rows: Sequence[FootprintRow],
    group_by: Sequence[str],
    *,
    title: str,
    now: datetime | None = None,
    layout: Layout | None = None,
    changes: Changes | None = None,
) -> str:
    """The rows with their total, the period, how sure they are, and the methodology. Figures are CO2e, rounded to the column's
    unit. ``now``: to say how long ago they were posted; else when.
    """
    layout = layout or Layout()
    if not rows:
        return f"{title}\nNothing is posted for it.\n"
    total = total_of(rows)
    lines = [
        title,
        f"{layout.time(total.start)} to {layout.time(total.end)}, CO2e; exact figures: -o json",
        *([layout.note] if layout.note else []),
        "",
        *table_text(footprint_sheet(rows, group_by, layout, changes)),
        "",
        "The columns are the provider's scopes; to a customer all of it is Scope 3, category 1.",
        *certainty_lines(total, *layout.scales(total), now),
        f"Methodology: {', '.join(total.methodology_versions) or 'not stated'}.",
    ]
    if total.provisional:
        lines.append(PROVISIONAL)
    return "\n".join(lines) + "\n"


def balance_table(batches: Iterable[BatchSummary]) -> str:
    """By site and in all: what the meters say, what accounts and pools were charged, and the difference."""
    batches = list(batches)
    if not batches:
        return "No window is allocated.\n"
    pools = sorted({pool for batch in batches for pool in batch.pool_energy})
    scale = scale_for([sum(batch.metered_energy.millijoules for batch in batches)], ENERGY_UNITS)
    sites = sorted({batch.site for batch in batches})

    def cells(name: str, some: list[BatchSummary]) -> tuple[str, ...]:
        difference = sum((batch.difference for batch in some), Energy())
        return (
            name,
            f"{len(some):,}",
            scale.show(sum(batch.metered_energy.millijoules for batch in some)),
            scale.show(sum(batch.account_energy.millijoules for batch in some)),
            *(scale.show(sum(batch.pool_energy.get(pool, Energy()).millijoules for batch in some)) for pool in pools),
            f"{difference.millijoules:,} mJ",
            f"{sum(batch.provisional for batch in some):,}",
        )

    columns = (
        Column(("site",)),
        Column(("windows",), numeric=True),
        *(Column((name, scale.unit), numeric=True) for name in ("metered", "accounts", *pools)),
        Column(("difference",), numeric=True),
        Column(("provisional",), numeric=True),
    )
    body = tuple(cells(site, [batch for batch in batches if batch.site == site]) for site in sites)
    return "\n".join(table_text(Sheet(columns, body, cells("total", batches)))) + "\n"


def table_text(sheet: Sheet) -> list[str]:
    """Headings, a rule, the rows, and the total under a rule of its own; no trailing blanks."""
    heading = [line for line in zip_longest(*(column.heading for column in sheet.columns), fillvalue="") if any(line)]
    body = [*heading, *sheet.rows, *([sheet.total] if sheet.total else [])]
    widths = [max(len(row[index]) for row in body) for index in range(len(sheet.columns))]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(cells, widths, sheet.columns, strict=True)
        )
        return "  ".join(aligned).rstrip()

    rule = "  ".join("-" * width for width in widths)
    total = [rule, line(sheet.total)] if sheet.total else []
    return [*map(line, heading), rule, *map(line, sheet.rows), *total]
