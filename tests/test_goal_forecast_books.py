"""Measures as resources of the provider's books, and the forecasts and plans that are made of them."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from forecast_world import GOAL, SOLAR, TONNE, book, history, opened
from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.goal import ProviderBooks
from greencloud.results.forecasts import Measure, Overlap, Scenario
from greencloud.results.goals import BusinessMetric, GoalKind
from greencloud.results.inventory import InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions


@pytest.fixture
def books(tmp_path: Path) -> ProviderBooks:
    opened_books = opened(tmp_path)
    history(opened_books, 500, 520, 505, 530, 540)
    opened_books.create_goal(GOAL)
    return opened_books


def test_a_measure_is_created_once_read_updated_and_deleted(books: ProviderBooks) -> None:
    made = books.create_measure(SOLAR, reason="board of May")

    assert made == replace(SOLAR, created_by="ann")
    assert books.create_measure(SOLAR) == made
    assert books.by("bob").update_measure(replace(SOLAR, ramp_years=2), etag="1") == replace(made, ramp_years=2, revision=2)
    assert books.update_measure(replace(SOLAR, ramp_years=2)).revision == 2
    assert [measure.etag for measure in books.list_measures()] == ["2"]
    books.delete_measure("measures/solar", etag="2", reason="not built")
    assert books.list_measures() == []
    assert books.create_measure(SOLAR).revision == 3  # an etag never means two things
    assert [change.reason for change in books.journal.changes() if change.kind.startswith("measures")][::3] == ["board of May", ""]


def test_what_was_changed_meanwhile_or_is_there_already_is_not_overwritten(books: ProviderBooks) -> None:
    books.create_measure(SOLAR)

    with pytest.raises(ConflictError) as conflict:
        books.create_measure(replace(SOLAR, ramp_years=1))
    assert conflict.value.in_force == "1"
    for stale in (
        lambda: books.update_measure(replace(SOLAR, ramp_years=1), etag="7"),
        lambda: books.delete_measure("measures/solar", etag="7"),
    ):
        with pytest.raises(ConflictError):
            stale()
    for name in ("measures/none", "solar"):
        with pytest.raises(NotFoundError):
            books.get_measure(name)
        with pytest.raises(NotFoundError):
            books.delete_measure(name)
    with pytest.raises(NotFoundError):
        books.update_measure(replace(SOLAR, id="none"))


def test_of_many_who_update_the_same_measure_one_succeeds(books: ProviderBooks) -> None:
    books.create_measure(SOLAR)
    refused: list[ConflictError] = []

    def update(years: int) -> None:
        try:
            books.by(f"user{years}").update_measure(replace(SOLAR, ramp_years=years), etag="1")
        except ConflictError as error:
            refused.append(error)

    threads = [threading.Thread(target=update, args=(years,)) for years in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7
    assert books.get_measure("measures/solar").revision == 2


def test_a_measure_that_another_overlaps_with_stays(books: ProviderBooks) -> None:
    books.create_measure(SOLAR)
    books.create_measure(replace(SOLAR, id="wind", overlaps=(Overlap("measures/solar", Fraction(1, 4)),)))

    with pytest.raises(GoalError, match="measures/wind"):
        books.delete_measure("measures/solar")
    books.delete_measure("measures/wind")
    books.delete_measure("measures/solar")


def test_a_forecast_is_of_the_goal_s_scopes_and_says_where_it_ends(books: ProviderBooks) -> None:
    book(books, ("2024", "scope1", None, 9_000))  # of no concern to the goal

    found = books.forecast_goal()

    assert [amount.micrograms // TONNE for _, amount in found.history] == [1000, 1040, 1010, 1060, 1080]
    assert [str(each.year) for each in found.years] == ["2025", "2026", "2027", "2028", "2029", "2030"]
    assert found.target == Emissions(500 * TONNE)
    assert found.gap == Emissions(700 * TONNE)  # the drift of 20 t a year leads to 1,200
    assert found.years[0].path == Emissions(750 * TONNE)
    assert found.probability is not None
    assert found.probability < 0.05
    assert found.backtest.origins == 2


def test_the_grid_is_of_scope_2_and_of_category_3(books: ProviderBooks) -> None:
    """Of 1,200 t half is Scope 2 and 120 category 3, which a grid that halves every year leaves a half of."""
    book(books, ("2025", "scope2_market_based", None, 600), ("2025", "scope3", 3, 120), ("2025", "scope3", 1, 480))

    found = books.forecast_goal(scenario=Scenario("s", "S", Fraction(0), Fraction(1, 2)))

    assert found.years[0].expected.micrograms / TONNE == pytest.approx(480 + 720 / 2)


def test_committed_measures_lower_the_forecast_by_what_is_not_in_history_yet(books: ProviderBooks) -> None:
    before = books.forecast_goal().gap
    books.create_measure(replace(SOLAR, id="old", start=ReportingYear(2023), ramp_years=3, committed=True))
    books.create_measure(replace(SOLAR, id="new", committed=True, overlaps=(Overlap("measures/old", Fraction(1, 10)),)))

    found = books.forecast_goal()

    # by 2024 the old one brought a half; in 2030 both bring 100 and lose a tenth of it
    assert (before - found.gap).micrograms == (190 - 50) * TONNE
    assert any("Committed measures are taken off" in note for note in found.notes)


def test_a_measure_that_ends_before_the_target_year_is_missed_there(books: ProviderBooks) -> None:
    before = books.forecast_goal().gap
    books.create_measure(replace(SOLAR, start=ReportingYear(2022), lifetime_years=5, committed=True))

    assert (books.forecast_goal().gap - before).micrograms == 100 * TONNE


def test_a_plan_closes_the_gap_of_the_forecast(books: ProviderBooks) -> None:
    for name, tonnes, cost in (("a", 400, 100), ("b", 350, 120), ("c", 310, 90), ("d", 50, -5)):
        reduction = Emissions(tonnes * TONNE)
        books.create_measure(replace(SOLAR, id=name, reduction=reduction, capital_cost=Fraction(0), annual_cost=Fraction(cost)))

    found = books.plan_goal(discount_rate=Fraction(3, 100))

    assert found.gap == books.forecast_goal().gap
    assert [step.measure[-1] for step in found.steps if step.chosen] == ["d", "a", "c"]
    assert (found.annual_cost, found.currency, found.scenario) == (Fraction(185), "CNY", "history")
    alone = books.plan_goal("goals/half", measures=["measures/b"])
    assert alone.remaining == Emissions(350 * TONNE)
    assert books.plan_goal(measures="measures/b") == alone


def test_measures_of_other_scopes_do_not_count_and_those_that_reach_beyond_are_named(books: ProviderBooks) -> None:
    books.create_measure(replace(SOLAR, id="fleet", scopes=("scope1",)))
    books.create_measure(replace(SOLAR, id="site", scopes=("scope1", "scope3")))

    found = books.plan_goal()

    assert found.steps == ()
    assert any("beyond the goal's scopes" in note and "measures/site" in note for note in found.notes)
    for name in ("measures/fleet", "measures/site"):
        with pytest.raises(GoalError) as error:
            books.plan_goal(measures=[name])
        assert error.value.key == "measures"
    with pytest.raises(NotFoundError):
        books.plan_goal(measures=["measures/none"])


def test_a_committed_measure_is_not_for_choice(books: ProviderBooks) -> None:
    books.create_measure(replace(SOLAR, committed=True))

    assert books.plan_goal().steps == ()
    with pytest.raises(GoalError, match="committed"):
        books.plan_goal(measures=["measures/solar"])


def test_what_should_have_begun_begins_with_the_years_ahead(books: ProviderBooks) -> None:
    books.create_measure(replace(SOLAR, start=ReportingYear(2021), ramp_years=9, lifetime_years=20))

    (step,) = books.plan_goal().steps

    assert step.reduction == Emissions(60 * TONNE)  # from 2025, the sixth of ten steps in 2030
    assert any("begin in 2025" in note for note in books.plan_goal().notes)


def test_what_is_not_booked_cannot_be_forecast(tmp_path: Path) -> None:
    books = opened(tmp_path)
    with pytest.raises(NotFoundError):
        books.forecast_goal()
    books.create_goal(GOAL)
    with pytest.raises(GoalError) as error:
        books.forecast_goal()
    assert error.value.key == "history"
    history(books, 5, first=2030)
    with pytest.raises(GoalError) as error:
        books.forecast_goal()
    assert error.value.key == "target_year"


def test_two_years_of_another_kind_that_share_days_are_not_both_history(tmp_path: Path) -> None:
    books = opened(tmp_path)
    history(books, 100, 101, 102)
    books.create_goal(GOAL)
    book(books, ("FY2023", "scope2_market_based", None, 200), ("FY2023", "scope3", 1, 10))

    found = books.forecast_goal()

    assert [str(year) for year, _ in found.history] == ["2020", "2021", "2022", "FY2023"]
    assert str(found.years[0].year) == "2024"


def test_an_intensity_goal_is_measured_by_its_metric_which_grows_with_the_scenario(books: ProviderBooks) -> None:
    values = ((ReportingYear(2020), Fraction(10)), (ReportingYear(2024), Fraction(20)))
    books.create_business_metric(BusinessMetric("revenue", "Revenue", "million CNY", values))
    books.create_goal(replace(GOAL, id="intensity", kind=GoalKind.INTENSITY, metric="businessMetrics/revenue"))

    steady = books.forecast_goal("goals/intensity")
    growing = books.forecast_goal("goals/intensity", scenario=Scenario("g", "G", Fraction(1, 10)))

    assert steady.target == Emissions(1000 * TONNE)  # half of 100 t per million, of 20 million
    assert growing.target.micrograms / TONNE == pytest.approx(1000 * 1.1**6)
    assert any("stays as it is" in note for note in steady.notes)
    assert any("scenario's rate" in note for note in growing.notes)


def test_the_progress_of_a_goal_warns_of_its_forecast(books: ProviderBooks) -> None:
    found = books.get_goal_progress()

    (alert,) = [alert for alert in found.alerts if alert.kind == "forecast_above_target"]
    assert alert.emissions == Emissions(700 * TONNE)


def test_the_fold_is_the_same_however_it_is_reached(books: ProviderBooks, tmp_path: Path) -> None:
    for number in range(5):
        books.create_measure(replace(SOLAR, id=f"m{number}"))
    books.delete_measure("measures/m3")

    assert opened(tmp_path).list_measures() == books.list_measures()
    assert [measure.id for measure in books.list_measures()] == ["m0", "m1", "m2", "m4"]


def test_there_is_an_end_to_the_number_of_measures(books: ProviderBooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greencloud.goal.measures.MOST_MEASURES", 2)
    made = [books.create_measure(replace(SOLAR, id=f"m{number}")) for number in range(2)]

    with pytest.raises(GoalError, match="already"):
        books.create_measure(Measure("more", "More", ("scope3",), ReportingYear(2026), Emissions(1)))
    assert books.update_measure(replace(made[0], ramp_years=1)).ramp_years == 1


def test_two_years_are_no_course_to_warn_of(tmp_path: Path) -> None:
    books = opened(tmp_path / "other")
    for year, tonnes in ((2020, 100), (2022, 180)):
        books.create_inventory_entry(InventoryEntry("", ReportingYear(year), "scope1", None, Emissions(tonnes * TONNE), "report"))
    books.create_goal(replace(GOAL, id="two", scopes=("scope1",), base_year=ReportingYear(2020)))

    assert "forecast_above_target" not in [alert.kind for alert in books.get_goal_progress("goals/two").alerts]
    assert books.forecast_goal("goals/two").years[-1].low is None
