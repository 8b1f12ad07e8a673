"""The audit trail of several servers: one chain in the store, in one order, of which nothing is lost or changed unseen."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine import DataDirectory
from greencloud.engine.audit import AuditTrail
from greencloud.engine.stored_audit import StoredTrail
from greencloud.errors import StoreError, StoreUnavailableError
from inprocess import NOW
from object_places import kept, machine, put_over, take_out
from object_store import Lake, fresh_uri, requests
from test_engine_audit import ACTION, note

few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def trail(folder: Path, uri: str) -> StoredTrail:
    """The trail as a server has it whose copies are in that folder."""
    return StoredTrail(folder / "audit", machine(folder, uri), clock=lambda: NOW)


@few
@given(st.lists(st.tuples(ACTION, st.integers(0, 2), st.integers(0, 2)), max_size=7))
def test_the_same_actions_are_told_as_in_a_file(
    lake: Lake, tmp_path: Path, actions: list[tuple[tuple[str, ...], int, int]]
) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    work.mkdir()
    local = [AuditTrail(work / "audit.jsonl", clock=lambda: NOW) for _ in range(3)]
    stored = [trail(work / f"{at}", uri) for at in range(3)]
    for trails in (local, stored):
        for (action, subject, role, request, summary, outcome), begins, ends in actions:
            index = trails[begins].begin(action, subject=subject, role=role, request_id=request, summary=summary)
            if outcome:
                trails[ends].end(index, outcome)
    for each in (*stored, trail(work / "reader", uri)):
        assert each.entries() == local[0].entries()
        assert each.head()[0] == local[0].head()[0]
        assert each.head() == stored[0].head()
        assert each.faults() == []


def test_servers_and_threads_that_note_at_once_make_one_chain(uri: str, tmp_path: Path) -> None:
    servers = [trail(tmp_path / f"{at}", uri) for at in range(4)]
    with ThreadPoolExecutor(8) as pool:  # all say the very same, so that but a token tells their lines apart
        indices = list(pool.map(lambda at: note(servers[at % 4]), range(32)))
    entries = trail(tmp_path / "reader", uri).entries()
    assert [each.index for each in entries] == sorted(indices)
    assert {each.outcome for each in entries} == {"OK"}
    assert all(each.faults() == [] and each.head()[0] == 64 for each in servers)


def test_a_place_in_it_stays(uri: str, tmp_path: Path) -> None:
    one, other = trail(tmp_path / "a", uri), trail(tmp_path / "b", uri)
    other.entries()
    note(one, action="first", outcome="")
    before = one.entries()
    StoredTrail(tmp_path / "b" / "audit", machine(tmp_path / "b", uri), clock=lambda: NOW.replace(year=2000)).begin(
        "by a clock that is behind", subject="", role="", request_id="", summary=""
    )
    assert one.entries()[:1] == before
    assert [each.action for each in other.entries()] == ["first", "by a clock that is behind"]


def test_to_note_something_is_one_request(lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with requests(lake, monkeypatch) as seen:
        found = trail(tmp_path / "a", uri)
        note(found)
        del seen[:]
        note(found)
        assert [line.partition(b" ")[0] for line in seen] == [b"PUT", b"PUT"]


def written(folder: Path, uri: str, count: int = 4) -> dict[str, bytes]:
    found = trail(folder, uri)
    for number in range(count):
        note(found, action=f"action {number}", outcome="OK" if number % 2 else "")
    return kept(uri)


@few
@given(st.data())
def test_a_line_that_was_changed_taken_out_or_moved_is_named(lake: Lake, tmp_path: Path, data: st.DataObject) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    lines = written(work / "a", uri)
    keys = sorted(lines)
    at = data.draw(st.integers(0, len(keys) - 1))
    before = trail(work / "a", uri).head()
    match data.draw(st.sampled_from(["change", "remove", "swap"])):
        case "change":
            said = json.loads(lines[keys[at]]) | {"time": "2026-01-01T00:00:00Z"}
            put_over(uri, keys[at], json.dumps(said, separators=(",", ":")).encode() + b"\n")
        case "remove":
            take_out(uri, keys[at])
        case _:
            other = data.draw(st.integers(0, len(keys) - 1).filter(lambda other: other != at))
            put_over(uri, keys[at], lines[keys[other]])
            put_over(uri, keys[other], lines[keys[at]])
    for folder in ("a", "b"):  # with copies of what was, and without
        found = trail(work / folder, uri)
        faults = found.faults()
        if not faults:  # the last line, to which none is bound: the head tells
            assert at == len(keys) - 1
            assert found.head() != before
            continue
        assert faults[0].startswith("line ")
        with pytest.raises(StoreError, match="the audit trail is damaged"):
            note(found)


def test_nothing_is_noted_into_a_gap(uri: str, tmp_path: Path) -> None:
    keys = sorted(written(tmp_path / "a", uri))
    take_out(uri, keys[2])
    found = trail(tmp_path / "b", uri)
    with pytest.raises(StoreError, match="line 3 is missing, though line 6 is there"):
        note(found)
    assert sorted(kept(uri)) == [key for key in keys if key != keys[2]]


def test_copies_are_for_the_owner_alone_and_come_back(uri: str, tmp_path: Path) -> None:
    written(tmp_path / "a", uri)
    reader = trail(tmp_path / "b", uri)
    entries = reader.entries()
    assert stat.S_IMODE((tmp_path / "b" / "audit").stat().st_mode) == 0o700
    for path in (tmp_path / "b" / "audit").iterdir():
        path.chmod(0o600)
        path.write_bytes(b"{}")
    again = trail(tmp_path / "b", uri)
    assert again.entries() == entries
    assert again.faults() == []


def test_what_may_not_be_noted_is_not_done(uri: str, tmp_path: Path) -> None:
    store, done = machine(tmp_path / "a", uri), []
    found = StoredTrail(tmp_path / "a" / "audit", store, clock=lambda: NOW)
    store.lost = "audit/"
    with pytest.raises(StoreUnavailableError), found.doing("token", "", status_of=str):
        done.append(1)
    assert done == []
    store.lost = ""
    note(found, action="next")
    assert [(each.action, each.outcome) for each in trail(tmp_path / "b", uri).entries()] == [("token", ""), ("next", "OK")]
    assert found.faults() == []


def test_a_data_directory_in_a_store_has_its_trail_there(uri: str, tmp_path: Path) -> None:
    one, other = (DataDirectory.attach(uri, tmp_path / name) for name in ("a", "b"))
    with one.audit.doing("token", "", status_of=str):
        pass
    assert [(each.action, each.outcome) for each in other.audit.entries()] == [("token", "OK")]
    assert not (one.path / "audit.jsonl").exists()
