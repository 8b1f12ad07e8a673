"""The abatement curve of a plan: what each measure reduces and what a tonne of it costs, as a Vega-Lite specification.

A block is a measure: as wide as its marginal effect in the target year, as high as its annual cost per tonne, below the axis where
it saves money. The measures of the plan come first, in ascending order of cost, so that they end where the plan does, beside the
line of the gap; those that are not chosen follow in grey, in the same order. Labels stand in a row of their own above the blocks
and are moved apart where blocks are narrow; where there are more than fit, the widest blocks have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.drawing import COLOURS
from greencloud.results.forecasts import AbatementPlan, AbatementStep
from greencloud.units import Emissions

__all__ = ["abatement_chart"]

_WIDTH: Final = 760
_HEIGHT: Final = 440
_BAND: Final = 150  # pixels above the blocks, for labels
_FLOOR: Final = 40  # pixels below them, for the words of the gap
_APART: Final = 22  # pixels between two labels at the least
_LONGEST: Final = 30
_GROUPS: Final = {
    "in the plan, saves money": COLOURS["green"],
    "in the plan": COLOURS["blue"],
    "not chosen": COLOURS["light"],
}


@dataclass(frozen=True, slots=True)
class _Block:
    """From ``left`` to ``right`` in micrograms."""

    step: AbatementStep
    left: int
    right: int

    @property
    def cost(self) -> float:
        return float(self.step.cost_per_tonne or 0)

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def group(self) -> str:
        if not self.step.chosen:
            return "not chosen"
        return "in the plan, saves money" if self.step.annual_cost < 0 else "in the plan"


def abatement_chart(plan: AbatementPlan) -> dict[str, Any]:
    """The chart of a plan. Measures that reduce nothing there have no block."""
    blocks = _blocks(plan.steps)
    gap = max(plan.gap.micrograms, 0)
    whole = max(gap, *(block.right for block in blocks), 1) if blocks else max(gap, 1)
    scale = scale_for([whole], EMISSION_UNITS)
    costs = [0.0, *(block.cost for block in blocks)]
    per_pixel = ((max(costs) - min(costs)) or 1.0) / (_HEIGHT - _BAND - _FLOOR)
    bottom, top = min(costs) - _FLOOR * per_pixel, max(costs) + _BAND * per_pixel
    domain = [0, whole * 1.02 / scale.size]
    labels = _labels(blocks, whole * 1.02, per_pixel, scale, plan.currency)
    groups = [group for group in _GROUPS if any(block.group == group for block in blocks)]
    money = plan.currency or "cost"
    return {
        "title": {"text": f"Measures to {plan.target_year}: {_closing(plan, scale)}", "subtitle": _subtitle(plan, scale)},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": [
            *([_bars(blocks, scale, groups)] if blocks else []),  # a legend of nothing has no size
            _axis_line(domain[1]),
            *(_label_layers(labels) if labels else []),
            *_gap_layers(plan, scale, (bottom, max(costs)), domain[1]),
        ],
        "encoding": {
            "x": {
                "type": "quantitative",
                "title": f"Reduction in {plan.target_year}, {scale.unit} CO2e a year",
                "scale": {"domain": domain, "nice": False},
                "axis": {"grid": False, "tickCount": 8},
            },
            "y": {
                "type": "quantitative",
                "title": f"{money} per t CO2e, annualised at {float(plan.discount_rate * 100):g} %",
                "scale": {"domain": [bottom, top], "nice": False},
                "axis": {"grid": False, "domain": False, "values": _ticks(min(costs), max(costs))},
            },
        },
    }


def _blocks(steps: Sequence[AbatementStep]) -> list[_Block]:
    found, left = [], 0
    for chosen in (True, False):
        for step in steps:
            if step.chosen is chosen and step.marginal.micrograms > 0:
                found.append(_Block(step, left, left + step.marginal.micrograms))
                left += step.marginal.micrograms
    return found


def _closing(plan: AbatementPlan, scale: Scale) -> str:
    if plan.gap.micrograms <= 0:
        return "no gap to close"
    if plan.remaining.micrograms:
        return f"{_show(plan.remaining, scale)} of the gap stay open"
    return f"the gap of {_show(plan.gap, scale)} is closed"


def _subtitle(plan: AbatementPlan, scale: Scale) -> list[str]:
    chosen = [step for step in plan.steps if step.chosen]
    cost = f"{_money(plan.annual_cost)} {plan.currency} a year".replace("  ", " ")
    kind = "the least that closes it" if plan.optimal and not plan.remaining.micrograms and plan.gap.micrograms > 0 else "in all"
    many = "measure" if len(chosen) == 1 else "measures"
    return [
        f"{plan.goal}, scenario {plan.scenario}: {len(chosen)} {many} reduce {_show(plan.closed, scale)} for {cost}, {kind}",
        "Width: what a measure adds to those before it; height: its cost per tonne",
    ]


def _bars(blocks: Sequence[_Block], scale: Scale, groups: Sequence[str]) -> dict[str, Any]:
    rows = [
        {
            "x": block.left / scale.size,
            "x2": block.right / scale.size,
            "y": 0,
            "y2": block.cost,
            "group": block.group,
            "measure": block.step.display_name,
        }
        for block in blocks
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "rect", "stroke": "white", "strokeWidth": 1},
        "encoding": {
            "x": {"field": "x"},
            "x2": {"field": "x2"},
            "y": {"field": "y"},
            "y2": {"field": "y2"},
            "tooltip": {"field": "measure"},
            "color": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": groups, "range": [_GROUPS[group] for group in groups]},
                "legend": {"title": None, "orient": "top", "symbolType": "square"},
            },
        },
    }


def _axis_line(right: float) -> dict[str, Any]:
    encoding = {"x": {"field": "x"}, "x2": {"field": "x2"}, "y": {"field": "y"}}
    mark = {"type": "rule", "color": COLOURS["grey"]}
    return {"data": {"values": [{"x": 0, "x2": right, "y": 0}]}, "mark": mark, "encoding": encoding}


def _labels(blocks: Sequence[_Block], whole: float, per_pixel: float, scale: Scale, currency: str) -> list[dict[str, Any]]:
    """A row for each label: from the block to where its text begins."""
    most = int(_WIDTH / _APART)
    widest = sorted(blocks, key=lambda block: block.left - block.right)[:most]
    shown = [block for block in blocks if block in widest]
    places = _apart([block.middle / whole * _WIDTH for block in shown])
    highest = max(0.0, *(block.cost for block in blocks)) if blocks else 0.0
    foot, text = highest + 8 * per_pixel, highest + 26 * per_pixel
    return [
        {
            "x": block.middle / scale.size,
            "x2": place / _WIDTH * whole / scale.size,
            "y": max(block.cost, 0) + 3 * per_pixel,
            "y2": foot,
            "y3": text,
            "text": f"{_cut(block.step.display_name)} · {_money(block.step.cost_per_tonne or Fraction(0))} {currency}".strip(),
            "weight": block.step.chosen,
        }
        for block, place in zip(shown, places, strict=True)
    ]


def _apart(wanted: Sequence[float]) -> list[float]:
    """Places in pixels, in order, near those wanted and far enough from each other: pushed right, then back from the edge."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + _APART) if places else max(place, 0.0))
    limit = float(_WIDTH)
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - _APART
    return places


def _label_layers(labels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    line = {"type": "rule", "color": "#9CA3AF", "strokeWidth": 0.8}
    text = {"type": "text", "angle": -40, "align": "left", "baseline": "middle", "fontSize": 11.5, "dx": 2}
    colour = {"condition": {"test": "datum.weight", "value": "#111827"}, "value": "#6B7280"}
    data = {"values": list(labels)}
    return [
        {"data": data, "mark": line, "encoding": {"x": {"field": "x"}, "y": {"field": "y"}, "y2": {"field": "y2"}}},
        {
            "data": data,
            "mark": line,
            "encoding": {"x": {"field": "x"}, "x2": {"field": "x2"}, "y": {"field": "y2"}, "y2": {"field": "y3"}},
        },
        {
            "data": data,
            "mark": text,
            "encoding": {"x": {"field": "x2"}, "y": {"field": "y3"}, "text": {"field": "text"}, "color": colour},
        },
    ]


def _gap_layers(plan: AbatementPlan, scale: Scale, ends: tuple[float, float], right: float) -> list[dict[str, Any]]:
    if plan.gap.micrograms <= 0:
        return []
    (bottom, top), at = ends, plan.gap.micrograms / scale.size
    words = f"gap {_show(plan.gap, scale)}"
    if plan.remaining.micrograms:
        words += f", {_show(plan.remaining, scale)} open"
    row = {"x": at, "y": bottom, "y2": top, "text": words}
    side = {"align": "right", "dx": -7} if at > right * 0.6 else {"align": "left", "dx": 7}
    red = COLOURS["red"]
    return [
        {
            "data": {"values": [row]},
            "mark": {"type": "rule", "color": red, "strokeWidth": 2, "strokeDash": [6, 4]},
            "encoding": {"x": {"field": "x"}, "y": {"field": "y"}, "y2": {"field": "y2"}},
        },
        {
            "data": {"values": [row]},
            "mark": {"type": "text", **side, "dy": -9, "baseline": "bottom", "fontWeight": 600, "color": red},
            "encoding": {"x": {"field": "x"}, "y": {"field": "y"}, "text": {"field": "text"}},
        },
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round values over the blocks alone: the room for labels has no cost."""
    span = (high - low) or 1.0
    size = next(step for power in range(-6, 60) for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if span / step <= 6)
    return [number * size for number in range(-int(-low // size) if low < 0 else 0, int(high // size) + 1)]


def _show(amount: Emissions, scale: Scale) -> str:
    return f"{scale.show(amount.micrograms)} {scale.unit}"


def _money(cost: Fraction) -> str:
    places = 0 if abs(cost) >= 100 else 1 if abs(cost) >= 10 else 2
    return f"{float(cost):,.{places}f}".replace("-", "−")


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1].rstrip() + "…"
