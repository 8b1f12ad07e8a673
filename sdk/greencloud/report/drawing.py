"""Charts: a Vega-Lite specification, drawn without a browser.

A chart is a specification as plain data, made by a pure function of result values; ``draw`` puts the house's look over it and makes
the file. Colours are those of Okabe and Ito (2008), which people with any colour vision tell apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from greencloud.errors import MissingExtraError, QuantityError

__all__ = ["CHART_FORMATS", "COLOURS", "PAGE_LOOK", "SHEET", "Canvas", "draw", "styled"]

CHART_FORMATS: Final = ("svg", "png", "pdf", "html", "json")

COLOURS: Final = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "grey": "#6B7280",
    "light": "#D1D5DB",
}

_LOOK: Final = {
    "background": "white",
    "font": "sans-serif",
    "padding": 16,
    "title": {
        "anchor": "start",
        "fontSize": 17,
        "fontWeight": 600,
        "subtitleFontSize": 12.5,
        "subtitleColor": "#4B5563",
        "offset": 14,
    },
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 400,
        "titleColor": "#4B5563",
        "gridColor": "#E5E7EB",
        "domainColor": "#9CA3AF",
        "tickColor": "#9CA3AF",
    },
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "orient": "top", "titleFontWeight": 400},
    "view": {"stroke": None},
    "text": {"fontSize": 12},
}
_INK: Final = "currentColor"
PAGE_LOOK: Final[Mapping[str, Any]] = {
    "background": "transparent",
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 400,
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": "#88888844",
        "domainColor": "#888888",
        "tickColor": "#888888",
    },
    "legend": {"labelFontSize": 12, "orient": "top", "labelColor": _INK, "titleColor": _INK, "symbolType": "square"},
    "title": {"color": _INK, "anchor": "start", "fontSize": 13, "fontWeight": 600, "offset": 8},
    "text": {"color": _INK, "fontSize": 12},
    "padding": 4,
}
"""Of charts within a page: no ground of their own, and the ink of the text around them, so that they are read in the dark too."""

_NARROW: Final = 500
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a chart is drawn on. By itself it is a white sheet with a title, as wide as the chart likes (``width`` None, in pixels).

    ``edge``: between parts that touch, and within hollow dots. ``titled``: False where the page around it says what a title would.
    """

    width: int | None = None
    language: str = "en"
    ink: str = "#111827"
    edge: str = "white"
    titled: bool = True
    look: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_page(cls, width: int, language: str) -> Self:
        """A place on a page, so wide."""
        return cls(width, language, ink=_INK, edge="transparent", titled=False, look=PAGE_LOOK)

    @property
    def narrow(self) -> bool:
        """Whether it is for the screen of a telephone."""
        return self.width is not None and self.width <= _NARROW

    def coloured(self, colour: str) -> str:
        """The ink of words that have a colour of their own on white, where it can be read."""
        return colour if self.titled else self.ink

    def framed(self, spec: Mapping[str, Any], title: Mapping[str, Any]) -> dict[str, Any]:
        """The specification with its title where there is to be one, and with the look."""
        return {**({"title": dict(title)} if self.titled else {}), **spec, **({"config": dict(self.look)} if self.look else {})}


SHEET: Final = Canvas()


def styled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with the schema and the look; what it says itself has the last word."""
    return {"$schema": _SCHEMA, **spec, "config": {**_LOOK, **spec.get("config", {})}}


def draw(spec: Mapping[str, Any], kind: str) -> bytes:
    """The chart as a file of one of ``CHART_FORMATS``; HTML has its scripts within it and asks nothing of the network.

    Raises:
        QuantityError: there is no such format.
        MissingExtraError: greencloud[page] is not installed.
    """
    if kind not in CHART_FORMATS:
        raise QuantityError(f"no chart is drawn as {kind!r}", advice=f"use one of {', '.join(CHART_FORMATS)}")
    whole = styled(spec)
    if kind == "json":
        return json.dumps(whole, indent=2, ensure_ascii=False).encode()
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("a chart", extra="page") from error
    if kind == "svg":
        return str(vl_convert.vegalite_to_svg(whole)).encode()
    if kind == "png":
        return bytes(vl_convert.vegalite_to_png(whole, scale=2))
    if kind == "pdf":
        return bytes(vl_convert.vegalite_to_pdf(whole))
    return str(vl_convert.vegalite_to_html(whole, bundle=True)).encode()
