"""The journal in an object store: what it says in a folder, from any machine, with any number of writers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import ConflictError, NotFoundError, StoreError, StoreUnavailableError
from greencloud.inventory.journal import Change, Draft, Journal
from object_places import kept, machine, put_over, take_out
from object_store import Lake, fresh_uri, requests
from test_inventory_journal import NOW, add

OPS = st.lists(st.tuples(st.integers(0, 1), st.one_of(st.integers(), st.binary(min_size=1, max_size=9))), max_size=8)


def journal(folder: Path, uri: str) -> Journal:
    """The books as a machine has them whose copies are in that folder."""
    return Journal(folder / "books", objects=machine(folder, uri))


def said(changes: list[Change]) -> list[Any]:
    """Of records, all but what a token makes of them."""
    return [(each.number, each.time, each.actor, each.kind, each.reason, each.body) for each in changes]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=OPS)
def test_the_same_changes_say_the_same_as_in_a_folder(lake: Lake, tmp_path: Path, ops: list[tuple[int, Any]]) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    local = [Journal(work / "local") for _ in range(2)]
    stored = [journal(work / f"{at}", uri) for at in range(2)]
    for journals in (local, stored):
        for who, what in ops:
            if isinstance(what, bytes):
                digest = journals[who].put_evidence(what)
                assert journals[1 - who].evidence(digest) == what
            else:
                add(journals[who], what)
    for each in (*stored, journal(work / "2", uri)):
        assert said(each.changes()) == said(local[0].changes())
        assert each.kept_evidence() == local[0].kept_evidence()
        assert each.head() == stored[0].head()


COUNT_UP = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from datetime import UTC, datetime
from pathlib import Path
from greencloud.inventory.journal import Draft, Journal
from object_places import machine
folder, now = Path(sys.argv[1]), datetime(2026, 4, 1, tzinfo=UTC)
journal = Journal(folder / "books", objects=machine(folder, sys.argv[2]))
for _ in range(12):
    journal.transact(lambda earlier: Draft("test.count", len(earlier) + 1), actor="amy", now=now)
"""


@pytest.mark.stress
def test_machines_that_write_at_once_decide_one_after_the_other(uri: str, tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", COUNT_UP, str(tmp_path / f"{at}"), uri]) for at in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert [change.body for change in journal(tmp_path / "reader", uri).changes()] == list(range(1, 25))


def test_of_two_who_write_the_very_same_one_is_told(uri: str, tmp_path: Path) -> None:
    one, other = journal(tmp_path / "a", uri), journal(tmp_path / "b", uri)
    assert one.changes() == other.changes() == []
    before = other._read_on
    other._read_on = lambda: None  # type: ignore[method-assign]  # what the first wrote came after it had looked
    one.append(Draft("test.add", 1), after=0, actor="amy", now=NOW)
    with pytest.raises(ConflictError):
        other.append(Draft("test.add", 1), after=0, actor="amy", now=NOW)
    other._read_on = before  # type: ignore[method-assign]
    assert len(other.changes()) == 1


def test_to_ask_whether_there_is_more_is_one_request(lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(20):
        add(journal(tmp_path / "a", uri), at)
    with requests(lake, monkeypatch) as seen:
        reader = journal(tmp_path / "a", uri)
        assert len(reader.changes()) == 20
        assert len(seen) <= 6
        del seen[:]
        for _ in range(5):
            reader.changes()
        assert len(seen) == 5
        assert all(line.startswith(b"GET") and b"000000000021.json" in line for line in seen)


def test_what_was_done_to_the_store_is_seen(uri: str, tmp_path: Path) -> None:
    for at in range(4):
        add(journal(tmp_path / "a", uri), at)
    held = journal(tmp_path / "a", uri)
    held.changes()
    second = "books/changes/000000000002.json"
    whole = kept(uri)[second]
    put_over(uri, second, whole.replace(b'"body":1', b'"body":7'))
    with pytest.raises(StoreError, match="record 3 of the provider's books was damaged or changed"):
        journal(tmp_path / "b", uri).changes()
    take_out(uri, second)
    for folder in ("b", "c"):  # one that has a copy of it, one that has none
        with pytest.raises(StoreError):
            journal(tmp_path / folder, uri).changes()
    with pytest.raises(StoreError, match="record 2 of the provider's books is missing, though record 4 is there"):
        journal(tmp_path / "d", uri).changes()
    put_over(uri, second, whole)
    assert said(journal(tmp_path / "d", uri).changes()) == said(held.changes())


def test_copies_come_back_when_they_are_damaged_or_gone(uri: str, tmp_path: Path) -> None:
    written = journal(tmp_path / "a", uri)
    digest = written.put_evidence(b"invoice 7")
    for at in range(3):
        add(written, at, NOW)
    assert written.evidence(digest) == b"invoice 7"
    assert len(journal(tmp_path / "a", uri).changes()) == 3
    copies = [path for path in (tmp_path / "a" / "books").rglob("*") if path.is_file()]
    assert len(copies) == 4
    for harm in (lambda path: path.write_bytes(b"{}"), Path.unlink):
        for path in copies:
            path.chmod(0o600)
            harm(path)
        again = journal(tmp_path / "a", uri)
        assert said(again.changes()) == said(written.changes())
        assert again.evidence(digest) == b"invoice 7"


def test_evidence_is_of_all_machines_and_checked(uri: str, tmp_path: Path) -> None:
    digest = journal(tmp_path / "a", uri).put_evidence(b"invoice 7")
    other = journal(tmp_path / "b", uri)
    assert other.put_evidence(b"invoice 7") == digest
    assert (other.kept_evidence(), other.evidence(digest)) == ([digest], b"invoice 7")
    put_over(uri, f"books/evidence/{digest}", b"invoice 8")
    with pytest.raises(StoreError, match="changed"):
        journal(tmp_path / "c", uri).evidence(digest)
    with pytest.raises(NotFoundError):
        other.evidence("0" * 64)


def test_a_record_whose_answer_is_lost_is_there_once(uri: str, tmp_path: Path) -> None:
    store = machine(tmp_path / "a", uri)
    store.lost = "changes/"
    books = Journal(tmp_path / "a" / "books", objects=store)
    with pytest.raises(StoreUnavailableError):
        add(books, "once")
    store.lost = ""
    assert [change.body for change in books.changes()] == ["once"]
    assert add(books, "next").number == 2
    assert not list((tmp_path / "a" / "books" / "changes").glob(".*"))
