"""The one interceptor: who calls, what went wrong, and a line in the log, around every method alike.

A call is authenticated before its message is read, let alone parsed; that holds for methods that do not exist, too. Only health
is open. The message is received after that (``greencloud.server.reception`` sees to it that nobody waits for one for long, which
is why every method is served as if it took a stream), and parsed inside the guard, so that a request that is not one is
INVALID_ARGUMENT. Whatever the handler raises becomes a status (``greencloud.server.errors``), and each call ends in one log line
that names method, principal, code, time and request id, and never a token.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError as ProtobufDecodeError

from greencloud.server.auth import CALLER, Authenticator
from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError, RequestError, UnimplementedError, abort, answer_to
from greencloud.server.reception import Reception

__all__ = ["CallInterceptor"]

_LOG: Final = logging.getLogger("greencloud.server")
_OPEN: Final = "/grpc.health.v1.Health/"
_OTLP: Final = "/opentelemetry.proto.collector."
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LARGEST_API_REQUEST: Final = 1 << 20
_NOBODY: Final = Principal("-", "-", "-")
_MOST_OF_NOBODY: Final = 4
_MOST_STREAMS: Final = 2


@dataclass(slots=True)
class _Call:
    """One call from its first byte to its log line."""

    method: str
    request_id: str
    principal: Principal = _NOBODY
    code: grpc.StatusCode = grpc.StatusCode.OK
    cause: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def otlp(self) -> bool:
        return self.method.startswith(_OTLP)

    def log(self) -> None:
        method = re.sub(r"[^\w./-]", "?", self.method[:200])
        _LOG.info(
            "rpc method=%s role=%s account=%s code=%s ms=%.1f request=%s%s",
            method,
            self.principal.role,
            self.principal.account or "-",
            self.code.name,
            (time.monotonic() - self.started) * 1000,
            self.request_id,
            f" cause={self.cause}" if self.cause else "",
        )


class CallInterceptor(grpc.ServerInterceptor):
    """Guards every method. At most ``api_calls`` of the API run at once, so that questions cannot crowd out intake.

    Streams (reflection) are few and short, because each holds a thread while its caller is silent.
    """

    def __init__(self, authenticator: Authenticator, reception: Reception, *, api_calls: int, most_expected: int) -> None:
        self._authenticator = authenticator
        self._reception = reception
        self._most_expected = most_expected
        self._slots = threading.BoundedSemaphore(api_calls)
        self._streams = threading.BoundedSemaphore(_MOST_STREAMS)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        details = handler_call_details
        call = _Call(details.method, _request_id(details.invocation_metadata))
        if details.method.startswith(_OPEN):
            return self._open(call, continuation(details))
        try:
            call.principal = self._authenticator.principal(details.invocation_metadata)
        except Exception as error:  # whatever it is, nobody comes in by it
            return self._refuse(call, error)
        CALLER.set(call.principal)
        handler = continuation(details)
        if handler is None:
            return self._refuse(call, UnimplementedError("there is no such method"))
        try:
            self._reception.expect(call.principal, most=self._most_expected)
        except BusyError as error:
            return self._refuse(call, error)
        return self._guard_streams(call, handler) if handler.request_streaming else self._guard(call, handler)

    def _open(self, call: _Call, handler: Any) -> Any:
        """Health, for which nobody needs a credential, and so nobody gets more than a few threads."""
        if handler is None:
            return None
        try:
            self._reception.expect(call.principal, most=_MOST_OF_NOBODY)
        except BusyError as error:
            return self._refuse(call, error)

        def check(requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            with self._answering(call, context, logged=False):
                raw = self._message(call, requests, context)
                return handler.unary_unary(_parsed(handler.request_deserializer, raw), context)

        def watch(requests: Iterator[bytes], context: grpc.ServicerContext, send: Any) -> Any:
            with self._answering(call, context, logged=False):
                raw = self._message(call, requests, context)
                return handler.unary_stream(_parsed(handler.request_deserializer, raw), context, send)

        if not handler.response_streaming:
            return grpc.stream_unary_rpc_method_handler(check, response_serializer=handler.response_serializer)
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]  # as the health service has it: no thread a watcher
        return grpc.stream_stream_rpc_method_handler(watch, response_serializer=handler.response_serializer)

    def _guard(self, call: _Call, handler: Any) -> Any:
        assert not handler.response_streaming, "no service of ours streams"

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            with self._answering(call, context):
                raw = self._message(call, requests, context)
                if call.otlp:
                    return handler.unary_unary(_parsed(handler.request_deserializer, raw), context)
                if len(raw) > _LARGEST_API_REQUEST:
                    raise RequestError([("request", f"larger than {_LARGEST_API_REQUEST} bytes")])
                with _one_of(self._slots):
                    return handler.unary_unary(_parsed(handler.request_deserializer, raw), context)

        return grpc.stream_unary_rpc_method_handler(serve, response_serializer=handler.response_serializer)

    def _guard_streams(self, call: _Call, handler: Any) -> Any:
        assert handler.response_streaming, "no service of ours streams"

        def serve(requests: Iterable[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            with self._reception.waiting(call.principal, context), self._answering(call, context), _one_of(self._streams):
                yield from handler.stream_stream(requests, context)

        return grpc.stream_stream_rpc_method_handler(
            serve, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )

    def _message(self, call: _Call, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        with self._reception.waiting(call.principal, context):
            raw = next(requests, None)
        if raw is None:
            raise RequestError([("request", "no message came")])
        return raw

    def _refuse(self, call: _Call, error: Exception) -> Any:
        """A handler that answers at once, whatever the shape of the method, and waits for no message."""

        def serve(_requests: Iterable[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with self._answering(call, context):
                raise error

        return grpc.stream_stream_rpc_method_handler(serve)

    @contextmanager
    def _answering(self, call: _Call, context: grpc.ServicerContext, *, logged: bool = True) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError:  # the caller went away while we read its messages
            call.code = grpc.StatusCode.CANCELLED
            raise
        except Exception as error:  # each becomes a status
            provider = call.principal.role == "provider"
            answer = answer_to(error, request_id=call.request_id, otlp=call.otlp, provider=provider)
            call.code, call.cause = answer.code, type(error.__cause__ or error).__name__
            if not answer.expected or answer.code is grpc.StatusCode.INTERNAL:
                _LOG.exception("request %s failed", call.request_id)
            abort(context, answer)
        finally:
            if logged:
                call.log()


@contextmanager
def _one_of(slots: threading.BoundedSemaphore) -> Iterator[None]:
    if not slots.acquire(blocking=False):
        raise BusyError("the server answers as many questions as it can")
    try:
        yield
    finally:
        slots.release()


def _parsed(deserialize: Callable[[bytes], Any] | None, raw: bytes) -> Any:
    if deserialize is None:
        return raw
    try:
        return deserialize(raw)
    except ProtobufDecodeError as error:
        raise RequestError([("request", "not a message of this method")]) from error


def _request_id(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The caller's ``x-request-id`` if it is a plain word, else one of ours."""
    for key, value in metadata or ():
        if key == "x-request-id" and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex
