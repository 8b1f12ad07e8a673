"""Calls whose message never comes hold nobody else up, with a credential or without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from greencloud.server.errors import ListenError
from greencloud.server.intake import METHODS
from greencloud.server.threads import check_grpcio
from inprocess import World, one_for_all, serving

EXPORT = f"/{next(iter(METHODS))}/Export"
LIST = "/greencloud.v1.AllocationService/ListBatches"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Metadata = tuple[tuple[str, str], ...]
THREADS = 4


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path, threads=THREADS, policy=one_for_all(THREADS)) as world:
        yield world


@contextmanager
def silent(world: World, method: str, metadata: Metadata, count: int) -> Iterator[None]:
    """Calls that send their headers and nothing else."""
    done = threading.Event()

    def nothing() -> Iterator[bytes]:
        done.wait(60)
        yield from ()

    with world.channel() as channel:
        open_stream: Any = channel.stream_stream(method)
        calls = [open_stream(nothing(), metadata=metadata) for _ in range(count)]
        try:
            yield
        finally:
            done.set()
            for call in calls:
                call.cancel()


def answered(world: World, method: str, metadata: Metadata = ()) -> grpc.StatusCode:
    """The code of an ordinary call, over a connection of its own."""
    with world.channel() as channel:
        ask: Any = channel.unary_unary(method)
        error = ask.future(b"", metadata=metadata, timeout=10).exception()
        code = grpc.StatusCode.OK if error is None else error.code()
        assert isinstance(code, grpc.StatusCode)
        return code


@pytest.mark.parametrize("method", [CHECK, WATCH])
def test_silent_calls_without_a_credential_keep_no_thread_from_intake_and_api(world: World, method: str) -> None:
    with silent(world, method, (), 10 * THREADS):
        for _ in range(5):
            assert answered(world, EXPORT, world.bearer("acme")) is grpc.StatusCode.OK
            assert answered(world, LIST, world.bearer()) is grpc.StatusCode.OK

    assert answered(world, CHECK) is grpc.StatusCode.OK


def test_a_tenants_silent_calls_are_ended_and_its_neighbours_get_in(world: World) -> None:
    with silent(world, EXPORT, world.bearer("globex"), 3 * THREADS):
        assert answered(world, EXPORT, world.bearer("acme")) is grpc.StatusCode.OK
        assert answered(world, LIST, world.bearer()) is grpc.StatusCode.OK


def test_silent_reflection_streams_leave_the_api_alone(world: World) -> None:
    with silent(world, REFLECTION, world.bearer("globex"), 2 * THREADS):
        assert answered(world, LIST, world.bearer()) is grpc.StatusCode.OK
        assert answered(world, EXPORT, world.bearer("acme")) is grpc.StatusCode.OK


def test_one_caller_cannot_line_up_without_end(world: World) -> None:
    token = world.bearer("globex")
    with silent(world, EXPORT, token, 20 * THREADS), world.channel() as channel:
        ask: Any = channel.unary_unary(EXPORT)
        refused = [ask.future(b"", metadata=token, timeout=10).exception() for _ in range(3)]

    told = [error for error in refused if error is not None]
    assert told
    for error in told:
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        status = rpc_status.from_call(error)
        assert status is not None
        assert any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)


def test_health_is_answered_whatever_the_threads_do_and_however_many_calls_are_silent(world: World) -> None:
    world.held = threading.Event()
    with world.channel() as channel:
        ask: Any = channel.unary_unary(LIST)
        calls = [ask.future(b"", metadata=world.bearer(), timeout=20) for _ in range(THREADS // 2)]
        for _ in calls:
            assert world.arrived.acquire(timeout=10)
        with silent(world, CHECK, (), 200), silent(world, WATCH, (), 20), silent(world, EXPORT, world.bearer("globex"), 20):
            for _ in range(5):
                assert answered(world, CHECK) is grpc.StatusCode.OK
        world.held.set()
        assert [call.exception() for call in calls] == [None] * len(calls)


@pytest.mark.parametrize("method", [EXPORT, LIST, CHECK, WATCH, REFLECTION])
def test_a_call_whose_message_does_not_come_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("greencloud.server.app.PATIENCE_S", 0.2)
    with serving(tmp_path, threads=THREADS) as world, world.channel() as channel:
        done = threading.Event()

        def nothing() -> Iterator[bytes]:
            done.wait(60)
            yield from ()

        open_stream: Any = channel.stream_stream(method)
        call = open_stream(nothing(), metadata=world.bearer(), timeout=20)
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        done.set()
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_a_grpcio_of_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_grpcio()
    monkeypatch.setattr("grpc._server._unary_response_in_pool", len)
    with pytest.raises(ListenError, match="pip install"):
        check_grpcio()
