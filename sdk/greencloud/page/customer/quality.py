"""How sure and how fresh figures are: what the energy rests on, how wide intervals are, and what is final, site by site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of, many_notes, rows_of_each, several_accounts
from greencloud.page.customer.breakdown import named, share_text
from greencloud.page.customer.overview import ago, empty_text, fresh_card
from greencloud.page.customer.places import crumbs, filter_notes, link_of
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import ENERGY_UNITS, kwh_decimal, scale_for
from greencloud.report.certainty import EVIDENCE, evidence_of
from greencloud.report.delimited import inert
from greencloud.report.drawing import COLOURS
from greencloud.report.page import charts
from greencloud.report.page.sections import Card, Chart, Section, Table
from greencloud.report.totals import total_of
from greencloud.results import DataAvailability, FootprintRow
from greencloud.units import format_instant

__all__ = ["show"]

_MOST_ROWS: Final = 200
_COLOURS: Final = tuple(COLOURS[name] for name in ("green", "sky", "orange", "grey"))


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    query = asked.query()
    by = "account" if several_accounts(caller, asked) else "service"
    questions = {"total": query, **{name: replace(query, group_by=(name,)) for name in (by, "component")}}
    answers, (availability,) = rows_of_each(caller, questions, lambda: availability_of(caller, asked), optional=(by, "component"))
    shown = Shown(
        title=words["quality_title"], lead=words["quality_lead"], crumbs=crumbs(caller, asked, words, words["menu_quality"])
    )
    if not answers["total"]:
        return replace(shown, empty=empty_text(availability, asked, words))
    total = total_of(answers["total"])
    notes = [
        *filter_notes(asked, words),
        *many_notes(answers, (by, "component"), words),
        words["quality_flags"].format(flags=_flags(total, words)),
    ]
    notes += [words["provisional"]] if total.provisional else []
    notes.append(words["quality_methodology"].format(versions=", ".join(total.methodology_versions) or words["customer_unknown"]))
    return replace(
        shown,
        cards=[*_cards(total, words), fresh_card(availability, asked.now, words)],
        sections=[
            *(_section(answers[name], name, asked, words) for name in (by, "component") if answers[name]),
            _sites(availability, asked, words),
        ],
        notes=notes,
    )


def _flags(total: FootprintRow, words: Mapping[str, str]) -> str:
    return ", ".join(words.get(f"quality_flag_{flag}", flag) for flag in total.quality_flags) or words["quality_no_flag"]


def _cards(total: FootprintRow, words: Mapping[str, str]) -> list[Card]:
    evidence = evidence_of(total)
    measured = words["customer_unknown"]
    if evidence and total.energy.millijoules:
        measured = share_text(evidence["measured"].millijoules, total.energy.millijoules)
    cards = [Card(words["quality_measured"], measured, words["quality_of_energy"])]
    for name, width in (("location", total.location_half_width), ("market", total.market_half_width)):
        amount = getattr(total, f"total_{name}_based").micrograms
        known = width is not None and amount > 0
        shown = f"± {share_text(width.micrograms, amount)}" if known else words["customer_unknown"]  # type: ignore[union-attr]
        cards.append(Card(words["quality_interval"].format(method=words[name]), shown))
    return cards


def _section(rows: Sequence[FootprintRow], by: str, asked: Asked, words: Mapping[str, str]) -> Section:
    ordered = sorted(rows, key=lambda row: (-row.energy.millijoules, row.dimensions[by]))
    bars, shown = (named(ordered, by, words, most) for most in (charts.MOST_BARS, _MOST_ROWS))
    drawn: list[Chart] = [lambda width: _bars(bars, words, width)]
    return Section(
        f"evidence-{by}",
        words["quality_by"].format(name=words[f"customer_{by}"]),
        words["quality_by_help"],
        drawn,
        _table(shown, by, asked, words),
    )


def _table(pairs: Sequence[tuple[str, FootprintRow]], by: str, asked: Asked, words: Mapping[str, str]) -> Table:
    energy = scale_for([row.energy.millijoules for _, row in pairs], ENERGY_UNITS)
    heading = [
        words["name"],
        f"{words['energy']}, {energy.unit}",
        *(words[f"quality_{kind}"] for kind in EVIDENCE),
        words["quality_interval"].format(method=words["location"]),
    ]
    cells, exact = [], [(by, "kwh", *(f"{kind}_kwh" for kind in EVIDENCE))]
    unknown = words["customer_unknown"]
    for name, row in pairs:
        evidence, whole = evidence_of(row), row.energy.millijoules
        parts = [None if evidence is None else evidence[kind].millijoules for kind in EVIDENCE]
        width, amount = row.location_half_width, row.total_location_based.micrograms
        cells.append(
            (
                name,
                energy.show(whole),
                *(unknown if part is None or not whole else share_text(part, whole) for part in parts),
                unknown if width is None or not amount else f"± {share_text(width.micrograms, amount)}",
            )
        )
        exact.append((inert(name), kwh_decimal(whole), *("" if part is None else kwh_decimal(part) for part in parts)))
    links = [link_of(asked, by, row.dimensions[by]) if row.dimensions else "" for _, row in pairs]
    return Table(heading, cells, exact, links)


def _bars(pairs: Sequence[tuple[str, FootprintRow]], words: Mapping[str, str], width: int) -> dict[str, Any]:
    kinds = [words[f"quality_{kind}"] for kind in EVIDENCE]
    values = [
        {"key": name, "kind": words[f"quality_{kind}"], "order": at, "share": part.millijoules / row.energy.millijoules}
        for name, row in pairs
        if row.energy.millijoules
        for at, (kind, part) in enumerate((evidence_of(row) or {}).items())
        if part.millijoules
    ]
    return charts.chart(
        width,
        max(48, 26 * len(pairs)),
        values,
        {"type": "bar", "height": 16},
        {
            "y": {
                "field": "key",
                "type": "nominal",
                "sort": [name for name, _ in pairs],
                "title": None,
                "axis": {"labelLimit": charts.label_limit([name for name, _ in pairs], max(90, width // 4)), "ticks": False},
            },
            "x": {
                "field": "share",
                "type": "quantitative",
                "stack": "zero",
                "scale": {"domain": [0, 1]},
                "title": None,
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": {
                "field": "kind",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": kinds, "range": list(_COLOURS)},
                "legend": {"title": None, "columns": 4 if width > charts.NARROW_CHART else 2, "labelLimit": 240},
            },
            "order": {"field": "order"},
        },
    )


def _sites(found: DataAvailability, asked: Asked, words: Mapping[str, str]) -> Section:
    """From when to when, and how final, each site's figures are."""
    heading = [words["customer_site"], words["customer_region"], *(words[f"quality_{name}"] for name in ("from", "until", "final"))]
    names = ("start", "end", "final_until", "updated")
    rows: list[Sequence[str]] = []
    exact: list[Sequence[str]] = [("site", "region", *names)]
    for site in found.sites:
        times = [format_instant(getattr(site, name)) for name in names]
        rows.append((site.site, site.region, *times[:3], ago(site.updated, asked.now, words)))
        exact.append((inert(site.site), inert(site.region), *times))
    table = Table([*heading, words["quality_posted"]], rows, exact)
    return Section("sites", words["quality_sites"], words["quality_sites_help"], [], table)
