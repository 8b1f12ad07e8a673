"""A service: its emissions over time, its share of the account's, and its operations, components, regions and SKUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of, before_of, many_notes, rows_of_each
from greencloud.page.customer.breakdown import breakdown, share_text
from greencloud.page.customer.overview import begun_notes, empty_text, operations_part, period_notes
from greencloud.page.customer.places import crumbs, filter_notes, link_of, to
from greencloud.page.shown import Download, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.page.figures import account_questions, figures_of
from greencloud.report.page.sections import Card, headline, quality_lines, scope_section, series_section
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow

__all__ = ["show"]

_BY: Final = ("operation", "component", "region", "sku")


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    name = asked.filters.get("service")
    if name is None:
        raise QuantityError("no service is named", advice="choose one in the overview, or write ?service=NAME")
    query = asked.query()
    questions = account_questions(query, before_of(asked), by=_BY) | {"account": replace(query, services=())}
    optional = (*_BY, "operations")
    answers, (availability,) = rows_of_each(caller, questions, lambda: availability_of(caller, asked), optional=optional)
    figures = figures_of(answers, query, account=name, by=_BY)
    shown = Shown(
        title=words["service_title"].format(service=name), lead=words["service_lead"], crumbs=crumbs(caller, asked, words)
    )
    if figures.total is None:
        return replace(shown, empty=empty_text(availability, asked, words))

    def link(row: FootprintRow) -> str:
        ((dimension, value),) = row.dimensions.items()
        own = link_of(asked, dimension, value, **({"service": name} if dimension == "operation" else {}))
        return own if dimension == "operation" or not own else to(asked, "/service", **{dimension: value})

    return replace(
        shown,
        cards=(*headline(figures, words), _share(figures.total, answers["account"], words["service_share"])),
        sections=[
            series_section(figures, words),
            *operations_part(figures, asked, words),
            *(breakdown(figures.by[each], each, words, link=link, legend=False) for each in _BY if figures.by[each]),
            scope_section(figures.total, words),
        ],
        notes=(
            *filter_notes(asked, words),
            *period_notes(asked, words, availability),
            *begun_notes(asked.period.previous(), availability, words),
            *many_notes(answers, optional, words),
            *quality_lines(figures.total, words),
        ),
        downloads=(
            Download(words["overview_hours"], to(asked, "/hours")),
            Download(words["overview_explain"], to(asked, "/explain")),
            Download(words["overview_export"], to(asked, "/export")),
        ),
    )


def _share(total: FootprintRow, account: Sequence[FootprintRow], label: str) -> Card:
    """Of the account's location-based total."""
    whole = total_of(account).total_location_based.micrograms
    return Card(label, share_text(total.total_location_based.micrograms, whole) if whole else "-")
