"""What the page is made of: sections, each with its charts, its table, and the table as exact CSV.

A section is a value that says what is to be drawn; ``drawn`` draws it, in two widths of which the reader's screen shows one.
Nothing here knows whether a section ends in a file or on the live page.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, kwh_decimal, percent, scale_for, scale_in
from greencloud.report.certainty import EVIDENCE, evidence_text
from greencloud.report.delimited import inert
from greencloud.report.drawing import draw
from greencloud.report.page import charts
from greencloud.report.page.figures import AccountFigures, HourOfWeek
from greencloud.report.page.what_ifs import WhatIf
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = [
    "NARROW",
    "WIDE",
    "Card",
    "Chart",
    "Section",
    "Table",
    "account_sections",
    "by_dimension",
    "headline",
    "named_rows",
    "operation_name",
    "operations_section",
    "parts_table",
    "quality_lines",
    "quoted",
    "scope_section",
    "series_section",
    "week_section",
    "what_if_table",
]

WIDE: Final = 860
NARROW: Final = 330
_MILLIGRAMS: Final = scale_in("mg", EMISSION_UNITS)

Chart = Callable[[int], Mapping[str, Any]]
"""A Vega-Lite specification for a width in pixels."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as texts; ``csv`` are the same rows with exact figures, below a heading of their own.

    ``links``: where the first cell of each row leads to on the live page ("" for nowhere); empty in a file. ``words``: the columns,
    from 0, of which the cells are words and no figures.
    """

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    csv: Sequence[Sequence[str]]
    links: Sequence[str] = ()
    words: Sequence[int] = ()

    @property
    def link(self) -> str:
        """A data URI of the CSV."""
        lines = [",".join(quoted(cell) for cell in row) for row in self.csv]
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(("\n".join(lines) + "\n").encode()).decode()


@dataclass(frozen=True, slots=True)
class Section:
    """``id`` is unique on its page; ``notes`` stand out."""

    id: str
    title: str
    help: str
    charts: Sequence[Chart]
    table: Table | None
    notes: Sequence[str] = ()

    @property
    def drawn(self) -> list[tuple[str, str]]:
        """(wide, narrow) SVG of each chart. Raises MissingExtraError where greencloud[goal] is not installed."""
        return [(draw(chart(WIDE), "svg").decode(), draw(chart(NARROW), "svg").decode()) for chart in self.charts]


@dataclass(frozen=True, slots=True)
class Card:
    """One figure of a headline."""

    label: str
    amount: str
    change: str = ""
    interval: str = ""


def headline(figures: AccountFigures, texts: Mapping[str, str]) -> list[Card]:
    """Both totals and the energy, each with its change and interval; there must be a total."""
    total, before = figures.total, figures.before
    assert total is not None, "there is something to show"
    scale = scale_for([total.total_location_based.micrograms, total.total_market_based.micrograms], EMISSION_UNITS)
    energy = scale_for([total.energy.millijoules], ENERGY_UNITS)

    def change(old: int | None, new: int) -> str:
        found = None if old is None else percent(old, new, 1)
        return texts["change"].format(percent=found) if found is not None else texts["no_before"]

    shown = []
    for name, width in (("location", total.location_half_width), ("market", total.market_half_width)):
        amount = getattr(total, f"total_{name}_based").micrograms
        old = None if before is None else getattr(before, f"total_{name}_based").micrograms
        shown.append(
            Card(
                label=texts[name],
                amount=f"{scale.show(amount)} {scale.unit} CO2e",
                change=change(old, amount),
                interval="" if width is None else texts["interval"].format(width=f"{scale.show(width.micrograms)} {scale.unit}"),
            )
        )
    old_energy = None if before is None else before.energy.millijoules
    shown.append(
        Card(
            label=texts["energy"],
            amount=f"{energy.show(total.energy.millijoules)} {energy.unit}",
            change=change(old_energy, total.energy.millijoules),
            interval=""
            if total.energy_half_width is None
            else texts["interval"].format(width=f"{energy.show(total.energy_half_width.millijoules)} {energy.unit}"),
        )
    )
    return shown


def named_rows(figures: AccountFigures, texts: Mapping[str, str]) -> dict[str, list[tuple[str, FootprintRow]]]:
    """Rows of each dimension by name, those beyond the most as one."""
    named = {}
    for dimension, rows in figures.by.items():
        label = (lambda value: texts.get(value, value)) if dimension == "component" else (lambda value: value)
        pairs = [(label(row.dimensions[dimension]) or texts["unnamed"], row) for row in rows]
        if len(pairs) > charts.MOST_BARS:
            rest = [row for _, row in pairs[charts.MOST_BARS - 1 :]]
            pairs = [*pairs[: charts.MOST_BARS - 1], (texts["other"].format(count=f"{len(rest):,}"), total_of(rest))]
        named[dimension] = pairs
    return named


def series_section(figures: AccountFigures, texts: Mapping[str, str]) -> Section:
    return Section(
        "over-time",
        texts["over_time"],
        texts["over_time_help"].format(step=texts[str(figures.series_granularity)]),
        [lambda width: charts.series(figures, texts, width)],
        parts_table([(format_instant(row.start), row) for row in figures.series], texts, texts["time"]),
    )


def by_dimension(figures: AccountFigures, dimension: str, texts: Mapping[str, str]) -> Section:
    rows = named_rows(figures, texts)[dimension]
    every = [(row.dimensions[dimension] or texts["unnamed"], row) for row in figures.by[dimension]]
    help_text = texts["component_help"] if dimension == "component" else ""
    table = parts_table(every, texts, texts["name"])
    return Section(dimension, texts[f"by_{dimension}"], help_text, [lambda width: charts.bars(rows, texts, width)], table)


def account_sections(figures: AccountFigures, texts: Mapping[str, str]) -> list[Section]:
    """All of an account's page; there must be a total."""
    assert figures.total is not None, "there is something to show"
    found = [
        series_section(figures, texts),
        scope_section(figures.total, texts),
        *(by_dimension(figures, dimension, texts) for dimension in ("service", "region", "sku", "component")),
    ]
    if figures.week:
        found.append(week_section(figures.week, texts))
    if figures.operations:
        found.append(operations_section(figures.operations, texts))
    if figures.what_ifs:
        table = what_if_table(figures.what_ifs, texts)
        found.append(Section("what-if", texts["what_if"], texts["what_if_help"], [], table, [texts["allocated_only"]]))
    return found


def scope_section(total: FootprintRow, texts: Mapping[str, str]) -> Section:
    drawn: list[Chart] = [lambda width: charts.scopes(total, texts, width)]
    return Section("scope", texts["by_scope"], texts["scope3_note"], drawn, _scope_table(total, texts))


def week_section(week: Sequence[HourOfWeek], texts: Mapping[str, str]) -> Section:
    """Two heat maps of the hours of the week."""
    drawn: list[Chart] = [lambda width, at=at: charts.week(week, texts, min(width, 420))[at] for at in (0, 1)]  # type: ignore[misc]
    return Section("week", texts["week"], texts["week_help"], drawn, _week_table(week, texts))


def operations_section(rows: Sequence[FootprintRow], texts: Mapping[str, str]) -> Section:
    """What one operation emits; ``rows`` are by service and operation, counted, in the order in which they are shown."""
    named = [(operation_name(row), row) for row in rows]
    drawn: list[Chart] = [lambda width: charts.operations(named, texts, width)]
    return Section("operations", texts["top_operations"], texts["top_operations_help"], drawn, _operation_table(named, texts))


def operation_name(row: FootprintRow) -> str:
    return " · ".join(part for part in (row.dimensions["service"], row.dimensions["operation"]) if part)


def parts_table(rows: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str], first: str) -> Table:
    """Energy and both totals of each row, under ``first`` as the heading of the names."""
    scale = scale_for([row.total_location_based.micrograms for _, row in rows], EMISSION_UNITS)
    energy = scale_for([row.energy.millijoules for _, row in rows], ENERGY_UNITS)
    heading = [first, f"{texts['energy']}, {energy.unit}", f"{texts['location']}, {scale.unit}", f"{texts['market']}, {scale.unit}"]
    cells = [
        (
            name,
            energy.show(row.energy.millijoules),
            scale.show(row.total_location_based.micrograms),
            scale.show(row.total_market_based.micrograms),
        )
        for name, row in rows
    ]
    exact = [(first, "kwh", "kg_co2e_location_based", "kg_co2e_market_based")]
    exact += [
        (
            inert(name),
            kwh_decimal(row.energy.millijoules),
            kg_decimal(row.total_location_based.micrograms),
            kg_decimal(row.total_market_based.micrograms),
        )
        for name, row in rows
    ]
    return Table(heading, cells, exact)


def _scope_table(total: FootprintRow, texts: Mapping[str, str]) -> Table:
    location, market = charts.parts_of(total), charts.parts_of(total, market=True)
    scale = scale_for([*location.values(), *market.values()], EMISSION_UNITS)
    heading = [texts["name"], f"{texts['location']}, {scale.unit}", f"{texts['market']}, {scale.unit}"]
    rows = [(texts[part], scale.show(location[part]), scale.show(market[part])) for part in charts.PARTS]
    exact = [("scope", "kg_co2e_location_based", "kg_co2e_market_based")]
    exact += [(part, kg_decimal(location[part]), kg_decimal(market[part])) for part in charts.PARTS]
    return Table(heading, rows, exact)


def _week_table(week: Sequence[HourOfWeek], texts: Mapping[str, str]) -> Table:
    days = texts["weekdays"].split()
    scale = scale_for([cell.micrograms for cell in week], EMISSION_UNITS)
    rows, exact = [], [("weekday", "hour_utc", "kg_co2e_location_based", "g_co2e_per_kwh")]
    for cell in week:
        intensity = "" if cell.grams_per_kwh is None else f"{float(cell.grams_per_kwh):.1f}"
        rows.append((f"{days[cell.weekday]} {cell.hour:02}:00", scale.show(cell.micrograms), intensity))
        exact.append((str(cell.weekday + 1), str(cell.hour), kg_decimal(cell.micrograms), intensity))
    return Table([texts["hour"], f"{texts['week_emissions']}, {scale.unit}", "g CO2e/kWh"], rows, exact)


def _operation_table(operations: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str]) -> Table:
    rows: list[Sequence[str]] = []
    exact: list[Sequence[str]] = [("operation", "operation_count", "mg_co2e_location_based", "mg_co2e_market_based")]
    for name, row in operations:
        each = [Fraction(amount.micrograms, row.operation_count) for amount in (row.total_location_based, row.total_market_based)]
        rows.append((name, f"{row.operation_count:,}", *map(_MILLIGRAMS.show, each)))
        exact.append((inert(name), str(row.operation_count), *(f"{float(amount / 1000):.6f}" for amount in each)))
    return Table([texts["name"], texts["operations"], f"mg, {texts['location']}", f"mg, {texts['market']}"], rows, exact)


def what_if_table(found: Sequence[WhatIf], texts: Mapping[str, str]) -> Table:
    """As it was, as it would be, the difference, and how much of the energy could be priced; of none of it nothing is known."""
    scale = scale_for([amount for each in found for amount in (each.actual_ug, each.would_be_ug)], EMISSION_UNITS)
    heading = [
        texts["name"],
        f"{texts['as_it_was']}, {scale.unit}",
        f"{texts['would_be']}, {scale.unit}",
        f"{texts['difference']}, {scale.unit}",
        f"% {texts['priced']}",
    ]
    rows: list[Sequence[str]] = []
    exact: list[Sequence[str]] = [("what_if", "kg_co2e_as_it_was", "kg_co2e_would_be", "share_priced")]
    for each in found:
        direction = texts["later"] if each.hours > 0 else texts["earlier"]
        name = texts[f"what_if_{each.kind}"].format(hours=abs(each.hours), direction=direction, region=each.region)
        share = "<1" if 0 < each.share < Fraction(1, 200) else f"{float(each.share) * 100:.0f}"
        amounts = (each.actual_ug, each.would_be_ug, each.difference_ug)
        shown = [scale.show(amount) for amount in amounts] if each.share else [texts["not_priced"]] * 3
        rows.append((name, *shown, share))
        known = [kg_decimal(amount) for amount in amounts[:2]] if each.share else ["", ""]
        exact.append((inert(name), *known, f"{float(each.share):.4f}"))
    return Table(heading, rows, exact)


def quality_lines(total: FootprintRow, texts: Mapping[str, str]) -> list[str]:
    """What a figure rests on, in plain words."""
    evidence = evidence_text(total, {kind: texts[f"evidence_{kind}"] for kind in EVIDENCE})
    lines = [texts["evidence"].format(evidence=evidence) if evidence else texts["evidence_unknown"]]
    if total.quality_flags:
        lines.append(texts["flags"].format(flags=", ".join(total.quality_flags)))
    if total.updated is not None:
        lines.append(texts["posted"].format(time=format_instant(total.updated.replace(microsecond=0))))
    if total.provisional:
        lines.append(texts["provisional"])
    return lines


def quoted(cell: str) -> str:
    """A cell of CSV."""
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in '",\n\r') else cell
