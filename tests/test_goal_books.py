"""Goals in the provider's books: etags hold among concurrent writers, and folders of before are taken over once."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from goal_world import goal_of, goals_with_base, year
from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.goal import ProviderBooks, apply_goals, take_over
from greencloud.inventory import Journal
from greencloud.inventory.document import from_document, to_document
from greencloud.results.forecasts import Measure
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalStatus
from greencloud.results.inventory import InventoryPolicy, RestatementCause, StructuralChange, StructuralEffect
from greencloud.units import Emissions

NOW = datetime(2026, 4, 1, tzinfo=UTC)
WORKED = Path(__file__).parent / "books" / "goal-provider"
SHOP = Path(__file__).parents[1] / "examples" / "shop"
HALVED = goal_of(id="halved", target_share=Fraction(1, 2))
REVENUE = BusinessMetric("revenue", "Revenue", "M", ((year("2020"), Fraction(10)),))


def books_in(folder: Path, *, actor: str = "amy") -> ProviderBooks:
    return ProviderBooks(Journal(folder / "books"), actor=actor, clock=lambda: NOW)


@given(goals_with_base())
@settings(max_examples=50)
def test_a_goal_survives_the_journal(drawn: tuple[Goal, Fraction, int]) -> None:
    goal, _, _ = drawn
    assert from_document(to_document(goal), Goal) == goal


def test_a_goal_is_booked_changed_and_deleted_and_says_by_whom(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    booked = books.create_goal(HALVED, reason="the board")
    changed = books.by("ben").update_goal(replace(booked, target_share=Fraction(2, 5)), etag=booked.etag, reason="more")

    assert booked == replace(HALVED, created_by="amy", updated=NOW, revision=1)
    assert changed == replace(booked, target_share=Fraction(2, 5), revision=2)
    assert books_in(tmp_path).get_goal("goals/halved") == changed == books.get_goal()
    assert books.list_goals() == [changed]

    books.delete_goal(changed.name, etag=changed.etag)
    assert books.list_goals() == []
    again = books.create_goal(HALVED)
    assert again.revision == 3  # an etag never means two things
    assert [change.kind for change in books.journal.changes()] == ["goal.goal", "goal.goal", "goal.goal_deleted", "goal.goal"]
    assert [change.reason for change in books.journal.changes()[:2]] == ["the board", "more"]


def test_booking_the_same_again_changes_nothing_and_other_content_is_a_conflict(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    goal = goal_of(id="g2", scopes=("scope1", "scope3"), categories=(1, 2), target_share=Fraction(1, 2))
    first = books.create_goal(goal)

    assert books.by("ben").create_goal(replace(goal, scopes=("scope3", "scope1"), categories=(2, 1))) == first
    assert books.update_goal(replace(goal, revision=7, created_by="x")) == first
    assert len(books.journal.changes()) == 1
    with pytest.raises(ConflictError, match="other content") as caught:
        books.create_goal(replace(goal, display_name="Other"))
    assert caught.value.in_force == first.etag


def test_of_many_that_change_a_goal_at_once_by_one_etag_one_does(tmp_path: Path) -> None:
    etag = books_in(tmp_path).create_goal(HALVED).etag
    start, outcomes = threading.Barrier(6), list[str]()

    def change(number: int) -> None:
        books = books_in(tmp_path, actor=f"writer-{number}")
        start.wait(10)
        try:
            books.update_goal(replace(HALVED, display_name=f"By {number}"), etag=etag)
            outcomes.append("changed")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["changed"] + ["refused"] * 5
    assert books_in(tmp_path).get_goal().revision == 2
    with pytest.raises(ConflictError):
        books_in(tmp_path).delete_goal(HALVED.name, etag=etag)


def test_goals_that_are_not_there_are_told(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    asked: list[Any] = [
        lambda: books.get_goal("goals/halved"),
        books.get_goal,
        lambda: books.update_goal(HALVED),
        lambda: books.delete_goal("goals/halved"),
        lambda: books.delete_goal("goals/-"),
        books.get_goal_progress,
        lambda: books.get_business_metric("businessMetrics/revenue"),
        lambda: books.update_business_metric(REVENUE),
    ]
    for ask in asked:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.advice
    assert books.journal.changes() == []


def test_the_only_goal_is_only_meant_where_there_is_one(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    for name in ("one", "two"):
        books.create_goal(replace(HALVED, id=name))

    with pytest.raises(GoalError, match="there are 2 goals: goals/one, goals/two"):
        books.get_goal()


def test_wrong_goals_are_not_booked(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    apply_goals(books, WORKED / "goal.toml")
    known = len(books.journal.changes())
    intensity = goal_of(id="i", kind=GoalKind.INTENSITY, metric=REVENUE.name, target_share=Fraction(1, 2))
    wrong: list[tuple[Any, str]] = [
        (lambda: books.create_goal(replace(HALVED, target_year=year("2019"))), "target_year"),
        (lambda: books.update_goal(replace(HALVED, id="provider-2030", scopes=("scope9",))), "scopes"),
        (lambda: books.create_goal(replace(HALVED, target_share=None, target=Emissions(10**30))), "target"),
        (lambda: books.create_goal(intensity), "metric"),
        (lambda: books.create_business_metric(replace(REVENUE, unit="")), "unit"),
        (lambda: books.create_business_metric(replace(REVENUE, values=((year("2020"), Fraction(0)),))), "values"),
    ]
    for ask, key in wrong:
        with pytest.raises(GoalError) as caught:
            ask()
        assert caught.value.key == key
    assert len(books.journal.changes()) == known


def test_a_metric_that_a_goal_divides_by_keeps_its_base(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    metric = books.create_business_metric(REVENUE)
    assert books.create_business_metric(REVENUE) == metric
    with pytest.raises(ConflictError):
        books.create_business_metric(replace(REVENUE, unit="k"))
    books.create_goal(goal_of(kind=GoalKind.INTENSITY, metric=REVENUE.name, target_share=Fraction(1, 2)))

    more = books.update_business_metric(replace(metric, values=(*metric.values, (year("2021"), Fraction(12)))), etag=metric.etag)
    assert (more.revision, books.list_business_metrics()) == (2, [more])
    with pytest.raises(ConflictError):
        books.update_business_metric(metric, etag=metric.etag)
    with pytest.raises(GoalError, match="no value of the base year"):
        books.update_business_metric(replace(metric, values=((year("2021"), Fraction(12)),)))


def test_an_applied_file_books_goal_and_inventory_and_again_nothing(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    applied = apply_goals(books, WORKED / "goal.toml", reason="worked base")

    assert [goal.name for goal in applied.goals] == ["goals/provider-2030"]
    assert len(applied.imports[0].added) == 6
    found = books.get_goal_progress()
    assert (found.base_emissions, found.target_emissions) == (Emissions(9_514 * 10**15), Emissions(4_757 * 10**15))
    assert (found.latest_year, found.latest_status) == (year("2021"), GoalStatus.OFF_TRACK)
    assert {alert.kind for alert in found.alerts} >= {"actual_above_path", "year_unknown"}

    known = len(books.journal.changes())
    apply_goals(books, WORKED / "goal.toml")
    assert len(books.journal.changes()) == known


def test_a_file_that_does_not_hold_changes_nothing(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    shutil.copytree(WORKED, tmp_path / "files")
    goal, inventory = tmp_path / "files" / "goal.toml", tmp_path / "files" / "inventory.csv"
    text, rows = goal.read_text(), inventory.read_text()
    wrong: list[tuple[str, str, str]] = [
        (text.replace("base_year = 2020", "base_year = 2019"), rows, "base year 2019"),
        (text.replace("target_share = 0.5", "target_t_co2e = 1e9"), rows, "above the base"),
        (text, rows.replace(",510000,", ",-1,"), "negative"),
        (text.replace('"inventory.csv"', '"none.csv"'), rows, "cannot be read"),
    ]
    for said, booked, match in wrong:
        goal.write_text(said)
        inventory.write_text(booked)
        with pytest.raises(GoalError, match=match):
            apply_goals(books, goal)
    assert books.journal.changes() == []


def test_figures_that_are_booked_change_with_a_cause_alone(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    shutil.copytree(WORKED, tmp_path / "files")
    goal, inventory = tmp_path / "files" / "goal.toml", tmp_path / "files" / "inventory.csv"
    apply_goals(books, goal)
    inventory.write_text(inventory.read_text().replace(",510000,", ",500000,"))

    with pytest.raises(GoalError, match=r"row 2, column t_co2e: inventoryEntries/2020-scope1 is booked with 510\.0 kt"):
        apply_goals(books, goal)
    apply_goals(books, goal, restate=RestatementCause.ERROR, reason="a meter was read twice")

    assert books.get_goal_progress().base_emissions == Emissions(9_504 * 10**15)


def test_the_folder_of_before_is_taken_over_once(tmp_path: Path) -> None:
    folder = tmp_path / "goal"
    assert not take_over(books_in(tmp_path), folder)
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("*.py"))

    assert take_over(books_in(tmp_path), folder)
    books = books_in(tmp_path)
    assert (books.get_goal().name, books.get_goal().created_by) == ("goals/cloud-scope3-2030", "greencloud")
    assert books.get_goal_progress().base_emissions == Emissions(120 * 10**9)

    books.delete_goal("goals/cloud-scope3-2030")
    assert not take_over(books, folder)
    assert books.list_goals() == []


def test_a_folder_of_before_does_not_change_an_inventory_that_is_booked(tmp_path: Path) -> None:
    shutil.copytree(SHOP, tmp_path / "goal", ignore=shutil.ignore_patterns("*.py"))
    books = books_in(tmp_path)
    rows = (SHOP / "inventory.csv").read_text().replace(",78,", ",79,")
    books.import_inventory_entries(rows.encode(), file_name="other.csv")

    assert take_over(books, tmp_path / "goal")
    assert books.get_goal_progress().base_emissions == Emissions(121 * 10**9)


def test_the_ledger_year_is_its_latest_or_this_one(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    apply_goals(books, SHOP / "goal.toml")

    assert books.get_goal_progress().ledger_year == 2026
    assert books.get_goal_progress(ledger_year=2024).ledger_year == 2024
    assert books.get_goal_progress().as_of == NOW


def test_a_base_year_that_must_be_recalculated_is_an_alert(tmp_path: Path) -> None:
    books = books_in(tmp_path)
    apply_goals(books, WORKED / "goal.toml")
    books.update_inventory_policy(InventoryPolicy(base_year=year("2020"), organization="Provider"))
    assert "base_year_recalculation" not in {alert.kind for alert in books.get_goal_progress().alerts}

    effect = StructuralEffect("scope1", None, Emissions(300_000 * 10**12))
    books.create_structural_change(StructuralChange("bought", "acquisition", NOW, "A hall was bought", (effect,)))

    (found,) = [alert for alert in books.get_goal_progress().alerts if alert.kind == "base_year_recalculation"]
    assert "structuralChanges/bought" in found.message


@pytest.mark.parametrize("text", ["Halved\nOn track", "Halved\x1b[2J", "Halved\u202e"])
def test_texts_of_goals_metrics_and_measures_are_lines_that_can_be_printed(tmp_path: Path, text: str) -> None:
    books = books_in(tmp_path)
    for goal in (replace(HALVED, display_name=text), replace(HALVED, source=text), replace(HALVED, sites=(text,))):
        with pytest.raises(GoalError):
            books.create_goal(goal)
    for metric in (replace(REVENUE, display_name=text), replace(REVENUE, unit=text)):
        with pytest.raises(GoalError):
            books.create_business_metric(metric)
    with pytest.raises(GoalError, match="cannot be printed"):
        books.create_measure(Measure("solar", text, ("scope1",), year("2027"), Emissions(1)))
    assert not books.journal.changes()
