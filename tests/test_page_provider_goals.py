"""The provider's views of goals, the bridge and instruments: figures are the client's, and what is missing is said in its place."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest

from api_world import Api
from greencloud.errors import NotFoundError, QuantityError
from greencloud.page.view import Caller
from greencloud.report.amounts import kg_decimal
from greencloud.results.forecasts import Scenario
from page_provider_world import caller, columns, looked_at, section, world


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with world(tmp_path_factory.mktemp("provider")) as api:
        yield api


@pytest.fixture(scope="module")
def by(api: Api) -> Caller:
    return caller(api)


def test_the_trajectory_is_that_of_progress_and_forecast(by: Caller) -> None:
    rows = {row["year"]: row for row in columns(section(looked_at(by, "/provider/goals", goal="half"), "trajectory").csv)}

    progress, forecast = by.client.get_goal_progress("goals/half"), by.client.forecast_goal("goals/half")
    for year in progress.years:
        cells = rows[str(year.reporting_year)]
        assert cells["path_kg_co2e"] == kg_decimal(year.path.micrograms)
        assert cells["actual_kg_co2e"] == ("" if year.actual is None else kg_decimal(year.actual.micrograms))
    for ahead in forecast.years:
        assert rows[str(ahead.year)]["expected_kg_co2e"] == kg_decimal(ahead.expected.micrograms)
        assert rows[str(ahead.year)]["required_kg_co2e"] == kg_decimal(ahead.required.micrograms)


def test_a_scenario_of_the_address_is_that_of_forecast_and_plan(by: Caller) -> None:
    given = {"goal": "half", "growth": "-2.5", "grid": "4", "discount": "8"}
    shown = looked_at(by, "/provider/goals", **given)
    scenario = Scenario("page", "As asked for", Fraction(-1, 40), Fraction(1, 25))

    forecast = by.client.forecast_goal("goals/half", scenario=scenario)
    plan = by.client.plan_goal("goals/half", scenario=scenario, discount_rate=Fraction(2, 25))
    last = forecast.years[-1]
    rows = {row["year"]: row for row in columns(section(shown, "trajectory").csv)}
    assert rows[str(last.year)]["expected_kg_co2e"] == kg_decimal(last.expected.micrograms)
    measures = columns(section(shown, "measures").csv)
    assert [(row["measure"], row["annual_cost"]) for row in measures] == [(s.measure, str(s.annual_cost)) for s in plan.steps]
    (form,) = shown.forms
    assert {choice.name: choice.value for choice in form.fields} | given == {choice.name: choice.value for choice in form.fields}
    assert dict(form.kept) == {"period": "2026-11"}


@pytest.mark.parametrize("wrong", ["much", "1e", "5%"])
def test_a_rate_that_is_no_number_is_refused_with_what_to_write(by: Caller, wrong: str) -> None:
    with pytest.raises(QuantityError, match="growth") as refused:
        looked_at(by, "/provider/goals", growth=wrong)
    assert "per cent" in refused.value.advice


@pytest.mark.parametrize("path", ["goals", "instruments"])
def test_a_goal_that_is_not_there_is_not_another(by: Caller, path: str) -> None:
    with pytest.raises(NotFoundError):
        looked_at(by, f"/provider/{path}", goal="nothing")


@pytest.mark.parametrize("path", ["bridge", "instruments"])
def test_a_year_that_is_none_is_refused(by: Caller, path: str) -> None:
    with pytest.raises(QuantityError, match="reporting year"):
        looked_at(by, f"/provider/{path}", year="<script>")


def test_a_claim_of_the_whole_organisation_is_asked_for_by_a_dash(by: Caller) -> None:
    shown = looked_at(by, "/provider/instruments", year="2024", goal="-")

    assert shown.forms[0].fields[1].value == "-"
    assert shown.cards[0].amount.startswith("The organization: 2024")


def test_a_goal_without_a_forecast_says_why(by: Caller) -> None:
    shown = looked_at(by, "/provider/goals", goal="zero")

    assert shown.cards
    assert shown.sections[0].id == "trajectory"


@pytest.mark.parametrize("method", ["market", "location"])
def test_the_bridge_is_that_of_the_year(by: Caller, method: str) -> None:
    shown = looked_at(by, "/provider/bridge", year="2026", method=method)

    bridge = by.client.get_bridge("2026")
    rows = columns(section(shown, "bridge").csv)
    assert [(row["scope"], row["ledger_kg_co2e"], row["difference_kg_co2e"]) for row in rows] == [
        (each.scope, kg_decimal(each.ledger.micrograms), kg_decimal(each.difference.micrograms)) for each in bridge.sections
    ]
    for number, each in enumerate(bridge.sections, 1):
        steps = columns(section(shown, f"section-{number}").csv)
        assert [(step["kind"], step["kg_co2e"]) for step in steps] == [
            (line.kind, kg_decimal(line.emissions.micrograms)) for line in each.lines
        ]
    assert shown.cards[0].amount == ("closes" if bridge.closes else "DOES NOT CLOSE")


def test_the_latest_year_of_the_inventory_comes_first(by: Caller) -> None:
    (form,) = looked_at(by, "/provider/bridge").forms

    assert form.fields[0].value == "2024"
    assert [value for value, _ in form.fields[0].options] == ["2024", "2023", "2022", "2021", "2020"]


def test_a_claim_is_what_the_server_says_of_it(by: Caller) -> None:
    shown = looked_at(by, "/provider/instruments", year="2024", goal="zero")

    claim = by.client.get_neutrality("2024", goal="goals/zero")
    rows = {row["line"]: row for row in columns(section(shown, "claim").csv)}
    for line in claim.lines:
        assert rows[line.kind]["kg_co2e"] == kg_decimal(line.emissions.micrograms)
    assert rows["residual"]["kg_co2e"] == kg_decimal(claim.residual.micrograms)
    assert rows["balance"]["kg_co2e"] == kg_decimal(claim.balance.micrograms)
    held = {row["id"]: row for row in columns(section(shown, "instruments").csv)}
    assert (held["stone"]["unused_units"], held["stoves"]["unused_units"]) == ("60", "80")
    assert set(claim.findings) <= set(shown.notes)


def test_a_year_that_is_not_booked_says_why_and_shows_the_instruments_all_the_same(by: Caller) -> None:
    shown = looked_at(by, "/provider/instruments", year="2023", goal="zero")

    assert any("Nothing can be claimed of 2023" in note for note in shown.notes)
    assert [each.id for each in shown.sections] == ["instruments"]
