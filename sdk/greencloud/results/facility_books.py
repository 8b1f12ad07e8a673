"""Facility books as they were put in force, and what one changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greencloud.results.restatements import BookChange

__all__ = ["AppliedFacilityBook", "FacilityBook"]


@dataclass(frozen=True, slots=True)
class FacilityBook:
    """``revision``: SHA-256 of what it says. ``files``: (path, content), the book itself first; empty in lists. ``applied`` is
    None where it is not known."""

    revision: str
    title: str
    site_count: int
    host_count: int
    account_count: int
    applied: datetime | None = None
    applied_by: str = ""
    in_force: bool = False
    files: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class AppliedFacilityBook:
    """The book, what it says that the one before did not (the first of it), and what its reader noted."""

    book: FacilityBook
    changes: tuple[BookChange, ...] = ()
    changes_left_out: int = 0
    notes: tuple[str, ...] = ()
