"""Restatements: the difference of two batches is exact, its causes are derived, and none is lost, whatever dies or is vacuumed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import COMPONENTS, POSTING_MEASURES
from greencloud.errors import AllocationError
from greencloud.facility.differences import Difference, DifferenceKind
from greencloud.ledger import CAUSES, Batch, Because, Ledger, make_batch
from greencloud.ledger.header import Header
from greencloud.ledger.restatement import causes_of, concerning, excess, line_table, lines_of, restates
from greencloud.results import RESTATED_MEASURES, Restatement
from greencloud.units import INT64_MAX, Window
from ledger_builders import CREATED, allocated, batch, batch_of, hour
from profiles import examples
from test_ledger_crash import child

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "account": st.sampled_from(["a", "b", "(unsold)"]),
            "service": st.sampled_from(["", "web"]),
            "operation": st.sampled_from(["", "get", "put"]),
            "component": st.sampled_from(COMPONENTS[:2]),
            **{measure: st.integers(0, INT64_MAX) for measure in POSTING_MEASURES},
        }
    ),
    max_size=6,
    unique_by=lambda row: (row["account"], row["service"], row["operation"], row["component"]),
)
Key = tuple[str, str, str, str]
NAMES = dict(zip(POSTING_MEASURES, RESTATED_MEASURES, strict=True))


def sums(made: Batch) -> Counter[Key]:
    """The oracle: what a batch charges by account, service, component and measure, in plain Python."""
    found: Counter[Key] = Counter()
    for row in made.postings.to_pylist():
        for measure in POSTING_MEASURES:
            found[row["account"], row["service"], row["component"], NAMES[measure]] += row[measure]
    return found


def told(restatement: Restatement) -> dict[Key, tuple[int, int]]:
    return {(line.account, line.service, line.component, line.measure): (line.old, line.new) for line in restatement.lines}


@given(ROWS, ROWS)
@settings(max_examples=examples(25), deadline=None)
def test_lines_are_what_differs_and_add_up_to_the_difference_of_the_totals(before: list[Any], after: list[Any]) -> None:
    old, new = batch_of(before), batch_of(after)
    lines = lines_of(line_table(old.postings, new.postings))
    had, has = sums(old), sums(new)
    assert {(line.account, line.service, line.component, line.measure): (line.old, line.new) for line in lines} == {
        key: (had[key], has[key]) for key in had.keys() | has.keys() if had[key] != has[key]
    }
    for measure in POSTING_MEASURES:
        assert sum(line.difference for line in lines if line.measure == NAMES[measure]) == new.totals[measure] - old.totals[measure]
    keys = [(line.account, line.service, line.region, line.sku, line.component, line.measure) for line in lines]
    assert keys == sorted(set(keys))


@given(posts=st.lists(st.tuples(ROWS, st.booleans()), min_size=1, max_size=6), again=st.booleans())
@settings(max_examples=examples(5), deadline=None, suppress_health_check=list(HealthCheck))
def test_the_differences_along_a_chain_lead_from_the_first_final_batch_to_the_last(posts: list[Any], again: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="greencloud-") as folder:
        ledger = Ledger(Path(folder) / "ledger")
        if again:
            posts = [*posts, *posts]  # the same batches come back: A, B, A, B
        expected: list[tuple[Batch, Batch]] = []
        visible: Batch | None = None
        shown_final = False
        for number, (rows, provisional) in enumerate(posts):
            made = make_batch(
                allocated(rows), usage_revision="u", provisional=provisional, created=CREATED + timedelta(seconds=number)
            )
            if ledger.post(made) is None:
                continue
            if visible and shown_final:
                expected.append((visible, made))
            visible, shown_final = made, shown_final or not provisional
        found = ledger.snapshot().restatements()
        assert [(each.old_batch, each.new_batch) for each in found] == [(a.summary.id, b.summary.id) for a, b in expected]
        assert ledger.verify() == []
        if expected:
            total: Counter[Key] = Counter()
            for restatement in found:
                for key, (old, new) in told(restatement).items():
                    total[key] += new - old
            first, last = sums(expected[0][0]), sums(expected[-1][1])
            assert {key: amount for key, amount in total.items() if amount} == {
                key: last[key] - first[key] for key in last.keys() | first.keys() if last[key] != first[key]
            }
        own = ledger.snapshot().restatements(accounts=["a"])
        assert [told(each) for each in own] == [
            mine for each in found if (mine := {key: value for key, value in told(each).items() if key[0] == "a"})
        ]


def test_what_was_posted_twice_with_the_same_header_ends_and_loses_no_link(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    one, other = batch({"a": 1}), batch({"a": 2})
    for made in (one, other, one, other):
        assert ledger.post(made)
    found = ledger.snapshot().restatements()
    assert sorted((line.old, line.new) for each in found for line in each.lines) == [(1, 2), (1, 2), (2, 1)]
    assert ledger.verify() == []


def test_what_takes_the_place_of_a_provisional_batch_is_none_unless_its_period_is_closed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "open")
    ledger.post(batch({"a": 1}, provisional=True))
    assert ledger.post(batch({"a": 2})).causes == ()  # type: ignore[union-attr]
    assert ledger.snapshot().restatements() == []
    assert not (tmp_path / "open" / "restatements").exists()
    ledger = Ledger(tmp_path / "closed", closed=lambda old: old.site == "s")
    ledger.post(batch({"a": 1}, provisional=True))
    ledger.post(batch({"a": 2}))
    assert [each.lines[0].difference for each in ledger.snapshot().restatements()] == [1]


def test_who_asked_in_which_words_and_why_are_in_the_header_and_not_in_the_id(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    made = batch({"a": 3}, facility_revision="e" * 64)
    change = Difference("factors.DE.location", DifferenceKind.FIGURE, "129 g/kWh", "100 g/kWh", frozenset({"s"}))
    other = Difference("hosts.x.site", DifferenceKind.MAPPING, "t", "v", frozenset({"t", "v"}))
    asked: list[tuple[str, str, str]] = []

    def changes(old: str, new: str, site: str, _: Window) -> list[Difference]:
        asked.append((old, new, site))
        return [change, other]

    posted = ledger.post(made, because=Because("ada", "supplier corrected its factor", changes))
    assert posted
    assert (posted.id, posted.requested_by, posted.reason) == (made.summary.id, "ada", "supplier corrected its factor")
    assert posted.causes == ("corrected_factor", "corrected_mapping")
    assert asked == [("f" * 64, "e" * 64, "s")]
    (found,) = ledger.snapshot().restatements(hour(0).start, hour(0).end)
    assert (found.requested_by, found.reason, found.causes) == (posted.requested_by, posted.reason, posted.causes)
    assert [(each.path, each.old, each.new) for each in found.changes] == [("factors.DE.location", "129 g/kWh", "100 g/kWh")]
    assert ledger.snapshot().restatements(hour(1).start, hour(2).end) == []


SUMMARY = batch({}).summary


@pytest.mark.parametrize(
    ("fields", "changes", "causes"),
    [
        ({}, None, ("unknown",)),
        ({"usage_revision": "v"}, None, ("late_data",)),
        ({"facility_revision": "g"}, None, ("unknown",)),
        ({"facility_revision": "g"}, ["reading"], ("late_data",)),
        ({"facility_revision": "g"}, ["mapping", "figure"], ("corrected_factor", "corrected_mapping")),
        ({"rule": "used"}, None, ("model_version",)),
        ({"methodology_version": "greencloud/2", "usage_revision": "v"}, None, ("late_data", "model_version")),
        ({"usage_revision": "v", "facility_revision": "g"}, None, ("late_data", "unknown")),
        ({"usage_revision": "v", "notes": ("withdrawn: it moved",), "facility_revision": "g"}, ["mapping"], ("corrected_mapping",)),
    ],
)
def test_causes_come_from_the_headers_and_the_books(fields: Any, changes: list[str] | None, causes: tuple[str, ...]) -> None:
    differing = None if changes is None else [Difference("x", DifferenceKind(kind), "", "") for kind in changes]
    assert causes_of(SUMMARY, replace(SUMMARY, **fields), differing) == causes
    assert [cause for cause in CAUSES if cause in causes] == list(causes)


def test_a_change_of_the_book_concerns_its_own_sites_and_time() -> None:
    here = Difference("here", DifferenceKind.FIGURE, "1", "2", frozenset({"s"}), hour(0).start, hour(0).end)
    there = Difference("there", DifferenceKind.MAPPING, "1", "2", frozenset({"t"}))
    later = Difference("later", DifferenceKind.MAPPING, "1", "2", None, hour(1).start)
    assert concerning([here, there, later], "s", hour(0)) == [here]
    assert concerning([here, there, later], "s", hour(1)) == [later]
    assert concerning([here, there], "s", hour(1)) == []


def test_restates_is_about_what_customers_were_shown() -> None:
    assert restates(SUMMARY)
    assert not restates(replace(SUMMARY, provisional=True))
    assert restates(replace(SUMMARY, provisional=True, causes=("late_data",)))
    assert restates(replace(SUMMARY, provisional=True), closed=True)


STEPS = ("segment_durable", "restatement_written", "restatement_synced", "restatement_durable", "committed")

KILLED = """
def kill(at):
    if at == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
Ledger(Path(sys.argv[1]), checkpoint=kill).post(batch({"a": 2, "b": 5}))
"""


@pytest.mark.stress
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_visible_restatement_has_its_record_and_another_is_not_listed(tmp_path: Path, step: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    done = subprocess.run(child(KILLED, str(tmp_path), step), check=False, timeout=60)
    assert done.returncode == -9
    for _ in range(2):
        found = ledger.snapshot().restatements()
        assert ledger.verify() == []
        assert [told(each) for each in found] == (
            [{("a", "", "dynamic", "energy"): (1, 2), ("b", "", "dynamic", "energy"): (0, 5)}] if found else []
        )
        assert bool(found) is (ledger.snapshot().batches()[0].supersedes != "")
        ledger.post(batch({"a": 2, "b": 5}))
    ledger.post(batch({"a": 3}))
    assert [len(each.lines) for each in ledger.snapshot().restatements()] == [2, 2]
    assert ledger.verify() == []


def test_every_step_before_the_commit_is_tried_above(tmp_path: Path) -> None:
    steps: list[str] = []
    Ledger(tmp_path).post(batch({"a": 1}))
    Ledger(tmp_path, checkpoint=steps.append).post(batch({"a": 2}))
    assert tuple(steps[-5:]) == STEPS


def test_restatements_outlive_the_segments_that_they_replaced(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for amount in range(1, 4):
        ledger.post(batch({"a": amount}))
        ledger.post(batch({"a": amount}, window=hour(1)))
    visible = {segment.path for segment in ledger.store.read().segments()}
    for file in (tmp_path / "segments").iterdir():
        if f"segments/{file.name}" not in visible:
            file.unlink()
    found = Ledger(tmp_path).snapshot().restatements()
    assert [[(line.old, line.new) for line in each.lines] for each in found] == [[(1, 2)], [(2, 3)]] * 2


def test_batches_that_share_a_segment_are_restated_one_by_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    made = [batch({"a": 1}, window=hour(number)) for number in range(2)]
    ledger.post_all(made)
    ledger.post_all([batch({"a": 7}, window=hour(number)) for number in range(2)], because=Because("ada", "both"))
    found = ledger.snapshot().restatements()
    assert [(each.start, each.lines[0].difference, each.reason) for each in found] == [
        (hour(number).start, 6, "both") for number in range(2)
    ]


def test_a_missing_or_changed_record_is_named_and_no_other_is_lost(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for amount in (1, 2, 3):
        ledger.post(batch({"a": amount}))
    files = {path.name.split("-")[2]: path for path in (tmp_path / "restatements").iterdir()}
    shutil.copy(files["2"], files["1"])  # of another restatement under this one's name
    (finding,) = ledger.verify()
    assert files["1"].name in finding
    assert [(each.kept, len(each.lines)) for each in ledger.snapshot().restatements()] == [(False, 0), (True, 1)]
    assert [each.kept for each in ledger.snapshot().restatements(accounts=["a"])] == [True]
    files["2"].unlink()
    (finding,) = ledger.verify()
    assert "missing" in finding
    assert ledger.snapshot().batches()[0].supersedes in finding
    files["1"].write_bytes(b"torn")
    files["1"].rename(files["2"])
    (finding,) = ledger.verify()
    assert "cannot be read" in finding


def test_a_lost_segment_of_a_restatement_is_posted_again_with_its_chain(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    ledger.post(batch({"a": 2}), because=Because("ada", "right"))
    before = ledger.snapshot().restatements()
    (segment,) = ledger.store.read().segments()
    (tmp_path / segment.path).unlink()
    assert Ledger(tmp_path).post(batch({"a": 2}))
    assert Ledger(tmp_path).snapshot().restatements() == before
    assert Ledger(tmp_path).verify() == []


@given(died=st.lists(st.integers(-2, 2), max_size=3), again=st.booleans())
@settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_repaired_has_the_words_of_the_post_that_counted(died: list[int], again: bool) -> None:
    class DiedError(BaseException): ...

    def die(step: str) -> None:
        if step == "restatement_durable":
            raise DiedError

    def made_at(seconds: int) -> Batch:
        return make_batch(
            allocated([{"energy_mj": 2}]), usage_revision="u", provisional=False, created=CREATED + timedelta(seconds=seconds)
        )

    with tempfile.TemporaryDirectory(prefix="greencloud-") as folder:
        root = Path(folder) / "ledger"
        Ledger(root).post(batch({"a": 1}))
        if again:  # the same batches come back, so that records of the same pair have several places in the chain
            for made in (made_at(-9), batch({"a": 1}, facility_revision="e" * 64)):
                Ledger(root).post(made, because=Because("bob", "an earlier time"))
        for number, seconds in enumerate(died):
            with pytest.raises(DiedError):
                Ledger(root, checkpoint=die).post(made_at(seconds), because=Because("mallory", f"draft {number}"))
        Ledger(root).post(made_at(0), because=Because("ada", "the true reason"))
        before = Ledger(root).snapshot().restatements()
        assert (before[-1].requested_by, before[-1].reason) == ("ada", "the true reason")
        (segment,) = Ledger(root).store.read().segments()
        (root / segment.path).unlink()
        assert Ledger(root).post(made_at(1), because=Because("eve", "a repair"))
        assert Ledger(root).snapshot().restatements() == before
        assert Ledger(root).verify() == []


def test_where_no_record_that_counted_is_left_a_repair_names_nobody(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    ledger.post(batch({"a": 2}), because=Because("ada", "right"))
    (segment,) = ledger.store.read().segments()
    (tmp_path / segment.path).unlink()
    (record,) = (tmp_path / "restatements").iterdir()
    record.write_bytes(b"torn")
    posted = Ledger(tmp_path).post(batch({"a": 2}), because=Because("eve", "a repair"))
    assert posted
    assert (posted.supersedes, posted.causes, posted.requested_by) == (batch({"a": 1}).summary.id, ("unknown",), "")
    assert [each.kept for each in Ledger(tmp_path).snapshot().restatements()] == [False]


def test_where_the_old_batch_is_lost_the_cause_is_unknown_and_no_amount_is_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    (segment,) = ledger.store.read().segments()
    (tmp_path / segment.path).unlink()
    assert Ledger(tmp_path).post(batch({"a": 2})).causes == ("unknown",)  # type: ignore[union-attr]
    assert [(each.kept, each.lines) for each in Ledger(tmp_path).snapshot().restatements()] == [(False, ())]
    assert "missing" in Ledger(tmp_path).verify()[0]


def test_a_preview_says_what_would_come_and_writes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    before = sorted(tmp_path.rglob("*"))
    (would,) = ledger.preview([batch({"a": 5})])
    assert would.link
    assert [(line.old, line.new) for line in lines_of(would.link.lines)] == [(1, 5)]
    assert ledger.preview([batch({"a": 1})]) == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("amount", "allowed"), [(50, True), (49, False), (200, True), (201, False)])
def test_a_site_that_changes_by_more_than_allowed_is_refused_and_the_old_figures_stand(
    tmp_path: Path, amount: int, allowed: bool
) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 100}))
    because = Because(most_change=Fraction(1))
    if allowed:
        assert ledger.post(batch({"a": amount}), because=because)
        return
    with pytest.raises(AllocationError, match="its energy from 100 to"):
        ledger.post(batch({"a": amount}), because=because)
    (would,) = ledger.preview([batch({"a": amount})], because=because)
    assert would.refusal
    assert ledger.snapshot().restatements() == []
    late = make_batch(allocated([{"energy_mj": amount}]), usage_revision="late", provisional=False, created=CREATED)
    assert ledger.post(late, because=because)  # late data is no mistake of the book


AMOUNTS = st.one_of(st.just(0), st.integers(0, 5), st.integers(0, INT64_MAX))


@given(old=st.tuples(AMOUNTS, AMOUNTS), new=st.tuples(AMOUNTS, AMOUNTS), most=st.fractions(0, 10, max_denominator=100))
def test_a_bound_holds_for_each_total_both_ways_and_for_what_was_or_becomes_nothing(
    old: tuple[int, int], new: tuple[int, int], most: Fraction
) -> None:
    had, has = (
        batch_of([{"energy_mj": 7, "scope2_location_ug": location, "scope2_market_ug": market}]) for location, market in (old, new)
    )
    within = all(min(pair) * (1 + most) >= max(pair) for pair in zip(old, new, strict=True))
    for one, other in ((had, has), (has, had)):
        assert within is (excess(Header(one.summary, one.totals), Header(other.summary, other.totals), most) == "")


def test_a_total_that_was_nothing_is_bounded_but_not_for_late_data_nor_where_it_is_confirmed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    row = {"energy_mj": 100, "scope2_location_ug": 10, "scope2_market_ug": 0}
    ledger.post(batch_of([row]))
    wrong = batch_of([{**row, "scope2_market_ug": 10**15}], facility_revision="e" * 64)
    bound = Because(most_change=Fraction(10**6))
    with pytest.raises(AllocationError, match="its market-based emissions from 0 to 1,000,000,000,000,000 µg CO2e"):
        ledger.post(wrong, because=bound)
    assert ledger.snapshot().restatements() == []
    assert ledger.post(wrong, because=Because())
    ledger.post(batch({}, window=hour(1)))
    first_reading = make_batch(
        allocated([{"energy_mj": 100}], window=hour(1)), usage_revision="late", provisional=False, created=CREATED
    )
    assert ledger.post(first_reading, because=bound)
    ledger.post(batch({}, window=hour(2), provisional=True))
    assert ledger.post(batch({"a": 100}, window=hour(2)), because=bound)  # which was promised to change
