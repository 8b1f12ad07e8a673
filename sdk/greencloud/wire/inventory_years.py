"""Reporting years, their totals, the policy, structural changes, and the journal."""

from __future__ import annotations

from typing import Final

from greencloud.results.inventory import (
    BaseYearAssessment,
    BaseYearLine,
    BookRecord,
    InventoryLine,
    InventoryPolicy,
    InventoryTotals,
    InventoryYear,
    StructuralChange,
    StructuralEffect,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.inventory import YEAR_STATES, optional_emissions, word_of
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    fraction_from_text,
    fraction_to_text,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "CHANGES",
    "EVIDENCE",
    "assessment_from_message",
    "assessment_to_message",
    "policy_from_message",
    "policy_to_message",
    "record_from_message",
    "record_to_message",
    "structural_change_from_message",
    "structural_change_to_message",
    "totals_from_message",
    "totals_to_message",
    "year_from_message",
    "year_to_message",
]

EVIDENCE: Final = "evidence/"
"""What the name of a document begins with; its SHA-256 follows."""

CHANGES: Final = "structuralChanges/"
"""What the name of a structural change begins with; its id follows."""

_YEARS: Final = "inventoryYears/"


def policy_to_message(policy: InventoryPolicy) -> messages.InventoryPolicy:
    return messages.InventoryPolicy(
        base_year="" if policy.base_year is None else str(policy.base_year),
        fiscal_year_start_month=policy.fiscal_year_start_month,
        consolidation_approach=policy.consolidation_approach,
        significance_threshold=fraction_to_text(policy.significance_threshold),
        gwp_set=policy.gwp_set,
        organization=policy.organization,
        revision=policy.revision,
        updated_by=policy.updated_by,
        etag=policy.etag,
    )


def policy_from_message(message: messages.InventoryPolicy) -> InventoryPolicy:
    """Raises QuantityError where a number or year cannot be read."""
    return InventoryPolicy(
        base_year=ReportingYear.parse(message.base_year) if message.base_year else None,
        fiscal_year_start_month=message.fiscal_year_start_month,
        consolidation_approach=message.consolidation_approach,
        significance_threshold=fraction_from_text(message.significance_threshold, "significance_threshold"),
        gwp_set=message.gwp_set,
        organization=message.organization,
        revision=message.revision,
        updated_by=message.updated_by,
    )


def structural_change_to_message(change: StructuralChange) -> messages.StructuralChange:
    return messages.StructuralChange(
        name=change.name if change.id else "",
        kind=change.kind,
        effective_time=instant_to_message(change.effective),
        description=change.description,
        effects=[
            messages.StructuralEffect(scope=each.scope, category=each.category or 0, emissions=emissions_to_message(each.emissions))
            for each in change.effects
        ],
        evidence=change.evidence,
        applied=change.applied,
        created_by=change.created_by,
    )


def structural_change_from_message(message: messages.StructuralChange) -> StructuralChange:
    return StructuralChange(
        id=message.name.removeprefix(CHANGES),
        kind=message.kind,
        effective=instant_from_message(message.effective_time),
        description=message.description,
        effects=tuple(
            StructuralEffect(each.scope, each.category or None, emissions_from_message(each.emissions)) for each in message.effects
        ),
        evidence=tuple(message.evidence),
        applied=message.applied,
        created_by=message.created_by,
    )


def assessment_to_message(assessment: BaseYearAssessment) -> messages.BaseYearAssessment:
    return messages.BaseYearAssessment(
        base_year=str(assessment.base_year),
        threshold=fraction_to_text(assessment.threshold),
        lines=[
            messages.BaseYearLine(
                scope=line.scope,
                booked_emissions=emissions_to_message(line.booked),
                effect_emissions=emissions_to_message(line.effect),
            )
            for line in assessment.lines
        ],
        changes=assessment.changes,
        share=fraction_to_text(assessment.share),
        recalculation_required=assessment.recalculation_required,
    )


def assessment_from_message(message: messages.BaseYearAssessment) -> BaseYearAssessment:
    return BaseYearAssessment(
        base_year=ReportingYear.parse(message.base_year),
        threshold=fraction_from_text(message.threshold, "threshold"),
        lines=tuple(
            BaseYearLine(line.scope, emissions_from_message(line.booked_emissions), emissions_from_message(line.effect_emissions))
            for line in message.lines
        ),
        changes=tuple(message.changes),
        share=fraction_from_text(message.share, "share") if message.share else None,
        recalculation_required=message.recalculation_required,
    )


def year_to_message(year: InventoryYear) -> messages.InventoryYear:
    return messages.InventoryYear(
        name=year.name,
        state=YEAR_STATES[year.state],
        submitted_by=year.submitted_by,
        closed_by=year.closed_by,
        close_time=year.closed and instant_to_message(year.closed),
        entry_count=year.entry_count,
        draft_count=year.draft_count,
        restatement_count=year.restatement_count,
        digest=year.digest,
    )


def year_from_message(message: messages.InventoryYear) -> InventoryYear:
    return InventoryYear(
        year=ReportingYear.parse(message.name.removeprefix(_YEARS)),
        state=word_of(message.state, YEAR_STATES, "state"),
        submitted_by=message.submitted_by,
        closed_by=message.closed_by,
        closed=instant_from_message(message.close_time) if message.HasField("close_time") else None,
        entry_count=message.entry_count,
        draft_count=message.draft_count,
        restatement_count=message.restatement_count,
        digest=message.digest,
    )


def totals_to_message(totals: InventoryTotals) -> messages.Inventory:
    return messages.Inventory(
        year=str(totals.year),
        start_time=instant_to_message(totals.start),
        end_time=instant_to_message(totals.end),
        state=YEAR_STATES[totals.state],
        lines=map(_line_to_message, totals.lines),
        biogenic_emissions=emissions_to_message(totals.biogenic),
        total_location_based=None if totals.total_location_based is None else emissions_to_message(totals.total_location_based),
        total_market_based=None if totals.total_market_based is None else emissions_to_message(totals.total_market_based),
        as_of_index=totals.as_of,
    )


def totals_from_message(message: messages.Inventory) -> InventoryTotals:
    return InventoryTotals(
        year=ReportingYear.parse(message.year),
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        state=word_of(message.state, YEAR_STATES, "state"),
        lines=tuple(map(_line_from_message, message.lines)),
        biogenic=emissions_from_message(message.biogenic_emissions),
        total_location_based=optional_emissions(message, "total_location_based"),
        total_market_based=optional_emissions(message, "total_market_based"),
        as_of=message.as_of_index,
    )


def _line_to_message(line: InventoryLine) -> messages.InventoryLine:
    return messages.InventoryLine(
        scope=line.scope,
        category=line.category or 0,
        emissions=emissions_to_message(line.emissions),
        entry_count=line.entry_count,
        draft_count=line.draft_count,
        emissions_half_width=None if line.half_width is None else emissions_to_message(line.half_width),
        entries=line.entries,
    )


def _line_from_message(message: messages.InventoryLine) -> InventoryLine:
    return InventoryLine(
        scope=message.scope,
        category=message.category or None,
        emissions=emissions_from_message(message.emissions),
        entry_count=message.entry_count,
        draft_count=message.draft_count,
        half_width=optional_emissions(message, "emissions_half_width"),
        entries=tuple(message.entries),
    )


def record_to_message(record: BookRecord) -> messages.BookRecord:
    return messages.BookRecord(
        index=record.number,
        create_time=instant_to_message(record.time),
        actor=record.actor,
        kind=record.kind,
        reason=record.reason,
        digest=record.digest,
        body=record.body,
    )


def record_from_message(message: messages.BookRecord) -> BookRecord:
    return BookRecord(
        number=message.index,
        time=instant_from_message(message.create_time),
        actor=message.actor,
        kind=message.kind,
        reason=message.reason,
        digest=message.digest,
        body=message.body,
    )
