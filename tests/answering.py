"""A real gRPC server with every method of the API, which answers what a test says: for the client's end of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, error_details_pb2, status_pb2

from greencloud.v1 import (
    allocation_service_pb2,
    facility_service_pb2,
    footprint_service_pb2,
    goal_service_pb2,
    identity_service_pb2,
)

__all__ = ["METHODS", "Answering", "Failure", "answering"]

METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for module in (
        allocation_service_pb2,
        facility_service_pb2,
        footprint_service_pb2,
        goal_service_pb2,
        identity_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass(frozen=True)
class Failure:
    """A status with its details."""

    code: grpc.StatusCode
    text: str = "it did not work"
    details: tuple[Any, ...] = ()

    def end(self, context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=getattr(code_pb2, self.code.name), message=self.text)
        for detail in self.details:
            status.details.add().Pack(detail)
        if self.details:
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, self.text)


@dataclass
class Answering:
    """``answers`` by method: the answers in turn, the last one for ever. What came is in ``received`` and ``metadata``."""

    target: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    received: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)

    def will(self, method: str, *answers: Any) -> None:
        """Forget what came, and answer so."""
        self.answers[method] = list(answers)
        self.received.clear()
        self.metadata.clear()

    def answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.received.append((name, request))
        self.metadata.append(dict(context.invocation_metadata()))
        queue = self.answers[name]
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(found, Failure):
            found.end(context)
        return found


def _handler(server: Answering, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        return server.answer(method.name, request, context)

    def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        for part in server.answer(method.name, request, context):
            if isinstance(part, Failure):
                part.end(context)
            yield part

    read: Callable[[bytes], Any] = GetMessageClass(method.input_type).FromString
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, read, lambda message: message.SerializeToString())
    return grpc.unary_unary_rpc_method_handler(unary, read, lambda message: message.SerializeToString())


@contextmanager
def answering() -> Iterator[Answering]:
    known = Answering()
    server = grpc.server(ThreadPoolExecutor(4), options=(("grpc.so_reuseport", 0),))
    services = {method.containing_service for method in METHODS.values()}
    for service in services:
        handlers = {method.name: _handler(known, method) for method in service.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    known.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield known
    finally:
        server.stop(0).wait()


def error_info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="greencloud", metadata=metadata)
