"""Posting: whatever the order of posts, what is visible is the last balanced batch of each site and window, counted once."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from greencloud.errors import AllocationError, NotFoundError, StoreError, UnbalancedError
from greencloud.ledger import Batch, Ledger, check_batch, make_batch
from greencloud.ledger.compaction import compact
from greencloud.ledger.vacuum import vacuum
from greencloud.units import INT64_MAX, Energy, Window
from ledger_builders import CREATED, allocated, batch, energy_of, hour
from profiles import examples


def hour_of(start: datetime) -> Window:
    return Window(start, 3600)


def bounds(day: tuple[str, date]) -> tuple[datetime, datetime]:
    start = datetime.combine(day[1], time(), UTC)
    return start, start + timedelta(days=1)


AMOUNTS = st.dictionaries(st.sampled_from(["a", "b", "c'", "(unsold)"]), st.integers(0, INT64_MAX), max_size=3)


class Posts(RuleBasedStateMachine):
    """The ledger beside a dictionary from (site, window) to batch, and the dictionary at every version."""

    made = Bundle[Batch]("made")

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="greencloud-"))
        self.ledger = Ledger(self.folder / "ledger")
        self.visible: dict[tuple[str, Any], Batch] = {}
        self.restated: dict[tuple[str, Any], bool] = {}
        self.versions: list[dict[str, int]] = []
        self.sure = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            assert self.ledger.verify() == []
            shutil.rmtree(self.folder)

    @rule(target=made, energy=AMOUNTS, site=st.sampled_from("st"), at=st.integers(0, 2), provisional=st.booleans())
    def make(self, energy: dict[str, int], site: str, at: int, provisional: bool) -> Batch:
        return batch(energy, site, hour(at), provisional=provisional)

    @rule(each=made)
    def post(self, each: Batch) -> None:
        key = each.summary.site, each.window
        before = self.visible.get(key)
        posted = self.ledger.post(each)
        if before and before.summary.id == each.summary.id:
            assert posted is None
            return
        assert posted
        causes = self.causes(key)
        assert posted == replace(each.summary, supersedes=before.summary.id if before else "", causes=causes)
        self.restated[key] = bool(causes)
        self.visible[key] = each
        self.versions.append(self.expected())

    @rule(each=made, more=st.sampled_from([-1, 1, 2**64]))
    def post_unbalanced(self, each: Batch, more: int) -> None:
        wrong = replace(each, totals={**each.totals, "energy_mj": each.totals["energy_mj"] + more})
        with pytest.raises(UnbalancedError) as caught:
            self.ledger.post(wrong)
        assert caught.value.residual == {"energy_mj": more}

    @rule(together=st.lists(made, max_size=4))
    def post_several(self, together: list[Batch]) -> None:
        each_once = {(each.summary.site, each.window): each for each in together}
        fresh = {key: each for key, each in each_once.items() if self.visible_id(key) != each.summary.id}
        posted = self.ledger.post_all(list(each_once.values()))
        assert {each.id for each in posted} == {each.summary.id for each in fresh.values()}
        for each in posted:
            key = each.site, hour_of(each.start)
            assert each.supersedes == self.visible_id(key)
            assert each.causes == self.causes(key)
            self.restated[key] = bool(each.causes)
        self.visible |= fresh
        if fresh:
            self.versions.append(self.expected())

    @rule()
    def open_again(self) -> None:
        self.ledger = Ledger(self.folder / "ledger")

    @rule()
    def compact(self) -> None:
        days = {(site, window.start.date()) for site, window in self.visible}
        whole = [
            day
            for day in days
            if len(self.ledger.store.read().segments(*bounds(day), (day[0],))) > 1
            and not any(each.summary.provisional for key, each in self.visible.items() if (key[0], key[1].start.date()) == day)
        ]
        assert compact(self.ledger, hour(99).start) == len(whole)
        self.versions += [self.expected()] * len(whole)
        assert compact(self.ledger, hour(99).start) == 0

    @rule()
    def vacuum(self) -> None:
        """What goes is of earlier versions: of those only final batches are sure to be readable."""
        vacuum(self.ledger, datetime.now(UTC) + timedelta(days=30), grace=timedelta())
        self.sure = len(self.versions) - 1

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def read_an_earlier_version(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(max(0, self.sure), len(self.versions) - 1))
        assert energy_of(self.ledger, number) == self.versions[number]

    @invariant()
    def totals_are_those_of_the_visible_batches(self) -> None:
        snapshot = self.ledger.snapshot()
        assert snapshot.version == len(self.versions) - 1
        assert energy_of(self.ledger) == self.expected()
        assert {(each.site, each.start): each.id for each in snapshot.batches()} == {
            (site, window.start): each.summary.id for (site, window), each in self.visible.items()
        }

    def causes(self, key: tuple[str, Any]) -> tuple[str, ...]:
        """Of what is posted next. All are made of the same inputs, so that nothing says why they differ; what replaces a
        restatement is one as well."""
        before = self.visible.get(key)
        return ("unknown",) if before and (not before.summary.provisional or self.restated.get(key)) else ()

    def visible_id(self, key: tuple[str, Any]) -> str:
        return self.visible[key].summary.id if key in self.visible else ""

    def expected(self) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for each in self.visible.values():
            for row in each.postings.to_pylist():
                sums[row["account"]] += row["energy_mj"]
        return dict(sums)


TestPosts = Posts.TestCase
TestPosts.settings = settings(
    max_examples=examples(10), stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_ledger_that_is_not_there_reads_as_empty_and_stays_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "none")
    assert ledger.snapshot().version == ledger.snapshot(-1).version == -1
    assert energy_of(ledger) == {}
    snapshot = ledger.snapshot()
    assert [snapshot.accounts(), snapshot.sites(), snapshot.batches(), ledger.verify()] == [[], [], [], []]
    assert ledger.snapshot().find("s", hour(0)) is None
    assert not (tmp_path / "none").exists()


def test_a_snapshot_stays_what_it_was(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    before = ledger.snapshot()
    ledger.post(batch({"a": 2}))
    assert [each.account_energy for each in before.batches()] == [Energy(1)]
    assert energy_of(ledger) == {"a": 2}
    assert energy_of(ledger, before.version) == {"a": 1}


@pytest.mark.parametrize("number", [-2, 1, 10**6])
def test_a_version_that_is_not_there_is_refused(tmp_path: Path, number: int) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    with pytest.raises(NotFoundError, match=str(number)):
        ledger.snapshot(number)


@pytest.mark.parametrize(("first", "second"), [(hour(0), hour(0, 300)), (hour(0, 300), hour(0)), (hour(0, 600), hour(0, 900))])
def test_windows_of_different_length_never_both_count(tmp_path: Path, first: Any, second: Any) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}, window=first))
    with pytest.raises(AllocationError, match="overlaps"):
        ledger.post(batch({"a": 1}, window=second))
    assert energy_of(ledger) == {"a": 1}
    ledger.post(batch({"a": 1}, site="t", window=second))
    ledger.post(batch({"a": 1}, window=hour(1, second.seconds)))
    assert energy_of(ledger) == {"a": 3}


def test_a_sum_that_wraps_around_in_64_bits_is_not_balanced() -> None:
    made = batch({"a": INT64_MAX, "b": INT64_MAX, "c": 2})
    check_batch(made)
    with pytest.raises(UnbalancedError):
        check_batch(replace(made, totals={**made.totals, "energy_mj": 0}))


@pytest.mark.parametrize("measure", ["energy_mj", "scope1_ug", "scope2_market_ug", "scope3_embodied_ug"])
def test_every_measure_is_balanced(tmp_path: Path, measure: str) -> None:
    there = allocated([{"account": "a", measure: 5}])
    wrong = make_batch(replace(there, totals={**there.totals, measure: 7}), usage_revision="u", provisional=False, created=CREATED)
    with pytest.raises(UnbalancedError) as caught:
        Ledger(tmp_path / "x").post(wrong)
    assert caught.value.residual == {measure: 2}
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"account_energy": Energy(1)},
        {"metered_energy": Energy(9)},
        {"pool_energy": {}},
        {"pool_energy": {"(unsold)": Energy(3), "(x)": Energy(1)}},
    ],
    ids=str,
)
def test_a_header_that_does_not_match_its_postings_is_refused(change: dict[str, Any]) -> None:
    made = batch({"a": 5, "(unsold)": 3})
    check_batch(made)
    with pytest.raises(UnbalancedError, match="header"):
        check_batch(replace(made, summary=replace(made.summary, **change)))


@pytest.mark.parametrize(
    "change", [{"site": "t"}, {"start": hour(1).start, "end": hour(1).end}, {"end": hour(0, 300).end}], ids=str
)
def test_postings_of_another_site_or_window_are_refused(change: dict[str, Any]) -> None:
    made = batch({"a": 0})
    with pytest.raises(StoreError, match="another"):
        check_batch(replace(made, summary=replace(made.summary, **change)))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a-b", ".x"])
def test_an_id_that_cannot_name_a_file_is_refused(name: str) -> None:
    made = batch({"a": 0})
    with pytest.raises(StoreError, match="not a batch id"):
        check_batch(replace(made, summary=replace(made.summary, id=name)))


def test_totals_of_other_measures_are_refused() -> None:
    made = batch({"a": 0})
    with pytest.raises(StoreError, match="totals"):
        check_batch(replace(made, totals={"energy_mj": 0}))


def test_a_folder_name_that_delta_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="%XX"):
        Ledger(tmp_path / "a%20b")


def test_segments_lie_sorted_by_account_and_open_with_plain_delta(tmp_path: Path) -> None:
    from deltalake import DeltaTable

    ledger = Ledger(tmp_path)
    ledger.post(batch({"b": 2, "a": 1, "(unsold)": 3}))
    ledger.post(batch({"a": 4}))
    ledger.post(batch({"c": 4}, site="t/1 é"))
    table: pa.Table = DeltaTable(str(tmp_path)).to_pyarrow_table()
    assert sorted(zip(table["site"].to_pylist(), table["account"].to_pylist(), table["energy_mj"].to_pylist(), strict=True)) == [
        ("s", "a", 4),
        ("t/1 é", "c", 4),
    ]
    first = DeltaTable(str(tmp_path), version=0).to_pyarrow_table()
    assert first["account"].to_pylist() == ["(unsold)", "a", "b"]
    assert set(first["window_start"].to_pylist()) == {hour(0).start}
