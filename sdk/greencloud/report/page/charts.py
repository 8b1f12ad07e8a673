"""What is drawn on the page: Vega-Lite specifications, pure functions of figures, each for a width in pixels.

Colours of the scopes are the same in every chart; their order is that of the legend and of the stack. Texts are drawn in the colour
of the page around them (``currentColor``), so that a chart is read in the light and in the dark. Marks carry a description for
whoever hears the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.drawing import COLOURS, PAGE_LOOK
from greencloud.report.page.figures import AccountFigures, HourOfWeek
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow, Granularity

__all__ = [
    "LAYERS",
    "MOST_BARS",
    "NARROW_CHART",
    "PARTS",
    "TIME_UNITS",
    "bars",
    "chart",
    "heat_map",
    "label_limit",
    "operations",
    "parts_of",
    "scopes",
    "series",
    "time_axis",
    "week",
]

MOST_BARS: Final = 12
MOST_OPERATIONS: Final = 10
PARTS: Final = ("scope1", "scope2", "scope3_upstream", "scope3_embodied")
_PART_COLOURS: Final = (COLOURS["grey"], COLOURS["blue"], COLOURS["sky"], COLOURS["orange"])
LAYERS: Final = tuple(COLOURS[name] for name in ("blue", "orange", "green", "red", "purple", "sky", "yellow", "grey"))
"""Of names that have no colour of their own, in this order."""
_IDEOGRAPHS: Final = 0x2E80
_NUMBERS_WIDTH: Final = 64  # of an axis of numbers, with its title
_AS_LAID_OUT: Final = {"type": "pad"}
"""The room for labels is set aside by estimate, and the page scales what is a little too wide: to fit a chart exactly, all its
texts are measured twice, which is most of the work of drawing."""
NARROW_CHART: Final = 500
_FEW_PERIODS: Final = 7
_TIME_FORMATS: Final = {Granularity.HOUR: "%m-%d %H:%M", Granularity.DAY: "%Y-%m-%d", Granularity.MONTH: "%Y-%m"}
TIME_UNITS: Final = {
    Granularity.HOUR: "utcyearmonthdatehours",
    Granularity.DAY: "utcyearmonthdate",
    Granularity.MONTH: "utcyearmonth",
}
_SCHEMES: Final = {"emissions": "goldorange", "intensity": "tealblues"}


def parts_of(row: FootprintRow, *, market: bool = False) -> dict[str, int]:
    """A row's total by ``PARTS``, micrograms; they add up to the total of the method."""
    return {
        "scope1": row.scope1.micrograms,
        "scope2": (row.scope2_market_based if market else row.scope2_location_based).micrograms,
        "scope3_upstream": (row.scope3_upstream_market_based if market else row.scope3_upstream_location_based).micrograms,
        "scope3_embodied": row.scope3_embodied.micrograms,
    }


def _number(amount: int | Fraction, scale: Scale) -> float:
    return float(Fraction(amount) / scale.size)


def _colour(texts: Mapping[str, str], width: int) -> dict[str, Any]:
    return {
        "field": "part",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": [texts[part] for part in PARTS], "range": list(_PART_COLOURS)},
        "legend": {"title": None, "columns": 2 if width > NARROW_CHART else 1, "labelLimit": 0 if width > NARROW_CHART else 280},
    }


def _labels_width(names: Iterable[str], limit: int) -> int:
    """About what labels beside a chart take, in pixels."""
    return min(limit, max((_pixels(name, 7) for name in names), default=0)) + 12


def _pixels(text: str, letter: int) -> int:
    """How wide a text is, of letters so wide; ideographs are as wide as high."""
    return sum(13 if ord(each) >= _IDEOGRAPHS else letter for each in text)


def _axis_width(encoding: Mapping[str, Any], width: int) -> int:
    axis = encoding["y"]
    return _labels_width(axis["sort"], axis["axis"].get("labelLimit") or width // 3) if axis.get("sort") else _NUMBERS_WIDTH


def label_limit(names: Iterable[str], pixels: int) -> int:
    """How wide a label may be; 0 for any, where all are short: to measure each is half of the work of drawing."""
    return 0 if max((_pixels(name, 9) for name in names), default=0) <= pixels else pixels


def _stacked(rows: Sequence[tuple[Any, FootprintRow]], texts: Mapping[str, str], scale: Scale) -> list[dict[str, Any]]:
    return [
        {"key": key, "part": texts[part], "order": at, "amount": _number(amount, scale)}
        for key, row in rows
        for at, (part, amount) in enumerate(parts_of(row).items())
        if amount
    ]


def time_axis(periods: int, step: Granularity, width: int) -> dict[str, Any]:
    """Of so many periods; where they are few each has one tick, as others would have the label of their neighbour. Dates are in
    figures, as in the tables: the same in every language."""
    axis: dict[str, Any] = {"labelOverlap": True, "labelSeparation": 12, "grid": False}
    axis["tickCount"] = str(step) if periods <= _FEW_PERIODS else max(3, width // 120)
    return axis | ({"format": _TIME_FORMATS[step]} if step in _TIME_FORMATS else {})


def series(figures: AccountFigures, texts: Mapping[str, str], width: int) -> dict[str, Any]:
    """Emissions over time, stacked by scope, location-based."""
    scale = scale_for([row.total_location_based.micrograms for row in figures.series], EMISSION_UNITS)
    rows = [(row.start.strftime("%Y-%m-%dT%H:%M:%SZ"), row) for row in figures.series]  # without Z it is local time
    unit = TIME_UNITS[figures.series_granularity]
    return chart(
        width,
        220,
        _stacked(rows, texts, scale),
        {"type": "bar"},
        {
            "x": {
                "field": "key",
                "type": "temporal",
                "timeUnit": unit,
                "title": None,
                "axis": time_axis(len(rows), figures.series_granularity, width),
            },
            "y": {
                "field": "amount",
                "type": "quantitative",
                "stack": "zero",
                "title": f"{scale.unit} CO2e",
                "axis": {"tickCount": 5},
            },
            "color": _colour(texts, width),
            "order": {"field": "order"},
        },
    )


def bars(named: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str], width: int, *, legend: bool = True) -> dict[str, Any]:
    """One bar a name, stacked by scope, the total at its end; names come in the order given. ``legend``: of the scopes."""
    scale = scale_for([row.total_location_based.micrograms for _, row in named], EMISSION_UNITS)
    names = [name for name, _ in named]
    totals = [
        {
            "key": name,
            "total": _number(row.total_location_based.micrograms, scale),
            "label": f"{scale.show(row.total_location_based.micrograms)} {scale.unit}",
        }
        for name, row in named
    ]
    y = {
        "field": "key",
        "type": "nominal",
        "sort": names,
        "title": None,
        "axis": {"labelLimit": label_limit(names, max(90, width // 4)), "ticks": False, "domain": False},
    }
    colour = _colour(texts, width)
    most = max((_number(row.total_location_based.micrograms, scale) for _, row in named), default=0.0)
    x_scale = {"domain": [0, most * (1.18 if width > NARROW_CHART else 1.5) or 1], "nice": False}
    return {
        "width": width - _labels_width(names, max(90, width // 4)),
        "height": max(48, 30 * len(named)),
        "config": PAGE_LOOK,
        "autosize": _AS_LAID_OUT,
        "layer": [
            {
                "data": {"values": _stacked(named, texts, scale)},
                "mark": {"type": "bar", "height": 18},
                "encoding": {
                    "y": y,
                    "x": {
                        "field": "amount",
                        "type": "quantitative",
                        "stack": "zero",
                        "scale": x_scale,
                        "title": None,
                        "axis": None,
                    },
                    "color": colour if legend else {**colour, "legend": None},
                    "order": {"field": "order"},
                },
            },
            {
                "data": {"values": totals},
                "mark": {"type": "text", "align": "left", "dx": 6},
                "encoding": {"y": y, "x": {"field": "total", "type": "quantitative"}, "text": {"field": "label"}},
            },
        ],
    }


def scopes(total: FootprintRow, texts: Mapping[str, str], width: int) -> dict[str, Any]:
    """Two bars: the total by each method of Scope 2, stacked by scope."""
    market = total_of([total])
    scale = scale_for([total.total_location_based.micrograms, total.total_market_based.micrograms], EMISSION_UNITS)
    values = [
        {"key": texts[name], "part": texts[part], "order": at, "amount": _number(amount, scale)}
        for name, of_market in (("location", False), ("market", True))
        for at, (part, amount) in enumerate(parts_of(market, market=of_market).items())
        if amount
    ]
    y = {
        "field": "key",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 140, "ticks": False, "domain": False},
    }
    return chart(
        width,
        76,
        values,
        {"type": "bar", "height": 24},
        {
            "y": y,
            "x": {
                "field": "amount",
                "type": "quantitative",
                "stack": "zero",
                "title": f"{scale.unit} CO2e",
                "axis": {"tickCount": 5},
            },
            "color": _colour(texts, width),
            "order": {"field": "order"},
        },
    )


def week(cells: Sequence[HourOfWeek], texts: Mapping[str, str], width: int) -> list[dict[str, Any]]:
    """Two heat maps: emissions, and grams per kWh."""
    scale = scale_for([cell.micrograms for cell in cells], EMISSION_UNITS)
    emissions = [(cell, _number(cell.micrograms, scale)) for cell in cells]
    intensity = [(cell, float(found)) for cell in cells if (found := cell.grams_per_kwh) is not None]
    return [
        heat_map(emissions, texts, width, title=f"{texts['week_emissions']}, {scale.unit} CO2e", scheme="emissions"),
        heat_map(intensity, texts, width, title=f"{texts['week_intensity']}, g CO2e/kWh", scheme="intensity"),
    ]


def heat_map(
    cells: Sequence[tuple[HourOfWeek, float]], texts: Mapping[str, str], width: int, *, title: str, scheme: str
) -> dict[str, Any]:
    """Weekday by hour."""
    days = texts["weekdays"].split()
    values = [{"day": days[cell.weekday], "hour": cell.hour, "amount": amount} for cell, amount in cells]
    drawn = chart(
        width,
        170,
        values,
        {"type": "rect"},
        {
            "x": {
                "field": "hour",
                "type": "ordinal",
                "title": None,
                "axis": {"labelAngle": 0, "values": [0, 6, 12, 18, 23], "ticks": False, "domain": False},
            },
            "y": {"field": "day", "type": "nominal", "sort": days, "title": None, "axis": {"ticks": False, "domain": False}},
            "color": {
                "field": "amount",
                "type": "quantitative",
                "scale": {"scheme": _SCHEMES[scheme]},
                "legend": {"title": None, "gradientLength": min(180, width - 60), "tickCount": 3},
            },
        },
    )
    return {**drawn, "title": title}


def operations(rows: Sequence[tuple[str, FootprintRow]], texts: Mapping[str, str], width: int) -> dict[str, Any]:
    """Emissions of one operation, the dirtiest first."""
    each = [(name, Fraction(row.total_location_based.micrograms, row.operation_count)) for name, row in rows[:MOST_OPERATIONS]]
    scale = scale_for([int(amount) + 1 for _, amount in each], EMISSION_UNITS)
    values = [{"key": name, "amount": _number(amount, scale)} for name, amount in each]
    names = [name for name, _ in each]
    return chart(
        width,
        max(48, 26 * len(values)),
        values,
        {"type": "bar", "height": 16, "color": COLOURS["blue"]},
        {
            "y": {
                "field": "key",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {"labelLimit": label_limit(names, max(90, width // 3)), "ticks": False},
            },
            "x": {
                "field": "amount",
                "type": "quantitative",
                "title": f"{scale.unit} CO2e {texts['per_operation']}",
                "axis": {"tickCount": 5},
            },
        },
    )


def chart(width: int, height: int, values: list[dict[str, Any]], mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    """A chart of one layer in the look of the page."""
    return {
        "width": width - _axis_width(encoding, width),
        "height": height,
        "config": PAGE_LOOK,
        "autosize": _AS_LAID_OUT,
        "data": {"values": values},
        "mark": mark,
        "encoding": encoding,
    }
