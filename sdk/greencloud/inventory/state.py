"""The inventory as the records of the journal leave it.

Every record of the room ``inventory`` is one of:

==================================  =================================================================================
kind                                body
==================================  =================================================================================
``inventory.book``, ``restate``,    ``entries``: revisions, whole; ``cause`` where they are restatements;
``withdraw``, ``recalculate``       ``structural_changes``: by id of the entry, the change that it follows, which the base year
                                    follows as soon as one of its own entries does
``inventory.approve``               ``entries``: ids
``inventory.verify``                ``entries``: ids; ``verified_by``, ``assurance``, ``evidence``
``inventory.submit``, ``close``     ``year``; of a year that is closed its ``digest``
``inventory.policy``                the policy
``inventory.structural_change``     the change
==================================  =================================================================================

Who wrote and when is the record's own. A revision that follows another is a **restatement**, and so is an entry that is new in a
year which was closed. A submitted year is open again as soon as an entry of it changes: what is closed is what was submitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from greencloud.errors import GoalError, StoreError
from greencloud.inventory.document import from_document, to_document
from greencloud.inventory.journal import Change
from greencloud.results.inventory import (
    EntryState,
    InventoryEntry,
    InventoryPolicy,
    InventoryRestatement,
    InventoryYear,
    RestatementCause,
    StructuralChange,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["EMPTY", "GROSS_SCOPES", "InventoryState", "entry_document", "step"]

GROSS_SCOPES: Final = ("scope1", "scope2_market_based", "scope3")
"""What a total is of where no scopes are named: one Scope 2 method, the market-based one."""


@dataclass(frozen=True, slots=True)
class InventoryState:
    """``entries`` are the latest revisions by id, withdrawn ones too; ``earlier`` the revisions before, oldest first."""

    entries: Mapping[str, InventoryEntry] = field(default_factory=dict)
    earlier: Mapping[str, tuple[InventoryEntry, ...]] = field(default_factory=dict)
    policy: InventoryPolicy = InventoryPolicy()
    restatements: tuple[InventoryRestatement, ...] = ()
    years: Mapping[ReportingYear, InventoryYear] = field(default_factory=dict)  # without the counts of entries
    structural_changes: Mapping[str, StructuralChange] = field(default_factory=dict)
    adjusting: Mapping[str, str] = field(default_factory=dict)  # entry of a recalculated base year: structural change
    number: int = 0  # of the last record

    def booked(self, year: ReportingYear | None = None) -> list[InventoryEntry]:
        """What counts, biogenic or not: everything that is not withdrawn (of a year)."""
        return [
            entry
            for entry in self.entries.values()
            if entry.state is not EntryState.WITHDRAWN and (year is None or entry.year == year)
        ]

    def booked_years(self) -> list[ReportingYear]:
        """Years with anything booked, in order of their numbers."""
        return sorted({entry.year for entry in self.booked()})

    def year(self, year: ReportingYear) -> InventoryYear:
        """Where a year stands, without the counts of its entries."""
        return self.years.get(year) or InventoryYear(year, YearState.OPEN)

    def totals(
        self,
        year: ReportingYear,
        *,
        scopes: Iterable[str] | None = None,
        categories: Iterable[int] = (),
        sites: Iterable[str] = (),
        businesses: Iterable[str] = (),
    ) -> Emissions | None:
        """The sum of a year's entries, biogenic ones apart; None where one of the scopes has no entry that matches.

        ``categories`` are of Scope 3 and restrict nothing else.

        Raises:
            GoalError: both Scope 2 methods are asked for, which count the same electricity twice.
        """
        wanted = frozenset(GROSS_SCOPES if scopes is None else scopes)
        if {"scope2_location_based", "scope2_market_based"} <= wanted:
            raise GoalError(
                "both Scope 2 methods in one sum count the same electricity twice", key="scopes", advice="name one of the two"
            )
        of_category, of_site, of_business = frozenset(categories), frozenset(sites), frozenset(businesses)
        found = [
            entry
            for entry in self.entries.values()
            if entry.year == year
            and entry.scope in wanted
            and entry.state is not EntryState.WITHDRAWN
            and not entry.biogenic
            and (not of_category or entry.scope != "scope3" or entry.category in of_category)
            and (not of_site or entry.site in of_site)
            and (not of_business or entry.business in of_business)
        ]
        if {entry.scope for entry in found} != wanted:
            return None
        return Emissions(sum(entry.emissions.micrograms for entry in found))


EMPTY: Final = InventoryState()


def step(state: InventoryState, change: Change) -> InventoryState:
    """The state after a record; records of other rooms change nothing.

    Raises:
        StoreError: the record is not what it should be.
    """
    fold = _FOLDS.get(change.kind)
    try:
        return replace(fold(state, change) if fold else state, number=change.number)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"record {change.number} of the provider's books is not what it should be: {error!r}",
            path=_place(change),
            advice="it was written by a newer greencloud: upgrade",
        ) from error


def entry_document(entry: InventoryEntry) -> dict[str, Any]:
    """What a record keeps of a revision: what is empty is left out, and who wrote it when is the record's own."""
    document: dict[str, Any] = to_document(replace(entry, created_by="", created=None))
    return {key: value for key, value in document.items() if value or key == "category"}


def _entries(state: InventoryState, change: Change) -> InventoryState:
    body = change.body
    cause = RestatementCause(body["cause"]) if body.get("cause") else None
    followed: dict[str, str] = body.get("structural_changes", {})
    entries, earlier, years = dict(state.entries), dict(state.earlier), dict(state.years)
    recalculated = change.kind == "inventory.recalculate"
    restatements: list[InventoryRestatement] = []
    applied: dict[str, StructuralChange] = {}
    for document in body["entries"]:
        read = from_document(document, InventoryEntry, path=_place(change))
        entry = replace(read, created_by=change.actor, created=change.time)
        before = entries.get(entry.id)
        if before is not None:
            earlier[entry.id] = (*earlier.get(entry.id, ()), before)
        entries[entry.id] = entry
        year = years.get(entry.year)
        closed = year is not None and year.state is YearState.CLOSED
        if cause is not None and (before is not None or closed or recalculated):
            restatements.append(_restatement(before, entry, cause, change, followed.get(entry.id, "")))
        if year is not None and closed:
            years[entry.year] = replace(year, restatement_count=year.restatement_count + 1)
        elif year is not None:
            del years[entry.year]
        if entry.id in followed and entry.year == state.policy.base_year:
            applied[followed[entry.id]] = replace(state.structural_changes[followed[entry.id]], applied=True)
    return replace(
        state,
        entries=entries,
        earlier=earlier,
        years=years,
        restatements=(*state.restatements, *restatements),
        adjusting={**state.adjusting, **followed} if recalculated else state.adjusting,
        structural_changes={**state.structural_changes, **applied},
    )


def _restatement(
    before: InventoryEntry | None, after: InventoryEntry, cause: RestatementCause, change: Change, structural_change: str
) -> InventoryRestatement:
    return InventoryRestatement(
        entry=after.name,
        year=after.year,
        scope=after.scope,
        category=after.category,
        before=_counted(before),
        after=_counted(after),
        cause=cause,
        reason=change.reason,
        restated_by=change.actor,
        restated=change.time,
        revision=after.revision,
        structural_change=f"structuralChanges/{structural_change}" if structural_change else "",
    )


def _counted(entry: InventoryEntry | None) -> Emissions | None:
    return None if entry is None or entry.state is EntryState.WITHDRAWN else entry.emissions


def _approve(state: InventoryState, change: Change) -> InventoryState:
    approved = {
        name: replace(state.entries[name], state=EntryState.APPROVED, approved_by=change.actor) for name in change.body["entries"]
    }
    return replace(state, entries={**state.entries, **approved})


def _verify(state: InventoryState, change: Change) -> InventoryState:
    body = change.body
    verified = {
        name: replace(
            state.entries[name],
            state=EntryState.VERIFIED,
            verified_by=body["verified_by"],
            assurance=body["assurance"],
            evidence=tuple(dict.fromkeys((*state.entries[name].evidence, *body["evidence"]))),
        )
        for name in body["entries"]
    }
    return replace(state, entries={**state.entries, **verified})


def _submit(state: InventoryState, change: Change) -> InventoryState:
    year = ReportingYear.parse(change.body["year"])
    submitted = InventoryYear(year, YearState.SUBMITTED, submitted_by=change.actor)
    return replace(state, years={**state.years, year: submitted})


def _close(state: InventoryState, change: Change) -> InventoryState:
    year = ReportingYear.parse(change.body["year"])
    closed = replace(
        state.year(year), state=YearState.CLOSED, closed_by=change.actor, closed=change.time, digest=change.body["digest"]
    )
    return replace(state, years={**state.years, year: closed})


def _policy(state: InventoryState, change: Change) -> InventoryState:
    policy = from_document(change.body, InventoryPolicy, path=_place(change))
    followed = {one.structural_change for one in state.restatements if one.year == policy.base_year}
    changes = state.structural_changes
    if policy.base_year != state.policy.base_year:  # another base year follows what its own entries say
        changes = {key: replace(one, applied=one.name in followed) for key, one in changes.items()}
    return replace(
        state, policy=replace(policy, revision=state.policy.revision + 1, updated_by=change.actor), structural_changes=changes
    )


def _structural_change(state: InventoryState, change: Change) -> InventoryState:
    read = from_document(change.body, StructuralChange, path=_place(change))
    return replace(
        state, structural_changes={**state.structural_changes, read.id: replace(read, applied=False, created_by=change.actor)}
    )


def _place(change: Change) -> str:
    return f"changes/{change.number:012d}.json"


_FOLDS: Final[Mapping[str, Callable[[InventoryState, Change], InventoryState]]] = {
    "inventory.book": _entries,
    "inventory.restate": _entries,
    "inventory.withdraw": _entries,
    "inventory.recalculate": _entries,
    "inventory.approve": _approve,
    "inventory.verify": _verify,
    "inventory.submit": _submit,
    "inventory.close": _close,
    "inventory.policy": _policy,
    "inventory.structural_change": _structural_change,
}
