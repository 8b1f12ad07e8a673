"""Names of resources (AIP-122): ``facilityBooks/REVISION`` and ``goals/GOAL``; ``-`` is the one in force, or the only one.

And lists of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from greencloud.errors import QuantityError

__all__ = ["facility_book_name", "goal_name", "parse_facility_book_name", "parse_goal_name", "several"]

_BOOKS: Final = "facilityBooks/"
_GOALS: Final = "goals/"


def facility_book_name(revision: str = "-") -> str:
    """The name of the book of a revision; without one, of that in force. Raises QuantityError."""
    return _BOOKS + _id(revision, "revision")


def parse_facility_book_name(name: str) -> str:
    """The revision of a book. Raises QuantityError."""
    return _parse(name, _BOOKS)


def goal_name(goal: str = "-") -> str:
    """The name of a goal; without an id, of the only one. Raises QuantityError."""
    return _GOALS + _id(goal, "goal")


def parse_goal_name(name: str) -> str:
    """The id of a goal. Raises QuantityError."""
    return _parse(name, _GOALS)


def _id(text: str, what: str) -> str:
    if not text or "/" in text:
        raise QuantityError(f"{text!r} is not the id of a {what}", advice="an id has no slash, and is not empty")
    return text


def _parse(name: str, prefix: str) -> str:
    found = name.removeprefix(prefix)
    if found == name or not found or "/" in found:
        raise QuantityError(f"{name!r} is not a name of this kind", advice=f"write {prefix}ID")
    return found


def several(field: str, values: Iterable[str]) -> list[str]:
    """The values of a list. A text is an iterable of its letters, which nobody ever means: QuantityError."""
    if isinstance(values, str):
        raise QuantityError(f"{field} is one text, {values!r}, and not several", advice=f"write {field}=[{values!r}]")
    return list(values)
