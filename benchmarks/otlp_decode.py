"""OTLP trace requests to columns: the compiled decoder against protobuf's own parser (upb), in one run on the same bytes.

    python benchmarks/otlp_decode.py
    python benchmarks/otlp_decode.py --rounds 30 --json decode.json

Three ways to read a request of 512 and of 8,192 spans (331 bytes each, 5 attributes of the resource and 8 of a span):

- ``greencloud``: ``Traces.append`` into cleared columns; every byte is checked and 16 columns are filled;
- ``upb``: ``ExportTraceServiceRequest.FromString`` alone, which yields messages and no columns;
- ``upb+loop``: the same and a Python loop that takes seven columns out of them.

The ways take turns, and the figure is the median of the rounds, of the CPU time of the thread. Before anything is timed,
the seven columns of both are compared cell by cell. The allocator's thresholds are pinned, as the server does.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from greencloud._otlp import Traces

START_NS = 1_795_000_000 * 10**9
OPERATIONS = ("GET /api/carts/{id}", "POST /api/orders", "SELECT catalogue", "render page", "GET /healthz", "publish order.placed")
Columns = tuple[list[Any], ...]


def pair(key: str, value: str | int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value))


def request(spans: int, draw: Random) -> bytes:
    """What an instrumented web service exports, with the plugin's attributes."""
    resource = Resource(attributes=[
        pair("service.name", "checkout"), pair("service.instance.id", "checkout-6c9f7d5b8-x2x7k"), pair("host.name", "node-17"),
        pair("cloud.account.id", "acct-0042"), pair("telemetry.sdk.language", "python"),
    ])  # fmt: skip
    found = []
    for _ in range(spans):
        start = START_NS + draw.randrange(3600 * 10**9)
        found.append(Span(
            trace_id=draw.randbytes(16), span_id=draw.randbytes(8), parent_span_id=draw.randbytes(8), flags=0x101,
            name=draw.choice(OPERATIONS), kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=start, end_time_unix_nano=start + draw.randrange(10**9),
            attributes=[
                pair("http.request.method", "GET"), pair("url.path", f"/api/carts/{draw.randrange(10**4):04}"),
                pair("http.response.status_code", 200), pair("server.port", 8080), pair("http.route", "/api/carts"),
                pair("greencloud.cpu.time", draw.randrange(10**8)), pair("greencloud.memory.byte_seconds", draw.randrange(10**9)),
                pair("greencloud.quality", "exact"),
            ],
        ))  # fmt: skip
    message = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=found)])
    return ExportTraceServiceRequest(resource_spans=[message]).SerializeToString()


def ours(payload: bytes, columns: Traces) -> Traces:
    columns.clear()
    columns.append(payload)
    return columns


def loop(payload: bytes) -> Columns:
    """Ids, name, times and the CPU time, as one would write it by hand."""
    trace_ids, span_ids, parents, names, starts, ends, cpu = [], [], [], [], [], [], []
    for group in ExportTraceServiceRequest.FromString(payload).resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                trace_ids.append(span.trace_id)
                span_ids.append(span.span_id)
                parents.append(span.parent_span_id)
                names.append(span.name)
                starts.append(span.start_time_unix_nano)
                ends.append(span.end_time_unix_nano)
                amount = 0
                for attribute in span.attributes:
                    if attribute.key == "greencloud.cpu.time":
                        amount = attribute.value.int_value
                        break
                cpu.append(amount)
    return trace_ids, span_ids, parents, names, starts, ends, cpu


def check(payload: bytes, columns: Traces) -> None:
    found = ours(payload, columns)
    ids, names = bytes(found.trace_id), found.names
    actual = (
        [ids[i : i + 16] for i in range(0, len(ids), 16)],
        [number.to_bytes(8, "big") for number in found.span_id],
        [number.to_bytes(8, "big") for number in found.parent_id],
        [names[number] for number in found.name],
        list(found.start_ns), list(found.end_ns), list(found.cpu_ns),
    )  # fmt: skip
    if actual != loop(payload):
        raise SystemExit("the columns differ")


def timed(call: Callable[[], object], times: int) -> float:
    """Nanoseconds of CPU for one call."""
    start = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - start) / times


def measure(spans: int, rounds: int) -> dict[str, Any]:
    payload = request(spans, Random(spans))
    columns = Traces()
    check(payload, columns)
    ways: dict[str, Callable[[], object]] = {
        "greencloud": lambda: ours(payload, columns),
        "upb": lambda: ExportTraceServiceRequest.FromString(payload),
        "upb+loop": lambda: loop(payload),
    }
    repeats = {"greencloud": 400_000 // spans, "upb": 60_000 // spans, "upb+loop": max(1, 16_000 // spans)}
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            samples[name].append(timed(way, repeats[name]) / spans)
    nanoseconds = {name: statistics.median(each) for name, each in samples.items()}
    return {
        "spans": spans,
        "bytes_per_span": round(len(payload) / spans, 1),
        "ns_per_span": {name: round(value, 1) for name, value in nanoseconds.items()},
        "M_spans_per_s": {name: round(1000 / value, 2) for name, value in nanoseconds.items()},
        "x_upb": round(nanoseconds["upb"] / nanoseconds["greencloud"], 1),
        "x_upb_loop": round(nanoseconds["upb+loop"] / nanoseconds["greencloud"], 1),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD
    mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD
    results = [measure(spans, given.rounds) for spans in (512, 8192)]
    for result in results:
        print(f"{result['spans']:,} spans of {result['bytes_per_span']} bytes; columns equal")
        for name, value in result["ns_per_span"].items():
            print(f"  {name:<12}{value:>9} ns a span{result['M_spans_per_s'][name]:>8} M spans/s")
        print(f"  {result['x_upb']} times upb alone, {result['x_upb_loop']} times upb and the loop")
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
