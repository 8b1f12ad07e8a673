"""What a change to entries would do, entry by entry, before it is written.

A plan begins with the state of the books and takes one entry after the other: it is **added**, it is **restated** where it was
booked with other content and a cause is given, or it is **unchanged**. What breaks a rule raises and leaves the plan as it was, so
that an import can go on and tell everything that is wrong. The plan is written as one record, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from greencloud.errors import ConflictError, GoalError
from greencloud.inventory.checks import Slots, entry_problems
from greencloud.inventory.journal import Draft
from greencloud.inventory.rows import derived_id
from greencloud.inventory.state import InventoryState, entry_document
from greencloud.results.inventory import EntryState, InventoryEntry, RestatementCause, YearState

__all__ = ["Plan", "restated_again", "same_content"]

_Key = tuple[object, ...]


class Plan:
    """``cause``: why booked entries are restated; None where none may be. ``referred``: the entries are lines of the ledger."""

    def __init__(
        self,
        state: InventoryState,
        *,
        now: datetime,
        kept: Callable[[str], bool],
        cause: RestatementCause | None = None,
        referred: bool = False,
    ) -> None:
        self.added: list[InventoryEntry] = []
        self.restated: list[InventoryEntry] = []
        self.unchanged: list[InventoryEntry] = []
        self._state, self._now, self._kept, self._cause, self._referred = state, now, kept, cause, referred
        self._month = state.policy.fiscal_year_start_month
        booked = state.booked()
        self._slots = Slots(booked, self._month)
        self._planned: set[str] = set()
        self._ids: dict[_Key, set[str]] = {}
        for entry in booked:
            if entry.reference is None and entry.id not in state.adjusting:
                self._ids.setdefault(_key(entry), set()).add(entry.id)

    def put(self, entry: InventoryEntry, *, document: str = "") -> InventoryEntry:
        """The revision that is planned, or the one that says the same already. ``document``: evidence for what is new.

        Raises:
            GoalError: the entry, or its place among the others, is wrong.
            ConflictError: it is booked with other content, and no cause is given.
        """
        derived = derived_id(entry)
        entry = _fresh(entry, entry.id or derived)
        for problem in entry_problems(entry, now=self._now, fiscal_month=self._month, kept=self._kept):
            raise problem
        if entry.id in self._planned:
            raise GoalError(f"{entry.name} is planned twice", key="id", advice="add the two up, or give each an id")
        before = self._state.entries.get(entry.id)
        if before is not None and before.state is not EntryState.WITHDRAWN and same_content(before, entry):
            self._planned.add(entry.id)
            self.unchanged.append(before)
            return before
        self._check_origin(before, entry)
        others = self._ids.get(_key(entry), set()) - {entry.id}
        if before is None and entry.id == derived and others and not self._referred:
            message = f"{entry.scope} of {entry.year} is booked as {', '.join(sorted(others)[:3])} already"
            raise GoalError(message, key="id", advice="give this one an id too, if it is another source")
        self._slots.check(entry)
        if document and document not in entry.evidence:
            entry = replace(entry, evidence=(*entry.evidence, document))
        if before is None:
            self._check_open(entry)
            self.added.append(entry)
        else:
            entry = restated_again(before, entry, self._cause)
            self.restated.append(entry)
        self._planned.add(entry.id)
        self._slots.add(entry)
        if entry.reference is None:
            self._ids.setdefault(_key(entry), set()).add(entry.id)
        return entry

    def draft(self, *, reason: str, structural_changes: Mapping[str, str] | None = None) -> Draft | None:
        """The record; None where nothing changes. Raises GoalError: a restatement without a reason."""
        entries = [*self.added, *self.restated]
        if not entries:
            return None
        restates = self.restated or any(self._closed(entry) for entry in self.added)
        if restates and not reason.strip():
            raise GoalError("a restatement has no reason", key="reason", advice="say why the figures change, for the auditor")
        body: dict[str, Any] = {"entries": [entry_document(entry) for entry in entries]}
        if restates and self._cause is not None:
            body["cause"] = str(self._cause)
        if structural_changes:
            body["structural_changes"] = dict(structural_changes)
        return Draft("inventory.restate" if not self.added else "inventory.book", body, reason)

    def _check_origin(self, before: InventoryEntry | None, entry: InventoryEntry) -> None:
        if (entry.reference is not None) != self._referred:
            said = "a line of the ledger" if entry.reference else "stated"
            advice = "the ledger's lines are read when they are booked, never typed in: greencloud inventory ledger"
            raise GoalError(f"{entry.name} is {said}", key="reference", advice=advice)
        if before is not None and (before.reference is not None) != self._referred:
            advice = (
                "withdraw it first" if self._referred else "the ledger's lines are never typed in: book them again from the ledger"
            )
            raise GoalError(
                f"{entry.name} is booked from {'the ledger' if before.reference else 'elsewhere'}", key="id", advice=advice
            )
        if before is not None and before.id in self._state.adjusting:
            advice = "record another structural change, and recalculate the base year"
            raise GoalError(f"{entry.name} follows a structural change", key="id", advice=advice)
        if (self._cause is RestatementCause.LEDGER) != self._referred and self._cause is not None:
            advice = "the cause ledger is of entries that are booked from it"
            raise GoalError(f"the cause of {entry.name} cannot be {self._cause}", key="cause", advice=advice)

    def _check_open(self, entry: InventoryEntry) -> None:
        if self._closed(entry) and self._cause is None:
            advice = "a closed year changes by restatement: give a cause and a reason"
            raise GoalError(f"{entry.year} is closed", key="year", advice=advice)

    def _closed(self, entry: InventoryEntry) -> bool:
        return self._state.year(entry.year).state is YearState.CLOSED


def restated_again(before: InventoryEntry, entry: InventoryEntry, cause: RestatementCause | None) -> InventoryEntry:
    """The next revision of an entry, as a draft.

    Raises:
        ConflictError: there is no cause.
        GoalError: it is of another year, scope, category, site or business than before.
    """
    if cause is None:
        withdrawn = before.state is EntryState.WITHDRAWN
        message = f"{before.name} was withdrawn" if withdrawn else f"{before.name} is booked with {_difference(before, entry)}"
        raise ConflictError(message, in_force=before.etag, advice="restate it, with a cause and a reason")
    if _key(before) != _key(entry):
        message = f"{before.name} is of {before.year} {before.scope}, category {before.category}, as it was booked"
        raise GoalError(
            message, key="id", advice="withdraw it and book another entry: year, scope, category, site and business stay"
        )
    return replace(entry, revision=before.revision + 1)


def same_content(before: InventoryEntry, entry: InventoryEntry) -> bool:
    """Whether an entry says nothing that is not booked: the same figures, and no evidence beside what is kept already."""
    return _fresh(before, before.id, entry.evidence) == _fresh(entry, entry.id) and set(entry.evidence) <= set(before.evidence)


def _fresh(entry: InventoryEntry, entry_id: str, evidence: tuple[str, ...] | None = None) -> InventoryEntry:
    """What was said, without who did what with it."""
    return replace(
        entry,
        id=entry_id,
        evidence=tuple(dict.fromkeys(entry.evidence if evidence is None else evidence)),
        state=EntryState.DRAFT,
        revision=1,
        created_by="",
        created=None,
        approved_by="",
        verified_by="",
        assurance="",
    )


def _key(entry: InventoryEntry) -> _Key:
    return (entry.year, entry.scope, entry.category, entry.site, entry.business, entry.biogenic)


def _difference(before: InventoryEntry, entry: InventoryEntry) -> str:
    if before.emissions != entry.emissions:
        return f"{before.emissions}, not {entry.emissions}"
    fields = ("year", "scope", "category", "site", "business", "source", "activity", "uncertainty", "data_quality", "biogenic")
    names = [name for name in fields if getattr(before, name) != getattr(entry, name)]
    return f"another {', '.join(names).replace('_', ' ')}" if names else "other evidence"
