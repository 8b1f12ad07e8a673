"""The trajectory chart: what it marks is what the progress says, and Vega draws it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from goal_world import booked, entry, goal_of, year
from greencloud.goal import LedgerYear, progress
from greencloud.report.drawing import COLOURS, draw
from greencloud.report.trajectory_chart import trajectory_chart
from greencloud.results.forecasts import Backtest, Forecast, ForecastYear, Scenario
from greencloud.results.goals import GoalProgress, Milestone
from greencloud.results.inventory import EntryState
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

NOW = datetime(2026, 4, 1, tzinfo=UTC)
T = 10**12


def standing(latest: int) -> GoalProgress:
    goal = goal_of(target_share=Fraction(1, 2), milestones=(Milestone(year("2025"), share=Fraction(3, 4)),))
    books = booked(entry("2020", "scope1", 100 * T), entry("FY2024", "scope1", latest * T, state=EntryState.DRAFT), month=4)
    return progress(goal, books, {}, LedgerYear(2026, 0), NOW)


def forecast(expected: int) -> Forecast:
    years = tuple(
        ForecastYear(
            ReportingYear(number),
            Emissions(expected * T),
            Emissions(expected * T // 2),
            Emissions(2 * expected * T),
            Emissions(),
            Emissions(),
        )
        for number in range(2025, 2031)
    )
    history = ((year("FY2024"), Emissions(90 * T)),)
    target = Emissions(50 * T)
    gap = Emissions((expected - 50) * T)
    return Forecast("goals/g", Scenario(), "m", history, years, target, gap, None, Backtest(0, None, None, None), NOW)


def rows(chart: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for layer in chart["layer"] for row in layer["data"]["values"]]


def words(chart: dict[str, Any]) -> str:
    """What is written, each once: a mark and its label may have one row."""
    texts = [row["text"] for layer in chart["layer"] if layer["mark"]["type"] == "text" for row in layer["data"]["values"]]
    return " | ".join(text if isinstance(text, str) else " ".join(text) for text in texts)


def test_points_stand_where_their_years_end_and_are_what_the_progress_says() -> None:
    found = standing(120)
    chart = trajectory_chart(found)

    points = {(row["year"], row["series"]): (row["x"], row["y"]) for row in rows(chart) if "series" in row}
    assert points["2020", "Inventory"] == (2020, 100)
    assert points["FY2024", "Inventory"] == (2023.25, 120)  # it ends in March 2024, a quarter after 2023 does
    assert points["2030", "Path"] == (2030, 50)
    assert points["FY2024", "Path"][1] == pytest.approx(float(Fraction(100) - 25 * Fraction(39, 60)))
    drafts = {row["year"]: row["draft"] for row in rows(chart) if "draft" in row}
    assert drafts == {"2020": False, "FY2024": True}


@pytest.mark.parametrize(
    ("latest", "ahead", "said", "colour"),
    [
        (120, None, "+36.25 t above the path", "red"),
        (85, None, "+1.25 t above the path", None),
        (40, None, "43.75 t below the path", "green"),
        (120, 95, "+45.00 t above the target", "red"),
        (120, 52, "+2.00 t above the target", None),
        (120, 20, "30.00 t below the target", "green"),
    ],
)
def test_the_gap_is_marked_with_its_amount(latest: int, ahead: int | None, said: str, colour: str | None) -> None:
    chart = trajectory_chart(standing(latest), None if ahead is None else forecast(ahead))

    assert words(chart).count(said) == 1
    rules = [layer["mark"]["color"] for layer in chart["layer"] if layer["mark"]["type"] == "rule"]
    assert rules == ([COLOURS[colour]] if colour else rules)
    assert len(rules) == 1


def test_milestones_target_and_status_are_told() -> None:
    chart = trajectory_chart(standing(120), forecast(95))

    assert "milestone" in words(chart)
    assert "target 2030" in words(chart)
    assert "forecast 2030" in words(chart)
    assert "off track as of 2026-04-01" in chart["title"]["subtitle"][1]
    assert "Scope 1" in chart["title"]["subtitle"][0]


@pytest.mark.parametrize("ahead", [None, 95])
def test_vega_draws_it(ahead: int | None) -> None:
    chart = trajectory_chart(standing(120), None if ahead is None else forecast(ahead))

    json.dumps(chart)
    svg = draw(chart, "svg").decode()
    assert svg.startswith("<svg")
    assert "above the" in svg
