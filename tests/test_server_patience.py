"""How long the server takes for an answer: the deadline of a caller that brought none, streams that nobody reads or whose token
ends, and one account's questions, which leave threads for the others'."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from greencloud.errors import StoppedError
from greencloud.ledger import Ledger, streamed_postings
from greencloud.ledger.stop import Stop
from greencloud.server import behaviours, calls
from greencloud.server.auth import deadline, facts
from greencloud.server.footprint import FootprintServicer
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.wire import instant_to_message
from inprocess import NOW, START, World, serving
from ledger_builders import EVER, batch_of, hour
from sending import wait_for

QUERY = footprint.QueryFootprintRequest(start_time=instant_to_message(START), end_time=instant_to_message(NOW))
VALUES = footprint.ListDimensionValuesRequest(dimension="service")
STREAM = footprint.StreamFootprintRequest()


class Slow:
    """A ledger that answers when it is stopped and never otherwise."""

    version = 0

    def footprint(self, _query: Any, *, most: int | None = None, stop: Stop | None = None) -> list[Any]:
        assert most
        assert stop
        while True:
            threading.Event().wait(0.02)
            stop.check()


def stub_of(channel: grpc.Channel) -> Any:
    return stubs.FootprintServiceStub(channel)


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    return error.code(), error.details()


@pytest.mark.parametrize("request_", [QUERY, VALUES], ids=lambda request: type(request).__name__)
def test_a_question_without_a_deadline_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: Any) -> None:
    monkeypatch.setattr(calls, "PATIENCE_S", 0.3)
    with serving(tmp_path) as world, world.channel() as channel:
        monkeypatch.setattr(world, "snapshot", lambda _version: Slow())
        method = getattr(stub_of(channel), type(request_).__name__.removesuffix("Request"))
        code, text = refused(lambda: method(request_, metadata=world.bearer("acme")))
        assert world.server
        wait_for(lambda: world.server is not None and not world.server.gate.calls)

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "narrow the question" in text


def endless(_self: Any, _request: Any, _context: Any) -> Iterator[footprint.StreamFootprintResponse]:
    """``offset``: the seconds that it may last."""
    while True:
        yield footprint.StreamFootprintResponse(arrow_ipc=bytes(1 << 16), row_count=3, offset=int(deadline()))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(FootprintServicer, "StreamFootprint", endless)
    with serving(tmp_path) as world:
        yield world


def test_a_stream_lasts_so_long_and_says_how_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(calls._LONGEST_S, "/greencloud.v1.FootprintService/StreamFootprint", 0.5)
    caplog.set_level(logging.INFO, "greencloud.server")
    rows = 0

    def read() -> None:
        nonlocal rows
        for message in stub_of(channel).StreamFootprint(STREAM, metadata=world.bearer("acme")):
            rows += message.row_count

    with world.channel() as channel:
        code, text = refused(read)
    wait_for(lambda: world.server is not None and not world.server.gate.calls)

    assert code is grpc.StatusCode.UNAVAILABLE
    assert "resume_token" in text
    (line,) = (record.getMessage() for record in caplog.records if "StreamFootprint" in record.getMessage())
    assert f" rows={rows} " in line
    assert "request=" in line


def test_a_stream_ends_with_the_token_of_its_caller_whatever_deadline_it_brought(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(calls, "PATIENCE_S", 0.5)
    monkeypatch.setattr(behaviours, "PATIENCE_S", 0.5)
    for ttl in (timedelta(seconds=1), timedelta(hours=1)):
        token = world.keys.issue("customer.viewer", "acme", ttl=ttl, now=world.now)
        with world.channel() as channel:
            call = stub_of(channel).StreamFootprint(STREAM, metadata=(("authorization", f"Bearer {token}"),), timeout=1_800)
            seen.append(next(call).offset)
            if ttl < timedelta(minutes=1):
                assert refused(lambda call=call: list(call))[0] is grpc.StatusCode.UNAVAILABLE  # type: ignore[misc]
            call.cancel()
    assert seen[0] <= 1
    assert 1_700 < seen[1] <= 1_810  # gRPC rounds a deadline up to ten seconds on the wire, as soon as two clocks differ


def test_a_stream_that_nobody_reads_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "_LONGEST_UNREAD_S", 0.5)
    with world.channel() as channel:
        call = stub_of(channel).StreamFootprint(STREAM, metadata=world.bearer("acme"))
        next(call)
        wait_for(lambda: world.server is not None and not world.server.gate.calls)
        assert refused(lambda: list(call))[0] is grpc.StatusCode.CANCELLED


def test_a_reader_who_takes_its_time_gets_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the server has given the stream up, between two of its batches."""
    monkeypatch.setattr(behaviours, "_LONGEST_UNREAD_S", 0.3)
    monkeypatch.setattr(streamed_postings, "TARGET", 400)
    ledger = Ledger(tmp_path / "ledger")
    texts = [os.urandom(24_000).hex() for _ in range(300)]  # more than gRPC holds of what nobody reads
    ledger.post_all([batch_of([{"operation": text, "energy_mj": 1}], window=hour(at)) for at, text in enumerate(texts)])
    with serving(tmp_path) as world, world.client() as client:
        monkeypatch.setattr(world, "snapshot", ledger.snapshot)
        found: list[str] = []
        for number, batch in enumerate(client.stream_footprint(start=EVER.start, end=EVER.end, content="postings")):
            if number == 1:
                wait_for(lambda: world.server is not None and not world.server.gate.calls)
            found += batch["operation"].to_pylist()
    assert found == texts


def test_one_account_cannot_have_every_thread_that_answers(tmp_path: Path) -> None:
    with serving(tmp_path, threads=32) as world, world.channel() as channel:
        stub = stub_of(channel)
        world.held = threading.Event()
        held = [stub.QueryFootprint.future(QUERY, metadata=world.bearer("acme"), timeout=20) for _ in range(24)]
        for _ in range(4):
            assert world.arrived.acquire(timeout=10)
        for account in ("globex", ""):
            stub.ListRootLogEntries(footprint.ListRootLogEntriesRequest(), metadata=world.bearer(account), timeout=10)
        assert not world.arrived.acquire(blocking=False)
        world.held.set()
        assert not any(call.exception() for call in held)


def test_one_account_s_explanations_leave_a_turn_for_another(tmp_path: Path) -> None:
    request = footprint.ExplainFootprintRequest(account="", start_time=QUERY.start_time, end_time=QUERY.end_time)
    with serving(tmp_path) as world, world.channel() as channel:
        explain = stub_of(channel).ExplainFootprint
        world.held = threading.Event()
        held = [explain.future(request, metadata=world.bearer("acme"), timeout=20)]
        assert world.arrived.acquire(timeout=10)
        code, text = refused(lambda: explain(request, metadata=world.bearer("acme"), timeout=20))
        assert (code, "another explanation" in text) == (grpc.StatusCode.UNAVAILABLE, True)
        held.append(explain.future(request, metadata=world.bearer("globex"), timeout=20))
        assert world.arrived.acquire(timeout=10)
        world.held.set()
        assert [call.exception().code() for call in held] == [grpc.StatusCode.NOT_FOUND] * 2


def test_a_caller_that_goes_away_stops_its_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, stopped = threading.Event(), threading.Event()

    def wait(*_: Any) -> Any:
        began.set()
        try:
            Slow().footprint(None, most=1, stop=facts().stop)
        except StoppedError:
            stopped.set()
            raise

    monkeypatch.setattr(FootprintServicer, "GetDataAvailability", wait)
    with serving(tmp_path) as world, world.channel() as channel:
        call = stub_of(channel).GetDataAvailability.future(
            footprint.GetDataAvailabilityRequest(), metadata=world.bearer("acme"), timeout=30
        )
        assert began.wait(10)  # a call that is cancelled before its turn asks no question
        call.cancel()
        assert stopped.wait(10)
