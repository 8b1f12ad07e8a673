"""Values as JSON documents, without loss: what the journal keeps of them.

A dataclass is an object with the fields' names; integers have any size; a Fraction is a text, as ``1/3``; an instant is in UTC as
RFC 3339. Reading one checks every type, so that a damaged or foreign record is refused and never half understood.
"""

from __future__ import annotations

import json
from datetime import datetime
from fractions import Fraction
from typing import Any, TypeVar

import msgspec

from greencloud.errors import QuantityError, StoreError
from greencloud.units import format_instant, parse_instant

__all__ = ["canonical", "from_document", "to_document"]

T = TypeVar("T")


def to_document(value: Any) -> Any:
    """Objects, lists, texts, integers, booleans and None."""
    return msgspec.to_builtins(value, enc_hook=_encode, builtin_types=(datetime,))


def from_document(document: Any, kind: type[T], *, path: str = "") -> T:
    """The value of a type. Raises StoreError naming ``path`` where it is not one."""
    try:
        return msgspec.convert(document, kind, dec_hook=_decode)
    except (msgspec.ValidationError, QuantityError, ValueError) as error:
        raise StoreError(
            f"a record of the provider's books is not what it should be: {error}",
            path=path,
            advice="it was damaged, or written by a newer greencloud: restore it from a backup, or upgrade",
        ) from error


def canonical(document: Any) -> bytes:
    """The one text of a document: keys sorted, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_default).encode()


def _default(value: Any) -> str:
    if isinstance(value, datetime):
        return format_instant(value)
    raise TypeError(f"no document has a {type(value).__name__}")


def _encode(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"no document has a {type(value).__name__}")


def _decode(kind: type[Any], value: Any) -> Any:
    if kind is Fraction and isinstance(value, str):
        return Fraction(value)
    if kind is datetime and isinstance(value, str):
        return parse_instant(value)
    raise NotImplementedError(f"no document has a {kind.__name__}")
