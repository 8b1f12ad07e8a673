"""What the plugin says to a running server, and what the server says back: callers reallocate, and rates come from the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry import context, propagate
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from greencloud_otel import GreencloudInstrumentor, _complaint
from greencloud_otel._feedback import feedback_of
from greencloud_otel._ledger import Ledger
from greencloud_otel._rates import rate_of
from serving import Served, greencloud, serving

BOOK = Path(__file__).parents[1] / "examples" / "shop" / "facility.toml"
HOUR_NS = 3600 * 10**9
ENDED_HOUR_NS = (time.time_ns() // HOUR_NS - 2) * HOUR_NS  # its figures are final
SECOND = 10**9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("plugin") / "data", "--facility", BOOK) as running:
        yield running


@contextmanager
def sending(server: Served, account: str, service: str) -> Iterator[Tracer]:
    headers = (("authorization", f"Bearer {server.token(account)}"),)
    resource = Resource.create({"service.name": service, "host.id": "shop-host"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=server.target, insecure=True, headers=headers)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield provider.get_tracer("tests")
    provider.shutdown()


def ran(tracer: Tracer, operation: str, cpu_ns: int, times: int) -> None:
    """So many spans of an hour that has ended, each with that much CPU on it."""
    for number in range(times):
        begin = ENDED_HOUR_NS + number * 10 * SECOND
        tracer.start_span(operation, start_time=begin, attributes={"greencloud.cpu.time": cpu_ns}).end(begin + SECOND)


def test_the_ledger_gives_back_the_emissions_of_each_operation_and_the_rate_adds_up_to_them(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_complaint, "_last", [])
    with sending(server, "acme", "shop") as tracer:
        ran(tracer, "cheap", SECOND // 10, 10)
        ran(tracer, "dear", 4 * SECOND // 10, 5)
    greencloud("allocate", "--data", server.data)
    (tmp_path / "token").write_text(server.token("acme") + "\n")

    ledger = Ledger(server.target, token_file=str(tmp_path / "token"))
    answer = ledger.ask("shop")
    rate = rate_of(answer.charged, {"cheap": 0.1 * SECOND, "dear": 0.4 * SECOND})

    assert {one.operation: one.times for one in answer.charged if one.times} == {"cheap": 10, "dear": 5}
    assert rate is not None
    charged = sum(one.micrograms for one in answer.charged if one.operation)
    assert charged > 0
    assert rate.emissions(3 * SECOND) == charged
    began = datetime.fromtimestamp(ENDED_HOUR_NS / 1e9, UTC)
    assert answer.source.startswith(f"location-based, shop from {began:%Y-%m-%dT%H:%MZ} to ")
    assert ledger.ask("another").charged == ()

    feedback = feedback_of(
        {"OTEL_PYTHON_GREENCLOUD_SERVER": server.target, "OTEL_PYTHON_GREENCLOUD_TOKEN_FILE": str(tmp_path / "token")}
    )
    assert feedback is not None
    feedback._service = "shop"
    for operation, cpu in (("cheap", SECOND // 10), ("dear", 4 * SECOND // 10)):
        feedback._means.add(operation, cpu)
    feedback.look()
    assert "µg CO2e a second of CPU" in feedback.state


@pytest.mark.parametrize(("stance", "claim", "bears"), [("trust", "globex", True), ("strip", "acme", False)])
def test_a_caller_that_is_believed_bears_the_work_and_one_that_is_not_bears_nothing(
    server: Served, monkeypatch: pytest.MonkeyPatch, stance: str, claim: str, bears: bool
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_GREENCLOUD_CALLER", stance)
    arriving = {"traceparent": f"00-{1:032x}-{2:016x}-01", "baggage": f"greencloud.caller.account={claim}"}
    with sending(server, "platform", "search") as tracer:
        GreencloudInstrumentor().instrument()
        try:
            token = context.attach(propagate.extract(arriving))
            with tracer.start_as_current_span("query", start_time=ENDED_HOUR_NS, end_on_exit=False) as span:
                sum(range(1_000_000))
            span.end(ENDED_HOUR_NS + SECOND)
            context.detach(token)
        finally:
            GreencloudInstrumentor().uninstrument()
    with sending(server, claim, "reports") as tracer:
        ran(tracer, "own", SECOND // 10, 1)
    greencloud("allocate", "--data", server.data)

    told = greencloud("report", "--data", server.data, "--account", claim, "--group-by", "component", "-o", "json").stdout
    components = {row["dimensions"]["component"] for row in json.loads(told)["rows"]}
    assert "dynamic" in components
    assert ("shared" in components) == bears
