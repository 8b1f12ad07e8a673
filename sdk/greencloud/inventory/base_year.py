"""The base year: whether structural changes make it due for recalculation, and the entries that recalculate it.

GHG Protocol Corporate Standard, ch. 5 (and Scope 3 Standard, ch. 9.3): where the organisation acquires, sells or moves what it
counts, the base year is recalculated, once the changes **together** are significant. They are held against the threshold of the
policy by their absolute amounts, in each scope and in the total of each Scope 2 method, so that a purchase never hides a sale.

Recalculating books each effect as an **adjusting entry** of the base year: it names the change, carries its evidence, is signed,
and is the only entry that may be negative. What was booked before stays beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction

from greencloud.errors import GoalError
from greencloud.inventory.checks import Slots
from greencloud.inventory.journal import Draft
from greencloud.inventory.state import InventoryState, entry_document
from greencloud.results.inventory import (
    INVENTORY_SCOPES,
    BaseYearAssessment,
    BaseYearLine,
    InventoryEntry,
    RestatementCause,
    StructuralChange,
    StructuralEffect,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["assess", "recalculate"]

_TOTALS = (("scope1", "scope2_location_based", "scope3"), ("scope1", "scope2_market_based", "scope3"))


def assess(state: InventoryState, now: datetime) -> BaseYearAssessment:
    """The changes in effect that the base year does not follow yet, against it. Raises GoalError: no base year is set."""
    base, changes = _base_year(state), _due(state, now)
    booked = {scope: _booked(state, base, scope) for scope in INVENTORY_SCOPES}
    effects = {scope: _effects(changes, scope) for scope in INVENTORY_SCOPES}
    moved = {scope: sum(abs(amount) for amount in effects[scope]) for scope in INVENTORY_SCOPES}
    shares: list[Fraction] = []
    required = False
    for scopes in (*((scope,) for scope in INVENTORY_SCOPES), *_TOTALS):
        whole, part = sum(booked[scope] for scope in scopes), sum(moved[scope] for scope in scopes)
        if whole > 0:
            shares.append(Fraction(part, whole))
            required = required or shares[-1] >= state.policy.significance_threshold
        else:
            required = required or part > 0  # any share of nothing is significant
    return BaseYearAssessment(
        base_year=base,
        threshold=state.policy.significance_threshold,
        lines=tuple(
            BaseYearLine(scope, Emissions(booked[scope]), Emissions(sum(effects[scope])))
            for scope in INVENTORY_SCOPES
            if booked[scope] or effects[scope]
        ),
        changes=tuple(change.name for change in changes),
        share=max(shares, default=None),
        recalculation_required=bool(changes) and required,
    )


def recalculate(state: InventoryState, now: datetime, *, reason: str) -> Draft | None:
    """Adjusting entries for every change in effect; None where the base year follows all of them.

    Raises:
        GoalError: no base year is set, an effect has no place in it, or takes away more than is booked.
    """
    base = _base_year(state)
    if not reason.strip():
        raise GoalError("a recalculation has no reason", key="reason", advice="say why, for the auditor")
    slots = Slots(state.booked(), state.policy.fiscal_year_start_month)
    entries: dict[str, InventoryEntry] = {}
    followed = {}
    for change in _due(state, now):
        for effect in change.effects:
            entry = _adjusting(state, base, change, effect)
            slots.check(entry)
            entries[entry.id], followed[entry.id] = entry, change.id
    for entry in entries.values():
        same = _of(entry.scope, entry.category)
        left = sum(one.emissions.micrograms for one in (*_gross(state, base), *entries.values()) if same(one))
        if left < 0:
            message = f"the changes take {Emissions(-left)} more from {entry.scope} of {base} than is booked"
            raise GoalError(message, key="effects", advice="check their amounts, and the categories that they name")
    if not entries:
        return None
    body = {
        "entries": [entry_document(entry) for entry in entries.values()],
        "cause": str(RestatementCause.STRUCTURAL_CHANGE),
        "structural_changes": followed,
    }
    return Draft("inventory.recalculate", body, reason)


def _adjusting(state: InventoryState, base: ReportingYear, change: StructuralChange, effect: StructuralEffect) -> InventoryEntry:
    categories = {entry.category for entry in _gross(state, base) if entry.scope == effect.scope}
    if not categories:
        advice = "book the base year first: what is not known cannot be recalculated"
        raise GoalError(f"{effect.scope} of {base} is not booked", key="effects", advice=advice)
    identity = f"{change.id}\0{effect.scope}\0{effect.category}"
    return InventoryEntry(
        id=f"{str(base).lower()}-adjusting-{hashlib.sha256(identity.encode()).hexdigest()[:16]}",
        year=base,
        scope=effect.scope,
        category=None if categories == {None} else effect.category,  # Scope 3 booked whole stays whole
        emissions=effect.emissions,
        source=f"Base year recalculated, {change.kind}: {change.description}"[:1000],
        evidence=change.evidence,
    )


def _base_year(state: InventoryState) -> ReportingYear:
    if state.policy.base_year is None:
        raise GoalError("no base year is set", key="base_year", advice="set it in the policy: greencloud inventory policy set")
    return state.policy.base_year


def _due(state: InventoryState, now: datetime) -> list[StructuralChange]:
    """In effect, and after the base year began: what was so before is in its figures."""
    begins = _base_year(state).start(state.policy.fiscal_year_start_month)
    changes = [change for change in state.structural_changes.values() if not change.applied and begins < change.effective <= now]
    return sorted(changes, key=lambda change: (change.effective, change.id))


def _gross(state: InventoryState, base: ReportingYear) -> list[InventoryEntry]:
    return [entry for entry in state.booked(base) if not entry.biogenic]


def _booked(state: InventoryState, base: ReportingYear, scope: str) -> int:
    return sum(entry.emissions.micrograms for entry in _gross(state, base) if entry.scope == scope)


def _effects(changes: list[StructuralChange], scope: str) -> list[int]:
    return [effect.emissions.micrograms for change in changes for effect in change.effects if effect.scope == scope]


def _of(scope: str, category: int | None) -> Callable[[InventoryEntry], bool]:
    return lambda entry: entry.scope == scope and entry.category == category and not entry.biogenic
