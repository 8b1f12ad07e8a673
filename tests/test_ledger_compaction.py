"""Compaction and vacuum change where batches lie and never what they say; who loses a race or a lease changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from greencloud.errors import LeaseLostError, NotFoundError, QuantityError, StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.header import Header
from greencloud.ledger.lease import TERM, Leases
from greencloud.ledger.segments import read_segment, rows_of
from greencloud.ledger.vacuum import vacuum
from greencloud.ledger.version import Commit
from ledger_builders import CREATED, batch, energy_of, hour

LATER = hour(24 * 5).start
AFTER_GRACE = datetime.now(UTC) + timedelta(days=30)

KILLED = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from datetime import datetime, timedelta, UTC
from pathlib import Path
from ledger_builders import batch, hour
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.vacuum import vacuum
def kill(at):
    if at == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
ledger = Ledger(Path(sys.argv[1]), checkpoint=kill)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two hours of one day and two of the next."""
    ledger = Ledger(tmp_path)
    for at in range(4):
        ledger.post(batch({"a": 1 + at, "b": 10}, window=hour(at)))
    return ledger


def names(ledger: Ledger) -> list[str]:
    return [Path(segment.path).name for segment in ledger.snapshot().contents.segments()]


def test_a_day_becomes_one_segment_sorted_by_account(ledger: Ledger) -> None:
    before = ledger.snapshot().batches()
    assert compact(ledger, LATER) == 2
    assert [name.split("-")[1] for name in names(ledger)] == ["2", "2"]
    assert ledger.snapshot().batches() == before
    assert energy_of(ledger) == {"a": 10, "b": 40}
    assert ledger.verify() == []


def test_days_that_go_on_or_are_provisional_stay_as_they_are(ledger: Ledger) -> None:
    assert compact(ledger, hour(0).end) == 0
    ledger.post(batch({"a": 3, "b": 1}, window=hour(2), provisional=True))
    assert compact(ledger, LATER) == 1
    assert len(names(ledger)) == 3


def test_a_batch_of_a_compacted_day_is_superseded_alone(ledger: Ledger) -> None:
    compact(ledger, LATER)
    old = ledger.snapshot().find("s", hour(1))
    version = ledger.snapshot().version
    posted = ledger.post(batch({"a": 100}, window=hour(1)))
    assert posted
    assert old
    assert posted.supersedes == old.id
    assert energy_of(ledger) == {"a": 108, "b": 30}
    assert energy_of(ledger, version) == {"a": 10, "b": 40}
    assert ledger.verify() == []
    assert ledger.post(batch({"a": 100}, window=hour(1))) is None
    assert compact(ledger, LATER) == 1
    assert energy_of(ledger) == {"a": 108, "b": 30}
    for path in ledger.snapshot().contents.listing["path"].to_pylist():
        rows = read_segment(ledger.root / path)
        placed = list(zip(rows["account"].to_pylist(), rows["window_start"].to_pylist(), strict=True))
        assert placed == sorted(placed)


def test_posting_what_a_compacted_day_holds_does_nothing(ledger: Ledger) -> None:
    compact(ledger, LATER)
    version = ledger.snapshot().version
    assert ledger.post_all([batch({"a": 1 + at, "b": 10}, window=hour(at)) for at in range(4)]) == []
    assert ledger.snapshot().version == version


@pytest.mark.parametrize("order", ["compact", "post"])
def test_a_post_and_a_compaction_at_one_time_both_happen(ledger: Ledger, order: str) -> None:
    """Each is let in between the other's segment and its commit."""
    pending = [True]

    def meanwhile(step: str) -> None:
        if step == "segment_durable" and pending:
            pending.clear()
            other = Ledger(ledger.root)
            if order == "compact":
                assert other.post(batch({"a": 50}, window=hour(0)))
            else:
                assert compact(other, LATER) == 2

    disturbed = Ledger(ledger.root, checkpoint=meanwhile)
    if order == "compact":
        assert compact(disturbed, LATER) == 2
    else:
        assert disturbed.post(batch({"a": 50}, window=hour(0)))
    assert energy_of(ledger) == {"a": 59, "b": 30}
    assert ledger.verify() == []


def test_a_new_window_posted_during_a_compaction_is_not_lost(ledger: Ledger) -> None:
    pending = [True]

    def meanwhile(step: str) -> None:
        if step == "segment_durable" and pending:
            pending.clear()
            Ledger(ledger.root).post(batch({"c": 7}, window=hour(5)))

    assert compact(Ledger(ledger.root, checkpoint=meanwhile), LATER) == 2
    assert energy_of(ledger) == {"a": 10, "b": 40, "c": 7}


def test_what_does_not_add_up_is_not_carried_on(ledger: Ledger) -> None:
    version = ledger.store.read()
    false = batch({"a": 1000}, window=hour(0))
    header = Header(replace(batch({"a": 1, "b": 10}, window=hour(0)).summary), batch({"a": 1, "b": 10}).totals)
    forged = ledger.write([header], rows_of(header.summary, false.postings))
    assert ledger.store.commit(version, Commit([forged], [version.segments()[0]]), CREATED)
    with pytest.raises(StoreError, match="does not add up"):
        compact(ledger, LATER)
    assert any("add up" in finding or "batch id" in finding for finding in ledger.verify())


def test_the_vacuum_takes_what_compaction_left_and_keeps_what_was_promised(ledger: Ledger) -> None:
    ledger.post(batch({"a": 99}, window=hour(3), provisional=True))  # in place of a final one
    ledger.post(batch({"a": 98}, window=hour(3)))
    compact(ledger, LATER)
    (ledger.store.folder / ".half.parquet.part").write_bytes(b"PAR1")
    (ledger.store.folder / "torn-1-x.parquet").write_bytes(b"PAR1")
    before = energy_of(ledger)
    assert vacuum(ledger, datetime.now(UTC)).files == 0
    told = vacuum(ledger, AFTER_GRACE, dry_run=True)
    assert vacuum(ledger, AFTER_GRACE) == told
    # Four hours that were compacted, one provisional, two that are no segments; the final batch of hour 3 stays.
    assert told.files == 4 + 1 + 2
    assert len(list(ledger.store.folder.iterdir())) == 2 + 1
    assert energy_of(ledger) == before
    assert ledger.verify() == []
    assert vacuum(ledger, AFTER_GRACE, keep_superseded=timedelta(days=400)).files == 0
    assert vacuum(ledger, AFTER_GRACE, keep_superseded=timedelta(days=20)).files == 1
    assert vacuum(Ledger(ledger.root / "none"), AFTER_GRACE).files == 0


@pytest.mark.stress
@pytest.mark.parametrize("step", ["segment_written", "segment_renamed", "segment_durable", "committed"])
def test_a_compaction_that_is_killed_leaves_the_same_figures(ledger: Ledger, step: str) -> None:
    code = KILLED + "compact(ledger, hour(24 * 5).start)"
    assert subprocess.run([sys.executable, "-c", code, str(ledger.root), step], check=False, timeout=60).returncode == -9
    assert energy_of(ledger) == {"a": 10, "b": 40}
    assert ledger.verify() == []
    assert compact(ledger, LATER) == (1 if step == "committed" else 2)
    assert energy_of(ledger) == {"a": 10, "b": 40}


@pytest.mark.stress
def test_a_vacuum_that_is_killed_goes_on_the_next_time(ledger: Ledger) -> None:
    compact(ledger, LATER)
    code = KILLED + "vacuum(ledger, datetime.now(UTC) + timedelta(days=30))"
    assert subprocess.run([sys.executable, "-c", code, str(ledger.root), "removed"], check=False, timeout=60).returncode == -9
    assert vacuum(ledger, AFTER_GRACE).files == 3
    assert energy_of(ledger) == {"a": 10, "b": 40}


def test_a_moment_means_the_version_of_then_though_the_clock_steps_back(tmp_path: Path) -> None:
    times = [CREATED, CREATED + timedelta(hours=2), CREATED - timedelta(days=9), CREATED + timedelta(hours=3)]
    clock = iter(times)
    ledger = Ledger(tmp_path, clock=lambda: next(clock))
    for number in range(4):
        ledger.post(batch({"a": number}))
    assert ledger.snapshot(as_of=CREATED - timedelta(seconds=1)).version == -1
    assert [ledger.version_at(CREATED + timedelta(hours=after)) for after in (0, 1, 2, 2.9)] == [0, 0, 2, 2]
    for after in (3, 99):
        with pytest.raises(NotFoundError, match="not settled"):
            ledger.version_at(CREATED + timedelta(hours=after))
    with pytest.raises(QuantityError, match="offset"):
        ledger.snapshot(as_of=datetime(2026, 1, 1))  # noqa: DTZ001 - meant
    with pytest.raises(QuantityError, match="not both"):
        ledger.snapshot(1, as_of=CREATED)
    with pytest.raises(NotFoundError):
        ledger.snapshot(9)


def test_a_lease_is_one_writer_s_until_it_expires_or_is_let_go(tmp_path: Path) -> None:
    leases = Leases(tmp_path / "leases")
    assert leases.latest() is None
    first = leases.take("x", CREATED)
    with pytest.raises(StoreError, match="x is at work"):
        leases.take("y", CREATED + TERM - timedelta(seconds=1))
    first = leases.renew(first, CREATED + TERM)
    with pytest.raises(StoreError, match="x is at work"):
        leases.take("y", CREATED + TERM)
    second = leases.take("y", CREATED + 2 * TERM)
    assert second.number == first.number + 1
    with pytest.raises(LeaseLostError):
        leases.renew(first, CREATED + 2 * TERM)
    leases.release(first, CREATED)  # not its own any more
    assert leases.latest() == second
    leases.release(second, CREATED + 2 * TERM)
    third = leases.take("host/1", CREATED + 2 * TERM)
    assert leases.take("host/2", CREATED + 2 * TERM, over_host="host").number == third.number + 1
    with pytest.raises(StoreError, match="host/2 is at work"):
        leases.take("other/1", CREATED + 2 * TERM, over_host="other")


def test_of_two_that_take_a_lease_at_once_one_has_it(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    leases.take("x", CREATED - 2 * TERM)
    (tmp_path / f"{2:012}.json").touch()  # another writer made it, and died before it wrote
    assert leases.latest()
    assert leases.take("y", CREATED).number == 3


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_writer_that_lost_its_lease_cannot_count(tmp_path: Path, when: str) -> None:
    Ledger(tmp_path).post_all([batch({"a": 1})], lease=1)
    pending = [True]

    def overtake(step: str) -> None:
        if step == "segment_durable" and pending:
            pending.clear()
            Ledger(tmp_path).post_all([batch({"b": 2}, window=hour(1))], lease=2)

    stale = Ledger(tmp_path, checkpoint=overtake if when == "meanwhile" else lambda _: None)
    if when == "before":
        overtake("segment_durable")
    with pytest.raises(LeaseLostError):
        stale.post_all([batch({"a": 500}), batch({"a": 500}, window=hour(2))], lease=1)
    with pytest.raises(LeaseLostError):
        compact(stale, LATER, lease=1)
    assert energy_of(tmp_path) == {"a": 1, "b": 2}
    Ledger(tmp_path).post_all([batch({"c": 3}, window=hour(3))], lease=2)
    assert energy_of(tmp_path) == {"a": 1, "b": 2, "c": 3}


def test_a_torn_segment_is_named_by_compaction(ledger: Ledger) -> None:
    path = ledger.root / ledger.snapshot().contents.segments()[0].path
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreError, match="cannot be read"):
        compact(ledger, LATER)
