"""Charts on a page: as wide as they are told, in the page's ink and language; and on a sheet of their own as ever."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from greencloud.errors import QuantityError
from greencloud.goal.neutrality import neutrality
from greencloud.report.abatement_chart import abatement_chart
from greencloud.report.bridge_chart import bridge_chart
from greencloud.report.chart_words import chart_words
from greencloud.report.drawing import SHEET, Canvas, draw
from greencloud.report.neutrality_chart import neutrality_chart
from greencloud.report.trajectory_chart import trajectory_chart
from greencloud.results.bridges import Bridge, BridgeLine, BridgeSection
from greencloud.units import Emissions
from instrument_builders import TONNE, removal
from test_goal_neutrality import YEAR, used
from test_report_forecasts import KT, plan_of
from test_report_trajectory import forecast, standing

PLAN = plan_of([(3 * KT, -4, True), (5 * KT, 9, True), (2 * KT, 30, False)], 7 * KT)  # type: ignore[list-item]
CLAIM = neutrality(
    year=YEAR,
    goal="goals/zero",
    scopes=("scope1",),
    residual=Emissions(100 * TONNE),
    base=Emissions(140 * TONNE),
    path=Emissions(90 * TONNE),
    instruments=[used(removal(durability=years), 20, years) for years in (50, 500, 5_000)],
)
BRIDGE = Bridge(
    YEAR,
    1,
    3_600,
    31_536_000,
    (
        BridgeSection(
            "scope1",
            None,
            (
                BridgeLine("statements", "Customers", Emissions(50 * TONNE)),
                BridgeLine("unsold", "Unsold", Emissions(20 * TONNE)),
                BridgeLine("outside_ledger", "Cars", Emissions(-30 * TONNE)),
            ),
            Emissions(70 * TONNE),
            Emissions(45 * TONNE),
            Emissions(5 * TONNE),
            "look",
        ),
    ),
)
Chart = Callable[[Canvas], dict[str, Any]]
CHARTS: Mapping[str, Chart] = {
    "trajectory": lambda canvas: trajectory_chart(standing(120), forecast(95), canvas),
    "trajectory alone": lambda canvas: trajectory_chart(standing(40), None, canvas),
    "bridge": lambda canvas: bridge_chart(BRIDGE, "market", canvas),
    "neutrality": lambda canvas: neutrality_chart(CLAIM, canvas=canvas),
    "abatement": lambda canvas: abatement_chart(PLAN, canvas),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [860, 330])
@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_fits_the_page(chart: Chart, width: int, language: str) -> None:
    spec = chart(Canvas.of_page(width, language))

    assert "title" not in spec
    svg = draw(spec, "svg").decode()
    found = re.search(r'<svg[^>]* width="([\d.]+)"', svg)
    assert found
    assert width * 0.8 <= float(found[1]) <= width * 1.06
    words = re.findall(r'<text[^>]*fill="([^"]*)"', svg)
    assert words
    within = {"#111827", "#9A3412", "white"} if chart is CHARTS["neutrality"] else set()  # words within a part of a column
    assert set(words) <= {"currentColor", *within}
    assert ("路径" in svg or "CO2e" in svg) if language == "zh" else not re.search("[一-鿿]", svg)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_sheet_of_its_own_has_its_title_and_is_white(chart: Chart) -> None:
    spec = chart(SHEET)

    assert spec["title"]["text"]
    assert "config" not in spec
    assert "currentColor" not in json.dumps(spec)


def test_words_are_whole_in_both_languages_with_the_same_blanks() -> None:
    english, chinese = chart_words("en"), chart_words("zh")

    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key
    with pytest.raises(QuantityError, match="do not speak"):
        chart_words("xx")
