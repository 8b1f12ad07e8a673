"""How a server is spoken to: retries, deadlines, options on one channel, certificates, and tokens that stay out of clear text."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from answering import Answering, Failure, answering, error_info
from greencloud.client import AsyncClient, Client, Retry
from greencloud.client.channel import ChannelSettings
from greencloud.errors import (
    ConfigError,
    ConflictError,
    DeadlineExceededError,
    FailedPreconditionError,
    GreencloudError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RemoteError,
    UnauthenticatedError,
    UnavailableError,
)
from greencloud.v1 import goal_service_pb2, goal_service_pb2_grpc
from greencloud.wire import goal_progress_to_message
from inprocess import goal

Code = grpc.StatusCode
QUICK = Retry(initial_backoff_s=0.01, max_backoff_s=0.02)


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def caught_by_both(server: Answering, failure: Failure, **options: Any) -> RemoteError:
    """The error that both clients raise; they must say the same."""
    server.will("GetGoalProgress", failure)
    with Client(server.target, token="t", retry=QUICK, **options) as client, pytest.raises(RemoteError) as one:
        client.get_goal_progress()

    async def go() -> None:
        async with AsyncClient(server.target, token="t", retry=QUICK, **options) as client:
            await client.get_goal_progress()

    with pytest.raises(RemoteError) as other:
        asyncio.run(go())
    assert type(one.value) is type(other.value)
    assert str(one.value) == str(other.value)
    assert vars(one.value) | {"request_id": ""} == vars(other.value) | {"request_id": ""}
    return one.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.INVALID_ARGUMENT, InvalidArgumentError),
        (Code.FAILED_PRECONDITION, FailedPreconditionError),
        (Code.ABORTED, ConflictError),
        (Code.ALREADY_EXISTS, ConflictError),
        (Code.RESOURCE_EXHAUSTED, RateLimitedError),
        (Code.UNAVAILABLE, UnavailableError),
        (Code.DEADLINE_EXCEEDED, DeadlineExceededError),
        (Code.DEADLINE_EXCEEDED, TimeoutError),
        (Code.NOT_FOUND, NotFoundError),
        (Code.NOT_FOUND, LookupError),
        (Code.PERMISSION_DENIED, PermissionDeniedError),
        (Code.UNAUTHENTICATED, UnauthenticatedError),
        (Code.UNIMPLEMENTED, RemoteError),
        (Code.INTERNAL, RemoteError),
        (Code.DATA_LOSS, RemoteError),
    ],
)
def test_a_status_is_a_class_of_ours_with_everything_that_it_told(
    server: Answering, code: grpc.StatusCode, kind: type[Exception]
) -> None:
    details = (
        error_info("A_REASON", path="a.toml", advice="do this"),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        error_details_pb2.BadRequest(
            field_violations=[error_details_pb2.BadRequest.FieldViolation(field="end_time", description="must be after")]
        ),
        error_details_pb2.RequestInfo(request_id="r-1"),
        error_details_pb2.Help(),
    )

    came = caught_by_both(server, Failure(code, "no; do this", details))

    assert isinstance(came, kind)
    assert isinstance(came, GreencloudError)
    assert (came.message, came.advice, str(came)) == ("no", "do this", "no\ndo this")
    assert (came.code, came.reason, came.metadata) == (code.name, "A_REASON", {"path": "a.toml"})
    assert (came.retry_after_s, came.violations, came.request_id) == (1.5, (("end_time", "must be after"),), "r-1")


def test_a_bare_status_has_the_word_of_its_class_and_the_request_id_that_was_sent(server: Answering) -> None:
    came = caught_by_both(server, Failure(Code.NOT_FOUND))

    assert (came.reason, came.remote_reason, came.exit_code) == ("NOT_FOUND", "", 5)
    assert came.request_id == server.metadata[0]["x-request-id"]


def test_what_is_rate_limited_says_when_to_come_again_and_is_not_tried_again(server: Answering) -> None:
    delay = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=7))
    came = caught_by_both(server, Failure(Code.RESOURCE_EXHAUSTED, "too much", (delay,)))

    assert isinstance(came, RateLimitedError)
    assert came.retry_after_s == 7
    assert "7 s" in came.advice
    assert len(server.received) == 2  # one call of each client


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_unavailable_is_tried_as_often_as_asked_for(server: Answering, attempts: int) -> None:
    server.will("GetGoalProgress", Failure(Code.UNAVAILABLE))
    retry = Retry(attempts, 0.01, 0.02)

    with Client(server.target, token="t", retry=retry) as client, pytest.raises(UnavailableError):
        client.get_goal_progress()

    assert len(server.received) == attempts
    assert len({each["x-request-id"] for each in server.metadata}) == 1


def test_with_options_shares_the_channel_and_retry_takes_one_of_its_own(server: Answering) -> None:
    server.will("GetGoalProgress", goal_progress_to_message(goal()))
    with Client(server.target, token="a") as client:
        with client.with_options(token="b", timeout=5) as other:
            assert other.raw is client.raw
            other.get_goal_progress()
        client.get_goal_progress()  # the channel is still open
        with client.with_options(retry=Retry.off()) as alone:
            assert alone.raw is not client.raw
            server.will("GetGoalProgress", Failure(Code.UNAVAILABLE))
            with pytest.raises(UnavailableError):
                alone.get_goal_progress()
        assert [each["authorization"] for each in server.metadata] == ["Bearer a"]


def test_a_call_has_its_own_time(server: Answering) -> None:
    with Client("127.0.0.1:1", token="t", timeout=60, retry=QUICK) as client, pytest.raises(UnavailableError):
        client.get_goal_progress(timeout=0.2)
    with Client(server.target, token="t") as client, pytest.raises(ConfigError, match="0 s"):
        client.get_goal_progress(timeout=0)


def test_raw_stubs_and_interceptors_and_the_user_agent(server: Answering) -> None:
    server.will("GetGoalProgress", goal_progress_to_message(goal()))
    seen: list[str] = []

    class Told(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.method)
            return continuation(details, request)

    with Client(server.target, token="t", interceptors=[Told()], app_info="my-page/1.2") as client:
        message = client.raw.goal.GetGoalProgress(goal_service_pb2.GetGoalProgressRequest(), metadata=client.metadata())

    assert message.name == goal().name
    assert seen == ["/greencloud.v1.GoalService/GetGoalProgress"]
    assert server.metadata[0]["user-agent"].startswith("greencloud/")
    assert " my-page/1.2 " in server.metadata[0]["user-agent"]
    assert server.metadata[0]["authorization"] == "Bearer t"


@pytest.mark.parametrize("token", ["a\nb", "a\r", "ü"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(server: Answering, token: str) -> None:
    with Client(server.target, token=token) as client, pytest.raises(ConfigError) as caught:
        client.get_goal_progress()

    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": ""},
        {"target": "https://footprint.example"},
        {"client_certificate": b"c"},
        {"client_key": b"k"},
        {"insecure": True, "root_certificates": b"r"},
        {"keepalive_s": 1.0},
        {"app_info": "a\nb"},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        ChannelSettings(**({"target": "footprint.example:4317"} | wrong))

    assert caught.value.advice


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"attempts": 6}, {"initial_backoff_s": 0}, {"max_backoff_s": 0.1}, {"multiplier": 0.5}]
)
def test_retries_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Retry(**wrong)


@pytest.mark.parametrize(
    ("settings", "encrypted"),
    [
        ({"target": "footprint.example:4317"}, True),
        ({"target": "127.0.0.1:4317"}, False),
        ({"target": "127.0.0.1:4317", "root_certificates": b"r"}, True),
        ({"target": "127.0.0.1:4317", "client_certificate": b"c", "client_key": b"k"}, True),
        ({"target": "127.0.0.1:4317", "insecure": False}, True),
        ({"target": "footprint.example:4317", "insecure": True}, False),
    ],
)
def test_clear_text_is_for_this_machine_or_for_whoever_says_so(settings: dict[str, Any], encrypted: bool) -> None:
    assert ChannelSettings(**settings).encrypted is encrypted


def test_clear_text_goes_past_proxies(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "grpc_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.will("GetGoalProgress", goal_progress_to_message(goal()))

    with Client(server.target, token="t") as client:
        assert client.get_goal_progress() == goal()


def certificate(name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None) -> tuple[Any, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(one: Any) -> bytes:
    if isinstance(one, x509.Certificate):
        return one.public_bytes(serialization.Encoding.PEM)
    text: bytes = one.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return text


def test_mutual_tls_shows_the_certificate_of_the_client() -> None:
    authority = certificate("authority")
    served, own = certificate("localhost", authority), certificate("me", authority)
    shown: list[Any] = []

    class Goals(goal_service_pb2_grpc.GoalServiceServicer):
        def GetGoalProgress(self, request: Any, context: grpc.ServicerContext) -> Any:
            shown.append(context.auth_context()["x509_common_name"])
            return goal_progress_to_message(goal())

    server = grpc.server(ThreadPoolExecutor(2))
    goal_service_pb2_grpc.add_GoalServiceServicer_to_server(Goals(), server)
    credentials = grpc.ssl_server_credentials([(pem(served[1]), pem(served[0]))], pem(authority[0]), require_client_auth=True)
    target = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    try:
        roots = pem(authority[0])
        with Client(target, token="t", root_certificates=roots, client_certificate=pem(own[0]), client_key=pem(own[1])) as client:
            assert client.get_goal_progress() == goal()
        with (
            Client(target, token="t", root_certificates=roots, timeout=2, retry=QUICK) as client,
            pytest.raises(UnavailableError),
        ):
            client.get_goal_progress()
    finally:
        server.stop(0).wait()
    assert shown == [[b"me"]]
