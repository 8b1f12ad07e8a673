"""OTLP requests for tests, made with the official messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

__all__ = ["SECOND", "TRACES", "SpanSpec", "attributes", "counter", "exporting", "metrics_request", "trace_request"]

SECOND = 1_000_000_000

Value = str | int | float

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextmanager
def exporting(target: str, token: str = "") -> Iterator[Callable[[bytes], ExportTraceServiceResponse]]:
    """A function that exports trace requests over one connection of its own with that credential, or none."""
    with grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, ExportTraceServiceResponse] = channel.unary_unary(
            TRACES, response_deserializer=ExportTraceServiceResponse.FromString
        )
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        yield lambda payload: call(payload, metadata=metadata, timeout=20)


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    def any_value(value: Value) -> AnyValue:
        if isinstance(value, str):
            return AnyValue(string_value=value)
        return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)

    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


@dataclass(frozen=True)
class SpanSpec:
    """A span by number: ids are made from ``trace`` and ``span``; times are nanoseconds since the epoch."""

    trace: int
    span: int
    start: int
    end: int
    name: str = "work"
    parent: int = 0
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def message(self) -> Span:
        return Span(
            trace_id=self.trace.to_bytes(16, "big"),
            span_id=self.span.to_bytes(8, "big"),
            parent_span_id=self.parent.to_bytes(8, "big") if self.parent else b"",
            name=self.name,
            start_time_unix_nano=self.start,
            end_time_unix_nano=self.end,
            attributes=attributes(self.attributes),
        )


def trace_request(resource: Mapping[str, Value], spans: Iterable[SpanSpec]) -> bytes:
    scope = ScopeSpans(spans=[span.message() for span in spans])
    message = ResourceSpans(resource=Resource(attributes=attributes(resource)), scope_spans=[scope])
    return bytes(ExportTraceServiceRequest(resource_spans=[message]).SerializeToString())


def counter(name: str, unit: str, points: Iterable[tuple[int, float, Mapping[str, Value]]], start: int) -> Metric:
    """A cumulative monotonic sum; points are (time, value, attributes)."""
    data = [
        NumberDataPoint(start_time_unix_nano=start, time_unix_nano=time, as_double=value, attributes=attributes(labels))
        for time, value, labels in points
    ]
    return Metric(
        name=name,
        unit=unit,
        sum=Sum(data_points=data, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=True),
    )


def metrics_request(resource: Mapping[str, Value], metrics: Iterable[Metric]) -> bytes:
    message = ResourceMetrics(resource=Resource(attributes=attributes(resource)), scope_metrics=[ScopeMetrics(metrics=metrics)])
    return bytes(ExportMetricsServiceRequest(resource_metrics=[message]).SerializeToString())
