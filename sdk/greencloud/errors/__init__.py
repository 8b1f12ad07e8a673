"""One root for everything that greencloud raises.

An error says what was wrong, where, and what to do next: ``message`` is the first two, ``advice`` the third, and every part that
varies is a field, so that a program need not read prose. ``reason`` is the UPPER_SNAKE word that travels over gRPC in
``google.rpc.ErrorInfo`` (AIP-193); ``exit_code`` is what the command line ends with.

::

    GreencloudError                 GREENCLOUD_ERROR
    ├── QuantityError (ValueError)  INVALID_QUANTITY     a number, unit, time or window that cannot be read
    ├── TooLargeError (ValueError)  ANSWER_TOO_LARGE     an answer of more rows, or of more memory, than are given
    ├── AmountRangeError (ArithmeticError) AMOUNT_OUT_OF_RANGE  a sum beyond 64 bits
    ├── StoppedError                STOPPED              nobody waits for it any more
    ├── FacilityError (ValueError)  INVALID_FACILITY     path, line, key: the facility book
    ├── ConflictError               CONFLICT             in_force: somebody else changed it first
    ├── UsageDataError (ValueError) INVALID_USAGE        path, row: usage files and tables
    ├── DecodeError (ValueError)    INVALID_OTLP         bytes that are not OTLP
    ├── AllocationError             ALLOCATION_REFUSED   site, window, host: what is not known is refused, never guessed
    ├── UnbalancedError             UNBALANCED           residual per measure
    ├── GoalError (ValueError)      INVALID_GOAL         path, key
    ├── ProofError (ValueError)     INVALID_PROOF        account: a close, statement or log of roots that does not hold
    ├── StoreError                  STORE_ERROR          path: torn, newer, locked or full
    │   ├── StorageFullError        STORAGE_FULL         retry_after_s
    │   ├── LeaseLostError          LEASE_LOST           another writer has taken over
    │   └── LogLostError            LOG_LOST             messages of a shared log are gone
    ├── LogUnavailableError         LOG_UNAVAILABLE      retry_after_s: a shared log does not answer, or is not followed
    ├── StoreUnavailableError       STORE_UNAVAILABLE    path: object storage does not answer
    ├── MissingExtraError (ImportError) MISSING_EXTRA    extra: the pip extra that brings it
    ├── UnauthenticatedError        UNAUTHENTICATED
    ├── PermissionDeniedError       PERMISSION_DENIED
    ├── NotFoundError (LookupError) NOT_FOUND
    ├── ConfigError (ValueError)    INVALID_CONFIG       path, line, key: what a client is set up with
    └── RemoteError                 code, reason, metadata, request_id, retry_after_s, violations: what a server answered
        ├── InvalidArgumentError (ValueError) INVALID_ARGUMENT
        ├── FailedPreconditionError FAILED_PRECONDITION
        ├── RateLimitedError        RATE_LIMITED
        └── UnavailableError        UNAVAILABLE
            └── DeadlineExceededError (TimeoutError) DEADLINE_EXCEEDED

What a server answers is always a RemoteError. Where it stands for one of the classes above, as NotFoundError, it is that as well.
"""

from greencloud.errors.local import (
    AllocationError,
    AmountRangeError,
    ConfigError,
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
from greencloud.errors.remote import (
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    RateLimitedError,
    RemoteError,
    UnavailableError,
)

__all__ = [
    "AllocationError",
    "AmountRangeError",
    "ConfigError",
    "ConflictError",
    "DeadlineExceededError",
    "DecodeError",
    "FacilityError",
    "FailedPreconditionError",
    "GoalError",
    "GreencloudError",
    "InvalidArgumentError",
    "LeaseLostError",
    "LogLostError",
    "LogUnavailableError",
    "MissingExtraError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProofError",
    "QuantityError",
    "RateLimitedError",
    "RemoteError",
    "StoppedError",
    "StorageFullError",
    "StoreError",
    "StoreUnavailableError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnbalancedError",
    "UsageDataError",
]
