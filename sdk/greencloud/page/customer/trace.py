"""Below an operation: the windows of it that emit most. The ledger keeps windows and no single traces, and the view says so.

What one request emitted is shown where requests are: the plugin ``greencloud-otel`` writes an estimate onto local root spans. Here
is the finest that is allocated, each window with its explanation down to meters and factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.customer.asking import all_at_once, availability_of, largest_rows
from greencloud.page.customer.operation import named_operation
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, filter_notes, to
from greencloud.page.customer.series import MILLIGRAMS
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for
from greencloud.report.page.sections import Section, Table
from greencloud.results import FootprintRow, Granularity
from greencloud.units import format_instant

__all__ = ["show"]

_MOST: Final = 50
_SHOWN_BACK: Final = """\
pip install 'greencloud-otel[feedback]'
OTEL_PYTHON_GREENCLOUD_SERVER=HOST:PORT OTEL_PYTHON_GREENCLOUD_TOKEN_FILE=FILE opentelemetry-instrument PROGRAM"""


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    _, name = named_operation(asked)
    query = asked.query(granularity=Granularity.WINDOW)
    found, availability = all_at_once(
        lambda: largest_rows(caller.client, query, _MOST),
        lambda: availability_of(caller, asked),
    )
    rows, count = found
    shown = Shown(
        title=words["trace_title"].format(operation=name),
        lead=words["trace_lead"],
        crumbs=crumbs(caller, asked, words, words["trace_here"]),
        notes=[words["trace_none"], *filter_notes(asked, words)],
        preformatted=[_SHOWN_BACK],
    )
    if not rows:
        return replace(shown, empty=empty_text(availability, asked, words))
    help_text = words["trace_windows_help"].format(shown=f"{len(rows):,}", all=f"{count:,}")
    return replace(shown, sections=[Section("windows", words["trace_windows"], help_text, [], _table(rows, asked, words))])


def _table(rows: Sequence[FootprintRow], asked: Asked, words: Mapping[str, str]) -> Table:
    scale = scale_for([row.total_location_based.micrograms for row in rows], EMISSION_UNITS)
    heading = [words["time"], words["operations"], f"{words['location']}, {scale.unit}", f"mg {words['per_operation']}"]
    cells, exact, links = [], [("start", "end", "operation_count", "kg_co2e_location_based")], []
    for row in rows:
        amount, count = row.total_location_based.micrograms, row.operation_count
        start, end = format_instant(row.start), format_instant(row.end)
        each = MILLIGRAMS.show(Fraction(amount, count)) if count else words["customer_unknown"]
        cells.append((start, f"{count:,}", scale.show(amount), each))
        exact.append((start, end, str(count), kg_decimal(amount)))
        links.append(to(asked, "/explain", **{"period": None, "from": start, "to": end}))
    return Table(heading, cells, exact, links)
