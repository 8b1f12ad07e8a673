"""Several writers and readers at once: a window counts once whoever wins, and no reader ever sees half of a change."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from greencloud.ledger import Batch, Ledger
from greencloud.ledger.header import Header
from greencloud.ledger.posting import Posting
from greencloud.ledger.segments import rows_of
from greencloud.ledger.store import Store
from greencloud.ledger.version import EMPTY, Commit
from ledger_builders import CREATED, EVER, batch, energy_of, hour

CHILD = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from ledger_builders import batch, hour
from greencloud.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""

POST = """
for number in range(12):
    ledger.post(batch({"a": 1000 + number, sys.argv[2]: 1}, window=hour(number % 3)))
"""

MOVE = """
for number in range(1, 60):
    ledger.post(batch({"a": number * 7 % 1000, "b": 1000 - number * 7 % 1000}, window=hour(number % 4)))
"""


def started(code: str, root: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, str(root), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def written(store: Store, each: Batch, token: str) -> Commit:
    ledger = Ledger(store.root, token=lambda: token)
    segment = ledger.write([Header(each.summary, each.totals)], rows_of(each.summary, each.postings))
    return Commit([segment], (), Posting.of(store.root, EMPTY, [each]).work)


@pytest.mark.parametrize("empty", [True, False], ids=["first-commit", "new-window"])
def test_of_two_commits_of_one_new_window_one_is_refused(tmp_path: Path, empty: bool) -> None:
    store = Store(tmp_path)
    if not empty:
        Ledger(tmp_path).post(batch({"a": 0}, window=hour(9)))
    first, second = store.read(), store.read()
    assert store.commit(first, written(store, batch({"a": 100}), "1"), CREATED) is True
    assert store.commit(second, written(store, batch({"a": 100, "b": 0}), "2"), CREATED) is False
    assert energy_of(tmp_path)["a"] == 100


def test_of_many_first_commits_at_one_time_one_is_made(tmp_path: Path) -> None:
    for number in range(20):
        root = tmp_path / str(number)
        stores = [Store(root) for _ in range(4)]
        commits = [written(store, batch({"a": 100, "b": at}), str(at)) for at, store in enumerate(stores)]
        together = Barrier(len(stores))

        def commit(store: Store, made: Commit, together: Barrier = together) -> bool:
            together.wait(20)
            return store.commit(EMPTY, made, CREATED)

        with ThreadPoolExecutor(len(stores)) as pool:
            made = list(pool.map(commit, stores, commits))
        assert sorted(made) == [False, False, False, True]
        assert Ledger(root).snapshot().version == 0
        assert energy_of(root)["a"] == 100


def test_commits_of_overlapping_windows_exclude_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    Ledger(tmp_path).post(batch({"a": 0}, window=hour(9)))
    first, second = store.read(), store.read()
    assert store.commit(first, written(store, batch({"a": 100}), "1"), CREATED) is True
    assert store.commit(second, written(store, batch({"a": 100}, window=hour(0, 300)), "2"), CREATED) is False


@pytest.mark.parametrize("empty", [True, False], ids=["first-commit", "new-window"])
def test_who_comes_second_supersedes_who_came_first(tmp_path: Path, empty: bool) -> None:
    if not empty:
        Ledger(tmp_path).post(batch({"a": 0}, window=hour(9)))
    other = batch({"a": 5})
    pending = [other]

    def meanwhile(step: str) -> None:
        if step == "segment_durable" and pending:
            Ledger(tmp_path).post(pending.pop())

    posted = Ledger(tmp_path, checkpoint=meanwhile).post(batch({"a": 7}))
    assert posted
    assert posted.supersedes == other.summary.id
    assert energy_of(tmp_path) == {"a": 7}
    found = Ledger(tmp_path).snapshot().find("s", hour(0))
    assert found
    assert found.supersedes == other.summary.id


def test_who_comes_second_with_the_same_batch_does_nothing(tmp_path: Path) -> None:
    pending = [batch({"a": 7})]

    def meanwhile(step: str) -> None:
        if step == "segment_durable" and pending:
            Ledger(tmp_path).post(pending.pop())

    assert Ledger(tmp_path, checkpoint=meanwhile).post(batch({"a": 7})) is None
    assert energy_of(tmp_path) == {"a": 7}


@pytest.mark.stress
def test_processes_that_race_count_every_window_once_in_every_version(tmp_path: Path) -> None:
    writers = [started(POST, tmp_path, name) for name in ("x", "y")]
    with writers[0], writers[1]:
        go(*writers)
    assert [writer.returncode for writer in writers] == [0, 0]
    ledger = Ledger(tmp_path)
    latest = ledger.snapshot().version
    assert latest == 2 * 12 - 1
    for number in range(latest + 1):
        snapshot = ledger.snapshot(number)
        counts = Counter((each.site, each.start) for each in snapshot.batches())
        assert set(counts.values()) == {1}
        (row,) = snapshot.footprint(EVER)
        assert row.energy == sum((each.metered_energy for each in snapshot.batches()), start=type(row.energy)())
    assert ledger.verify() == []


@pytest.mark.stress
def test_a_reader_beside_a_writer_never_sees_half_of_a_change(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in range(4):
        ledger.post(batch({"a": 1000}, window=hour(number)))
    seen = set()
    with started(MOVE, tmp_path) as writer:
        go(writer)
        while writer.poll() is None:
            snapshot = ledger.snapshot()
            (row,) = snapshot.footprint(EVER)
            assert row.energy.millijoules == 4000
            assert sum(each.account_energy.millijoules for each in snapshot.batches()) == 4000
            seen.add(snapshot.version)
        assert writer.returncode == 0
    assert len(seen) > 3
    assert ledger.snapshot().version == 3 + 59
