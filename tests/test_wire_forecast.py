"""Forecasts, measures and plans are the same on both sides of the wire."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.results.forecasts import (
    AbatementPlan,
    AbatementStep,
    Backtest,
    Forecast,
    ForecastYear,
    Measure,
    Overlap,
    Scenario,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.v1 import forecast_pb2
from greencloud.wire.forecast import (
    forecast_from_message,
    forecast_to_message,
    fraction_from_text,
    measure_from_message,
    measure_to_message,
    plan_from_message,
    plan_to_message,
    scenario_from_message,
    scenario_to_message,
)
from test_wire import emissions, instants, texts, tuples

years = st.builds(ReportingYear, st.integers(1900, 2199), st.booleans())
fractions = st.fractions(-(10**15), 10**15, max_denominator=10**24)
shares = st.none() | st.floats(0, 10, allow_nan=False)
words = texts.filter(bool)
names = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)

scenarios = st.builds(
    Scenario,
    id=words,
    display_name=words,
    growth_per_year=st.none() | fractions,
    grid_decarbonisation_per_year=fractions,
    efficiency_per_year=fractions,
)
measures = st.builds(
    Measure,
    id=names,
    display_name=texts,
    scopes=tuples,
    start=years,
    reduction=emissions,
    ramp_years=st.integers(0, 99),
    lifetime_years=st.integers(1, 100),
    capital_cost=fractions,
    annual_cost=fractions,
    currency=texts,
    overlaps=st.lists(st.builds(Overlap, measure=texts, share=fractions.filter(bool)), max_size=3).map(tuple),
    committed=st.booleans(),
    source=texts,
    revision=st.integers(1, 10**8),
    created_by=texts,
)
forecasts = st.builds(
    Forecast,
    goal=texts,
    scenario=scenarios,
    model=texts,
    history=st.lists(st.tuples(years, emissions), max_size=3).map(tuple),
    years=st.lists(
        st.builds(
            ForecastYear,
            year=years,
            expected=emissions,
            low=st.none() | emissions,
            high=st.none() | emissions,
            path=emissions,
            required=emissions,
        ),
        max_size=3,
    ).map(tuple),
    target=emissions,
    gap=emissions,
    probability=shares,
    backtest=st.builds(
        Backtest,
        origins=st.integers(0, 200),
        mean_absolute_percentage_error=shares,
        naive_percentage_error=shares,
        interval_coverage=shares,
    ),
    as_of=instants,
    notes=tuples,
)
plans = st.builds(
    AbatementPlan,
    goal=texts,
    scenario=texts,
    target_year=years,
    gap=emissions,
    steps=st.lists(
        st.builds(
            AbatementStep,
            measure=texts,
            display_name=texts,
            reduction=emissions,
            marginal=emissions,
            cost_per_tonne=st.none() | fractions,
            annual_cost=fractions,
            chosen=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    closed=emissions,
    remaining=emissions,
    annual_cost=fractions,
    currency=texts,
    discount_rate=fractions,
    optimal=st.booleans(),
    notes=tuples,
)


@given(scenarios)
def test_a_scenario_survives_the_wire(scenario: Scenario) -> None:
    sent = scenario_to_message(scenario).SerializeToString()
    assert scenario_from_message(forecast_pb2.Scenario.FromString(sent)) == scenario


@given(measures)
def test_a_measure_survives_the_wire(measure: Measure) -> None:
    sent = measure_to_message(measure).SerializeToString()
    assert measure_from_message(forecast_pb2.Measure.FromString(sent)) == measure


@given(forecasts)
def test_a_forecast_survives_the_wire(forecast: Forecast) -> None:
    sent = forecast_to_message(forecast).SerializeToString()
    assert forecast_from_message(forecast_pb2.Forecast.FromString(sent)) == forecast


@given(plans)
def test_a_plan_survives_the_wire(plan: AbatementPlan) -> None:
    sent = plan_to_message(plan).SerializeToString()
    assert plan_from_message(forecast_pb2.AbatementPlan.FromString(sent)) == plan


def test_nothing_said_is_the_scenario_that_history_goes_on() -> None:
    assert scenario_from_message(forecast_pb2.Scenario()) == Scenario()


@pytest.mark.parametrize(("text", "number"), [("", "0"), ("0.05", "1/20"), ("-4e-2", "-1/25"), ("1/3", "1/3"), ("12", "12")])
def test_numbers_are_read_exactly(text: str, number: str) -> None:
    assert fraction_from_text("x", text) == Fraction(number)


@pytest.mark.parametrize("text", ["1/0", "1/00", "five", "1/", "nan", "1" * 81, "1/" + "1" * 81, "0x5", "1_000"])
def test_what_is_no_number_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(QuantityError, match="growth"):
        fraction_from_text("growth", text)
