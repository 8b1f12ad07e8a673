"""Several processes and servers of one store: whoever writes, all say the same, and no window counts twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from explained_world import NOW
from greencloud.client import Client
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.applied_books import AppliedBooks
from greencloud.engine.recomputation import recompute
from greencloud.errors import ConflictError
from object_store import Lake, requests
from serving import serving
from test_store_data import all_of, book, hour_of_usage, machine

SPAN: Any = {"start": datetime(2026, 11, 23, tzinfo=UTC), "end": datetime(2026, 11, 24, tzinfo=UTC)}

WRITER = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from greencloud.engine import DataDirectory, run_allocation
from greencloud.errors import ConflictError, StoreError
from test_store_data import NOW, book, hour_of_usage
uri, work, own = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
data = DataDirectory.attach(uri, work / f"m{{own}}")
print("ready", flush=True)
sys.stdin.readline()
for turn in range(4):
    try:
        data.apply_facility(book(work / f"b{{own}}", (own + turn) % 3), applied_by=str(own), expected=data.facility().revision)
    except ConflictError as conflict:
        assert conflict.in_force
    data.segments.write(hour_of_usage(2 * turn % 4 + own))
    try:
        run_allocation(data, now=NOW)
    except StoreError as error:
        assert "leases" in error.path, error
"""


@pytest.mark.stress
def test_processes_that_apply_take_in_and_allocate_at_once_end_with_what_one_would(uri: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, uri, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for own in range(2)]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline()
    for writer in writers:
        writer.communicate("go\n", timeout=200)
    assert [writer.returncode for writer in writers] == [0, 0]
    data = machine(uri, tmp_path / "reader")
    run_allocation(data, now=NOW)
    found = all_of(data)
    history = [each.revision for each in AppliedBooks(data).all()]
    assert all(one != other for one, other in pairwise(history))
    assert data.ledger.verify() == []
    snapshot = data.ledger.snapshot()
    assert all(recompute(data, snapshot, each).same for each in snapshot.batches())

    alone = DataDirectory.open(tmp_path / "alone", create=True)
    for at in range(4):
        alone.segments.write(hour_of_usage(at))
    file = data.kept_books.file(found["in force"])
    assert file
    alone.apply_facility(file, now=NOW)
    run_allocation(alone, now=NOW)
    assert all_of(alone)["usage"] == found["usage"]
    assert [each[1:] for each in all_of(alone)["batches"]] == [each[1:] for each in found["batches"]]
    assert all_of(alone)["footprint"]["rows"] == found["footprint"]["rows"]


@contextmanager
def two_servers(uri: str, folder: Path) -> Iterator[list[tuple[Client, Client]]]:
    """Of each server the provider's client, and that of the account acme."""
    with ExitStack() as stack:
        found = []
        for name in "ab":
            served = stack.enter_context(serving(machine(uri, folder / name).path))
            clients = [Client(served.target, token=served.token(account), timeout=60) for account in ("", "acme")]
            found.append((stack.enter_context(clients[0]), stack.enter_context(clients[1])))
        yield found


@pytest.mark.stress
def test_what_one_server_did_the_other_says_at_once(uri: str, tmp_path: Path) -> None:
    data = machine(uri, tmp_path / "first")
    data.apply_facility(book(tmp_path / "book", 0), now=NOW)
    data.segments.write(hour_of_usage(0))
    with two_servers(uri, tmp_path) as ((provider, tenant), (other, other_tenant)):
        assert list(other_tenant.query_footprint(**SPAN)) == []
        provider.run_allocation()
        rows = list(tenant.query_footprint(**SPAN))
        assert rows
        assert list(other_tenant.query_footprint(**SPAN)) == rows
        before = other.get_facility_book()
        applied = provider.apply_facility_book([("facility.toml", book(tmp_path / "next", 1).read_bytes())])
        assert other.get_facility_book().revision == applied.book.revision
        with pytest.raises(ConflictError):
            other.apply_facility_book(
                [("facility.toml", book(tmp_path / "last", 2).read_bytes())], expected_revision=before.revision
            )
        assert [each.revision for each in other.list_facility_books()] == [each.revision for each in provider.list_facility_books()]


def test_a_worker_of_a_folder_that_knows_the_book_asks_for_nothing(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = machine(uri, tmp_path / "first").apply_facility(book(tmp_path / "book", 0), now=NOW).revision
    with requests(lake, monkeypatch) as asked:
        data = machine(uri, tmp_path / "worker")
        assert data.facility_of(revision)
        assert len(asked) == 3  # the marker, the manifest, the book
        assert data.facility_of(revision)
        assert machine(uri, tmp_path / "worker").facility_of(revision)
        assert len(asked) == 3
