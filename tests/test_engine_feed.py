"""Directories of one ledger that know different things do not restate each other: one of them feeds it, and it is said which."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.feed import Fed, Feed
from greencloud.engine.ingest import ingest_file
from greencloud.engine.place import LedgerPlace
from greencloud.errors import StoreError
from greencloud.facility import starter_facility
from greencloud.objects.records import Records
from greencloud.telemetry.shared_log import SharedLog
from greencloud.telemetry.take import take as take_in
from list_broker import ListBroker
from nats_broker import brokering
from object_store import Lake, fresh_uri
from otlp import SECOND, SpanSpec, trace_request
from serving import greencloud, serving
from test_engine_distribution import NOW, Use, book, take


def in_ledger(uri: str, folder: Path) -> DataDirectory:
    data = DataDirectory.open(folder, create=True)
    data.place_ledger(LedgerPlace(uri))
    return data


@contextmanager
def a_log(name: str, *spans: int, host: str = "") -> Iterator[SharedLog]:
    """A shared log with these spans, of a host."""
    resource = {"service.name": "shop"} | ({"host.id": host} if host else {})
    with closing(SharedLog(ListBroker(name))) as log:
        for number in spans:
            now = time.time_ns()
            payload = trace_request(resource, [SpanSpec(number, number, now - SECOND, now)])
            take_in(log, "traces", payload, role="tenant", account="acme", received_ns=now, live=True)
        yield log


def fed_by(data: DataDirectory) -> str:
    return ", ".join(Feed(data).current().logs)


@pytest.mark.parametrize("kind", ["store", "ledger"])
def test_who_has_no_log_is_refused_once_a_log_feeds_the_ledger(uri: str, tmp_path: Path, kind: str) -> None:
    make = DataDirectory.attach if kind == "store" else in_ledger
    follower, other = (make(uri, tmp_path / name) for name in "ab")
    file = tmp_path / "traces.binpb"
    now = time.time_ns()
    file.write_bytes(trace_request({"service.name": "shop"}, [SpanSpec(9, 9, now - SECOND, now)]))
    with a_log("list/1", 1, 2) as log, a_log("list/2", 3) as another:
        assert run_allocation(other, now=datetime.now(UTC)).refused == ()
        assert run_allocation(follower, now=datetime.now(UTC), log=log).posted
        assert fed_by(other) == "list/1"
        version = other.ledger.snapshot().version
        for run in (
            lambda: run_allocation(other, now=datetime.now(UTC)),
            lambda: run_allocation(other, now=datetime.now(UTC), log=another),
            lambda: ingest_file(other, file, account="acme"),
        ):
            with pytest.raises(StoreError, match="the shared log list/1 feeds the ledger") as caught:
                run()
            assert "--log URI" in caught.value.advice
        assert other.ledger.snapshot().version == version

        # Who takes over with a fresh folder, and follows the same log, says the same.
        third = make(uri, tmp_path / "c")
        again = run_allocation(third, now=datetime.now(UTC), log=log)
        assert {each.causes for each in again.posted} <= {()}

        # On purpose another log feeds it, and the first one does no more.
        Feed(other).follow(another.name)
        doctor = CliRunner().invoke(main, ["doctor", "--data", str(other.path)]).output
        assert "this directory has followed nothing of it yet" in doctor
        with pytest.raises(StoreError, match="is to follow list/1"):
            run_allocation(follower, now=datetime.now(UTC), log=log)
        run_allocation(other, now=datetime.now(UTC), log=another)


@pytest.mark.stress
def test_a_server_without_the_log_that_feeds_its_store_does_not_start(uri: str, tmp_path: Path) -> None:
    data = DataDirectory.attach(uri, tmp_path / "a")
    Feed(data).follow("list/1")
    done = greencloud("serve", "--data", data.path, "--listen", "127.0.0.1:0", check=False)
    assert (done.returncode, "list/1 feeds the ledger" in done.stderr) == (1, True), done.stderr


@pytest.mark.stress
def test_a_server_that_is_told_where_the_next_log_begins_has_the_ledger_fed_by_it(uri: str, tmp_path: Path) -> None:
    data = DataDirectory.attach(uri, tmp_path / "a")
    Feed(data).follow("list/1")
    with brokering(tmp_path / "nats") as broker:
        log = ("--log", broker.uri("next"))
        done = greencloud("serve", "--data", data.path, "--listen", "127.0.0.1:0", *log, check=False)
        assert (done.returncode, "is to follow nats/next/" in done.stderr) == (1, True), done.stderr
        with serving(data.path, *log, "--log-from", "0"):
            pass
        assert fed_by(data).startswith("nats/next/")
        with serving(data.path, *log):
            pass


def cli(data: DataDirectory, *words: str) -> Result:
    return CliRunner().invoke(main, ["ledger", "feed", "--data", str(data.path), *words])


def test_the_verb_shows_what_feeds_a_ledger_and_changes_it(uri: str, tmp_path: Path) -> None:
    data = DataDirectory.attach(uri, tmp_path / "a")
    assert cli(data).output == "log   none\nbook  the one in force\n"
    Feed(data).follow("list/1")
    told = json.loads(cli(data, "-o", "json").output)
    assert (told["logs"], told["book"], told["since"]) == (["list/1"], "", None)
    assert [cli(data, *words).exit_code for words in (["--no-log"], ["--beside"], ["--set", "--beside"])] == [2, 2, 2]
    assert cli(data, "--set").exit_code == 0
    assert fed_by(data) == "list/1", "what is not named stays"
    assert cli(data, "--set", "--no-log").output.startswith("log   none\n")
    assert run_allocation(data, now=NOW).posted == ()
    actions = [each.action for each in data.audit.entries()]
    assert actions == ["ledger feed", "ledger feed"]


def test_a_region_with_a_log_of_its_own_is_let_in_on_purpose(uri: str, tmp_path: Path) -> None:
    """Its sites are its own, so neither restates the other."""
    one, other, third = (DataDirectory.attach(uri, tmp_path / name) for name in "abc")
    one.apply_facility(book(tmp_path, 200), now=NOW)
    with a_log("list/1", 1, host="h1") as log, a_log("list/2", 2, host="h2") as another:
        now = datetime.now(UTC)
        run_allocation(one, now=now, log=log)
        Feed(other).follow(another.name, beside=True)
        assert fed_by(one) == "list/1, list/2"
        run_allocation(other, now=now, log=another)
        assert {each.site for each in third.ledger.snapshot().batches()} == {"hall", "barn"}
        for data, fed in ((one, log), (other, another)) * 2:
            assert run_allocation(data, now=now, log=fed).posted == ()
        with pytest.raises(StoreError, match="the shared log list/1, list/2 feeds the ledger"):
            run_allocation(third, now=now)


def test_a_ledger_in_a_folder_has_nothing_to_note(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "a", create=True)
    data.apply_facility(book(tmp_path, 200), now=NOW)
    take(data, [Use(0, "h1", "a", 60)])
    run_allocation(data, now=NOW)
    Feed(data).follow("list/1")
    Feed(data).take_over(NOW)
    assert not (data.path / "ledger" / "feed").exists()
    assert Feed(data).current() == Fed()


HOURS = [Use(hour, "h1", "a", 60) for hour in range(2)]
STEPS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0, 200, 250, 300]), st.booleans()), max_size=5)
"""Which directory, the book that it puts in force (0: none), and whether it runs then."""


@pytest.mark.stress
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS, dated=st.booleans())
def test_whatever_books_two_directories_have_they_come_to_rest(
    lake: Lake, tmp_path: Path, steps: list[tuple[int, int, bool]], dated: bool
) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    work.mkdir()
    pair = [in_ledger(uri, work / name) for name in "ab"]
    for data in pair:
        take(data, HOURS)

    def run(data: DataDirectory) -> int:
        try:
            return len(run_allocation(data, now=NOW).posted)
        except StoreError as error:
            if "ledger feed --set" not in error.advice:
                raise
            return 0

    for number, (who, watts, runs) in enumerate(steps):
        if watts:
            when = NOW + timedelta(hours=number) if dated else None
            before = pair[who].facility().revision
            applied = pair[who].apply_facility(book(work, watts), now=when).revision
            if dated and applied != before:
                run(pair[who])
                assert Feed(pair[who]).current().book == applied, "the later one succeeds by itself"
        if runs:
            run(pair[who])
    for data in pair:
        run(data)
    assert [run(data) for data in pair * 2] == [0, 0, 0, 0]


def test_of_two_books_the_later_one_counts_and_an_earlier_one_is_put_in_force_again_on_purpose(uri: str, tmp_path: Path) -> None:
    one, other, fresh = (in_ledger(uri, tmp_path / name) for name in "abc")
    for data in (one, other, fresh):
        take(data, HOURS)
    one.apply_facility(book(tmp_path, 200), now=NOW)
    assert run_allocation(one, now=NOW).posted
    other.apply_facility(book(tmp_path, 250), now=NOW + timedelta(hours=1))
    assert run_allocation(other, now=NOW).posted
    with pytest.raises(StoreError, match="of the facility book") as caught:
        run_allocation(one, now=NOW)
    assert other.facility().revision[:12] in caught.value.message
    with pytest.raises(StoreError, match="by nobody: the starter"):
        run_allocation(fresh, now=NOW)
    assert fresh.facility().revision == starter_facility().revision
    # A new site, say: the book after it, wherever that is put in force.
    one.apply_facility(book(tmp_path, 300), now=NOW + timedelta(hours=2))
    assert run_allocation(one, now=NOW).posted
    # Back to an earlier book, by putting it in force again.
    one.apply_facility(book(tmp_path, 200), now=NOW + timedelta(hours=3))
    assert run_allocation(one, now=NOW).posted
    with pytest.raises(StoreError, match="of the facility book"):
        run_allocation(other, now=NOW)
    # To go on with what is here, whatever the clocks say.
    shown = cli(other, "--set")
    assert shown.output.splitlines()[1].startswith(f"book  {other.facility().revision[:12]}, in force since "), shown.output
    assert run_allocation(other, now=NOW).posted
    with pytest.raises(StoreError, match="of the facility book"):
        run_allocation(one, now=NOW)
    doctor = CliRunner().invoke(main, ["doctor", "--data", str(one.path)])
    assert "the ledger is fed by the facility book" in doctor.output
    assert (doctor.exit_code, "fault  feed" in doctor.output) == (1, True), doctor.output


def test_of_two_that_note_at_once_the_second_looks_again(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (DataDirectory.attach(uri, tmp_path / name) for name in "ab")
    create = Records.create

    def slow(self: Records, number: int, content: bytes) -> bool:
        if b"list/1" in content:
            Feed(other).follow("list/2")
        return create(self, number, content)

    monkeypatch.setattr(Records, "create", slow)
    with pytest.raises(StoreError, match="list/2 feeds the ledger"):
        Feed(one).note("list/1", NOW)
    assert fed_by(one) == "list/2"
