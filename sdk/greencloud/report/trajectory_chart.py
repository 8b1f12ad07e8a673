"""The trajectory of a goal as a chart: its path, what the inventory booked, the forecast with its interval, and the gap.

``trajectory_chart`` gives a Vega-Lite specification for ``greencloud.report.drawing.draw``. Years stand where they end; a fiscal
year stands between the calendar years that it is in. The gap that is marked is that of the target year where there is a forecast,
else that of the latest booked year. The dot of a year whose figure rests on drafts is hollow.
"""

from __future__ import annotations

from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.drawing import COLOURS
from greencloud.results.forecasts import Forecast
from greencloud.results.goals import GoalProgress, GoalStatus
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["trajectory_chart"]

_PATH: Final = "Path"
_ACTUAL: Final = "Inventory"
_FORECAST: Final = "Forecast with its 95 % interval"
_BLACK: Final = "#111827"
_BROWN: Final = "#8A5A00"  # of the orange, dark enough to read
_WIDTH: Final = 760
_HEIGHT: Final = 400
_SCOPES: Final = {
    "scope1": "Scope 1",
    "scope2_location_based": "Scope 2 (location-based)",
    "scope2_market_based": "Scope 2 (market-based)",
    "scope3": "Scope 3",
}
_STATUS: Final = {
    GoalStatus.ON_TRACK: "on track",
    GoalStatus.OFF_TRACK: "off track",
    GoalStatus.UNKNOWN: "status not known",
}


def trajectory_chart(progress: GoalProgress, forecast: Forecast | None = None) -> dict[str, Any]:
    """The chart of a goal's progress, with a forecast if there is one."""
    drawing = _Drawing(progress, forecast)
    series = [_PATH, _ACTUAL, *([_FORECAST] if forecast else [])]
    colours = [COLOURS["blue"], _BLACK, COLOURS["orange"]][: len(series)]
    return {
        "title": {"text": progress.display_name, "subtitle": drawing.subtitle()},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": [
            *drawing.forecast_layers(),
            *drawing.path_layers(),
            *drawing.gap_layers(),
            *drawing.actual_layers(),
            *drawing.target_layers(),
        ],
        "encoding": {
            "x": {"type": "quantitative", "axis": drawing.axis(), "scale": {"domain": drawing.domain(), "nice": False}},
            "y": {
                "type": "quantitative",
                "title": None,
                "scale": {"domain": [0, drawing.top * 1.15 / drawing.scale.size or 1], "nice": True},
                "axis": {"tickCount": 6, "domain": False, "ticks": False},
            },
            "color": {
                "type": "nominal",
                "scale": {"domain": series, "range": colours},
                "legend": {
                    "title": None,
                    "orient": "top",
                    "symbolType": "stroke",
                    "symbolStrokeWidth": 4,
                    "symbolOpacity": 1,
                    "offset": 4,
                },
            },
        },
    }


class _Drawing:
    """One chart: places of years, the unit, and the layers."""

    def __init__(self, progress: GoalProgress, forecast: Forecast | None) -> None:
        self.progress, self.forecast = progress, forecast
        amounts = [year.path for year in progress.years] + [year.actual for year in progress.years if year.actual is not None]
        if forecast is not None:
            amounts += [year.high for year in forecast.years]
        self.scale: Scale = scale_for([amount.micrograms for amount in amounts], EMISSION_UNITS)
        self.top = max((abs(amount.micrograms) for amount in amounts), default=0)
        self.target = ReportingYear(progress.target_year, progress.target_fiscal)
        self.base = ReportingYear(progress.base_year, progress.base_fiscal)

    def place(self, year: ReportingYear) -> float:
        """Where a year stands: a calendar year at its number, a fiscal one at its end less a year."""
        end = year.end(self.progress.fiscal_year_start_month)
        return end.year + (end.month - 1) / 12 - 1

    def point(self, year: ReportingYear, amount: Emissions, series: str, **more: Any) -> dict[str, Any]:
        value = amount.micrograms / self.scale.size
        return {"x": self.place(year), "y": value, "series": series, "year": str(year), **more}

    def text(self, amount: Emissions) -> str:
        return f"{self.scale.show(amount.micrograms)} {self.scale.unit}"

    def subtitle(self) -> list[str]:
        told = self.progress
        scopes = ", ".join(_SCOPES.get(scope, scope) for scope in told.scopes)
        ends = f"base {self.base}: {self.text(told.base_emissions)} · target {self.target}: {self.text(told.target_emissions)}"
        status = f"{_STATUS[told.status]} as of {told.as_of.date().isoformat()}"
        return [f"{self.scale.unit} CO2e a year · {scopes}", f"{ends} · {status}"]

    def domain(self) -> list[float]:
        places = [self.place(year.reporting_year) for year in self.progress.years]
        if self.forecast is not None:
            places += [self.place(year.year) for year in self.forecast.years]
        return [min(places) - 0.3, max(places) + (max(places) - min(places)) * 0.16 + 0.1]

    def axis(self) -> dict[str, Any]:
        first, last = self.base.year, max(self.target.year, *(year.year for year in self.progress.years))
        step = max(1, -(-(last - first) // 12))
        return {
            "values": list(range(first, last + 1, step)),
            "format": "d",
            "title": None,
            "grid": False,
            "labelFlush": False,
        }

    def path_layers(self) -> list[dict[str, Any]]:
        years = self.progress.years
        stones = {stone.year for stone in self.progress.milestones}
        line = [self.point(year.reporting_year, year.path, _PATH) for year in years]
        marked = [
            self.point(year.reporting_year, year.path, _PATH, text=f"milestone {self.text(year.path)}")
            for year in years
            if year.reporting_year in stones
        ]
        layers = [{"data": {"values": line}, "mark": {"type": "line", "strokeWidth": 2.5}, "encoding": _XY}]
        if marked:
            diamond = {"type": "point", "shape": "diamond", "filled": True, "size": 110, "opacity": 1}
            text = {"type": "text", "align": "left", "baseline": "bottom", "dx": 7, "dy": -5, "fontSize": 11.5}
            layers += [
                {"data": {"values": marked}, "mark": diamond, "encoding": _XY},
                {"data": {"values": marked}, "mark": text, "encoding": {**_XY, "text": {"field": "text"}}},
            ]
        return layers

    def actual_layers(self) -> list[dict[str, Any]]:
        known = [(year.reporting_year, year.actual, year.draft) for year in self.progress.years if year.actual is not None]
        points = [self.point(year, amount, _ACTUAL, draft=draft) for year, amount, draft in known]
        labels = [
            self.point(year, amount, _ACTUAL, text=f"{year}{' (draft)' if draft else ''}: {self.text(amount)}")
            for year, amount, draft in known[-1:]
        ]
        place: dict[str, Any] = {"baseline": "bottom", "dy": -10}
        found = self.gap()
        if self.forecast is None and found is not None and found[1] < found[2]:
            place = {"baseline": "top", "dy": 10}  # the path is above
        if self.forecast is None and (close := self.close()) is not None:
            labels = [{**label, "text": [label["text"], close]} for label in labels]
            place["dy"] -= 15 if place["baseline"] == "bottom" else 0
        fill = {"condition": {"test": "datum.draft", "value": "white"}, "value": _BLACK}
        dot = {"type": "point", "filled": False, "size": 60, "opacity": 1, "strokeWidth": 2}
        return [
            {"data": {"values": points}, "mark": {"type": "line", "strokeWidth": 2}, "encoding": _XY},
            {"data": {"values": points}, "mark": dot, "encoding": {**_XY, "fill": fill}},
            {
                "data": {"values": labels},
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dx": 4,
                    "fontWeight": 600,
                    "lineHeight": 15,
                    **place,
                },
                "encoding": {**_XY, "text": {"field": "text"}},
            },
        ]

    def forecast_layers(self) -> list[dict[str, Any]]:
        if self.forecast is None:
            return []
        start = self.forecast.history[-1:]
        band = [
            {
                **self.point(year, amount, _FORECAST),
                "low": amount.micrograms / self.scale.size,
                "high": amount.micrograms / self.scale.size,
            }
            for year, amount in start
        ]
        band += [
            {
                **self.point(year.year, year.expected, _FORECAST),
                "low": year.low.micrograms / self.scale.size,
                "high": year.high.micrograms / self.scale.size,
            }
            for year in self.forecast.years
        ]
        line = [self.point(year, amount, _FORECAST) for year, amount in start]
        line += [self.point(year.year, year.expected, _FORECAST) for year in self.forecast.years]
        area = {"type": "area", "opacity": 0.18}
        ends = [
            self.point(year.year, year.expected, _FORECAST, text=[f"forecast {year.year}", self.text(year.expected)])
            for year in self.forecast.years[-1:]
        ]
        text = {"type": "text", "align": "left", "baseline": "middle", "dx": 8, "lineHeight": 15, "fontWeight": 600}
        if (close := self.close()) is not None:
            ends = [{**end, "text": [*end["text"], close]} for end in ends]
            text |= {"dy": -38}
        return [
            {
                "data": {"values": band},
                "mark": area,
                "encoding": {"x": {"field": "x"}, "y": {"field": "low"}, "y2": {"field": "high"}, "color": {"field": "series"}},
            },
            {"data": {"values": line}, "mark": {"type": "line", "strokeWidth": 2.5, "strokeDash": [6, 4]}, "encoding": _XY},
            {
                "data": {"values": ends},
                "mark": text,
                "encoding": {**_XY, "text": {"field": "text"}, "color": {"value": _BROWN}},
            },
        ]

    def gap(self) -> tuple[ReportingYear, Emissions, Emissions] | None:
        """The year, what it comes to, and what is allowed."""
        if self.forecast is not None and self.forecast.years:
            last = self.forecast.years[-1]
            return last.year, last.expected, self.forecast.target
        for year in self.progress.years:
            if year.reporting_year == self.progress.latest_year and year.actual is not None and year.reporting_year != self.base:
                return year.reporting_year, year.actual, year.path
        return None

    def close(self) -> str | None:
        """The gap in words, where it is too small to be written beside its line; then a label that is there says it."""
        found = self.gap()
        if found is None or abs((found[1] - found[2]).micrograms) >= self.top * 0.2:
            return None
        return " ".join(self.gap_words(found[1] - found[2]))

    def gap_words(self, difference: Emissions) -> list[str]:
        where = "target" if self.forecast is not None else "path"
        if not difference.micrograms:
            return [f"on the {where}"]
        amount = self.text(Emissions(abs(difference.micrograms)))
        return [f"+{amount}", f"above the {where}"] if difference.micrograms > 0 else [amount, f"below the {where}"]

    def gap_layers(self) -> list[dict[str, Any]]:
        found = self.gap()
        if found is None or found[1] == found[2]:
            return []
        year, amount, limit = found
        difference = amount - limit
        above = difference.micrograms > 0
        colour = COLOURS["red"] if above else COLOURS["green"]
        x, size = self.place(year), self.scale.size
        row: dict[str, Any] = {"x": x, "y": limit.micrograms / size, "y2": amount.micrograms / size}
        row |= {"middle": (row["y"] + row["y2"]) / 2, "text": self.gap_words(difference) if self.close() is None else ""}
        rule = {"type": "rule", "color": colour, "strokeWidth": 2}
        text = {
            "type": "text",
            "align": "left",
            "dx": 8,
            "color": colour,
            "fontWeight": 600,
            "lineHeight": 15,
            "baseline": "middle",
        }
        place = {"x": {"field": "x"}, "color": {"value": colour}}
        return [
            {"data": {"values": [row]}, "mark": rule, "encoding": {**place, "y": {"field": "y"}, "y2": {"field": "y2"}}},
            {"data": {"values": [row]}, "mark": text, "encoding": {**place, "y": {"field": "middle"}, "text": {"field": "text"}}},
        ]

    def target_layers(self) -> list[dict[str, Any]]:
        amount = self.progress.target_emissions
        row = self.point(self.target, amount, _PATH, text=[f"target {self.target}", self.text(amount)])
        shift = -14 if amount.micrograms < self.top * 0.1 else 16 if self.close() is not None and self.forecast is not None else 0
        dot = {"type": "point", "shape": "circle", "filled": True, "size": 120, "opacity": 1}
        text = {"type": "text", "align": "left", "dx": 10, "dy": shift, "fontWeight": 600, "lineHeight": 15}
        return [
            {"data": {"values": [row]}, "mark": dot, "encoding": _XY},
            {
                "data": {"values": [row]},
                "mark": {**text, "baseline": "middle"},
                "encoding": {**_XY, "text": {"field": "text"}},
            },
        ]


_XY: Final[dict[str, Any]] = {"x": {"field": "x"}, "y": {"field": "y"}, "color": {"field": "series"}}
