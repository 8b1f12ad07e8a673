"""A claim of neutrality as a chart: what the base year emitted, what the year emits, and what balances it.

``neutrality_chart`` gives a Vega-Lite specification for ``greencloud.report.drawing.draw``. Three columns, left to right: the base
year (where there is one), with what was reduced since; the gross residual of the year, which no instrument lowers; and what the
claim rests on, most durable first: removals by class, offset credits, and what is neither removed nor offset. Printed parts add up
to the printed residual.

On the screen of a telephone there is no room for words beside the columns: there they are bars, and a legend says what they are of.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.drawing import COLOURS, SHEET, Canvas
from greencloud.report.rounding import rounded_parts
from greencloud.results.instruments import Neutrality

__all__ = ["neutrality_chart"]

_UNITS: Final = (*EMISSION_UNITS[4:], ("Mt", 10**18), ("Gt", 10**21))
_PARTS: Final = {
    "removal_permanent": (COLOURS["green"], "#111827"),
    "removal_long": ("#66C2A4", "#111827"),
    "removal_short": ("#CCECE1", "#111827"),
    "offset": (COLOURS["orange"], "#111827"),
    "unbalanced": ("#F8D7C4", "#9A3412"),
    "reduced": (COLOURS["light"], "#111827"),
    "above_path": ("#374151", "white"),
    "residual": (COLOURS["grey"], "white"),
}
"""Their colours, and that of the words within."""

_HEIGHT: Final = 400
_LINE: Final = 16
_THIN: Final = 0.045
"""Of the height: a part that is thinner has its label beside it."""


@dataclass(frozen=True, slots=True)
class _Part:
    column: str
    kind: str
    micrograms: int


def neutrality_chart(claim: Neutrality, *, title: str = "", canvas: Canvas = SHEET) -> dict[str, Any]:
    """The chart of a claim; ``title`` instead of the one that says whether it is neutral."""
    drawing = _Drawing(claim, canvas)
    spec = drawing.lying() if canvas.narrow else drawing.standing()
    return canvas.framed(spec, {"text": title or drawing.title(), "subtitle": drawing.subtitle()})


_BESIDE: Final = {"type": "text", "align": "left", "fontSize": 12, "limit": 220}
_COLUMN_AXIS: Final = {"labelAngle": 0, "labelFontSize": 13, "labelPadding": 8, "domain": True, "ticks": False}


class _Drawing:
    """One chart: its columns, their parts, the unit, and the words."""

    def __init__(self, claim: Neutrality, canvas: Canvas) -> None:
        self.claim, self.canvas, self.words = claim, canvas, chart_words(canvas.language)
        self.gross = self.words["gross"].format(year=claim.year)
        columns = self.columns()
        self.top = max(sum(part.micrograms for part in parts) for parts in columns) or 1
        self.scale: Scale = scale_for([self.top], _UNITS)
        self.values = [value for parts in columns for value in self.bars(parts)]
        totals = {parts[0].column: sum(part.micrograms for part in parts) for parts in columns}
        self.captions = {name: f"{self.scale.show(total)} {self.scale.unit}" for name, total in totals.items()}
        self.kinds = [kind for kind in _PARTS if any(value["kind"] == kind for value in self.values)]
        self.bar, self.step = (120, 300) if canvas.width is None else (84, max(180, (canvas.width - 170) // len(columns)))

    def columns(self) -> list[list[_Part]]:
        claim, rests, base = self.claim, self.words["rests_on"], self.words["base_year"]
        amounts = {line.kind: line.emissions.micrograms for line in claim.lines}
        columns = []
        if claim.base is not None:
            reduced = amounts.get("reduced", 0)
            kept = min(claim.base.micrograms, claim.residual.micrograms)
            columns.append([_Part(base, "residual", kept), *([_Part(base, "reduced", reduced)] if reduced > 0 else [])])
        above = 0 if claim.path is None else max(0, claim.residual.micrograms - claim.path.micrograms)
        gross = [_Part(self.gross, "residual", claim.residual.micrograms - above)]
        columns.append([*gross, *([_Part(self.gross, "above_path", above)] if above else [])])
        kinds = ("removal_permanent", "removal_long", "removal_short", "offset")
        parts = [_Part(rests, kind, amounts.get(kind, 0)) for kind in kinds]
        if claim.balance.micrograms > 0:
            parts.append(_Part(rests, "unbalanced", claim.balance.micrograms))
        shown = [part for part in parts if part.micrograms]
        return [*columns, shown or [_Part(rests, "unbalanced", claim.residual.micrograms)]]

    def bars(self, parts: list[_Part]) -> list[dict[str, Any]]:
        """A row a part, one above the other; ``beside`` is where its words stand, apart from those of thin parts that lie close."""
        place = self.scale.size // 10**self.scale.places
        found, start, free = [], 0, self.top * _LINE // (2 * _HEIGHT)
        for part, printed in zip(parts, rounded_parts([part.micrograms for part in parts], place), strict=True):
            beside = max(start + part.micrograms // 2, free)
            free = beside + self.top * _LINE // _HEIGHT
            thin = part.micrograms / self.top < _THIN
            found.append(
                {
                    "column": part.column,
                    "kind": part.kind,
                    "from": start / self.scale.size,
                    "to": (start + part.micrograms) / self.scale.size,
                    "middle": (start + part.micrograms / 2) / self.scale.size,
                    "name": "" if part.kind == "residual" else self.name(part.kind),
                    "text": f"{self.scale.show(printed * place)} {self.scale.unit}",
                    "ink": self.canvas.ink if thin else _PARTS[part.kind][1],
                    "thin": thin,
                    "beside": beside / self.scale.size,
                }
            )
            start += part.micrograms
        return found

    def name(self, kind: str) -> str:
        return self.words["beyond_path" if kind == "above_path" else kind]

    def colour(self, legend: dict[str, Any] | None) -> dict[str, Any]:
        scale = {"domain": self.kinds, "range": [_PARTS[kind][0] for kind in self.kinds]}
        return {"field": "kind", "type": "nominal", "legend": legend, "scale": scale}

    def place(self, axis: dict[str, Any]) -> dict[str, Any]:
        """Of a column, with its name and its total below."""
        text = f"[datum.label, {json.dumps(self.captions)}[datum.label]]"
        order = list(self.captions)
        return {"field": "column", "type": "nominal", "sort": order, "title": None, "axis": {**axis, "labelExpr": text}}

    def standing(self) -> dict[str, Any]:
        x = self.place(_COLUMN_AXIS)
        y = {
            "field": "from",
            "type": "quantitative",
            "title": f"{self.scale.unit} CO2e",
            "axis": {"domain": False, "ticks": False, "tickCount": 6},
        }
        bars = {
            "mark": {"type": "bar", "size": self.bar, "stroke": self.canvas.edge, "strokeWidth": 1},
            "encoding": {"x": x, "y": y, "y2": {"field": "to"}, "color": self.colour(None)},
        }
        return {
            "width": {"step": self.step},
            "height": _HEIGHT,
            "data": {"values": self.values},
            "layer": [bars, *self.path_layers(x), *self.label_layers(x)],
        }

    def lying(self) -> dict[str, Any]:
        y = self.place({"ticks": False, "domain": False, "labelLimit": 130})
        x = {"field": "from", "type": "quantitative", "title": f"{self.scale.unit} CO2e", "axis": {"tickCount": 3}}
        names = json.dumps({kind: self.name(kind) for kind in self.kinds})
        legend = {"title": None, "columns": 1, "labelLimit": 280, "labelExpr": f"{names}[datum.label]"}
        return {
            "width": self.canvas.width,
            "height": 46 * len(self.captions),
            "autosize": {"type": "fit-x", "contains": "padding"},
            "data": {"values": self.values},
            "mark": {"type": "bar", "height": 26},
            "encoding": {"y": y, "x": x, "x2": {"field": "to"}, "color": self.colour(legend)},
        }

    def label_layers(self, x: dict[str, Any]) -> list[dict[str, Any]]:
        """The amount within its part, and what it is beside it; of a thin part both beside it."""
        y = {"field": "middle", "type": "quantitative"}
        within = {
            "transform": [{"filter": "!datum.thin"}],
            "mark": {"type": "text", "fontSize": 13, "fontWeight": 600},
            "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": {"field": "ink", "type": "nominal", "scale": None}},
        }
        beside = {
            "transform": [{"calculate": "datum.thin ? datum.name + ': ' + datum.text : datum.name", "as": "label"}],
            "mark": {**_BESIDE, "dx": self.bar // 2 + 6, "color": self.canvas.coloured("#374151")},
            "encoding": {"x": x, "y": {**y, "field": "beside"}, "text": {"field": "label"}},
        }
        return [within, beside]

    def path_layers(self, x: dict[str, Any]) -> list[dict[str, Any]]:
        """What the goal's path allows to remain, as a line across the column of gross emissions."""
        path, blue = self.claim.path, COLOURS["blue"]
        if path is None:
            return []
        text = self.words["path_amount"].format(amount=f"{self.scale.show(path.micrograms)} {self.scale.unit}")
        data = {"values": [{"path": path.micrograms / self.scale.size, "text": text, "column": self.gross}]}
        y = {"field": "path", "type": "quantitative"}
        size = self.bar + 16
        line = {"mark": {"type": "tick", "orient": "horizontal", "size": size, "thickness": 3, "color": blue, "opacity": 1}}
        said = {"dx": size // 2 + 6, "dy": 9 if self.claim.residual > path else 0, "fontWeight": 600}
        label = {"mark": {**_BESIDE, **said, "color": self.canvas.coloured(blue)}}
        return [
            {"data": data, **line, "encoding": {"x": x, "y": y}},
            {"data": data, **label, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ]

    def title(self) -> str:
        claim = self.claim
        told = "not_neutral" if not claim.neutral else "balanced" if claim.reduction_first else "balanced_late"
        return self.words[told].format(whose=claim.goal.removeprefix("goals/") or self.words["organization"], year=claim.year)

    def subtitle(self) -> list[str]:
        return [", ".join(self.words.get(scope, scope) for scope in self.claim.scopes), self.words["neutrality_note"]]
