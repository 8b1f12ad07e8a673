"""Charts become files."""

from __future__ import annotations

import json

import pytest

from greencloud.errors import QuantityError
from greencloud.report.drawing import CHART_FORMATS, draw

SPEC = {
    "title": "Two bars",
    "data": {"values": [{"a": "x", "b": 1}, {"a": "y", "b": 2}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}},
}
BEGINS = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!DOCTYPE html>", "json": b"{"}


@pytest.mark.parametrize("kind", CHART_FORMATS)
def test_a_chart_is_drawn_in_every_format(kind: str) -> None:
    assert draw(SPEC, kind).lstrip().startswith(BEGINS[kind])


def test_a_page_asks_nothing_of_the_network() -> None:
    page = draw(SPEC, "html").decode()
    assert 'src="http' not in page
    assert "<script" in page


def test_what_a_chart_says_has_the_last_word() -> None:
    assert json.loads(draw({**SPEC, "config": {"padding": 3}}, "json"))["config"]["padding"] == 3


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(QuantityError, match="gif"):
        draw(SPEC, "gif")
