"""One accepted export request: what is logged before it is acknowledged, and all that the rest of the room is computed from.

``account`` and ``role`` come from the credential that the request arrived with, never from its payload (law 4). ``payload`` is the
protobuf of an OTLP ``Export…ServiceRequest``, the very bytes that came: items that admission rejected are still in it, and are
judged again, equally, wherever it is read. ``live`` says whether it came over the network, so that times are judged against the
time of its receipt, or out of a file, which may be of any time.

``first_ns`` and ``last_ns`` bound the times of its items, so that a reader who looks for some hours can leave a record closed;
``late`` says that some of them, which the bounds leave out, came after the horizon and wait for their dead-letter file.

A payload that shrinks very much is logged deflated: sixty kilobytes on the wire may be sixty megabytes of the same byte, and nobody
shall fill the disk by that.

In the log a record is: signal, role and flags (1 live, 2 late, 4 deflated; one byte each), length of the account (u16), length of
the payload (u32), time of receipt, first and last (i64 nanoseconds each), then account and payload; little-endian. Records of
format 1 had no flags and no bounds: they are as from a file, since what was rejected is not in them. In format 3, of what came by
a shared log (``shared_log``), the place there goes before each record of format 2: position (u64), length of the log's name (u16),
name.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from isal import isal_zlib

from greencloud.errors import DecodeError

__all__ = [
    "EVER_NS",
    "FORMAT",
    "PLACED_FORMAT",
    "ROLES",
    "SIGNALS",
    "Head",
    "Record",
    "heads",
    "pack",
    "placed",
    "record_at",
    "unpack",
]

SIGNALS: Final = ("traces", "metrics")
ROLES: Final = ("provider", "tenant")
EVER_NS: Final = (1 << 63) - 1

_HEADS: Final = {1: struct.Struct("<BBHIq"), 2: struct.Struct("<BBBxHxxIqqq")}
FORMAT: Final = max(_HEADS)
PLACED_FORMAT: Final = 3
_PLACE: Final = struct.Struct("<QH")
_LIVE, _LATE, _DEFLATED = 1, 2, 4
_LARGE_BYTES: Final = 256 << 10
_SAMPLE_BYTES: Final = 32 << 10
_SHRINKS: Final = 16  # telemetry shrinks by four or five; what shrinks more says next to nothing
_LARGEST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Record:
    """An export request of ``account`` (empty for a provider's agent that speaks for no one account)."""

    signal: str
    role: str
    account: str
    received_ns: int
    payload: bytes
    live: bool = False
    first_ns: int = 0
    last_ns: int = EVER_NS
    late: bool = False

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise DecodeError(f"signal {self.signal!r} is not kept", advice=f"send one of {', '.join(SIGNALS)}")
        if self.role not in ROLES:
            raise DecodeError(f"role {self.role!r} does not exist", advice=f"use one of {', '.join(ROLES)}")


class Head(NamedTuple):
    """All of a record but its texts, and where in the frame they are. ``log`` and ``position``: its place in a shared log, if it
    came by one; positions begin at 1."""

    signal: str
    role: str
    live: bool
    received_ns: int
    first_ns: int
    last_ns: int
    late: bool
    deflated: bool
    account_at: int
    payload_at: int
    end: int
    log: str = ""
    position: int = 0

    def overlaps(self, first_ns: int, until_ns: int) -> bool:
        """Whether items of it may be of ``[first_ns, until_ns)``."""
        return self.first_ns < until_ns and self.last_ns >= first_ns


def pack(record: Record) -> list[bytes]:
    """The record as the log holds it, in pieces, so that the payload is not copied to be laid behind its head."""
    account = record.account.encode()
    payload = _deflated(record.payload)
    shrunk = payload is not record.payload
    head = _HEADS[FORMAT].pack(
        SIGNALS.index(record.signal),
        ROLES.index(record.role),
        _LIVE * record.live | _LATE * record.late | _DEFLATED * shrunk,
        len(account),
        len(payload),
        record.received_ns,
        record.first_ns,
        record.last_ns,
    )
    return [head + account, payload]


def placed(log: str, position: int, packed: bytes) -> list[bytes]:
    """A packed record of a shared log as a log of format 3 holds it."""
    name = log.encode()
    return [_PLACE.pack(position, len(name)) + name, packed]


def _deflated(payload: bytes) -> bytes:
    """The payload, or if a sample of it shrinks very much, what it shrinks to."""
    if len(payload) < _LARGE_BYTES:
        return payload
    middle = len(payload) // 2
    sample = isal_zlib.compress(payload[middle : middle + _SAMPLE_BYTES], 1)
    if len(sample) * _SHRINKS > _SAMPLE_BYTES:
        return payload
    shrunk = isal_zlib.compress(payload, 1)
    return bytes(shrunk) if len(shrunk) * _SHRINKS <= len(payload) else payload


def heads(body: memoryview, version: int = FORMAT) -> Iterator[Head]:
    """The heads of the records of one whole frame.

    Raises:
        DecodeError: the bytes are not records laid end to end.
    """
    head = _HEADS[min(version, FORMAT)]
    at = position = 0
    log = ""
    while at < len(body):
        try:
            if version == PLACED_FORMAT:
                position, length = _PLACE.unpack_from(body, at)
                at += _PLACE.size + length
                log = str(body[at - length : at], "utf-8")
            if version == 1:
                signal, role, account_length, length, received_ns = head.unpack_from(body, at)
                flags, first_ns, last_ns = 0, 0, EVER_NS
            else:
                signal, role, flags, account_length, length, received_ns, first_ns, last_ns = head.unpack_from(body, at)
            account_at = at + head.size
            payload_at = account_at + account_length
            end = payload_at + length
            if end > len(body):
                raise DecodeError(f"a record at byte {at} of its frame is longer than the frame")
            live, late, deflated = bool(flags & _LIVE), bool(flags & _LATE), bool(flags & _DEFLATED)
            kind = SIGNALS[signal], ROLES[role], live
            yield Head(*kind, received_ns, first_ns, last_ns, late, deflated, account_at, payload_at, end, log, position)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise DecodeError(f"no record at byte {at} of its frame: {error}") from None
        at = end


def record_at(body: memoryview, head: Head) -> Record:
    """The whole record of a head."""
    try:
        account = str(body[head.account_at : head.payload_at], "utf-8")
        payload = bytes(body[head.payload_at : head.end])
        if head.deflated:
            payload = zlib.decompressobj().decompress(payload, _LARGEST_BYTES)
    except (UnicodeDecodeError, zlib.error) as error:
        raise DecodeError(f"no record at byte {head.account_at} of its frame: {error}") from None
    return Record(
        head.signal,
        head.role,
        account,
        head.received_ns,
        payload,
        head.live,
        head.first_ns,
        head.last_ns,
        head.late,
    )


def unpack(body: memoryview, version: int = FORMAT) -> Iterator[Record]:
    """The records of one whole frame.

    Raises:
        DecodeError: the bytes are not records laid end to end.
    """
    for head in heads(body, version):
        yield record_at(body, head)
