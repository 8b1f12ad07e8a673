"""OTLP intake: four methods that take raw bytes and answer when the bytes are durable.

The handlers have no deserializer: what a request holds is decided by ``Intake.admit`` in one pass, and what was kept is appended
to the write-ahead log before the answer goes out, because a client lets go of what was acknowledged. The answer is empty, or says
how many spans or data points were rejected; those the client must not send again.

Traces and metrics are kept. Logs and profiles hold no use of energy: they are accepted and discarded with a warning, because
stock distributions send them by default and would log an error for each batch that is refused.

grpcio holds one message for each worker thread; ``BytesInFlight`` bounds what is being worked on together, and beyond it clients
are asked to try again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import grpc

from greencloud.server.auth import caller
from greencloud.server.errors import BusyError
from greencloud.units import microseconds_of

__all__ = ["METHODS", "Admission", "Admit", "Append", "BytesInFlight", "Intake", "intake_handlers", "partial_success"]

METHODS: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService": "profiles",
}
"""Service name to signal; each has the one method ``Export``."""

_KEPT: Final = ("traces", "metrics")
_LONGEST_MESSAGE: Final = 1024


class Admission(Protocol):
    """What is kept of a request; ``greencloud.telemetry.Admission`` is one."""

    @property
    def payload(self) -> bytes: ...

    @property
    def rejected(self) -> int: ...

    @property
    def message(self) -> str: ...


class Admit(Protocol):
    """Decides what is kept of a request. Raises DecodeError for bytes that are not OTLP."""

    def __call__(self, signal: str, payload: bytes, *, role: str, account: str) -> Admission: ...


class Append(Protocol):
    """Returns when the payload is durable. Raises StorageFullError, leaving what is stored unharmed."""

    def __call__(self, *, signal: str, role: str, account: str, received_ns: int, payload: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Intake:
    """Where telemetry goes."""

    admit: Admit
    append: Append


class BytesInFlight:
    """A semaphore that counts bytes and never waits. One request is always taken, however large."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Raises BusyError when the limit would be passed."""
        with self._lock:
            if self._held and self._held + size > self._limit:
                raise BusyError("the server holds as much telemetry in flight as it can", retry_after_s=2.0)
            self._held += size
        try:
            yield
        finally:
            with self._lock:
                self._held -= size


def intake_handlers(intake: Intake, *, clock: Callable[[], datetime], limit: int = 64 << 20) -> tuple[grpc.GenericRpcHandler, ...]:
    """Generic handlers of the four OTLP services, raw bytes in and out."""
    in_flight = BytesInFlight(limit)

    def keep(signal: str) -> Callable[[bytes, Any], bytes]:
        def export(payload: bytes, _context: Any) -> bytes:
            principal = caller()
            received_ns = microseconds_of(clock()) * 1000
            with in_flight.hold(len(payload)):
                admitted = intake.admit(signal, payload, role=principal.role, account=principal.account)
                if admitted.payload:
                    intake.append(
                        signal=signal,
                        role=principal.role,
                        account=principal.account,
                        received_ns=received_ns,
                        payload=admitted.payload,
                    )
            return partial_success(admitted.rejected, admitted.message)

        return export

    def discard(signal: str) -> Callable[[bytes, Any], bytes]:
        warning = partial_success(0, f"greencloud does not use {signal}: they were accepted and discarded")

        def export(_payload: bytes, _context: Any) -> bytes:
            return warning

        return export

    return tuple(
        grpc.method_handlers_generic_handler(
            service,
            {"Export": grpc.unary_unary_rpc_method_handler(keep(signal) if signal in _KEPT else discard(signal))},
        )
        for service, signal in METHODS.items()
    )


def partial_success(rejected: int, message: str) -> bytes:
    """An ``Export*ServiceResponse``: empty on full success.

    All four signals share the numbers: partial_success = 1 { rejected_spans, _data_points, ... = 1; error_message = 2 }.
    """
    if not rejected and not message:
        return b""
    text = message.encode(errors="replace")[:_LONGEST_MESSAGE].decode(errors="ignore").encode()
    inner = (b"\x08" + _varint(rejected) if rejected else b"") + (b"\x12" + _varint(len(text)) + text if text else b"")
    return b"\x0a" + _varint(len(inner)) + inner


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
