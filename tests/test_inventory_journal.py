"""The journal: one order for any number of writers, nothing lost, nothing changed unseen."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import ConflictError, NotFoundError, QuantityError, StorageFullError, StoreError
from greencloud.inventory.journal import LEAST_FREE_BYTES, Change, Draft, Folded, Journal
from small_disk import small_disk

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def add(journal: Journal, body: object, now: datetime = NOW) -> Change:
    change = journal.transact(lambda _: Draft("test.add", body, "why"), actor="amy", now=now)
    assert change is not None
    return change


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [add(Journal(tmp_path), {"n": n, "big": 10**30}) for n in range(3)]
    assert Journal(tmp_path).changes() == written
    assert [change.number for change in written] == [1, 2, 3]


def test_time_never_goes_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    add(journal, 1)
    assert add(journal, 2, NOW - timedelta(days=1)).time == NOW


def test_who_comes_second_is_told(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    one.append(Draft("test.add", 1), after=0, actor="amy", now=NOW)
    with pytest.raises(ConflictError):
        other.append(Draft("test.add", 2), after=0, actor="ben", now=NOW)
    assert len(other.changes()) == 1


def count_up(directory: Path, times: int) -> None:
    journal = Journal(directory)
    for _ in range(times):
        journal.transact(lambda earlier: Draft("test.count", len(earlier) + 1), actor=str(os.getpid()), now=NOW)


def test_any_number_of_writers_decide_one_after_the_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=count_up, args=(tmp_path, 25)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    changes = Journal(tmp_path).changes()
    assert [change.body for change in changes] == list(range(1, 76))
    assert len({change.actor for change in changes}) == 3
    assert not list((tmp_path / "changes").glob(".*"))


@pytest.mark.parametrize("fault", ["changed", "removed", "torn", "swapped"])
def test_a_record_that_was_touched_is_seen(tmp_path: Path, fault: str) -> None:
    for n in range(3):
        add(Journal(tmp_path), n)
    first, second, third = sorted((tmp_path / "changes").iterdir())
    if fault == "changed":
        first.write_bytes(first.read_bytes().replace(b'"body":0', b'"body":9'))
    elif fault == "removed":
        second.write_bytes(third.read_bytes())
        third.unlink()
    elif fault == "torn":
        third.write_bytes(third.read_bytes()[:-3])
    else:
        content = second.read_bytes()
        second.write_bytes(third.read_bytes())
        third.write_bytes(content)
    with pytest.raises(StoreError, match="damaged or changed"):
        Journal(tmp_path).changes()


def test_a_crash_before_the_name_leaves_no_record(tmp_path: Path) -> None:
    add(Journal(tmp_path), 1)
    (tmp_path / "changes" / ".000000000002.json.abc").write_text('{"half')
    assert len(Journal(tmp_path).changes()) == 1
    assert add(Journal(tmp_path), 2).number == 2


def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    add(journal, 1)

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError):
        add(journal, 2)
    monkeypatch.undo()
    assert [change.body for change in Journal(tmp_path).changes()] == [1]
    assert add(journal, 2).number == 2


@given(bodies=st.lists(st.integers(), max_size=8), cut=st.integers(0, 8))
def test_a_state_follows_from_the_records_alone(bodies: list[int], cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    folded = Folded[tuple[int, ...]](journal, (), lambda state, change: (*state, change.body))
    for body in bodies:
        add(journal, body)
        assert folded.latest()[-1] == body
    changes = journal.changes()
    assert folded.after(changes[:cut]) == tuple(bodies[:cut])
    assert folded.latest() == tuple(bodies)


def test_evidence_is_kept_under_what_it_says(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    digest = journal.put_evidence(b"invoice 7")
    assert journal.put_evidence(b"invoice 7") == digest
    assert journal.evidence(digest) == b"invoice 7"
    (tmp_path / "evidence" / digest).write_bytes(b"invoice 8")
    with pytest.raises(StoreError, match="changed"):
        journal.evidence(digest)
    for wrong in ("", "../changes/000000000001.json", "0" * 64):
        with pytest.raises(NotFoundError):
            journal.evidence(wrong)
    with pytest.raises(QuantityError):
        journal.put_evidence(b"")


def test_a_record_that_was_taken_out_is_missed_and_the_last_is_bound_to_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.head() == (0, "0" * 64)
    last = [add(journal, n) for n in range(4)][-1]
    assert Journal(tmp_path).head() == (4, last.digest)

    (tmp_path / "changes" / f"{2:012d}.json").unlink()

    with pytest.raises(StoreError, match="record 2 of the provider's books is missing, though record 4 is there"):
        Journal(tmp_path).changes()
    with pytest.raises(StoreError):
        add(Journal(tmp_path), "written into the gap")


def test_documents_leave_room_for_records_and_telemetry(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        journal = Journal(disk.path / "books", least_free=4 << 20)
        kept = journal.put_evidence(bytes([0]) * 300_000)
        with pytest.raises(StorageFullError, match="no room for documents"):
            deque((journal.put_evidence(bytes([number]) * 300_000) for number in range(100)), maxlen=0)
        state = os.statvfs(disk.path)
        assert state.f_bavail * state.f_frsize >= 4 << 20
        assert journal.put_evidence(bytes([0]) * 300_000) == kept  # which is there
        assert add(journal, "a record goes on").number == 1
        assert LEAST_FREE_BYTES > 64 << 20  # below which telemetry is refused
