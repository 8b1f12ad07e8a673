"""One accepted export request: what is logged before it is acknowledged, and all that the rest of the room is computed from.

``account`` and ``role`` come from the credential that the request arrived with, never from its payload (law 4). ``payload`` is
the protobuf of an OTLP ``Export…ServiceRequest``, after admission.

In the log a record is: signal and role (one byte each), length of the account (u16), length of the payload (u32), time of
receipt (i64 nanoseconds), then account and payload; little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from greencloud.errors import DecodeError

__all__ = ["ROLES", "SIGNALS", "Record", "pack", "unpack"]

SIGNALS: Final = ("traces", "metrics")
ROLES: Final = ("provider", "tenant")

_HEAD: Final = struct.Struct("<BBHIq")


@dataclass(frozen=True, slots=True)
class Record:
    """An export request of ``account`` (empty for a provider's agent that speaks for no one account)."""

    signal: str
    role: str
    account: str
    received_ns: int
    payload: bytes

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise DecodeError(f"signal {self.signal!r} is not kept", advice=f"send one of {', '.join(SIGNALS)}")
        if self.role not in ROLES:
            raise DecodeError(f"role {self.role!r} does not exist", advice=f"use one of {', '.join(ROLES)}")


def pack(record: Record) -> bytes:
    """The record as the log holds it."""
    account = record.account.encode()
    head = _HEAD.pack(SIGNALS.index(record.signal), ROLES.index(record.role), len(account), len(record.payload), record.received_ns)
    return b"".join((head, account, record.payload))


def unpack(body: memoryview) -> Iterator[Record]:
    """The records of one whole frame.

    Raises:
        DecodeError: the bytes are not records laid end to end.
    """
    at = 0
    while at < len(body):
        try:
            signal, role, account_length, length, received_ns = _HEAD.unpack_from(body, at)
            middle = at + _HEAD.size + account_length
            end = middle + length
            if end > len(body):
                raise DecodeError(f"a record at byte {at} of its frame is longer than the frame")
            account = str(body[at + _HEAD.size : middle], "utf-8")
            yield Record(SIGNALS[signal], ROLES[role], account, received_ns, bytes(body[middle:end]))
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise DecodeError(f"no record at byte {at} of its frame: {error}") from None
        at = end
