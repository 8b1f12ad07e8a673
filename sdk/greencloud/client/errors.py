"""From a gRPC status back to our errors, so that a caller catches the same class on both sides of the wire.

The rich status (``grpc-status-details-bin``) is a ``google.rpc.Status``. Its few fields are described here, in a descriptor pool
of our own and under names of our own, so that the client needs no further distribution and clashes with none.

What the server raised as NotFoundError, PermissionDeniedError or UnauthenticatedError comes back as that, and is a RemoteError as
well: every answer has its request id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufDecodeError

from greencloud.errors import (
    ConflictError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RemoteError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = [
    "REQUEST_ID",
    "RemoteConflictError",
    "RemoteNotFoundError",
    "RemotePermissionDeniedError",
    "RemoteUnauthenticatedError",
    "error_from",
]

REQUEST_ID: Final = "x-request-id"


class RemoteConflictError(RemoteError, ConflictError):
    """ConflictError of a server: somebody else was first."""

    reason = ConflictError.reason


class RemoteNotFoundError(RemoteError, NotFoundError):
    """NotFoundError of a server."""

    reason = NotFoundError.reason


class RemotePermissionDeniedError(RemoteError, PermissionDeniedError):
    """PermissionDeniedError of a server."""

    reason = PermissionDeniedError.reason


class RemoteUnauthenticatedError(RemoteError, UnauthenticatedError):
    """UnauthenticatedError of a server."""

    reason = UnauthenticatedError.reason


_KINDS: Final[dict[grpc.StatusCode, type[RemoteError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgumentError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.ABORTED: RemoteConflictError,
    grpc.StatusCode.ALREADY_EXISTS: RemoteConflictError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RateLimitedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.NOT_FOUND: RemoteNotFoundError,
    grpc.StatusCode.PERMISSION_DENIED: RemotePermissionDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: RemoteUnauthenticatedError,
}

_ADVICE: Final = {
    grpc.StatusCode.UNAVAILABLE: "check the address and that the server runs, or try again later",
    grpc.StatusCode.DEADLINE_EXCEEDED: "try again, or allow more time with timeout=",
    grpc.StatusCode.ABORTED: "read again what is there now, and repeat the change on top of it",
    grpc.StatusCode.UNIMPLEMENTED: "the server does not have this method: update it, or do without",
}


class _Ended(Protocol):
    """A call that ended with an error: ``grpc.Call`` and ``grpc.aio.AioRpcError`` are both so."""

    def code(self) -> grpc.StatusCode: ...

    def details(self) -> str | None: ...

    def trailing_metadata(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Details:
    reason: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    violations: tuple[tuple[str, str], ...] = ()
    retry_after_s: float | None = None
    request_id: str = ""


def _message_classes() -> dict[str, Any]:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="greencloud/client/status.proto", package="greencloud.client", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        added = file.message_type.add(name=name)
        for label, number, kind, of in fields:
            repeated = field.LABEL_REPEATED if of.startswith("*") else field.LABEL_OPTIONAL
            type_name = f".greencloud.client.{of.removeprefix('*')}" if of else None
            added.field.add(name=label, number=number, type=kind, label=repeated, type_name=type_name)

    text, octets, nested = field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE
    message("Packed", ("type_url", 1, text, ""), ("value", 2, octets, ""))
    message("Status", ("code", 1, field.TYPE_INT32, ""), ("message", 2, text, ""), ("details", 3, nested, "*Packed"))
    message("Entry", ("key", 1, text, ""), ("value", 2, text, ""))
    message("ErrorInfo", ("reason", 1, text, ""), ("domain", 2, text, ""), ("metadata", 3, nested, "*Entry"))
    message("Violation", ("field", 1, text, ""), ("description", 2, text, ""))
    message("BadRequest", ("violations", 1, nested, "*Violation"))
    message("Duration", ("seconds", 1, field.TYPE_INT64, ""), ("nanos", 2, field.TYPE_INT32, ""))
    message("RetryInfo", ("delay", 1, nested, "Duration"))
    message("RequestInfo", ("request_id", 1, text, ""))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"greencloud.client.{name}"))
        for name in ("Status", "ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo")
    }


_MESSAGES: Final = _message_classes()


def error_from(error: _Ended, request_id: str = "") -> RemoteError:
    """The error that the status of an ended call stands for. ``request_id`` is the one that was sent."""
    code, text = error.code(), error.details() or ""
    found = _details_of(error.trailing_metadata())
    metadata = dict(found.metadata)
    advice = metadata.pop("advice", "") or _ADVICE.get(code, "")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not advice:
        after = "later" if found.retry_after_s is None else f"after {found.retry_after_s:g} s"
        advice = f"ask less often, or try again {after}"
    return _KINDS.get(code, RemoteError)(
        text.removesuffix("; " + "; ".join(advice.splitlines())) or code.name,
        code=code.name,
        remote_reason=found.reason,
        advice=advice,
        metadata=metadata,
        request_id=found.request_id or request_id,
        retry_after_s=found.retry_after_s,
        violations=found.violations,
    )


def _details_of(trailers: Any) -> _Details:
    packed = next((value for key, value in trailers or () if key == "grpc-status-details-bin"), None)
    if packed is None:
        return _Details()
    try:
        told: dict[str, Any] = {}
        for detail in _MESSAGES["Status"].FromString(packed).details:
            name = detail.type_url.rpartition("/")[2].removeprefix("google.rpc.")
            if name in _MESSAGES:
                told.setdefault(name, _MESSAGES[name].FromString(detail.value))
    except ProtobufDecodeError:  # a proxy's own idea of details; the code and the text still count
        return _Details()
    info, bad, retry, request = (told.get(name) for name in ("ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"))
    return _Details(
        reason=info.reason if info else "",
        metadata=tuple((entry.key, entry.value) for entry in info.metadata) if info else (),
        violations=tuple((each.field, each.description) for each in bad.violations) if bad else (),
        retry_after_s=retry.delay.seconds + retry.delay.nanos / 1e9 if retry else None,
        request_id=request.request_id if request else "",
    )
