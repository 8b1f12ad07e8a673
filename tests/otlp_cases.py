"""Requests at random, written byte by byte from the descriptors: valid ones in every form that protobuf takes, and broken ones.

Whoever draws is a seeded ``random.Random``: some thousand requests a second.
"""

from __future__ import annotations

import struct
from random import Random
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

__all__ = ["END", "I32", "I64", "LEN", "START", "VARINT", "group", "message", "mutated", "tag", "varint"]

VARINT, I64, LEN, START, END, I32 = range(6)
_WIRE: Final = {
    FieldDescriptor.TYPE_DOUBLE: I64,
    FieldDescriptor.TYPE_FIXED64: I64,
    FieldDescriptor.TYPE_SFIXED64: I64,
    FieldDescriptor.TYPE_FIXED32: I32,
    FieldDescriptor.TYPE_STRING: LEN,
    FieldDescriptor.TYPE_BYTES: LEN,
    FieldDescriptor.TYPE_MESSAGE: LEN,
}
_LENGTHS: Final = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 127, 128, 129, 300)
_NUMBERS: Final = (
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    256,
    0x300,
    2**31 - 1,
    2**31,
    2**32,
    2**32 + 1,
    2**33 + 2,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_NOW: Final = 1_795_000_000 * 10**9
_TIMES: Final = (
    0, 1, 946_684_800 * 10**9 - 1, 946_684_800 * 10**9, _NOW, _NOW + 1, _NOW + 10**9, _NOW + 7 * 86_400 * 10**9,
    _NOW + 7 * 86_400 * 10**9 + 1, 7_258_118_400 * 10**9 - 1, 7_258_118_400 * 10**9, 2**63, 2**64 - 1,
)  # fmt: skip
_DOUBLES: Final = (0.0, -0.0, 1.5, -1.5, 5e-324, float("inf"), float("-inf"), float("nan"))
_TEXTS: Final = (
    "", "a", "é", "GET /users", "service.name", "cloud.account.id", "greencloud.cpu.time", "greencloud.memory.byte_seconds",
    "greencloud.io.bytes", "greencloud.gpu.time", "greencloud.quality", "greencloud.caller.account", "greencloud.",
    "greencloud.cpu.tim", "exact", "thread", "none", "\x00", "x" * 200, "ÄÖÜ" * 9, "\ud7ff\ue000\U0010ffff", "☃" * 3,
    "1234567", "12345678", "123456789é",
)  # fmt: skip
_NOT_TEXTS: Final = (
    b"\x80", b"\xff", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xc3", b"\xe2\x98", b"\xf0\x9f\x98", b"\xc3(",
    b"1234567\xc3", b"12345678\x80",
    b"\xe2(\xa1", b"\xf8\x88\x80\x80\x80",
)  # fmt: skip


def varint(value: int, size: int = 0) -> bytes:
    """A varint, of at least that many bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < size:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire: int, size: int = 0) -> bytes:
    return varint(number << 3 | wire, size)


def group(number: int, body: bytes) -> bytes:
    return tag(number, START) + body + tag(number, END)


def _wire(field: FieldDescriptor) -> int:
    return _WIRE.get(field.type, VARINT)


def _sized(draw: Random, wild: float, body: bytes) -> bytes:
    size = draw.choice((0, 0, 2, 3, 5)) if draw.random() < 0.1 else 0
    length = len(body)
    if draw.random() < wild:
        size = draw.choice((0, 6, 10, 11))
        length = max(0, length + draw.choice((-1, 1, 0, 5, 2**31, 2**32, 2**63)))
    return varint(length, size) + body


def _number(draw: Random, wild: float) -> bytes:
    value = draw.choice(_NUMBERS) if draw.random() < 0.5 else draw.getrandbits(draw.choice((3, 7, 14, 40, 64)))
    size = draw.choice((2, 5, 9, 10)) if draw.random() < 0.1 else 0
    if draw.random() < wild:
        size = draw.choice((11, 12))
    return varint(value, size)


def _fixed64(draw: Random, field: FieldDescriptor | None) -> bytes:
    if field is not None and field.name.endswith("time_unix_nano") and draw.random() < 0.9:
        return draw.choice(_TIMES).to_bytes(8, "little")
    if draw.random() < 0.5:
        return struct.pack("<d", draw.choice(_DOUBLES))
    return draw.getrandbits(64).to_bytes(8, "little")


def _any_value_of(draw: Random, wild: float, wire: int, depth: int, field: FieldDescriptor | None = None) -> bytes:
    """A value of that wire type that belongs to nobody."""
    if wire == VARINT:
        return _number(draw, wild)
    if wire == I64:
        return _fixed64(draw, field)
    if wire == I32:
        return draw.choice((0, 0x100, 0x200, 0x300, 0x301, 2**32 - 1)).to_bytes(4, "little")
    return _sized(draw, wild, draw.randbytes(draw.choice(_LENGTHS[:8])))


def _unknown(draw: Random, wild: float, number: int, depth: int, known: tuple[int, ...] = ()) -> bytes:
    wire = draw.choice([wire for wire in (VARINT, I64, LEN, START, I32) if wire not in known])
    if draw.random() < wild:
        wire = draw.choice((END, 6, 7))
    head = tag(number, wire, draw.choice((0, 0, 0, 4, 5)))
    if draw.random() < wild:
        head = draw.choice((tag(number, wire, 6), tag(0, wire), tag(2**29, wire), tag(2**29 - 1, wire), tag(2**32, wire)))
    if wire == START:
        body = b""
        for _ in range(draw.randrange(3) if depth < 4 else 0):
            body += _unknown(draw, wild, draw.choice((0, 1, 2, number, 2**29 - 1)), depth + 1)
        return head + body + (b"" if draw.random() < wild else tag(number + (draw.random() < wild), END))
    return head + (b"" if wire in {END, 6, 7} else _any_value_of(draw, wild, wire, depth))


def _text(draw: Random, wild: float) -> bytes:
    if draw.random() < 2 * wild:
        return draw.choice(("", "abcdefg", "x" * 30)).encode() + draw.choice(_NOT_TEXTS) + draw.choice((b"", b"abcdefghi"))
    return draw.choice(_TEXTS).encode()


def _value(draw: Random, wild: float, field: FieldDescriptor, depth: int) -> bytes:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _sized(draw, wild, _text(draw, wild))
    if field.type == FieldDescriptor.TYPE_BYTES:
        length = draw.choice((8, 16, 0, 7, 9, 17)) if draw.random() < 0.9 else draw.choice(_LENGTHS)
        return _sized(draw, wild, bytes(length) if draw.random() < 0.1 else draw.randbytes(length))
    if field.message_type is not None:
        return _sized(draw, wild, message(draw, field.message_type, wild=wild, depth=depth + 1))
    return _any_value_of(draw, wild, _wire(field), depth, field)


def _packed(draw: Random, wild: float, field: FieldDescriptor) -> bytes:
    body = b"".join(_any_value_of(draw, wild, _wire(field), 0) for _ in range(draw.randrange(4)))
    return _sized(draw, wild, body + (draw.randbytes(3) if draw.random() < wild else b""))


def _fields(draw: Random, kind: Descriptor, depth: int) -> list[FieldDescriptor]:
    """Each about once, the more often the more they lead on to what is counted; few where it is deep."""
    found: list[FieldDescriptor] = []
    for field in kind.fields:
        likely = 0.15 if depth > 6 else 0.85 if depth < 3 else 0.7 if field.message_type is None else 0.4
        while draw.random() < likely:
            found.append(field)
            likely = 0.5 if field.is_repeated and depth < 5 else 0.15
    return found


def message(draw: Random, kind: Descriptor, *, wild: float = 0.0, depth: int = 0, odd: float = 0.05) -> bytes:
    """A message of that kind; ``wild`` is the chance, at each place, of something that protobuf may refuse."""
    parts = []
    for field in _fields(draw, kind, depth):
        if draw.random() < odd:  # the right number, another wire type
            parts.append(_unknown(draw, wild, field.number, 0, (_wire(field), LEN) if field.is_packed else (_wire(field),)))
        elif field.is_packed and draw.random() < 0.7:
            parts.append(tag(field.number, LEN) + _packed(draw, wild, field))
        else:
            parts.append(
                tag(field.number, _wire(field), draw.choice((2, 5)) if draw.random() < odd else 0)
                + _value(draw, wild, field, depth)
            )
    if draw.random() < 2 * odd:
        parts.append(_unknown(draw, wild, draw.choice((4, 13, 17, 31, 1000, 2**29 - 1)), 0))
    if draw.random() < 0.4:
        draw.shuffle(parts)
    return b"".join(parts)


_BYTES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 0x0A, 0x0B, 0x0C, 0x12, 0x1A, 0x4A, 0x7F, 0x80, 0xC3, 0xFF)


def mutated(draw: Random, data: bytes, other: bytes) -> bytes:
    """Some bytes changed, put in, cut out, or a piece of another request put in."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(found) + 1)
        match draw.randrange(7):
            case 0 | 1 if at < len(found):
                found[at] = draw.choice(_BYTES) if draw.random() < 0.5 else draw.getrandbits(8)
            case 2 if at < len(found):
                found[at] ^= 1 << draw.randrange(8)
            case 3:
                found[at:at] = bytes(draw.choice(_BYTES) for _ in range(draw.choice((1, 1, 2, 5))))
            case 4:
                del found[at : at + draw.choice((1, 1, 2, 8, 1000))]
            case 5:
                start = draw.randrange(len(other) + 1)
                found[at:at] = other[start : start + draw.choice((1, 4, 16, 64))]
            case _ if at < len(found):
                found[at] = (found[at] + draw.choice((1, -1))) % 256
    return bytes(found)
