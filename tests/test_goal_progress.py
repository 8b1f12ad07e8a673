"""Where the provider stands: compared over the covered seconds only, and unknown wherever it cannot be known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goal_world import Books, booked, entry, year
from goal_world import goal_of as any_goal
from greencloud.goal import LedgerYear, alerts, latest_year, ledger_year
from greencloud.goal import progress as progress_of
from greencloud.goal.ledger_year import ledger_year_of
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, GoalProgress, GoalStatus, Granularity
from greencloud.results.forecasts import Backtest, Forecast, Scenario
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, Milestone
from greencloud.results.inventory import BaseYearAssessment, EntryState
from greencloud.units import Emissions, Energy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = datetime(2026, 11, 23, tzinfo=UTC)


class ListedLedger:
    """Windows with their Scope 1, in lists: what a snapshot answers, written down."""

    def __init__(self, *windows: tuple[str, datetime, int, int]) -> None:
        self.windows = windows  # site, start, seconds, micrograms

    def sites(self) -> list[str]:
        return sorted({site for site, *_ in self.windows})

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]:
        return [
            BatchSummary(
                f"{site}{at}", site, at, at + timedelta(seconds=seconds), "r", "m", "f", "u", "", False, Energy(), Energy(), {}, at
            )
            for site, at, seconds, _ in self.windows
            if (start is None or start <= at) and (end is None or at < end)
        ]

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
        total = sum(micrograms for _, at, _, micrograms in self.windows if query.start <= at < query.end)
        return [FootprintRow(query.start, query.end, {}, scope1=Emissions(total))]


def goal_of(kind: str = "absolute", scopes: tuple[str, ...] = ("scope1",), share: str = "0") -> Goal:
    return any_goal(kind=GoalKind(kind), scopes=scopes, target_share=Fraction(share))


def inventory_of(*entries: tuple[int, str, int | None, int]) -> Books:
    return booked(*(entry(str(year), scope, amount, category) for year, scope, category, amount in entries))


def progress(goal: Goal, books: Books, ledger: LedgerYear, now: datetime) -> GoalProgress:
    return progress_of(goal, books, {}, ledger, now)


BASE = inventory_of((2020, "scope1", None, 10**12))

hours = st.lists(st.integers(0, 40), unique=True)


@given(hours, hours)
def test_only_hours_that_every_site_covers_count(first: list[int], second: list[int]) -> None:
    windows = [("a", START + timedelta(hours=hour), 3600, 2**hour) for hour in first]
    windows += [("b", START + timedelta(hours=hour), 3600, 3 * 2**hour) for hour in second]
    both = set(first) & set(second) if first and second else set(first) | set(second)
    each = 4 if first and second else 1 if first else 3

    found = ledger_year(ListedLedger(*windows), 2026, ("scope1",))

    assert found.covered_seconds == 3600 * len(both)
    assert found.emissions == {"scope1": Emissions(sum(each * 2**hour for hour in both))}


def test_a_window_that_another_site_covers_in_part_is_left_out_with_the_part() -> None:
    quarter = timedelta(minutes=15)
    finer = [("b", START + n * quarter, 900, 10) for n in (0, 1, 2)]
    second = [("b", START + timedelta(hours=1) + n * quarter, 900, 10) for n in range(4)]
    hourly = [("a", START, 3600, 1000), ("a", START + timedelta(hours=1), 3600, 1000)]

    found = ledger_year(ListedLedger(*hourly, *finer, *second), 2026, ("scope1",))

    assert (found.covered_seconds, found.emissions["scope1"]) == (3600, Emissions(1040))


def test_the_years_of_a_ledger_do_not_mix() -> None:
    ledger = ListedLedger(("a", datetime(2025, 12, 31, 23, tzinfo=UTC), 3600, 7), ("a", datetime(2026, 1, 1, tzinfo=UTC), 3600, 11))

    assert [ledger_year(ledger, year, ("scope1",)).emissions["scope1"].micrograms for year in (2025, 2026)] == [7, 11]
    assert latest_year(ledger) == 2026
    assert latest_year(ListedLedger()) is None


@pytest.mark.parametrize(("scopes", "expected"), [(("scope3",), 1 + 4), (("scope2_market_based", "scope3"), 2 + 4)])
def test_scope_3_takes_the_upstream_of_the_method_that_the_goal_uses(scopes: tuple[str, ...], expected: int) -> None:
    class OneRow(ListedLedger):
        def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
            return [
                FootprintRow(
                    query.start,
                    query.end,
                    {},
                    scope3_upstream_location_based=Emissions(1),
                    scope3_upstream_market_based=Emissions(2),
                    scope3_embodied=Emissions(4),
                )
            ]

    assert ledger_year(OneRow(("a", START, 3600, 0)), 2026, scopes).emissions["scope3"] == Emissions(expected)


@given(st.integers(1, 366 * 86_400), st.sampled_from([2024, 2025, 2026]), st.integers(0, 10**15))
def test_the_allowance_is_the_path_in_proportion_to_time_rounded_once(covered: int, year: int, emitted: int) -> None:
    days = 366 if year == 2024 else 365
    covered = min(covered, days * 86_400)
    path = 10**12 * Fraction(2030 - year, 10)

    found = progress(goal_of(), BASE, LedgerYear(year, covered, {"scope1": Emissions(emitted)}), NOW)

    assert found.path_emissions == Emissions(round(path * covered / (days * 86_400)))
    assert found.gap == Emissions(emitted - found.path_emissions.micrograms)
    assert found.status is (GoalStatus.OFF_TRACK if found.gap.micrograms > 0 else GoalStatus.ON_TRACK)


def test_a_whole_leap_year_is_allowed_its_whole_path() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2024, 366 * 86_400, {"scope1": Emissions(1)}), NOW)

    assert found.path_emissions == next(year.path for year in found.years if year.year == 2024)
    assert "(100.00 %)" in found.notes[0]


def test_a_ledger_that_covers_nothing_is_unknown_and_says_so() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2026, 0), NOW)

    assert found.status is GoalStatus.UNKNOWN
    assert found.notes[0] == "The ledger covers nothing of 2026, so nothing is compared."


def test_a_year_before_the_base_has_no_path() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2019, 3600, {"scope1": Emissions(1)}), NOW)

    assert found.status is GoalStatus.UNKNOWN
    assert any("The path begins in 2020" in note for note in found.notes)


def test_years_without_an_inventory_are_not_known_and_are_named() -> None:
    inventory = inventory_of((2020, "scope1", None, 100), (2023, "scope1", None, 0))

    found = progress(goal_of(), inventory, LedgerYear(2026, 0), NOW)

    actual = {year.year: year.actual for year in found.years}
    assert (actual[2020], actual[2023], actual[2021]) == (Emissions(100), Emissions(0), None)
    assert any("2021-2022, 2024-2025" in note for note in found.notes)


def test_a_ledger_that_sees_a_part_of_the_base_can_be_off_track_but_not_on_track() -> None:
    inventory = inventory_of((2020, "scope3", 1, 10**12), (2020, "scope3", 2, 10**12))
    goal = goal_of(scopes=("scope3",), share="0.5")

    below = progress(goal, inventory, LedgerYear(2026, 3600, {"scope3": Emissions(1)}), NOW)
    above = progress(goal, inventory, LedgerYear(2026, 3600, {"scope3": Emissions(10**12)}), NOW)

    assert (below.status, above.status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert any("The base counts category 1" in note for note in below.notes)


class PartlyMetered(ListedLedger):
    """A ledger in which the meters cover only a part of the windows that start at some hours."""

    def __init__(self, hours: set[int], *windows: tuple[str, datetime, int, int]) -> None:
        super().__init__(*windows)
        self.hours = hours

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
        if query.granularity is not Granularity.WINDOW:
            return super().footprint(query)
        return [
            FootprintRow(at, at + timedelta(seconds=seconds), {"site": site}, quality_flags=("modelled", "partial"))
            for site, at, seconds, _ in self.windows
            if query.start <= at < query.end and at.hour in self.hours
        ]


def test_windows_that_are_metered_in_part_are_left_out_with_their_allowance() -> None:
    windows = [(site, START + timedelta(hours=hour), 3600, 10**hour) for site in ("a", "b") for hour in range(3)]

    found = ledger_year(PartlyMetered({1}, *windows), 2026, ("scope1",))

    assert (found.covered_seconds, found.left_out_seconds, found.partial) == (2 * 3600, 3600, False)
    assert found.emissions == {"scope1": Emissions(2 * (1 + 100))}
    assert "3,600 s are left out" in progress(goal_of(), BASE, found, NOW).notes[0]


def test_a_ledger_metered_in_part_alone_can_be_off_track_but_not_on_track() -> None:
    def found(micrograms: int) -> GoalProgress:
        ledger = PartlyMetered({0}, ("a", START, 3600, micrograms))
        return progress(goal_of(), BASE, ledger_year(ledger, 2026, ("scope1",)), NOW)

    assert (found(1).status, found(10**12).status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert found(1).ledger_emissions == Emissions(1)
    assert "lower bound" in found(1).notes[0]


def test_neutrality_is_never_claimed_without_what_balances_the_residual() -> None:
    goal = goal_of("neutrality", share="0.5")
    ledger = LedgerYear(2026, 3600, {"scope1": Emissions(1)})

    before = progress(goal, BASE, ledger, NOW)
    due = progress(goal, BASE, LedgerYear(2030, 3600, {"scope1": Emissions(1)}), NOW)

    assert (before.status, due.status) == (GoalStatus.ON_TRACK, GoalStatus.UNKNOWN)
    assert "removals and credits must balance" in before.notes[-1]
    assert any("From 2030 on" in note for note in due.notes)


def test_a_ledger_whose_meters_cover_part_of_its_windows_is_never_on_track() -> None:
    below = progress(goal_of(), BASE, LedgerYear(2026, 3600, {"scope1": Emissions(1)}, partial=True), NOW)
    above = progress(goal_of(), BASE, LedgerYear(2026, 3600, {"scope1": Emissions(10**15)}, partial=True), NOW)

    assert (below.status, above.status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert any("lower bound" in note for note in below.notes)


def test_the_latest_booked_year_says_where_the_provider_stands_until_the_ledger_says_more() -> None:
    books = inventory_of((2020, "scope1", None, 10**12), (2025, "scope1", None, 6 * 10**11))

    alone = progress(goal_of(), books, LedgerYear(2026, 0), NOW)
    later = progress(goal_of(), books, LedgerYear(2026, 3600, {"scope1": Emissions(1)}), NOW)
    earlier = progress(goal_of(), books, LedgerYear(2025, 3600, {"scope1": Emissions(1)}), NOW)

    assert (alone.status, alone.latest_year, alone.latest_status) == (GoalStatus.OFF_TRACK, year("2025"), GoalStatus.OFF_TRACK)
    assert (later.status, later.latest_status) == (GoalStatus.ON_TRACK, GoalStatus.OFF_TRACK)
    assert earlier.status is GoalStatus.OFF_TRACK


@pytest.mark.parametrize(
    ("latest", "status"), [(2025, GoalStatus.ON_TRACK), (2024, GoalStatus.ON_TRACK), (2023, GoalStatus.UNKNOWN)]
)
def test_an_inventory_of_long_ago_can_be_off_track_but_not_on_track(latest: int, status: GoalStatus) -> None:
    below = inventory_of((2020, "scope1", None, 10**12), (latest, "scope1", None, 0))
    above = inventory_of((2020, "scope1", None, 10**12), (latest, "scope1", None, 10**12))

    assert progress(goal_of(), below, LedgerYear(2026, 0), NOW).status is status
    assert progress(goal_of(), above, LedgerYear(2026, 0), NOW).status is GoalStatus.OFF_TRACK


def test_the_base_year_alone_says_nothing() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2026, 0), NOW)

    assert (found.status, found.latest_year, found.latest_status) == (GoalStatus.UNKNOWN, year("2020"), GoalStatus.UNKNOWN)


def test_progress_never_takes_both_scope_2_methods() -> None:
    books = inventory_of(
        (2020, "scope2_location_based", None, 300), (2020, "scope2_market_based", None, 20), (2021, "scope2_market_based", None, 1)
    )
    by = {
        method: progress(goal_of(scopes=(method,)), books, LedgerYear(2026, 0), NOW)
        for method in ("scope2_location_based", "scope2_market_based")
    }

    assert [each.base_emissions.micrograms for each in by.values()] == [300, 20]
    assert [next(each.actual for each in told.years if each.year == 2021) for told in by.values()] == [None, Emissions(1)]


def test_a_year_that_rests_on_a_draft_says_so() -> None:
    books = booked(entry("2020", "scope1", 10), entry("2021", "scope1", 1), entry("2021", "scope1", 2, state=EntryState.DRAFT))

    found = progress(goal_of(), books, LedgerYear(2026, 0), NOW)

    assert [(each.year, each.draft) for each in found.years[:3]] == [(2020, False), (2021, True), (2022, False)]
    assert [alert.year for alert in alerts(found) if alert.kind == "year_has_drafts"] == [year("2021")]


def test_fiscal_years_stand_among_calendar_years_by_their_ends() -> None:
    books = booked(entry("2020", "scope1", 1200), entry("FY2022", "scope1", 2000), month=4)

    found = progress(goal_of(), books, LedgerYear(2026, 0), NOW)

    assert [str(each.reporting_year) for each in found.years[:3]] == ["2020", "FY2022", "2023"]
    assert found.years[1].path == Emissions(1050)
    assert (found.latest_year, found.fiscal_year_start_month) == (year("FY2022"), 4)
    unknown = [alert for alert in alerts(found) if alert.kind == "year_unknown"]
    assert [str(alert.year) for alert in unknown] == ["2023", "2024", "2025"]
    assert unknown[0].advice == "book scope1 of 2023 or FY2023: greencloud inventory import"


def test_an_intensity_goal_is_unknown_where_its_metric_is() -> None:
    revenue = BusinessMetric("revenue", "Revenue", "M", ((year("2020"), Fraction(10)), (year("2021"), Fraction(30))))
    goal = any_goal(kind=GoalKind.INTENSITY, metric=revenue.name, target_share=Fraction(1, 2))
    known = inventory_of((2020, "scope1", None, 1000), (2021, "scope1", None, 2850))
    more = inventory_of((2020, "scope1", None, 1000), (2021, "scope1", None, 2850), (2022, "scope1", None, 1))

    found = progress_of(goal, known, {revenue.name: revenue}, LedgerYear(2026, 3600, {"scope1": Emissions(10**15)}), NOW)
    unknown = progress_of(goal, more, {revenue.name: revenue}, LedgerYear(2026, 0), NOW)

    assert (found.years[1].path, found.years[1].metric) == (Emissions(2850), Fraction(30))
    assert (found.latest_status, unknown.latest_status, unknown.status) == (
        GoalStatus.ON_TRACK,
        GoalStatus.UNKNOWN,
        GoalStatus.UNKNOWN,
    )
    assert found.target_emissions == Emissions(1500)  # half the intensity, at the revenue of 2021, and a note says so
    assert any("has no value of 2022-2030" in note for note in found.notes)
    assert any("compared with no path" in note for note in found.notes)


def test_a_goal_of_some_sites_and_categories_is_compared_with_these_of_the_ledger() -> None:
    class Rows(ListedLedger):
        def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
            assert query.sites == ("a",)
            return [
                FootprintRow(
                    query.start,
                    query.end,
                    {"site": "a"},
                    scope3_upstream_location_based=Emissions(1),
                    scope3_embodied=Emissions(4),
                )
            ]

    ledger = Rows(("a", START, 3600, 0), ("b", START + timedelta(hours=1), 3600, 0))
    goal = any_goal(scopes=("scope3",), sites=("a",), target_share=Fraction(0))

    assert ledger_year_of(ledger, 2026, goal).emissions["scope3"] == Emissions(5)
    assert ledger_year_of(ledger, 2026, goal).covered_seconds == 3600
    for category, expected in ((2, 4), (3, 1), (6, 0)):
        restricted = any_goal(scopes=("scope3",), sites=("a",), categories=(category,), target_share=Fraction(0))
        assert ledger_year_of(ledger, 2026, restricted).emissions["scope3"] == Emissions(expected)


def test_a_ledger_is_not_compared_with_a_goal_of_some_businesses() -> None:
    goal = any_goal(businesses=("cloud",), target_share=Fraction(0))
    books = booked(entry("2020", "scope1", 10, business="cloud"))

    compared = ledger_year_of(ListedLedger(("a", START, 3600, 7)), 2026, goal)

    assert compared.covered_seconds == 0
    assert progress(goal, books, compared, NOW).notes[0] == "The ledger knows no businesses, so it is not compared."


def forecast(gap: int) -> Forecast:
    return Forecast("goals/g", Scenario(), "m", (), (), Emissions(5), Emissions(gap), None, Backtest(0, None, None, None), NOW)


def test_alerts_say_what_to_act_on_gravest_first() -> None:
    goal = any_goal(target_share=Fraction(0), target_year=year("2023"), milestones=(Milestone(year("2021"), share=Fraction(1, 2)),))
    books = booked(entry("2020", "scope1", 100), entry("2021", "scope1", 60), entry("2022", "scope1", 70, state=EntryState.DRAFT))
    assessment = BaseYearAssessment(year("2020"), Fraction(5, 100), (), ("structuralChanges/x",), Fraction(1), True)
    found = progress(goal, books, LedgerYear(2026, 0), NOW)

    told = alerts(found, forecast(7), assessment=assessment)

    assert [(alert.kind, str(alert.year), alert.emissions) for alert in told] == [
        ("milestone_missed", "2021", Emissions(10)),
        ("actual_above_path", "2022", Emissions(45)),
        ("forecast_above_target", "2023", Emissions(7)),
        ("base_year_recalculation", "2020", None),
        ("year_unknown", "2023", None),
        ("year_has_drafts", "2022", None),
    ]
    assert all(alert.message and alert.advice for alert in told)
    advised = [alert.kind for alert in told if alert.advice.endswith(f"greencloud goal plan {goal.name}")]
    assert advised == ["actual_above_path", "forecast_above_target"]
    assert (
        alerts(progress(goal, booked(entry("2020", "scope1", 100)), LedgerYear(2020, 0), START.replace(year=2021)), forecast(0))
        == []
    )


def test_what_is_on_the_path_exactly_is_on_track() -> None:
    books = inventory_of((2020, "scope1", None, 10**12), (2025, "scope1", None, 5 * 10**11))
    whole = LedgerYear(2026, 365 * 86_400, {"scope1": Emissions(4 * 10**11)})

    assert progress(goal_of(), books, LedgerYear(2026, 0), NOW).status is GoalStatus.ON_TRACK
    assert progress(goal_of(), books, whole, NOW).status is GoalStatus.ON_TRACK
