"""From our errors to gRPC statuses: one table, and the details that say what to do (AIP-193).

An answer carries ``google.rpc.Status`` with ErrorInfo (``reason``, domain ``greencloud``, the error's fields), BadRequest where
fields of the request are at fault, RetryInfo where trying again will help, and the request id. RetryInfo goes out twice, in the
status details and as the trailer ``google.rpc.retryinfo-bin``, because OTLP clients look in one or the other.

What concerns the provider's disks and books is told to the provider only. What nobody expected is INTERNAL with nothing but the
request id on the API; on OTLP methods it is UNAVAILABLE, because there INTERNAL makes clients drop what they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from greencloud.errors import (
    AllocationError,
    AmountRangeError,
    ConflictError,
    DecodeError,
    FacilityError,
    GoalError,
    GreencloudError,
    LeaseLostError,
    LogLostError,
    LogUnavailableError,
    MissingExtraError,
    NotFoundError,
    PermissionDeniedError,
    ProofError,
    QuantityError,
    StoppedError,
    StorageFullError,
    StoreError,
    StoreUnavailableError,
    TooLargeError,
    UnauthenticatedError,
    UnbalancedError,
    UsageDataError,
)

__all__ = [
    "STATUS",
    "Answer",
    "AuthFileError",
    "BusyError",
    "DeadlineError",
    "LapsedError",
    "ListenError",
    "QuotaError",
    "RequestError",
    "UnimplementedError",
    "abort",
    "answer_to",
    "status_of",
]


class RequestError(GreencloudError, ValueError):
    """A request whose fields are wrong; ``violations`` are (field, what is wrong) pairs."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in violations))
        self.violations = tuple(violations)

    def fields(self) -> dict[str, str]:
        return {}


class UnimplementedError(GreencloudError):
    """A method that this server does not have."""

    reason = "UNIMPLEMENTED"


class BusyError(GreencloudError):
    """More work at once than the server takes. Try again after ``retry_after_s`` seconds. ``cause`` is for the metrics."""

    reason = "BUSY"
    exit_code = 6

    def __init__(self, message: str, *, retry_after_s: float = 1.0, cause: str = "busy") -> None:
        super().__init__(message, advice="try again shortly")
        self.retry_after_s = retry_after_s
        self.cause = cause


class QuotaError(GreencloudError):
    """An account asks more of the API than it may. Try again after ``retry_after_s`` seconds.

    ``account`` is "" for the provider; ``limit`` says in words what it is over. For telemetry it is a ``BusyError``, because OTLP
    clients drop what they hold at RESOURCE_EXHAUSTED.
    """

    reason = "QUOTA_EXCEEDED"
    exit_code = 6

    def __init__(self, account: str, limit: str, *, retry_after_s: float = 1.0, cause: str = "requests") -> None:
        super().__init__(
            f"{f'account {account!r}' if account else 'the provider'} is over its limit of {limit}", advice="ask less often"
        )
        self.account = account
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.cause = cause


class LapsedError(GreencloudError):
    """A stream that went out for as long as one may, or as its credential holds. What is left comes by its resume token."""

    reason = "STREAM_LAPSED"
    exit_code = 6
    retry_after_s = 1.0


class DeadlineError(GreencloudError):
    """There is no answer by the time that a method has where its caller brought no deadline."""

    reason = "DEADLINE_EXCEEDED"
    exit_code = 6


class ListenError(GreencloudError):
    """The server cannot listen where it was asked to."""

    reason = "LISTEN_FAILED"


class AuthFileError(GreencloudError, ValueError):
    """The auth file at ``path`` is wrong, at ``key``."""

    reason = "INVALID_AUTH_FILE"

    def __init__(self, message: str, *, path: str = "", key: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.path = path
        self.key = key


STATUS: Final[dict[type[GreencloudError], grpc.StatusCode]] = {
    QuantityError: grpc.StatusCode.INVALID_ARGUMENT,
    RequestError: grpc.StatusCode.INVALID_ARGUMENT,
    TooLargeError: grpc.StatusCode.INVALID_ARGUMENT,
    AmountRangeError: grpc.StatusCode.OUT_OF_RANGE,
    StoppedError: grpc.StatusCode.CANCELLED,
    DecodeError: grpc.StatusCode.INVALID_ARGUMENT,
    UsageDataError: grpc.StatusCode.FAILED_PRECONDITION,
    FacilityError: grpc.StatusCode.FAILED_PRECONDITION,
    AllocationError: grpc.StatusCode.FAILED_PRECONDITION,
    GoalError: grpc.StatusCode.FAILED_PRECONDITION,
    MissingExtraError: grpc.StatusCode.FAILED_PRECONDITION,
    UnbalancedError: grpc.StatusCode.INTERNAL,
    StoreError: grpc.StatusCode.UNAVAILABLE,
    StorageFullError: grpc.StatusCode.UNAVAILABLE,
    LeaseLostError: grpc.StatusCode.UNAVAILABLE,
    LogLostError: grpc.StatusCode.UNAVAILABLE,
    LogUnavailableError: grpc.StatusCode.UNAVAILABLE,
    StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
    ProofError: grpc.StatusCode.FAILED_PRECONDITION,
    BusyError: grpc.StatusCode.UNAVAILABLE,
    LapsedError: grpc.StatusCode.UNAVAILABLE,
    DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
    ConflictError: grpc.StatusCode.ABORTED,
    QuotaError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    UnimplementedError: grpc.StatusCode.UNIMPLEMENTED,
    GreencloudError: grpc.StatusCode.INTERNAL,
}
"""The nearest class in the error's ancestry counts."""

_TOLD_TO_ALL: Final = (
    QuantityError,
    RequestError,
    TooLargeError,
    AmountRangeError,
    StoppedError,
    DecodeError,
    BusyError,
    LapsedError,
    DeadlineError,
    ConflictError,
    QuotaError,
    UnauthenticatedError,
    PermissionDeniedError,
    NotFoundError,
    UnimplementedError,
)

# Clients take 8 KiB of trailers, and a character may cost 12 bytes there.
_MESSAGE_BYTES = 640
_FIELD_BYTES = 128
_MOST_FIELDS = 8
_MOST_VIOLATIONS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A status as it goes out. ``expected`` is False for what must be looked into: its traceback is logged."""

    code: grpc.StatusCode
    message: str
    details: status_pb2.Status
    retry: error_details_pb2.RetryInfo | None
    expected: bool = True


def status_of(error: BaseException) -> grpc.StatusCode:
    """The status that an error becomes; INTERNAL for what nobody expected."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), grpc.StatusCode.INTERNAL)


def answer_to(error: Exception, *, request_id: str, otlp: bool, provider: bool) -> Answer:
    """What the caller is told of an error."""
    expected = isinstance(error, GreencloudError)
    known = error if isinstance(error, GreencloudError) else GreencloudError("")
    code = status_of(known)
    if otlp and code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED):
        code = grpc.StatusCode.UNAVAILABLE
    told = expected and (provider or isinstance(known, _TOLD_TO_ALL))
    if told:
        text, fields = _one_line(known), known.fields() | ({"advice": known.advice} if known.advice else {})
    else:
        text, fields = f"the server could not do this; give its operator the request id {request_id}", {}
    delay = getattr(known, "retry_after_s", 2.0 if otlp and code is grpc.StatusCode.UNAVAILABLE else None)
    retry = None if delay is None else error_details_pb2.RetryInfo(retry_delay=_duration(delay))
    reason = known.reason if expected else "INTERNAL"
    status = status_pb2.Status(code=code.value[0], message=_cut(text, _MESSAGE_BYTES))
    metadata = {key: _cut(value, _FIELD_BYTES) for key, value in list(fields.items())[:_MOST_FIELDS]}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain="greencloud", metadata=metadata)]
    if isinstance(known, RequestError):
        details.append(_bad_request(known.violations))
    if isinstance(known, QuotaError):
        subject, limit = f"account:{known.account}" if known.account else "provider", _cut(known.limit, _FIELD_BYTES)
        violation = error_details_pb2.QuotaFailure.Violation(subject=_cut(subject, _FIELD_BYTES), description=limit)
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if retry is not None:
        details.append(retry)
    details.append(error_details_pb2.RequestInfo(request_id=request_id))
    for detail in details:
        status.details.add().Pack(detail)
    return Answer(code, status.message, status, retry, expected)


def abort(context: grpc.ServicerContext, answer: Answer) -> NoReturn:
    """End the call with the answer. No initial metadata: some clients retry on a trailers-only answer only."""
    trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", answer.details.SerializeToString())]
    if answer.retry is not None:
        trailers.append(("google.rpc.retryinfo-bin", answer.retry.SerializeToString()))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(answer.code, answer.message)
    raise AssertionError("abort raises")


def _one_line(error: GreencloudError) -> str:
    """What and then what to do: a line break would reach logs of clients as %0A, or cut their line in two."""
    return "; ".join(str(error).splitlines())


def _bad_request(violations: Sequence[tuple[str, str]]) -> error_details_pb2.BadRequest:
    shown = violations[:_MOST_VIOLATIONS]
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=_cut(field, _FIELD_BYTES), description=_cut(text, _FIELD_BYTES))
            for field, text in shown
        ]
    )


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1_000_000_000))


def _cut(text: str, limit: int) -> str:
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= limit else encoded[: limit - 3].decode(errors="ignore") + "..."
