"""A small real OTLP/gRPC server for tests: keeps what it is sent, and can be told to refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Sink", "attributes_of", "sink"]


def attributes_of(pairs: Any) -> dict[str, str | int | float | bool]:
    """OTLP attributes of scalar values as a dict."""

    def value(pair: KeyValue) -> Any:
        return getattr(pair.value, str(pair.value.WhichOneof("value")))

    return {pair.key: value(pair) for pair in pairs}


@dataclass
class Sink:
    port: int = 0
    refuse: grpc.StatusCode | None = None
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, predicate: Callable[[Sink], bool], timeout: float = 20.0) -> None:
        """Wait until what has arrived satisfies ``predicate``."""
        with self.changed:
            assert self.changed.wait_for(lambda: predicate(self), timeout), "what was expected did not arrive in time"

    def spans(self) -> list[tuple[str, Span]]:
        """(service name, span) of everything that has arrived."""
        return [
            (str(attributes_of(resource.resource.attributes)["service.name"]), span)
            for request in list(self.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def take(self, request: Any, context: grpc.ServicerContext) -> None:
        with self.changed:
            headers = dict(context.invocation_metadata())
            self.tokens.append(str(headers.get("authorization", "")))
            if self.refuse is None:
                (self.metrics if isinstance(request, ExportMetricsServiceRequest) else self.traces).append(request)
            self.changed.notify_all()
        if self.refuse is not None:
            context.abort(self.refuse, "refused on purpose")


@contextmanager
def sink(port: int = 0) -> Iterator[Sink]:
    """A sink on loopback, for as long as the block lasts."""
    kept = Sink()

    def metrics(request: ExportMetricsServiceRequest, context: grpc.ServicerContext) -> ExportMetricsServiceResponse:
        kept.take(request, context)
        return ExportMetricsServiceResponse()

    def traces(request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        kept.take(request, context)
        return ExportTraceServiceResponse()

    def handler(name: str, call: Any, request: Any) -> grpc.GenericRpcHandler:
        method: Any = grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=request.FromString, response_serializer=lambda answer: answer.SerializeToString()
        )
        return grpc.method_handlers_generic_handler(name, {"Export": method})

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (
            handler("opentelemetry.proto.collector.metrics.v1.MetricsService", metrics, ExportMetricsServiceRequest),
            handler("opentelemetry.proto.collector.trace.v1.TraceService", traces, ExportTraceServiceRequest),
        )
    )
    kept.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield kept
    finally:
        server.stop(None).wait()
