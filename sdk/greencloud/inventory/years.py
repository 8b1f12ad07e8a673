"""Reporting years: open, submitted by one person, closed by another.

A year is closed as it was submitted, with nothing in draft. Its **digest** is the SHA-256 over its entries as they were then (id,
revision and figures, in order of ids); computed again later, it differs exactly where something was restated since.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from typing import Final

from greencloud.errors import GoalError
from greencloud.inventory.document import canonical
from greencloud.inventory.journal import Draft
from greencloud.inventory.state import InventoryState, entry_document
from greencloud.results.inventory import EntryState, InventoryYear, YearState
from greencloud.results.reporting_year import ReportingYear

__all__ = ["UNNAMED", "close", "digest_of", "same_person", "submit", "year_of", "years_of"]

UNNAMED: Final = frozenset({"", "local:", "provider.analyst", "provider.admin", "provider"})
"""Names that anybody may have: of a token that was issued for a role alone, and of a user without a name. Who has several such
tokens would be several persons."""

# What others do with a revision, and what they add to it, changes no figure.
_BESIDE = ("state", "approved_by", "verified_by", "assurance", "evidence")


def digest_of(state: InventoryState, year: ReportingYear) -> str:
    """Over every entry that was ever booked for the year; withdrawn ones by their last revision."""
    entries = [state.entries[name] for name in sorted(state.entries) if state.entries[name].year == year]
    documents = [entry_document(entry) for entry in entries]
    for document, entry in zip(documents, entries, strict=True):
        for key in _BESIDE:
            document.pop(key, None)
        document["counts"] = entry.state is not EntryState.WITHDRAWN
    return hashlib.sha256(canonical(documents)).hexdigest()


def year_of(state: InventoryState, year: ReportingYear) -> InventoryYear:
    booked = state.booked(year)
    drafts = sum(entry.state is EntryState.DRAFT for entry in booked)
    return replace(state.year(year), entry_count=len(booked), draft_count=drafts)


def years_of(state: InventoryState) -> list[InventoryYear]:
    return [year_of(state, year) for year in sorted({*state.booked_years(), *state.years})]


def submit(state: InventoryState, year: ReportingYear, *, actor: str, reason: str) -> Draft | None:
    """None where this person has submitted it already.

    Raises:
        GoalError: nothing is booked, or it is closed.
    """
    stands = state.year(year)
    if stands.state is YearState.CLOSED:
        raise GoalError(f"{year} is closed", key="year", advice="a closed year changes by restatement alone")
    if not state.booked(year):
        raise GoalError(f"nothing is booked for {year}", key="year", advice="import its entries first")
    if stands.state is YearState.SUBMITTED and stands.submitted_by == actor:
        return None
    return Draft("inventory.submit", {"year": str(year)}, reason)


def same_person(one: str, other: str) -> bool:
    """Whether two names may be of one person: case, width and blanks tell nobody apart, nor does where the name is known: ``ann``,
    ``local:ann`` and ``ann@example.com`` are one, and two addresses are two."""
    (name, domain), (other_name, other_domain) = _person(one), _person(other)
    return name == other_name and (domain == other_domain or not domain or not other_domain)


def close(state: InventoryState, year: ReportingYear, *, actor: str, reason: str) -> Draft | None:
    """None where it is closed already.

    Raises:
        GoalError: it was not submitted, has drafts, or was submitted by the same person, or by nobody in particular.
    """
    stands = state.year(year)
    if stands.state is YearState.CLOSED:
        return None
    if stands.state is YearState.OPEN:
        advice = "submit it first; what changes after that needs to be submitted anew"
        raise GoalError(f"{year} was not submitted as it is", key="year", advice=advice)
    for who in (stands.submitted_by, actor):
        if who in UNNAMED:
            advice = "use credentials of a person: of an identity provider, a certificate, or greencloud token --subject NAME"
            raise GoalError(f"{who!r} names no person, and two persons close a year", key="year", advice=advice)
    if same_person(stands.submitted_by, actor):
        advice = "two persons close a year: another one has to do it, with a login or a token of their own"
        raise GoalError(f"{stands.submitted_by} submitted {year}", key="year", advice=advice)
    drafts = [entry.name for entry in state.booked(year) if entry.state is EntryState.DRAFT]
    if drafts:
        message = f"{len(drafts)} entries of {year} are drafts, as {drafts[0]}"
        raise GoalError(message, key="year", advice="approve or withdraw them first")
    return Draft("inventory.close", {"year": str(year), "digest": digest_of(state, year)}, reason)


def _person(actor: str) -> tuple[str, str]:
    """Name and domain."""
    folded = "".join(unicodedata.normalize("NFKC", actor).casefold().split())
    name, _, domain = folded.removeprefix("local:").partition("@")
    return name, domain
