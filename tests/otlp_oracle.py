"""The slow oracle of the decoder: what protobuf's own messages say a request holds, in the decoder's columns.

Texts stand in the place of their numbers in dictionaries. Serialised attributes are compared as what protobuf makes of them,
because the decoder keeps the bytes that came and protobuf writes its own.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from greencloud._otlp import Metrics, Traces, attributes_of

__all__ = [
    "ANY_TIME",
    "MAX_ATTRIBUTES",
    "REQUESTS",
    "canonical",
    "metrics_by_protobuf",
    "metrics_of",
    "parsed",
    "plain",
    "traces_by_protobuf",
    "traces_of",
]

MAX_ATTRIBUTES = 128
ANY_TIME = 2**64 - 1
REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest}

_AMOUNTS = ("greencloud.cpu.time", "greencloud.memory.byte_seconds", "greencloud.io.bytes", "greencloud.gpu.time")
_QUALITIES = {"exact": 1, "thread": 2, "none": 3}
_SCALARS = {"string_value", "int_value", "double_value", "bool_value", "bytes_value"}
_EARLIEST_NS = 946_684_800 * 10**9
_LATEST_NS = 7_258_118_400 * 10**9
_MAX_SPAN_NS = 7 * 86_400 * 10**9

Row = tuple[Any, ...]
Found = tuple[int, list[Row]]
"""How many items the request has, and the rows of those that are stored."""


def parsed(kind: type[Message], payload: bytes) -> Any:
    """The message, or None where protobuf refuses the bytes (of a stray end of a group it only warns: it stops reading there)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return kind.FromString(payload)
    except (DecodeError, RuntimeWarning):
        return None


def plain(pairs: Iterable[Any]) -> dict[str, Any]:
    """The scalars among the first 128 attributes; of repeated keys the last one."""
    found = {}
    for pair in islice(pairs, MAX_ATTRIBUTES):
        kind = pair.value.WhichOneof("value")
        if kind in _SCALARS:
            found[pair.key] = getattr(pair.value, kind)
    return found


def canonical(attributes: dict[str, Any]) -> Row:
    """Comparable, with doubles by their bits: NaN equals itself, and 0 is not -0, nor 1 True."""
    return tuple(
        (key, type(value), struct.pack("<d", value) if isinstance(value, float) else value) for key, value in attributes.items()
    )


def _resource(message: Any) -> tuple[bytes, Row]:
    return message.SerializeToString(deterministic=True), canonical(plain(message.attributes))


def _resource_of(data: bytes) -> tuple[bytes, Row]:
    return Resource.FromString(data).SerializeToString(deterministic=True), canonical(attributes_of(data))


def traces_by_protobuf(
    payload: bytes, owner: int = 0, oldest_ns: int = 0, newest_ns: int = ANY_TIME, *, first_ns: int = 0, until_ns: int = ANY_TIME
) -> Found | None:
    """None where protobuf refuses the bytes."""
    request = parsed(ExportTraceServiceRequest, payload)
    if request is None:
        return None
    rows: list[Row] = []
    count = 0
    for group in request.resource_spans:
        resource = _resource(group.resource)
        for scope in group.scope_spans:
            count += len(scope.spans)
            for span in scope.spans:
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                if start < until_ns and end > first_ns if end > start else first_ns <= start < until_ns:
                    rows.append((owner, *resource, *_span(span), _span_fault(span, oldest_ns, newest_ns)))
    return count, rows


def _span(span: Span) -> Row:
    attributes = plain(span.attributes)
    caller = attributes.get("greencloud.caller.account", "")
    quality = attributes.get("greencloud.quality")
    marks = int(span.flags & 0x300 == 0x300)
    amounts = []
    for place, key in enumerate(_AMOUNTS):
        value = attributes.get(key)
        given = isinstance(value, int) and not isinstance(value, bool)
        amounts.append(value if given else 0)
        if value is not None:
            marks |= (2 if given else 32) << place
    return (
        span.trace_id if len(span.trace_id) == 16 else bytes(16),
        *(int.from_bytes(data, "big") if len(data) == 8 else 0 for data in (span.span_id, span.parent_span_id)),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.name,
        caller if isinstance(caller, str) and caller else None,
        *amounts,
        0 if quality is None else _QUALITIES.get(quality, 4) if isinstance(quality, str) else 4,
        marks,
    )


def _span_fault(span: Span, oldest_ns: int, newest_ns: int) -> int:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    faults = (
        len(span.trace_id) != 16 or not any(span.trace_id),
        len(span.span_id) != 8 or not any(span.span_id),
        start == 0,
        not (_EARLIEST_NS <= start < _LATEST_NS and end < _LATEST_NS),
        end < start,
        end - start > _MAX_SPAN_NS,
        start < oldest_ns,
        end > newest_ns,
    )
    return next((number for number, fault in enumerate(faults, start=1) if fault), 0)


def traces_of(found: Traces) -> list[Row]:
    """The rows that the decoder stored."""
    resources = [_resource_of(data) for data in found.resources]
    names, callers = found.names, found.callers
    trace_ids = bytes(found.trace_id)
    columns = (
        found.span_id, found.parent_id, found.start_ns, found.end_ns, found.name, found.caller,
        found.cpu_ns, found.memory_byte_s, found.io_bytes, found.gpu_ns, found.quality, found.marks, found.fault,
    )  # fmt: skip
    rows = []
    for i, (owner, resource) in enumerate(zip(found.owner, found.resource, strict=True)):
        span_id, parent_id, start, end, name, caller, *rest = (column[i] for column in columns)
        rows.append((
            owner, *resources[resource], trace_ids[16 * i : 16 * i + 16], span_id, parent_id, start, end, names[name],
            callers[caller] if caller >= 0 else None, *rest,
        ))  # fmt: skip
    return rows


def metrics_by_protobuf(
    payload: bytes, owner: int = 0, oldest_ns: int = 0, newest_ns: int = ANY_TIME, *, first_ns: int = 0, until_ns: int = ANY_TIME
) -> Found | None:
    """None where protobuf refuses the bytes."""
    request = parsed(ExportMetricsServiceRequest, payload)
    if request is None:
        return None
    rows: list[Row] = []
    count = 0
    for group in request.resource_metrics:
        resource = _resource(group.resource)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                for point in _numbers(metric):
                    if point.flags & 1:
                        continue
                    count += 1
                    if first_ns <= point.time_unix_nano < until_ns:
                        rows.append((owner, *resource, *_point(metric, point, oldest_ns, newest_ns)))
    return count, rows


def _numbers(metric: Metric) -> Any:
    return metric.gauge.data_points if metric.WhichOneof("data") == "gauge" else metric.sum.data_points


def _point(metric: Metric, point: NumberDataPoint, oldest_ns: int, newest_ns: int) -> Row:
    gauge = metric.WhichOneof("data") == "gauge"
    shapes = {1: "delta", 2: "cumulative"}
    shape = "gauge" if gauge else shapes.get(metric.sum.aggregation_temporality, "unspecified")
    monotonic = not gauge and metric.sum.is_monotonic
    which = point.WhichOneof("value")
    value = getattr(point, which) if which else None
    bits = 0
    if isinstance(value, int):
        bits = value
    elif isinstance(value, float):
        (bits,) = struct.unpack("<q", struct.pack("<d", value))
    time = point.time_unix_nano
    fault = 0
    if value is None:
        fault = 1
    elif not math.isfinite(value):
        fault = 2
    elif monotonic and value < 0:
        fault = 3
    elif time == 0:
        fault = 4
    elif not _EARLIEST_NS <= time < _LATEST_NS:
        fault = 5
    elif time < oldest_ns:
        fault = 7
    elif time > newest_ns:
        fault = 8
    attributes = Resource(attributes=point.attributes[:MAX_ATTRIBUTES])
    return (
        (metric.name, metric.unit, shape, monotonic),
        *_resource(attributes),
        point.start_time_unix_nano,
        time,
        {None: 0, "as_int": 1, "as_double": 2}[which],
        bits,
        fault,
    )


def metrics_of(found: Metrics) -> list[Row]:
    """The rows that the decoder stored."""
    resources = [_resource_of(data) for data in found.resources]
    sets = [_resource_of(data) for data in found.attribute_sets]
    metrics = found.metrics
    columns = (
        found.owner, found.resource, found.metric, found.attributes,
        found.start_ns, found.time_ns, found.kind, found.bits, found.fault,
    )  # fmt: skip
    return [
        (owner, *resources[resource], metrics[metric], *sets[attributes], *rest)
        for owner, resource, metric, attributes, *rest in zip(*columns, strict=True)
    ]
