"""What a view answers in place of a page: a file to keep."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FileAnswer"]


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """``name`` is what the browser keeps it under, ``media_type`` an RFC 6838 type such as ``text/csv``."""

    name: str
    media_type: str
    content: bytes
