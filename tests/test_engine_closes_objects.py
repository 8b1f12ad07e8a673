"""Closes in an object store: what they are in a folder, for every server that reads it, whoever closes, and whatever breaks."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine import DataDirectory
from greencloud.engine.closes import Closes
from greencloud.engine.root_log import StoredRootLog
from greencloud.errors import ProofError, StoreError, StoreUnavailableError
from greencloud.ledger import Ledger
from greencloud.proof import canonical, log_faults, period_named, verify
from ledger_builders import batch, hour
from object_places import kept, machine, put_over, take_out
from object_store import Lake, fresh_uri, requests, wire

DAYS = [period_named(f"2026-02-0{day}") for day in (1, 2, 3)]
NOW = datetime(2026, 3, 1, tzinfo=UTC)

CHILD = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_engine_closes_objects import DAYS, NOW, closes
from greencloud.ledger import Ledger
def kill(at):
    if at == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
root = Path(sys.argv[1])
closes(root / "killed", sys.argv[2], root / "keys", checkpoint=kill).close(Ledger(root / "ledger"), DAYS[0], NOW)
"""


def closes(folder: Path, uri: str, keys: Path, **options: Any) -> Closes:
    """The closes as a server has them whose copies are in that folder."""
    return Closes(folder / "closes", keys, objects=machine(folder, uri), **options)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a full ledger, to be copied."""
    return days_of(Ledger(tmp_path_factory.mktemp("full") / "ledger")).root


@pytest.fixture
def ledger(full: Path, tmp_path: Path) -> Ledger:
    return Ledger(shutil.copytree(full, tmp_path / "ledger"))


def days_of(ledger: Ledger) -> Ledger:
    """Every hour of three days: two accounts, and a pool."""
    ledger.post_all([batch({"a": at, "b": 7, "(unsold)": 1}, window=hour(at)) for at in range(2, 26 + 48)])
    return ledger


def faultless(statement: Any, root: Any, log: Any) -> bool:
    return not [finding for finding in verify(statement, root, log) if finding.status == "fault"]


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("close"), st.integers(0, 2)),
        st.tuples(st.just("post"), st.integers(2, 73)),
        st.tuples(st.just("rotate"), st.just(0)),
    ),
    min_size=1,
    max_size=5,
)


def told(log: list[dict[str, Any]]) -> list[Any]:
    """Of a log, all but the keys that sign it and what follows from them."""
    return [(each["index"], each["kind"], each["time"], each["body"] if each["kind"] == "close" else None) for each in log]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=OPS)
def test_the_same_work_says_the_same_as_in_a_folder(lake: Lake, full: Path, tmp_path: Path, ops: list[tuple[str, int]]) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    ledger, count = Ledger(shutil.copytree(full, work / "ledger"), clock=lambda: NOW), 0
    secret = lambda: count.to_bytes(32)  # noqa: E731
    folder = Closes(work / "closes", work / "keys", secret=secret)
    servers = [closes(work / f"{at}", uri, work / "shared keys", secret=secret) for at in range(2)]
    for count, (what, at) in enumerate(ops):
        if what == "post":
            ledger.post(batch({"a": count, "b": 8}, window=hour(at)))
            continue
        outcomes = []
        for each in (folder, servers[count % 2]):
            try:
                made = each.close(ledger, DAYS[at], NOW).entry["body"] if what == "close" else bool(each.rotate(NOW))
                outcomes.append(made)
            except ProofError as error:
                outcomes.append(error.message)
        assert outcomes[0] == outcomes[1]
        for each in servers:
            assert told(each.log()) == told(folder.log())
            assert [each.is_closed(day.start) for day in DAYS] == [folder.is_closed(day.start) for day in DAYS]
    for each in (*servers, closes(work / "2", uri, work / "shared keys")):
        assert list(each.faults()) == list(folder.faults()) == []
        assert each.changed(ledger.snapshot()) == folder.changed(ledger.snapshot())
        for name, entry in each.in_force().items():
            statement, root = each.statement("a", name)
            assert root == entry
            assert statement == folder.statement("a", name)[0]
            assert list(each.audit(name, named=True))[1:] == list(folder.audit(name, named=True))[1:]
            assert faultless(statement, root, each.log())


def test_another_machine_proves_what_was_closed_and_has_no_key(uri: str, tmp_path: Path, ledger: Ledger) -> None:
    keys = tmp_path / "keys"
    made = closes(tmp_path / "a", uri, keys)
    made.close(ledger, DAYS[0], NOW)
    other = closes(tmp_path / "b", uri, tmp_path / "none")
    statement, root = other.statement("b", DAYS[0].name)
    assert faultless(statement, root, other.log())
    tree = tmp_path / "b" / "closes" / root["body"]["root"]
    assert stat.S_IMODE(tree.stat().st_mode) == 0o700
    with pytest.raises(StoreError, match="in force"):
        other.rotate(NOW)
    before = kept(uri)
    with pytest.raises(StoreError, match="in force"):
        other.close(ledger, DAYS[1], NOW)
    stored = kept(uri)
    assert stored == before  # no tree of what was never closed is left
    assert {key.partition("/")[0] for key in stored} == {"closes"}
    secrets = [path.read_bytes() for path in keys.iterdir()]
    assert secrets
    assert not [key for key, content in stored.items() for secret in secrets if secret in content or b"PRIVATE" in content]
    lines = [stored[key] for key in sorted(stored) if key.startswith("closes/log/")]
    assert b"".join(lines) == b"".join(canonical(entry) + b"\n" for entry in made.log())


@pytest.mark.parametrize("begun", [True, False], ids=["one-more", "first-of-all"])
def test_of_two_that_close_at_once_one_is_told_to_do_it_anew(uri: str, tmp_path: Path, ledger: Ledger, begun: bool) -> None:
    keys = tmp_path / "keys"
    other, store = closes(tmp_path / "b", uri, keys), machine(tmp_path / "a", uri)
    if begun:
        other.close(ledger, DAYS[1], NOW)

    def another_first(path: Path) -> None:
        if path.parent.name == "log" and DAYS[0].name not in other.in_force():
            other.close(ledger, DAYS[0], NOW)

    store.before = another_first
    slower = Closes(tmp_path / "a" / "closes", keys, objects=store)
    with pytest.raises(ProofError) as caught:
        slower.close(ledger, DAYS[0], NOW)
    assert caught.value.advice == "make the entry anew on the log as it is now"
    roots = {entry["body"]["root"] for entry in other.log() if entry["kind"] == "close"}
    assert {key.split("/")[1] for key in kept(uri)} == roots | {"log"}
    assert {path.name for path in (tmp_path / "a" / "closes").iterdir()} <= roots | {"log"}
    assert len(list(keys.iterdir())) == 1
    assert list(slower.faults()) == []
    with pytest.raises(ProofError, match="nothing in it has changed"):
        slower.close(ledger, DAYS[0], NOW)


def test_servers_that_close_at_once_make_one_log(uri: str, tmp_path: Path, ledger: Ledger) -> None:
    keys = tmp_path / "keys"

    def close(at: int) -> None:
        own = closes(tmp_path / f"{at}", uri, keys)
        for _ in range(20):
            with suppress(ProofError):
                own.close(ledger, DAYS[at % 3], NOW)
            if DAYS[at % 3].name in own.in_force():
                return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(close, range(6)))
    reader = closes(tmp_path / "reader", uri, keys)
    log = reader.log()
    assert sorted(entry["kind"] for entry in log) == ["close"] * 3 + ["key"]
    assert list(log_faults(log)) == list(reader.faults()) == []
    assert len(list(keys.iterdir())) == 1
    assert len({key.split("/")[1] for key in kept(uri)}) == 4


@pytest.mark.stress
@pytest.mark.parametrize("step", ["tree_written", "key_written", "logged"])
def test_one_that_is_killed_has_closed_or_not_and_another_server_goes_on(
    uri: str, tmp_path: Path, ledger: Ledger, step: str
) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), uri, step], check=False, timeout=60, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    other = closes(tmp_path / "other", uri, tmp_path / "keys")
    assert list(other.in_force()) == ([DAYS[0].name] if step == "logged" else [])
    assert list(other.faults()) == []
    if step != "logged":
        assert len({key.split("/")[1] for key in kept(uri)}) == 1  # a tree that nothing names
        other.close(ledger, DAYS[0], NOW)
    statement, root = other.statement("a", DAYS[0].name)
    assert faultless(statement, root, other.log())


@pytest.mark.parametrize("lost", ["log/000000000001", "log/000000000002"])
def test_an_answer_that_never_came_leaves_what_it_may_have_been_about(uri: str, tmp_path: Path, ledger: Ledger, lost: str) -> None:
    """The entry is there, so its key and its tree must be."""
    store = machine(tmp_path / "a", uri)
    store.lost = lost
    made = Closes(tmp_path / "a" / "closes", tmp_path / "keys", objects=store)
    with pytest.raises(StoreUnavailableError):
        made.close(ledger, DAYS[0], NOW)
    store.lost = ""
    if lost.endswith("1"):
        made.close(ledger, DAYS[0], NOW)
    for each in (made, closes(tmp_path / "b", uri, tmp_path / "keys")):
        assert list(each.faults()) == []
        statement, root = each.statement("a", DAYS[0].name)
        assert faultless(statement, root, each.log())


def test_an_answer_that_is_lost_once_is_no_matter(
    lake: Lake, uri: str, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire(lake.port, b"PUT /lake/" + uri.removeprefix("s3://lake/").encode() + b"/closes/log/") as (port, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        made = closes(tmp_path / "a", uri, tmp_path / "keys")
        made.close(ledger, DAYS[0], NOW)
        assert len(seen) > 2
        assert [entry["kind"] for entry in made.log()] == ["key", "close"]
        assert list(made.faults()) == []


def test_to_ask_whether_a_window_is_closed_costs_next_to_nothing(
    lake: Lake, uri: str, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = closes(tmp_path / "a", uri, tmp_path / "keys")
    made.close(ledger, DAYS[0], NOW)
    with requests(lake, monkeypatch) as seen:
        asked = closes(tmp_path / "a", uri, tmp_path / "keys")
        assert [asked.is_closed(hour(at).start) for at in (1, 2, 25, 26)] == [False, True, True, False]
        first = len(seen)
        for at in range(1000):
            asked.is_closed(hour(at % 70).start)
        assert first <= 8
        assert len(seen) - first <= 4  # one a second


def test_what_another_server_closed_is_known_within_a_second(uri: str, tmp_path: Path, ledger: Ledger) -> None:
    now, folder = 0.0, tmp_path / "b" / "closes"
    log = StoredRootLog(folder / "log", machine(tmp_path / "b", uri), clock=lambda: now)
    asked = closes(tmp_path / "b", uri, tmp_path / "keys")
    asked._log = log
    assert not asked.is_closed(DAYS[0].start)
    closes(tmp_path / "a", uri, tmp_path / "keys").close(ledger, DAYS[0], NOW)
    now = 0.9
    assert not asked.is_closed(DAYS[0].start)
    now = 1.0
    assert asked.is_closed(DAYS[0].start)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_copies_come_back_when_they_are_damaged_or_gone(
    uri: str, tmp_path: Path, ledger: Ledger, harm: Callable[[Path], None]
) -> None:
    made = closes(tmp_path / "a", uri, tmp_path / "keys")
    for day in DAYS:
        made.close(ledger, day, NOW)
    whole = made.statement("a", DAYS[0].name)
    log = closes(tmp_path / "a", uri, tmp_path / "keys").log()  # who wrote it had no need to read it
    copies = [path for path in (tmp_path / "a" / "closes").rglob("*") if path.is_file()]
    assert len(copies) == 4 + 3 * 4
    for path in copies:
        path.chmod(0o600)
        harm(path)
        again = closes(tmp_path / "a", uri, tmp_path / "keys")
        assert again.log() == log
        assert again.statement("a", DAYS[0].name) == whole
        assert list(again.faults()) == []
    shutil.rmtree(tmp_path / "a" / "closes")
    assert closes(tmp_path / "a", uri, tmp_path / "keys").statement("a", DAYS[0].name) == whole


def test_what_was_done_to_the_store_is_named(uri: str, tmp_path: Path, ledger: Ledger) -> None:
    made = closes(tmp_path / "a", uri, tmp_path / "keys")
    for day in DAYS[:2]:
        made.close(ledger, day, NOW)
    stored = kept(uri)
    root = made.entry_of(DAYS[0].name)["body"]["root"]
    for key, content in stored.items():
        for harm in ("change", "remove"):
            if harm == "remove":
                take_out(uri, key)
            else:
                put_over(uri, key, content.replace(b"0", b"1", 1) if key.endswith(".json") else content[:-1])
            fresh = closes(tmp_path / uuid4().hex, uri, tmp_path / "keys")
            last = key.endswith("3.json") and harm == "remove"  # who keeps a copy of the log sees that
            assert bool(list(fresh.faults())) != last, (key, harm)
            if root in key and harm == "remove":
                with pytest.raises(StoreError, match="missing"):
                    fresh.statement("a", DAYS[0].name)
                assert any("the object is missing" in fault for fault in made.faults())
            put_over(uri, key, content)
    take_out(uri, "closes/log/000000000002.json")
    fresh = closes(tmp_path / "late", uri, tmp_path / "keys")
    with pytest.raises(ProofError, match="entry 1 is missing, though entry 2 is there"):
        fresh.log()
    with pytest.raises(ProofError, match="entry 1 is missing"):
        fresh.close(ledger, DAYS[2], NOW)


def test_a_data_directory_in_a_store_closes_there(uri: str, tmp_path: Path) -> None:
    one = DataDirectory.attach(uri, tmp_path / "a")
    days_of(one.ledger)
    one.closes.close(one.ledger, DAYS[0], NOW)
    other = DataDirectory.attach(uri, tmp_path / "b")
    statement, root = other.closes.statement("a", DAYS[0].name)
    assert faultless(statement, root, other.closes.log())
    assert other.ledger.closed(batch({"a": 1}, window=hour(5)).summary)
    other.ledger.post(batch({"a": 1}, window=hour(5)))
    assert one.closes.changed(one.ledger.snapshot()) == [DAYS[0].name]
    with pytest.raises(StoreError, match="in force"):
        other.closes.close(other.ledger, DAYS[0], NOW + timedelta(days=1))
    shutil.copytree(one.keys_directory, other.keys_directory)
    again = other.closes.close(other.ledger, DAYS[0], NOW + timedelta(days=1)).entry
    assert again["body"]["restates"] == root["index"]
