"""OTLP to plain values. The only module that touches protobuf, so that a compiled decoder can take its place.

``spans`` and ``points`` yield what the room computes with; ``sift_spans`` and ``sift_points`` take out of a request what a judge
refuses and give back the bytes to keep (the very bytes that came, when nothing is refused). Unknown fields are ignored, as the
protocol demands. At most 128 attributes of a span, point or resource are read (the SDKs' own default limit); of repeated keys
the last one holds; arrays, maps and empty values are left out, because no dimension of ours is one.

Histograms, exponential histograms and summaries are skipped on purpose: no amount of energy or use is told by one.

A message of nothing costs two bytes on the wire and some microseconds and a hundred bytes here, and again at every allocation. So a
request of more groups or items than any sender has is refused whole, and what nobody reads of a span is not kept beyond the limit.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError as ProtobufDecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from greencloud.errors import DecodeError

if TYPE_CHECKING:
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_GROUPS",
    "MAX_ITEMS",
    "Attributes",
    "Point",
    "Resource",
    "Shape",
    "Span",
    "Value",
    "from_json",
    "identity",
    "parse",
    "points",
    "sift_points",
    "sift_spans",
    "signal_of",
    "spans",
]

MAX_ATTRIBUTES: Final = 128
MAX_GROUPS: Final = 1 << 16
"""Of resources, and of scopes, in one request."""

MAX_ITEMS: Final = 1 << 20
"""Of spans, or of metrics and their points, in one request: 64 bytes each in the largest message that is taken."""

_LARGE_BYTES: Final = 4 << 20  # below it, what is too much costs little

Value = str | int | float | bool | bytes
Attributes = dict[str, Value]
Shape = str
"""How points of a metric add up: "cumulative", "delta" or "gauge"."""

_SHAPES: Final = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}
_ID_FIELDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})
_NO_VALUE: Final = int(DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)
_TYPES: Final[dict[str, Any]] = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest}


@dataclass(frozen=True, slots=True)
class Resource:
    """Who sent it. ``identity`` is the canonical text of the attributes, whatever their order on the wire."""

    attributes: Attributes = field(compare=False)
    identity: str

    def text(self, key: str) -> str:
        value = self.attributes.get(key, "")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Span:
    resource: Resource
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes

    def content(self) -> str:
        """Canonical text of all that is used of it: equal for copies of one span, ordered for unequal ones."""
        return repr((self.start_ns, self.end_ns, self.parent_id, self.name, identity(self.attributes), self.resource.identity))


@dataclass(frozen=True, slots=True)
class Point:
    """A number of a gauge or sum; ``value`` is None where the sender set neither of the two kinds."""

    resource: Resource
    metric: str
    unit: str
    shape: Shape
    monotonic: bool
    start_ns: int
    time_ns: int
    value: int | float | None
    attributes: Attributes


def identity(attributes: Attributes) -> str:
    """Canonical text of attributes."""
    return repr(sorted(attributes.items(), key=lambda item: item[0]))


def parse(signal: str, payload: bytes) -> Any:
    """The request message.

    Raises:
        DecodeError: the bytes are not one, or one of more groups or items than are taken.
    """
    try:
        request = _TYPES[signal].FromString(payload)
    except (ProtobufDecodeError, RuntimeWarning) as error:
        raise DecodeError(
            f"{len(payload)} bytes are not an OTLP {signal} export request",
            advice="send protobuf of the opentelemetry.proto.collector services; check compression and the signal's path",
        ) from error
    if signal == "traces":
        _check_size((group.scope_spans for group in _few(request.resource_spans)), lambda scope: len(scope.spans))
    else:
        _check_size((group.scope_metrics for group in _few(request.resource_metrics)), _metrics_and_points)
    return request


def _check_size(groups: Iterable[Any], items_of: Callable[[Any], int]) -> None:
    scopes = items = 0
    for found in groups:
        scopes += len(found)
        if scopes > MAX_GROUPS:
            raise _too_large("scopes", MAX_GROUPS)
        for scope in found:
            items += items_of(scope)
            if items > MAX_ITEMS:
                raise _too_large("items", MAX_ITEMS)


def _few(groups: Any) -> Any:
    if len(groups) > MAX_GROUPS:
        raise _too_large("resources", MAX_GROUPS)
    return groups


def _metrics_and_points(scope: Any) -> int:
    metrics = scope.metrics
    return len(metrics) if len(metrics) > MAX_ITEMS else len(metrics) + sum(len(_numbers(metric)) for metric in metrics)


def _too_large(what: str, most: int) -> DecodeError:
    return DecodeError(f"a request of more than {most} {what}", advice="send smaller batches")


def spans(payload: bytes) -> Iterator[Span]:
    """Every span of a traces request."""
    for group in parse("traces", payload).resource_spans:
        resource = _resource(group)
        for scope in group.scope_spans:
            for message in scope.spans:
                yield _span(resource, message, _attributes(message.attributes))


def points(payload: bytes, wanted: Callable[[str], bool]) -> Iterator[Point]:
    """Every number point with a recorded value of the metrics whose names are wanted."""
    for group in parse("metrics", payload).resource_metrics:
        resource = _resource(group)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                if wanted(metric.name):
                    for message in _numbers(metric):
                        if not message.flags & _NO_VALUE:
                            yield _point(resource, metric, message, _attributes(message.attributes))


def sift_spans(payload: bytes, keep: Callable[[Span], bool]) -> bytes:
    """The request without the spans that are not to be kept, nor what is too much of others.

    The judge sees them without their own attributes.
    """
    request = parse("traces", payload)
    changed = False
    for group in request.resource_spans:
        resource = _resource(group)
        for scope in group.scope_spans:

            def judge(message: SpanMessage, resource: Resource = resource) -> bool:
                return keep(_span(resource, message, {}))

            changed |= _sift(scope.spans, judge)
            if len(payload) > _LARGE_BYTES:
                for message in scope.spans:
                    changed |= _cut(message.attributes) | _cut(message.events) | _cut(message.links)
    return request.SerializeToString() if changed else payload


def sift_points(payload: bytes, keep: Callable[[Point], bool]) -> bytes:
    """The request without the number points that are not to be kept. The judge sees them without their own attributes."""
    request = parse("metrics", payload)
    changed = False
    for group in request.resource_metrics:
        resource = _resource(group)
        for scope in group.scope_metrics:
            for metric in scope.metrics:

                def judge(message: NumberDataPoint, resource: Resource = resource, metric: Metric = metric) -> bool:
                    return bool(message.flags & _NO_VALUE) or keep(_point(resource, metric, message, {}))

                changed |= _sift(_numbers(metric), judge)
    return request.SerializeToString() if changed else payload


def _sift(items: Any, keep: Callable[[Any], bool]) -> bool:
    kept = [item for item in items if keep(item)]
    if len(kept) == len(items):
        return False
    del items[:]
    items.extend(kept)
    return True


def _cut(repeated: Any) -> bool:
    if len(repeated) <= MAX_ATTRIBUTES:
        return False
    del repeated[MAX_ATTRIBUTES:]
    return True


def _resource(group: Any) -> Resource:
    attributes = _attributes(group.resource.attributes)
    return Resource(attributes, identity(attributes))


def _attributes(pairs: Any) -> Attributes:
    found: Attributes = {}
    for pair in islice(pairs, MAX_ATTRIBUTES):
        kind = pair.value.WhichOneof("value")
        if kind in {"string_value", "int_value", "double_value", "bool_value", "bytes_value"}:
            found[pair.key] = getattr(pair.value, kind)
    return found


def _span(resource: Resource, message: SpanMessage, attributes: Attributes) -> Span:
    return Span(
        resource,
        message.trace_id,
        message.span_id,
        message.parent_span_id,
        message.name,
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        attributes,
    )


def _numbers(metric: Metric) -> Any:
    if metric.WhichOneof("data") == "gauge":
        return metric.gauge.data_points
    # Reading an unset field gives an empty list, so histograms and summaries fall out here.
    return metric.sum.data_points


def _point(resource: Resource, metric: Metric, message: NumberDataPoint, attributes: Attributes) -> Point:
    gauge = metric.WhichOneof("data") == "gauge"
    kind = message.WhichOneof("value")
    return Point(
        resource,
        metric.name,
        metric.unit,
        "gauge" if gauge else _SHAPES.get(metric.sum.aggregation_temporality, "unspecified"),
        not gauge and metric.sum.is_monotonic,
        message.start_time_unix_nano,
        message.time_unix_nano,
        getattr(message, kind) if kind else None,
        attributes,
    )


def from_json(signal: str, document: dict[str, Any]) -> bytes:
    """An export request in OTLP's JSON (ids in hex, enums as numbers, unknown names ignored) as protobuf.

    Raises:
        DecodeError: a field is of the wrong kind, or an id is no hex.
    """
    try:
        _hex_ids_to_base64(document)
        request = json_format.ParseDict(document, _TYPES[signal](), ignore_unknown_fields=True)
        return bytes(request.SerializeToString())
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(
            f"not an OTLP {signal} export request: {str(error)[:200]}",
            advice="ids are hexadecimal, enums are numbers, names are lowerCamelCase (OTLP 1.11, JSON encoding)",
        ) from error


def signal_of(payload: bytes) -> str:
    """The signal whose request the bytes are, told by spans with ids or metrics with data; "" where there is neither."""
    try:
        for span in spans(payload):
            if len(span.trace_id) == 16 and len(span.span_id) == 8:
                return "traces"
    except DecodeError:
        pass
    try:
        groups = parse("metrics", payload).resource_metrics
    except DecodeError:
        return ""
    found = (metric.WhichOneof("data") for group in groups for scope in group.scope_metrics for metric in scope.metrics)
    return "metrics" if any(found) else ""


def _hex_ids_to_base64(node: Any) -> None:
    """OTLP JSON has ids in hex where protobuf's own JSON has base64."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _ID_FIELDS and isinstance(value, str):
                node[key] = base64.b64encode(bytes.fromhex(value)).decode()
            else:
                _hex_ids_to_base64(value)
    elif isinstance(node, list):
        for item in node:
            _hex_ids_to_base64(item)
