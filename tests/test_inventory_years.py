"""Reporting years, the policy, and the base year: two persons close a year, and what changes after that is a restatement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import ConflictError, GoalError
from greencloud.inventory import InventoryBooks
from greencloud.inventory.years import digest_of, same_person
from greencloud.results.inventory import (
    InventoryEntry,
    InventoryPolicy,
    RestatementCause,
    StructuralChange,
    StructuralEffect,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from inventory_world import TONNE, books, entry, entry_sets

ERROR = RestatementCause.ERROR
YEAR = ReportingYear(2020)


def closed(there: InventoryBooks, year: str = "2020") -> None:
    there.approve_inventory_entries(year=year)
    there.submit_inventory_year(year)
    there.by("ben").close_inventory_year(year)


# Years


@settings(max_examples=20)
@given(entries=entry_sets(most=4), steps=st.lists(st.integers(0, 3), max_size=5), data=st.data())
def test_the_digest_of_a_closed_year_differs_exactly_where_something_was_restated(
    entries: list[InventoryEntry], steps: list[int], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = books(tmp_path_factory.mktemp("books"))
    year = entries[0].year
    for one in entries:
        there.create_inventory_entry(one)
    closed(there, str(year))

    for kind in steps:
        target = data.draw(st.sampled_from(entries))
        match kind:
            case 0:
                amount = Emissions(data.draw(st.integers(0, 3)))
                there.restate_inventory_entry(target.id, replace(target, emissions=amount), cause=ERROR, reason="w")
            case 1:
                there.withdraw_inventory_entry(target.id, cause=ERROR, reason="w")
            case 2:
                with_draft = [one.name for one in there.list_inventory_entries(year=str(year))]
                if with_draft:
                    there.approve_inventory_entries(with_draft)
                    there.verify_inventory_entries(with_draft, verified_by="x", assurance="limited")
            case 3:
                there.create_inventory_entry(entry(id="new", site="new", year=str(year)), cause=ERROR, reason="w")
        (stands,) = [one for one in there.list_inventory_years() if one.year == year]
        differs = digest_of(there.inventory_state(), year) != stands.digest
        assert differs == (stands.restatement_count > 0)
        assert stands.restatement_count == len(there.list_inventory_restatements(year=str(year)))


def test_two_persons_close_a_year_without_drafts_as_it_was_submitted(tmp_path: Path) -> None:
    there = books(tmp_path)
    ben = there.by("ben")
    refusals: list[tuple[str, Callable[[], object]]] = [
        ("nothing is booked", lambda: there.submit_inventory_year("2020")),
        ("was not submitted", lambda: ben.close_inventory_year("2020")),
    ]
    for message, call in refusals:
        with pytest.raises(GoalError, match=message):
            call()
    there.create_inventory_entry(entry())
    assert there.submit_inventory_year("2020").state is YearState.SUBMITTED
    with pytest.raises(GoalError, match="1 entries of 2020 are drafts, as inventoryEntries/2020-scope1"):
        ben.close_inventory_year("2020")
    with pytest.raises(GoalError, match="amy submitted 2020"):
        there.close_inventory_year("2020")
    there.create_inventory_entry(entry("scope3"))
    there.approve_inventory_entries(year="2020")
    with pytest.raises(GoalError, match="was not submitted as it is"):
        ben.close_inventory_year("2020")
    there.submit_inventory_year("2020")
    stands = ben.close_inventory_year("2020")
    assert (stands.state, stands.submitted_by, stands.closed_by, stands.entry_count, stands.draft_count) == (
        YearState.CLOSED,
        "amy",
        "ben",
        2,
        0,
    )
    assert stands.digest == digest_of(there.inventory_state(), YEAR)
    assert ben.close_inventory_year("2020") == stands
    with pytest.raises(GoalError, match="2020 is closed"):
        there.submit_inventory_year("2020")
    assert there.get_inventory("2020").state is YearState.CLOSED


def test_a_closed_year_changes_by_restatement_alone(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry())
    closed(there)
    late = entry("scope3", category=6)
    with pytest.raises(GoalError, match="2020 is closed") as caught:
        there.create_inventory_entry(late)
    assert caught.value.key == "year"
    with pytest.raises(GoalError, match="no reason"):
        there.create_inventory_entry(late, cause=RestatementCause.LATE_DATA)
    content = b"year,scope,category,t_co2e,source\n2020,scope3,7,1,s\n"
    (error,) = there.import_inventory_entries(content, file_name="a.csv").errors
    assert (error.column, error.row) == ("year", 2)
    there.create_inventory_entry(late, cause=RestatementCause.LATE_DATA, reason="invoices of December")
    answer = there.import_inventory_entries(content, file_name="a.csv", restate=RestatementCause.LATE_DATA, reason="survey")
    assert [(one.before, one.after) for one in answer.restated] == [(None, Emissions(TONNE))]
    there.restate_inventory_entry("2020-scope1", entry(tonnes=2), cause=ERROR, reason="w")
    (stands,) = there.list_inventory_years()
    assert (stands.state, stands.restatement_count, stands.draft_count) == (YearState.CLOSED, 3, 3)
    assert there.create_inventory_entry(late).revision == 1
    with pytest.raises(ConflictError):
        there.create_inventory_entry(replace(late, emissions=Emissions(5)), cause=ERROR, reason="w")


# Policy


def test_the_policy_is_what_it_was_set_to(tmp_path: Path) -> None:
    there = books(tmp_path)
    assert there.get_inventory_policy() == InventoryPolicy()
    wanted = InventoryPolicy(YEAR, 4, "equity_share", Fraction(1, 10), "AR5", "Example Ltd")
    first = there.update_inventory_policy(wanted)
    assert first == replace(wanted, revision=1, updated_by="amy")
    assert there.by("ben").update_inventory_policy(wanted) == first
    with pytest.raises(ConflictError) as caught:
        there.update_inventory_policy(replace(wanted, gwp_set="AR6"), etag="0")
    assert caught.value.in_force == "1"
    assert there.update_inventory_policy(replace(wanted, gwp_set="AR6"), etag="1").revision == 2


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (InventoryPolicy(fiscal_year_start_month=13), "fiscal_year_start_month"),
        (InventoryPolicy(consolidation_approach="control"), "consolidation_approach"),
        (InventoryPolicy(significance_threshold=Fraction(0)), "significance_threshold"),
        (InventoryPolicy(significance_threshold=Fraction(5)), "significance_threshold"),
        (InventoryPolicy(gwp_set="AR9"), "gwp_set"),
        (InventoryPolicy(base_year=ReportingYear(1899)), "base_year"),
        (InventoryPolicy(organization="a\tb"), "organization"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_its_key(tmp_path: Path, wrong: InventoryPolicy, key: str) -> None:
    with pytest.raises(GoalError) as caught:
        books(tmp_path).update_inventory_policy(wrong)
    assert caught.value.key == key
    assert caught.value.advice


def test_a_fiscal_year_keeps_its_months(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.update_inventory_policy(InventoryPolicy(fiscal_year_start_month=4))
    there.create_inventory_entry(entry(year="FY2022"))
    totals = there.get_inventory("FY2022")
    assert (totals.start, totals.end) == (datetime(2021, 4, 1, tzinfo=UTC), datetime(2022, 4, 1, tzinfo=UTC))
    with pytest.raises(GoalError, match="FY2022 is booked with years from month 4"):
        there.update_inventory_policy(InventoryPolicy(fiscal_year_start_month=7))


# The base year


def change(*effects: tuple[str, int | None, int], kind: str = "acquisition", **more: str) -> StructuralChange:
    return StructuralChange(
        id=more.get("id", ""),
        kind=kind,
        effective=datetime(2024, 7, 1, tzinfo=UTC),
        description=more.get("description", "Example Hosting"),
        effects=tuple(StructuralEffect(scope, category, Emissions(tonnes * TONNE)) for scope, category, tonnes in effects),
    )


def with_base(directory: Path) -> InventoryBooks:
    there = books(directory)
    there.update_inventory_policy(InventoryPolicy(base_year=YEAR))
    for one in (entry(tonnes=100), entry("scope2_market_based", tonnes=400), entry("scope3", category=1, tonnes=500)):
        there.create_inventory_entry(one)
    return there


@given(
    effects=st.lists(st.tuples(st.sampled_from(["scope1", "scope2_market_based", "scope3"]), st.integers(-9, 9)), max_size=4),
    threshold=st.fractions(Fraction(1, 1000), Fraction(1, 4), max_denominator=1000),
)
@settings(max_examples=30)
def test_changes_are_significant_together_by_their_absolute_amounts(
    effects: list[tuple[str, int]], threshold: Fraction, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = with_base(tmp_path_factory.mktemp("books"))
    there.update_inventory_policy(InventoryPolicy(base_year=YEAR, significance_threshold=threshold))
    moved = {"scope1": 0, "scope2_market_based": 0, "scope3": 0}
    for number, (scope, tonnes) in enumerate(effects):
        if tonnes:
            there.create_structural_change(change((scope, 1 if scope == "scope3" else None, tonnes), id=f"change-{number}"))
            moved[scope] += abs(tonnes)
    found = there.assess_base_year()
    shares = [
        Fraction(moved["scope1"], 100),
        Fraction(moved["scope2_market_based"], 400),
        Fraction(moved["scope3"], 500),
        Fraction(sum(moved.values()), 1000),
        Fraction(moved["scope1"] + moved["scope3"], 600),  # of the total by location, of which Scope 2 is not booked
    ]
    assert found.share == max(shares)
    assert found.recalculation_required == (bool(found.changes) and max(shares) >= threshold)


def test_recalculating_makes_the_base_year_follow_each_change_once(tmp_path: Path) -> None:
    there = with_base(tmp_path)
    closed(there)
    before = there.get_inventory("2020").total_market_based
    bought = there.create_structural_change(change(("scope1", None, 30), ("scope3", 2, 7)))
    sold = there.create_structural_change(change(("scope1", None, -20), kind="divestment", description="Old hall"))
    assert there.create_structural_change(change(("scope1", None, 30), ("scope3", 2, 7))) == bought
    assessed = there.assess_base_year()
    assert (assessed.share, assessed.recalculation_required) == (Fraction(1, 2), True)
    assert [(line.scope, line.booked.micrograms // TONNE, line.effect.micrograms // TONNE) for line in assessed.lines] == [
        ("scope1", 100, 10),
        ("scope2_market_based", 400, 0),
        ("scope3", 500, 7),
    ]

    steps = there.recalculate_base_year(reason="policy, section 4")
    assert sorted((one.difference.micrograms // TONNE, one.structural_change) for one in steps) == [
        (-20, sold.name),
        (7, bought.name),
        (30, bought.name),
    ]
    assert {one.cause for one in steps} == {RestatementCause.STRUCTURAL_CHANGE}
    after = there.get_inventory("2020").total_market_based
    assert before is not None
    assert after == before + Emissions(17 * TONNE)
    assert [one.applied for one in there.list_structural_changes()] == [True, True]
    assert not there.assess_base_year().recalculation_required
    assert there.recalculate_base_year(reason="again") == []
    (stands,) = there.list_inventory_years()
    assert stands.restatement_count == 3
    with pytest.raises(GoalError, match="follows a structural change"):
        there.withdraw_inventory_entry(steps[0].entry, cause=ERROR, reason="w")


def test_what_was_booked_can_be_restated_beside_an_adjusting_entry(tmp_path: Path) -> None:
    there = with_base(tmp_path)
    there.create_structural_change(change(("scope1", None, 30), ("scope3", 2, 7)))
    there.recalculate_base_year(reason="w")
    assert there.create_inventory_entry(entry(tonnes=100)).revision == 1
    there.restate_inventory_entry("2020-scope1", entry(tonnes=90), cause=ERROR, reason="w")
    there.create_inventory_entry(entry("scope3", tonnes=3, category=2))
    assert there.get_inventory("2020").total_market_based == Emissions((90 + 30 + 400 + 500 + 7 + 3) * TONNE)


def test_an_effect_that_has_no_place_in_the_base_year_is_refused(tmp_path: Path) -> None:
    there = books(tmp_path)
    with pytest.raises(GoalError, match="no base year is set"):
        there.assess_base_year()
    there = with_base(tmp_path)
    with pytest.raises(GoalError, match="has no reason"):
        there.recalculate_base_year(reason="")
    for effect, message in (
        (("scope2_location_based", None, 5), "scope2_location_based of 2020 is not booked"),
        (("scope3", None, 5), "booked whole and by category for 2020"),
        (("scope1", None, -101), "more from scope1 of 2020 than is booked"),
        (("scope3", 2, -1), "more from scope3 of 2020 than is booked"),
    ):
        here = with_base(tmp_path / message[:9] / str(effect[1]))
        here.create_structural_change(change(effect))
        count = len(here.journal.changes())
        with pytest.raises(GoalError, match=message):
            here.recalculate_base_year(reason="w")
        assert len(here.journal.changes()) == count


def test_scope_3_that_is_booked_whole_stays_whole(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.update_inventory_policy(InventoryPolicy(base_year=YEAR))
    there.create_inventory_entry(entry("scope3", tonnes=500))
    there.create_structural_change(change(("scope3", 11, 7)))
    there.recalculate_base_year(reason="w")
    (line,) = there.get_inventory("2020").lines
    assert (line.category, line.emissions, line.entry_count) == (None, Emissions(507 * TONNE), 2)


def test_a_change_that_was_followed_by_hand_is_not_followed_again(tmp_path: Path) -> None:
    there = with_base(tmp_path)
    bought = there.create_structural_change(change(("scope1", None, 30)))
    cause = RestatementCause.STRUCTURAL_CHANGE
    there.restate_inventory_entry(
        "2020-scope1", entry(tonnes=130), cause=cause, reason="their own books", structural_change=bought.name
    )
    assert there.list_inventory_restatements()[0].structural_change == bought.name
    assert there.assess_base_year().changes == ()
    assert there.recalculate_base_year(reason="w") == []


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (change(("scope1", None, 1), kind="purchase"), "kind"),
        (change(), "effects"),
        (change(("scope1", None, 0)), "effects"),
        (change(("scope1", None, 1), ("scope1", None, 2)), "effects"),
        (change(("scope9", None, 1)), "scope"),
        (change(("scope3", 16, 1)), "category"),
        (change(("scope1", None, 1), description=""), "description"),
        (change(("scope1", None, 1), id="A B"), "id"),
        (replace(change(("scope1", None, 1)), evidence=("0" * 64,)), "evidence"),
    ],
)
def test_a_structural_change_that_is_wrong_is_refused_with_its_key(tmp_path: Path, wrong: StructuralChange, key: str) -> None:
    there = books(tmp_path)
    with pytest.raises(GoalError) as caught:
        there.create_structural_change(wrong)
    assert caught.value.key == key
    assert not there.journal.changes()


@pytest.mark.parametrize("other", ["Amy", "local:amy", "amy ", "ａｍｙ", "amy@example.com", "local:AMY"])
def test_one_person_under_two_names_does_not_close_a_year_alone(tmp_path: Path, other: str) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry())
    there.approve_inventory_entries(year="2020")
    there.submit_inventory_year("2020")
    with pytest.raises(GoalError, match="amy submitted 2020"):
        there.by(other).close_inventory_year("2020")


def test_two_addresses_are_two_persons() -> None:
    assert not same_person("amy@example.com", "amy@example.org")
    assert not same_person("amy", "ben")
    assert same_person("local:amy", "amy@example.org")


def test_a_change_from_before_the_base_year_is_in_its_figures_already(tmp_path: Path) -> None:
    there = with_base(tmp_path)
    before = change(("scope1", None, 50))
    there.create_structural_change(replace(before, effective=datetime(2019, 6, 1, tzinfo=UTC)))
    there.create_structural_change(replace(before, effective=datetime(2020, 1, 1, tzinfo=UTC)))
    assert not there.assess_base_year().recalculation_required
    assert there.recalculate_base_year(reason="a greater base") == []


def test_another_base_year_follows_changes_anew_and_the_former_one_not_twice(tmp_path: Path) -> None:
    there = with_base(tmp_path)
    there.create_inventory_entry(entry(tonnes=200, year="2021"))
    there.create_structural_change(change(("scope1", None, 50)))
    there.recalculate_base_year(reason="bought")
    policy = there.get_inventory_policy()

    there.update_inventory_policy(replace(policy, base_year=ReportingYear(2021)), reason="a later base")
    assert there.assess_base_year().recalculation_required
    there.update_inventory_policy(replace(policy, base_year=ReportingYear(2020)), reason="the former again")
    assert there.recalculate_base_year(reason="again") == []
    there.update_inventory_policy(replace(policy, base_year=ReportingYear(2021)), reason="a later base")
    assert [one.entry for one in there.recalculate_base_year(reason="bought")] != []
    assert not there.assess_base_year().recalculation_required


@pytest.mark.parametrize(
    ("effects", "tonnes"),
    [
        ([("scope1", None, 30)], 101),  # a part of it
        ([("scope1", None, 30), ("scope3", 1, 5)], 130),  # one of two effects
        ([("scope3", 1, 30)], 130),  # another scope
    ],
)
def test_a_restatement_does_not_stand_for_a_change_that_it_does_not_follow(
    tmp_path: Path, effects: list[tuple[str, int | None, int]], tonnes: int
) -> None:
    there = with_base(tmp_path)
    bought = there.create_structural_change(change(*effects))
    with pytest.raises(GoalError, match="says something else of the base year") as caught:
        there.restate_inventory_entry(
            "2020-scope1",
            entry(tonnes=tonnes),
            cause=RestatementCause.STRUCTURAL_CHANGE,
            reason="done",
            structural_change=bought.name,
        )
    assert caught.value.key == "structural_change"
    assert there.assess_base_year().changes == (bought.name,)
