"""The root, and what goes wrong on this side of the wire: in a file, a figure, a store or a credential.

The whole tree is drawn in ``greencloud.errors``, from where the classes are imported.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AllocationError",
    "AmountRangeError",
    "ConfigError",
    "ConflictError",
    "DecodeError",
    "FacilityError",
    "GoalError",
    "GreencloudError",
    "LeaseLostError",
    "LogLostError",
    "LogUnavailableError",
    "MissingExtraError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProofError",
    "QuantityError",
    "StoppedError",
    "StorageFullError",
    "StoreError",
    "StoreUnavailableError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnbalancedError",
    "UsageDataError",
]


class GreencloudError(Exception):
    """The root. ``str(error)`` is the message, then the advice.

    Attributes:
        message: what was wrong, and where.
        advice: what to do about it; may be empty.
        reason: the word of the class; of a RemoteError that of the server.
    """

    reason: str = "GREENCLOUD_ERROR"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message

    def fields(self) -> dict[str, str]:
        """The parts that vary, as strings (``ErrorInfo.metadata``)."""
        skip = {"message", "advice"}
        return {key: str(value) for key, value in vars(self).items() if key not in skip and value not in (None, "")}


class QuantityError(GreencloudError, ValueError):
    """A number, unit, time or window that cannot be read."""

    reason = "INVALID_QUANTITY"


class TooLargeError(GreencloudError, ValueError):
    """An answer of more rows than are given at once."""

    reason = "ANSWER_TOO_LARGE"


class AmountRangeError(GreencloudError, ArithmeticError):
    """A sum that does not fit the 64 bits of a column."""

    reason = "AMOUNT_OUT_OF_RANGE"


class StoppedError(GreencloudError):
    """Work that was given up because nobody waits for it any more."""

    reason = "STOPPED"


class FacilityError(GreencloudError, ValueError):
    """The facility book is wrong at ``path``, ``line`` (1-based, 0 when a whole file is meant) and ``key``."""

    reason = "INVALID_FACILITY"

    def __init__(self, message: str, *, path: str = "", line: int = 0, key: str = "", advice: str = "") -> None:
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message, advice=advice)
        self.path = path
        self.line = line
        self.key = key


class ConflictError(GreencloudError):
    """Something is not in the state that the caller took it for; ``in_force`` is the revision that it has."""

    reason = "CONFLICT"

    def __init__(self, message: str, *, in_force: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.in_force = in_force


class UsageDataError(GreencloudError, ValueError):
    """A usage table is wrong at ``row`` (0-based; -1 when the whole table is meant) of ``path``."""

    reason = "INVALID_USAGE"

    def __init__(self, message: str, *, path: str = "", row: int = -1, advice: str = "") -> None:
        where = f"{path}: " if path else ""
        at = f"row {row}: " if row >= 0 else ""
        super().__init__(where + at + message, advice=advice)
        self.path = path
        self.row = row


class DecodeError(GreencloudError, ValueError):
    """Bytes that are not the OTLP message that they claim to be."""

    reason = "INVALID_OTLP"


class AllocationError(GreencloudError):
    """A site-window that cannot be allocated, because something that it needs is not known."""

    reason = "ALLOCATION_REFUSED"

    def __init__(self, message: str, *, site: str = "", window: str = "", host: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.site = site
        self.window = window
        self.host = host


class UnbalancedError(GreencloudError):
    """Postings that do not add up to what was metered; ``residual`` is metered minus posted, by measure."""

    reason = "UNBALANCED"

    def __init__(self, message: str, *, residual: dict[str, int], advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.residual = residual


class GoalError(GreencloudError, ValueError):
    """A goal, base year or inventory that contradicts itself."""

    reason = "INVALID_GOAL"

    def __init__(self, message: str, *, path: str = "", key: str = "", advice: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, advice=advice)
        self.path = path
        self.key = key


class ProofError(GreencloudError, ValueError):
    """A period that cannot be closed, or a statement, root or log that does not hold; ``account`` where it is about one."""

    reason = "INVALID_PROOF"
    exit_code = 7

    def __init__(self, message: str, *, account: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.account = account


class StoreError(GreencloudError):
    """A data directory that cannot be read or written at ``path``."""

    reason = "STORE_ERROR"

    def __init__(self, message: str, *, path: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.path = path


class StorageFullError(StoreError):
    """No room to keep what was sent; nothing stored was harmed. Try again after ``retry_after_s`` seconds."""

    reason = "STORAGE_FULL"
    exit_code = 6

    def __init__(self, message: str, *, path: str = "", retry_after_s: float = 2.0, advice: str = "") -> None:
        super().__init__(message, path=path, advice=advice)
        self.retry_after_s = retry_after_s


class LeaseLostError(StoreError):
    """The writer's lease is held by another one now; nothing was posted."""

    reason = "LEASE_LOST"
    exit_code = 6


class LogLostError(StoreError):
    """What was to be followed of a shared log is gone, or the log is another one; nothing after it was taken."""

    reason = "LOG_LOST"


class LogUnavailableError(GreencloudError):
    """A shared log does not answer, or was not followed up to its end. Try again after ``retry_after_s`` seconds."""

    reason = "LOG_UNAVAILABLE"
    exit_code = 6

    def __init__(self, message: str, *, retry_after_s: float = 2.0, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.retry_after_s = retry_after_s


class StoreUnavailableError(GreencloudError):
    """Object storage does not answer, or refuses, at ``path``; nothing is known of what is there.

    It is no StoreError, which says that something is damaged: that may be repaired by posting it again, and this may not.
    """

    reason = "STORE_UNAVAILABLE"
    exit_code = 6

    def __init__(self, message: str, *, path: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.path = path


class MissingExtraError(GreencloudError, ImportError):
    """A library that comes with an extra of the distribution is not installed."""

    reason = "MISSING_EXTRA"

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs libraries that are not installed", advice=f"pip install 'greencloud[{extra}]'")
        self.extra = extra


class UnauthenticatedError(GreencloudError):
    """No credential, or one that does not hold."""

    reason = "UNAUTHENTICATED"
    exit_code = 4


class PermissionDeniedError(GreencloudError):
    """The credential does not allow this. The text never says whether the thing exists (AIP-211)."""

    reason = "PERMISSION_DENIED"
    exit_code = 4


class NotFoundError(GreencloudError, LookupError):
    """Something was named that is not there."""

    reason = "NOT_FOUND"
    exit_code = 5


class ConfigError(GreencloudError, ValueError):
    """What a client is set up with is wrong: at ``path``, ``line`` (1-based, 0 when a whole file is meant) and ``key``.

    Of the environment, ``key`` is the variable. A secret is never part of the text.
    """

    reason = "INVALID_CONFIG"

    def __init__(self, message: str, *, path: str = "", line: int = 0, key: str = "", advice: str = "") -> None:
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message, advice=advice)
        self.path = path
        self.line = line
        self.key = key
