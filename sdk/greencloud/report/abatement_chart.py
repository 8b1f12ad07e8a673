"""The abatement curve of a plan: what each measure reduces and what a tonne of it costs, as a Vega-Lite specification.

A block is a measure: as wide as its marginal effect in the target year, as high as its annual cost per tonne, below the axis
where it saves money. The measures of the plan come first, in ascending order of cost, so that they end where the plan does,
beside the line of the gap; those that are not chosen follow in grey, in the same order. Labels stand in a row of their own above
the blocks and are moved apart where blocks are narrow; where there are more than fit, the widest blocks have one. On the screen
of a telephone a label is the number of the measure in the order of the plan's steps, which a table beside the chart says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.drawing import COLOURS, SHEET, Canvas
from greencloud.results.forecasts import AbatementPlan, AbatementStep
from greencloud.units import Emissions

__all__ = ["abatement_chart"]

_WIDTH: Final = 760
_HEIGHT: Final = 440
_BAND: Final = 150  # pixels above the blocks, for labels
_FLOOR: Final = 40  # pixels below them, for the words of the gap
_NUMBERS: Final = 44  # where they are numbers
_MARGIN: Final = 70  # pixels to the left of the blocks, for the axis, where the width is given
_APART: Final = 22  # pixels between two labels at the least
_LONGEST: Final = 30
_GROUPS: Final = {
    "plan_saves": COLOURS["green"],
    "plan_chosen": COLOURS["blue"],
    "plan_left": COLOURS["light"],
}


@dataclass(frozen=True, slots=True)
class _Block:
    """From ``left`` to ``right`` in micrograms."""

    number: int
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
            return "plan_left"
        return "plan_saves" if self.step.annual_cost < 0 else "plan_chosen"


def abatement_chart(plan: AbatementPlan, canvas: Canvas = SHEET) -> dict[str, Any]:
    """The chart of a plan. Measures that reduce nothing there have no block."""
    words = chart_words(canvas.language)
    blocks = _blocks(plan.steps)
    gap = max(plan.gap.micrograms, 0)
    whole = max(gap, *(block.right for block in blocks), 1) if blocks else max(gap, 1)
    scale = scale_for([whole], EMISSION_UNITS)
    costs = [0.0, *(block.cost for block in blocks)]
    band = _NUMBERS if canvas.narrow else _BAND
    per_pixel = ((max(costs) - min(costs)) or 1.0) / (_HEIGHT - _BAND - _FLOOR)
    bottom, top = min(costs) - _FLOOR * per_pixel, max(costs) + band * per_pixel
    domain = [0, whole * 1.02 / scale.size]
    width = _WIDTH if canvas.width is None else canvas.width - _MARGIN - (0 if canvas.narrow else _BAND)
    labels = _labels(blocks, _Space(width, whole * 1.02, per_pixel), scale, "" if canvas.narrow else plan.currency, canvas)
    groups = [group for group in _GROUPS if any(block.group == group for block in blocks)]
    spec: dict[str, Any] = {
        "width": width,
        "height": _HEIGHT - _BAND + band,
        "layer": [
            *([_bars(blocks, scale, groups, words, canvas)] if blocks else []),  # a legend of nothing has no size
            _axis_line(domain[1]),
            *(_label_layers(labels, canvas) if labels else []),
            *_gap_layers(plan, scale, (bottom, max(costs)), domain[1], canvas),
        ],
        "encoding": {
            "x": {
                "type": "quantitative",
                "title": words["plan_x"].format(year=plan.target_year, unit=scale.unit),
                "scale": {"domain": domain, "nice": False},
                "axis": {"grid": False, "tickCount": 4 if canvas.narrow else 8},
            },
            "y": {
                "type": "quantitative",
                "title": words["plan_y"].format(money=plan.currency or words["cost"], rate=f"{float(plan.discount_rate * 100):g}"),
                "scale": {"domain": [bottom, top], "nice": False},
                "axis": {"grid": False, "domain": False, "values": _ticks(min(costs), max(costs))},
            },
        },
    }
    title = words["plan_title"].format(year=plan.target_year, closing=_closing(plan, scale, words))
    return canvas.framed(spec, {"text": title, "subtitle": _subtitle(plan, scale, words)})


def _blocks(steps: Sequence[AbatementStep]) -> list[_Block]:
    found, left = [], 0
    for chosen in (True, False):
        for number, step in enumerate(steps, 1):
            if step.chosen is chosen and step.marginal.micrograms > 0:
                found.append(_Block(number, step, left, left + step.marginal.micrograms))
                left += step.marginal.micrograms
    return found


def _closing(plan: AbatementPlan, scale: Scale, words: Mapping[str, str]) -> str:
    if plan.gap.micrograms <= 0:
        return words["gap_none"]
    if plan.remaining.micrograms:
        return words["gap_open"].format(amount=_show(plan.remaining, scale))
    return words["gap_closed"].format(amount=_show(plan.gap, scale))


def _subtitle(plan: AbatementPlan, scale: Scale, words: Mapping[str, str]) -> list[str]:
    count = sum(step.chosen for step in plan.steps)
    least = plan.optimal and not plan.remaining.micrograms and plan.gap.micrograms > 0
    told = words["plan_subtitle"].format(
        goal=plan.goal,
        scenario=plan.scenario,
        measures=words["plan_measure" if count == 1 else "plan_measures"].format(count=count),
        amount=_show(plan.closed, scale),
        cost=f"{_money(plan.annual_cost)} {plan.currency}".rstrip(),
        kind=words["plan_least" if least else "plan_all"],
    )
    return [told, words["plan_reading"]]


def _bars(
    blocks: Sequence[_Block], scale: Scale, groups: Sequence[str], words: Mapping[str, str], canvas: Canvas
) -> dict[str, Any]:
    rows = [
        {
            "x": block.left / scale.size,
            "x2": block.right / scale.size,
            "y": 0,
            "y2": block.cost,
            "group": words[block.group],
            "measure": block.step.display_name,
        }
        for block in blocks
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "rect", "stroke": canvas.edge, "strokeWidth": 1},
        "encoding": {
            "x": {"field": "x"},
            "x2": {"field": "x2"},
            "y": {"field": "y"},
            "y2": {"field": "y2"},
            "tooltip": {"field": "measure"},
            "color": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": [words[group] for group in groups], "range": [_GROUPS[group] for group in groups]},
                "legend": {"title": None, "orient": "top", "symbolType": "square", **({"columns": 1} if canvas.narrow else {})},
            },
        },
    }


def _axis_line(right: float) -> dict[str, Any]:
    encoding = {"x": {"field": "x"}, "x2": {"field": "x2"}, "y": {"field": "y"}}
    mark = {"type": "rule", "color": COLOURS["grey"]}
    return {"data": {"values": [{"x": 0, "x2": right, "y": 0}]}, "mark": mark, "encoding": encoding}


@dataclass(frozen=True, slots=True)
class _Space:
    """``width`` pixels for ``whole`` micrograms; ``per_pixel``: of cost, upwards."""

    width: int
    whole: float
    per_pixel: float


def _labels(blocks: Sequence[_Block], space: _Space, scale: Scale, currency: str, canvas: Canvas) -> list[dict[str, Any]]:
    """A row for each label: from the block to where its text begins."""
    most = int(space.width / _APART)
    widest = sorted(blocks, key=lambda block: block.left - block.right)[:most]
    shown = [block for block in blocks if block in widest]
    places = _apart([block.middle / space.whole * space.width for block in shown], float(space.width))
    highest = max(0.0, *(block.cost for block in blocks)) if blocks else 0.0
    foot, text = highest + 8 * space.per_pixel, highest + 26 * space.per_pixel
    return [
        {
            "x": block.middle / scale.size,
            "x2": place / space.width * space.whole / scale.size,
            "y": max(block.cost, 0) + 3 * space.per_pixel,
            "y2": foot,
            "y3": text,
            "text": str(block.number) if canvas.narrow else _label(block, currency),
            "weight": block.step.chosen,
        }
        for block, place in zip(shown, places, strict=True)
    ]


def _label(block: _Block, currency: str) -> str:
    return f"{_cut(block.step.display_name)} · {_money(block.step.cost_per_tonne or Fraction(0))} {currency}".strip()


def _apart(wanted: Sequence[float], limit: float) -> list[float]:
    """Places in pixels, in order, near those wanted and far enough from each other: pushed right, then back from the edge."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + _APART) if places else max(place, 0.0))
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - _APART
    return places


def _label_layers(labels: Sequence[dict[str, Any]], canvas: Canvas) -> list[dict[str, Any]]:
    line = {"type": "rule", "color": "#9CA3AF", "strokeWidth": 0.8}
    slanted = {"angle": -40, "align": "left", "baseline": "middle", "fontSize": 11.5, "dx": 2}
    text = {"type": "text", **({"align": "center", "baseline": "bottom", "fontSize": 11.5} if canvas.narrow else slanted)}
    colour = {"condition": {"test": "datum.weight", "value": canvas.ink}, "value": canvas.coloured("#6B7280")}
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


def _gap_layers(plan: AbatementPlan, scale: Scale, ends: tuple[float, float], right: float, canvas: Canvas) -> list[dict[str, Any]]:
    if plan.gap.micrograms <= 0:
        return []
    (bottom, top), at = ends, plan.gap.micrograms / scale.size
    left = "gap_left" if plan.remaining.micrograms else "gap"
    told = chart_words(canvas.language)[left].format(amount=_show(plan.gap, scale), open=_show(plan.remaining, scale))
    row = {"x": at, "y": bottom, "y2": top, "text": told}
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
            "mark": {"type": "text", **side, "dy": -9, "baseline": "bottom", "fontWeight": 600, "color": canvas.coloured(red)},
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
