"""``greencloud doctor`` on the provider's books: the journal, what follows from it, and the documents of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from greencloud.cli._finding import Finding
from greencloud.errors import GreencloudError

if TYPE_CHECKING:
    from greencloud.inventory.journal import Journal

__all__ = ["books_findings"]

_MOST = 20


def books_findings(journal: Journal) -> Iterator[Finding]:
    """Every record is read and folded by each room, and every document is held against its name. Raises StoreError."""
    from greencloud.goal import book, instrument_state, measures
    from greencloud.inventory import state
    from greencloud.inventory.journal import Folded

    number, digest = journal.head()
    try:
        Folded(journal, state.EMPTY, state.step).latest()
        Folded(journal, book.EMPTY, book.step).latest()
        Folded(journal, measures.NO_MEASURES, measures.step).latest()
        Folded(journal, instrument_state.NONE, instrument_state.step).latest()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield Finding("books", "fault", f"a record is not what it should be: {error!r}", "restore the folder books from a backup")
        return
    text = f"{number:,} records, each bound to the one before; the last is {digest[:16]}" if number else "nothing is booked yet"
    yield Finding("books", "ok", text)
    yield from _evidence(journal)


def _evidence(journal: Journal) -> Iterator[Finding]:
    kept = journal.kept_evidence()
    missing = sorted(_named(journal) - set(kept))
    faults = [f"evidence {digest[:16]} is missing, and records name it" for digest in missing]
    for digest in kept:
        try:
            journal.evidence(digest)
        except GreencloudError as error:
            faults.append(f"{error.message}: {digest[:64]}")
    for fault in faults[:_MOST]:
        yield Finding("evidence", "fault", fault, "restore books/evidence from a backup: a document is named by its SHA-256")
    if len(faults) > _MOST:
        yield Finding("evidence", "fault", f"{len(faults) - _MOST:,} more documents are missing or changed")
    if kept and not faults:
        yield Finding("evidence", "ok", f"{len(kept):,} documents, each as its name says")


def _named(journal: Journal) -> set[str]:
    """Every document that a record names as evidence, at whatever depth."""
    found: set[str] = set()
    waiting: list[object] = [change.body for change in journal.changes()]
    while waiting:
        match waiting.pop():
            case dict() as fields:
                named = fields.get("evidence")
                found.update(digest for digest in named if isinstance(digest, str)) if isinstance(named, list) else None
                waiting += fields.values()
            case list() as values:
                waiting += values
    return found
