"""Accounts have limits: what is over them is turned away with a delay, and costs the neighbours nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError
from greencloud.server.gate import Gate
from greencloud.server.intake import METHODS, Taken
from greencloud.server.quota import LONG_S, Bucket, Policy
from inprocess import World, serving
from sending import wait_for

EXPORT = f"/{next(iter(METHODS))}/Export"


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 3)), max_size=60), st.integers(1, 2_000), st.integers(1, 5_000))
def test_no_more_than_rate_and_burst_and_one_request_get_through(sent: list[tuple[int, float]], rate: int, burst: int) -> None:
    bucket = Bucket(rate, burst, now=0.0)
    now, taken, last = 0.0, 0, 0
    for size, pause in sent:
        now += pause
        delay = bucket.refusal(now)
        assert delay == 0 or 1 <= delay <= 3
        if delay == 0:
            bucket.take(size, now)
            taken, last = taken + size, max(last, size)
    assert taken <= burst + rate * now + last + 1e-6 * (1 + taken)


@given(st.integers(1, 1_000_000))
def test_who_keeps_to_the_rate_is_never_refused(rate: int) -> None:
    bucket = Bucket(rate, 2 * rate, now=0.0)
    for second in range(1, 100):
        assert bucket.refusal(float(second)) == 0
        bucket.take(rate, float(second))


def test_the_delay_is_the_longest_when_it_has_gone_on_for_a_minute() -> None:
    bucket = Bucket(1_000, 1_000, now=0.0)
    delays = []
    for tick in range(int(LONG_S) + 10):
        now = float(tick)
        if not bucket.refusal(now):
            bucket.take(1_700, now)
        delays.append(bucket.refusal(now))
    assert delays[5] == 1
    assert max(delays) == delays[-1] == 3


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_bytes_in_hand_are_bounded_for_each_account_and_for_all_and_one_request_is_always_taken() -> None:
    base = Policy.of(4, rate=0)
    gate = Gate(replace(base, bytes=100, tenant=replace(base.tenant, bytes=60, calls=9)), clock=Clock())

    def arrive(account: str, size: int) -> Any:
        entered = gate.enter(Principal("tenant", account, account), metered=True)
        try:
            gate.arrive(entered, size, lambda _: None, metered=True)
        except BusyError as error:
            gate.leave(entered, 0)
            return error.cause
        return entered

    whole = arrive("a", 70)
    assert gate.bytes == 70
    assert arrive("a", 1) == "account bytes"
    assert arrive("b", 31) == "bytes"
    part = arrive("b", 30)
    gate.leave(whole, 70)
    gate.leave(part, 30)
    assert (gate.bytes, gate.calls) == (0, 0)


def test_jobs_that_wait_too_long_are_handed_back() -> None:
    clock = Clock()
    gate = Gate(Policy.of(4), clock=clock)
    account = gate.enter(Principal("tenant", "a", "a"), metered=True)
    gate.arrive(account, 10, lambda _: None, metered=True)
    clock.now = 3.9
    assert gate.overdue() == []
    clock.now = 4.1
    assert len(gate.overdue()) == 1
    assert len(gate) == 0


def retry_s(error: Any) -> float:
    for key, value in error.trailing_metadata():
        if key == "google.rpc.retryinfo-bin":
            return float(error_details_pb2.RetryInfo.FromString(value).retry_delay.ToTimedelta().total_seconds())
    raise AssertionError("no RetryInfo")


def test_over_quota_is_unavailable_with_a_delay_and_a_neighbour_is_served(tmp_path: Path) -> None:
    with serving(tmp_path, policy=Policy.of(8, rate=1_000)) as world, world.channel() as channel:
        send: Any = channel.unary_unary(EXPORT)
        assert send.future(bytes([0x7A, 0]) * 4_000, metadata=world.bearer("globex"), timeout=10).exception() is None
        error = send.future(b"", metadata=world.bearer("globex"), timeout=10).exception()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert 1 <= retry_s(error) <= 3
        assert send(b"", metadata=world.bearer("acme"), timeout=10) == b""
        assert world.server
        assert world.server.counts.refused == {"quota": 1}


@contextmanager
def slow_disk(world: World, seconds: float) -> Iterator[None]:
    """Each request of globex takes so long."""
    quick = world.take
    over = threading.Event()

    def take(signal: str, payload: bytes, principal: Principal, received_ns: int) -> Taken:
        if principal.account == "globex":
            over.wait(seconds)
        return quick(signal, payload, principal, received_ns)

    world.take = take  # type: ignore[method-assign]
    try:
        yield
    finally:
        over.set()


def test_a_backlog_of_one_tenant_holds_a_share_of_the_threads_and_a_neighbour_does_not_wait(tmp_path: Path) -> None:
    with serving(tmp_path, threads=4) as world, slow_disk(world, 1.0), world.channel() as channel:
        send: Any = channel.unary_unary(EXPORT)
        hostile = [send.future(b"", metadata=world.bearer("globex"), timeout=30) for _ in range(12)]
        began = time.monotonic()
        for _ in range(20):
            assert send(b"", metadata=world.bearer("acme"), timeout=10) == b""
        assert time.monotonic() - began < 1.0
        codes = {error.code() for call in hostile if (error := call.exception())}

    assert codes == {grpc.StatusCode.UNAVAILABLE}


def test_who_waits_too_long_for_a_turn_is_turned_away_with_a_delay(tmp_path: Path) -> None:
    policy = replace(Policy.of(4), wait_s=0.2)
    with serving(tmp_path, threads=4, policy=policy) as world, slow_disk(world, 2.0), world.channel() as channel:
        send: Any = channel.unary_unary(EXPORT)
        calls = [send.future(b"", metadata=world.bearer("globex"), timeout=30) for _ in range(2)]
        errors = [error for call in calls if (error := call.exception())]
        assert len(errors) == 1
        assert errors[0].code() is grpc.StatusCode.UNAVAILABLE
        assert retry_s(errors[0]) == 2.0
        assert world.server
        assert world.server.counts.refused == {"wait": 1}


def test_a_call_that_its_caller_has_given_up_is_not_served(tmp_path: Path) -> None:
    with serving(tmp_path, threads=4) as world, slow_disk(world, 1.0), world.channel() as channel:
        send: Any = channel.unary_unary(EXPORT)
        first = send.future(b"", metadata=world.bearer("globex"), timeout=30)
        second = send.future(b"", metadata=world.bearer("globex"), timeout=0.3)
        assert second.exception().code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert first.exception() is None
        assert world.server
        counts = world.server.counts
        assert send(b"", metadata=world.bearer("acme"), timeout=10) == b""
        wait_for(lambda: counts.requests["traces", "CANCELLED"] == 1, timeout=10)


@pytest.mark.parametrize("account", ["provider", "tenant", "streams", "api"])
def test_no_account_is_taken_for_another_by_its_name(account: str) -> None:
    gate = Gate(Policy.of(4), clock=Clock())
    tenant = gate.enter(Principal("tenant", account, account), metered=True)
    provider = gate.enter(Principal("provider", "", "provider"), metered=True)

    assert tenant is not provider
    assert tenant.limits.rate < provider.limits.rate
