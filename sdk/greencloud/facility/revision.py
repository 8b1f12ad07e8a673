"""The revision of a book: SHA-256 over its content in one canonical rendering.

Two books that say the same have the same revision, however their files are laid out, named or ordered, and whether an entry
stands in TOML or CSV; two that differ in any figure, date or source do not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from fractions import Fraction
from hashlib import sha256

from greencloud.units import format_instant

__all__ = ["revision_of"]

_PLACES = {"path", "line"}  # where a factor was written, not what it says


def revision_of(content: Mapping[str, object]) -> str:
    """The digest, in hex, of values by section; the order of the items of a section does not count."""
    digest = sha256(b"greencloud facility book 2\n")
    for section in sorted(content):
        value = content[section]
        items = value if isinstance(value, tuple | list) else [value]
        digest.update(f"{section}\n".encode())
        for line in sorted(json.dumps(_plain(item), ensure_ascii=True, separators=(",", ":")) for item in items):
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        said = (part for part in fields(value) if part.init and part.name not in _PLACES)
        return [_plain(getattr(value, part.name)) for part in said if getattr(value, part.name) or "unsaid" not in part.metadata]
    raise TypeError(f"{type(value).__name__} has no canonical rendering")
