"""What an account may ask of the API: requests a second, questions at once, and exports, which last long."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError, QuotaError
from greencloud.server.gate import Gate
from greencloud.server.intake import METHODS
from greencloud.server.quota import Policy
from inprocess import serving

ASK = "/greencloud.v1.FootprintService/ListRootLogEntries"
EXPORT = f"/{next(iter(METHODS))}/Export"
ACCOUNTS = st.sampled_from(["", "a", "b", "c", "d", "e", "f"])


def principal(account: str) -> Principal:
    return Principal("customer.admin" if account else "provider.admin", account, account)


@given(st.lists(st.tuples(ACCOUNTS, st.booleans()), max_size=80))
def test_exports_are_bounded_for_each_account_and_for_all(steps: list[tuple[str, bool]]) -> None:
    gate = Gate(Policy.of(8))
    under_way: dict[str, list[ExitStack]] = {}
    for account, begins in steps:
        held = under_way.setdefault(account, [])
        if not begins:
            if held:
                held.pop().close()
            continue
        total, most = sum(map(len, under_way.values())), 2 if account else 4
        stack = ExitStack()
        if len(held) >= most:
            with pytest.raises(QuotaError):
                stack.enter_context(gate.export(account))
        elif total >= 8:
            with pytest.raises(BusyError):
                stack.enter_context(gate.export(account))
        else:
            stack.enter_context(gate.export(account))
            held.append(stack)
    for held in under_way.values():
        for stack in held:
            stack.close()
    for _ in range(2):
        with gate.export("a"), gate.export("a"), gate.export(""), gate.export("b"):
            pass


@given(st.lists(st.floats(0, 0.2), max_size=200), st.integers(1, 50))
def test_no_more_requests_than_rate_and_burst_get_through(pauses: list[float], rate: int) -> None:
    now = 0.0
    policy = Policy.of(8, requests=rate)
    gate = Gate(policy, clock=lambda: now)
    taken = 0
    for pause in pauses:
        now += pause
        with suppress(QuotaError):
            gate.leave(gate.enter(principal("a"), metered=False), 0, metered=False)
            taken += 1
    assert taken <= rate * policy.tenant.burst_s + rate * now + 1 + 1e-6


def test_questions_and_telemetry_of_an_account_do_not_count_against_each_other() -> None:
    policy = Policy.of(8)
    gate = Gate(replace(policy, tenant=replace(policy.tenant, calls=2, questions=1)))
    for _ in range(2):
        gate.enter(principal("a"), metered=True)
    with pytest.raises(BusyError):
        gate.enter(principal("a"), metered=True)
    asked = gate.enter(principal("a"), metered=False)
    with pytest.raises(QuotaError):
        gate.enter(principal("a"), metered=False)
    gate.enter(principal("b"), metered=False)
    gate.leave(asked, 0, metered=False)
    gate.enter(principal("a"), metered=False)


def test_who_asks_too_often_is_told_when_to_come_again_and_telemetry_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, policy=Policy.of(8, requests=0.5)) as world, world.channel() as channel:
        ask: Any = channel.unary_unary(ASK)
        export: Any = channel.unary_unary(EXPORT)
        bearer = world.bearer("acme")
        errors = [ask.future(b"", metadata=bearer, timeout=10).exception() for _ in range(4)]
        assert export.future(b"", metadata=bearer, timeout=10).exception() is None
        assert ask.future(b"", metadata=world.bearer("other"), timeout=10).exception() is None

    refused = [error for error in errors if error]
    assert 1 <= len(refused) <= 2
    error = refused[-1]
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(error)
    assert status is not None
    found = {detail.type_url.rpartition(".")[2]: detail for detail in status.details}
    retry, quota, info = error_details_pb2.RetryInfo(), error_details_pb2.QuotaFailure(), error_details_pb2.ErrorInfo()
    assert found["RetryInfo"].Unpack(retry)
    assert found["QuotaFailure"].Unpack(quota)
    assert found["ErrorInfo"].Unpack(info)
    assert retry.retry_delay.seconds >= 1
    assert [(each.subject, each.description) for each in quota.violations] == [("account:acme", "0.5 requests/s")]
    assert (info.reason, info.metadata["account"]) == ("QUOTA_EXCEEDED", "acme")
