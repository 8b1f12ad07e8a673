"""A ledger in an object store says what one in a folder says, whoever reads it, whatever is cached, and whatever breaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import grpc
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from explained_world import explained_world
from frozen import make, said
from greencloud.cli import main
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.engine.place import LedgerPlace
from greencloud.errors import LeaseLostError, MissingExtraError, StoreError, StoreUnavailableError, UnavailableError
from greencloud.ledger import Batch, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.header import Header
from greencloud.ledger.lease import TERM, StoredLeases
from greencloud.ledger.posting import Posting
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.segments import rows_of
from greencloud.ledger.vacuum import vacuum
from greencloud.ledger.version import EMPTY, Commit
from greencloud.objects.bucket import Bucket
from greencloud.objects.objects import Objects
from greencloud.units import Energy
from ledger_builders import CREATED, EVER, EVER_BY_ACCOUNT, batch, energy_of, hour
from object_store import KEY, SECRET, Lake, fresh_uri, wire
from serving import serving

AFTER = datetime(2027, 3, 1, tzinfo=UTC)

CHILD = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from ledger_builders import batch, hour
from greencloud.ledger import Ledger
from greencloud.objects.bucket import Bucket
root = Path(sys.argv[1])
def ledger(checkpoint=lambda _: None):
    return Ledger(root, checkpoint=checkpoint, objects=Bucket(sys.argv[2], root))
"""

POST = """
print("ready", flush=True)
sys.stdin.readline()
posts = ledger()
for number in range(8):
    posts.post(batch({"a": 1000 + number, sys.argv[3]: 1}, window=hour(number % 3)))
"""

KILLED = """
def kill(at):
    if at == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
ledger(kill).post(batch({"a": 2, "b": 5}))
"""


def opened(root: Path, uri: str, **options: Any) -> Ledger:
    """The ledger at ``uri``, with a cache in ``root``."""
    cache = {name: options.pop(name) for name in ("bound", "in_use_s") if name in options}
    return Ledger(root, objects=Bucket(uri, root, **cache), **options)


def told(ledger: Ledger, version: int | None = None) -> Any:
    """All that a version says."""
    snapshot = ledger.snapshot(version)
    return (
        snapshot.version,
        snapshot.footprint(EVER_BY_ACCOUNT),
        [(each.id, each.site, each.start, each.supersedes, each.causes) for each in snapshot.batches()],
        [(each.old_batch, each.new_batch, each.causes, each.lines, each.kept) for each in snapshot.restatements()],
        snapshot.accounts(),
        list(snapshot.sums(("account", "site"), EVER.start, EVER.end)),
    )


def said_or_refused(ledger: Ledger, version: int) -> Any:
    try:
        return told(ledger, version)
    except StoreError as error:
        return error.message.partition(":")[2]


def rolled(ledger: Ledger) -> int:
    contents = ledger.snapshot().contents
    return Rollups(ledger.root, objects=ledger.store.objects).build(contents, AFTER)


POSTS = st.lists(
    st.tuples(
        st.sampled_from("st"),
        st.integers(0, 3),
        st.dictionaries(st.sampled_from(["a", "b", "(unsold)"]), st.integers(0, 2**62), max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.stress
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(posts=POSTS)
def test_the_same_posts_say_the_same_as_in_a_folder(lake: Lake, tmp_path: Path, posts: list[Any]) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    now = lambda: CREATED  # noqa: E731
    folder, stored = Ledger(work / "local", clock=now), opened(work / "stored", uri, clock=now)
    for site, at, energy, provisional in posts:
        for ledger in (folder, stored):
            ledger.post(batch(energy, site, hour(at), provisional=provisional))
    assert told(stored) == told(folder)
    for ledger in (folder, stored):
        compact(ledger, AFTER)
        rolled(ledger)
    for version in range(-1, folder.snapshot().version + 1):
        assert told(stored, version) == told(folder, version)
    assert stored.verify() == folder.verify() == []
    removed = [vacuum(ledger, AFTER) for ledger in (folder, stored)]
    assert removed[0].files == removed[1].files
    for version in range(-1, folder.snapshot().version + 1):  # made again where it is kept
        assert said_or_refused(stored, version) == said_or_refused(folder, version)
    other = opened(work / "other", uri, bound=1, in_use_s=0)
    for ledger in (stored, other):
        assert told(ledger) == told(folder)
        assert ledger.verify() == []
        assert ledger.store.latest_by(AFTER) == folder.store.latest_by(AFTER)


def test_a_data_directory_is_the_same_by_configuration_alone(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("local", "stored", "other"):
        (tmp_path / name).mkdir()
    make(tmp_path / "local")
    monkeypatch.setenv("GREENCLOUD_LEDGER_URI", uri)
    make(tmp_path / "stored")
    monkeypatch.delenv("GREENCLOUD_LEDGER_URI")
    local, stored = (DataDirectory.open(tmp_path / name / "data", create=False) for name in ("local", "stored"))
    assert stored.ledger_place.uri == uri
    assert not (stored.path / "ledger" / "_delta_log").exists()
    expected, found = said(local), said(stored)
    assert expected.pop("closes").keys() == found.pop("closes").keys()  # each has a secret of its own
    assert found == expected
    assert found["restatements"]
    assert stored.ledger.verify() == list(stored.closes.faults()) == []
    # Another machine has the inputs of its own runs only, and reads the same ledger.
    other = DataDirectory.open(tmp_path / "other" / "data", create=True)
    run = CliRunner().invoke(main, ["init", "--data", str(other.path), "--ledger", uri, "--ledger-cache", "1GB"])
    assert run.exit_code == 0, run.output
    assert f"{uri} (version {found['version']})" in run.output
    assert said(other) == found | {"closes": {}}
    for directory in (stored, other):
        text = (directory.path / "greencloud.json").read_text()
        assert json.loads(text)["ledger"]["uri"] == uri
        assert KEY not in text
        assert SECRET not in text


def test_a_ledger_stays_where_it_lies(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(data: str, *options: str) -> Any:
        return CliRunner().invoke(main, ["init", "--data", str(tmp_path / data), *options])

    assert init("a", "--ledger", uri).exit_code == 0
    assert "(empty)" in init("a", "--ledger", f"{uri}/").output
    assert DataDirectory.open(tmp_path / "a", create=False).ledger.store.where == uri
    moved = init("a", "--ledger", f"{uri}/other")
    assert (moved.exit_code, "the ledger lies at" in moved.output) == (1, True)
    monkeypatch.setenv("GREENCLOUD_LEDGER_URI", f"{uri}/third")
    with pytest.raises(StoreError, match="the ledger lies at"):
        DataDirectory.open(tmp_path / "a", create=False)
    monkeypatch.delenv("GREENCLOUD_LEDGER_URI")
    assert init("b").exit_code == 0
    DataDirectory.open(tmp_path / "b", create=False).ledger.post(batch({"a": 1}))
    left = init("b", "--ledger", uri)
    assert (left.exit_code, "left behind" in left.output) == (1, True)
    assert init("c", "--ledger-cache", "1GB").exit_code == 2


@pytest.mark.parametrize(
    "place", ["/srv", "s3:/x", "s3://AKIA:word@lake/x", "s3://lake/x?key=word", "s3://lake/../x", "s3://lake/a%20"]
)
def test_what_is_no_place_is_refused_and_not_repeated(place: str, tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["init", "--data", str(tmp_path / "d"), "--ledger", place])
    assert run.exit_code == 1
    assert "s3://BUCKET/PREFIX" in run.output
    assert "word" not in run.output


def test_a_store_that_ignores_conditions_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Bucket(uri, tmp_path).check()
    monkeypatch.setattr("greencloud.objects.s3.S3.create", lambda *_: True)  # as one answers that overwrites
    with pytest.raises(StoreError, match="If-None-Match"):
        DataDirectory.open(tmp_path / "d", create=True).place_ledger(LedgerPlace(uri))
    assert DataDirectory.open(tmp_path / "d", create=False).ledger_place.uri == ""


def test_without_the_library_the_advice_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtraError, match=r"greencloud\[s3\]"):
        Bucket("s3://lake/x", tmp_path)


def written(ledger: Ledger, each: Batch) -> Commit:
    segment = ledger.write([Header(each.summary, each.totals)], rows_of(each.summary, each.postings))
    ledger.store.put([segment])
    return Commit([segment], (), Posting.of(ledger.store.root, EMPTY, [each]).work)


@pytest.mark.parametrize("empty", [True, False], ids=["first-commit", "new-window"])
def test_of_commits_of_one_new_window_at_one_time_one_is_made(uri: str, tmp_path: Path, empty: bool) -> None:
    ledgers = [opened(tmp_path / str(at), uri) for at in range(4)]
    if not empty:
        ledgers[0].post(batch({"a": 0}, window=hour(9)))
    commits = [written(ledger, batch({"a": 100, "b": at})) for at, ledger in enumerate(ledgers)]
    bases = [ledger.store.read() for ledger in ledgers]
    together = Barrier(len(ledgers))

    def commit(at: int) -> bool:
        together.wait(20)
        return ledgers[at].store.commit(bases[at], commits[at], CREATED)

    with ThreadPoolExecutor(len(ledgers)) as pool:
        assert sorted(pool.map(commit, range(4))) == [False, False, False, True]
    assert energy_of(opened(tmp_path / "reader", uri))["a"] == 100
    assert ledgers[0].snapshot().version == (0 if empty else 1)


@pytest.mark.stress
def test_processes_that_race_count_every_window_once_in_every_version(uri: str, tmp_path: Path) -> None:
    def started(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD + POST, str(tmp_path / name), uri, name]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    writers = [started(name) for name in ("x", "y")]
    with writers[0], writers[1]:
        for writer in writers:
            assert writer.stdout
            writer.stdout.readline()
        for writer in writers:
            assert writer.stdin
            writer.stdin.write("go\n")
            writer.stdin.flush()
    assert [writer.returncode for writer in writers] == [0, 0]
    ledger = opened(tmp_path / "reader", uri)
    latest = ledger.snapshot().version
    assert latest == 2 * 8 - 1
    for number in range(latest + 1):
        snapshot = ledger.snapshot(number)
        assert set(Counter((each.site, each.start) for each in snapshot.batches()).values()) == {1}
        (row,) = snapshot.footprint(EVER)
        assert row.energy == sum((each.metered_energy for each in snapshot.batches()), start=type(row.energy)())
    assert ledger.verify() == []


@pytest.mark.stress
@pytest.mark.parametrize("step", ["segment_renamed", "segment_durable", "committed"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "superseding"])
def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new(uri: str, tmp_path: Path, step: str, first: bool) -> None:
    ledger, before = opened(tmp_path / "reader", uri), {}
    if not first:
        ledger.post(batch({"a": 1}))
        before = {"a": 1}
    command = [sys.executable, "-c", CHILD + KILLED, str(tmp_path / "killed"), uri, step]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    after = {"a": 2, "b": 5}
    assert energy_of(ledger) == (after if step == "committed" else before)
    assert ledger.verify() == []
    stray = len(ledger.store.objects.names(ledger.store.folder)) - len(ledger.snapshot().batches())
    assert stray == {"segment_renamed": 0, "segment_durable": 1, "committed": 0 if first else 1}[step]
    again = opened(tmp_path / "killed", uri)
    assert (again.post(batch(after)) is None) is (step == "committed")
    assert energy_of(ledger) == after
    vacuum(ledger, AFTER)
    assert ledger.verify() == []


@pytest.mark.stress
def test_a_store_that_is_gone_is_told_and_what_was_acknowledged_is_there_when_it_is_back(
    lake: Lake, uri: str, tmp_path: Path
) -> None:
    ledger, reader = opened(tmp_path / "a", uri), opened(tmp_path / "b", uri)
    ledger.post(batch({"a": 1}))
    ledger.post(batch({"a": 2}, window=hour(1)))
    data = DataDirectory.open(tmp_path / "data", create=True)
    init = ["init", "--data", str(data.path), "--ledger", uri]
    assert CliRunner().invoke(main, init).exit_code == 0

    def gone(step: str) -> None:
        if step == "segment_durable":
            lake.stop()

    asked: list[Callable[[], object]] = [
        lambda: opened(tmp_path / "a", uri, checkpoint=gone).post(batch({"a": 7}, window=hour(2))),
        lambda: ledger.post(batch({"a": 8}, window=hour(3))),
        lambda: energy_of(reader),
        ledger.snapshot,
        lambda: StoredLeases(ledger.store.root / "leases", ledger.store.objects).take("h/1", CREATED),
        lambda: ledger.store.committed(0),
    ]
    try:
        for ask in asked:
            with pytest.raises(StoreUnavailableError) as caught:
                ask()
            assert uri in caught.value.message
            assert "AWS_ENDPOINT_URL" in caught.value.advice
            assert SECRET not in str(caught.value)
        run = CliRunner().invoke(main, ["report", "--data", str(data.path)])
        assert run.exit_code == 6
        assert "Traceback" not in run.output
    finally:
        lake.start()
    assert energy_of(reader) == energy_of(ledger) == {"a": 3}
    ledger.post(batch({"a": 7}, window=hour(2)))
    assert energy_of(reader) == {"a": 10}
    assert ledger.verify() == []


@pytest.mark.stress
def test_a_fault_of_the_network_is_not_taken_for_a_lost_window(lake: Lake, uri: str, tmp_path: Path) -> None:
    """To post again what cannot be read is how a lost window is repaired; it must not come of a wire that is down."""
    ledger = opened(tmp_path / "a", uri)
    ledger.post(batch({"a": 1}))
    ledger.post(batch({"a": 2}))
    snapshot = opened(tmp_path / "b", uri).snapshot()
    lake.stop()
    try:
        for ask in (snapshot.readable_batches, snapshot.restatements, lambda: snapshot.footprint(EVER)):
            with pytest.raises(StoreUnavailableError):
                ask()
    finally:
        lake.start()
    assert [each.id for each in snapshot.readable_batches()] == [batch({"a": 2}).summary.id]


@pytest.mark.parametrize("cut", ["/_delta_log/", "/segments/", "/leases/"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "next"])
def test_a_put_whose_answer_is_lost_counts_once(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str, first: bool
) -> None:
    port_of_store = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    if not first:
        opened(tmp_path / "a", uri).post(batch({"a": 1}, window=hour(1)))
    with wire(port_of_store, f"PUT {uri.removeprefix('s3:/')}{cut}".encode()) as (port, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        ledger = opened(tmp_path / "b", uri)
        leases = StoredLeases(ledger.store.root / "leases", ledger.store.objects)
        lease = leases.take("h/1", CREATED)
        posted = ledger.post(batch({"a": 2}), lease=lease.number)
    assert posted
    assert len(seen) >= 2  # it was sent again
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port_of_store}")
    reader = opened(tmp_path / "c", uri)
    assert energy_of(reader) == {"a": 2 if first else 3}
    assert reader.snapshot().version == (0 if first else 1)
    assert reader.verify() == []


def copies(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("compacted", [True, False], ids=["compacted", "hourly"])
def test_a_cache_may_be_lost_cut_or_too_small(uri: str, tmp_path: Path, compacted: bool) -> None:
    ledger = opened(tmp_path / "writer", uri)
    for at in range(4):
        ledger.post(batch({"a": at, "b": 1}, window=hour(at)))
    ledger.post(batch({"a": 9}, window=hour(0)))
    if compacted:
        compact(ledger, AFTER)
        rolled(ledger)
    expected = told(ledger)
    root = tmp_path / "reader"

    def readers() -> Iterator[Ledger]:
        yield opened(root, uri)
        yield opened(root, uri, bound=1, in_use_s=0)

    assert told(opened(root, uri)) == expected
    for harm in (shutil.rmtree, delete_copies, cut_copies):
        for reader in readers():
            harm(root)
            assert told(reader) == expected
            assert reader.verify() == []
    small = opened(tmp_path / "small", uri, bound=1, in_use_s=0)
    for _ in range(2):
        assert told(small) == expected
        assert copies(tmp_path / "small") == []
    assert ledger.post(batch({"a": 10}, window=hour(0)))
    assert energy_of(small)["a"] == 16


def delete_copies(root: Path) -> None:
    for path in copies(root):
        path.unlink()


def cut_copies(root: Path) -> None:
    for path in copies(root):
        path.write_bytes(path.read_bytes()[:-9])


def test_an_object_that_is_lost_is_named_though_a_copy_is_here(uri: str, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "a", uri)
    ledger.post(batch({"a": 1}))
    (segment,) = ledger.snapshot().contents.segments()
    lost = Bucket(uri, tmp_path / "other")
    lost.remove(tmp_path / "other" / segment.path)
    assert ledger.verify() == [f"{segment.path}: the file is missing; restore it from a backup"]
    with pytest.raises(StoreError, match="the object is missing"):
        energy_of(opened(tmp_path / "b", uri))
    assert ledger.post(batch({"a": 1}))  # it is repaired by posting it again
    assert ledger.verify() == []
    assert energy_of(opened(tmp_path / "c", uri)) == {"a": 1}


def test_a_lease_passes_on_and_who_lost_it_cannot_count(uri: str, tmp_path: Path) -> None:
    ledgers = [opened(tmp_path / name, uri) for name in "ab"]
    first, second = (StoredLeases(ledger.store.root / "leases", ledger.store.objects) for ledger in ledgers)
    now = datetime(2026, 12, 1, tzinfo=UTC)
    held = first.take("host/1", now)
    with pytest.raises(StoreError, match="host/1 is at work"):
        second.take("other/2", now + TERM / 2)
    held = first.renew(held, now + TERM / 2)
    ledgers[0].post(batch({"a": 1}), lease=held.number)
    with pytest.raises(StoreError, match="host/1 is at work"):
        second.take("other/2", now + TERM)
    taken = second.take("other/2", now + 2 * TERM)
    with pytest.raises(LeaseLostError):
        first.renew(held, now + 2 * TERM)
    ledgers[1].post(batch({"a": 2}, window=hour(1)), lease=taken.number)
    with pytest.raises(LeaseLostError):
        ledgers[0].post(batch({"a": 3}), lease=held.number)
    first.release(held, now)  # too late to matter
    assert second.latest() == taken
    second.release(taken, now + 2 * TERM)
    assert first.take("host/1", now + 2 * TERM).number > taken.number
    assert energy_of(ledgers[0]) == {"a": 3}


def test_two_directories_of_one_machine_are_two_writers(uri: str, tmp_path: Path) -> None:
    first, second = (DataDirectory.open(tmp_path / name, create=True) for name in "ab")
    for data in (first, second):
        data.place_ledger(LedgerPlace(uri))
    with first.allocating(), first.writing():
        with second.allocating(), pytest.raises(StoreError, match="is at work on this ledger"), second.writing():
            pass
        # Who died here and is begun again in the same directory need not wait.
        first.writing().__enter__()
    with second.allocating(), second.writing() as held:
        second.ledger.post(batch({"a": 1}), lease=held.number)
    assert energy_of(first.ledger) == {"a": 1}


def test_of_many_who_take_a_lease_one_holds_it(uri: str, tmp_path: Path) -> None:
    objects = Bucket(uri, tmp_path)
    together = Barrier(4)

    def take(at: int) -> bool:
        together.wait(20)
        try:
            StoredLeases(tmp_path / "leases", objects).take(f"h{at}/1", CREATED)
        except StoreError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(4))) == 1


def test_removal_waits_an_hour_and_fences_off_who_slept_longer(uri: str, tmp_path: Path) -> None:
    ledger, sleeper = opened(tmp_path / "a", uri), opened(tmp_path / "b", uri)
    leases = StoredLeases(ledger.store.root / "leases", ledger.store.objects)
    ledger.post(batch({"a": 0}, window=hour(9)))
    old = leases.take("sleeper/1", CREATED)
    base, commit = sleeper.store.read(), written(sleeper, batch({"a": 5}, provisional=True))
    commit = Commit(commit.added, (), commit.work, old.number)
    now = datetime.now(UTC)
    lease = leases.take("awake/2", CREATED + TERM)
    assert vacuum(ledger, now + timedelta(minutes=59), grace=timedelta(0), lease=lease.number).files == 0
    assert vacuum(ledger, now + timedelta(minutes=61), grace=timedelta(0), dry_run=True, lease=lease.number).files == 1
    assert vacuum(ledger, now + timedelta(minutes=61), grace=timedelta(0), lease=lease.number).files == 1
    assert sleeper.store.commit(base, commit, CREATED) is False
    with pytest.raises(LeaseLostError):
        sleeper.store.commit(sleeper.store.read(), commit, CREATED)
    assert ledger.verify() == []


def test_keys_may_come_from_a_profile(lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(f"[house]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "house")
    ledger = opened(tmp_path / "a", uri)
    ledger.post(batch({"a": 1}))
    assert energy_of(ledger) == {"a": 1}
    monkeypatch.setenv("AWS_PROFILE", "another")
    with pytest.raises(StoreUnavailableError, match="the profile 'another' has no keys"):
        opened(tmp_path / "b", uri).snapshot()


def test_keys_that_are_refused_are_told_and_not_repeated(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-of-the-test")
    ledger = opened(tmp_path / "a", uri)
    for ask in (ledger.snapshot, lambda: ledger.store.objects.exists(tmp_path / "a" / "x")):
        with pytest.raises(StoreUnavailableError, match=r"403|[Dd]enied|[Ff]orbidden") as caught:
            ask()
        assert "check the credentials" in caught.value.advice
        assert "secret-of-the-test" not in str(caught.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:word@127.0.0.1:1")
    with pytest.raises(StoreUnavailableError) as caught:
        opened(tmp_path / "b", uri).snapshot()
    assert "word" not in str(caught.value)


def test_a_folder_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    ledger = Ledger(tmp_path)
    assert type(ledger.store.objects) is Objects
    ledger.post(batch({"a": 1}))
    rolled(ledger)
    assert energy_of(ledger) == {"a": 1}
    assert ledger.verify() == []


@pytest.mark.stress
def test_a_server_whose_store_is_gone_takes_telemetry_and_answers_again_when_it_is_back(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENCLOUD_LEDGER_URI", uri)
    data = explained_world(tmp_path)
    span: Any = {"start": datetime(2026, 11, 23, tzinfo=UTC), "end": datetime(2026, 11, 24, tzinfo=UTC)}
    with serving(data.path) as served:
        token = served.token("acme")

        def asked() -> list[Energy]:
            with Client(served.target, token=token, timeout=60) as client:
                return [row.energy for row in client.query_footprint(**span)]

        def sent() -> None:
            request = ExportTraceServiceRequest()
            request.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(16), span_id=bytes(8), name="x")
            with grpc.insecure_channel(served.target) as channel:
                stub: Any = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
                stub.Export(request, metadata=[("authorization", f"Bearer {token}")], timeout=20)

        before = asked()
        assert before
        lake.stop()
        with pytest.raises(UnavailableError):
            asked()
        sent()
        told = CliRunner().invoke(main, ["allocate", "--data", str(data.path)])
        assert told.exit_code == StoreUnavailableError.exit_code
        lake.start()
        assert asked() == before
        again = CliRunner().invoke(main, ["allocate", "--data", str(data.path)])
        assert again.exit_code == 0, again.output
