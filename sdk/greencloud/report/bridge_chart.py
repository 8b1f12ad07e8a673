"""The bridge as a waterfall: from what customers were told to what the inventory books.

On a sheet of its own the steps stand side by side; within a page, which is narrower, one below the other.

One chart shows one total: all sections of a method of Scope 2 together, steps of the same kind added up. Steps of nothing are left
out. A bar floats from where the one before ended, so that the eye adds up; the first and the last stand on the ground.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.drawing import COLOURS, SHEET, Canvas
from greencloud.results.bridges import Bridge, BridgeSection

__all__ = ["Method", "bridge_chart"]

Method = Literal["location", "market"]

_STEPS: Final = (
    "statements",
    "restated_since",
    "not_stated",
    "internal_use",
    "unsold",
    "unattributed",
    "amortised",
    "purchased",
    "booked_before",
    "outside_ledger",
    "difference",
)
_COLOURS: Final = {
    "adds": COLOURS["orange"],
    "takes_away": COLOURS["green"],
    "total": COLOURS["blue"],
    "not_explained": COLOURS["red"],
}


def bridge_chart(bridge: Bridge, method: Method = "market", canvas: Canvas = SHEET) -> dict[str, Any]:
    """A Vega-Lite specification, some 900 pixels wide where the canvas does not say."""
    words = chart_words(canvas.language)
    left_out = {"scope2_methods", "scope2_market_based" if method == "location" else "scope2_location_based"}
    sections = [section for section in bridge.sections if section.scope not in left_out]
    bars = _bars(sections)
    scale = scale_for([max((abs(end) for _, _, end, _ in bars), default=0)], EMISSION_UNITS)
    values = [
        {
            "step": words[step],
            "start": _number(start, scale),
            "end": _number(end, scale),
            "kind": words[kind],
            "label": scale.show(end if kind == "total" else end - start),
            "top": _number(max(start, end), scale),
        }
        for step, start, end, kind in bars
    ]
    closes = words["closes" if bridge.closes else "closes_not"]
    kinds = {"domain": [words[kind] for kind in _COLOURS], "range": list(_COLOURS.values())}
    legend = {"title": None, **({"columns": 2} if canvas.narrow else {})}
    colour = {"field": "kind", "type": "nominal", "scale": kinds, "legend": legend}
    spec = _below(values, scale, colour, canvas) if canvas.width else _beside(values, scale, colour)
    title = {
        "text": words["bridge_title"].format(year=bridge.year),
        "subtitle": words[f"bridge_{method}"].format(unit=scale.unit, closes=closes),
    }
    return canvas.framed(spec, title)


def _beside(values: list[dict[str, Any]], scale: Scale, colour: dict[str, Any]) -> dict[str, Any]:
    """The steps side by side, as wide as they need."""
    x = {
        "field": "step",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelAngle": 0, "labelLimit": 200, "labelExpr": _WRAPPED},
    }
    y = {"field": "start", "type": "quantitative", "title": f"{scale.unit} CO2e", "axis": {"tickCount": 6}}
    return {
        "width": max(560, 104 * len(values)),
        "height": 360,
        "data": {"values": values},
        "encoding": {"x": x},
        "layer": [
            {"mark": {"type": "bar", "size": 58}, "encoding": {"y": y, "y2": {"field": "end"}, "color": colour}},
            {
                "mark": {"type": "text", "dy": -9, "fontSize": 12, "color": "#111827"},
                "encoding": {"y": {"field": "top", "type": "quantitative"}, "text": {"field": "label"}},
            },
        ],
    }


def _below(values: list[dict[str, Any]], scale: Scale, colour: dict[str, Any], canvas: Canvas) -> dict[str, Any]:
    """The steps one below the other, in the width of the canvas."""
    width = canvas.width or 0
    ends = [number for value in values for number in (value["start"], value["end"])]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = (high - low or 1.0) * (0.35 if canvas.narrow else 0.12)  # for the label of the longest
    y = {
        "field": "step",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelLimit": max(110, width // 4), "ticks": False, "domain": False},
    }
    x = {
        "field": "start",
        "type": "quantitative",
        "title": f"{scale.unit} CO2e",
        "axis": {"tickCount": 3 if canvas.narrow else 6},
        "scale": {"domain": [low, high + room], "nice": False},
    }
    return {
        "width": width,
        "height": 30 * len(values),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "bar", "height": 18}, "encoding": {"x": x, "x2": {"field": "end"}, "color": colour}},
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "color": canvas.ink},
                "encoding": {"x": {"field": "top", "type": "quantitative"}, "text": {"field": "label"}},
            },
        ],
    }


_WRAPPED: Final = "split(datum.label, ' ')"
"""Every word of a label on a line of its own."""


def _bars(sections: list[BridgeSection]) -> list[tuple[str, int, int, str]]:
    """(step, start, end, kind) by their words' keys, in micrograms."""
    sums = dict.fromkeys(_STEPS, 0)
    for section in sections:
        for line in section.lines:
            sums[line.kind] += line.emissions.micrograms
        sums["difference"] += section.difference.micrograms
    bars, reached = [], 0
    for step in _STEPS:
        amount = sums[step]
        if step == "statements":
            bars.append((step, 0, amount, "total"))
        elif amount:
            bars.append((step, reached, reached + amount, _kind(step, amount)))
        reached += amount
    return [*bars, ("inventory", 0, reached, "total")]


def _kind(step: str, amount: int) -> str:
    if step == "difference":
        return "not_explained"
    return "adds" if amount > 0 else "takes_away"


def _number(amount: int, scale: Scale) -> float:
    return float(Fraction(amount, scale.size))
