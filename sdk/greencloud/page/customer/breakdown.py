"""A footprint by the values of a dimension, as a section: the largest as bars and as a table, the rest added up.

What is shown adds up to the whole, however many values there are: those beyond the most are one row, of which the export has each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from greencloud.report.page import charts
from greencloud.report.page.sections import Chart, Section, parts_table
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow

__all__ = ["MOST_ROWS", "breakdown", "named", "share_text", "stepwise"]

MOST_ROWS: Final = 200
"""Of a table."""


def named(
    rows: Sequence[FootprintRow], dimension: str, words: Mapping[str, str], most: int, others: str = "other"
) -> list[tuple[str, FootprintRow]]:
    """Each row with its name; those beyond the most as one, their sum. ``rows`` are in the order in which they are shown."""
    pairs = [(_name(row, dimension, words), row) for row in rows]
    if len(pairs) <= most:
        return pairs
    rest = [row for _, row in pairs[most - 1 :]]
    return [*pairs[: most - 1], (words[others].format(count=f"{len(rest):,}"), total_of(rest))]


def breakdown(
    rows: Sequence[FootprintRow],
    dimension: str,
    words: Mapping[str, str],
    *,
    title: str = "",
    link: Callable[[FootprintRow], str] = lambda _: "",
    most: int = MOST_ROWS,
    legend: bool = True,
) -> Section:
    """``rows`` are by the dimension, in any order. A single one is no chart. ``legend``: of the scopes, which look the same in
    all charts of a page."""
    ordered = sorted(rows, key=lambda row: (-row.total_location_based.micrograms, row.dimensions[dimension]))
    bars, table = (named(ordered, dimension, words, count) for count in (charts.MOST_BARS, most))
    links = [link(row) if row.dimensions else "" for _, row in table]
    drawn: list[Chart] = [lambda width: charts.bars(bars, words, width, legend=legend)]
    return Section(
        dimension.partition(":")[0].replace("_", "-"),
        title or words.get(f"by_{dimension}") or words["customer_by"].format(name=dimension),
        words["component_help"] if dimension == "component" else "",
        drawn if len(bars) > 1 else [],
        replace(parts_table(table, words, words["name"]), links=links),
        [words["customer_cut"].format(shown=f"{most - 1:,}", all=f"{len(rows):,}")] if len(rows) > most else [],
    )


def stepwise(section: Section, rows: Sequence[FootprintRow], link: Callable[[FootprintRow], str]) -> Section:
    """A section whose table has these rows, with links on their names."""
    assert section.table is not None, "there is a table"
    return replace(section, table=replace(section.table, links=[link(row) for row in rows]))


def share_text(part: int, whole: int) -> str:
    """In per cent of ``whole``, which is not zero; what is not nothing never shows as 0."""
    share = float(Fraction(part * 100, whole))
    return "0 %" if not part else "<0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"


def _name(row: FootprintRow, dimension: str, words: Mapping[str, str]) -> str:
    value = row.dimensions[dimension]
    return (words.get(value, value) if dimension == "component" else value) or words["unnamed"]
