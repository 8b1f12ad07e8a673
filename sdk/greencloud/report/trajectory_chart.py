"""The trajectory of a goal as a chart: its path, what the inventory booked, the forecast with its interval, and the gap.

``trajectory_chart`` gives a Vega-Lite specification for ``greencloud.report.drawing.draw``. Years stand where they end; a fiscal
year stands between the calendar years that it is in. The gap that is marked is that of the target year where there is a forecast,
else that of the latest booked year. The dot of a year whose figure rests on drafts is hollow. The canvas says how wide it is, and
in which language and ink.
"""

from __future__ import annotations

from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.drawing import COLOURS, SHEET, Canvas
from greencloud.results.forecasts import Forecast
from greencloud.results.goals import GoalProgress
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["trajectory_chart"]

_BROWN: Final = "#8A5A00"  # of the orange, dark enough to read
_WIDTH: Final = 760
_HEIGHT: Final = 400
_ROOM: Final = 150  # pixels to the right of the last year, for labels, where the width is given
_NARROW_ROOM: Final = 100


def trajectory_chart(progress: GoalProgress, forecast: Forecast | None = None, canvas: Canvas = SHEET) -> dict[str, Any]:
    """The chart of a goal's progress, with a forecast if there is one."""
    drawing = _Drawing(progress, forecast, canvas)
    series = [drawing.path, drawing.actual, *([drawing.ahead] if forecast else [])]
    colours = [COLOURS["blue"], canvas.ink, COLOURS["orange"]][: len(series)]
    spec: dict[str, Any] = {
        "width": canvas.width or _WIDTH,
        "height": _HEIGHT,
        **({"autosize": {"type": "fit-x", "contains": "padding"}} if canvas.width else {}),
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
                "title": None if canvas.titled else drawing.words["a_year"].format(unit=drawing.scale.unit),
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
                    **({"columns": 1, "labelLimit": 280} if canvas.narrow else {}),
                },
            },
        },
    }
    return canvas.framed(spec, {"text": progress.display_name, "subtitle": drawing.subtitle()})


class _Drawing:
    """One chart: places of years, the unit, and the layers."""

    def __init__(self, progress: GoalProgress, forecast: Forecast | None, canvas: Canvas) -> None:
        self.progress, self.forecast, self.canvas = progress, forecast, canvas
        self.words = chart_words(canvas.language)
        self.path, self.actual = self.words["path"], self.words["inventory"]
        amounts = [year.path for year in progress.years] + [year.actual for year in progress.years if year.actual is not None]
        if forecast is not None:
            amounts += [year.high or year.expected for year in forecast.years]
        self.scale: Scale = scale_for([amount.micrograms for amount in amounts], EMISSION_UNITS)
        self.top = max((abs(amount.micrograms) for amount in amounts), default=0)
        self.target = ReportingYear(progress.target_year, progress.target_fiscal)
        self.base = ReportingYear(progress.base_year, progress.base_fiscal)

    @property
    def ahead(self) -> str:
        """The name of the forecast."""
        known = self.forecast is not None and all(year.low is not None for year in self.forecast.years)
        return self.words["forecast" if known else "forecast_alone"]

    def place(self, year: ReportingYear) -> float:
        """Where a year stands: a calendar year at its number, a fiscal one at its end less a year."""
        end = year.end(self.progress.fiscal_year_start_month)
        return end.year + (end.month - 1) / 12 - 1

    def point(self, year: ReportingYear, amount: Emissions, series: str, **more: Any) -> dict[str, Any]:
        value = amount.micrograms / self.scale.size
        return {"x": self.place(year), "y": value, "series": series, "year": str(year), **more}

    def said(self) -> dict[str, Any]:
        """Where words stand; on a page they are in its ink, on white in the colour of what they name."""
        return {**_XY, "text": {"field": "text"}, **({} if self.canvas.titled else {"color": {"value": self.canvas.ink}})}

    def text(self, amount: Emissions) -> str:
        return f"{self.scale.show(amount.micrograms)} {self.scale.unit}"

    def subtitle(self) -> list[str]:
        told = self.progress
        words = self.words
        ends = words["trajectory_ends"].format(
            base=self.base,
            base_amount=self.text(told.base_emissions),
            target=self.target,
            target_amount=self.text(told.target_emissions),
            status=words[told.status],
            date=told.as_of.date().isoformat(),
        )
        scopes = ", ".join(words.get(scope, scope) for scope in told.scopes)
        return [words["trajectory_subtitle"].format(unit=self.scale.unit, scopes=scopes), ends]

    def domain(self) -> list[float]:
        places = [self.place(year.reporting_year) for year in self.progress.years]
        if self.forecast is not None:
            places += [self.place(year.year) for year in self.forecast.years]
        width, pixels = self.canvas.width, _NARROW_ROOM if self.canvas.narrow else _ROOM
        room = 0.16 if width is None else pixels / max(100, width - pixels - 60)
        return [min(places) - 0.3, max(places) + (max(places) - min(places)) * room + 0.1]

    def axis(self) -> dict[str, Any]:
        first, last = self.base.year, max(self.target.year, *(year.year for year in self.progress.years))
        step = max(1, -(-(last - first) // (4 if self.canvas.narrow else 12)))
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
        line = [self.point(year.reporting_year, year.path, self.path) for year in years]
        marked = [
            self.point(year.reporting_year, year.path, self.path, text=self.words["milestone"].format(amount=self.text(year.path)))
            for year in years
            if year.reporting_year in stones
        ]
        layers = [{"data": {"values": line}, "mark": {"type": "line", "strokeWidth": 2.5}, "encoding": _XY}]
        if marked and self.canvas.narrow:
            marked = [{**stone, "text": ""} for stone in marked]
        if marked:
            diamond = {"type": "point", "shape": "diamond", "filled": True, "size": 110, "opacity": 1}
            text = {"type": "text", "align": "left", "baseline": "bottom", "dx": 7, "dy": -5, "fontSize": 11.5}
            layers += [
                {"data": {"values": marked}, "mark": diamond, "encoding": _XY},
                {"data": {"values": marked}, "mark": text, "encoding": self.said()},
            ]
        return layers

    def actual_layers(self) -> list[dict[str, Any]]:
        known = [(year.reporting_year, year.actual, year.draft) for year in self.progress.years if year.actual is not None]
        points = [self.point(year, amount, self.actual, draft=draft) for year, amount, draft in known]
        labels = [
            self.point(
                year,
                amount,
                self.actual,
                text=self.words["year_draft" if draft else "year"].format(year=year, amount=self.text(amount)),
            )
            for year, amount, draft in known[-1:]
            if self.forecast is None or not self.canvas.narrow  # else it lies on the forecast
        ]
        place: dict[str, Any] = {"baseline": "bottom", "dy": -10}
        found = self.gap()
        if self.forecast is None and found is not None and found[1] < found[2]:
            place = {"baseline": "top", "dy": 10}  # the path is above
        if self.forecast is None and (close := self.close()) is not None:
            labels = [{**label, "text": [label["text"], close]} for label in labels]
            place["dy"] -= 15 if place["baseline"] == "bottom" else 0
        fill = {"condition": {"test": "datum.draft", "value": self.canvas.edge}, "value": self.canvas.ink}
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
                "encoding": self.said(),
            },
        ]

    def forecast_layers(self) -> list[dict[str, Any]]:
        if self.forecast is None:
            return []
        start = self.forecast.history[-1:]
        band = [
            {
                **self.point(year, amount, self.ahead),
                "low": amount.micrograms / self.scale.size,
                "high": amount.micrograms / self.scale.size,
            }
            for year, amount in start
        ]
        band += [
            {
                **self.point(year.year, year.expected, self.ahead),
                "low": (year.low or year.expected).micrograms / self.scale.size,
                "high": (year.high or year.expected).micrograms / self.scale.size,
            }
            for year in self.forecast.years
        ]
        line = [self.point(year, amount, self.ahead) for year, amount in start]
        line += [self.point(year.year, year.expected, self.ahead) for year in self.forecast.years]
        area = {"type": "area", "opacity": 0.18}
        ends = [
            self.point(
                year.year,
                year.expected,
                self.ahead,
                text=[self.words["forecast_year"].format(year=year.year), self.text(year.expected)],
            )
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
                "encoding": {**self.said(), "color": {"value": self.canvas.coloured(_BROWN)}},
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
            return [self.words[f"on_{where}"]]
        amount = self.text(Emissions(abs(difference.micrograms)))
        if difference.micrograms > 0:
            return [f"+{amount}", self.words[f"above_{where}"]]
        return [amount, self.words[f"below_{where}"]]

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
            "color": self.canvas.coloured(colour),
            "fontWeight": 600,
            "lineHeight": 15,
            "baseline": "middle",
        }
        place = {"x": {"field": "x"}, "color": {"value": colour}}
        said = {**place, "y": {"field": "middle"}, "text": {"field": "text"}, "color": {"value": self.canvas.coloured(colour)}}
        return [
            {"data": {"values": [row]}, "mark": rule, "encoding": {**place, "y": {"field": "y"}, "y2": {"field": "y2"}}},
            {"data": {"values": [row]}, "mark": text, "encoding": said},
        ]

    def target_layers(self) -> list[dict[str, Any]]:
        amount = self.progress.target_emissions
        row = self.point(
            self.target, amount, self.path, text=[self.words["target_year"].format(year=self.target), self.text(amount)]
        )
        shift = -14 if amount.micrograms < self.top * 0.1 else 16 if self.close() is not None and self.forecast is not None else 0
        dot = {"type": "point", "shape": "circle", "filled": True, "size": 120, "opacity": 1}
        text = {"type": "text", "align": "left", "dx": 10, "dy": shift, "fontWeight": 600, "lineHeight": 15}
        return [
            {"data": {"values": [row]}, "mark": dot, "encoding": _XY},
            {
                "data": {"values": [row]},
                "mark": {**text, "baseline": "middle"},
                "encoding": self.said(),
            },
        ]


_XY: Final[dict[str, Any]] = {"x": {"field": "x"}, "y": {"field": "y"}, "color": {"field": "series"}}
