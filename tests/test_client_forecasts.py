"""What both clients send for measures, forecasts and plans, and what they make of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from answering import Answering, answering
from forecast_world import NOW, SOLAR
from greencloud.results.forecasts import AbatementPlan, Backtest, Forecast, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from greencloud.v1 import forecast_pb2 as messages
from greencloud.wire.forecast import forecast_to_message, measure_to_message, plan_to_message, scenario_to_message
from test_client_twins import both

GROWING = Scenario("growing", "Growing", Fraction(1, 20))
FORECAST = Forecast(
    "goals/g", GROWING, "a model", (), (), Emissions(1), Emissions(2), None, Backtest(0, None, None, None), NOW, ("a note",)
)
PLAN = AbatementPlan(
    "goals/g",
    "growing",
    ReportingYear(2030),
    Emissions(5),
    (),
    Emissions(0),
    Emissions(5),
    Fraction(1, 3),
    "CNY",
    Fraction(0),
    optimal=True,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def test_what_is_sent_of_a_measure_is_what_the_caller_says(server: Answering) -> None:
    kept = replace(SOLAR, revision=7, created_by="ann")
    said = measure_to_message(SOLAR)
    said.etag = ""
    for method, ask, request in (
        (
            "CreateMeasure",
            lambda client: client.create_measure(kept, reason="why"),
            messages.CreateMeasureRequest(measure_id="solar", measure=said, reason="why"),
        ),
        ("UpdateMeasure", lambda client: client.update_measure(kept), messages.UpdateMeasureRequest(measure=said)),
    ):
        kind = getattr(messages, f"{method}Response")
        server.will(method, kind(measure=measure_to_message(kept)))
        assert both(server, ask) == (kept, [request])

    server.will("UpdateMeasure", messages.UpdateMeasureResponse(measure=measure_to_message(kept)))
    _, (sent,) = both(server, lambda client: client.update_measure(kept, etag="7"))
    assert sent.measure.etag == "7"


def test_measures_are_read_listed_and_deleted_by_name(server: Answering) -> None:
    server.will("GetMeasure", measure_to_message(SOLAR))
    assert both(server, lambda client: client.get_measure("measures/solar")) == (
        SOLAR,
        [messages.GetMeasureRequest(name="measures/solar")],
    )
    pages = [
        messages.ListMeasuresResponse(measures=[measure_to_message(SOLAR)], next_page_token="more"),
        messages.ListMeasuresResponse(measures=[measure_to_message(replace(SOLAR, id="wind"))]),
    ]
    server.will("ListMeasures", *pages)
    found, sent = both(server, lambda client: client.list_measures(page_size=1))
    assert [measure.id for measure in found] == ["solar", "wind"]
    assert [request.page_token for request in sent] == ["", "more"]
    server.will("DeleteMeasure", messages.DeleteMeasureResponse())
    assert both(server, lambda client: client.delete_measure("measures/solar", etag="1", reason="why")) == (
        None,
        [messages.DeleteMeasureRequest(name="measures/solar", etag="1", reason="why")],
    )


def test_a_scenario_is_sent_where_there_is_one(server: Answering) -> None:
    server.will("ForecastGoal", messages.ForecastGoalResponse(forecast=forecast_to_message(FORECAST)))
    assert both(server, lambda client: client.forecast_goal()) == (FORECAST, [messages.ForecastGoalRequest(name="goals/-")])
    assert both(server, lambda client: client.forecast_goal("goals/g", scenario=GROWING))[1] == [
        messages.ForecastGoalRequest(name="goals/g", scenario=scenario_to_message(GROWING))
    ]

    server.will("PlanGoal", messages.PlanGoalResponse(plan=plan_to_message(PLAN)))
    found, sent = both(
        server, lambda client: client.plan_goal("goals/g", discount_rate=Fraction(1, 7), measures=iter(["measures/solar"]))
    )
    assert found == PLAN
    assert sent == [messages.PlanGoalRequest(name="goals/g", discount_rate="1/7", measures=["measures/solar"])]
    assert list(both(server, lambda client: client.plan_goal(measures="measures/solar"))[1][0].measures) == ["measures/solar"]
