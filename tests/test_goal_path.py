"""The path of a goal: straight lines over time from base to target, exact, and never compounding."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goal_world import Books, booked, entry, goal_of, goals_with_base, year
from greencloud.errors import GoalError
from greencloud.goal.checks import check_goal, check_path
from greencloud.goal.path import allowed, base_of, history_of, path_of, path_years
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalPath, Milestone
from greencloud.results.inventory import EntryState
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

REVENUE = BusinessMetric(
    "revenue",
    "Revenue",
    "million CNY",
    ((year("2020"), Fraction(500)), (year("2021"), Fraction(600)), (year("2023"), Fraction(900))),
)


def left(drawn: tuple[Goal, Fraction, int], reporting_year: ReportingYear) -> Fraction:
    goal, base, month = drawn
    found = allowed(goal, base, reporting_year, month)
    assert found is not None
    return found


@given(goals_with_base())
def test_the_path_starts_at_the_base_and_ends_at_the_target_exactly(drawn: tuple[Goal, Fraction, int]) -> None:
    goal, base, month = drawn
    end = left(drawn, goal.target_year)

    assert left(drawn, goal.base_year) == base
    if goal.target is not None:
        assert end == goal.target.micrograms
    if goal.target_share is not None:
        assert end == base * goal.target_share
    if goal.rate_per_year is not None:
        assert end == base * (1 - goal.rate_per_year * goal.base_year.years_until(goal.target_year, month))
    assert left(drawn, ReportingYear(goal.target_year.year + 7)) == end
    assert allowed(goal, base, ReportingYear(goal.base_year.year - 2), month) is None
    for stone in goal.milestones:
        assert stone.emissions is not None
        assert left(drawn, stone.year) == stone.emissions.micrograms


@given(goals_with_base(), st.booleans())
def test_the_path_never_rises(drawn: tuple[Goal, Fraction, int], fiscal: bool) -> None:
    goal, base, month = drawn
    check_path(goal, base, month)
    path = [left(drawn, ReportingYear(number, fiscal)) for number in range(2021, goal.target_year.year + 3)]

    assert path == sorted(path, reverse=True)


@given(goals_with_base(milestones=False))
def test_every_year_takes_the_same_amount_off_so_nothing_compounds(drawn: tuple[Goal, Fraction, int]) -> None:
    goal, _, month = drawn
    inside = [ReportingYear(number) for number in range(2021, goal.target_year.year)]
    inside = [each for each in inside if goal.base_year.years_until(each, month) >= 0]
    steps = {before - after for before, after in pairwise(left(drawn, each) for each in inside)}

    assert len(steps) <= 1


@given(goals_with_base(milestones=False), st.data())
def test_a_milestone_on_the_line_changes_nothing(drawn: tuple[Goal, Fraction, int], data: st.DataObject) -> None:
    goal, base, month = drawn
    inside = [ReportingYear(number, fiscal) for number in range(2021, goal.target_year.year + 1) for fiscal in (False, True)]
    inside = [y for y in inside if goal.base_year.years_until(y, month) > 0 and y.years_until(goal.target_year, month) > 0]
    if not inside or not base:
        return
    at = data.draw(st.sampled_from(inside))
    split = replace(goal, milestones=(Milestone(at, share=left(drawn, at) / base),))

    for each in (*inside, goal.base_year, goal.target_year):
        assert allowed(split, base, each, month) == left(drawn, each)


def test_a_rate_is_a_share_of_the_base_and_not_of_the_year_before() -> None:
    # 4.2 % a year of the base: 58 % is left after ten years; compounding would leave 65 %.
    for goal in (goal_of(rate_per_year=Fraction("0.042")), goal_of(path=GoalPath.ABSOLUTE_CONTRACTION)):
        path = [allowed(goal, Fraction(1_000_000), ReportingYear(number), 1) for number in (2020, 2021, 2025, 2030)]
        assert path == [1_000_000, 958_000, 790_000, 580_000]


def test_neutrality_without_a_target_leaves_nothing() -> None:
    assert allowed(goal_of(kind=GoalKind.NEUTRALITY), Fraction(10), year("2025"), 1) == 5
    assert allowed(goal_of(kind=GoalKind.NEUTRALITY), Fraction(10), year("2030"), 1) == 0


def test_fiscal_years_count_by_the_months_between_their_ends() -> None:
    goal = goal_of(target_share=Fraction(0))

    # From the end of December 2020 to the end of March 2022 are 15 of 120 months.
    assert allowed(goal, Fraction(120), year("FY2022"), 4) == 105


def test_the_worked_base_halves_by_2030_and_the_year_to_march_2022_is_far_above() -> None:
    unit = 10**16  # 10 kt
    scopes = ("scope1", "scope2_market_based", "scope3")
    books = booked(
        *(entry("2020", scope, amount * unit // 10) for scope, amount in zip(scopes, (510, 3710, 5294), strict=True)),
        *(entry("FY2022", scope, amount * unit // 10) for scope, amount in zip(scopes, (927, 4445, 7877), strict=True)),
        month=4,
    )
    goal = goal_of(scopes=scopes, target_share=Fraction(1, 2))

    assert base_of(goal, books, {}) == 9514 * unit // 10
    assert history_of(goal, books) == [
        (year("2020"), Emissions(9514 * unit // 10)),
        (year("FY2022"), Emissions(13249 * unit // 10)),
    ]
    path = dict(path_of(goal, books, {}))
    assert path[year("FY2022")] == Emissions(9514 * unit // 10 * 15 // 16)
    assert path[year("2030")] == Emissions(4757 * unit // 10)
    assert [str(each) for each in path] == ["2020", "FY2022", *map(str, range(2023, 2031))]  # 2021 and 2022 are in FY2022 too


def test_the_path_of_an_intensity_goal_follows_the_metric() -> None:
    goal = goal_of(kind=GoalKind.INTENSITY, metric=REVENUE.name, target_share=Fraction(1, 2), target_year=year("2024"))
    books = booked(entry("2020", "scope1", 4000), entry("2021", "scope1", 5000))

    assert base_of(goal, books, {REVENUE.name: REVENUE}) == 8
    found = path_years(goal, books, {REVENUE.name: REVENUE}, [ReportingYear(number) for number in range(2020, 2026)])
    assert [(each.part().micrograms, each.metric) for each in found] == [
        (4000, 500),
        (600 * 7, 600),
        (600 * 6, None),  # 2022 has no revenue: that of 2021 stands in, and it is told
        (900 * 5, 900),
        (900 * 4, None),
        (900 * 4, None),
    ]


def test_a_metric_that_is_not_known_for_the_base_is_refused() -> None:
    goal = goal_of(kind=GoalKind.INTENSITY, metric=REVENUE.name, target_share=Fraction(1, 2), base_year=year("2019"))
    books = booked(entry("2019", "scope1", 4000))

    for metrics, said in (({}, "there is no business metric"), ({REVENUE.name: REVENUE}, "no value of the base year 2019")):
        with pytest.raises(GoalError, match=said) as caught:
            base_of(goal, books, metrics)
        assert caught.value.key == "metric"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1 + 2 + 4 + 8 + 16),
        ({"categories": (1,)}, 1 + 2 + 4),
        ({"categories": (1, 6)}, 1 + 2 + 4 + 8),
        ({"sites": ("hall",)}, None),  # Scope 1 and category 6 are not booked there
        ({"scopes": ("scope3",), "sites": ("hall",)}, 4),
        ({"scopes": ("scope3",), "sites": ("hall", "north")}, None),
        ({"scopes": ("scope3",), "businesses": ("cloud",)}, 8),
        ({"scopes": ("scope3",), "categories": (1, 15)}, None),
        ({"scopes": ("scope2_market_based", "scope3")}, None),
    ],
)
def test_a_goal_counts_what_it_covers_and_what_is_not_booked_is_not_known(changes: dict[str, object], expected: int | None) -> None:
    books = booked(
        entry("2020", "scope1", 1),
        entry("2020", "scope3", 2, 1),
        entry("2020", "scope3", 4, 1, site="hall"),
        entry("2020", "scope3", 8, 6, business="cloud"),
        entry("2020", "scope3", 16, 7),
        entry("2020", "scope3", 32, 1, biogenic=True),
        entry("2020", "scope3", 64, 6, state=EntryState.WITHDRAWN),
        entry("2021", "scope3", 128, 1),
    )
    goal = goal_of(**({"scopes": ("scope1", "scope3")} | changes))

    history = dict(history_of(goal, books))

    assert history.get(year("2020")) == (None if expected is None else Emissions(expected))


def test_a_base_year_without_an_inventory_is_refused() -> None:
    with pytest.raises(GoalError, match="books nothing for scope3 in the base year 2020") as caught:
        base_of(goal_of(scopes=("scope1", "scope3")), booked(entry("2020", "scope1", 5)), {})
    assert caught.value.key == "base_year"


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"target": Emissions(6)}, "target", "the target is above the base"),
        (
            {"target": Emissions(1), "milestones": (Milestone(year("2022"), emissions=Emissions(6)),)},
            "milestones",
            "the milestone of 2022 is above the base",
        ),
        (
            {
                "target": Emissions(1),
                "milestones": (Milestone(year("2022"), share=Fraction(1, 5)), Milestone(year("2024"), emissions=Emissions(2))),
            },
            "milestones",
            "the milestone of 2024 is above the milestone of 2022",
        ),
        (
            {"target": Emissions(2), "milestones": (Milestone(year("2022"), share=Fraction(1, 5)),)},
            "target",
            "the target is above the milestone of 2022",
        ),
    ],
)
def test_a_path_that_goes_up_is_refused(changes: dict[str, object], key: str, said: str) -> None:
    with pytest.raises(GoalError, match=said) as caught:
        check_path(goal_of(**changes), Fraction(5), 1)
    assert caught.value.key == key


HALF = {"target_share": Fraction(1, 2)}


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"id": "G 2030"}, "id", "cannot be a resource name"),
        ({"id": "-"}, "id", "cannot be a resource name"),
        ({"display_name": " "}, "display_name", "no display name"),
        ({"source": "x" * 1001}, "source", "longer than"),
        ({"scopes": ("scope4",)}, "scopes", "unknown scope 'scope4'"),
        ({"scopes": ()}, "scopes", "at least one scope"),
        ({"scopes": ("scope1", "scope1")}, "scopes", "named twice"),
        ({"scopes": ("scope2_location_based", "scope2_market_based")}, "scopes", "same electricity twice"),
        ({"scopes": ("scope3",), "categories": (16,)}, "categories", "no category 16"),
        ({"scopes": ("scope3",), "categories": (1, 1)}, "categories", "named twice"),
        ({"categories": (1,)}, "categories", "only Scope 3 has categories"),
        ({"target_year": year("2020")}, "target_year", "not after the base year"),
        ({"target_year": year("2019")}, "target_year", "not after the base year"),
        ({"target_share": None}, "target_share", "no target"),
        ({"rate_per_year": Fraction(1, 100)}, "target_share", "2 targets"),
        ({"target_share": Fraction(3, 2)}, "target_share", "not between 0 and 1"),
        ({"target_share": None, "target": Emissions(-1)}, "target", "negative"),
        ({"target_share": None, "rate_per_year": Fraction(1, 5)}, "rate_per_year", "between the base and zero"),
        ({"target_share": None, "rate_per_year": Fraction(0)}, "rate_per_year", "between the base and zero"),
        (
            {"target_share": None, "path": GoalPath.ABSOLUTE_CONTRACTION, "target_year": year("2050")},
            "rate_per_year",
            "between the base and zero",
        ),
        ({"path": GoalPath.ABSOLUTE_CONTRACTION}, "path", "follows from its rate"),
        ({"kind": GoalKind.INTENSITY}, "metric", "has no business metric"),
        ({"metric": "businessMetrics/revenue"}, "metric", "has a business metric"),
        ({"kind": GoalKind.INTENSITY, "metric": "revenue"}, "metric", "not the name of a business metric"),
        (
            {"kind": GoalKind.INTENSITY, "metric": REVENUE.name, "target_share": None, "target": Emissions(1)},
            "target",
            "no intensity",
        ),
        ({"sites": ("a", "a")}, "sites", "names one twice"),
        ({"businesses": ("",)}, "businesses", "empty"),
        ({"milestones": (Milestone(year("2030"), share=Fraction(1, 2)),)}, "milestones", "does not lie between"),
        ({"milestones": (Milestone(year("2020"), share=Fraction(1, 2)),)}, "milestones", "does not lie between"),
        ({"milestones": (Milestone(year("2025")),)}, "milestones", "no amount, or two"),
        ({"milestones": (Milestone(year("2025"), Fraction(1), Emissions(1)),)}, "milestones", "no amount, or two"),
        ({"milestones": (Milestone(year("2025"), Fraction(2)),)}, "milestones", "not between 0 and 1"),
        ({"milestones": (Milestone(year("2025"), emissions=Emissions(-1)),)}, "milestones", "negative"),
        ({"milestones": (Milestone(year("2025"), Fraction(1, 4)),)}, "milestones", "a path goes down|leaves more"),
        (
            {"milestones": tuple(Milestone(year(str(y)), Fraction(9, 10)) for y in (2026, 2024))},
            "milestones",
            "does not lie between",
        ),
        (
            {
                "kind": GoalKind.INTENSITY,
                "metric": REVENUE.name,
                "milestones": (Milestone(year("2025"), emissions=Emissions(1)),),
            },
            "milestones",
            "no intensity",
        ),
    ],
)
def test_a_wrong_goal_is_refused_by_the_field_that_is_wrong(changes: dict[str, object], key: str, said: str) -> None:
    check_goal(goal_of(**HALF))
    with pytest.raises(GoalError, match=said) as caught:
        check_goal(goal_of(**(HALF | changes)))
    assert caught.value.key == key
    assert caught.value.advice


def test_goals_read_no_more_of_an_inventory_than_its_entries_and_policy() -> None:
    assert history_of(goal_of(), Books()) == []
