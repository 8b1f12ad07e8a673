"""A small facility book and makers of OTLP requests, shared by the tests of the telemetry room."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from greencloud.facility import Account, AccountKind, Facility, Host, PowerCurve, Site
from greencloud.telemetry import Record

HOUR_NS = 3600 * 10**9
T0 = 1_795_000_000 // 3600 * HOUR_NS  # an hour in November 2026
SECOND = 10**9
CUMULATIVE = int(AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
DELTA = int(AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA)
TRACE = bytes(range(1, 17))


def book(*, default_site: str = "dc1", window_seconds: int = 3600) -> Facility:
    accounts = [Account("alice"), Account("bob"), Account("queue", AccountKind.INTERNAL), Account("db", AccountKind.INTERNAL)]
    hosts = [
        Host("h1", "dc1", Fraction(8), 64 << 30, curve="flat", aliases=("node-1",)),
        Host("h2", "dc2", Fraction(8), 64 << 30),
    ]
    sites = [Site("dc1", "jp-east", "JP-TK", Fraction(3, 2)), Site("dc2", "jp-west", "JP-KN", Fraction(3, 2))]
    return Facility(
        revision="test",
        window_seconds=window_seconds,
        accounts={account.id: account for account in accounts},
        sites={site.id: site for site in sites},
        hosts={(host.site, host.id): host for host in hosts},
        curves={"flat": PowerCurve("flat", ((Fraction(0), Fraction(100)), (Fraction(1), Fraction(200))), "test")},
        default_site=default_site,
    )


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    found = []
    for key, value in attributes.items():
        pair = KeyValue(key=key)
        kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(value)]
        setattr(pair.value, kind, value)
        found.append(pair)
    return found


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def span(
    number: int,
    start: int,
    end: int,
    *,
    parent: int = 0,
    name: str = "GET /",
    trace: bytes = TRACE,
    attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": span_id(number),
        "parent_span_id": span_id(parent) if parent else b"",
        "name": name,
        "start_time_unix_nano": start,
        "end_time_unix_nano": end,
        "attributes": pairs(attributes or {}),
    }


def traces(spans: list[dict[str, Any]], resource: dict[str, Any] | None = None) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(pairs({"service.name": "shop", "host.name": "h1"} if resource is None else resource))
    scope = group.scope_spans.add()
    for fields in spans:
        scope.spans.add(**fields)
    return request.SerializeToString()


def point(time: int, value: float, *, start: int = 0, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    kind = "as_int" if isinstance(value, int) else "as_double"
    return {"time_unix_nano": time, kind: value, "start_time_unix_nano": start, "attributes": pairs(attributes or {})}


def metrics(
    name: str,
    points: list[dict[str, Any]],
    *,
    unit: str = "",
    temporality: int = CUMULATIVE,
    gauge: bool = False,
    resource: dict[str, Any] | None = None,
) -> bytes:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs({"host.name": "h1"} if resource is None else resource))
    metric = group.scope_metrics.add().metrics.add(name=name, unit=unit)
    if not gauge:
        metric.sum.aggregation_temporality = AggregationTemporality.ValueType(temporality)
        metric.sum.is_monotonic = True
    holder = metric.gauge if gauge else metric.sum
    for fields in points:
        holder.data_points.add(**fields)
    return request.SerializeToString()


def tenant(payload: bytes, account: str = "alice", signal: str = "traces") -> Record:
    return Record(signal, "tenant", account, T0, payload)


def provider(payload: bytes, signal: str = "metrics") -> Record:
    return Record(signal, "provider", "", T0, payload)
