"""What foreign senders really sent (recorded by ``senders/record.py``) is admitted without a rejection, from files and live."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from serving import Served, greencloud, serving

CORPUS = Path(__file__).parent / "senders" / "corpus"
FILES = sorted(CORPUS.glob("*.otlp"))
MISTAKEN = CORPUS / "temporal.metrics.otlp"
SPANS = {"caddy": 20, "deno": 30, "envoy": 20, "instrumented": 16, "python": 30, "rotel": 60}
METHODS: dict[str, tuple[str, Any]] = {
    "traces": ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", ExportTraceServiceResponse),
    "metrics": ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", ExportMetricsServiceResponse),
}


def bodies(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 4 + size]
        at += 4 + size
    assert at == len(content)


def recorded_spans(sender: str) -> list[int]:
    """The ends of its spans, in ns."""
    return [
        span.end_time_unix_nano
        for body in bodies(CORPUS / f"{sender}.traces.otlp")
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("corpus") / "data") as served:
        yield served


def test_the_corpus_has_every_sender_and_is_small() -> None:
    assert {sender: len(recorded_spans(sender)) for sender in SPANS} == SPANS
    assert {"envoy.metrics", "k6.metrics", "temporal.metrics"} <= {path.stem for path in FILES}
    assert sum(path.stat().st_size for path in FILES) <= 100_000


def test_files_of_recorded_requests_are_taken_and_every_span_counted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told = greencloud("ingest", "--data", data, "--account", "acme", *(path for path in FILES if path != MISTAKEN))
    assert "reject" not in told.stdout + told.stderr
    greencloud("allocate", "--data", data)
    found = re.search(r"(\d+) spans", greencloud("doctor", "--data", data).stdout)
    assert found
    assert int(found[1]) == sum(SPANS.values())


def test_a_file_of_temporal_metrics_is_known_for_what_it_is(tmp_path: Path) -> None:
    told = greencloud("ingest", "--data", tmp_path / "data", "--account", "acme", MISTAKEN)
    assert "reject" not in told.stdout + told.stderr


@pytest.mark.skipif(
    time.time_ns() < max(max(recorded_spans(sender)) for sender in SPANS),
    reason="this machine's clock is behind the recording, which live telemetry may not be",
)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_requests_are_admitted_live(server: Served, path: Path) -> None:
    method, answers = METHODS[path.stem.split(".")[1]]
    with grpc.insecure_channel(server.target) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        for body in bodies(path):
            raw = export(body, metadata=(("authorization", f"Bearer {server.token('acme')}"),), timeout=30)
            outcome = answers.FromString(raw).partial_success
            assert not list(outcome.ListFields()) or "more than 7 days" in outcome.error_message
            assert getattr(outcome, "rejected_spans", 0) == getattr(outcome, "rejected_data_points", 0) == 0
