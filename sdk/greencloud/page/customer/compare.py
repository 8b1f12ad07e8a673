"""Two periods side by side by a dimension: the changes of the rows add up to the change of the whole, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of, rows_of_each
from greencloud.page.customer.dimension import checked_dimension, dimension_choice
from greencloud.page.customer.overview import begun_notes, empty_text, period_notes
from greencloud.page.customer.places import crumbs, filter_notes, kept, link_of
from greencloud.page.shown import Choice, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, Scale, kg_decimal, kwh_decimal, scale_for
from greencloud.report.changes import MEASURES, Pair, key_of
from greencloud.report.delimited import inert
from greencloud.report.difference import Difference, difference_of
from greencloud.report.drawing import COLOURS
from greencloud.report.page import charts
from greencloud.report.page.sections import Card, Chart, Section, Table
from greencloud.results.periods import Period, period_named

__all__ = ["show"]

_MOST_BARS: Final = 16
_MOST_ROWS: Final = 500


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    dimension, method = checked_dimension(asked), asked.parameters.get("method", "location")
    if method not in MEASURES:
        raise QuantityError(f"{method!r} is not compared", advice=f"use one of {', '.join(MEASURES)}")
    before, name = _against(asked)
    query = asked.query(group_by=(dimension,))
    questions = {"new": query, "old": replace(query, start=before.start, end=before.end)}
    answers, (availability,) = rows_of_each(caller, questions, lambda: availability_of(caller, asked))
    names = (name or _dates(before), asked.period_text)
    found = difference_of(
        answers["old"], answers["new"], between="period", names=names, measure=MEASURES[method], group_by=(dimension,)
    )
    fields = (
        Choice("against", words["compare_against"], name, hint=words["compare_against_hint"]),
        dimension_choice(dimension, [], words),
        Choice("method", words["compare_method"], method, [(each, words[each]) for each in MEASURES]),
    )
    shown = Shown(
        title=words["compare_title"].format(old=found.old, new=found.new),
        lead=words["compare_lead"].format(old=_dates(before), new=_dates(asked.period)),
        crumbs=crumbs(caller, asked, words, words["menu_compare"]),
        forms=[Form(fields, words["compare_submit"], kept(asked, "against", "dimension", "method"))],
    )
    if found.total is None:
        return replace(shown, empty=empty_text(availability, asked, words))
    notes = [*filter_notes(asked, words), *period_notes(asked, words, availability), *begun_notes(before, availability, words)]
    if before.start < asked.now < before.end:
        notes.append(words["compare_old_open"])
    if not found.known:
        notes.insert(0, words["compare_one_side"])
    return replace(shown, cards=_cards(found, found.total, words), sections=[_section(found, dimension, asked, words)], notes=notes)


def _against(asked: Asked) -> tuple[Period, str]:
    """The period to compare with, and its name as it was given; "" where it is the one before."""
    name = asked.parameters.get("against", "")
    return (period_named(name, asked.now), name) if name else (asked.period.previous(), "")


def _dates(period: Period) -> str:
    return f"{period.start:%Y-%m-%d %H:%M} – {period.end:%Y-%m-%d %H:%M}"


def _scale(found: Difference, pairs: Sequence[Pair]) -> Scale:
    amounts = [amount for pair in pairs for amount in found.amounts(pair) if amount is not None]
    return scale_for(amounts, ENERGY_UNITS if found.measure == "energy" else EMISSION_UNITS)


def _cards(found: Difference, total: Pair, words: Mapping[str, str]) -> list[Card]:
    scale = _scale(found, [total])
    old, new = found.amounts(total)
    change, percent = found.change(total), total.percent(found.measure, 1)
    shown = [
        Card(words[f"compare_{name}"], words["customer_unknown"] if amount is None else f"{scale.show(amount)} {scale.unit}")
        for name, amount in (("old", old), ("new", new))
    ]
    if change is None:
        return [*shown, Card(words["compare_change"], words["customer_unknown"])]
    return [*shown, Card(words["compare_change"], _signed(change, scale), "" if percent is None else f"{percent} %")]


def _signed(change: int, scale: Scale) -> str:
    return f"{'+' if change > 0 else ''}{scale.show(change)} {scale.unit}"


def _section(found: Difference, dimension: str, asked: Asked, words: Mapping[str, str]) -> Section:
    drawn: list[Chart] = [lambda width: _bars(found, dimension, words, width)] if found.known else []
    cut = len(found.pairs) > _MOST_ROWS
    return Section(
        "changes",
        words["compare_changes"],
        words["compare_changes_help"],
        drawn,
        _table(found, dimension, asked, words),
        [words["compare_cut"].format(shown=f"{_MOST_ROWS:,}", all=f"{len(found.pairs):,}")] if cut else [],
    )


def _name(pair: Pair, dimension: str, words: Mapping[str, str]) -> str:
    (value,) = key_of(pair.row, (dimension,))
    return (words.get(value, value) if dimension == "component" else value) or words["unnamed"]


def _table(found: Difference, dimension: str, asked: Asked, words: Mapping[str, str]) -> Table:
    """Those that changed most, and what the others come to together."""
    pairs = found.pairs[:_MOST_ROWS]
    scale = _scale(found, found.pairs)
    exact_of = kwh_decimal if found.measure == "energy" else kg_decimal
    unit = "kwh" if found.measure == "energy" else "kg_co2e"
    heading = [words["name"], *(f"{words[f'compare_{name}']}, {scale.unit}" for name in ("old", "new", "change")), "%"]
    rows: list[Sequence[str]] = []
    exact: list[Sequence[str]] = [(dimension, f"old_{unit}", f"new_{unit}", f"change_{unit}", "change_percent")]
    none = words["compare_none" if found.known else "customer_unknown"]
    for pair in pairs:
        old, new = found.amounts(pair)
        change = found.change(pair)
        name, percent = _name(pair, dimension, words), pair.percent(found.measure)
        told = [none if amount is None else scale.show(amount) for amount in (old, new)]
        moved = words["customer_unknown"] if change is None else ("+" if change > 0 else "") + scale.show(change)
        rows.append((name, *told, moved, pair.percent(found.measure, 1) or ""))
        exact.append((inert(name), *("" if each is None else exact_of(each) for each in (old, new, change)), percent or ""))
    links = [link_of(asked, dimension, key_of(pair.row, (dimension,))[0]) for pair in pairs]
    if rest := found.pairs[_MOST_ROWS:]:
        moved_by = sum(pair.moved(found.measure) for pair in rest)
        name = words["other"].format(count=f"{len(rest):,}")
        rows.append((name, "", "", ("+" if moved_by > 0 else "") + scale.show(moved_by), ""))
        exact.append((name, "", "", exact_of(moved_by), ""))
        links.append("")
    return Table(heading, rows, exact, links)


def _bars(found: Difference, dimension: str, words: Mapping[str, str], width: int) -> dict[str, Any]:
    pairs = found.pairs[:_MOST_BARS]
    moved = [pair.moved(found.measure) for pair in pairs]
    scale = scale_for(moved, ENERGY_UNITS if found.measure == "energy" else EMISSION_UNITS)
    names = [_name(pair, dimension, words) for pair in pairs]
    values = [{"key": name, "amount": change / scale.size, "more": change > 0} for name, change in zip(names, moved, strict=True)]
    unit = scale.unit if found.measure == "energy" else f"{scale.unit} CO2e"
    return charts.chart(
        width,
        max(48, 26 * len(values)),
        values,
        {"type": "bar", "height": 16},
        {
            "y": {
                "field": "key",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {"labelLimit": charts.label_limit(names, max(90, width // 3)), "ticks": False},
            },
            "x": {
                "field": "amount",
                "type": "quantitative",
                "title": f"{words['compare_change']}, {unit}",
                "axis": {"tickCount": 5},
            },
            "color": {
                "field": "more",
                "type": "nominal",
                "scale": {"domain": [True, False], "range": [COLOURS["orange"], COLOURS["green"]]},
                "legend": None,
            },
        },
    )
