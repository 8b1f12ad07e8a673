"""The bridge: from what customers were told to what the corporate inventory books, step by step, for a reporting year.

The year is that of ``?year=``, else the latest of the inventory, else that of the ledger's newest figure; ``?method=`` is that of
Scope 2, market if left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greencloud.page.asked import Asked
from greencloud.page.provider.goals import known
from greencloud.page.provider.ledger import form_of
from greencloud.page.shown import Choice, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for
from greencloud.report.bridge import section_title
from greencloud.report.bridge_chart import Method, bridge_chart
from greencloud.report.chart_words import chart_words
from greencloud.report.delimited import inert
from greencloud.report.drawing import Canvas
from greencloud.report.page.sections import Card, Section, Table
from greencloud.results.bridges import Bridge, BridgeSection
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["inventory_years", "show"]


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_bridge"]
    years = inventory_years(caller, asked)
    if not years:
        return Shown(title, empty=texts["provider_no_bridge"])
    year = str(ReportingYear.parse(asked.parameters["year"])) if "year" in asked.parameters else years[0]
    method: Method = "location" if asked.parameters.get("method") == "location" else "market"
    choices = [
        Choice("year", texts["provider_year"], year, [(each, each) for each in dict.fromkeys((year, *years))]),
        Choice("method", texts["provider_method"], method, [("market", texts["market"]), ("location", texts["location"])]),
    ]
    forms = [form_of(asked, choices, texts["provider_show"])]
    bridge, why = known(lambda: caller.client.get_bridge(year))
    if bridge is None:
        return Shown(title, forms=forms, empty=why)
    if not bridge.sections:
        return Shown(title, forms=forms, empty=texts["provider_bridge_nothing"].format(year=year))
    words = chart_words(asked.language)
    other = {"scope2_methods", "scope2_market_based" if method == "location" else "scope2_location_based"}
    off = sum(abs(section.difference.micrograms) for section in bridge.sections if section.scope not in other)
    cards = [
        Card(
            texts["provider_bridge_state"],
            texts["provider_bridge_closes" if bridge.closes else "provider_bridge_open"],
            "" if bridge.closes else texts["provider_bridge_off"].format(amount=Emissions(off)),
        ),
        Card(
            texts["provider_covered"],
            f"{bridge.covered_seconds / 86_400:,.1f} / {bridge.year_seconds / 86_400:,.0f}",
            texts["provider_covered_days"],
        ),
    ]
    first = Section(
        "bridge",
        words["bridge_title"].format(year=bridge.year),
        texts["provider_bridge_help"],
        [lambda width: bridge_chart(bridge, method, Canvas.of_page(width, asked.language))],
        _totals(bridge, asked, texts),
    )
    sections = [first, *(_section(number, each, asked, texts) for number, each in enumerate(bridge.sections, 1))]
    return Shown(title, lead=texts["provider_bridge_lead"], forms=forms, cards=cards, sections=sections, notes=[*bridge.notes])


def inventory_years(caller: Caller, asked: Asked) -> list[str]:
    """Reporting years of the inventory, the latest first; where it has none, that of the ledger's newest figure."""
    found = sorted((each.year for each in caller.client.list_inventory_years()), reverse=True)
    if found:
        return [str(year) for year in found]
    newest = caller.client.get_data_availability().end
    return [] if newest is None else [str(min(newest, asked.now).year)]


def _name(section: BridgeSection, asked: Asked, texts: Mapping[str, str]) -> str:
    if asked.language == "en":
        return section_title(section)
    scope = texts["provider_scope2_methods"] if section.scope == "scope2_methods" else chart_words(asked.language)[section.scope]
    return scope if section.category is None else f"{scope}，{texts['provider_category'].format(number=section.category)}"


def _totals(bridge: Bridge, asked: Asked, texts: Mapping[str, str]) -> Table:
    """A row a section: what the ledger says, what the inventory books, and what is left over."""
    scale = scale_for(
        [max(abs(each.ledger.micrograms), abs(each.inventory.micrograms) if each.inventory else 0) for each in bridge.sections],
        EMISSION_UNITS,
    )
    heading = [
        *(texts["provider_section"], f"{texts['provider_ledger']}, {scale.unit}", f"{texts['provider_inventory']}, {scale.unit}"),
        f"{texts['difference']}, µg",
    ]
    rows, exact = [], [["scope", "category", "ledger_kg_co2e", "inventory_kg_co2e", "difference_kg_co2e"]]
    for each in bridge.sections:
        booked = texts["provider_not_booked"] if each.inventory is None else scale.show(each.inventory.micrograms)
        rows.append([_name(each, asked, texts), scale.show(each.ledger.micrograms), booked, f"{each.difference.micrograms:,}"])
        exact.append(
            [
                *(each.scope, str(each.category or ""), kg_decimal(each.ledger.micrograms)),
                *("" if each.inventory is None else kg_decimal(each.inventory.micrograms), kg_decimal(each.difference.micrograms)),
            ]
        )
    return Table(heading, rows, exact)


def _section(number: int, section: BridgeSection, asked: Asked, texts: Mapping[str, str]) -> Section:
    scale = scale_for([abs(line.emissions.micrograms) for line in section.lines], EMISSION_UNITS)
    heading = [texts["provider_step"], f"CO2e, {scale.unit}", texts["provider_evidence_count"]]
    rows = [
        [_label(line.kind, line.label, asked), scale.show(line.emissions.micrograms), str(len(line.evidence))]
        for line in section.lines
    ]
    exact = [["kind", "label", "kg_co2e", "evidence"]]
    exact += [
        [line.kind, inert(line.label), kg_decimal(line.emissions.micrograms), inert(" ".join(line.evidence))]
        for line in section.lines
    ]
    rows.append([texts["provider_difference_left"], f"{scale.show(section.difference.micrograms)}", ""])
    booked = texts["provider_not_booked"] if section.inventory is None else scale.show(section.inventory.micrograms)
    rows.append([texts["provider_inventory"], booked, ""])
    notes: Sequence[str] = [section.finding] if section.finding else []
    return Section(f"section-{number}", _name(section, asked, texts), "", [], Table(heading, rows, exact), notes)


def _label(kind: str, label: str, asked: Asked) -> str:
    return label if asked.language == "en" else chart_words(asked.language).get(kind, label)
