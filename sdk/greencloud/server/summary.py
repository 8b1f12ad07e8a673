"""A request in words, for the audit trail: the fields that are set, bounded, and never the content of a file."""

from __future__ import annotations

import hashlib
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["summary_of"]

_LONGEST: Final = 500
_LONGEST_VALUE: Final = 120
_MOST_VALUES: Final = 5


def summary_of(request: Message) -> str:
    """As ``rule=used; start_time=2026-11-01T00:00:00Z``. Bytes are told by their length and the start of their SHA-256."""
    parts = [f"{field.name}={_text(value)}" for field, value in request.ListFields()]
    return _cut("; ".join(parts), _LONGEST)


def _text(value: object) -> str:
    if isinstance(value, Timestamp):
        return value.ToJsonString() if abs(value.seconds) < 1 << 36 and 0 <= value.nanos < 10**9 else "no time"
    if isinstance(value, Message):
        return f"({_cut(summary_of(value), _LONGEST_VALUE)})"
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:16]}"
    if isinstance(value, str | int | float | bool):
        return _cut(" ".join(str(value).split()), _LONGEST_VALUE)
    if not hasattr(value, "__len__"):  # what protobuf's repeated fields have; not all have __iter__
        return _cut(str(value), _LONGEST_VALUE)
    values: list[object] = list(value)  # type: ignore[call-overload]
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return f"[{', '.join(_text(each) for each in values[:_MOST_VALUES])}{more}]"


def _cut(text: str, limit: int) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
