"""The bridge as a waterfall: from what customers were told to what the inventory books.

One chart shows one total: all sections of a method of Scope 2 together, steps of the same kind added up. Steps of nothing are left
out. A bar floats from where the one before ended, so that the eye adds up; the first and the last stand on the ground.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.drawing import COLOURS
from greencloud.results.bridges import Bridge, BridgeSection

__all__ = ["Method", "bridge_chart"]

Method = Literal["location", "market"]

_STEPS: Final = {
    "statements": "Customers' statements",
    "restated_since": "Restated since",
    "not_stated": "Customers, not yet stated",
    "internal_use": "Internal use",
    "unsold": "Unsold capacity",
    "unattributed": "Unattributed",
    "amortised": "Amortised hardware",
    "purchased": "Hardware bought",
    "booked_before": "Ledger restated since booked",
    "outside_ledger": "Outside the ledger",
    "difference": "NOT EXPLAINED",
}
_UP, _DOWN, _TOTAL, _OPEN = "adds", "takes away", "total", "not explained"


def bridge_chart(bridge: Bridge, method: Method = "market") -> dict[str, Any]:
    """A Vega-Lite specification, some 900 pixels wide."""
    left_out = {"scope2_methods", "scope2_market_based" if method == "location" else "scope2_location_based"}
    sections = [section for section in bridge.sections if section.scope not in left_out]
    bars = _bars(sections)
    scale = scale_for([max((abs(end) for _, _, end, _ in bars), default=0)], EMISSION_UNITS)
    values = [
        {
            "step": label,
            "start": _number(start, scale),
            "end": _number(end, scale),
            "kind": kind,
            "label": scale.show(end if kind == _TOTAL else end - start),
            "top": _number(max(start, end), scale),
        }
        for label, start, end, kind in bars
    ]
    closes = "It closes to the microgram." if bridge.closes else "It does not close."
    x = {
        "field": "step",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelAngle": 0, "labelLimit": 200, "labelExpr": _WRAPPED},
    }
    kinds = [_UP, _DOWN, _TOTAL, _OPEN]
    return {
        "title": {
            "text": f"From customers' statements to the inventory of {bridge.year}",
            "subtitle": f"{scale.unit} CO2e, Scope 2 {method}-based. {closes}",
        },
        "width": max(560, 104 * len(values)),
        "height": 360,
        "data": {"values": values},
        "encoding": {"x": x},
        "layer": [
            {
                "mark": {"type": "bar", "size": 58},
                "encoding": {
                    "y": {"field": "start", "type": "quantitative", "title": f"{scale.unit} CO2e", "axis": {"tickCount": 6}},
                    "y2": {"field": "end"},
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": kinds, "range": [COLOURS["orange"], COLOURS["green"], COLOURS["blue"], COLOURS["red"]]},
                        "legend": {"title": None},
                    },
                },
            },
            {
                "mark": {"type": "text", "dy": -9, "fontSize": 12, "color": "#111827"},
                "encoding": {"y": {"field": "top", "type": "quantitative"}, "text": {"field": "label"}},
            },
        ],
    }


_WRAPPED: Final = "split(datum.label, ' ')"
"""Every word of a label on a line of its own."""


def _bars(sections: list[BridgeSection]) -> list[tuple[str, int, int, str]]:
    """(label, start, end, kind), in micrograms."""
    sums = dict.fromkeys(_STEPS, 0)
    for section in sections:
        for line in section.lines:
            sums[line.kind] += line.emissions.micrograms
        sums["difference"] += section.difference.micrograms
    bars, reached = [], 0
    for kind, label in _STEPS.items():
        amount = sums[kind]
        if kind == "statements":
            bars.append((label, 0, amount, _TOTAL))
        elif amount:
            bars.append((label, reached, reached + amount, _OPEN if kind == "difference" else _UP if amount > 0 else _DOWN))
        reached += amount
    return [*bars, ("Inventory", 0, reached, _TOTAL)]


def _number(amount: int, scale: Scale) -> float:
    return float(Fraction(amount, scale.size))
