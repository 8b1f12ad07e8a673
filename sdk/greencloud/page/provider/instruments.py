"""Instruments and what a claim of neutrality rests on: reductions first, then removals, then offset credits.

The claim is that of ``?year=`` and ``?goal=`` (empty: the whole organisation); credits and removals stand beside gross emissions
and lower none of them. Avoided emissions ("Scope 3+") are a book of their own and never netted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.provider.bridge import inventory_years
from greencloud.page.provider.goals import chosen, known
from greencloud.page.provider.ledger import form_of
from greencloud.page.shown import Choice, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.delimited import inert
from greencloud.report.drawing import Canvas
from greencloud.report.neutrality_chart import neutrality_chart
from greencloud.report.page.sections import Card, Section, Table
from greencloud.results.goals import Goal, GoalKind
from greencloud.results.instruments import Instrument, InstrumentKind, Neutrality, ScopeThreePlus
from greencloud.results.reporting_year import ReportingYear

__all__ = ["show"]

_MOST: Final = 1_000
_WHOLE: Final = "-"
_ORDER: Final = ("reduced", "removal_permanent", "removal_long", "removal_short", "offset")


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_instruments"]
    years = inventory_years(caller, asked)
    goals = caller.client.list_goals().to_list()
    held = list(islice(caller.client.list_instruments(page_size=_MOST), _MOST + 1))
    if not years and not held:
        return Shown(title, empty=texts["provider_no_instruments"])
    year = (
        str(ReportingYear.parse(asked.parameters["year"]))
        if "year" in asked.parameters
        else years[0]
        if years
        else str(asked.now.year)
    )
    goal = _goal(caller, goals, asked)
    organisation = (_WHOLE, texts["provider_organisation"])
    choices = [
        Choice("year", texts["provider_year"], year, [(each, each) for each in dict.fromkeys((year, *years))]),
        Choice(
            "goal",
            texts["provider_goal"],
            goal.id if goal else _WHOLE,
            [*((each.id, each.display_name) for each in goals), organisation],
        ),
    ]
    claim, why = known(lambda: caller.client.get_neutrality(year, goal=goal.name if goal else ""))
    notes = [] if claim is None else [*claim.findings, *(texts["provider_refused_use"].format(use=use) for use in claim.refused)]
    if claim is None:
        notes = [texts["provider_no_claim"].format(year=year, why=why)]
    sections = [] if claim is None else [_claim(claim, asked, texts)]
    sections.append(_instruments(held[:_MOST], texts))
    if len(held) > _MOST:
        notes.append(texts["provider_more_instruments"].format(count=f"{_MOST:,}"))
    avoided = caller.client.get_scope_three_plus()
    if avoided.initiatives:
        sections.append(_avoided(avoided, texts))
    return Shown(
        title,
        lead=texts["provider_instruments_lead"],
        forms=[form_of(asked, choices, texts["provider_show"])],
        cards=[] if claim is None else _cards(claim, asked, texts),
        sections=sections,
        notes=notes,
    )


def _goal(caller: Caller, goals: Sequence[Goal], asked: Asked) -> Goal | None:
    """That of the address; else the first that is of neutrality; None for the whole organisation (``-``)."""
    named = asked.parameters.get("goal", "")
    if named:
        return None if named == _WHOLE else chosen(caller, goals, named)
    return next((goal for goal in goals if goal.kind is GoalKind.NEUTRALITY), None)


def _cards(claim: Neutrality, asked: Asked, texts: Mapping[str, str]) -> list[Card]:
    words = chart_words(asked.language)
    told = "not_neutral" if not claim.neutral else "balanced" if claim.reduction_first else "balanced_late"
    whose = claim.goal.removeprefix("goals/") or words["organization"]
    return [
        Card(texts["provider_claim"], words[told].format(whose=whose, year=claim.year)),
        Card(
            words["gross"].format(year=claim.year),
            str(claim.residual),
            "" if claim.path is None else words["path_amount"].format(amount=claim.path),
        ),
        Card(texts["provider_removed"], str(claim.removed)),
        Card(words["offset"], str(claim.offset)),
    ]


def _claim(claim: Neutrality, asked: Asked, texts: Mapping[str, str]) -> Section:
    words = chart_words(asked.language)
    lines = {line.kind: line for line in claim.lines}
    scale = scale_for([claim.residual.micrograms, *(line.emissions.micrograms for line in claim.lines)], EMISSION_UNITS)
    heading = [texts["name"], f"CO2e, {scale.unit}", texts["provider_of_base"], texts["provider_instruments_used"]]
    rows, exact = [], [["line", "kg_co2e", "share_of_base", "instruments"]]
    for kind in _ORDER:
        if (line := lines.get(kind)) is not None:
            share = "" if line.share is None else f"{float(line.share * 100):.1f} %"
            names = [name.partition("/")[2] for name in line.instruments]
            rows.append([words[kind], scale.show(line.emissions.micrograms), share, ", ".join(names)])
            exact.append(
                [kind, kg_decimal(line.emissions.micrograms), "" if line.share is None else str(line.share), inert(" ".join(names))]
            )
    for label, key, amount in ((words["residual"], "residual", claim.residual), (words["unbalanced"], "balance", claim.balance)):
        rows.append([label, scale.show(amount.micrograms), "", ""])
        exact.append([key, kg_decimal(amount.micrograms), "", ""])
    return Section(
        "claim",
        texts["provider_claim_title"].format(year=claim.year),
        texts["provider_claim_help"],
        [lambda width: neutrality_chart(claim, canvas=Canvas.of_page(width, asked.language))],
        Table(heading, rows, exact, words=(3,)),
    )


def _instruments(held: Sequence[Instrument], texts: Mapping[str, str]) -> Section:
    keys = ("instrument", "kind", "registry", "project", "serials", "vintage", "retired", "units", "free", "unit")
    rows, exact = (
        [],
        [["id", "kind", "registry", "project", "serial_first", "serial_last", "retired", "units", "unused_units", "unit"]],
    )
    for each in held:
        unit = "MWh" if each.kind is InstrumentKind.ENERGY_CERTIFICATE else "t CO2e"
        retired = str(each.retirement.retired) if each.retirement else ""
        rows.append(
            [
                *(each.id, texts[f"provider_{each.kind}"], each.registry, each.project),
                *(f"{each.serial_prefix}{each.serial_first} - {each.serial_last}", f"{each.vintage_start} - {each.vintage_end}"),
                *(retired or texts["provider_no"], f"{each.units:,}", f"{each.unused_units:,}", unit),
            ]
        )
        exact.append(
            [
                *(
                    each.id,
                    str(each.kind),
                    inert(each.registry),
                    inert(each.project),
                    str(each.serial_first),
                    str(each.serial_last),
                ),
                *(retired, str(each.units), str(each.unused_units), unit),
            ]
        )
    none = [[texts["provider_none_recorded"], *[""] * (len(keys) - 1)]]
    table = Table([texts[f"provider_{key}"] for key in keys], rows or none, exact, words=(1, 2, 3, 4, 5, 6, 9))
    return Section("instruments", texts["provider_instruments"], texts["provider_instruments_help"], [], table)


def _avoided(book: ScopeThreePlus, texts: Mapping[str, str]) -> Section:
    scale = scale_for([book.cumulative.micrograms, *(amount.micrograms for _, amount in book.by_year)], EMISSION_UNITS)
    rows = [[str(year), scale.show(amount.micrograms)] for year, amount in book.by_year]
    rows.append([texts["provider_in_all"], scale.show(book.cumulative.micrograms)])
    exact = [["year", "kg_co2e"], *([str(year), kg_decimal(amount.micrograms)] for year, amount in book.by_year)]
    heading = [texts["provider_year"], f"CO2e, {scale.unit}"]
    return Section("avoided", texts["provider_avoided"], texts["provider_avoided_help"], [], Table(heading, rows, exact))
