"""Tables that add up as they are printed, documents without loss, and a curve whose labels keep apart."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_world import GOAL, NOW, SOLAR, history, opened
from greencloud.report.abatement_chart import abatement_chart
from greencloud.report.drawing import draw
from greencloud.report.forecasts import (
    forecast_csv,
    forecast_document,
    forecast_table,
    plan_csv,
    plan_document,
    plan_table,
)
from greencloud.report.measures import measures_csv, measures_document, measures_table
from greencloud.report.trajectory_chart import trajectory_chart
from greencloud.results.forecasts import AbatementPlan, AbatementStep, Backtest, Forecast, ForecastYear, Overlap, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

KT = 10**15
YEAR = ReportingYear(2030)

steps = st.builds(
    lambda effect, cost, chosen: (effect, Fraction(cost, 10**6), chosen),
    st.integers(0, 900 * KT),
    st.integers(-(10**13), 10**13),
    st.booleans(),
)


def plan_of(made: list[tuple[int, Fraction, bool]], gap: int) -> AbatementPlan:
    ranked = sorted(made, key=lambda each: each[1] / each[0] if each[0] else 0)
    built = tuple(
        AbatementStep(
            f"measures/m{place}",
            f"Measure {place}",
            Emissions(effect),
            Emissions(effect),
            cost * 10**12 / effect if effect else None,
            cost,
            chosen,
        )
        for place, (effect, cost, chosen) in enumerate(ranked)
    )
    closed = sum(step.marginal.micrograms for step in built if step.chosen)
    cost = sum((step.annual_cost for step in built if step.chosen), Fraction(0))
    left = Emissions(max(gap - closed, 0))
    return AbatementPlan(
        "goals/g", "s", YEAR, Emissions(gap), built, Emissions(closed), left, cost, "CNY", Fraction(1, 20), optimal=True
    )


@given(st.lists(steps, min_size=1, max_size=12), st.integers(-KT, 2000 * KT))
def test_what_is_printed_of_a_plan_adds_up(made: list[tuple[int, Fraction, bool]], gap: int) -> None:
    plan = plan_of(made, gap)
    rows = [line for line in plan_table(plan).splitlines() if "measures/m" in line and line.startswith("*")]
    (total,) = [line for line in plan_table(plan).splitlines() if line.strip().startswith("plan ")]

    def figure(text: str) -> Fraction:
        return Fraction(0) if text.startswith(("<", "-<")) else Fraction(text.replace(",", ""))

    cells = [row.split() for row in rows]  # * measure Measure N alone marginal per-tonne annual
    assert sum((figure(row[5]) for row in cells), Fraction(0)) == figure(total.split()[1])
    assert sum((figure(row[7]) for row in cells), Fraction(0)) == figure(total.split()[2])


@given(st.lists(steps, max_size=45), st.integers(-KT, 2000 * KT))
def test_blocks_lie_side_by_side_and_labels_keep_apart(made: list[tuple[int, Fraction, bool]], gap: int) -> None:
    plan = plan_of(made, gap)
    spec = abatement_chart(plan)

    json.dumps(spec)
    rects = [layer for layer in spec["layer"] if layer["mark"]["type"] == "rect"]
    blocks = [row for layer in rects for row in layer["data"]["values"]]
    assert len(blocks) == sum(step.marginal.micrograms > 0 for step in plan.steps)
    assert [row["x"] for row in blocks] == [0, *(row["x2"] for row in blocks)][: len(blocks)]
    groups = [row["group"] == "not chosen" for row in blocks]
    assert groups == sorted(groups)  # the plan first
    texts = [layer for layer in spec["layer"] if layer["mark"].get("angle")]
    places = [row["x2"] for layer in texts for row in layer["data"]["values"]]
    whole = spec["encoding"]["x"]["scale"]["domain"][1]
    pixels = [place / whole * spec["width"] for place in places]
    assert all(b - a > 21.9 for a, b in pairwise(pixels))
    assert all(-0.1 <= pixel <= spec["width"] + 0.1 for pixel in pixels)


@pytest.mark.parametrize(
    "plan",
    [
        plan_of([], 5 * KT),
        plan_of([(3 * KT, Fraction(-4), True), (5 * KT, Fraction(9), False), (0, Fraction(1), False)], 2 * KT),
        plan_of([(3 * KT, Fraction(0), True)], -KT),
        plan_of([(3 * KT, Fraction(0), True)], 4 * KT),
    ],
)
def test_every_plan_can_be_drawn(plan: AbatementPlan) -> None:
    svg = draw(abatement_chart(plan), "svg").decode()

    assert "Infinity" not in svg
    assert ("gap" in svg) == (plan.gap.micrograms != 0)


FORECAST = Forecast(
    "goals/g",
    Scenario("s", "S", Fraction(1, 20), Fraction(4, 100)),
    "a model",
    ((ReportingYear(2024), Emissions(7 * KT)),),
    (
        ForecastYear(ReportingYear(2025), Emissions(6 * KT), None, None, Emissions(5 * KT), Emissions(4 * KT)),
        ForecastYear(YEAR, Emissions(5 * KT), Emissions(KT), Emissions(9 * KT), Emissions(KT), Emissions(KT)),
    ),
    Emissions(KT),
    Emissions(4 * KT),
    0.0004,
    Backtest(2, 0.0123, None, 1.0),
    NOW,
    ("a note",),
)


def test_a_forecast_says_what_is_not_known_and_never_that_it_is_zero() -> None:
    table = forecast_table(FORECAST)
    assert "not known" in table
    assert "growth 5 % a year; the grid's factor falls by 4 % a year" in table
    assert "less than 0.1 %" in table
    assert "mean error 1.2 %, as in the last year not known; 100.0 % of what came" in table
    assert "above the target" in table

    document = forecast_document(FORECAST)
    assert document["years"][0]["low"] is None
    assert document["years"][1]["high"]["micrograms"] == 9 * KT
    assert json.loads(json.dumps(document))["probability"] == 0.0004

    known, first, last = csv.DictReader(io.StringIO(forecast_csv(FORECAST)))
    assert (known["known_kg_co2e"], known["expected_kg_co2e"]) == ("7000000.000000000", "")
    assert (first["low_kg_co2e"], last["low_kg_co2e"]) == ("", "1000000.000000000")


def test_a_forecast_below_the_target_says_so_and_too_few_years_have_no_back_test() -> None:
    table = forecast_table(replace(FORECAST, gap=Emissions(-KT), backtest=Backtest(0, None, None, None), probability=None))

    assert "1.000 kt below the target" in table
    assert "too few years" in table
    assert "Probability of meeting the target: not known." in table


def test_measures_are_told_exactly() -> None:
    measure = replace(SOLAR, display_name="=SUM(A1)", annual_cost=Fraction(1, 3), overlaps=(Overlap("measures/b", Fraction(1, 3)),))

    assert "100.00" in measures_table([measure])
    assert measures_table([]) == "There are no measures.\n"
    (row,) = csv.DictReader(io.StringIO(measures_csv([measure])))
    assert (row["display_name"], row["annual_cost"]) == ("'=SUM(A1)", "0.333333")
    (document,) = measures_document([measure])["measures"]
    assert (document["annual_cost"], document["overlaps"][0]["share"]) == ("1/3", "1/3")


def test_a_plan_is_told_exactly_too() -> None:
    plan = plan_of([(3 * KT, Fraction(-4), True), (0, Fraction(9), False)], 4 * KT)

    document = plan_document(plan)
    assert [step["cost_per_tonne"] for step in document["steps"]] == ["-1/750", None]
    assert (document["remaining"]["micrograms"], document["annual_cost"], document["optimal"]) == (KT, "-4", True)
    first, second = csv.DictReader(io.StringIO(plan_csv(plan)))
    assert (first["marginal_kg_co2e"], second["cost_per_tonne"], second["chosen"]) == ("3000000.000000000", "", "false")
    nothing = plan_table(plan_of([], KT))
    assert "no measures to choose from" in nothing
    assert "The plan closes" not in nothing
    assert "\n\n\n" not in nothing


@pytest.mark.parametrize(("low", "said"), [(None, "interval not known"), (Emissions(KT), "95 % interval")])
def test_a_trajectory_says_whether_the_interval_of_its_forecast_is_known(low: Emissions | None, said: str, tmp_path: Path) -> None:
    books = opened(tmp_path)
    history(books, 500, 520)
    books.create_goal(GOAL)
    years = tuple(replace(year, low=low, high=low and Emissions(9 * KT)) for year in FORECAST.years)

    spec = trajectory_chart(books.get_goal_progress(), replace(FORECAST, years=years))

    assert said in draw(spec, "svg").decode()
