"""More at once than the server takes: questions are turned away with a delay, and telemetry is not."""

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

from greencloud.server.intake import METHODS
from inprocess import START, World, one_for_all, serving

EXPORT = f"/{next(iter(METHODS))}/Export"
RUN = "/greencloud.v1.AllocationService/RunAllocation"
LIST = "/greencloud.v1.AllocationService/ListBatches"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path, threads=4, policy=one_for_all(4)) as world:
        yield world


@contextmanager
def under_way(world: World, channel: grpc.Channel, method: str, count: int) -> Iterator[list[Any]]:
    """Calls that have reached their store and wait there."""
    world.held = threading.Event()
    ask: Any = channel.unary_unary(method)
    calls = [ask.future(b"", metadata=world.bearer(), timeout=20) for _ in range(count)]
    for _ in calls:
        assert world.arrived.acquire(timeout=10)
    release, world.held = world.held, None
    try:
        yield calls
    finally:
        release.set()


def refusal(channel: grpc.Channel, world: World, method: str) -> tuple[grpc.StatusCode, str, float]:
    """Code, reason and delay."""
    ask: Any = channel.unary_unary(method)
    error = ask.future(b"", metadata=world.bearer(), timeout=10).exception()
    status = rpc_status.from_call(error)
    assert status is not None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(retry)
    return error.code(), info.reason, retry.retry_delay.ToTimedelta().total_seconds()


def test_questions_take_half_of_the_threads_and_telemetry_still_gets_in(world: World) -> None:
    with world.channel() as channel:
        with under_way(world, channel, LIST, 2) as calls:
            assert refusal(channel, world, LIST) == (grpc.StatusCode.UNAVAILABLE, "BUSY", 1.0)
            export: Any = channel.unary_unary(EXPORT)
            assert export(b"", metadata=world.bearer("acme"), timeout=10) == b""

        assert all(call.exception() is None for call in calls)
        ask: Any = channel.unary_unary(LIST)
        assert ask.future(b"", metadata=world.bearer(), timeout=10).exception() is None


def test_one_run_of_the_allocation_at_a_time(world: World) -> None:
    with world.channel() as channel:
        with under_way(world, channel, RUN, 1) as calls:
            assert refusal(channel, world, RUN)[:2] == (grpc.StatusCode.UNAVAILABLE, "BUSY")

        assert calls[0].exception() is None
        assert len(world.runs) == 1
    with world.client() as client:
        assert client.run_allocation(start=START).unchanged_count == 2
