"""One text for one value: the JSON Canonicalization Scheme of RFC 8785, for objects, lists, strings, small integers and null.

Hashes and signatures are over these bytes, and a document is kept in them, so that any change of a byte of a file is a change of
what it says, or makes it no document at all. There are no floats: numbers are integers of at most 2**53 - 1, and amounts are
decimal strings. Names are sorted by their UTF-16 code units, strings are UTF-8 with the fewest escapes.

A reader refuses what two readers could take for two things: a name given twice, a number with a fraction, bytes that are not
canonical.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final, NoReturn

from greencloud.errors import ProofError

__all__ = ["canonical", "parse", "read_file"]

INTEGER_LIMIT: Final = 1 << 53
ADVICE: Final = "take the file as it was issued; an editor or a tool may have changed it"


def canonical(value: Any) -> bytes:
    """The bytes of a value.

    Raises:
        ProofError: a value that such a document cannot hold.
    """
    try:
        return _ENCODE(_ordered(value)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProofError(f"this cannot be written as canonical JSON: {error}") from error


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def _ordered(value: Any) -> Any:
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is list:
        return [_ordered(each) for each in value]
    if kind is dict:
        if not all(type(name) is str for name in value):
            raise TypeError("a name that is not a string")
        return {name: _ordered(value[name]) for name in sorted(value, key=_code_units)}
    if kind is int and -INTEGER_LIMIT < value < INTEGER_LIMIT:
        return value
    raise TypeError(f"{value!r} is no string, small integer, list, object or null")


def _code_units(name: str) -> bytes | str:
    return name.encode("utf-16-be")


def parse(content: bytes, what: str) -> Any:
    """The value of canonical bytes; a line feed at the end is not counted.

    Raises:
        ProofError: not JSON, or not in canonical form.
    """
    content = content.removesuffix(b"\n")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse, parse_int=_small)
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        text = error.message if isinstance(error, ProofError) else str(error)
        raise ProofError(f"{what} cannot be read: {text}", advice=ADVICE) from error
    if again != content:
        at = next((i for i, (a, b) in enumerate(zip(again, content, strict=False)) if a != b), min(len(again), len(content)))
        raise ProofError(f"{what} is not in canonical form (RFC 8785), first at byte {at}", advice=ADVICE)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProofError("a name is given twice in one object")
    return found


def _refuse(text: str) -> NoReturn:
    raise ProofError(f"the number {text[:40]} is no integer")


def _small(text: str) -> int:
    if len(text) > 17:
        raise ProofError(f"the number {text[:40]} is too large; amounts are strings")
    return int(text)


def read_file(path: Path, what: str, *, limit: int) -> bytes:
    """The bytes of a file of at most ``limit`` bytes.

    Raises:
        ProofError: larger, or no regular file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ProofError(f"{path} is not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ProofError(f"{path} has more than {limit:,} bytes: it is no {what} that this version reads")
    return content
