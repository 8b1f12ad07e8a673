"""The audit trail: it only grows, and what was changed in it or taken out of it is seen."""

from __future__ import annotations

import json
import multiprocessing
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine.audit import AuditTrail
from greencloud.errors import StorageFullError, StoreError
from inprocess import NOW
from profiles import examples

TEXT = st.text(max_size=30)
ACTION = st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from(["", "OK", "FAILED_PRECONDITION"]))
few = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def trail(path: Path) -> AuditTrail:
    return AuditTrail(path, clock=lambda: NOW)


def note(found: AuditTrail, *, action: str = "allocate", outcome: str = "OK") -> int:
    index = found.begin(action, subject="ada", role="provider.admin", request_id="r", summary="rule=used")
    if outcome:
        found.end(index, outcome)
    return index


def written(path: Path, count: int = 4) -> list[bytes]:
    path.unlink(missing_ok=True)
    found = trail(path)
    for number in range(count):
        note(found, action=f"action {number}", outcome="OK" if number % 2 else "")
    return path.read_bytes().splitlines(keepends=True)


@few
@given(st.lists(ACTION, max_size=8))
def test_what_was_noted_is_read_by_all(tmp_path: Path, actions: list[tuple[str, ...]]) -> None:
    path = tmp_path / "audit.jsonl"
    path.unlink(missing_ok=True)
    writers = [trail(path), trail(path)]  # two processes, as far as the file knows
    for at, (action, subject, role, request, summary, outcome) in enumerate(actions):
        index = writers[at % 2].begin(action, subject=subject, role=role, request_id=request, summary=summary)
        if outcome:
            writers[1 - at % 2].end(index, outcome)

    for reader in (*writers, trail(path)):
        entries = reader.entries()
        assert [(each.action, each.outcome) for each in entries] == [
            ("".join(char if char.isprintable() else "?" for char in action[0]), action[5]) for action in actions
        ]
        assert all(each.created == NOW for each in entries)
        assert [each.index for each in entries] == sorted({each.index for each in entries})
        assert not reader.faults()


@few
@given(st.data())
def test_a_line_that_was_changed_put_in_taken_out_or_moved_is_named(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "audit.jsonl"
    lines = written(path)
    at = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["change", "remove", "double", "swap"])):
        case "change":
            said = json.loads(lines[at])
            said["time"] = "2026-01-01T00:00:00Z"
            lines[at] = json.dumps(said, separators=(",", ":")).encode() + b"\n"
        case "remove":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case _:
            other = data.draw(st.integers(0, len(lines) - 1).filter(lambda other: other != at))
            lines[at], lines[other] = lines[other], lines[at]
    path.write_bytes(b"".join(lines))

    faults = trail(path).faults()
    if not faults:  # the last line, to which none is bound: the head tells
        assert at == len(written(tmp_path / "whole")) - 1
        path_whole = trail(tmp_path / "whole")
        assert trail(path).head() != path_whole.head()
        return
    assert faults[0].startswith("line ")
    with pytest.raises(StoreError, match="the audit trail is damaged"):
        note(trail(path))


@few
@given(st.data())
def test_a_line_that_a_crash_cut_is_taken_away_and_the_rest_stays(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "audit.jsonl"
    lines = written(path)
    cut = data.draw(st.integers(0, len(lines[-1]) - 1))
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])

    found = trail(path)
    assert not found.faults()
    before = len(found.entries())
    note(found, action="after")
    assert [each.action for each in trail(path).entries()][before:] == ["after"]
    assert not trail(path).faults()


@given(st.binary(max_size=80))
@few
def test_whatever_lies_there_is_a_fault_or_a_cut_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content)

    faults = trail(path).faults()
    assert bool(faults) == (b"\n" in content)


@pytest.mark.parametrize("content", [b"x" * 100_000, b"[" * 10_000 + b"\n", b'{"n":0}\n', b"[]\n"])
def test_a_file_that_is_none_is_a_fault(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content)

    assert trail(path).faults()


def test_texts_are_bounded_and_on_one_line(tmp_path: Path) -> None:
    found = trail(tmp_path / "audit.jsonl")
    found.begin("a\nb" * 9_000, subject="s" * 9_000, role="r" * 9_000, request_id="\x00" * 9_000, summary="\N{SNOWMAN}" * 9_000)

    (line,) = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert len(line) < 8_000
    assert not trail(tmp_path / "audit.jsonl").faults()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    note(trail(tmp_path / "audit.jsonl"))

    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_what_cannot_be_noted_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        note(trail(tmp_path / "nowhere" / "audit.jsonl"))
    assert not isinstance(caught.value, StorageFullError)


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path) -> None:
    path, found = tmp_path / "audit.jsonl", trail(tmp_path / "audit.jsonl")
    note(found)
    path.rename(tmp_path / "old")
    note(found, action="new")

    assert [each.action for each in found.entries()] == ["new"]


def _write(path: Path) -> None:
    found = AuditTrail(path)
    for _ in range(20):
        note(found)


@pytest.mark.stress
def test_processes_and_threads_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    shared = trail(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: note(shared), range(20)))
    for process in processes:
        process.join(30)

    entries = trail(path).entries()
    assert len(entries) == 60
    assert {each.outcome for each in entries} == {"OK"}
    assert not trail(path).faults()
    assert max(each.created for each in entries) - NOW < timedelta(days=36_500)
