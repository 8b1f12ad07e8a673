"""Several servers that share a log and a ledger: each request counts once, whoever took it, whoever allocates, and whoever dies."""

from __future__ import annotations

import itertools
import shutil
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.leasing import holder_of, leases_of
from greencloud.errors import LeaseLostError, LogUnavailableError, StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.lease import Leasing
from greencloud.objects.bucket import Bucket
from greencloud.telemetry import read_log
from greencloud.telemetry.log_uri import open_log
from ledger_builders import CREATED, EVER, EVER_BY_ACCOUNT, batch
from nats_broker import Broker, brokering, free_port
from object_store import Lake
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, greencloud, serving
from test_durability import spans_in
from test_server_workers import Stubborn

TAMPERED = """
import os, signal, sys
from greencloud.ledger import Ledger
from greencloud.ledger.lease import Leasing
made, struck = Ledger.__init__, []
def checkpoint(step):
    if step == os.environ["AT"] and not struck:
        struck.append(step)
        os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
def init(self, *given, **named):
    made(self, *given, **(named | {"checkpoint": checkpoint}))
Ledger.__init__ = init
from greencloud.cli import main
main()
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with brokering(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def ledger_uri(lake: Lake) -> str:
    """A ledger in object storage, for every process of the test."""
    return f"s3://lake/{uuid4().hex}/ledger"


def send(server: Served, first: int, count: int, account: str = "acme") -> set[int]:
    """Numbered spans, one a request, until the server dies; gives those that were acknowledged."""
    now = time.time_ns()
    sent = set()
    with exporting(server.target, server.token(account)) as export, suppress(grpc.RpcError):
        for number in range(first, first + count):
            export(trace_request({"service.name": "shop"}, [SpanSpec(number, number, now - SECOND, now)]))
            sent.add(number)
    return sent


def exported(server: Served, first: int, count: int) -> set[int]:
    """The same by OpenTelemetry's own SDK and exporter."""
    numbers = itertools.count(first)

    class Numbers(IdGenerator):
        def generate_span_id(self) -> int:
            return next(numbers)

        def generate_trace_id(self) -> int:
            return first

    headers = {"authorization": f"Bearer {server.token('acme')}"}
    exporter = OTLPSpanExporter(endpoint=f"http://{server.target}", insecure=True, headers=headers)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), id_generator=Numbers(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for _ in range(count):
        provider.get_tracer("test").start_span("work").end()
    provider.shutdown()
    return set(range(first, first + count))


def until(true: Callable[[], Any], *servers: Served, seconds: float = 60) -> Any:
    """What ``true`` gives once it is so."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := true()):
        assert time.monotonic() < deadline, "\n".join(server.log.read_text()[-3000:] for server in servers)
        pause.wait(0.1)
    return found


def taken(*servers: Served) -> list[set[int]]:
    return [spans_in(read_log(server.data / "wal")) for server in servers]


def told(ledger: Ledger) -> Any:
    """What a ledger says, without when it was posted."""
    snapshot = ledger.snapshot()
    rows = [replace(row, updated=CREATED, provisional=False) for row in snapshot.footprint(EVER_BY_ACCOUNT)]
    return [(each.site, each.start, each.usage_revision) for each in snapshot.batches()], rows


def worked_out_alone(server: Served, place: Path) -> Any:
    """What one server says that has all that this one has, and a ledger of its own."""
    place.mkdir()
    data = DataDirectory.open(place / "data", create=True)
    shutil.copytree(server.data / "wal", data.wal_directory)
    run_allocation(data, now=datetime.now(UTC))
    return told(data.ledger)


def test_two_servers_take_what_both_allocate_alike(broker: Broker, tmp_path: Path) -> None:
    options = ("--log", broker.uri("alike"), "--allocate-every", "1s")
    with serving(tmp_path / "a", *options) as one, serving(tmp_path / "b", *options, "--workers", "2") as other:
        sent = send(one, 1, 20) | exported(other, 101, 20)
        until(lambda: taken(one, other) == [sent, sent], one, other)
        ledgers = [Ledger(server.data / "ledger") for server in (one, other)]
        until(lambda: told(ledgers[0])[0] and told(ledgers[0]) == told(ledgers[1]), one, other)
        expected = worked_out_alone(one, tmp_path / "alone")
        until(lambda: told(ledgers[0]) == expected, one, other)
    assert len(list(read_log(tmp_path / "a" / "wal"))) == 40


def test_a_server_that_cannot_reach_the_log_or_lags_does_not_allocate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with brokering(tmp_path / "nats") as broker:
        uri = broker.uri("lags")
        with serving(tmp_path / "a", "--log", uri) as server:
            send(server, 1, 3)
        data = DataDirectory.open(tmp_path / "a", create=False)
        log = open_log(uri)
        assert run_allocation(data, now=datetime.now(UTC), log=log).posted
        with pytest.raises(StoreError, match="follows the shared log nats/lags"):
            run_allocation(data, now=datetime.now(UTC))
        monkeypatch.setattr("greencloud.telemetry.follower.PATIENCE_S", 0.1)
        with serving(tmp_path / "b", "--log", uri, "--no-follow") as server:
            send(server, 11, 3)
            monkeypatch.setenv("GREENCLOUD_LOG_URI", uri)
            shown = greencloud("doctor", "--data", tmp_path / "a", check=False).stdout
            assert "holds 1 to 6; 3 are not here yet" in shown
        with data.telemetry.followed.turn(), pytest.raises(LogUnavailableError, match="followed up to 3 of 6"):
            run_allocation(data, now=datetime.now(UTC), log=log)
        assert "1 unchanged" not in greencloud("allocate", "--data", tmp_path / "a").stdout
        assert spans_in(read_log(tmp_path / "a" / "wal")) == {1, 2, 3, 11, 12, 13}
        broker.kill()
        with pytest.raises(LogUnavailableError):
            run_allocation(data, now=datetime.now(UTC), log=log)
        log.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--no-follow",), "name it with --log"),
        (("--log-from", "3"), "name it with --log"),
        (("--log", "nats://h/s", "--no-follow", "--allocate-every", "5m"), "follows the shared log"),
        (("--lease-term", "0s"), "a second at the least"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: tuple[str, ...], why: str) -> None:
    done = greencloud("serve", "--data", tmp_path / "data", *options, check=False)
    assert (done.returncode, why in done.stderr) == (2, True)


def test_metrics_tell_position_lag_and_lease(broker: Broker, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with serving(tmp_path / "a", "--log", broker.uri("metrics"), "--metrics", listen) as server:
        send(server, 1, 5)

        def page() -> dict[str, float]:
            with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
                lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
            return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

        until(lambda: page()["greencloud_shared_log_position"] == 5, server)
        shown = page()
    assert [value for name, value in shown.items() if name.startswith("greencloud_shared_log_lag")] == [0]
    assert [value for name, value in shown.items() if name.startswith("greencloud_shared_log_behind")] == [0]
    assert shown["greencloud_ledger_lease_held"] == 0
    assert shown["greencloud_log_syncs_total"] == 5


def test_whoever_lost_its_lease_without_letting_go_cannot_commit_any_more(ledger_uri: str, tmp_path: Path) -> None:
    placed(tmp_path, ledger_uri)
    dead, next_one = (DataDirectory.open(tmp_path / name, create=False) for name in "ab")
    brief = replace(dead, leasing=Leasing(timedelta(0)))
    number = leases_of(brief).take(f"{holder_of(brief)}/1", datetime.now(UTC)).number  # and nobody renews it, nor lets it go
    dead.ledger.post(batch({"a": 1}), lease=number)
    assert next_one.lease()[1] is False
    with next_one.writing() as taken_over:
        assert next_one.leasing.holds == taken_over.number > number
        with pytest.raises(LeaseLostError):
            dead.ledger.post(batch({"a": 2}), lease=number)
    assert next_one.leasing.holds == 0
    latest, ours = next_one.lease()
    assert latest
    assert latest.let_go
    assert ours
    version = next_one.ledger.snapshot().version
    with next_one.writing():
        pass
    assert next_one.ledger.snapshot().version == version, "one that was let go needs no fence"


@pytest.mark.stress
def test_a_broker_that_is_killed_while_servers_take_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with brokering(tmp_path / "nats") as broker, ExitStack() as stack:
        servers = [stack.enter_context(serving(tmp_path / name, "--log", broker.uri("load"))) for name in "ab"]
        senders = [Stubborn(server.target, server.token("acme"), 1 + n * 10**9) for n, server in enumerate(servers * 2)]
        for sender in senders:
            sender.start()
        for _ in range(3):
            for sender in senders:
                sender.enough.clear()
            for sender in senders:
                assert sender.enough.wait(60)
            broker.kill()
            broker.start()
        for sender in senders:
            sender.stopped.set()
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive()
        acknowledged = set().union(*(sender.acknowledged for sender in senders))
        until(lambda: all(acknowledged <= found for found in taken(*servers)), *servers)
        log = open_log(broker.uri("load"))
        end = log.bounds().last
        log.close()
    records = [list(read_log(server.data / "wal")) for server in servers]
    assert [len(each) for each in records] == [end, end]
    assert {each.payload for each in records[0]} == {each.payload for each in records[1]}


class Watch(threading.Thread):
    """Reads the ledger over and over; what it sees is whole, and never less than it was."""

    def __init__(self, place: Path, uri: str) -> None:
        super().__init__()
        self.ledger = Ledger(place, objects=Bucket(uri, place))
        self.done = threading.Event()
        self.looks = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        before = -1
        while not self.done.wait(0.05):
            snapshot = self.ledger.snapshot()
            batches = snapshot.batches()
            if snapshot.version < before:
                self.wrong.append(f"version {snapshot.version} after {before}")
            if batches:
                (row,) = snapshot.footprint(EVER)
                if row.energy != sum((each.metered_energy for each in batches), start=type(row.energy)()):
                    self.wrong.append(f"version {snapshot.version} does not balance")
            if any(count > 1 for count in Counter((each.site, each.start) for each in batches).values()):
                self.wrong.append(f"version {snapshot.version} counts a window twice")
            before, self.looks = snapshot.version, self.looks + 1


@contextmanager
def watching(place: Path, uri: str) -> Iterator[Watch]:
    watch = Watch(place, uri)
    watch.start()
    try:
        yield watch
    finally:
        watch.done.set()
        watch.join()
    assert watch.wrong == []
    assert watch.looks


def placed(tmp_path: Path, ledger_uri: str) -> None:
    """Two data directories of one ledger."""
    for name in "ab":
        greencloud("init", "--data", tmp_path / name, "--ledger", ledger_uri)


@pytest.mark.stress
@pytest.mark.parametrize("step", ["segment_renamed", "segment_durable", "committed"])
def test_when_the_holder_is_killed_in_a_commit_the_other_takes_over(
    broker: Broker, ledger_uri: str, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--log", broker.uri(f"killed-{step}"), "--allocate-every", "1s", "--lease-term", "3s")
    placed(tmp_path, ledger_uri)
    monkeypatch.setenv("AT", step)
    monkeypatch.setenv("SIGNAL", "SIGKILL")
    with watching(tmp_path / "watch", ledger_uri) as watch:
        with serving(tmp_path / "a", *options, program=("-c", TAMPERED)) as holder:
            sent = send(holder, 1, 10)
            assert holder.process.wait(60) == -signal.SIGKILL
        with serving(tmp_path / "b", *options) as other:
            sent |= send(other, 101, 10)
            until(lambda: sent <= taken(other)[0], other)
            expected = worked_out_alone(other, tmp_path / "alone")
            until(lambda: told(watch.ledger) == expected, other)
            assert len(list(read_log(other.data / "wal"))) == len(taken(other)[0])
        assert watch.ledger.verify() == []


@pytest.mark.stress
def test_a_holder_that_is_stopped_is_refused_when_it_wakes_and_goes_on_following(
    broker: Broker, ledger_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--log", broker.uri("stopped"), "--allocate-every", "1s", "--lease-term", "3s")
    placed(tmp_path, ledger_uri)
    monkeypatch.setenv("AT", "segment_durable")  # the lease was asked for, and the commit is next
    monkeypatch.setenv("SIGNAL", "SIGSTOP")
    with (
        watching(tmp_path / "watch", ledger_uri) as watch,
        serving(tmp_path / "a", *options, program=("-c", TAMPERED)) as holder,
        serving(tmp_path / "b", *options) as other,
    ):
        sent: set[int] = set()
        try:
            while state_of(holder.process.pid) != "T":  # which one takes the lease first is chance
                sent |= send(other, len(sent) + 1, 1)
                threading.Event().wait(0.3)
            sent |= send(other, 5001, 10)
            until(lambda: taken(other) == [sent], other)
            expected = worked_out_alone(other, tmp_path / "alone")
            until(lambda: told(watch.ledger) == expected, other)
        finally:
            holder.process.send_signal(signal.SIGCONT)
        until(lambda: "has passed" in holder.log.read_text(), holder)
        sent |= send(other, 9001, 5)
        until(lambda: taken(holder, other) == [sent, sent], holder, other)
        expected = worked_out_alone(holder, tmp_path / "after")
        until(lambda: told(watch.ledger) == expected, holder, other)


def state_of(process: int) -> str:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
