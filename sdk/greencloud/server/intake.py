"""OTLP intake: four methods that take raw bytes and answer when the bytes are durable.

The handlers have no deserializer: ``Intake.take`` judges a request in one pass and makes it durable before the answer goes out,
because a client lets go of what was acknowledged. The answer is empty, or says how many spans or data points were rejected;
those the client must not send again.

Traces and metrics are kept. Logs and profiles hold no use of energy: they are accepted and discarded with a warning, because
stock distributions send them by default and would log an error for each batch that is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import grpc

from greencloud.server.auth import caller
from greencloud.server.counts import Counts
from greencloud.server.credentials import Principal
from greencloud.units import microseconds_of

__all__ = ["METHODS", "SIGNALS", "Intake", "Take", "Taken", "intake_handlers", "partial_success"]

METHODS: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService": "profiles",
}
"""Service name to signal; each has the one method ``Export``."""

SIGNALS: Final = {f"/{service}/Export": signal for service, signal in METHODS.items()}

_KEPT: Final = ("traces", "metrics")
_LONGEST_MESSAGE: Final = 1024


class Taken(NamedTuple):
    """What became of a request: spans or points rejected and why, how many were kept, and the latest time in them (0: unknown)."""

    rejected: int = 0
    message: str = ""
    items: int = 0
    newest_ns: int = 0


class Take(Protocol):
    """Judges a request and returns when what is kept of it is durable.

    Raises DecodeError for bytes that are not OTLP, StorageFullError where there is no room; nothing is kept then.
    """

    def __call__(self, signal: str, payload: bytes, principal: Principal, received_ns: int) -> Taken: ...


@dataclass(frozen=True, slots=True)
class Intake:
    """Where telemetry goes."""

    take: Take


def intake_handlers(intake: Intake, *, clock: Callable[[], datetime], counts: Counts) -> tuple[grpc.GenericRpcHandler, ...]:
    """Generic handlers of the four OTLP services, raw bytes in and out."""
    take = intake.take

    def keep(signal: str) -> Callable[[bytes, Any], bytes]:
        def export(payload: bytes, _context: Any) -> bytes:
            principal = caller()
            received_ns = microseconds_of(clock()) * 1000
            began = time.monotonic()
            taken = take(signal, payload, principal, received_ns)
            counts.took(
                signal,
                principal.account,
                len(payload),
                items=taken.items,
                rejected=taken.rejected,
                seconds=time.monotonic() - began,
                lag_s=(received_ns - taken.newest_ns) / 1e9 if taken.newest_ns else 0.0,
            )
            return partial_success(taken.rejected, taken.message)

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
