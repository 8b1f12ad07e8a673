"""Foreign OTLP senders as their users run them, and what a report says of what they sent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.telemetry import read_log
from otlp_sink import attributes_of
from serving import greencloud

__all__ = [
    "SENDERS",
    "beside",
    "fetch",
    "free_port",
    "marks",
    "numbers",
    "operations",
    "otel",
    "program",
    "send",
    "spans",
    "wait_for",
    "written",
]

SENDERS = Path(__file__).parent / "senders"
_VENV = SENDERS / ".venv"

marks = [
    pytest.mark.timeout(400),
    pytest.mark.senders,
    pytest.mark.skipif(not (_VENV / "stamp").is_file(), reason="needs the foreign senders: make senders"),
]


def program(name: str) -> str:
    """Where a sender's program lies in the senders' own venv."""
    if name == "rotel-agent":  # its wheel has a Python face, and the program behind it
        return str(next(_VENV.glob("lib/python3*/site-packages/rotel/rotel-agent")))
    return str(_VENV / "bin" / name)


def otel(target: str, token: str, service: str, **more: str) -> dict[str, str]:
    """The environment that docs/senders.md tells users to set."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{target}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
        "OTEL_SERVICE_NAME": service,
    } | more


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # Nothing of this process's own set-up: neither its packages nor its telemetry.
    return {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))} | dict(more)


def send(
    name: str, *arguments: str | Path, environment: Mapping[str, str], timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run a sender to its end, in its folder."""
    command = [program(name), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, env=_environment(environment), cwd=SENDERS
    )


@contextmanager
def beside(name: str, *arguments: str | Path, log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A sender that runs until the block ends, and then is asked to end; it flushes what it holds."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program(name), *map(str, arguments)], stdout=output, stderr=output, env=_environment(environment), cwd=SENDERS
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def free_port() -> int:
    """A port that was free a moment ago, for programs that cannot tell which one they took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], object], timeout: float = 60) -> None:
    """Look until there is something to see, up to ``timeout`` seconds."""
    until = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < until, "what was expected did not come in time"
        time.sleep(0.05)


def fetch(url: str) -> bool:
    """Whether this URL answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def written(template: str, folder: Path, **names: object) -> Path:
    """A sender's configuration with the names in capitals filled in."""
    text = (SENDERS / template).read_text()
    for name, value in names.items():
        text = text.replace(name, str(value))
    path = folder / template
    path.write_text(text)
    return path


def numbers(data: Path, metric: str) -> list[tuple[dict[str, object], dict[str, object], int | float]]:
    """(resource attributes, point attributes, value) of a metric's number points, in the order in which the log has them."""
    requests = [
        ExportMetricsServiceRequest.FromString(record.payload) for record in read_log(data / "wal") if record.signal == "metrics"
    ]
    return [
        (
            dict(attributes_of(group.resource.attributes)),
            dict(attributes_of(point.attributes)),
            point.as_int if point.WhichOneof("value") == "as_int" else point.as_double,
        )
        for request in requests
        for group in request.resource_metrics
        for scope in group.scope_metrics
        for found in scope.metrics
        if found.name == metric
        for point in (*found.sum.data_points, *found.gauge.data_points)
    ]


def spans(data: Path) -> Counter[str]:
    """Service to number of distinct spans in the log, as far as it is written."""
    requests = [
        ExportTraceServiceRequest.FromString(record.payload) for record in read_log(data / "wal") if record.signal == "traces"
    ]
    distinct = {
        (str(attributes_of(group.resource.attributes).get("service.name", "")), span.trace_id, span.span_id)
        for request in requests
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    }
    return Counter(service for service, _, _ in distinct)


def operations(data: Path, account: str) -> dict[tuple[str, str], int]:
    """(service, operation) to count, as ``allocate`` and then ``report`` give it to a user."""
    greencloud("allocate", "--data", data)
    told = greencloud("report", "--data", data, "--account", account, "--group-by", "service,operation", "-o", "json").stdout
    return {
        (row["dimensions"]["service"], row["dimensions"]["operation"]): row["operation_count"]
        for row in json.loads(told)["rows"]
        if row["operation_count"]
    }
