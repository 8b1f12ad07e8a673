"""An operation of a service: what one of them emits, over time and beside its service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of, before_of, rows_of_each
from greencloud.page.customer.breakdown import breakdown
from greencloud.page.customer.overview import begun_notes, empty_text, period_notes
from greencloud.page.customer.places import crumbs, filter_notes, to
from greencloud.page.customer.series import MILLIGRAMS, moments_of, per_operation_section
from greencloud.page.shown import Download, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.page.figures import account_questions, figures_of
from greencloud.report.page.sections import Card, headline, quality_lines, series_section
from greencloud.results import FootprintRow

__all__ = ["named_operation", "show"]

_BY: Final = ("component", "region", "sku")


def named_operation(asked: Asked) -> tuple[str, str]:
    """The service ("" for any) and the operation. Raises QuantityError where none is named."""
    operation = asked.filters.get("operation")
    if operation is None:
        raise QuantityError("no operation is named", advice="choose one in its service, or write ?service=NAME&operation=NAME")
    return asked.filters.get("service", ""), operation


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    service, name = named_operation(asked)
    query = asked.query()
    questions = account_questions(query, before_of(asked), by=_BY)
    if service:
        questions["of_service"] = replace(questions["series"], operations=())
    answers, (availability,) = rows_of_each(caller, questions, lambda: availability_of(caller, asked))
    figures = figures_of(answers, query, account=name, by=_BY)
    shown = Shown(
        title=words["operation_title"].format(operation=name),
        lead=words["operation_lead"].format(service=service or words["unnamed"]),
        crumbs=crumbs(caller, asked, words),
    )
    if figures.total is None:
        return replace(shown, empty=empty_text(availability, asked, words))
    total = figures.total
    sections = [
        series_section(figures, words),
        *(breakdown(figures.by[each], each, words, link=lambda row: _link(asked, row), legend=False) for each in _BY),
    ]
    notes = [*filter_notes(asked, words), *period_notes(asked, words, availability)]
    notes += [*begun_notes(asked.period.previous(), availability, words), *quality_lines(total, words)]
    if total.operation_count:
        moments = moments_of(figures.series, answers.get("of_service", ()))
        sections.insert(0, per_operation_section(moments, figures.series_granularity, words))
    else:
        notes.insert(0, words["operation_uncounted"])
    return replace(
        shown,
        cards=(*_each_card(total, words), *headline(figures, words)),
        sections=sections,
        notes=notes,
        downloads=(
            Download(words["operation_traces"], to(asked, "/trace")),
            Download(words["overview_hours"], to(asked, "/hours")),
            Download(words["overview_explain"], to(asked, "/explain")),
        ),
    )


def _each_card(total: FootprintRow, words: Mapping[str, str]) -> list[Card]:
    if not total.operation_count:
        return []
    location, market = (
        MILLIGRAMS.show(Fraction(amount.micrograms, total.operation_count))
        for amount in (total.total_location_based, total.total_market_based)
    )
    return [
        Card(
            words["operation_each"],
            f"{location} mg CO2e",
            words["operation_each_market"].format(amount=f"{market} mg"),
            words["operation_counted"].format(count=f"{total.operation_count:,}"),
        )
    ]


def _link(asked: Asked, row: FootprintRow) -> str:
    ((dimension, value),) = row.dimensions.items()
    return to(asked, "/operation", **{dimension: value}) if value and value == value.strip() else ""
