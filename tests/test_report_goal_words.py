"""A disclosure says where a goal stood in its own year, whatever came after."""

from __future__ import annotations

from datetime import UTC, datetime

from greencloud.report.disclosures.figures import goal_words
from greencloud.results import GoalProgress, GoalStatus
from greencloud.results.goals import Goal, GoalKind, GoalYear
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

T = 10**12
GOAL = Goal("g", "G", GoalKind.ABSOLUTE, ("scope1",), ReportingYear(2020), ReportingYear(2030))
PROGRESS = GoalProgress(
    name="goals/g",
    display_name="G",
    kind="absolute",
    scopes=("scope1",),
    base_year=2020,
    base_emissions=Emissions(100 * T),
    target_year=2030,
    target_emissions=Emissions(),
    years=(
        GoalYear(2022, Emissions(80 * T), Emissions(90 * T), fiscal=True),
        GoalYear(2026, Emissions(40 * T), Emissions(30 * T), fiscal=True, draft=True),
        GoalYear(2027, Emissions(30 * T)),
    ),
    ledger_year=2026,
    ledger_covered_seconds=0,
    ledger_emissions=Emissions(),
    path_emissions=Emissions(),
    status=GoalStatus.ON_TRACK,
    as_of=datetime(2026, 11, 1, tzinfo=UTC),
)


def test_it_is_the_year_that_is_disclosed() -> None:
    assert goal_words(GOAL, PROGRESS, ReportingYear(2022, True)).endswith(
        "FY2022: 90.000 t against 80.000 t of the path: above the path"
    )
    assert goal_words(GOAL, PROGRESS, ReportingYear(2026, True)).endswith(
        "FY2026: 30.000 t, with drafts against 40.000 t of the path: at or below the path"
    )


def test_a_year_that_is_not_booked_is_not_known() -> None:
    for year in (ReportingYear(2027), ReportingYear(2022), ReportingYear(2019)):
        assert goal_words(GOAL, PROGRESS, year).endswith(f"its progress in {year} is not known")
    assert "not known" in goal_words(GOAL, None, ReportingYear(2022, True))
