"""What grpcio calls in place of each method: how a call of its kind is admitted, waited for, answered and ended.

There is one object for each call. The interceptor (``greencloud.server.calls``) is its guard: who may come in, what is told of the
call, and what its errors become. Messages are parsed here, so that a request that is not one is INVALID_ARGUMENT.
"""

from __future__ import annotations

import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import DecodeError as ProtobufDecodeError

from greencloud.server.auth import Peer
from greencloud.server.credentials import Credential, Principal
from greencloud.server.errors import (
    BusyError,
    LapsedError,
    RequestError,
)
from greencloud.server.gate import Account, Job
from greencloud.server.health import Health
from greencloud.server.threads import When

if TYPE_CHECKING:
    from greencloud.server.calls import CallInterceptor

__all__ = ["PATIENCE_S", "Behaviour", "Call", "Check", "Crowded", "Export", "Question", "Stream", "Watch", "lapsed"]

PATIENCE_S: Final = 60.0
"""How long a question may take of which the caller did not say."""

_OTLP: Final = "/opentelemetry.proto.collector."
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LARGEST_API_REQUEST: Final = 1 << 20
_LARGEST_REQUESTS: Final = {
    "/greencloud.v1.FacilityService/ApplyFacilityBook": 33 << 20,
    "/greencloud.v1.GoalService/ImportInventoryEntries": 17 << 20,
    "/greencloud.v1.GoalService/UploadEvidence": 33 << 20,
}
"""Of methods that take more: a facility book or a document of evidence has at most 32 MiB, a file of entries 16 MiB."""

_LONGEST_UNREAD_S: Final = 120.0
"""A message of a stream that nobody takes holds two threads."""


class Call:
    """One call from its headers to its end."""

    __slots__ = (
        "account",
        "cause",
        "code",
        "credential",
        "metadata",
        "method",
        "refusal",
        "rows",
        "size",
        "started",
        "unique",
        "until",
    )

    def __init__(self, details: grpc.HandlerCallDetails) -> None:
        self.method: str = details.method
        self.metadata = details.invocation_metadata
        self.credential: Credential | None = None
        self.account: Account | None = None
        self.code = grpc.StatusCode.OK
        self.cause = self.refusal = self.unique = ""
        self.size = 0
        self.rows = -1  # of a stream: that went out
        self.started = time.monotonic()
        self.until = math.inf

    @property
    def principal(self) -> Principal | None:
        return self.credential.principal if self.credential else None

    @property
    def otlp(self) -> bool:
        return self.method.startswith(_OTLP)

    @property
    def request_id(self) -> str:
        """The caller's ``x-request-id`` if it is a plain word, else one of ours."""
        if not self.unique:
            self.unique = _request_id(self.metadata)
        return self.unique


class Behaviour:
    """What grpcio calls in place of a method. One for each call."""

    __slots__ = ("call", "error", "guard", "handler", "when")

    def __init__(self, guard: CallInterceptor, call: Call, when: When, handler: Any = None, error: Exception | None = None) -> None:
        self.guard = guard
        self.call = call
        self.when = when
        self.handler = handler
        self.error = error

    def admit(self, peer: Peer) -> None:
        try:
            self.guard.enter(self.call, peer, served=self.handler is not None)
            if self.error:
                raise self.error
        except Exception as error:  # whatever it is, nobody comes in by it
            self.error = error
            self.when = When.HEADERS

    def arrive(self, size: int | None, job: Job) -> None:
        if size is None:
            self.error = RequestError([("request", "no message came")])
        self.guard.arrive(self.call, size or 0, job)

    def refuse(self, error: BusyError) -> None:
        self.error = error

    def lost(self) -> None:
        self.call.code = grpc.StatusCode.CANCELLED
        self.guard.unseen(self.call)
        self.guard.end(self.call)

    def __call__(self, message: Any, context: grpc.ServicerContext) -> Any:
        try:
            if self.error:
                raise self.error
            return self.answer(message, context)
        except Exception as error:  # each becomes a status
            self.guard.fail(self.call, error, context)
        finally:
            self.guard.end(self.call)

    def answer(self, message: bytes, context: grpc.ServicerContext) -> Any:
        """Telemetry."""
        return self.handler.unary_unary(message, context)


class Question(Behaviour):
    """A method of the API."""

    __slots__ = ()

    def answer(self, message: bytes, context: grpc.ServicerContext) -> Any:
        largest = _LARGEST_REQUESTS.get(self.call.method, _LARGEST_API_REQUEST)
        if len(message) > largest:
            raise RequestError([("request", f"larger than {largest} bytes")])
        with _one_of(self.guard.slots):
            request = _parsed(self.handler.request_deserializer, message)
            with self.guard.answering(self.call, context), self.guard.audited(self.call, request):
                return self.handler.unary_unary(request, context)


class Export(Behaviour):
    """A method of the API that answers with a stream. It has a thread until its last message has gone out.

    Between messages its time is looked at here. While one waits to go out nothing runs here, and the call is cancelled.
    """

    __slots__ = ()

    def __call__(self, message: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
        self.call.code = grpc.StatusCode.CANCELLED  # until it is known to end otherwise: grpcio drops what nobody reads
        try:
            if self.error:
                raise self.error
            if len(message) > _LARGEST_API_REQUEST:
                raise RequestError([("request", f"larger than {_LARGEST_API_REQUEST} bytes")])
            with self.guard.answering(self.call, context, lasting=True), _one_of(self.guard.slots):
                request = _parsed(self.handler.request_deserializer, message)
                with closing(self.handler.unary_stream(request, context)) as answers:
                    yield from self.paced(answers, context)
            self.call.code = grpc.StatusCode.OK
        except Exception as error:  # each becomes a status
            self.guard.fail(self.call, error, context)
        finally:
            self.guard.end(self.call)

    def arrive(self, size: int | None, job: Job) -> None:
        if size is None:
            self.error = RequestError([("request", "no message came")])
        self.guard.arrive(self.call, size or 0, job, lasting=True)

    def paced(self, answers: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """The messages, each with so long to go out. Raises LapsedError when the time of the stream is over."""
        self.call.rows = 0
        for answer in answers:
            now = time.monotonic()
            if now >= self.call.until:
                raise lapsed()
            with self.guard.threads.alarm(min(now + _LONGEST_UNREAD_S, self.call.until + PATIENCE_S), context.cancel):
                yield answer
            self.call.rows += getattr(answer, "row_count", 0)


class Check(Behaviour):
    """Health. ``handler`` is bytes in, bytes out. Neither counted nor logged, and nobody waits for it."""

    __slots__ = ()

    def admit(self, peer: Peer) -> None: ...

    def lost(self) -> None: ...

    def __call__(self, message: bytes, context: grpc.ServicerContext) -> Any:
        try:
            return _parsed(self.handler, message)
        except Exception as error:
            self.guard.fail(self.call, error, context)


class Crowded(Behaviour):
    """Health that is watched by too many."""

    __slots__ = ()

    def admit(self, peer: Peer) -> None: ...


class Stream(Behaviour):
    """A method that reads and writes streams; each holds a thread while its caller is silent, so they are few and short."""

    __slots__ = ()

    def __call__(self, message: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            if self.error:
                raise self.error
            with self.guard.threads.listening(context), _one_of(self.guard.streams):
                yield from self.handler.stream_stream(message, context)
        except grpc.RpcError:  # the caller went away while we read its messages
            self.call.code = grpc.StatusCode.CANCELLED
            raise
        except Exception as error:
            self.guard.fail(self.call, error, context)
        finally:
            self.guard.end(self.call)


class Watch(Behaviour):
    """Health, as a stream, in threads of its own."""

    __slots__ = ("experimental_thread_pool",)  # grpcio's name for it
    experimental_thread_pool: ThreadPoolExecutor

    def admit(self, peer: Peer) -> None: ...

    def __call__(self, message: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        health: Health = self.handler
        try:
            with self.guard.threads.listening(context, nobodys=True):
                raw = next(message, b"")
            yield from _parsed(lambda raw: health.watch(raw, context), raw)
        except grpc.RpcError:
            raise
        except Exception as error:
            self.guard.fail(self.call, error, context)
        finally:
            health.leave()


@contextmanager
def _one_of(slots: threading.BoundedSemaphore) -> Iterator[None]:
    if not slots.acquire(blocking=False):
        raise BusyError("the server answers as many questions as it can", cause="questions")
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


def lapsed() -> LapsedError:
    return LapsedError(
        "the stream lasted as long as one may, or as its credential holds",
        advice="go on with the resume_token of the last message that arrived",
    )


def _request_id(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    for key, value in metadata or ():
        if key == "x-request-id" and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex
