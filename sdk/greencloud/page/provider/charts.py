"""What the provider's views draw besides the charts of the report: Vega-Lite specifications, each for a width in pixels.

Texts are in the ink of the page around them, colours are the house's, and time is UTC. ``colours`` are those of the parts by their
labels, in the order of the legend and the stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import Scale
from greencloud.report.drawing import COLOURS
from greencloud.report.page.charts import NARROW_CHART, TIME_UNITS, chart, label_limit
from greencloud.results import Granularity

__all__ = ["MOST_ROWS", "Point", "Stretch", "changes", "colours_for", "over_time", "stacked", "stretches"]

MOST_ROWS: Final = 40
"""Of one chart; the table beside it has all."""

_SERIES: Final = tuple(COLOURS[name] for name in ("blue", "orange", "green", "purple", "sky", "red", "yellow"))
_FORMATS: Final = {Granularity.HOUR: "%m-%d %H:%M", Granularity.DAY: "%Y-%m-%d", Granularity.MONTH: "%Y-%m"}
_ANY: Final = {"hours": "%H:%M", "day": "%m-%d", "date": "%m-%d", "week": "%m-%d", "month": "%Y-%m", "year": "%Y"}
"""What an axis says of a time that is whole in that."""

_FEW: Final = 6


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one series at one time."""

    at: datetime
    series: str
    value: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time with a state, in one row of the chart."""

    name: str
    start: datetime
    end: datetime
    state: str


def colours_for(names: Sequence[str], rest: str) -> dict[str, str]:
    """A colour for each of the first names, and grey for all others together, which are then called ``rest``."""
    if len(names) <= len(_SERIES):
        return dict(zip(names, _SERIES, strict=False))
    return {**dict(zip(names, _SERIES, strict=False)), rest: COLOURS["grey"]}


def stacked(
    rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, str], scale: Scale, title: str, width: int
) -> dict[str, Any]:
    """A bar a row, of parts by their labels; rows come as they are given."""
    order = list(colours)
    values = [
        {"key": name, "part": part, "order": order.index(part), "amount": float(Fraction(amount, scale.size))}
        for name, parts in rows[:MOST_ROWS]
        for part, amount in parts.items()
        if amount
    ]
    x = {"field": "amount", "type": "quantitative", "stack": "zero", "title": title, "axis": {"tickCount": _ticks(width)}}
    names = [name for name, _ in rows[:MOST_ROWS]]
    encoding = {"y": _rows("key", names, width), "x": x, "color": _colour(colours, width), "order": {"field": "order"}}
    return chart(width, max(48, 28 * len(names)), values, {"type": "bar", "height": 18}, encoding)


def changes(rows: Sequence[tuple[str, int]], scale: Scale, title: str, width: int) -> dict[str, Any]:
    """A bar a row, to the right of nothing where it is more than before and to the left where it is less."""
    values = [
        {"key": name, "amount": float(Fraction(amount, scale.size)), "sign": "more" if amount > 0 else "less"}
        for name, amount in rows[:MOST_ROWS]
    ]
    colour = {"domain": ["more", "less"], "range": [COLOURS["orange"], COLOURS["green"]]}
    encoding = {
        "y": _rows("key", [name for name, _ in rows[:MOST_ROWS]], width),
        "x": {"field": "amount", "type": "quantitative", "title": title, "axis": {"tickCount": _ticks(width)}},
        "color": {"field": "sign", "type": "nominal", "legend": None, "scale": colour},
    }
    return chart(width, max(48, 28 * len(values)), values, {"type": "bar", "height": 18}, encoding)


def over_time(
    points: Sequence[Point], colours: Mapping[str, str], step: Granularity, title: str, width: int, *, stack: bool
) -> dict[str, Any]:
    """Stacked bars; or lines, where a sum of the series means nothing."""
    values = [{"key": _key(each.at), "part": each.series, "amount": each.value} for each in points]
    y: dict[str, Any] = {"field": "amount", "type": "quantitative", "title": title, "axis": {"tickCount": 5}}
    if stack:
        y["stack"] = "zero"
    else:
        y["scale"] = {"zero": False, "padding": 12}
        y["axis"]["format"] = ".3~f"  # of a series that stays the same Vega would say whole numbers
    mark = {"type": "bar"} if stack else {"type": "line", "strokeWidth": 2, "point": {"size": 24}}
    few = len({each.at for each in points}) <= _FEW
    axis = {"labelOverlap": True, "grid": False, "format": _FORMATS[step], "tickCount": str(step) if few else _ticks(width)}
    x = {"field": "key", "type": "temporal", "timeUnit": TIME_UNITS[step], "title": None, "axis": axis}
    return chart(width, 220, values, mark, {"x": x, "y": y, "color": _colour(colours, width)})


def stretches(found: Sequence[Stretch], colours: Mapping[str, str], width: int) -> dict[str, Any]:
    """Rows by time: each stretch as long as it is, in the colour of its state."""
    names = list(dict.fromkeys(each.name for each in found))[:MOST_ROWS]
    shown = set(names)
    values = [
        {"row": each.name, "start": _key(each.start), "end": _key(each.end), "part": each.state}
        for each in found
        if each.name in shown
    ]
    encoding = {
        "y": _rows("row", names, width),
        "x": {
            "field": "start",
            "type": "temporal",
            "scale": {"type": "utc", "nice": False},
            "title": None,
            "axis": {"labelOverlap": True, "grid": False, "format": _ANY, "tickCount": _ticks(width)},
        },
        "x2": {"field": "end"},
        "color": _colour(
            {label: colour for label, colour in colours.items() if any(label == row["part"] for row in values)}, width
        ),
    }
    return chart(width, max(48, 26 * len(names)), values, {"type": "bar", "height": 16}, encoding)


def _key(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ticks(width: int) -> int:
    return 4 if width <= NARROW_CHART else 7


def _rows(field: str, names: Sequence[str], width: int) -> dict[str, Any]:
    axis = {"labelLimit": label_limit(names, max(90, width // 4)), "ticks": False, "domain": False}
    return {"field": field, "type": "nominal", "sort": list(names), "title": None, "axis": axis}


def _colour(colours: Mapping[str, str], width: int) -> dict[str, Any]:
    scale = {"domain": list(colours), "range": list(colours.values())}
    legend = {"title": None, "columns": 4 if width > NARROW_CHART else 1, "labelLimit": 280}
    return {"field": "part", "type": "nominal", "sort": None, "scale": scale, "legend": legend}
