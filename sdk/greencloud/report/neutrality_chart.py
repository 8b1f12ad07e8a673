"""A claim of neutrality as a chart: what the base year emitted, what the year emits, and what balances it.

``neutrality_chart`` gives a Vega-Lite specification for ``greencloud.report.drawing.draw``. Three columns, left to right: the base
year (where there is one), with what was reduced since; the gross residual of the year, which no instrument lowers; and what the
claim rests on, most durable first: removals by class, offset credits, and what is neither removed nor offset. Printed parts add up
to the printed residual.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.drawing import COLOURS
from greencloud.report.rounding import rounded_parts
from greencloud.results.instruments import Neutrality

__all__ = ["neutrality_chart"]

_UNITS: Final = (*EMISSION_UNITS[4:], ("Mt", 10**18), ("Gt", 10**21))
_PARTS: Final = {
    "removal_permanent": ("Removals, 1,000 years or more", COLOURS["green"], "white"),
    "removal_long": ("Removals, 100 to 999 years", "#66C2A4", "#111827"),
    "removal_short": ("Removals, less than 100 years", "#CCECE1", "#111827"),
    "offset": ("Offset credits", COLOURS["orange"], "#111827"),
    "unbalanced": ("Neither removed nor offset", "#F8D7C4", "#9A3412"),
    "reduced": ("Reduced since the base year", COLOURS["light"], "#111827"),
    "above_path": ("Above the path", "#374151", "white"),
    "residual": ("", COLOURS["grey"], "white"),
}
_SCOPES: Final = {
    "scope1": "Scope 1",
    "scope2_location_based": "Scope 2 (location-based)",
    "scope2_market_based": "Scope 2 (market-based)",
    "scope3": "Scope 3",
}
_HEIGHT: Final = 400
_LINE: Final = 16
_THIN: Final = 0.045
"""Of the height: a part that is thinner has its label beside it."""


@dataclass(frozen=True, slots=True)
class _Part:
    column: str
    kind: str
    micrograms: int


def neutrality_chart(claim: Neutrality, *, title: str = "") -> dict[str, Any]:
    """The chart of a claim; ``title`` instead of the one that says whether it is neutral."""
    columns = _columns(claim)
    top = max(sum(part.micrograms for part in parts) for parts in columns) or 1
    scale = scale_for([top], _UNITS)
    place = scale.size // 10**scale.places
    values: list[dict[str, Any]] = []
    for parts in columns:
        start, free = 0, top * _LINE // (2 * _HEIGHT)
        for part, printed in zip(parts, rounded_parts([part.micrograms for part in parts], place), strict=True):
            text = scale.show(printed * place)
            beside = max(start + part.micrograms // 2, free)  # of thin parts that lie close, one above the other
            free = beside + top * _LINE // _HEIGHT
            values.append(_bar(part, start, top, scale.size, f"{text} {scale.unit}") | {"beside": beside / scale.size})
            start += part.micrograms
    totals = {parts[0].column: sum(part.micrograms for part in parts) for parts in columns}
    order = list(totals)
    axis = {**_COLUMN_AXIS, "labelExpr": _captions({name: f"{scale.show(total)} {scale.unit}" for name, total in totals.items()})}
    kinds = [kind for kind in _PARTS if any(value["kind"] == kind for value in values)]
    x = {"field": "column", "type": "nominal", "sort": order, "title": None, "axis": axis}
    y = {
        "field": "from",
        "type": "quantitative",
        "title": f"{scale.unit} CO2e",
        "axis": {"domain": False, "ticks": False, "tickCount": 6},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": kinds, "range": [_PARTS[kind][1] for kind in kinds]},
    }
    bars = {
        "mark": {"type": "bar", "size": 120, "stroke": "white", "strokeWidth": 1},
        "encoding": {"x": x, "y": y, "y2": {"field": "to"}, "color": colour},
    }
    return {
        "title": {"text": title or _title(claim), "subtitle": _subtitle(claim)},
        "width": {"step": 300},
        "height": _HEIGHT,
        "data": {"values": values},
        "layer": [bars, *_path_layers(claim, x, scale), *_label_layers(x)],
    }


_BESIDE: Final = {"type": "text", "align": "left", "fontSize": 12, "limit": 220}
_COLUMN_AXIS: Final = {"labelAngle": 0, "labelFontSize": 13, "labelPadding": 8, "domain": True, "ticks": False}


def _captions(totals: dict[str, str]) -> str:
    """A column's name, and its total below."""
    return f"[datum.label, {json.dumps(totals)}[datum.label]]"


def _columns(claim: Neutrality) -> list[list[_Part]]:
    gross, rests = _gross(claim), "What it rests on"
    amounts = {line.kind: line.emissions.micrograms for line in claim.lines}
    columns = []
    if claim.base is not None:
        reduced = amounts.get("reduced", 0)
        kept = min(claim.base.micrograms, claim.residual.micrograms)
        columns.append([_Part("Base year", "residual", kept), *([_Part("Base year", "reduced", reduced)] if reduced > 0 else [])])
    above = 0 if claim.path is None else max(0, claim.residual.micrograms - claim.path.micrograms)
    columns.append(
        [_Part(gross, "residual", claim.residual.micrograms - above), *([_Part(gross, "above_path", above)] if above else [])]
    )
    parts = [_Part(rests, kind, amounts.get(kind, 0)) for kind in ("removal_permanent", "removal_long", "removal_short", "offset")]
    if claim.balance.micrograms > 0:
        parts.append(_Part(rests, "unbalanced", claim.balance.micrograms))
    shown = [part for part in parts if part.micrograms]
    return [*columns, shown or [_Part(rests, "unbalanced", claim.residual.micrograms)]]


def _bar(part: _Part, start: int, top: int, size: int, text: str) -> dict[str, Any]:
    name, _, ink = _PARTS[part.kind]
    thin = part.micrograms / top < _THIN
    return {
        "column": part.column,
        "kind": part.kind,
        "from": start / size,
        "to": (start + part.micrograms) / size,
        "middle": (start + part.micrograms / 2) / size,
        "name": name,
        "text": text,
        "ink": "#111827" if thin else ink,
        "thin": thin,
    }


def _label_layers(x: dict[str, Any]) -> list[dict[str, Any]]:
    """The amount within its part, and what it is beside it; of a thin part both beside it."""
    y = {"field": "middle", "type": "quantitative"}
    within = {
        "transform": [{"filter": "!datum.thin"}],
        "mark": {"type": "text", "fontSize": 13, "fontWeight": 600},
        "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": {"field": "ink", "type": "nominal", "scale": None}},
    }
    beside = {
        "transform": [{"calculate": "datum.thin ? datum.name + ': ' + datum.text : datum.name", "as": "label"}],
        "mark": {**_BESIDE, "dx": 66, "color": "#374151"},
        "encoding": {"x": x, "y": {**y, "field": "beside"}, "text": {"field": "label"}},
    }
    return [within, beside]


def _path_layers(claim: Neutrality, x: dict[str, Any], scale: Scale) -> list[dict[str, Any]]:
    """What the goal's path allows to remain, as a line across the column of gross emissions."""
    if claim.path is None:
        return []
    text = f"path: {scale.show(claim.path.micrograms)} {scale.unit}"
    data = {"values": [{"path": claim.path.micrograms / scale.size, "text": text, "column": _gross(claim)}]}
    y = {"field": "path", "type": "quantitative"}
    line = {"mark": {"type": "tick", "orient": "horizontal", "size": 136, "thickness": 3, "color": COLOURS["blue"], "opacity": 1}}
    label = {
        "mark": {**_BESIDE, "dx": 74, "dy": 9 if claim.residual > claim.path else 0, "fontWeight": 600, "color": COLOURS["blue"]}
    }
    return [
        {"data": data, **line, "encoding": {"x": x, "y": y}},
        {"data": data, **label, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
    ]


def _gross(claim: Neutrality) -> str:
    return f"Gross emissions {claim.year}"


def _title(claim: Neutrality) -> str:
    whose = claim.goal.removeprefix("goals/") or "The organization"
    if claim.neutral:
        return f"{whose}: {claim.year} is balanced" + ("" if claim.reduction_first else ", but not by reduction first")
    return f"{whose}: {claim.year} is not neutral"


def _subtitle(claim: Neutrality) -> list[str]:
    scopes = ", ".join(_SCOPES.get(scope, scope) for scope in claim.scopes)
    return [scopes, "Removals and credits are shown beside gross emissions; they lower none of them."]
