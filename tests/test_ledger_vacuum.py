"""The vacuum keeps one of each final batch that was ever visible, whole, and nothing that never was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.header import encode_headers
from greencloud.ledger.segments import read_headers, read_segment
from greencloud.ledger.vacuum import vacuum
from ledger_builders import batch, energy_of, hour
from profiles import examples

LATER = hour(24 * 5).start
AFTER_GRACE = datetime.now(UTC) + timedelta(days=30)
HOURS = range(2, 8)  # of one day


def restate(ledger: Ledger, amount: int) -> None:
    """Hour by hour, as whoever posts batches one at a time."""
    for at in HOURS:
        ledger.post(batch({"a": amount + at}, window=hour(at)))
    compact(ledger, LATER)


def files(ledger: Ledger) -> list[Path]:
    return sorted(ledger.store.folder.glob("*.parquet"))


def batches(ledger: Ledger) -> set[bytes]:
    """Every batch of which the postings can be read, as its header says."""
    found = set()
    for path in files(ledger):
        ids = set(read_segment(path)["batch_id"].to_pylist())
        found |= {encode_headers([each]) for each in read_headers(path) if each.summary.id in ids}
    return found


@pytest.mark.parametrize("times", [1, 2])
def test_a_day_that_is_restated_hour_by_hour_is_kept_once_for_each_time(tmp_path: Path, times: int) -> None:
    ledger = Ledger(tmp_path)
    for number in range(1 + times):
        restate(ledger, 10 * number)
    before, versions = batches(ledger), range(ledger.snapshot().version + 1)
    told = [energy_of(ledger, version) for version in versions]
    would = vacuum(ledger, AFTER_GRACE, dry_run=True)
    assert vacuum(ledger, AFTER_GRACE) == would
    assert len(files(ledger)) == 1 + times
    assert batches(ledger) == before
    assert [energy_of(ledger, version) for version in versions] == told


@settings(max_examples=examples(6))
@given(st.lists(st.tuples(st.sampled_from(["post", "late", "compact", "vacuum"]), st.sampled_from(HOURS), st.integers(1, 3))))
def test_every_final_batch_stays_readable(steps: list[tuple[str, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        final: set[bytes] = set()
        for what, at, amount in steps:
            if what == "compact":
                compact(ledger, LATER)
            elif what == "vacuum":
                vacuum(ledger, AFTER_GRACE)
            else:
                ledger.post(batch({"a": amount}, window=hour(at), provisional=what == "late"))
            found = [each for path in files(ledger) for each in read_headers(path) if not each.summary.provisional]
            final |= {encode_headers([each]) for each in found}
        vacuum(ledger, AFTER_GRACE)
        ids = {each.split(b'"id":"')[1][:64] for each in final}
        assert {each.split(b'"id":"')[1][:64] for each in batches(ledger)} >= ids
        assert vacuum(ledger, AFTER_GRACE).files == 0


def test_a_copy_that_is_damaged_stands_for_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    restate(ledger, 0)
    (whole,) = [path for path in files(ledger) if f"-{len(HOURS)}-" in path.name]
    restate(ledger, 10)
    content = bytearray(whole.read_bytes())
    content[40:60] = bytes(20)  # a page; the headers stay readable
    whole.write_bytes(content)
    rests = [path for path in files(ledger) if f"-{len(HOURS) - 1}-" in path.name]
    assert len(rests) == 1
    vacuum(ledger, AFTER_GRACE)
    assert rests[0].exists()


def test_a_policy_counts_from_when_the_batch_was_superseded_wherever_it_lies(tmp_path: Path) -> None:
    start = datetime.now(UTC)
    now = [start]
    ledger = Ledger(tmp_path, clock=lambda: now[0])
    restate(ledger, 0)
    first, last = (batch({"a": 0 + at}, window=hour(at)).summary.id for at in (HOURS[0], HOURS[-1]))
    for at in (HOURS[0], HOURS[-1]):
        now[0] += timedelta(days=100)
        ledger.post(batch({"a": 50}, window=hour(at)))
    keep = timedelta(days=150)

    def held() -> set[str]:
        return {each.summary.id for path in files(ledger) for each in read_headers(path)}

    vacuum(ledger, start + timedelta(days=260), keep_superseded=keep)  # the one since day 100, the other since day 200
    assert last in held()
    vacuum(ledger, start + timedelta(days=360), keep_superseded=keep)
    assert not {first, last} & held()


def test_what_a_process_wrote_that_died_goes_after_the_grace_whatever_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}, window=hour(1)))
    ledger.post(batch({"a": 2}, window=hour(1)))  # a final batch that was superseded stays
    kept = files(ledger)
    headers = [each for path in kept for each in read_headers(path)][:1]
    rows = read_segment(kept[0])
    strays = [ledger.write(headers, rows), ledger.write(headers, rows)]  # before a commit that never was
    assert len(files(ledger)) == 2 + len(strays)
    assert vacuum(ledger, datetime.now(UTC)).files == 0
    assert vacuum(ledger, AFTER_GRACE).files == len(strays)
    assert files(ledger) == kept


def test_a_segment_that_cannot_be_read_stays_if_it_ever_counted(tmp_path: Path) -> None:
    """The fault may pass: a disk that comes back, a file that is restored."""
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    (old,) = ledger.store.folder.iterdir()
    ledger.post(batch({"a": 2}))
    content = old.read_bytes()
    old.write_bytes(content[:100])
    for count in (1, 14):
        (tmp_path / "segments" / f"{'0' * 64}-{count}-stray.parquet").write_bytes(content[:100])
    removed = vacuum(ledger, datetime.now(UTC) + timedelta(days=30))
    assert removed.files == 2
    assert old.exists()
