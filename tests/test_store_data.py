"""A data directory in an object store says what one in a folder says, on every machine, whatever is cached, and whoever dies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explained_world import NOW, _later, explained_world
from frozen import said
from greencloud.cli import main
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.applied_books import AppliedBooks
from greencloud.engine.gathering import gather
from greencloud.engine.ingest import ingest_file
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.maintenance import maintain
from greencloud.engine.recomputation import recompute
from greencloud.errors import ConflictError, LeaseLostError, NotFoundError, StoreError, StoreUnavailableError
from greencloud.facility import read_facility
from greencloud.ledger.lease import StoredLeases
from greencloud.objects.bucket import Bucket
from greencloud.objects.cache import mark
from ledger_builders import batch
from object_store import Lake, fresh_uri, requests, wire
from strategies import usage
from test_allocation_recomputed import BOOK, MEASURED, READINGS, TOLD

AFTER = datetime(2027, 3, 1, tzinfo=UTC)
BOOKS = [BOOK.replace("mwh = ", "mwh = 0.0000001 # ").replace("g_per_kwh = 4", f"g_per_kwh = {number}", 1) for number in (4, 5, 6)]


def hour_of_usage(at: int) -> Any:
    return usage([_later(row, at, 1 + at % 2) for row in [*MEASURED, *TOLD]], [_later(reading, at, 1) for reading in READINGS])


def book(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "facility.toml"
    path.write_text(BOOKS[number], encoding="utf-8")
    return path


def machine(uri: str, folder: Path) -> DataDirectory:
    return DataDirectory.attach(uri, folder)


def all_of(data: DataDirectory) -> dict[str, Any]:
    """All that was kept, without what says where and when it was, and without versions: to fence off a writer makes one."""
    snapshot = data.ledger.snapshot()
    told = said(data)
    del told["version"], told["closes"]
    inputs = data.inputs
    applied = [(each.revision, each.applied_by, each.applied, each.in_force) for each in AppliedBooks(data).all()]
    return told | {
        "batches": [(each.id, each.usage_revision, each.facility_revision, each.provisional) for each in snapshot.batches()],
        "inputs": [(name, inputs.read(name).revision) for name in inputs.revisions()],
        "usage": data.segments.read(),
        "books": applied,
        "in force": data.facility().revision,
        "kept": [AppliedBooks(data).find(revision).files for revision, *_ in applied],
    }


def explained_store(uri: str, folder: Path) -> DataDirectory:
    data = machine(uri, folder / "first")
    data.apply_facility(book(folder / "book", 0), now=NOW)
    data.segments.write(hour_of_usage(0))
    run_allocation(data, now=NOW)
    return data


def wipe(data: DataDirectory) -> None:
    """Lose every copy: a disk that is cleaned while the process goes on."""
    for path in data.path.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("usage"), st.integers(0, 3)),
        st.tuples(st.just("book"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["allocate", "wipe", "maintain"]), st.just(0)),
    ),
    max_size=6,
)


@pytest.mark.stress
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_same_steps_say_the_same_as_in_a_folder(lake: Lake, tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    local = DataDirectory.open(work / "local", create=True)
    machines = [machine(uri, work / name) for name in "ab"]
    steps = [("book", 0), ("usage", 0), *steps, ("allocate", 0)]
    for at, (what, number) in enumerate(steps):
        for data in (local, machines[at % 2]):
            when = NOW + timedelta(minutes=at)
            if what == "usage":
                data.segments.write(hour_of_usage(number))
            elif what == "book":
                data.apply_facility(book(work / "book", number), applied_by=f"step {at}", now=when)
            elif what == "allocate":
                run_allocation(data, now=when)
            elif what == "maintain":
                maintain(data, AFTER)
            elif data is not local:
                wipe(data)
    expected = all_of(local)
    assert expected["batches"]
    for data in (*machines, machine(uri, work / "c")):
        assert all_of(data) == expected


def test_what_is_computed_again_from_the_store_is_what_was_posted(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENCLOUD_STORE_URI", uri)
    explained_world(tmp_path)
    monkeypatch.delenv("GREENCLOUD_STORE_URI")
    other = machine(uri, tmp_path / "other")
    snapshot = other.ledger.snapshot()
    assert [recompute(other, snapshot, batch).same for batch in snapshot.batches()] == [True, True]
    told = CliRunner().invoke(main, ["doctor", "--data", str(other.path)])
    assert told.exit_code == 0, told.output
    assert uri in told.output


def test_two_machines_that_apply_a_book_at_once_are_told_apart(uri: str, tmp_path: Path) -> None:
    first = machine(uri, tmp_path / "a").apply_facility(book(tmp_path / "0", 0), applied_by="z", now=NOW)
    machines = [machine(uri, tmp_path / name) for name in "bcd"]
    together = Barrier(3)

    def apply(at: int) -> str:
        together.wait(20)
        try:
            machines[at].apply_facility(book(tmp_path / f"n{at}", 1 + at % 2), applied_by=str(at), expected=first.revision)
        except ConflictError as error:
            return error.in_force
        return ""

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(apply, range(3)))
    in_force = {each.facility().revision for each in machines}
    assert len(in_force) == 1
    assert "" in told
    assert set(told) - {""} <= in_force
    applied = [each.revision for each in AppliedBooks(machines[0]).all() if each.applied_by or not each.applied]
    assert applied[-1:] == list(in_force)
    assert len(AppliedBooks(machines[0]).all()) == 3  # the starter, the first, and one of them


def test_books_without_an_expectation_are_applied_one_after_the_other(uri: str, tmp_path: Path) -> None:
    machines = [machine(uri, tmp_path / name) for name in "abc"]
    together = Barrier(3)

    def apply(at: int) -> str:
        together.wait(20)
        return machines[at].apply_facility(book(tmp_path / f"n{at}", at), applied_by=str(at)).revision

    with ThreadPoolExecutor(3) as pool:
        applied = set(pool.map(apply, range(3)))
    histories = [[each.revision for each in AppliedBooks(data).all()][1:] for data in machines]
    assert histories[0] == histories[1] == histories[2]
    assert set(histories[0]) == applied
    assert len(histories[0]) == 3


def test_the_same_book_in_other_files_is_the_one_that_is_kept(uri: str, tmp_path: Path) -> None:
    a, b = machine(uri, tmp_path / "a"), machine(uri, tmp_path / "b")
    source = book(tmp_path / "0", 0)
    revision = a.apply_facility(source).revision
    other = tmp_path / "1" / "hall.toml"
    other.parent.mkdir()
    other.write_text(f"# in other words\n{BOOKS[0]}", encoding="utf-8")
    assert b.apply_facility(other).revision == revision
    for data in (a, b, machine(uri, tmp_path / "c")):
        assert AppliedBooks(data).find().files == (("facility.toml", source.read_bytes()),)
        assert len(AppliedBooks(data).all()) == 2


KILLED = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from datetime import datetime
from pathlib import Path
from greencloud.engine import DataDirectory, run_allocation
from greencloud.objects.s3 import S3
from explained_world import NOW
create, put = S3.create, []
def killing(self, key, content):
    at = sys.argv[4]
    if at.startswith("before ") and at[7:] in key:
        os.kill(os.getpid(), signal.SIGKILL)
    done = create(self, key, content)
    if at.startswith("after ") and at[6:] in key:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
S3.create = killing
data = DataDirectory.attach(sys.argv[1], sys.argv[2])
data.apply_facility(sys.argv[3], applied_by="it", now=NOW)
run_allocation(data, now=NOW)
"""


@pytest.mark.stress
@pytest.mark.parametrize(
    "at", ["after /facility.toml", "after facility/books/", "before facility/applied/", "after inputs/", "after segments/"]
)
def test_who_dies_between_two_puts_leaves_what_was_and_does_it_again(uri: str, tmp_path: Path, at: str) -> None:
    data = machine(uri, tmp_path / "a")
    before = data.facility().revision
    data.segments.write(hour_of_usage(0))
    source = book(tmp_path / "book", 0)
    command = [sys.executable, "-c", KILLED, uri, str(tmp_path / "b"), str(source)]
    assert subprocess.run([*command, at], check=False, timeout=60).returncode == -9
    applied = "applied" not in at and "facility" not in at
    assert data.facility().revision == (read_facility(source).revision if applied else before)
    assert data.ledger.snapshot().batches() == []
    again = machine(uri, tmp_path / "b")
    again.apply_facility(source, applied_by="it", now=NOW)
    run_allocation(again, now=NOW)
    assert data.facility().revision == read_facility(source).revision
    (posted,) = data.ledger.snapshot().batches()
    assert recompute(data, data.ledger.snapshot(), posted).same
    assert data.ledger.verify() == []


def test_a_writer_that_lost_its_lease_cannot_post_what_rests_on_inputs_that_are_gone(uri: str, tmp_path: Path) -> None:
    a, b = machine(uri, tmp_path / "a"), machine(uri, tmp_path / "b")
    a.ledger.post(batch({"a": 1}))
    a.inputs.write(BatchInputs(hour_of_usage(0)))
    old = StoredLeases(a.ledger.root / "leases", a.ledger.store.objects).take("asleep/1", datetime(2026, 1, 1, tzinfo=UTC))
    assert maintain(b, AFTER).inputs == 1
    with pytest.raises(LeaseLostError):
        a.ledger.post(batch({"a": 2}), lease=old.number)


def test_of_two_machines_that_allocate_at_once_each_window_counts_once(uri: str, tmp_path: Path) -> None:
    machines = [machine(uri, tmp_path / name) for name in "ab"]
    machines[0].apply_facility(book(tmp_path / "book", 0), now=NOW)
    for at in range(3):
        machines[at % 2].segments.write(hour_of_usage(at))
    together = Barrier(2)

    def allocate(data: DataDirectory) -> int:
        together.wait(20)
        try:
            return len(run_allocation(data, now=NOW).posted)
        except StoreError as error:
            return 0 if "leases" in error.path else -1  # the other one holds it

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(allocate, machines)) == 3
    for data in machines:
        assert len(data.ledger.snapshot().batches()) == 3
        assert data.ledger.verify() == []
        assert run_allocation(data, now=NOW).posted == ()


def test_who_gathered_before_another_machine_posted_does_not_post_less(uri: str, tmp_path: Path) -> None:
    slow = explained_store(uri, tmp_path)
    other = machine(uri, tmp_path / "b")
    with slow.allocating():
        gathered = gather(slow, keep=True)
        more = usage([_later(row | {"host": "n1", "account": "acme", "service": "later"}, 0, 1) for row in MEASURED[:1]], [])
        other.segments.write(more)
        (posted,) = run_allocation(other, now=NOW).posted
        assert run_allocation(slow, now=NOW, gathered=gathered).posted == ()
    assert [each.id for each in slow.ledger.snapshot().batches()] == [posted.id]


@pytest.mark.parametrize("cut", ["facility/applied/", "facility/books/", "inputs/", "usage/", "ingested/"])
def test_a_put_whose_answer_is_lost_counts_once(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    store = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    table = tmp_path / "usage.csv"
    table.write_text("window_start,window_s,site,host,account,cpu_ns\n2026-11-23T14:00:00Z,3600,s1,h1,acme,5\n")
    with wire(store, f"PUT {uri.removeprefix('s3:/')}/{cut}".encode()) as (port, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        data = machine(uri, tmp_path / "a")
        book_ = data.apply_facility(book(tmp_path / "book", 0), now=NOW)
        assert ingest_file(data, table).kind == "usage"
        kept = data.inputs.write(BatchInputs(hour_of_usage(0)))
        assert len(seen) >= 2  # it was sent again
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{store}")
    other = machine(uri, tmp_path / "b")
    assert [each.revision for each in AppliedBooks(other).all()][1:] == [book_.revision]
    assert other.inputs.revisions() == [kept]
    assert ingest_file(other, table).kind == "known"
    assert other.segments.read().rows.num_rows == 1


@pytest.mark.stress
def test_a_store_that_is_slow_or_gone_is_told_and_nothing_is_taken_for_lost(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = explained_store(uri, tmp_path)
    expected = all_of(data)
    with requests(lake, monkeypatch, delay_s=0.05):
        slow = machine(uri, tmp_path / "slow")
        assert slow.facility().revision == expected["in force"]
        assert slow.segments.read() == expected["usage"]
    with requests(lake, monkeypatch):
        gone = machine(uri, tmp_path / "gone")
    asks: list[Callable[[], object]] = [
        gone.facility,
        lambda: gone.apply_facility(book(tmp_path / "book", 1)),
        lambda: AppliedBooks(gone).mark,
        lambda: gone.facility_of("a" * 64),
        gone.segments.read,
        lambda: gone.segments.write(hour_of_usage(1)),
        gone.inputs.revisions,
        lambda: gone.inputs.holds("a" * 64),
        lambda: gone.inputs.read("a" * 64),
        lambda: gone.inputs.write(BatchInputs(hour_of_usage(1))),
        lambda: run_allocation(gone, now=NOW),
        lambda: maintain(gone, NOW),
    ]
    for ask in asks:
        with pytest.raises(StoreUnavailableError) as caught:
            ask()
        assert uri in caught.value.message
        assert "AWS_ENDPOINT_URL" in caught.value.advice
    told = CliRunner().invoke(main, ["doctor", "--data", str(gone.path)])
    assert (told.exit_code, "fault  store" in told.output) == (1, True)
    assert "Traceback" not in told.output
    assert all_of(data) == expected


def test_a_store_that_was_restored_in_part_is_told_by_the_doctor(uri: str, tmp_path: Path) -> None:
    data = explained_store(uri, tmp_path)
    bucket = Bucket(uri, data.path)
    (posted,) = data.ledger.snapshot().batches()
    lost = [
        data.path / "greencloud.json",
        data.path.joinpath("inputs", posted.usage_revision[:2], f"{posted.usage_revision}.arrows"),
    ]
    for path in lost:
        bucket.remove(path)
        assert data.path / "greencloud.json" in lost
    (data.path / "greencloud.json").write_text(f'{{"format": 2, "store": {{"uri": "{uri}"}}}}')
    told = CliRunner().invoke(main, ["doctor", "--data", str(data.path)])
    assert told.exit_code == 1
    assert "restored in part" in told.output
    assert "1 batches without their inputs" in told.output


def test_inputs_that_nothing_names_go_by_the_clock_of_the_store(uri: str, tmp_path: Path) -> None:
    a, b = machine(uri, tmp_path / "a"), machine(uri, tmp_path / "b")
    wanted, left = (a.inputs.write(BatchInputs(hour_of_usage(at))) for at in range(2))
    now = datetime.now(UTC)
    assert b.inputs.remove_unreferenced([wanted], now - timedelta(minutes=5)) == 0
    assert b.inputs.unreferenced([wanted]) == [left]
    assert b.inputs.remove_unreferenced([wanted], now + timedelta(minutes=5)) == 1
    assert b.inputs.revisions() == [wanted]
    assert not b.inputs.holds(left)
    with pytest.raises(NotFoundError):
        b.inputs.read(left)


def test_a_usage_file_is_taken_once_whichever_machine_is_given_it(uri: str, tmp_path: Path) -> None:
    table = tmp_path / "usage.csv"
    table.write_text("window_start,window_s,site,host,account,cpu_ns\n2026-11-23T14:00:00Z,3600,s1,h1,acme,5\n")
    machines = [machine(uri, tmp_path / name) for name in "ab"]
    assert [ingest_file(data, table).kind for data in (*machines, machines[0])] == ["usage", "known", "known"]
    assert machines[1].segments.read().rows.num_rows == 1


def test_asking_what_is_in_force_costs_one_request(lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        machine(uri, tmp_path / "a").apply_facility(book(tmp_path / "book", number), now=NOW)
    with requests(lake, monkeypatch) as asked:
        data = machine(uri, tmp_path / "b")
        history = AppliedBooks(data)
        marks = {history.mark for _ in range(5)}
        assert len(marks) == 1
        assert [each.split()[0] for each in asked] == [b"GET", b"GET", *[b"HEAD"] * 4]  # the marker, a listing
        asked.clear()
        revision = data.facility().revision
        assert len(asked) == 4  # the next number, and what is not here: the entry, the manifest, the book
        asked.clear()
        assert data.facility().revision == revision
        assert [each.split()[0] for each in asked] == [b"HEAD"]
    machine(uri, tmp_path / "a").apply_facility(book(tmp_path / "book", 2), now=NOW)
    with requests(lake, monkeypatch) as asked:
        assert AppliedBooks(machine(uri, tmp_path / "c")).mark not in marks


def test_a_window_costs_its_puts_and_one_that_is_unchanged_no_more_than_a_look(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with requests(lake, monkeypatch) as asked:
        data = machine(uri, tmp_path / "a")
        asked.clear()
        data.inputs.write(BatchInputs(hour_of_usage(0)))
        assert [each.split()[0] for each in asked] == [b"PUT"]
        asked.clear()
        assert data.inputs.holds(BatchInputs(hour_of_usage(0)).revision)
        assert asked == []


def test_what_is_lost_or_damaged_in_the_store_is_named(uri: str, tmp_path: Path) -> None:
    a = machine(uri, tmp_path / "a")
    a.apply_facility(book(tmp_path / "book", 0))
    segment = a.segments.write(hour_of_usage(0))
    revision = a.inputs.write(BatchInputs(hour_of_usage(0)))
    bucket = Bucket(uri, a.path)
    paths = [each.path for folder in ("facility", "usage", "inputs") for each in bucket.stored(a.path / folder, below=True)]
    asks: dict[str, Callable[[DataDirectory], object]] = {
        "facility/books": lambda data: data.facility(),
        "facility/applied": lambda data: data.facility(),
        "usage": lambda data: data.segments.read(),
        "inputs": lambda data: data.inputs.read(revision),
    }
    for number, path in enumerate(paths):
        content = bucket.content(path)
        assert content is not None
        name = path.relative_to(a.path).as_posix()
        (ask,) = (ask for part, ask in asks.items() if name.startswith(part))
        bucket.remove(path)
        bucket.create(path, content[:-7])  # as a restore that was cut
        with pytest.raises(StoreError) as caught:
            ask(machine(uri, tmp_path / f"cut{number}"))
        assert not isinstance(caught.value, StoreUnavailableError)
        bucket.remove(path)
        fresh = machine(uri, tmp_path / f"lost{number}")
        if "applied" in name:  # the last entry of a sequence that is lost was never there
            assert fresh.facility_file() is None
        elif path.suffix == ".arrows" and "usage" in name:
            assert fresh.segments.paths() == []
        else:
            with pytest.raises((StoreError, NotFoundError)):
                ask(fresh)
        bucket.create(path, content)
        ask(machine(uri, tmp_path / f"back{number}"))
    assert segment in paths


def test_a_book_of_which_a_file_is_lost_is_whole_once_it_is_applied_again(uri: str, tmp_path: Path) -> None:
    a = machine(uri, tmp_path / "a")
    source = book(tmp_path / "book", 0)
    revision = a.apply_facility(source).revision
    kept = a.facility_file()
    assert kept
    Bucket(uri, a.path).remove(kept)
    fresh = machine(uri, tmp_path / "b")
    with pytest.raises(StoreError, match="the object is missing"):
        fresh.facility()
    fresh.apply_facility(source)
    assert machine(uri, tmp_path / "c").facility().revision == revision


def test_after_a_restore_no_copy_of_what_was_there_before_is_in_force(uri: str, tmp_path: Path) -> None:
    first, stale = machine(uri, tmp_path / "a"), machine(uri, tmp_path / "stale")
    first.apply_facility(book(tmp_path / "book", 0), now=NOW)
    lost = first.apply_facility(book(tmp_path / "book", 1), now=NOW)
    for data in (first, stale):
        assert AppliedBooks(data).all()[-1].revision == lost.revision
    entry = first.path / "facility" / "applied" / "000000000002.json"
    third = stale.path / "facility" / "applied" / "000000000003.json"
    third.write_bytes(entry.read_bytes())
    mark(third)
    os.utime(stale.path / "facility" / "applied" / entry.name, (0, 0))  # of long ago, as the store tells the time of what is there
    Bucket(uri, first.path).remove(entry)
    other = machine(uri, tmp_path / "b").apply_facility(book(tmp_path / "book", 2), now=NOW)
    # Another process of the same folder.
    again = subprocess.run([sys.executable, "-c", IN_FORCE, uri, str(stale.path)], capture_output=True, text=True, check=True)
    assert again.stdout.split() == [other.revision]
    assert not third.exists()


IN_FORCE = """
import sys
from greencloud.engine import DataDirectory
print(DataDirectory.attach(sys.argv[1], sys.argv[2]).facility().revision)
"""


def test_a_copy_that_is_cut_or_changed_is_fetched_anew(uri: str, tmp_path: Path) -> None:
    a = machine(uri, tmp_path / "a")
    a.apply_facility(book(tmp_path / "book", 0), now=NOW)
    a.segments.write(hour_of_usage(0))
    run_allocation(a, now=NOW)
    expected = all_of(a)
    data = machine(uri, tmp_path / "b")
    assert all_of(data) == expected
    for harm in (slice(-9), slice(0), slice(None, None, -1)):
        copies = [path for path in data.path.rglob("*") if path.is_file() and not path.stat().st_mode & 0o222]
        assert len(copies) >= 6
        for path in copies:
            content = path.read_bytes()
            path.chmod(0o644)
            path.write_bytes(content[harm])
        assert all_of(data) == expected


def test_a_cache_that_holds_nothing_holds_enough(uri: str, tmp_path: Path) -> None:
    a = machine(uri, tmp_path / "a")
    a.apply_facility(book(tmp_path / "book", 0), now=NOW)
    a.segments.write(hour_of_usage(0))
    run_allocation(a, now=NOW)
    small = DataDirectory.attach(uri, tmp_path / "b", cache_bytes=1)
    small.objects._cache._in_use_s = 0  # type: ignore[attr-defined]
    for _ in range(2):
        assert all_of(small) == all_of(a)
    assert [path for path in small.path.rglob("*") if path.is_file()] == [small.path / "greencloud.json"]


SHARED = """
import sys
from greencloud.engine import DataDirectory
data = DataDirectory.attach(sys.argv[1], sys.argv[2], cache_bytes=1000)
data.objects._cache._in_use_s = 1
for _ in range(4):
    print(data.facility().revision, len(data.segments.read().rows), *data.inputs.revisions())
    for revision in data.inputs.revisions():
        assert data.inputs.read(revision).revision == revision
"""


@pytest.mark.stress
def test_processes_share_a_cache_that_is_too_small_for_any(uri: str, tmp_path: Path) -> None:
    a = machine(uri, tmp_path / "a")
    a.apply_facility(book(tmp_path / "book", 0), now=NOW)
    for at in range(3):
        a.segments.write(hour_of_usage(at))
    run_allocation(a, now=NOW)
    command = [sys.executable, "-c", SHARED, uri, str(tmp_path / "shared")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=100)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(told) == 1
    assert len(set(told.pop().splitlines())) == 1
