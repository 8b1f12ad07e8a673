"""The example shop: four real services under stock auto-instrumentation, real requests, a real OTLP server."""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from greencloud.cli._demo.children import Children
from greencloud.cli._demo.shop import SERVICES, Shop, book_for
from otlp_sink import Sink, attributes_of, sink

FOLDER = Path(__file__).parents[1] / "examples" / "shop"


@dataclass
class Day:
    """What one short run of the shop left behind."""

    kept: Sink
    load: dict[str, dict[str, int]]
    load_status: int
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    tokens = {service.account: f"token of {service.account}" for service in SERVICES}
    with sink() as kept, Children() as children:
        shop = Shop(FOLDER, host_id="host,a=1", endpoint=f"http://127.0.0.1:{kept.port}", tokens=tokens, environment=environment)
        running = shop.start(children)
        shop.wait_until_ready(running, timeout=30)
        load = shop.start_load(children, seed=3, requests=30, seconds=1.5)
        load_status = load.wait(timeout=30)
        counts = json.loads(load.lines[-1])
        for child in running.values():
            child.terminate()
        statuses = {service.name: child.wait(timeout=15) for service, child in running.items()}
        yield Day(kept, counts, load_status, statuses)


def test_every_request_is_answered_and_every_service_ends_in_order(day: Day) -> None:
    assert day.load_status == 0
    assert sum(counts["answered"] for counts in day.load.values()) == 30
    assert set(day.load) == {"browse", "checkout", "report"}
    assert day.statuses == {service.name: 0 for service in SERVICES}


def test_every_service_exports_server_spans_under_its_own_name_and_token(day: Day) -> None:
    served = Counter(name for name, span in day.kept.spans() if span.kind == Span.SPAN_KIND_SERVER)
    browses, checkouts, reports = (day.load[name]["answered"] for name in ("browse", "checkout", "report"))
    assert served == {
        "storefront": browses + checkouts,
        "checkout": checkouts,
        "analytics": reports,
        "search": browses + reports,
    }
    assert set(day.kept.tokens) == {f"Bearer token of {account}" for account in ("acme", "globex", "platform")}


def test_trace_context_goes_from_the_caller_to_search(day: Day) -> None:
    spans = {span.span_id: (name, span) for name, span in day.kept.spans()}
    callers: Counter[str] = Counter()
    for name, span in spans.values():
        if name == "search" and span.kind == Span.SPAN_KIND_SERVER:
            caller, parent = spans[span.parent_span_id]
            assert parent.trace_id == span.trace_id
            assert parent.kind == Span.SPAN_KIND_CLIENT
            callers[caller] += 1
    assert callers == {"storefront": day.load["browse"]["answered"], "analytics": day.load["report"]["answered"]}


def test_spans_carry_the_host_and_no_account_of_their_own(day: Day) -> None:
    for request in day.kept.traces:
        for resource in request.resource_spans:
            attributes = attributes_of(resource.resource.attributes)
            assert attributes["host.id"] == "host,a=1"
            assert "cloud.account.id" not in attributes


def test_health_checks_are_not_traced(day: Day) -> None:
    assert not [span.name for _, span in day.kept.spans() if "health" in span.name]


def test_the_book_for_another_machine_keeps_every_proportion() -> None:
    text = (FOLDER / "facility.toml").read_text(encoding="utf-8")
    before = tomllib.loads(text, parse_float=str)
    after = tomllib.loads(book_for(text, host_id='id "of" this', vcpu=7, memory_bytes=11 << 30), parse_float=str)
    (host,) = after["hosts"]
    assert (host["id"], host["vcpu"], host["memory"]) == ('id "of" this', 7, f"{11 << 30} B")
    assert [r["vcpu"] for r in after["reservations"]] == ["2.625", "1.75", "0.875"]
    assert [r["memory"] for r in after["reservations"]] == [f"{g * (11 << 30) // 8} B" for g in (3, 2, 1)]
    assert after["hardware"][0]["embodied_kg"] == "117.4534375"
    assert after["hardware"][0]["host"] == 'id "of" this'
    for key in before.keys() - {"hosts", "reservations", "hardware"}:
        assert after[key] == before[key]
