"""A damaged segment of a whole day is replaced by posting all of its windows, and never in part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import AllocationError, StoreError
from greencloud.ledger import Because, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.header import Header
from greencloud.ledger.segments import _kept, count_in, rows_of
from greencloud.ledger.version import Commit
from ledger_builders import CREATED, batch, energy_of, hour
from profiles import examples

LATER = hour(24 * 9).start
FIRST = 2  # of a day

amounts = st.dictionaries(st.integers(FIRST, FIRST + 23), st.integers(1, 9), min_size=2, max_size=6)


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
    _kept.cache_clear()  # as in a process that never read it


def lose(path: Path) -> None:
    path.unlink()
    _kept.cache_clear()


def day_file(ledger: Ledger) -> Path:
    (path,) = (ledger.store.root / each.path for each in ledger.store.read().segments() if count_in(each.path) > 1)
    return path


def post(ledger: Ledger, energy: dict[int, int]) -> int:
    return len(ledger.post_all([batch({"a": amount}, window=hour(at)) for at, amount in energy.items()]))


@settings(max_examples=examples(8))
@given(amounts, amounts, st.integers(0, 1), st.data())
def test_what_a_damaged_segment_held_is_known_and_replaced_as_a_whole(
    first: dict[int, int], second: dict[int, int], again: int, data: st.DataObject
) -> None:
    """Gaps, batches that superseded others before the day was compacted, and days that were cut open since."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        visible = dict(first)
        post(ledger, first)
        post(ledger, second)
        visible |= second
        compact(ledger, LATER)
        cut = data.draw(st.sampled_from(sorted(visible)))
        if len(visible) > 2:  # else what is left is alone
            visible[cut] += 10
            post(ledger, {cut: visible[cut]})
        held = [at for at in visible if at != cut or len(visible) == 2]
        before = {each.start: each for each in ledger.snapshot().batches()}
        data.draw(st.sampled_from([lose, tear]))(day_file(ledger))
        version = ledger.store.read().number

        missing = data.draw(st.sampled_from(held))
        anew = {at: amount + again for at, amount in visible.items()}
        opened = Ledger(Path(folder))
        part = [batch({"a": amount + 1}, window=hour(at)) for at, amount in visible.items() if at in held and at != missing]
        assert all(each.refusal for each in opened.preview(part))
        with pytest.raises(StoreError, match="more of its"):
            opened.post_all(part)
        assert opened.store.read().number == version

        whole = [batch({"a": amount}, window=hour(at)) for at, amount in anew.items()]
        posted = opened.post_all(whole, because=Because("ada", "lost"))
        assert energy_of(opened) == {"a": sum(anew.values())}
        assert {each.start for each in posted} == {hour(at).start for at in (anew if again else held)}
        by_start = {each.start: each for each in posted}
        for at in held:
            told, old = by_start[hour(at).start], before[hour(at).start]
            if again:  # the old batch is named, and nothing is made up of what changed
                assert (told.supersedes, told.causes, told.requested_by) == (old.id, ("unknown",), "ada")
            else:
                assert told == old
        assert [finding for finding in opened.verify() if "restatement" not in finding] == []


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A compacted day of three hours, of which the middle one is a restatement, and an hour of the next day."""
    ledger = Ledger(tmp_path)
    post(ledger, {2: 1, 3: 1, 4: 1, 26: 5})
    ledger.post(batch({"a": 2}, window=hour(3)), because=Because("ada", "right"))
    compact(ledger, LATER)
    return ledger


@pytest.mark.parametrize("harm", [lose, tear])
def test_a_repaired_day_has_its_restatements_back(ledger: Ledger, harm: Callable[[Path], None]) -> None:
    before = ledger.snapshot().restatements()
    harm(day_file(ledger))
    opened = Ledger(ledger.root)
    assert post(opened, {2: 1, 3: 2, 4: 1}) == 3
    assert opened.snapshot().restatements() == before
    assert opened.verify() == []


def test_what_is_refused_of_a_damaged_day_holds_up_no_other(ledger: Ledger) -> None:
    tear(day_file(ledger))
    opened = Ledger(ledger.root)
    half = batch({"a": 1}, window=hour(26, 1800))
    batches = [batch({"a": 9}, window=hour(2)), half, batch({"a": 7}, window=hour(5)), batch({"a": 3}, site="t", window=hour(3))]
    told = {(each.batch.summary.site, each.batch.window): each.refusal for each in opened.preview(batches)}
    assert isinstance(told["s", hour(2)], StoreError)
    assert isinstance(told["s", hour(26, 1800)], AllocationError)
    assert told["s", hour(5)] is None
    assert told["t", hour(3)] is None
    assert len(opened.post_all(batches[2:])) == 2


def test_a_page_that_is_torn_refuses_what_would_carry_it_on(ledger: Ledger) -> None:
    path = day_file(ledger)
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    opened = Ledger(ledger.root)
    (would,) = opened.preview([batch({"a": 9}, window=hour(2))])
    assert isinstance(would.refusal, StoreError)
    path.unlink()  # as the advice says
    assert post(Ledger(ledger.root), {2: 9, 3: 2, 4: 1}) == 3
    assert energy_of(Ledger(ledger.root)) == {"a": 9 + 2 + 1 + 5}


def test_where_the_log_does_not_tell_what_a_segment_held_nothing_is_replaced(tmp_path: Path) -> None:
    """No commit of ours makes such a segment: its batches were never visible in segments of their own."""
    ledger = Ledger(tmp_path)
    post(ledger, {26: 5})
    made = [batch({"a": 1}, window=hour(at)) for at in (2, 3)]
    rows = pa.concat_tables([rows_of(each.summary, each.postings) for each in made])
    segment = ledger.write([Header(each.summary, each.totals) for each in made], rows)
    assert ledger.store.commit(ledger.store.read(), Commit([segment]), CREATED)
    assert energy_of(ledger) == {"a": 7}
    tear(day_file(ledger))
    with pytest.raises(StoreError, match="cannot be read"):
        Ledger(tmp_path).post_all(made)
