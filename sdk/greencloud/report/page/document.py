"""The page as a file: HTML that is complete in itself, or the overview alone as SVG, PNG or PDF.

Charts are drawn here, as SVG within the page, in two widths of which the reader's screen shows one; so the page runs no script,
asks nothing of any network, prints as it looks and is read by a screen reader. Under each chart is its table, and the table as CSV
within the page. Every text of telemetry goes through Jinja's escaping.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from greencloud import __version__
from greencloud.errors import MissingExtraError, QuantityError
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, kwh_decimal, percent, scale_for
from greencloud.report.certainty import evidence_text
from greencloud.report.delimited import inert
from greencloud.report.drawing import draw
from greencloud.report.page import charts
from greencloud.report.page.figures import AccountFigures, WhatIf
from greencloud.report.page.texts import texts_in
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = ["overview_file", "page_html"]

_WIDE: Final = 860
_NARROW: Final = 330


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells as texts; ``csv`` are the same rows with exact figures."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    csv: Sequence[Sequence[str]]

    @property
    def link(self) -> str:
        """A data URI of the CSV."""
        lines = [",".join(_quoted(cell) for cell in row) for row in self.csv]
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(("\n".join(lines) + "\n").encode()).decode()


@dataclass(frozen=True, slots=True)
class _Section:
    id: str
    title: str
    help: str
    drawn: Sequence[tuple[str, str]]  # (wide, narrow) SVG
    table: _Table
    notes: Sequence[str] = ()


def page_html(figures: AccountFigures, *, now: datetime, language: str = "en") -> str:
    """The whole page.

    Raises:
        QuantityError: there is no such language.
        MissingExtraError: greencloud[goal] is not installed.
    """
    texts = texts_in(language)
    total = figures.total
    context: dict[str, Any] = {
        "language": language,
        "texts": texts,
        "title": texts["title"].format(account=figures.account or texts["all_accounts"]),
        "period": texts["period"].format(start=f"{figures.start:%Y-%m-%d %H:%M}", end=f"{figures.end:%Y-%m-%d %H:%M}"),
        "made": texts["made"].format(version=__version__, time=format_instant(now)),
        "headline": _headline(figures, texts) if total else [],
        "sections": _sections(figures, texts) if total else [],
        "quality": _quality(total, texts) if total else [],
        "method": texts["method_text"].format(versions=", ".join(total.methodology_versions) if total else "-"),
        "commands": _commands(figures),
        "total": total,
    }
    return str(_template().render(**context))


def overview_file(figures: AccountFigures, kind: str, *, language: str = "en") -> bytes:
    """The charts below each other as ``svg``, ``png`` or ``pdf``.

    Raises:
        QuantityError: nothing is posted, or there is no such language.
        MissingExtraError: greencloud[goal] is not installed.
    """
    texts = texts_in(language)
    if figures.total is None:
        raise QuantityError("there is nothing to draw: nothing is posted in this time", advice="choose another period")
    named = _named(figures, texts)
    parts = [charts.series(figures, texts, _WIDE), charts.scopes(figures.total, texts, _WIDE)]
    titles = [texts["over_time"], texts["by_scope"]]
    for name in ("service", "region", "component"):
        if named[name]:
            parts.append(charts.bars(named[name], texts, _WIDE))
            titles.append(texts[f"by_{name}"])
    drawn = [{"title": title, **_without(part, "autosize", "config")} for title, part in zip(titles, parts, strict=True)]
    head = _headline(figures, texts)
    spec = {
        "title": {
            "text": texts["title"].format(account=figures.account or texts["all_accounts"]),
            "subtitle": [
                texts["period"].format(start=f"{figures.start:%Y-%m-%d %H:%M}", end=f"{figures.end:%Y-%m-%d %H:%M}"),
                "   ".join(f"{each['label']}: {each['amount']}" for each in head),
            ],
        },
        "vconcat": drawn,
        "resolve": {"legend": {"color": "independent"}},
        "spacing": 28,
    }
    return draw(spec, kind)


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


@cache
def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("the page", extra="goal") from error
    text = files("greencloud.report.page").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)


def _headline(figures: AccountFigures, texts: Mapping[str, str]) -> list[dict[str, str]]:
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
            {
                "label": texts[name],
                "amount": f"{scale.show(amount)} {scale.unit} CO2e",
                "change": change(old, amount),
                "interval": "" if width is None else texts["interval"].format(width=f"{scale.show(width.micrograms)} {scale.unit}"),
            }
        )
    old_energy = None if before is None else before.energy.millijoules
    shown.append(
        {
            "label": texts["energy"],
            "amount": f"{energy.show(total.energy.millijoules)} {energy.unit}",
            "change": change(old_energy, total.energy.millijoules),
            "interval": ""
            if total.energy_half_width is None
            else texts["interval"].format(width=f"{energy.show(total.energy_half_width.millijoules)} {energy.unit}"),
        }
    )
    return shown


def _named(figures: AccountFigures, texts: Mapping[str, str]) -> dict[str, list[tuple[str, FootprintRow]]]:
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


def _drawn(spec: Callable[[int], Mapping[str, Any]]) -> tuple[str, str]:
    return draw(spec(_WIDE), "svg").decode(), draw(spec(_NARROW), "svg").decode()


def _sections(figures: AccountFigures, texts: Mapping[str, str]) -> list[_Section]:
    total = figures.total
    assert total is not None, "there is something to show"
    named = _named(figures, texts)
    step = texts[str(figures.series_granularity)]
    found = [
        _Section(
            "over-time",
            texts["over_time"],
            texts["over_time_help"].format(step=step),
            [_drawn(lambda width: charts.series(figures, texts, width))],
            _parts_table([(format_instant(row.start), row) for row in figures.series], texts, texts["time"]),
        ),
        _Section(
            "scope",
            texts["by_scope"],
            texts["scope3_note"],
            [_drawn(lambda width: charts.scopes(total, texts, width))],
            _scope_table(total, texts),
        ),
    ]
    for dimension in ("service", "region", "sku", "component"):
        rows = named[dimension]
        help_text = texts["component_help"] if dimension == "component" else ""
        drawn = _drawn(lambda width, rows=rows: charts.bars(rows, texts, width))  # type: ignore[misc]
        every = [(row.dimensions[dimension] or texts["unnamed"], row) for row in figures.by[dimension]]
        found.append(_Section(dimension, texts[f"by_{dimension}"], help_text, [drawn], _parts_table(every, texts, texts["name"])))
    if figures.week:
        drawn_week = [
            _drawn(lambda width, at=at: charts.week(figures.week, texts, min(width, 420))[at])  # type: ignore[misc]
            for at in (0, 1)
        ]
        found.append(_Section("week", texts["week"], texts["week_help"], drawn_week, _week_table(figures, texts)))
    if figures.operations:
        operations = [(_operation(row), row) for row in figures.operations]
        drawn_operations = [_drawn(lambda width: charts.operations(operations, texts, width))]
        table = _operation_table(operations, texts)
        found.append(_Section("operations", texts["top_operations"], texts["top_operations_help"], drawn_operations, table))
    if figures.what_ifs:
        table = _what_if_table(figures.what_ifs, texts)
        found.append(_Section("what-if", texts["what_if"], texts["what_if_help"], [], table, [texts["allocated_only"]]))
    return found


def _operation(row: FootprintRow) -> str:
    return " · ".join(part for part in (row.dimensions["service"], row.dimensions["operation"]) if part)


def _parts_table(rows: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str], first: str) -> _Table:
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
    return _Table(heading, cells, exact)


def _scope_table(total: FootprintRow, texts: Mapping[str, str]) -> _Table:
    location, market = charts.parts_of(total), charts.parts_of(total, market=True)
    scale = scale_for([*location.values(), *market.values()], EMISSION_UNITS)
    heading = [texts["name"], f"{texts['location']}, {scale.unit}", f"{texts['market']}, {scale.unit}"]
    rows = [(texts[part], scale.show(location[part]), scale.show(market[part])) for part in charts.PARTS]
    exact = [("scope", "kg_co2e_location_based", "kg_co2e_market_based")]
    exact += [(part, kg_decimal(location[part]), kg_decimal(market[part])) for part in charts.PARTS]
    return _Table(heading, rows, exact)


def _week_table(figures: AccountFigures, texts: Mapping[str, str]) -> _Table:
    days = texts["weekdays"].split()
    scale = scale_for([cell.micrograms for cell in figures.week], EMISSION_UNITS)
    rows, exact = [], [("weekday", "hour_utc", "kg_co2e_location_based", "g_co2e_per_kwh")]
    for cell in figures.week:
        intensity = "" if cell.grams_per_kwh is None else f"{float(cell.grams_per_kwh):.1f}"
        rows.append((f"{days[cell.weekday]} {cell.hour:02}:00", scale.show(cell.micrograms), intensity))
        exact.append((str(cell.weekday + 1), str(cell.hour), kg_decimal(cell.micrograms), intensity))
    return _Table([texts["hour"], f"{texts['week_emissions']}, {scale.unit}", "g CO2e/kWh"], rows, exact)


def _operation_table(operations: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str]) -> _Table:
    rows, exact = [], [("operation", "operation_count", "mg_co2e_location_based", "mg_co2e_market_based")]
    for name, row in operations:
        location = row.total_location_based.micrograms / row.operation_count / 1000
        market = row.total_market_based.micrograms / row.operation_count / 1000
        rows.append((name, f"{row.operation_count:,}", f"{location:,.3f}", f"{market:,.3f}"))
        exact.append((inert(name), str(row.operation_count), f"{location:.6f}", f"{market:.6f}"))
    return _Table([texts["name"], texts["operations"], f"mg, {texts['location']}", f"mg, {texts['market']}"], rows, exact)


def _what_if_table(found: Sequence[WhatIf], texts: Mapping[str, str]) -> _Table:
    scale = scale_for([amount for each in found for amount in (each.actual_ug, each.would_be_ug)], EMISSION_UNITS)
    heading = [
        texts["name"],
        f"{texts['as_it_was']}, {scale.unit}",
        f"{texts['would_be']}, {scale.unit}",
        f"{texts['difference']}, {scale.unit}",
        f"% {texts['priced']}",
    ]
    rows, exact = [], [("what_if", "kg_co2e_as_it_was", "kg_co2e_would_be", "share_priced")]
    for each in found:
        if each.kind == "shift":
            direction = texts["later"] if each.hours > 0 else texts["earlier"]
            name = texts["what_if_shift"].format(hours=abs(each.hours), direction=direction)
        else:
            name = texts["what_if_region"].format(region=each.region)
        share = f"{float(each.share) * 100:.0f}"
        amounts = (each.actual_ug, each.would_be_ug, each.difference_ug)
        rows.append((name, *(scale.show(amount) for amount in amounts), share))
        exact.append((inert(name), kg_decimal(each.actual_ug), kg_decimal(each.would_be_ug), f"{float(each.share):.4f}"))
    return _Table(heading, rows, exact)


def _quality(total: FootprintRow, texts: Mapping[str, str]) -> list[str]:
    evidence = evidence_text(total)
    lines = [texts["evidence"].format(evidence=evidence) if evidence else texts["evidence_unknown"]]
    if total.quality_flags:
        lines.append(texts["flags"].format(flags=", ".join(total.quality_flags)))
    if total.updated is not None:
        lines.append(texts["posted"].format(time=format_instant(total.updated)))
    if total.provisional:
        lines.append(texts["provisional"])
    return lines


def _commands(figures: AccountFigures) -> list[str]:
    account = figures.account or "ACCOUNT"
    period = f"{figures.start:%Y-%m}"
    return [
        f"greencloud statement --server HOST:PORT --account {account} --period {period}",
        "greencloud verify statement.json",
        f"greencloud explain --server HOST:PORT --account {account} --period {period}",
    ]


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in '",\n') else cell
