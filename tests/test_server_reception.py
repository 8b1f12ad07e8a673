"""Calls whose message never comes hold nobody else up, with a credential or without."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from greencloud.server.errors import BusyError
from greencloud.server.intake import METHODS
from greencloud.server.reception import Reception
from inprocess import World, serving

EXPORT = f"/{next(iter(METHODS))}/Export"
LIST = "/greencloud.v1.AllocationService/ListBatches"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Metadata = tuple[tuple[str, str], ...]
THREADS = 4


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path, threads=THREADS) as world:
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


class Context:
    """Notes when it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def reception() -> Iterator[Reception]:
    made = Reception(2, patience_s=1.5, hurry_s=0.05)
    yield made
    made.close()


def test_one_wait_has_patience_and_a_crowd_has_not(reception: Reception) -> None:
    started = time.monotonic()
    alone = Context()
    reception.expect("a", most=9)
    with reception.waiting("a", alone):
        assert alone.cancelled.wait(10)
    assert time.monotonic() - started >= 1.5

    first, second = Context(), Context()
    reception.expect("a", most=9)
    reception.expect("b", most=9)
    started = time.monotonic()
    with reception.waiting("a", first), reception.waiting("b", second):
        assert first.cancelled.wait(10)
        assert second.cancelled.wait(10)
    assert time.monotonic() - started < 1.5


def test_a_caller_may_have_so_many_calls_without_a_message_and_others_are_not_counted(reception: Reception) -> None:
    for _ in range(3):
        reception.expect("a", most=3)
    with pytest.raises(BusyError):
        reception.expect("a", most=3)
    reception.expect("b", most=3)

    with reception.waiting("a", Context()):
        pass
    reception.expect("a", most=3)
