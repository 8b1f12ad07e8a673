"""The forecast: what it keeps, how wide it is, and that what comes lies within it as often as it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greencloud.errors import GoalError
from greencloud.goal.backtest import backtest
from greencloud.goal.drift import Drift
from greencloud.goal.forecast import ForecastBasis, expected_gap, forecast, years_ahead
from greencloud.results.forecasts import Forecast, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TONNE = 10**12
HISTORY = "history"


def basis_of(amounts: list[int], *, target: int = 0, until: int = 2028, first: int = 2020, electricity: int = 0) -> ForecastBasis:
    history = [(ReportingYear(first + place), Emissions(amount)) for place, amount in enumerate(amounts)]
    ahead = years_ahead(history[-1][0], ReportingYear(until), 1)
    return ForecastBasis(
        "goals/g", history, [(year, Emissions(target)) for year in ahead], Emissions(target), 1, Emissions(electricity)
    )


amounts = st.integers(0, 10**15)
histories = st.lists(amounts, min_size=1, max_size=6)
rates = st.fractions(Fraction(-1, 2), Fraction(1, 2), max_denominator=100)
scenarios = st.builds(Scenario, growth_per_year=st.none() | rates, grid_decarbonisation_per_year=rates, efficiency_per_year=rates)


@given(histories, amounts, scenarios)
def test_a_forecast_begins_after_what_is_known_and_ends_at_the_target(history: list[int], target: int, scenario: Scenario) -> None:
    found = forecast(basis_of(history, target=target), scenario, NOW)

    assert [each.year.year for each in found.years] == list(range(2020 + len(history), 2029))
    assert found.years[-1].required == found.target == Emissions(target)
    assert found.gap == found.years[-1].expected - found.target
    for each in found.years:
        assert each.expected >= Emissions(0)
        if each.low is not None and each.high is not None:
            assert Emissions(0) <= each.low <= each.expected <= each.high


@given(histories, scenarios)
def test_a_year_further_ahead_is_never_known_better(history: list[int], scenario: Scenario) -> None:
    found = forecast(basis_of(history), scenario, NOW)

    widths = [each.high - each.expected for each in found.years if each.high is not None]
    assert widths == sorted(widths)


@given(histories)
def test_without_growth_and_decarbonisation_the_last_year_stays(history: list[int]) -> None:
    found = forecast(basis_of(history), Scenario(growth_per_year=Fraction(0)), NOW)

    assert {each.expected.micrograms for each in found.years} == {history[-1]}


@given(histories, amounts)
def test_the_gap_alone_is_that_of_the_forecast(history: list[int], target: int) -> None:
    basis = basis_of(history, target=target)

    assert expected_gap(basis) == forecast(basis, Scenario(), NOW).gap


@given(histories, amounts)
def test_what_is_required_is_a_straight_line(history: list[int], target: int) -> None:
    found = forecast(basis_of(history, target=target), Scenario(), NOW)

    line = [history[-1], *(each.required.micrograms for each in found.years)]
    steps = [b - a for a, b in pairwise(line)]
    assert max(steps) - min(steps) <= 2


@given(histories, amounts, amounts)
def test_the_probability_is_greater_for_a_target_that_asks_for_less(history: list[int], one: int, other: int) -> None:
    low, high = sorted((one, other))
    found = [forecast(basis_of(history, target=target), Scenario(), NOW).probability for target in (low, high)]

    assert (found[0] is None) == (found[1] is None)
    if found[0] is not None and found[1] is not None:
        assert 0 <= found[0] <= found[1] <= 1


def test_a_target_at_what_is_expected_is_met_every_other_time_and_at_the_bound_one_time_in_forty() -> None:
    history = [amount * TONNE for amount in (100, 98, 97, 95, 94, 92)]
    last = forecast(basis_of(history, until=2028), Scenario(), NOW).years[-1]
    assert last.low is not None
    assert last.low > Emissions(0)

    for target, probability in ((last.expected, 0.5), (last.low, 0.025)):
        found = forecast(basis_of(history, target=target.micrograms, until=2028), Scenario(), NOW)
        assert found.probability == pytest.approx(probability, abs=1e-5)


def test_the_growth_compounds_and_the_grid_takes_its_share() -> None:
    basis = basis_of([1000 * TONNE], until=2022, electricity=400 * TONNE)
    scenario = Scenario("s", "S", Fraction(10, 100), Fraction(50, 100), Fraction(20, 100))

    found = forecast(basis, scenario, NOW)

    expected = 1000 * 1.1**2 * 0.8**2 * (0.4 * 0.5**2 + 0.6)
    assert found.years[-1].expected.micrograms / TONNE == pytest.approx(expected)


def test_the_interval_of_a_scenario_is_in_proportion_that_of_the_model() -> None:
    history = [amount * TONNE for amount in (100, 101, 99, 103, 100)]
    model = forecast(basis_of(history), Scenario(), NOW)
    halved = forecast(basis_of(history), Scenario(growth_per_year=Fraction(0), efficiency_per_year=Fraction(1, 2)), NOW)
    steady = forecast(basis_of(history), Scenario(growth_per_year=Fraction(0)), NOW)

    for one, other in zip(model.years, steady.years, strict=True):
        assert one.high is not None
        assert other.high is not None
        assert (one.high - one.expected).micrograms == pytest.approx((other.high - other.expected).micrograms)
    first = halved.years[0]
    assert first.high is not None
    assert steady.years[0].high is not None
    half = (steady.years[0].high - steady.years[0].expected).micrograms / 2
    assert (first.high - first.expected).micrograms == pytest.approx(half)


@pytest.mark.parametrize("history", [[5], [5, 7], [5, 5, 5, 5], [5 * TONNE, 6 * TONNE, 7 * TONNE]])
def test_what_cannot_be_known_is_said_and_no_interval_is_made_up(history: list[int]) -> None:
    found = forecast(basis_of(history), Scenario(), NOW)

    assert {(each.low, each.high) for each in found.years} == {(None, None)}
    assert found.probability is None
    assert any("not known" in note for note in found.notes)
    assert any("three" in note for note in found.notes) == (len(history) < 3)


def test_three_years_give_an_interval_that_is_told_to_be_wide() -> None:
    found = forecast(basis_of([100 * TONNE, 110 * TONNE, 115 * TONNE]), Scenario(), NOW)

    first = found.years[0]
    assert first.low is not None
    assert first.high is not None
    assert first.high - first.low > Emissions(50 * TONNE)
    assert any("wide" in note for note in found.notes)


def test_committed_measures_lower_the_forecast_and_are_told() -> None:
    basis = basis_of([100, 100], until=2023)
    lowered = replace(basis, committed={ReportingYear(2023): Emissions(30)})

    found = forecast(lowered, Scenario(), NOW)

    assert [each.expected.micrograms for each in found.years] == [100, 70]
    assert any("Committed" in note for note in found.notes)
    assert not any("Committed" in note for note in forecast(basis, Scenario(), NOW).notes)


def test_fiscal_and_calendar_years_lie_on_one_line_of_time() -> None:
    """2020 to FY2022 (from April) are five quarters; a drift of 5 in them is 4 a year."""
    history = [(ReportingYear(2020), Emissions(100 * TONNE)), (ReportingYear(2022, True), Emissions(105 * TONNE))]
    ahead = years_ahead(history[-1][0], ReportingYear(2024), 4)
    found = forecast(ForecastBasis("goals/g", history, [(year, Emissions()) for year in ahead], Emissions(), 4), Scenario(), NOW)

    assert [str(each.year) for each in found.years] == ["2022", "2023", "2024"]
    assert [each.expected.micrograms // TONNE for each in found.years] == [108, 112, 116]


@pytest.mark.parametrize(
    ("scenario", "key"),
    [
        (Scenario(growth_per_year=Fraction(-1)), "growth_per_year"),
        (Scenario(growth_per_year=Fraction(11)), "growth_per_year"),
        (Scenario(growth_per_year=Fraction(9)), "growth_per_year"),  # comes to more than there is
        (Scenario(grid_decarbonisation_per_year=Fraction(1)), "grid_decarbonisation_per_year"),
        (Scenario(efficiency_per_year=Fraction(-2)), "efficiency_per_year"),
        (Scenario(efficiency_per_year=Fraction(1, 10**10)), "efficiency_per_year"),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused(scenario: Scenario, key: str) -> None:
    with pytest.raises(GoalError) as error:
        forecast(basis_of([10**20], until=2060), scenario, NOW)
    assert error.value.key == key


def test_nothing_to_forecast_from_or_to_is_refused() -> None:
    basis = basis_of([1])
    for empty, key in ((replace(basis, history=[]), "history"), (replace(basis, path=[]), "target_year")):
        with pytest.raises(GoalError) as error:
            forecast(empty, Scenario(), NOW)
        assert error.value.key == key
    with pytest.raises(GoalError, match="same time"):
        Drift.fit([(Fraction(1), 5), (Fraction(1), 6)])


def walk(random: np.random.Generator, count: int) -> list[tuple[Fraction, int]]:
    series = 1_000 + np.cumsum(random.normal(-20, 40, count))
    return [(Fraction(place), int(value * TONNE)) for place, value in enumerate(series)]


def line(random: np.random.Generator, count: int) -> list[tuple[Fraction, int]]:
    series = 1_000 - 20 * np.arange(count) + random.normal(0, 40, count)
    return [(Fraction(place), int(value * TONNE)) for place, value in enumerate(series)]


def covered(drift: Drift, known: int, later: tuple[Fraction, int]) -> bool:
    ahead = later[0] - (known - 1)
    scale = drift.scale(ahead)
    assert scale is not None
    return abs(drift.expected(ahead) - later[1]) <= scale * drift.quantile


@pytest.mark.parametrize("known", [3, 5, 12])
def test_the_interval_holds_what_comes_as_often_as_it_says(known: int) -> None:
    """Of 600 walks 95 % with a standard error of 0.9 %, one year ahead and six; a line with noise is held as often or more."""
    random = np.random.default_rng(8)
    held = {"walk": [0, 0], "line": [0, 0]}
    for _ in range(600):
        for name, make in (("walk", walk), ("line", line)):
            series = make(random, known + 6)
            drift = Drift.fit(series[:known])
            for place, ahead in enumerate((1, 6)):
                held[name][place] += covered(drift, known, series[known - 1 + ahead])

    assert all(560 <= count <= 580 for count in held["walk"])
    assert all(count >= 560 for count in held["line"])


def test_the_fit_is_that_of_the_formulas() -> None:
    """The estimates of a walk with drift on unequal steps, by hand: the drift is the whole change over the whole time."""
    points = [
        (Fraction(0), 100 * TONNE),
        (Fraction(5, 4), 110 * TONNE),
        (Fraction(9, 4), 105 * TONNE),
        (Fraction(13, 4), 120 * TONNE),
    ]
    drift = 20 / 3.25
    steps = [(1.25, 10.0), (1.0, -5.0), (1.0, 15.0)]
    variance = sum((change - drift * years) ** 2 / years for years, change in steps) / 2

    found = Drift.fit(points)

    assert found.per_year / TONNE == pytest.approx(drift)
    assert found.sigma == pytest.approx(variance**0.5 * TONNE)
    assert found.scale(Fraction(2)) == pytest.approx((variance * (2 + 4 / 3.25)) ** 0.5 * TONNE)
    assert found.quantile == pytest.approx(4.3027, abs=1e-4)  # t of 2 degrees of freedom, by the tables


def test_the_back_test_counts_each_origin_and_each_later_year() -> None:
    points = [(Fraction(place), amount * TONNE) for place, amount in enumerate((100, 110, 120, 131, 140))]

    found = backtest(points)

    # origins after 3 years (120, drift 10: 130 and 140) and after 4 (131, drift 31/3); as last year: 120, 120 and 131
    errors = [1 / 131, 0 / 140, abs(131 + 31 / 3 - 140) / 140]
    naive = [11 / 131, 20 / 140, 9 / 140]
    assert found.origins == 2
    assert found.mean_absolute_percentage_error == pytest.approx(sum(errors) / 3, abs=1e-6)
    assert found.naive_percentage_error == pytest.approx(sum(naive) / 3, abs=1e-6)
    assert found.interval_coverage == 1.0  # of the one origin whose years are not on a line exactly


@given(st.lists(amounts, max_size=3))
def test_too_few_years_have_no_back_test(history: list[int]) -> None:
    found = backtest([(Fraction(place), amount) for place, amount in enumerate(history)])

    assert (found.origins, found.mean_absolute_percentage_error, found.interval_coverage) == (0, None, None)


@given(histories, scenarios)
def test_the_same_question_has_the_same_answer(history: list[int], scenario: Scenario) -> None:
    def ask() -> Forecast:
        return forecast(basis_of(history), scenario, NOW)

    assume(len(history) > 2)
    assert ask() == ask()
