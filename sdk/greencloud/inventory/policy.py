"""The policy that the inventory is drawn up by, and the structural changes that it knows: what they must be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Final

from greencloud.errors import ConflictError, GoalError
from greencloud.facility.entry import did_you_mean
from greencloud.facility.gwp import GWP_SETS
from greencloud.inventory.checks import (
    ENTRY_ID,
    FIRST_YEAR,
    MOST_MICROGRAMS,
    check_category,
    check_evidence,
    check_scope,
    check_text,
)
from greencloud.inventory.document import canonical, to_document
from greencloud.inventory.journal import Draft
from greencloud.inventory.state import InventoryState
from greencloud.results.inventory import InventoryPolicy, StructuralChange

__all__ = ["CONSOLIDATION_APPROACHES", "STRUCTURAL_KINDS", "put_policy", "put_structural_change"]

CONSOLIDATION_APPROACHES: Final = ("operational_control", "financial_control", "equity_share")
"""GHG Protocol Corporate Standard, ch. 3."""
STRUCTURAL_KINDS: Final = ("acquisition", "divestment", "merger", "outsourcing", "insourcing", "boundary")
"""GHG Protocol Corporate Standard, ch. 5."""


def put_policy(state: InventoryState, policy: InventoryPolicy, *, etag: str, reason: str) -> Draft | None:
    """None where it is in force already.

    Raises:
        GoalError: it contradicts itself, or what is booked.
        ConflictError: the etag is another.
    """
    in_force = state.policy
    if etag and etag != in_force.etag:
        raise ConflictError("the policy was changed since", in_force=in_force.etag, advice="read it again, then try again")
    policy = replace(policy, revision=0, updated_by="")
    _one_of(policy.consolidation_approach, CONSOLIDATION_APPROACHES, "consolidation_approach")
    _one_of(policy.gwp_set, GWP_SETS, "gwp_set")
    check_text(policy.organization, key="organization")
    if policy.base_year is not None and not FIRST_YEAR <= policy.base_year.year <= 2199:
        raise GoalError(f"{policy.base_year} is no year of an inventory", key="base_year", advice=f"it is from {FIRST_YEAR} on")
    month = policy.fiscal_year_start_month
    if not 1 <= month <= 12:
        raise GoalError(f"there is no month {month}", key="fiscal_year_start_month", advice="use 1 for January to 12 for December")
    if not 0 < policy.significance_threshold <= 1:
        advice = "it is a share of base-year emissions, above 0 and at most 1: 0.05 is 5 %"
        raise GoalError("the threshold is not a share", key="significance_threshold", advice=advice)
    fiscal = sorted({str(entry.year) for entry in state.entries.values() if entry.year.fiscal})
    if month != in_force.fiscal_year_start_month and fiscal:
        message = f"{', '.join(fiscal[:5])} is booked with years from month {in_force.fiscal_year_start_month}"
        advice = "a fiscal year keeps its months once entries are booked for it"
        raise GoalError(message, key="fiscal_year_start_month", advice=advice)
    if in_force.revision and policy == replace(in_force, revision=0, updated_by=""):
        return None
    return Draft("inventory.policy", to_document(policy), reason)


def put_structural_change(
    state: InventoryState, change: StructuralChange, kept: Callable[[str], bool]
) -> tuple[StructuralChange, Draft | None]:
    """The change with its id, and the record, None where it is there already.

    Raises:
        GoalError: it says nothing, or something twice.
        ConflictError: another change has its id.
    """
    _one_of(change.kind, STRUCTURAL_KINDS, "kind")
    check_text(change.description, key="description", most=1000)
    if not change.description:
        raise GoalError("the change has no description", key="description", advice="say what was acquired, sold or moved")
    if change.effective.tzinfo is None:
        raise GoalError("the date has no time zone", key="effective", advice="give it in UTC")
    places = [(effect.scope, effect.category) for effect in change.effects]
    for effect in change.effects:
        check_scope(effect.scope)
        check_category(effect.category, effect.scope)
        if not 0 < abs(effect.emissions.micrograms) <= MOST_MICROGRAMS:
            advice = "give what it adds to the base year, or takes from it"
            raise GoalError(f"the effect on {effect.scope} is nothing, or more than the world emits", key="effects", advice=advice)
    if not places or len(set(places)) < len(places):
        message = "an effect is given twice" if places else "the change has no effect on the base year"
        raise GoalError(message, key="effects", advice="give one for each scope and category that it changes")
    check_evidence(change.evidence, kept)
    change = replace(change, effective=change.effective.astimezone(UTC), applied=False, created_by="")
    if not change.id:
        digest = hashlib.sha256(canonical(to_document(change))).hexdigest()[:12]
        change = replace(change, id=f"{change.effective:%Y-%m-%d}-{change.kind}-{digest}")
    if not ENTRY_ID.fullmatch(change.id):
        raise GoalError(f"the id {change.id[:80]!r} cannot be a resource name", key="id", advice="use 2 to 63 of a-z, 0-9 and -")
    there = state.structural_changes.get(change.id)
    if there is None:
        return change, Draft("inventory.structural_change", to_document(change))
    if replace(there, applied=False, created_by="") != change:
        raise ConflictError(f"{change.name} is another change", advice="give it an id of its own")
    return there, None


def _one_of(value: str, known: tuple[str, ...], key: str) -> None:
    if value not in known:
        advice = did_you_mean(value, known, f"use one of {', '.join(known)}")
        raise GoalError(f"unknown {key.replace('_', ' ')} {value[:64]!r}", key=key, advice=advice)
