"""What a server answered, as errors: one class for each kind of answer that a caller may act on.

The client makes them from the gRPC status and the ``google.rpc`` details beside it (AIP-193). The whole tree is drawn in
``greencloud.errors``, from where the classes are imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greencloud.errors.local import GreencloudError

__all__ = [
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "RateLimitedError",
    "RemoteError",
    "UnavailableError",
]


class RemoteError(GreencloudError):
    """What a server answered.

    Attributes:
        code: the gRPC status by name.
        reason: the server's ``ErrorInfo.reason``; where it gave none, the word of the class.
        remote_reason: the same; "" where it gave none.
        metadata: the parts of the message that vary (``ErrorInfo.metadata``).
        request_id: by which the server's log tells of the call; that of the client where the server was not reached.
        retry_after_s: when to try again, where the server said so.
        violations: (field of the request, what is wrong with it).
    """

    reason = "REMOTE_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        remote_reason: str = "",
        advice: str = "",
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
        violations: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message, advice=advice)
        self.code = code
        self.reason = remote_reason or type(self).reason
        self.remote_reason = remote_reason
        self.metadata = dict(metadata or {})
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.violations = tuple(violations)

    def fields(self) -> dict[str, str]:
        return {"code": self.code, "remote_reason": self.remote_reason} if self.remote_reason else {"code": self.code}


class InvalidArgumentError(RemoteError, ValueError):
    """The request is wrong whatever the state of the server; ``violations`` name its fields."""

    reason = "INVALID_ARGUMENT"


class FailedPreconditionError(RemoteError):
    """The request is right, and what the server has does not allow it yet: a facility book without a factor, an open period."""

    reason = "FAILED_PRECONDITION"


class RateLimitedError(RemoteError):
    """More than this credential may ask for. Never tried again by itself; ``retry_after_s`` says when it will be answered."""

    reason = "RATE_LIMITED"
    exit_code = 6


class UnavailableError(RemoteError):
    """The server cannot be reached, or asks to be tried again later."""

    reason = "UNAVAILABLE"
    exit_code = 6


class DeadlineExceededError(UnavailableError, TimeoutError):
    """The time that the call was given ran out. Whether the server did what it was asked is not known."""

    reason = "DEADLINE_EXCEEDED"
