"""Entries of the inventory, their restatements, and what an import did.

What is not known is left out of a message: an uncertainty, an amount before or after. A category that there is not is 0.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeVar

from greencloud.errors import QuantityError
from greencloud.results.inventory import (
    ActivityData,
    DataQuality,
    EntryImport,
    EntryState,
    InventoryEntry,
    InventoryRestatement,
    LedgerReference,
    RestatementCause,
    RowError,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    fraction_from_text,
    fraction_to_text,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "CAUSES",
    "ENTRIES",
    "ENTRY_STATES",
    "QUALITIES",
    "YEAR_STATES",
    "entry_from_message",
    "entry_id",
    "entry_to_message",
    "import_from_message",
    "import_to_message",
    "number_of",
    "optional_emissions",
    "restatement_from_message",
    "restatement_to_message",
    "word_of",
]

E = TypeVar("E", bound=StrEnum)

ENTRIES: Final = "inventoryEntries/"
"""What the name of an entry begins with; its id follows."""

ENTRY_STATES: Final = {each: getattr(messages, f"INVENTORY_ENTRY_STATE_{each.name}") for each in EntryState}
YEAR_STATES: Final = {each: getattr(messages, f"INVENTORY_YEAR_STATE_{each.name}") for each in YearState}
QUALITIES: Final = {each: getattr(messages, f"DATA_QUALITY_{each.name}") for each in DataQuality}
CAUSES: Final = {each: getattr(messages, f"INVENTORY_RESTATEMENT_CAUSE_{each.name}") for each in RestatementCause}


def word_of(number: int, known: dict[E, Any], what: str) -> E:
    """The word of an enum's number. Raises QuantityError where it is none, or is not given."""
    for word, each in known.items():
        if each == number:
            return word
    raise QuantityError(
        f"{what} {number} is not known" if number else f"{what} is not given", advice=f"use one of {', '.join(known)}"
    )


def number_of(word: E | str, known: dict[E, Any], what: str) -> Any:
    """The number of an enum's word. Raises QuantityError where there is no such word."""
    for each, number in known.items():
        if each == word:
            return number
    raise QuantityError(f"there is no {what} {word!r}", advice=f"use one of {', '.join(known)}")


def entry_id(name: str) -> str:
    """The id within a name; an id alone is taken for itself."""
    return name.removeprefix(ENTRIES)


def entry_to_message(entry: InventoryEntry) -> messages.InventoryEntry:
    return messages.InventoryEntry(
        name=entry.name if entry.id else "",
        year=str(entry.year),
        scope=entry.scope,
        category=entry.category or 0,
        emissions=emissions_to_message(entry.emissions),
        source=entry.source,
        site=entry.site,
        business=entry.business,
        activity=None if entry.activity is None else _activity_to_message(entry.activity),
        reference=None if entry.reference is None else _reference_to_message(entry.reference),
        evidence=entry.evidence,
        uncertainty=fraction_to_text(entry.uncertainty),
        data_quality=QUALITIES[entry.data_quality] if entry.data_quality else messages.DATA_QUALITY_UNSPECIFIED,
        biogenic=entry.biogenic,
        state=ENTRY_STATES[entry.state],
        revision=entry.revision,
        created_by=entry.created_by,
        create_time=entry.created and instant_to_message(entry.created),
        approved_by=entry.approved_by,
        verified_by=entry.verified_by,
        assurance=entry.assurance,
        etag=entry.etag,
        iso_category=entry.iso_category,
    )


def entry_from_message(message: messages.InventoryEntry) -> InventoryEntry:
    """Raises QuantityError where a number, year or word cannot be read."""
    return InventoryEntry(
        id=entry_id(message.name),
        year=ReportingYear.parse(message.year),
        scope=message.scope,
        category=message.category or None,
        emissions=emissions_from_message(message.emissions),
        source=message.source,
        site=message.site,
        business=message.business,
        activity=_activity_from_message(message.activity) if message.HasField("activity") else None,
        reference=_reference_from_message(message.reference) if message.HasField("reference") else None,
        evidence=tuple(message.evidence),
        uncertainty=fraction_from_text(message.uncertainty, "uncertainty") if message.uncertainty else None,
        data_quality=word_of(message.data_quality, QUALITIES, "data_quality") if message.data_quality else None,
        biogenic=message.biogenic,
        state=word_of(message.state, ENTRY_STATES, "state") if message.state else EntryState.DRAFT,
        revision=message.revision or 1,
        created_by=message.created_by,
        created=instant_from_message(message.create_time) if message.HasField("create_time") else None,
        approved_by=message.approved_by,
        verified_by=message.verified_by,
        assurance=message.assurance,
    )


def _activity_to_message(activity: ActivityData) -> messages.ActivityData:
    return messages.ActivityData(
        amount=fraction_to_text(activity.amount),
        unit=activity.unit,
        factor=fraction_to_text(activity.factor),
        factor_unit=activity.factor_unit,
        factor_source=activity.factor_source,
        gas=activity.gas,
        gwp_set=activity.gwp_set,
    )


def _activity_from_message(message: messages.ActivityData) -> ActivityData:
    return ActivityData(
        amount=fraction_from_text(message.amount, "activity.amount"),
        unit=message.unit,
        factor=fraction_from_text(message.factor, "activity.factor"),
        factor_unit=message.factor_unit,
        factor_source=message.factor_source,
        gas=message.gas,
        gwp_set=message.gwp_set,
    )


def _reference_to_message(reference: LedgerReference) -> messages.LedgerReference:
    return messages.LedgerReference(
        measure=reference.measure,
        start_time=instant_to_message(reference.start),
        end_time=instant_to_message(reference.end),
        ledger_version=reference.ledger_version,
        covered_seconds=reference.covered_seconds,
        energy=energy_to_message(reference.energy),
        facility_revision=reference.facility_revision,
    )


def _reference_from_message(message: messages.LedgerReference) -> LedgerReference:
    return LedgerReference(
        measure=message.measure,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        ledger_version=message.ledger_version,
        covered_seconds=message.covered_seconds,
        energy=energy_from_message(message.energy),
        facility_revision=message.facility_revision,
    )


def optional_emissions(message: Any, field: str) -> Emissions | None:
    """An amount of a message; None where it is not set."""
    return emissions_from_message(getattr(message, field)) if message.HasField(field) else None


def restatement_to_message(restatement: InventoryRestatement) -> messages.InventoryRestatement:
    return messages.InventoryRestatement(
        entry=restatement.entry,
        year=str(restatement.year),
        scope=restatement.scope,
        category=restatement.category or 0,
        old_emissions=None if restatement.before is None else emissions_to_message(restatement.before),
        new_emissions=None if restatement.after is None else emissions_to_message(restatement.after),
        cause=CAUSES[restatement.cause],
        reason=restatement.reason,
        restated_by=restatement.restated_by,
        restate_time=instant_to_message(restatement.restated),
        revision=restatement.revision,
        structural_change=restatement.structural_change,
    )


def restatement_from_message(message: messages.InventoryRestatement) -> InventoryRestatement:
    return InventoryRestatement(
        entry=message.entry,
        year=ReportingYear.parse(message.year),
        scope=message.scope,
        category=message.category or None,
        before=optional_emissions(message, "old_emissions"),
        after=optional_emissions(message, "new_emissions"),
        cause=word_of(message.cause, CAUSES, "cause"),
        reason=message.reason,
        restated_by=message.restated_by,
        restated=instant_from_message(message.restate_time),
        revision=message.revision,
        structural_change=message.structural_change,
    )


def import_to_message(done: EntryImport) -> messages.ImportInventoryEntriesResponse:
    return messages.ImportInventoryEntriesResponse(
        added_entries=map(entry_to_message, done.added),
        restatements=map(restatement_to_message, done.restated),
        unchanged_count=done.unchanged,
        errors=[
            messages.RowError(row=each.row, column=each.column, message=each.message, advice=each.advice) for each in done.errors
        ],
        evidence=done.evidence,
        validate_only=done.validate_only,
    )


def import_from_message(message: messages.ImportInventoryEntriesResponse) -> EntryImport:
    return EntryImport(
        added=tuple(map(entry_from_message, message.added_entries)),
        restated=tuple(map(restatement_from_message, message.restatements)),
        unchanged=message.unchanged_count,
        errors=tuple(RowError(each.row, each.column, each.message, each.advice) for each in message.errors),
        evidence=message.evidence,
        validate_only=message.validate_only,
    )
