"""The footprint as a Markdown table, for pull requests, issues and wikis."""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.report.certainty import certainty_lines
from greencloud.report.sheet import PROVISIONAL, Changes, Layout, Sheet, footprint_sheet, total_of
from greencloud.results import FootprintRow

__all__ = ["footprint_markdown", "table_markdown"]


def footprint_markdown(
    rows: Sequence[FootprintRow],
    group_by: Sequence[str],
    *,
    title: str,
    layout: Layout | None = None,
    changes: Changes | None = None,
) -> str:
    """A heading, the period, a table with the total of several rows in bold, and how sure it is.

    A document is read whenever: it says when its figures were posted, not how long ago.
    """
    if not rows:
        return f"### {_escape(title)}\n\nNothing is posted for it.\n"
    layout = layout or Layout()
    sheet, total = footprint_sheet(rows, group_by, layout, changes), total_of(rows)
    lines = [
        f"### {_escape(title)}",
        "",
        f"{layout.time(total.start)} to {layout.time(total.end)}, CO2e.",
        *(["", layout.note] if layout.note else []),
        "",
        *table_markdown(sheet),
        "",
        *(line for told in certainty_lines(total, *layout.scales(total), None) for line in (told, "")),
        f"Methodology: {', '.join(total.methodology_versions) or 'not stated'}.",
        *(["", PROVISIONAL] if total.provisional else []),
    ]
    return "\n".join(lines) + "\n"


def table_markdown(sheet: Sheet) -> list[str]:
    """Heading, rule and rows of a sheet, the total in bold."""
    headings = [" ".join(part for part in column.heading if part) for column in sheet.columns]
    return [
        _line(headings),
        "|" + "|".join(" ---: " if column.numeric else " --- " for column in sheet.columns) + "|",
        *(_line(row) for row in sheet.rows),
        *([_line([f"**{cell}**" if cell else "" for cell in sheet.total])] if sheet.total else []),
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """A service or operation name must not become markup: it comes from telemetry."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
