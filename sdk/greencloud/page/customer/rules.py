"""Who would pay under each allocation rule: the telemetry of some days allocated anew by every rule, and nothing posted.

A rule changes who pays, never how much in all. The server allocates for this answer, so that it is asked of a few days, the last of
the period that have figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, kept, link_of
from greencloud.page.shown import Choice, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, percent, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page import charts
from greencloud.report.page.sections import Card, Chart, Section, Table
from greencloud.results import RuleComparison

__all__ = ["show"]

_DAYS: Final = ("1", "7", "31")
_MOST_BARS: Final = 8
_MOST_ROWS: Final = 200

Amounts = Mapping[str, Mapping[str, int]]
"""Micrograms, location-based, by name, then by rule."""


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    days = asked.parameters.get("days", "1")
    if days not in _DAYS:
        raise QuantityError(f"rules are not compared over {days!r} days", advice=f"choose one of {', '.join(_DAYS)}")
    form = Form(
        [Choice("days", words["rules_days"], days, [(each, words["rules_last"].format(count=each)) for each in _DAYS])],
        words["rules_submit"],
        kept(asked, "days"),
    )
    shown = Shown(
        title=words["rules_title"],
        lead=words["rules_lead"],
        crumbs=crumbs(caller, asked, words, words["menu_rules"]),
        forms=[form],
    )
    availability = availability_of(caller, asked)
    end = min(asked.period.end, availability.end or asked.period.end)
    start = max(asked.period.start, end - timedelta(days=int(days)))
    if availability.start is None or not availability.start < end or not start < end:
        return replace(shown, empty=empty_text(availability, asked, words))
    by = "account" if caller.provider and not asked.account else "service"
    accounts = [asked.account] if asked.account else []
    found = caller.client.compare_rules(start, end, group_by=[by], accounts=accounts)
    notes = [words["rules_no_filters"]] if asked.filters else []
    notes += [words["rules_refused"].format(count=f"{found.refused_window_count:,}")] if found.refused_window_count else []
    notes += found.notes
    if not found.rows or found.start is None or found.end is None:
        return replace(shown, notes=notes, empty=words["rules_nothing"])
    named = _amounts(found, by, words)
    totals = {rule: sum(amounts[rule] for amounts in named.values()) for rule in found.rules}
    sections = [_total_section(totals, words)] if by == "service" else []
    sections.append(_section(named, found.rules, by, asked, words))
    period = words["period"].format(start=f"{found.start:%Y-%m-%d %H:%M}", end=f"{found.end:%Y-%m-%d %H:%M}")
    return replace(shown, lead=f"{shown.lead} {period}", cards=_cards(totals, words), sections=sections, notes=notes)


def _amounts(found: RuleComparison, by: str, words: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """The largest under the first rule first; 0 where a rule charges nothing."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(found.rules, 0))
    for each in found.rows:
        name = each.row.dimensions[by] or words["unnamed"]
        sums[name][each.rule] += each.row.total_location_based.micrograms
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1][found.rules[0]], pair[0])))


def _cards(totals: Mapping[str, int], words: Mapping[str, str]) -> list[Card]:
    scale = scale_for(totals.values(), EMISSION_UNITS)
    least, most = (choose(totals, key=lambda rule: totals[rule]) for choose in (min, max))
    if totals[least] == totals[most]:
        return [Card(words["rules_every"], f"{scale.show(totals[least])} {scale.unit} CO2e", words["rules_same"])]
    return [
        Card(words["rules_least"], f"{scale.show(totals[least])} {scale.unit} CO2e", least),
        Card(words["rules_most"], f"{scale.show(totals[most])} {scale.unit} CO2e", most),
    ]


def _total_section(totals: Mapping[str, int], words: Mapping[str, str]) -> Section:
    """What the account bears under each rule, and how far that is from the first."""
    scale = scale_for(totals.values(), EMISSION_UNITS)
    first = next(iter(totals.values()))
    heading = [words["rules_rule"], f"{words['location']}, {scale.unit}", words["rules_from_first"]]
    rows, exact = [], [("rule", "kg_co2e_location_based", "change_percent")]
    for rule, amount in totals.items():
        rows.append((rule, scale.show(amount), f"{percent(first, amount, 1) or '-'} %"))
        exact.append((rule, kg_decimal(amount), percent(first, amount) or ""))
    drawn: list[Chart] = [
        lambda width: _bars({rule: {rule: amount} for rule, amount in totals.items()}, tuple(totals), words, width)
    ]
    return Section("own", words["rules_own"], words["rules_own_help"], drawn, Table(heading, rows, exact))


def _section(named: Amounts, rules: Sequence[str], by: str, asked: Asked, words: Mapping[str, str]) -> Section:
    whole = {rule: sum(amounts[rule] for amounts in named.values()) for rule in rules}
    scale = scale_for([amount for amounts in named.values() for amount in amounts.values()], EMISSION_UNITS)
    shown = dict(list(named.items())[:_MOST_ROWS])
    heading = [words["name"], *(f"{rule}, {scale.unit}" for rule in rules), *(f"{rule}, % {words['share']}" for rule in rules)]
    rows = [
        (name, *(scale.show(amounts[rule]) for rule in rules), *(_share(amounts[rule], whole[rule]) for rule in rules))
        for name, amounts in shown.items()
    ]
    exact = [(by, *(f"{rule}_kg_co2e" for rule in rules))]
    exact += [(inert(name), *(kg_decimal(amounts[rule]) for rule in rules)) for name, amounts in named.items()]
    links = ["" if name == words["unnamed"] else link_of(asked, by, name) for name in shown]
    drawn: list[Chart] = [lambda width: _bars(dict(list(named.items())[:_MOST_BARS]), rules, words, width)]
    cut = [words["rules_cut"].format(shown=f"{_MOST_ROWS:,}", all=f"{len(named):,}")] if len(named) > len(shown) else []
    return Section("rules", words[f"rules_by_{by}"], words["rules_by_help"], drawn, Table(heading, rows, exact, links), cut)


def _share(amount: int, whole: int) -> str:
    return f"{float(Fraction(amount * 100, whole)):.1f}" if whole else "-"


def _bars(named: Amounts, rules: Sequence[str], words: Mapping[str, str], width: int) -> dict[str, Any]:
    """Grouped by name, a bar for each rule."""
    single = all(len(amounts) == 1 for amounts in named.values())
    scale = scale_for([amount for amounts in named.values() for amount in amounts.values()], EMISSION_UNITS)
    values = [
        {"key": name, "rule": rule, "amount": amount / scale.size}
        for name, amounts in named.items()
        for rule, amount in amounts.items()
    ]
    encoding: dict[str, Any] = {
        "y": {
            "field": "key",
            "type": "nominal",
            "sort": list(named),
            "title": None,
            "axis": {"labelLimit": charts.label_limit(named, max(110, width // 3)), "ticks": False},
        },
        "x": {
            "field": "amount",
            "type": "quantitative",
            "title": f"{scale.unit} CO2e, {words['location']}",
            "axis": {"tickCount": 5},
        },
        "color": {
            "field": "rule",
            "type": "nominal",
            "sort": None,
            "scale": {"domain": list(rules), "range": list(charts.LAYERS[: len(rules)])},
            "legend": None if single else {"title": None, "columns": 3 if width > charts.NARROW_CHART else 1, "labelLimit": 240},
        },
    }
    if not single:
        encoding["yOffset"] = {"field": "rule", "sort": list(rules)}
    bars = len(values)
    return charts.chart(width, max(48, (26 if single else 12) * bars + 10 * len(named)), values, {"type": "bar"}, encoding)
