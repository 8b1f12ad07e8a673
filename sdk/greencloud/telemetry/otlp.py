"""OTLP beside its protobuf: resources as plain values, the JSON encoding, and which signal some bytes are.

The compiled decoder (``greencloud._otlp``) reads export requests; here are the forms that come seldom, for which the official
messages are fast enough. At most 128 attributes of a resource are read (the SDKs' own default limit); of repeated keys the last one
holds; arrays, maps and empty values are left out, because no dimension of ours is one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags

from greencloud._otlp import Metrics, OtlpError, Traces, attributes_of
from greencloud.errors import DecodeError

__all__ = ["Attributes", "Resource", "Value", "from_json", "identity", "is_envelope", "items_as_json", "resource_of", "signal_of"]

Value = str | int | float | bool | bytes
Attributes = dict[str, Value]

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


def resource_of(message: bytes) -> Resource:
    """A serialised ``Resource``."""
    attributes = attributes_of(message)
    return Resource(attributes, identity(attributes))


def identity(attributes: Attributes) -> str:
    """Canonical text of attributes."""
    return repr(sorted(attributes.items(), key=lambda item: item[0]))


def from_json(signal: str, document: dict[str, Any]) -> bytes:
    """An export request in OTLP's JSON (ids in hex, enums as numbers, unknown names ignored) as protobuf.

    Raises:
        DecodeError: a field is of the wrong kind, or an id is no hex.
    """
    try:
        _convert_ids(document, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
        request = json_format.ParseDict(document, _TYPES[signal](), ignore_unknown_fields=True)
        return bytes(request.SerializeToString())
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(
            f"not an OTLP {signal} export request: {str(error)[:200]}",
            advice="ids are hexadecimal, enums are numbers, names are lowerCamelCase (OTLP 1.11, JSON encoding)",
        ) from error


def items_as_json(signal: str, payload: bytes, wanted: Collection[int]) -> dict[str, Any]:
    """The request in OTLP's JSON, with those of its spans or number points alone that are wanted, by their order of coming."""
    request = _TYPES[signal].FromString(payload)
    number = 0

    def is_wanted(_item: Any) -> bool:
        nonlocal number
        number += 1
        return number - 1 in wanted

    for group in request.resource_spans if signal == "traces" else request.resource_metrics:
        scopes = group.scope_spans if signal == "traces" else group.scope_metrics
        for scope in scopes:
            if signal == "traces":
                _sift(scope.spans, is_wanted)
            else:
                for metric in scope.metrics:
                    points = metric.gauge.data_points if metric.WhichOneof("data") == "gauge" else metric.sum.data_points
                    _sift(points, lambda point: not point.flags & _NO_VALUE and is_wanted(point))
                _sift(scope.metrics, lambda metric: bool(metric.gauge.data_points or metric.sum.data_points))
        _sift(scopes, lambda scope: bool(scope.spans if signal == "traces" else scope.metrics))
    _sift(
        request.resource_spans if signal == "traces" else request.resource_metrics,
        lambda group: bool(group.scope_spans if signal == "traces" else group.scope_metrics),
    )
    document: dict[str, Any] = json_format.MessageToDict(request, use_integers_for_enums=True)
    _convert_ids(document, lambda text: base64.b64decode(text).hex())
    return document


def signal_of(payload: bytes) -> str:
    """The signal whose request the bytes are, told by sound spans, metrics with data, or spans with ids; "" where there is none.

    Bytes may be both: a metric whose name and unit are as long as ids reads as a span, though not as one that has times.
    """
    faults = _span_faults(payload)
    if 0 in faults:
        return "traces"
    if _holds_data(payload):
        return "metrics"
    return "traces" if faults - {1, 2} else ""


def is_envelope(payload: bytes) -> bool:
    """Whether the bytes are a request of resources without items, as some senders begin with."""
    for columns in (Traces(), Metrics()):
        try:
            if not columns.append(payload) and columns.resources:
                return True
        except OtlpError:
            pass
    return False


def _span_faults(payload: bytes) -> set[int]:
    traces = Traces()
    try:
        traces.append(payload)
    except OtlpError:
        return set()
    return set(bytes(traces.fault))


def _holds_data(payload: bytes) -> bool:
    try:
        Metrics().append(payload)
    except OtlpError:
        return False
    groups = ExportMetricsServiceRequest.FromString(payload).resource_metrics
    return any(metric.WhichOneof("data") for group in groups for scope in group.scope_metrics for metric in scope.metrics)


def _sift(items: Any, keep: Callable[[Any], bool]) -> None:
    kept = [item for item in items if keep(item)]
    if len(kept) < len(items):
        del items[:]
        items.extend(kept)


def _convert_ids(node: Any, convert: Callable[[str], str]) -> None:
    """OTLP JSON has ids in hex where protobuf's own JSON has base64."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _ID_FIELDS and isinstance(value, str):
                node[key] = convert(value)
            else:
                _convert_ids(value, convert)
    elif isinstance(node, list):
        for item in node:
            _convert_ids(item, convert)
