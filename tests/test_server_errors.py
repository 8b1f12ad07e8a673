"""What the server raises is what the client raises, and nothing of the server's inside is told to tenants."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import (
    AllocationError,
    ConfigError,
    FacilityError,
    GreencloudError,
    NotFoundError,
    PermissionDeniedError,
    QuantityError,
    RemoteError,
    StoreError,
    UnauthenticatedError,
    UnavailableError,
    UnbalancedError,
)
from greencloud.server.errors import STATUS, BusyError, RequestError, answer_to
from inprocess import NOW, START, World, serving

TEXT = st.text(min_size=1, max_size=3_000)
KINDS: dict[str, GreencloudError] = {
    "quantity": QuantityError("17 is not a window", advice="use 3600"),
    "facility": FacilityError("no factor", path="facility.toml", line=3, key="factors.DE", advice="add one"),
    "allocation": AllocationError("no meter", site="hall-a", window="2026", advice="ingest it"),
    "unauthenticated": UnauthenticatedError("who are you", advice="send a token"),
    "denied": PermissionDeniedError("not yours", advice="ask"),
    "not found": NotFoundError("no such goal", advice="apply one"),
    "no advice": NotFoundError("no such goal"),
    "lines": QuantityError("first\nsecond", advice="do this\nthen that"),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path) as world:
        yield world


def raised(world: World, error: Exception, account: str = "") -> GreencloudError:
    world.failure = error
    with world.client(account, timeout=3) as client, pytest.raises(GreencloudError) as caught:
        list(client.query_footprint(start=START, end=NOW))
    return caught.value


@pytest.mark.parametrize("name", KINDS)
def test_an_error_comes_back_with_its_message_advice_and_reason(world: World, name: str) -> None:
    error = KINDS[name]

    came = raised(world, error)

    assert (came.message, came.advice) == ("; ".join(error.message.splitlines()), error.advice)
    if isinstance(came, RemoteError):
        assert (came.remote_reason, came.code) == (error.reason, STATUS[type(error)].name)
    else:
        assert type(came) is type(error)


@pytest.mark.parametrize("error", [StoreError("torn at /srv/x", path="/srv/x"), BusyError("busy", retry_after_s=0.1)], ids=str)
def test_trouble_of_the_server_is_tried_four_times_and_is_unavailable(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="greencloud.server"):
        came = raised(world, error, "acme")

    assert isinstance(came, UnavailableError)
    assert "/srv" not in str(came)
    assert sum("code=UNAVAILABLE" in record.getMessage() for record in caplog.records) == 4


def test_a_server_that_recovers_within_the_retries_is_not_noticed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.failures = [StoreError("locked"), StoreError("locked")]

    with caplog.at_level(logging.INFO, logger="greencloud.server"), world.client("acme") as client:
        assert list(client.query_footprint(start=START, end=NOW)) == []

    assert sum("code=UNAVAILABLE" in record.getMessage() for record in caplog.records) == 2


def test_a_bug_is_internal_and_tells_nothing_but_the_request_id(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="greencloud.server"):
        came = raised(world, RuntimeError("secret of the house"))

    assert isinstance(came, RemoteError)
    assert (came.code, came.remote_reason) == ("INTERNAL", "INTERNAL")
    assert "secret" not in str(came)
    request_id = came.message.rpartition(" ")[2]
    assert f"request={request_id}" in caplog.text
    assert "secret of the house" in caplog.text


@pytest.mark.parametrize(
    "error", [FacilityError("x", path="/srv/book.toml"), UnbalancedError("x", residual={"energy_mj": 3})], ids=str
)
def test_books_and_balances_are_the_provider_s_business(world: World, error: GreencloudError) -> None:
    tenant, provider = raised(world, error, "acme"), raised(world, error)

    assert "request id" in tenant.message
    assert error.message in provider.message


def test_every_error_class_has_a_status() -> None:
    queue, kinds = [GreencloudError], set()
    while queue:
        kind = queue.pop()
        queue += kind.__subclasses__()
        if kind.__module__.startswith("greencloud.errors."):
            kinds.add(kind)

    # What a client raises; a server never does.
    remote = {kind for kind in kinds if issubclass(kind, RemoteError)} | {ConfigError}
    assert kinds - remote <= set(STATUS)


@given(TEXT, TEXT, st.dictionaries(st.text(min_size=1, max_size=9), TEXT, max_size=20), st.booleans(), st.booleans())
def test_an_answer_fits_in_the_trailers_that_clients_take(
    message: str, advice: str, fields: dict[str, str], otlp: bool, provider: bool
) -> None:
    class WordyError(QuantityError):
        def fields(self) -> dict[str, str]:
            return fields

    for error in (WordyError(message, advice=advice), RequestError([(message, advice)] * 9)):
        answer = answer_to(error, request_id="r" * 64, otlp=otlp, provider=provider)

        size = 4 * len(answer.details.SerializeToString()) // 3 + 3 * len(answer.message.encode())
        assert size < 7_800
        assert answer.code.value[0] == answer.details.code == code_pb2.INVALID_ARGUMENT
        info = error_details_pb2.ErrorInfo()
        assert answer.details.details[0].Unpack(info)
        assert info.domain == "greencloud"


@given(st.floats(0.001, 100))
def test_the_delay_is_the_same_in_both_places(seconds: float) -> None:
    answer = answer_to(BusyError("busy", retry_after_s=seconds), request_id="1", otlp=True, provider=False)

    assert answer.retry is not None
    assert abs(answer.retry.retry_delay.ToTimedelta().total_seconds() - seconds) < 1e-5
    assert any(detail.Is(answer.retry.DESCRIPTOR) for detail in answer.details.details)
    assert answer.code is grpc.StatusCode.UNAVAILABLE
