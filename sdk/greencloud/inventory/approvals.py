"""Approving entries, verifying them, and withdrawing them.

A draft is approved by a person of the provider, and what is approved is verified by a third party, at limited or reasonable
assurance (ISAE 3410; ISO 14064-3). Neither changes a figure. Withdrawing is a restatement: the entry counts no more and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.inventory.checks import check_evidence, check_text
from greencloud.inventory.journal import Draft
from greencloud.inventory.state import InventoryState, entry_document
from greencloud.results.inventory import EntryState, InventoryEntry, RestatementCause
from greencloud.results.reporting_year import ReportingYear

__all__ = ["ASSURANCES", "approve", "chosen", "entry_of", "verify", "withdraw"]

ASSURANCES: Final = ("limited", "reasonable")
_COLLECTION: Final = "inventoryEntries/"


def entry_of(state: InventoryState, name: str, *, etag: str = "") -> InventoryEntry:
    """The latest revision of an entry by its resource name, or its id alone.

    Raises:
        NotFoundError: there is none.
        ConflictError: its etag is another.
    """
    found = state.entries.get(name.removeprefix(_COLLECTION))
    if found is None:
        raise NotFoundError(f"there is no entry {name[:128]!r}", advice="list them: greencloud inventory list")
    if etag and etag != found.etag:
        raise ConflictError(f"{found.name} was changed since", in_force=found.etag, advice="read it again, then try again")
    return found


def chosen(state: InventoryState, names: Iterable[str], year: ReportingYear | None) -> list[InventoryEntry]:
    """The entries that are named, else everything that is booked for a year.

    Raises:
        GoalError: neither names nor a year, or a named entry is withdrawn or of another year.
        NotFoundError: there is none of a name.
    """
    found = [entry_of(state, name) for name in dict.fromkeys(names)]
    if not found and year is None:
        raise GoalError("no entry is named", key="names", advice="name entries, or a year")
    for entry in found:
        if entry.state is EntryState.WITHDRAWN:
            raise GoalError(f"{entry.name} is withdrawn", key="names", advice="restate it first, if it counts again")
        if year is not None and entry.year != year:
            raise GoalError(f"{entry.name} is of {entry.year}, not {year}", key="names", advice="leave the year out")
    return found or sorted(state.booked(year), key=lambda entry: entry.id)


def approve(entries: Sequence[InventoryEntry]) -> Draft | None:
    drafts = [entry.id for entry in entries if entry.state is EntryState.DRAFT]
    return Draft("inventory.approve", {"entries": drafts}) if drafts else None


def verify(
    entries: Sequence[InventoryEntry], *, verified_by: str, assurance: str, evidence: Sequence[str], kept: Callable[[str], bool]
) -> Draft | None:
    """Raises GoalError: who verified or at what assurance is not said, an entry is a draft, or the evidence is not kept."""
    if not verified_by.strip():
        raise GoalError("the verifier has no name", key="verified_by", advice="name the third party")
    check_text(verified_by, key="verified_by")
    if assurance not in ASSURANCES:
        raise GoalError(f"unknown assurance {assurance[:32]!r}", key="assurance", advice=f"use one of {', '.join(ASSURANCES)}")
    check_evidence(evidence, kept)
    for entry in entries:
        if entry.state is EntryState.DRAFT:
            raise GoalError(f"{entry.name} is a draft", key="names", advice="approve it first")
    fresh = [
        entry.id
        for entry in entries
        if (entry.state, entry.verified_by, entry.assurance) != (EntryState.VERIFIED, verified_by, assurance)
        or not set(evidence) <= set(entry.evidence)
    ]
    if not fresh:
        return None
    body = {"entries": fresh, "verified_by": verified_by, "assurance": assurance, "evidence": list(evidence)}
    return Draft("inventory.verify", body)


def withdraw(state: InventoryState, entry: InventoryEntry, *, cause: RestatementCause, reason: str) -> Draft | None:
    """Raises GoalError: there is no reason, or the entry follows a structural change."""
    if entry.state is EntryState.WITHDRAWN:
        return None
    if not reason.strip():
        raise GoalError("a withdrawal has no reason", key="reason", advice="say why it counts no more, for the auditor")
    if cause is RestatementCause.LEDGER and entry.reference is None:
        raise GoalError(f"{entry.name} is no line of the ledger", key="cause", advice="name what was wrong with it")
    if entry.id in state.adjusting:
        advice = "record another structural change, and recalculate the base year"
        raise GoalError(f"{entry.name} follows a structural change", key="name", advice=advice)
    gone = replace(entry, state=EntryState.WITHDRAWN, revision=entry.revision + 1, approved_by="", verified_by="", assurance="")
    return Draft("inventory.withdraw", {"entries": [entry_document(gone)], "cause": str(cause)}, reason)
