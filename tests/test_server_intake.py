"""OTLP intake: what is acknowledged is on disk under the token's account, and answers make stock clients do what is right."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from greencloud.errors import StorageFullError, StoreError
from greencloud.server.intake import METHODS, partial_success
from inprocess import NOW, World, serving

TRACES, METRICS, LOGS, PROFILES = (f"/{service}/Export" for service in METHODS)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path) as world:
        yield world


def export(world: World, method: str, body: bytes, account: str = "acme") -> bytes:
    with world.channel() as channel:
        send: Any = channel.unary_unary(method)
        answer: bytes = send(body, metadata=world.bearer(account), timeout=10)
        return answer


def failure(world: World, method: str, body: bytes, account: str = "acme") -> grpc.Call:
    with pytest.raises(grpc.RpcError) as caught:
        export(world, method, body, account)
    assert isinstance(caught.value, grpc.Call)
    return caught.value


def retry_seconds(call: grpc.Call) -> tuple[float | None, float | None]:
    """The delay in the status details, and that in the trailer."""
    status = rpc_status.from_call(call)
    assert status is not None
    inside = trailing = None
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            inside = info.retry_delay.ToTimedelta().total_seconds()
    for key, value in call.trailing_metadata() or ():
        if key == "google.rpc.retryinfo-bin":
            assert isinstance(value, bytes)
            trailing = error_details_pb2.RetryInfo.FromString(value).retry_delay.ToTimedelta().total_seconds()
    return inside, trailing


def spans(*trace_ids: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number, trace_id in enumerate(trace_ids):
        scope.spans.add(trace_id=trace_id, span_id=b"12345678", name=f"span {number}")
    return request.SerializeToString()


@given(st.integers(0, 2**63 - 1), st.text(max_size=300))
def test_partial_success_is_read_by_the_official_messages(rejected: int, message: str) -> None:
    body = partial_success(rejected, message)

    traces = ExportTraceServiceResponse.FromString(body)
    metrics = ExportMetricsServiceResponse.FromString(body)
    logs = ExportLogsServiceResponse.FromString(body)
    assert (rejected, message) == (traces.partial_success.rejected_spans, traces.partial_success.error_message)
    assert rejected == metrics.partial_success.rejected_data_points == logs.partial_success.rejected_log_records
    assert traces.HasField("partial_success") == bool(rejected or message)
    assert traces.SerializeToString() == body


def test_a_long_error_message_is_cut_at_a_character() -> None:
    answer = ExportTraceServiceResponse.FromString(partial_success(1, "é" * 5_000))

    assert len(answer.partial_success.error_message.encode()) <= 1024
    assert set(answer.partial_success.error_message) == {"é"}


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_of_the_stock_exporter_arrive_under_the_account_of_the_token(world: World, compression: grpc.Compression) -> None:
    exporter = OTLPSpanExporter(
        endpoint=f"http://{world.target}",
        insecure=True,
        headers=f"authorization=Bearer%20{world.token('acme')}",
        compression=compression,
    )
    provider = TracerProvider(resource=Resource({"cloud.account.id": "zeta", "service.name": "web"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")

    for number in range(1_000):
        with tracer.start_as_current_span(f"job {number}"):
            pass
    provider.shutdown()

    assert sorted(world.intake.spans()) == sorted(("acme", f"job {number}") for number in range(1_000))
    assert {(role, received) for _, role, _, received, _ in world.intake.kept()} == {("tenant", int(NOW.timestamp()) * 10**9)}


def test_metrics_of_the_stock_exporter_arrive(world: World) -> None:
    exporter = OTLPMetricExporter(
        endpoint=f"http://{world.target}", insecure=True, headers={"authorization": f"bearer {world.token()}"}
    )
    provider = MeterProvider(metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)])
    provider.get_meter("test").create_counter("process.cpu.time").add(3)
    provider.shutdown()

    assert [(signal, role, account) for signal, role, account, _, _ in world.intake.kept()] == [("metrics", "provider", "")]


def test_full_success_is_an_empty_answer(world: World) -> None:
    assert export(world, TRACES, spans(b"0123456789abcdef")) == b""


def test_an_empty_request_is_a_success_and_keeps_nothing(world: World) -> None:
    assert export(world, TRACES, b"") == export(world, METRICS, b"") == b""
    assert world.intake.kept() == []


def test_rejected_spans_are_counted_and_the_rest_is_kept(world: World) -> None:
    answer = ExportTraceServiceResponse.FromString(export(world, TRACES, spans(b"0123456789abcdef", b"short", b"")))

    assert answer.partial_success.rejected_spans == 2
    assert "trace_id" in answer.partial_success.error_message
    assert world.intake.spans() == [("acme", "span 0")]


@pytest.mark.parametrize("method", [LOGS, PROFILES])
def test_logs_and_profiles_are_discarded_with_a_warning_and_nothing_rejected(world: World, method: str) -> None:
    answer = ExportLogsServiceResponse.FromString(export(world, method, b"anything"))

    assert answer.partial_success.rejected_log_records == 0
    assert "discarded" in answer.partial_success.error_message
    assert world.intake.kept() == []


@pytest.mark.parametrize("method", [TRACES, METRICS])
def test_bytes_that_are_not_otlp_are_an_invalid_argument_without_retry(world: World, method: str) -> None:
    call = failure(world, method, b"\xff\xff\xff")

    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert retry_seconds(call) == (None, None)


def test_a_full_disk_asks_to_be_tried_again_in_both_places_and_tells_a_tenant_no_path(world: World) -> None:
    world.failure = StorageFullError("no room in /srv/data/wal", path="/srv/data/wal", retry_after_s=1.5)

    call = failure(world, TRACES, spans(b"0123456789abcdef"))

    assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_seconds(call) == (1.5, 1.5)
    assert "/srv" not in str(call.details())
    assert "/srv/data/wal" in str(failure(world, TRACES, spans(b"0123456789abcdef"), account="").details())


@pytest.mark.parametrize("error", [StoreError("torn"), RuntimeError("a bug"), OSError(5, "input/output error"), MemoryError()])
def test_whatever_goes_wrong_with_us_makes_clients_keep_what_they_hold(world: World, error: Exception) -> None:
    world.failure = error

    call = failure(world, TRACES, spans(b"0123456789abcdef"))

    assert call.code() is grpc.StatusCode.UNAVAILABLE
    inside, trailing = retry_seconds(call)
    assert inside == trailing
    assert inside is not None
    assert 1 <= inside <= 3


def test_the_stock_exporter_sends_again_after_trouble_and_loses_nothing(world: World) -> None:
    world.failure = StorageFullError("no room", retry_after_s=0.2)
    mended = threading.Timer(0.3, lambda: setattr(world, "failure", None))
    exporter = OTLPSpanExporter(endpoint=world.target, insecure=True, headers=(("authorization", f"Bearer {world.token('acme')}"),))
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("held"):
        pass
    mended.start()
    provider.shutdown()
    mended.join()

    assert world.intake.spans() == [("acme", "held")]


def test_four_mebibytes_are_taken_and_more_than_sixty_four_are_refused_even_when_compressed(world: World) -> None:
    large = spans(*[b"0123456789abcdef"] * 130_000)
    assert len(large) > 4 << 20
    assert export(world, TRACES, large) == b""

    bomb = bytes(65 << 20)
    assert len(gzip.compress(bomb, 1)) < 1 << 20
    with world.channel() as channel:
        send: Any = channel.unary_unary(TRACES)
        answer = send.future(bomb, metadata=world.bearer(), timeout=20, compression=grpc.Compression.Gzip)
        assert answer.exception().code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "ecompressed message larger than max" in answer.exception().details()


def test_senders_in_parallel_lose_nothing(world: World) -> None:
    def send(account: str) -> None:
        for number in range(20):
            export(world, TRACES, spans(number.to_bytes(16)), account)

    threads = [threading.Thread(target=send, args=(account,)) for account in ("acme", "zeta", "iota")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(account for account, _ in world.intake.spans()) == sorted(["acme", "zeta", "iota"] * 20)
