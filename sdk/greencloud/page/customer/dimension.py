"""The footprint by any dimension that it can be grouped by, labels included, whole or over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from greencloud.client import Client
from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import all_at_once, availability_of, bounded_rows
from greencloud.page.customer.breakdown import breakdown
from greencloud.page.customer.overview import empty_text, period_notes
from greencloud.page.customer.places import crumbs, filter_notes, kept, link_of, to
from greencloud.page.shown import Choice, Download, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, kwh_decimal, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page import charts
from greencloud.report.page.sections import Section, Table
from greencloud.report.totals import total_of
from greencloud.results import GROUPABLE, FootprintQuery, FootprintRow, Granularity
from greencloud.units import format_instant

__all__ = ["checked_dimension", "dimension_choice", "show"]

_MOST_ROWS: Final = 5_000
_MOST_LAYERS: Final = 8
_MOST_LABELS: Final = 100
_STEPS: Final = (Granularity.ALL, Granularity.HOUR, Granularity.DAY, Granularity.MONTH, Granularity.QUARTER, Granularity.YEAR)
_TIME_UNITS: Final = {**charts.TIME_UNITS, Granularity.QUARTER: "utcyearquarter", Granularity.YEAR: "utcyear"}


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    dimension = checked_dimension(asked)
    step = _step(asked)
    query = asked.query(group_by=(dimension,), granularity=step)
    rows, labels, availability = all_at_once(
        lambda: bounded_rows(caller.client, query, _MOST_ROWS, advice="choose longer steps, or download it with /export"),
        lambda: _labels(caller.client, asked.query()),
        lambda: availability_of(caller, asked),
    )
    fields = (
        dimension_choice(dimension, labels, words),
        Choice("granularity", words["by_granularity"], str(step), [(str(each), words[f"by_{each}"]) for each in _STEPS]),
    )
    shown = Shown(
        title=words["customer_by"].format(name=_named(dimension, words)),
        crumbs=crumbs(caller, asked, words, words["menu_by"]),
        forms=[Form(fields, words["by_submit"], kept(asked, "dimension", "granularity"))],
    )
    if not rows:
        return replace(shown, empty=empty_text(availability, asked, words))
    whole = rows if step is Granularity.ALL else _summed(rows, dimension)
    sections = [
        breakdown(
            whole,
            dimension,
            words,
            title=_named(dimension, words),
            link=lambda row: link_of(asked, dimension, row.dimensions[dimension]),
        )
    ]
    if step is not Granularity.ALL:
        sections.append(_over_time(rows, whole, dimension, step, words))
    return replace(
        shown,
        sections=sections,
        notes=[*filter_notes(asked, words), *period_notes(asked, words, availability)],
        downloads=[
            Download(
                words["by_download"].format(format=name),
                to(asked, "/export", format=name, by=dimension, granularity=str(step)),
            )
            for name in ("csv", "parquet")
        ],
    )


def checked_dimension(asked: Asked) -> str:
    """What to group by. Raises QuantityError where it is no dimension."""
    dimension = asked.parameters.get("dimension", "service")
    if dimension not in GROUPABLE and not (dimension.startswith("label:") and dimension != "label:"):
        raise QuantityError(f"cannot group by {dimension!r}", advice=f"use one of {', '.join(GROUPABLE)}, label:KEY")
    return dimension


def dimension_choice(chosen: str, labels: Sequence[str], words: Mapping[str, str]) -> Choice:
    """Every dimension, and a label for each of the keys that there are."""
    names = [*GROUPABLE, *(f"label:{key}" for key in labels)]
    if chosen not in names:
        names.append(chosen)
    return Choice("dimension", words["by_dimension"], chosen, [(name, _named(name, words)) for name in names])


def _named(dimension: str, words: Mapping[str, str]) -> str:
    kind, _, key = dimension.partition(":")
    return words["customer_label"].format(key=key) if kind == "label" else words[f"customer_{dimension}"]


def _step(asked: Asked) -> Granularity:
    text = asked.parameters.get("granularity", "all")
    if text not in set(map(str, _STEPS)):
        raise QuantityError(f"{text!r} is no length of time", advice=f"use one of {', '.join(map(str, _STEPS))}")
    return Granularity(text)


def _labels(client: Client, query: FootprintQuery) -> list[str]:
    """Keys of labels, those that emit most."""
    pages = client.list_dimension_values(
        "label", query.start, query.end, accounts=query.accounts or (), page_size=_MOST_LABELS
    ).pages()
    return [each.value for each in next(pages) if each.value]


def _summed(rows: Sequence[FootprintRow], dimension: str) -> list[FootprintRow]:
    found: dict[str, list[FootprintRow]] = defaultdict(list)
    for row in rows:
        found[row.dimensions[dimension]].append(row)
    return [replace(total_of(some), dimensions={dimension: value}) for value, some in found.items()]


def _over_time(
    rows: Sequence[FootprintRow], whole: Sequence[FootprintRow], dimension: str, step: Granularity, words: Mapping[str, str]
) -> Section:
    """Each value's emissions by time, the largest as layers of their own, the others as one."""
    largest = sorted(whole, key=lambda row: (-row.total_location_based.micrograms, row.dimensions[dimension]))
    own = [row.dimensions[dimension] for row in largest[: _MOST_LAYERS - 1 if len(largest) > _MOST_LAYERS else _MOST_LAYERS]]
    others = words["other"].format(count=f"{len(largest) - len(own):,}")
    names = {value: value or words["unnamed"] for value in own}
    layers: dict[tuple[datetime, str], int] = defaultdict(int)
    for row in rows:
        layers[row.start, names.get(row.dimensions[dimension], others)] += row.total_location_based.micrograms
    order = [*names.values(), *([others] if len(largest) > len(own) else [])]
    return Section(
        "layers",
        words["over_time"],
        "",
        [lambda width: _stacked(layers, order, step, words, width)],
        _table(rows, dimension, words),
    )


def _stacked(
    layers: Mapping[tuple[datetime, str], int], names: Sequence[str], step: Granularity, words: Mapping[str, str], width: int
) -> dict[str, Any]:
    sums: dict[datetime, int] = defaultdict(int)
    for (start, _), amount in layers.items():
        sums[start] += amount
    scale = scale_for(sums.values(), EMISSION_UNITS)
    values = [
        {"time": f"{start:%Y-%m-%dT%H:%M:%SZ}", "name": name, "order": names.index(name), "amount": float(amount / scale.size)}
        for (start, name), amount in sorted(layers.items())
    ]
    time = {"field": "time", "type": "temporal", "timeUnit": _TIME_UNITS[step], "title": None}
    return charts.chart(
        width,
        240,
        values,
        {"type": "bar"},
        {
            "x": {**time, "axis": charts.time_axis(len(sums), step, width)},
            "y": {
                "field": "amount",
                "type": "quantitative",
                "stack": "zero",
                "title": f"{scale.unit} CO2e, {words['location']}",
                "axis": {"tickCount": 5},
            },
            "color": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": list(names), "range": list(charts.LAYERS[: len(names)])},
                "legend": {"title": None, "columns": 3 if width > charts.NARROW_CHART else 1, "labelLimit": 240},
            },
            "order": {"field": "order"},
        },
    )


def _table(rows: Sequence[FootprintRow], dimension: str, words: Mapping[str, str]) -> Table:
    mass = scale_for([row.total_location_based.micrograms for row in rows], EMISSION_UNITS)
    energy = scale_for([row.energy.millijoules for row in rows], ENERGY_UNITS)
    heading = [
        words["time"],
        _named(dimension, words),
        f"{words['energy']}, {energy.unit}",
        f"{words['location']}, {mass.unit}",
        f"{words['market']}, {mass.unit}",
        words["operations"],
    ]
    cells, exact = [], [("start", dimension, "kwh", "kg_co2e_location_based", "kg_co2e_market_based", "operation_count")]
    for row in rows:
        time, name, count = format_instant(row.start), row.dimensions[dimension], row.operation_count
        location, market = row.total_location_based.micrograms, row.total_market_based.micrograms
        shown = (energy.show(row.energy.millijoules), mass.show(location), mass.show(market))
        cells.append((time, name or words["unnamed"], *shown, f"{count:,}"))
        exact.append((time, inert(name), kwh_decimal(row.energy.millijoules), kg_decimal(location), kg_decimal(market), str(count)))
    return Table(heading, cells, exact)
