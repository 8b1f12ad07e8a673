"""What an OTLP/gRPC 1.11 server owes its senders, duty by duty, and what the OpenTelemetry Collector checks of its own receiver.

Each duty that has a test elsewhere is not here again: partial success and its cut, durable before the answer, the disk, stock
exporters (test_server_intake), credentials (test_server_auth), silent calls and health (test_server_reception), quotas and
bytes in flight (test_server_quota), ports, TLS and shutdown (test_server_listen), one port on purpose (test_server_workers).
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from greencloud.errors import (
    AllocationError,
    DecodeError,
    FacilityError,
    GoalError,
    GreencloudError,
    MissingExtraError,
    StorageFullError,
    StoreError,
    UnbalancedError,
    UsageDataError,
)
from greencloud.server import app
from greencloud.server.errors import BusyError, answer_to
from greencloud.server.intake import METHODS
from inprocess import World
from inprocess import serving as serving_here
from otlp import SECOND, SpanSpec, trace_request
from serving import Served, serving

TRACES, METRICS, LOGS, PROFILES = (f"/{service}/Export" for service in METHODS)
RETRIED = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
"""What clients send again; everything else they drop (RESOURCE_EXHAUSTED without RetryInfo, too)."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("duties") / "data") as served:
        served.token("acme")
        yield served


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving_here(tmp_path) as world:
        yield world


def bearer(server: Served) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {server.token('acme')}"),)


def call(target: str, method: str, body: bytes, metadata: tuple[tuple[str, Any], ...], **options: Any) -> Any:
    """The answer, or the error."""
    with grpc.insecure_channel(target, options=(("grpc.max_send_message_length", -1),)) as channel:
        send: Any = channel.unary_unary(method)
        future = send.future(body, metadata=metadata, timeout=60, **options)
        return future.exception() or future.result()


def retry_info(error: Any) -> tuple[float | None, float | None]:
    """The delay in the details, and that in the trailer."""
    info = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)
    inside = [detail for detail in (status.details if status else ()) if detail.Unpack(info)]
    delay = info.retry_delay.ToTimedelta().total_seconds() if inside else None
    for key, value in error.trailing_metadata() or ():
        if key == "google.rpc.retryinfo-bin":
            return delay, error_details_pb2.RetryInfo.FromString(value).retry_delay.ToTimedelta().total_seconds()
    return delay, None


def spans(count: int, first: int = 1) -> bytes:
    now = time.time_ns()
    return trace_request({"service.name": "shop"}, [SpanSpec(n, n, now - SECOND, now) for n in range(first, first + count)])


# Size


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_over_64_mib_is_resource_exhausted_without_retry_info_compressed_or_not(
    server: Served, compression: grpc.Compression
) -> None:
    error = call(server.target, TRACES, bytes((64 << 20) + 1), bearer(server), compression=compression)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_info(error) == (None, None)
    assert call(server.target, TRACES, spans(1), bearer(server), compression=compression) == b""


def test_64_mib_itself_is_read(world: World) -> None:
    error = call(world.target, TRACES, b"\xff" * (64 << 20), world.bearer("acme"))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_bomb_of_many_times_its_size_costs_one_call_and_no_memory_of_its_own(server: Served) -> None:
    bomb = bytes(512 << 20)
    assert len(gzip.compress(bytes(1 << 20), 1)) < 8_000
    before = resident_kib(server)
    error = call(server.target, TRACES, bomb, bearer(server), compression=grpc.Compression.Gzip)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert resident_kib(server) - before < 200 << 10


def resident_kib(server: Served) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def test_the_limit_is_configurable(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--largest-message", "1") as server:
        error = call(server.target, TRACES, bytes((1 << 20) + 1), bearer(server))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(server.target, TRACES, spans(1), bearer(server)) == b""


def test_eighty_thousand_spans_are_taken_where_four_mebibytes_would_refuse_them(server: Served) -> None:
    body = spans(80_000, first=1_000)
    assert len(body) > 4 << 20

    assert call(server.target, TRACES, body, bearer(server)) == b""


# Success


@pytest.mark.parametrize("method", [TRACES, METRICS])
@pytest.mark.parametrize(
    "body",
    [b"", b"\x0a\x00", b"\x0a\x02\x12\x00", b"\x0a\x02\x0a\x00"],
    ids=["nothing", "an empty resource", "an empty scope", "a resource without attributes"],
)
def test_an_empty_request_and_empty_envelopes_succeed_without_partial_success(server: Served, method: str, body: bytes) -> None:
    assert call(server.target, method, body, bearer(server)) == b""


@pytest.mark.parametrize("method", [LOGS, PROFILES])
@pytest.mark.parametrize("body", [b"", b"\x0a\x00", bytes(100)])
def test_logs_and_profiles_are_accepted_with_a_warning_and_none_rejected(server: Served, method: str, body: bytes) -> None:
    answer = ExportTraceServiceResponse.FromString(call(server.target, method, body, bearer(server)))

    assert answer.partial_success.rejected_spans == 0
    assert answer.partial_success.error_message


def test_fields_that_this_version_does_not_know_are_ignored(server: Served) -> None:
    unknown = b"\xfa\x3e\x03new" + b"\xf8\x3e\x07"  # field 1007 as bytes and as a number

    assert call(server.target, TRACES, spans(1, first=170_000) + unknown, bearer(server)) == b""


def test_duplicates_after_a_lost_answer_are_taken_again(server: Served) -> None:
    body = spans(3, first=180_000)

    assert call(server.target, TRACES, body, bearer(server)) == call(server.target, TRACES, body, bearer(server)) == b""


@pytest.mark.parametrize("kind", [ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest])
def test_every_signal_has_its_path(server: Served, kind: Any) -> None:
    service = kind.DESCRIPTOR.full_name.removesuffix("Request").removeprefix("opentelemetry.proto.collector.")
    package, _, name = service.rpartition(".")
    method = f"/opentelemetry.proto.collector.{package}.{name.removeprefix('Export')}/Export"

    assert isinstance(call(server.target, method, kind().SerializeToString(), bearer(server)), bytes)


# Failure


@pytest.mark.parametrize(
    "error",
    [
        StoreError("torn"),
        StorageFullError("full"),
        BusyError("busy"),
        UnbalancedError("x", residual={"energy": 1}),
        AllocationError("x"),
        FacilityError("x"),
        GoalError("x"),
        UsageDataError("x"),
        MissingExtraError("x", extra="server"),
        GreencloudError("x"),
        RuntimeError("a bug"),
        MemoryError(),
        KeyError("k"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_the_senders_fault_is_retryable_with_the_delay_in_both_places(world: World, error: Exception) -> None:
    world.failure = error
    refused = call(world.target, TRACES, spans(1), world.bearer("acme"))

    assert refused.code().name in RETRIED
    inside, trailer = retry_info(refused)
    assert inside == trailer
    assert inside is not None
    assert inside <= 3


def test_bad_data_is_final_and_says_so_in_details_without_a_delay(server: Served) -> None:
    error = call(server.target, TRACES, b"\xff\xff\xff", bearer(server))

    status = rpc_status.from_call(error)
    assert status is not None
    assert status.code == code_pb2.INVALID_ARGUMENT
    assert status.message == error.details()
    assert retry_info(error) == (None, None)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", "Basic YTpi"),),
        (("authorization", "Bearer nonsense"),),
        (("authorization-bin", b"Bearer nonsense"),),
        (("x-forwarded-for", "192.0.2.2"), ("authorization", "Bearer a.b.c")),
    ],
    ids=str,
)
def test_a_missing_or_wrong_credential_is_unauthenticated_and_final(server: Served, metadata: tuple[tuple[str, Any], ...]) -> None:
    error = call(server.target, TRACES, spans(1), metadata)

    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert retry_info(error) == (None, None)
    assert "nonsense" not in str(error.details())


def test_several_authorization_values_are_refused_even_if_one_holds(server: Served) -> None:
    good = bearer(server)

    for metadata in ((*good, *good), (*good, ("authorization", "Bearer other")), (("authorization", "Bearer other"), *good)):
        assert call(server.target, TRACES, b"", metadata).code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "method", ["/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/opentelemetry.proto.x.Y/Export"]
)
def test_a_method_that_is_not_there_is_unimplemented(server: Served, method: str) -> None:
    assert call(server.target, method, b"", bearer(server)).code() is grpc.StatusCode.UNIMPLEMENTED


def test_no_answer_to_telemetry_is_of_a_kind_that_loses_data_by_our_fault() -> None:
    for kind in (StoreError, FacilityError, GreencloudError, RuntimeError, OSError):
        assert answer_to(kind("x"), request_id="1", otlp=True, provider=False).code.name in RETRIED
    assert answer_to(DecodeError("x"), request_id="1", otlp=True, provider=False).code is grpc.StatusCode.INVALID_ARGUMENT


# The connection


class Wire:
    """HTTP/2 by hand: enough to see frames that a gRPC library hides."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, b""))
        self.buffer = b""

    @staticmethod
    def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
        return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body

    def call(self, path: str, body: bytes | None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Headers, and the message if there is one."""
        pairs = ((":path", path), (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers"), *headers)
        block = b"\x83\x86" + b"".join(b"\x00" + self.text(name) + self.text(value) for name, value in pairs)
        self.socket.sendall(self.frame(1, 4, 1, block))
        if body is not None:
            self.socket.sendall(self.frame(0, 1, 1, b"\x00" + struct.pack(">I", len(body)) + body))

    @staticmethod
    def text(value: str) -> bytes:
        raw = value.encode()
        return (bytes([len(raw)]) if len(raw) < 127 else b"\x7f" + varint(len(raw) - 127)) + raw

    def next(self, timeout: float = 30) -> tuple[int, int, bytes] | None:
        """Kind, flags and body of the next frame; None if none comes in time."""
        self.socket.settimeout(timeout)
        try:
            head = self.read(9)
            return head[3], head[4], self.read(int.from_bytes(head[:3], "big"))
        except TimeoutError:
            return None

    def read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            more = self.socket.recv(65_536)
            if not more:
                raise EOFError
            self.buffer += more
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


@contextmanager
def wire(target: str) -> Iterator[Wire]:
    made = Wire(target)
    try:
        yield made
    finally:
        made.socket.close()


@pytest.mark.parametrize("fault", ["no credential", "not OTLP", "trouble of ours"])
def test_an_error_is_trailers_only_because_some_clients_retry_on_nothing_else(world: World, fault: str) -> None:
    world.failure = RuntimeError("a bug")
    headers = () if fault == "no credential" else world.bearer("acme")
    with wire(world.target) as connection:
        connection.call(TRACES, b"\xff" if fault == "not OTLP" else spans(1), headers)
        seen = []
        while frame := connection.next():
            kind, flags, _ = frame
            if kind in (0, 1):
                seen.append((kind, flags & 1))
                if flags & 1:
                    break

    assert seen == [(1, 1)], "one HEADERS frame that ends the stream"


@pytest.mark.stress
def test_pings_of_an_idle_agent_every_five_seconds_do_not_end_the_connection(server: Served) -> None:
    with wire(server.target) as connection:
        for number in range(4):
            connection.socket.sendall(Wire.frame(6, 0, 0, bytes(7) + bytes([number])))
            until = time.monotonic() + 5.1
            while (left := until - time.monotonic()) > 0 and (frame := connection.next(left)):
                assert frame[0] != 7, "GOAWAY"


def test_connections_grow_old_and_a_sender_does_not_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"grpc.max_connection_age_ms": 300, "grpc.max_connection_age_grace_ms": 10_000}
    assert ages.keys() <= dict(app._OPTIONS).keys()
    monkeypatch.setattr(app, "_OPTIONS", tuple((dict(app._OPTIONS) | ages).items()))
    with serving_here(tmp_path) as world, world.channel() as channel:
        states: list[grpc.ChannelConnectivity] = []
        channel.subscribe(states.append)
        send: Any = channel.unary_unary(TRACES)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert send(b"", metadata=world.bearer("acme"), timeout=10) == b""

        assert states.count(grpc.ChannelConnectivity.READY) > 1


def test_more_calls_than_threads_are_not_resource_exhausted(world: World) -> None:
    with world.channel() as channel:
        send: Any = channel.unary_unary(TRACES)
        calls = [send.future(b"", metadata=world.bearer("acme"), timeout=30) for _ in range(200)]
        codes = {error.code() if (error := each.exception()) else grpc.StatusCode.OK for each in calls}

    assert grpc.StatusCode.OK in codes
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


# Going down


def test_while_it_drains_health_says_so_new_calls_come_again_and_those_under_way_finish(world: World) -> None:
    release, arrived = threading.Event(), threading.Event()
    quick = world.take

    def take(*request: Any) -> Any:
        arrived.set()
        release.wait(20)
        return quick(*request)

    world.take = take  # type: ignore[method-assign,assignment]
    assert world.server
    with world.channel() as channel:
        send: Any = channel.unary_unary(TRACES)
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        watch: Any = channel.unary_stream("/grpc.health.v1.Health/Watch")
        states = watch(b"", timeout=30)
        assert next(states) == b"\x08\x01"
        under_way = send.future(b"", metadata=world.bearer("acme"), timeout=30)
        assert arrived.wait(10)
        stopping = threading.Thread(target=world.server.stop, args=(20,))
        stopping.start()
        assert next(states) == b"\x08\x02"
        assert check(b"", timeout=10) == b"\x08\x02"
        refused = call_on(send, world)
        while not isinstance(refused, grpc.RpcError):  # it said so before it turned anybody away
            refused = call_on(send, world)
        release.set()
        assert under_way.result() == b""
        stopping.join(30)

    assert not stopping.is_alive()
    assert isinstance(refused, grpc.Call)
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_info(refused) == (1.0, 1.0)


def call_on(send: Any, world: World) -> Any:
    future = send.future(b"\xff", metadata=world.bearer("zeta"), timeout=1)
    error = future.exception()
    return error if error and error.code() is grpc.StatusCode.UNAVAILABLE else future
