"""Entries in the provider's books: what is booked adds up, nothing is lost, and every step is on record."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import ConflictError, GoalError, NotFoundError, StoreError
from greencloud.inventory import Draft, InventoryBooks, Journal
from greencloud.inventory.state import EMPTY, InventoryState, step
from greencloud.inventory.totals import totals_of
from greencloud.results.inventory import (
    ActivityData,
    EntryState,
    InventoryEntry,
    InventoryTotals,
    LedgerReference,
    RestatementCause,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from inventory_world import NOW, TONNE, books, entry, entry_sets

ERROR = RestatementCause.ERROR


def figures(totals: InventoryTotals) -> object:
    """Everything but the place in the journal, and what is a draft."""
    return (replace(totals, as_of=0, lines=()), [replace(line, draft_count=0) for line in totals.lines])


# Laws


@settings(max_examples=50)
@given(entries=entry_sets())
def test_a_total_is_the_sum_of_its_lines_and_a_line_of_its_entries(entries: list[InventoryEntry]) -> None:
    state = InventoryState(entries={one.id: one for one in entries})
    for year in {one.year for one in entries}:
        totals = totals_of(state, year)
        of_year = [one for one in entries if one.year == year]
        for line in totals.lines:
            ids = {name.removeprefix("inventoryEntries/") for name in line.entries}
            assert line.emissions.micrograms == sum(one.emissions.micrograms for one in of_year if one.id in ids)
        gross = [one for one in of_year if not one.biogenic]
        assert sum(line.emissions.micrograms for line in totals.lines) == sum(one.emissions.micrograms for one in gross)
        assert totals.biogenic.micrograms == sum(one.emissions.micrograms for one in of_year if one.biogenic)
        for scope2, total in (("location", totals.total_location_based), ("market", totals.total_market_based)):
            scopes = {"scope1", f"scope2_{scope2}_based", "scope3"}
            expected = sum(one.emissions.micrograms for one in gross if one.scope in scopes)
            assert total == (Emissions(expected) if {one.scope for one in gross} >= scopes else None)


@settings(max_examples=20)
@given(entries=entry_sets(most=4), amounts=st.lists(st.integers(0, 10**18), min_size=1, max_size=4), data=st.data())
def test_restating_and_restating_back_gives_the_same_figures_with_every_step_on_record(
    entries: list[InventoryEntry], amounts: list[int], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = books(tmp_path_factory.mktemp("books"))
    for one in entries:
        there.create_inventory_entry(one)
    target = data.draw(st.sampled_from(entries))
    year, name = str(target.year), f"inventoryEntries/{target.id}"
    before = figures(there.get_inventory(year))

    path = [target.emissions.micrograms, *amounts, target.emissions.micrograms]
    for amount in path[1:]:
        there.restate_inventory_entry(name, replace(target, emissions=Emissions(amount)), cause=ERROR, reason="why")

    assert figures(there.get_inventory(year)) == before
    steps = [(one, other) for one, other in pairwise(path) if one != other]
    restatements = there.list_inventory_restatements(year=year)
    assert [(one.before.micrograms, one.after.micrograms) for one in restatements if one.before and one.after] == steps
    assert len(there.list_inventory_entry_revisions(name)) == len(steps) + 1


@settings(max_examples=20)
@given(entries=entry_sets(most=6), cuts=st.lists(st.integers(0, 20), max_size=4), data=st.data())
def test_the_state_does_not_depend_on_when_it_was_read(
    entries: list[InventoryEntry], cuts: list[int], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("books")
    there = books(directory)
    for one in entries:
        name = there.create_inventory_entry(one).name
        match data.draw(st.integers(0, 3)):
            case 0:
                there.approve_inventory_entries([name])
            case 1:
                there.withdraw_inventory_entry(name, cause=ERROR, reason="twice")
            case 2:
                there.submit_inventory_year(str(one.year))

    changes = Journal(directory).changes()
    whole = EMPTY
    for change in changes:
        whole = step(whole, change)
    assert there.inventory_state() == whole
    fresh = books(directory)
    for cut in cuts:
        part = fresh.fold(EMPTY, step).after(changes[:cut])
        assert part.number == min(cut, len(changes))
    assert fresh.inventory_state() == whole


@settings(max_examples=50)
@given(entries=entry_sets())
def test_the_half_width_is_the_root_of_the_sum_of_squares(entries: list[InventoryEntry]) -> None:
    state = InventoryState(entries={one.id: one for one in entries})
    for year in {one.year for one in entries}:
        for line in totals_of(state, year).lines:
            of_line = [one for one in entries if f"inventoryEntries/{one.id}" in line.entries]
            if any(one.uncertainty is None for one in of_line):
                assert line.half_width is None
            else:
                floats = [float(one.uncertainty or 0) * one.emissions.micrograms for one in of_line]
                assert line.half_width is not None
                assert line.half_width.micrograms == pytest.approx(sqrt(sum(x * x for x in floats)), rel=1e-9, abs=1)


def create(directory: Path, start: Any, results: Any, number: int) -> None:
    there = books(directory, actor=f"writer-{number}")
    start.wait()
    for index in range(12):
        try:
            there.create_inventory_entry(entry(tonnes=number, id=f"contested-{index}"))
            results.put((index, number))
        except ConflictError:
            continue


@pytest.mark.stress
def test_writers_at_once_never_book_one_id_twice(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    writers = [context.Process(target=create, args=(tmp_path, start, results, number)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    won = dict(results.get(timeout=60) for _ in range(12))
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert results.empty()
    state = books(tmp_path).inventory_state()
    assert {name: found.emissions.micrograms // TONNE for name, found in state.entries.items()} == {
        f"contested-{index}": number for index, number in won.items()
    }
    assert not state.restatements


# Entries


def test_an_entry_without_an_id_is_named_after_what_it_is_of(tmp_path: Path) -> None:
    there = books(tmp_path)
    assert there.create_inventory_entry(entry()).name == "inventoryEntries/2020-scope1"
    assert there.create_inventory_entry(entry("scope3", category=11, year="FY2022")).id == "fy2022-scope3-11"
    one = there.create_inventory_entry(entry("scope3", category=2, site="a", business="b-c")).id
    other = there.create_inventory_entry(entry("scope3", category=2, site="a-b", business="c")).id
    assert one != other


def test_creating_what_is_there_changes_nothing_and_other_content_is_a_conflict(tmp_path: Path) -> None:
    there = books(tmp_path)
    first = there.create_inventory_entry(entry())
    assert first == replace(entry(), id="2020-scope1", created_by="amy", created=NOW, state=EntryState.DRAFT)
    assert there.by("ben").create_inventory_entry(entry()) == first
    assert len(there.journal.changes()) == 1
    with pytest.raises(ConflictError, match=r"booked with 1\.000 t, not 2\.000 t") as caught:
        there.create_inventory_entry(entry(tonnes=2))
    assert caught.value.in_force == "1-draft"


def test_a_source_that_is_added_leaves_the_one_without_an_id_as_it_is(tmp_path: Path) -> None:
    there = books(tmp_path)
    first = there.create_inventory_entry(entry())
    there.create_inventory_entry(entry(tonnes=2, id="diesel"))
    assert there.create_inventory_entry(entry()) == first
    assert there.restate_inventory_entry(first.name, entry(tonnes=3), cause=ERROR, reason="w").revision == 2


def test_several_sources_of_one_line_need_ids_and_add_up(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry(id="diesel"))
    there.create_inventory_entry(entry(tonnes=2, id="refrigerants"))
    with pytest.raises(GoalError, match="booked as diesel, refrigerants already"):
        there.create_inventory_entry(entry(tonnes=3))
    (line,) = there.get_inventory("2020").lines
    assert line.emissions == Emissions(3 * TONNE)
    assert line.entries == ("inventoryEntries/diesel", "inventoryEntries/refrigerants")


WRONG: list[tuple[str, InventoryEntry, str, str]] = [
    ("scope", entry("scope4"), "scope", "unknown scope 'scope4'"),
    ("category 16", entry("scope3", category=16), "category", "no category '16'"),
    ("category of scope 1", entry(category=3), "category", "scope1 has no categories"),
    ("negative", entry(tonnes=-1), "emissions", "negative"),
    ("more than the world", entry(tonnes=10**13), "emissions", "more than the world"),
    ("no source", entry(source=" "), "source", "no source"),
    ("control characters", entry(site="a\nb"), "site", "control characters"),
    ("long", entry(business="x" * 201), "business", "longer than 200"),
    ("id", entry(id="Diesel!"), "id", "cannot be a resource name"),
    ("uncertainty", entry(uncertainty=Fraction(5)), "uncertainty", "the uncertainty 500 %"),
    ("future", entry(year="2027"), "year", "2027 has not begun"),
    ("past", entry(year="1989"), "year", "no year of an inventory"),
    ("no digest", entry(evidence=("invoice.pdf",)), "evidence", "not a SHA-256"),
    ("no document", entry(evidence=("0" * 64,)), "evidence", "no evidence 000"),
    (
        "ledger",
        entry(reference=LedgerReference("scope1", NOW, NOW, 1, 0)),
        "reference",
        "a line of the ledger",
    ),
]


@pytest.mark.parametrize(("wrong", "key", "said"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_with_an_entry_is_told_with_its_key(tmp_path: Path, wrong: InventoryEntry, key: str, said: str) -> None:
    there = books(tmp_path)
    with pytest.raises(GoalError, match=said) as caught:
        there.create_inventory_entry(wrong)
    assert caught.value.key == key
    assert caught.value.advice
    assert not there.journal.changes()


def test_no_day_counts_twice(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.update_inventory_policy(replace(there.get_inventory_policy(), fiscal_year_start_month=4))
    there.create_inventory_entry(entry())
    there.create_inventory_entry(entry("scope3"))
    for overlapping in (entry(year="FY2020"), entry(year="FY2021")):
        with pytest.raises(GoalError, match=r"FY202. overlaps 2020, which 2020-scope1 books"):
            there.create_inventory_entry(overlapping)
    with pytest.raises(GoalError, match="FY2021 overlaps 2020"):
        there.create_inventory_entry(entry("scope3", category=1, year="FY2021"))
    with pytest.raises(GoalError, match="booked whole and by category for 2020") as caught:
        there.create_inventory_entry(entry("scope3", category=1))
    assert caught.value.key == "category"
    there.create_inventory_entry(entry(year="FY2022"))
    for part in ({"site": "yard"}, {"business": "cloud"}):  # which would stand as a year of the whole, later than 2020
        with pytest.raises(GoalError, match="FY2021 overlaps 2020"):
            there.create_inventory_entry(entry(year="FY2021", **part))
    there.create_inventory_entry(entry(year="FY2021", biogenic=True))
    there.withdraw_inventory_entry("inventoryEntries/2020-scope1", cause=ERROR, reason="fiscal years from now on")
    there.create_inventory_entry(entry(year="FY2021"))


def test_activity_data_give_the_amount_and_a_stated_one_must_agree(tmp_path: Path) -> None:
    there = books(tmp_path)
    activity = ActivityData(Fraction(1200), "kWh", Fraction(35, 100), "kgCO2e/kWh", "supplier")
    booked = there.create_inventory_entry(entry(tonnes=0, activity=activity))
    assert booked.emissions == Emissions(420 * 10**9)
    assert there.create_inventory_entry(entry(tonnes="0.42", activity=activity)) == booked
    with pytest.raises(GoalError, match=r"says 421\.0 kg, but activity data x factor is 420\.0 kg"):
        there.create_inventory_entry(entry(tonnes="0.421", activity=activity, year="2021"))


# Restating


def test_a_restatement_tells_both_figures_and_why(tmp_path: Path) -> None:
    there = books(tmp_path)
    name = there.create_inventory_entry(entry(tonnes=5)).name
    there.approve_inventory_entries([name])
    changed = there.by("ben").restate_inventory_entry(
        name, entry(tonnes=4), cause=RestatementCause.FACTOR, reason="factor of 2021", etag="1-approved"
    )
    assert (changed.revision, changed.state, changed.created_by) == (2, EntryState.DRAFT, "ben")
    (one,) = there.list_inventory_restatements(year="2020")
    assert (one.before, one.after, one.cause, one.reason, one.restated_by) == (
        Emissions(5 * TONNE),
        Emissions(4 * TONNE),
        RestatementCause.FACTOR,
        "factor of 2021",
        "ben",
    )
    assert one.difference == Emissions(-TONNE)
    first, second = there.list_inventory_entry_revisions(name)
    assert (first.state, first.approved_by, second) == (EntryState.APPROVED, "amy", changed)
    assert there.get_inventory("2020", as_of=2).scope("scope1") == Emissions(5 * TONNE)
    assert there.get_inventory("2020").scope("scope1") == Emissions(4 * TONNE)


def test_restating_is_refused_without_its_conditions(tmp_path: Path) -> None:
    there = books(tmp_path)
    name = there.create_inventory_entry(entry()).name
    cases: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (NotFoundError, "no entry", lambda: there.restate_inventory_entry("x", entry(), cause=ERROR, reason="w")),
        (
            ConflictError,
            "changed since",
            lambda: there.restate_inventory_entry(name, entry(), cause=ERROR, reason="w", etag="9-draft"),
        ),
        (GoalError, "no reason", lambda: there.restate_inventory_entry(name, entry(tonnes=2), cause=ERROR, reason=" ")),
        (GoalError, "as it was booked", lambda: there.restate_inventory_entry(name, entry(year="2021"), cause=ERROR, reason="w")),
        (GoalError, "negative", lambda: there.restate_inventory_entry(name, entry(tonnes=-2), cause=ERROR, reason="w")),
        (
            GoalError,
            "cannot be ledger",
            lambda: there.restate_inventory_entry(name, entry(tonnes=2), cause=RestatementCause.LEDGER, reason="w"),
        ),
        (
            GoalError,
            "follows no structural change",
            lambda: there.restate_inventory_entry(name, entry(tonnes=2), cause=ERROR, reason="w", structural_change="x"),
        ),
        (GoalError, "no reason", lambda: there.withdraw_inventory_entry(name, cause=ERROR, reason="")),
        (ConflictError, "changed since", lambda: there.withdraw_inventory_entry(name, cause=ERROR, reason="w", etag="2-draft")),
    ]
    for kind, said, call in cases:
        with pytest.raises(kind, match=said):
            call()
    assert len(there.journal.changes()) == 1


def test_what_is_withdrawn_counts_no_more_stays_and_can_come_back(tmp_path: Path) -> None:
    there = books(tmp_path)
    name = there.create_inventory_entry(entry()).name
    gone = there.withdraw_inventory_entry(name, cause=ERROR, reason="of the neighbour")
    assert (gone.state, gone.revision) == (EntryState.WITHDRAWN, 2)
    assert there.withdraw_inventory_entry(name, cause=ERROR, reason="again") == gone
    assert there.get_inventory("2020").scope("scope1") is None
    assert there.list_inventory_entries() == []
    assert there.list_inventory_entries(show_withdrawn=True) == [gone]
    with pytest.raises(ConflictError, match="was withdrawn"):
        there.create_inventory_entry(entry())
    there.restate_inventory_entry(name, entry(), cause=ERROR, reason="it was ours")
    assert there.get_inventory("2020").scope("scope1") == Emissions(TONNE)
    assert [(one.before, one.after) for one in there.list_inventory_restatements()] == [
        (Emissions(TONNE), None),
        (None, Emissions(TONNE)),
    ]


def test_a_line_of_the_ledger_is_booked_from_it_alone(tmp_path: Path) -> None:
    there = books(tmp_path)
    reference = LedgerReference("scope2_market_based", datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC), 7, 60)
    line = entry("scope2_market_based", id="2020-ledger-scope2", reference=reference)
    (booked,) = there.book_references([line])
    assert there.book_references([line]) == [booked]
    with pytest.raises(GoalError, match="booked from the ledger"):
        there.restate_inventory_entry(booked.name, entry("scope2_market_based"), cause=ERROR, reason="w")
    with pytest.raises(GoalError, match="no reason"):
        there.book_references([replace(line, emissions=Emissions(5))])
    (again,) = there.book_references([replace(line, emissions=Emissions(5))], reason="version 8")
    assert again.revision == 2
    assert there.list_inventory_restatements()[0].cause is RestatementCause.LEDGER
    there.create_inventory_entry(entry("scope2_market_based", tonnes=2))  # what lies outside the ledger, beside it
    with pytest.raises(GoalError, match="is stated"):
        there.book_references([entry()])


# Approval


def test_a_draft_is_approved_and_then_verified(tmp_path: Path) -> None:
    there = books(tmp_path)
    one, other = (there.create_inventory_entry(entry(scope)).name for scope in ("scope1", "scope3"))
    with pytest.raises(GoalError, match="is a draft"):
        there.verify_inventory_entries([one], verified_by="Audit & Co", assurance="limited")
    assert [found.approved_by for found in there.by("ben").approve_inventory_entries(year="2020")] == ["ben", "ben"]
    assert [line.draft_count for line in there.get_inventory("2020").lines] == [0, 0]
    letter = there.upload_evidence(b"letter of assurance")
    (verified,) = there.verify_inventory_entries([one], verified_by="Audit & Co", assurance="limited", evidence=[letter])
    assert (verified.state, verified.verified_by, verified.assurance, verified.evidence, verified.approved_by) == (
        EntryState.VERIFIED,
        "Audit & Co",
        "limited",
        (letter,),
        "ben",
    )
    count = len(there.journal.changes())
    there.verify_inventory_entries([one], verified_by="Audit & Co", assurance="limited", evidence=[letter])
    there.approve_inventory_entries([one, other])
    assert len(there.journal.changes()) == count
    assert there.create_inventory_entry(entry()) == verified
    for wrong, said in (({"assurance": "full"}, "unknown assurance"), ({"verified_by": ""}, "no name")):
        with pytest.raises(GoalError, match=said):
            there.verify_inventory_entries([other], **{"verified_by": "x", "assurance": "limited", **wrong})
    with pytest.raises(GoalError, match="no entry is named"):
        there.approve_inventory_entries()
    with pytest.raises(GoalError, match="is of 2020, not 2021"):
        there.approve_inventory_entries([one], year="2021")


# Reading


def test_entries_are_listed_by_what_they_are_of(tmp_path: Path) -> None:
    there = books(tmp_path)
    for one in (
        entry("scope3", category=2, site="hall"),
        entry("scope3", category=1, business="cloud"),
        entry(),
        entry(year="2021"),
    ):
        there.create_inventory_entry(one)
    assert [(str(one.year), one.scope, one.category) for one in there.list_inventory_entries()] == [
        ("2020", "scope1", None),
        ("2020", "scope3", 1),
        ("2020", "scope3", 2),
        ("2021", "scope1", None),
    ]
    assert len(there.list_inventory_entries(year="2020", scope="scope3")) == 2
    assert [one.category for one in there.list_inventory_entries(category=2)] == [2]
    assert [one.category for one in there.list_inventory_entries(site="hall")] == [2]
    assert [one.category for one in there.list_inventory_entries(business="cloud")] == [1]
    with pytest.raises(GoalError, match="unknown scope"):
        there.list_inventory_entries(scope="scope2")


def test_a_sum_over_what_is_not_booked_is_not_known(tmp_path: Path) -> None:
    there = books(tmp_path)
    for one in (entry(), entry("scope3", category=1, tonnes=2, business="cloud"), entry("scope3", category=6, tonnes=4)):
        there.create_inventory_entry(one)
    state, year = there.inventory_state(), ReportingYear(2020)
    assert state.totals(year, scopes=["scope1", "scope3"]) == Emissions(7 * TONNE)
    assert state.totals(year) is None
    assert state.totals(year, scopes=["scope1", "scope3"], categories=[6]) == Emissions(5 * TONNE)
    assert state.totals(year, scopes=["scope3"], businesses=["cloud"]) == Emissions(2 * TONNE)
    assert state.totals(year, scopes=["scope3"], sites=["hall"]) is None
    assert state.totals(ReportingYear(2021), scopes=["scope1"]) is None
    with pytest.raises(GoalError, match="both Scope 2 methods"):
        state.totals(year, scopes=["scope2_location_based", "scope2_market_based"])
    with pytest.raises(GoalError, match="no record 99"):
        there.get_inventory("2020", as_of=99)


def test_the_records_are_there_for_an_auditor(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry(), reason="first")
    there.approve_inventory_entries(year="2020")
    first, second = there.list_book_records()
    assert (first.number, first.actor, first.kind, first.reason) == (1, "amy", "inventory.book", "first")
    assert (second.kind, second.body) == ("inventory.approve", '{"entries":["2020-scope1"]}')
    assert there.list_book_records(after=1) == [second]
    assert there.get_evidence(there.upload_evidence(b"invoice")) == b"invoice"


@pytest.mark.parametrize("body", [{}, {"entries": [{"id": 7}]}, {"entries": [], "cause": "whim"}, []])
def test_a_record_that_cannot_be_understood_is_told_and_never_half_read(tmp_path: Path, body: object) -> None:
    there: InventoryBooks = books(tmp_path)
    there.journal.append(Draft("inventory.book", body), after=0, actor="x", now=NOW)
    with pytest.raises(StoreError, match="not what it should be"):
        there.inventory_state()
