"""Reading the fields of a document, strictly: exactly those of its format, each of its kind. Every fault names its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from greencloud.errors import ProofError, QuantityError
from greencloud.units import format_instant, parse_instant

__all__ = ["MAX_TEXT", "hexadecimal", "instant", "integer", "listed", "members", "text"]

MAX_TEXT: Final = 4096
_HEX: Final = re.compile("[0-9a-f]*")


def members(value: Any, where: str, *names: str) -> Mapping[str, Any]:
    """An object with exactly these names."""
    if not isinstance(value, dict):
        raise ProofError(f"{where}: not an object")
    if len(value) != len(names) or not all(name in value for name in names):
        missing = [name for name in names if name not in value]
        if missing:
            raise ProofError(f"{where}: {missing[0]!r} is missing")
        unknown = next(name for name in value if name not in names)
        raise ProofError(f"{where}: {str(unknown)[:60]!r} is not a part of this format")
    return value


def text(value: Any, where: str) -> str:
    if type(value) is not str or not value or len(value) > MAX_TEXT:
        raise ProofError(f"{where}: not a text of 1 to {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ProofError(f"{where}: half of a surrogate pair is no character") from error
    return value


def integer(value: Any, where: str, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise ProofError(f"{where}: {str(value)[:40]} is not a whole number from {lowest} to {highest}")
    return value


def hexadecimal(value: Any, where: str, size: int) -> bytes:
    """``size`` bytes in lower-case hexadecimal digits."""
    if type(value) is not str or len(value) != 2 * size or not _HEX.fullmatch(value):
        raise ProofError(f"{where}: not {2 * size} hexadecimal digits in lower case")
    return bytes.fromhex(value)


def listed(value: Any, where: str, lowest: int, highest: int) -> list[Any]:
    if type(value) is not list or not lowest <= len(value) <= highest:
        raise ProofError(f"{where}: not a list of {lowest} to {highest:,} items")
    return value


def instant(value: Any, where: str) -> datetime:
    """A time in UTC as 2026-11-01T00:00:00Z, written in just one way."""
    try:
        found = parse_instant(text(value, where))
    except QuantityError as error:
        raise ProofError(f"{where}: {error.message}") from error
    if format_instant(found) != value:
        raise ProofError(f"{where}: {value!r} is not written as {format_instant(found)!r}")
    return found
