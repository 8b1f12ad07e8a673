"""Calls that are given up free their thread at once, and disturb nobody; and a reader whose server is killed loses no row."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from greencloud.client.streaming import batches
from greencloud.engine import DataDirectory
from greencloud.errors import StoppedError, TooLargeError
from greencloud.ledger import Ledger
from greencloud.ledger.database import limit, stream, stream_arrow
from greencloud.ledger.parts import Part
from greencloud.ledger.stop import Stop
from greencloud.server import streaming as served
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from inprocess import World
from inprocess import serving as serving_here
from ledger_builders import batch_of, hour
from serving import Served, serving
from test_server_streams import TIMES

SLOW = "SELECT sum(a.range * b.range % 7) FROM range(2000000) a, range(200000) b"  # minutes
POSTINGS = footprint.STREAM_CONTENT_POSTINGS


def until(holds: Callable[[], Any], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@pytest.mark.parametrize("after", [0.0, 0.3])
@pytest.mark.parametrize("how", [stream, partial(stream_arrow, rows=4096)])
def test_a_query_that_is_stopped_ends_soon_and_no_other_does(tmp_path: Path, how: Callable[..., Any], after: float) -> None:
    stop, ended = Stop(), threading.Event()
    other: list[Any] = []

    def slow() -> None:
        with pytest.raises(StoppedError):
            list(how(SLOW, [], root=tmp_path, stop=stop))
        ended.set()

    def quick() -> None:
        other.extend(stream("SELECT sum(a.range * b.range % 7) FROM range(2000) a, range(20000) b", [], root=tmp_path))

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    for thread in threads:
        thread.start()
    threading.Event().wait(after)
    stop.set()
    assert ended.wait(10)
    for thread in threads:
        thread.join(30)
    assert other


def test_an_interruption_that_comes_too_early_is_not_lost(tmp_path: Path) -> None:
    stop = Stop()
    calls: list[float] = []
    ended = threading.Event()

    def interrupt() -> None:
        calls.append(time.monotonic())
        if len(calls) > 2:
            ended.set()

    def work() -> None:
        with stop.interrupting(interrupt):
            stop.set()
            assert ended.wait(10)
            raise ValueError("interrupted")

    with pytest.raises(StoppedError):
        work()
    with pytest.raises(StoppedError), stop.interrupting(interrupt):
        raise AssertionError("it may not begin")


def test_a_query_of_more_memory_than_may_be_is_told_so(tmp_path: Path) -> None:
    limit(memory=64 << 20, threads=1)
    try:
        with pytest.raises(TooLargeError, match="memory"):
            list(stream("SELECT list(range) FROM range(50000000)", [], root=tmp_path))
        assert list(stream("SELECT 1, current_setting('threads')", [], root=tmp_path)) == [(1, 1)]
    finally:
        limit(memory=2 << 30, threads=2)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Some 200,000 postings, whose labels are as many: a query by label takes seconds."""
    ledger = Ledger(tmp_path_factory.mktemp("big") / "ledger")
    rows = [
        {"account": f"a{at % 50}", "operation": f"op {at}", "labels": f'{{"id":"{at}","{"x" * 400}":"{at}"}}', "energy_mj": at}
        for at in range(20_000)
    ]
    ledger.post_all([batch_of(rows, window=hour(at)) for at in range(10)])
    return ledger


@pytest.mark.parametrize("how", ["cancel", "deadline"])
@pytest.mark.parametrize("method", ["query", "stream"])
def test_who_goes_away_frees_the_thread_at_once(big: Ledger, tmp_path: Path, how: str, method: str) -> None:
    labels = [f"label:{name}" for name in ("id", "x", "y", "z", "w")]
    with serving_here(tmp_path, threads=4) as world:
        world.snapshot = big.snapshot  # type: ignore[method-assign,assignment]
        assert world.server is not None
        gate = world.server.gate
        with world.channel() as channel:
            stub: Any = stubs.FootprintServiceStub(channel)
            fields: dict[str, Any] = {**TIMES, "group_by": [*labels, "operation"], "granularity": footprint.GRANULARITY_WINDOW}
            deadline = 0.3 if how == "deadline" else None
            if method == "query":
                call = stub.QueryFootprint.future(
                    footprint.QueryFootprintRequest(**fields), timeout=deadline, metadata=world.bearer()
                )
            else:
                call = stub.StreamFootprint(footprint.StreamFootprintRequest(**fields), timeout=deadline, metadata=world.bearer())
            until(lambda: gate.calls == 1)
            if how == "cancel":
                threading.Event().wait(0.3)
                call.cancel()
            else:
                with pytest.raises((grpc.RpcError, grpc.FutureTimeoutError)):
                    _ = call.result() if method == "query" else list(call)
            given_up = time.monotonic()
            until(lambda: gate.calls == 0)
            assert time.monotonic() - given_up < 5.0  # the query takes some 20 s, a stopped one a fraction of one
            request = footprint.QueryFootprintRequest(**TIMES, filter={"accounts": ["a1"]})
            assert len(stub.QueryFootprint(request, timeout=20, metadata=world.bearer()).rows) == 1


def test_a_reader_that_stops_early_frees_its_stream(big: Ledger, tmp_path: Path) -> None:
    with serving_here(tmp_path, threads=4) as world, world.channel() as channel:
        world.snapshot = big.snapshot  # type: ignore[method-assign,assignment]
        assert world.server is not None
        gate = world.server.gate
        reader = batches(opening(world, channel), footprint.StreamFootprintRequest(**TIMES, content=POSTINGS))
        next(reader)
        assert gate.calls == 1
        reader.close()
        until(lambda: gate.calls == 0)


def test_a_reader_that_does_not_read_costs_the_server_a_few_messages(
    big: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(part: Part, *arguments: Any, **options: Any) -> bytes:
        made.append(part.rows.num_rows)
        return encoded(part, *arguments, **options)

    encoded = served._encoded
    monkeypatch.setattr(served, "_encoded", counted)
    with serving_here(tmp_path, threads=4) as world, world.channel() as channel:
        world.snapshot = big.snapshot  # type: ignore[method-assign,assignment]
        call = opening(world, channel)(footprint.StreamFootprintRequest(**TIMES, content=POSTINGS))
        until(lambda: len(made) >= 2)
        threading.Event().wait(1.0)
        assert len(made) <= 8
        assert len(list(call)) == len(made) > 40


def opening(world: World, channel: grpc.Channel) -> Callable[[footprint.StreamFootprintRequest], Any]:
    stub: Any = stubs.FootprintServiceStub(channel)
    return lambda request: stub.StreamFootprint(request, metadata=world.bearer())


@pytest.mark.stress
def test_a_server_that_is_killed_in_the_middle_of_a_stream_costs_no_row_and_none_comes_twice(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ledger = DataDirectory.open(data, create=True).ledger
    rows = [{"account": f"account-{at % 500}", "operation": f"GET /{at}", "energy_mj": at} for at in range(20_000)]
    ledger.post_all([batch_of(rows, window=hour(at)) for at in range(6)])
    running: list[Served] = []
    contexts: list[Any] = []

    def start() -> None:
        contexts.append(serving(data))
        running.append(contexts[-1].__enter__())

    start()
    token = running[0].token()

    def opened(request: footprint.StreamFootprintRequest) -> Iterator[Any]:
        with grpc.insecure_channel(running[-1].target) as channel:
            stub: Any = stubs.FootprintServiceStub(channel)
            yield from stub.StreamFootprint(request, timeout=60, metadata=(("authorization", f"Bearer {token}"),))

    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        start()

    got = []
    for at, each in enumerate(batches(opened, footprint.StreamFootprintRequest(**TIMES, content=POSTINGS), pause=pause)):
        got.append(each)
        if at == 5:
            running[-1].process.send_signal(signal.SIGKILL)
            running[-1].process.wait(30)
    for context in contexts:
        context.__exit__(None, None, None)
    table = pa.Table.from_batches(got)
    assert len(pauses) == 1
    assert table.num_rows == 120_000
    keys = table.select(["window_start", "operation"]).cast(
        pa.schema([("window_start", pa.timestamp("us", tz="UTC")), ("operation", pa.string())])
    )
    assert keys.group_by(["window_start", "operation"]).aggregate([]).num_rows == 120_000
