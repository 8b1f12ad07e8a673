"""The inventory for programs: documents (``-o json``) and data sets (``-o csv``).

Every document has a ``schema`` and else the fields of its value (``greencloud.results.inventory``), as
``greencloud.report.value_documents`` writes them; an entry has its ``name``, ``iso_category`` and ``etag`` besides. The data set of
entries has the columns that an import reads, so that it can be changed and imported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from greencloud.report.amounts import exact_decimal, kg_decimal
from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.report.value_documents import document_of
from greencloud.results.inventory import (
    BaseYearAssessment,
    BookRecord,
    EntryImport,
    InventoryEntry,
    InventoryPolicy,
    InventoryRestatement,
    InventoryTotals,
    InventoryYear,
    StructuralChange,
    iso_category_of,
)
from greencloud.units import Emissions

__all__ = [
    "assessment_document",
    "changes_document",
    "entries_data",
    "entries_document",
    "entry_document",
    "import_document",
    "policy_document",
    "records_data",
    "records_document",
    "restatements_data",
    "restatements_document",
    "totals_data",
    "totals_document",
    "years_data",
    "years_document",
]

_SCHEMAS: Final = {
    kind: f"greencloud.{kind}/1"
    for kind in (
        "inventory_entries",
        "inventory_entry",
        "inventory",
        "inventory_years",
        "inventory_import",
        "inventory_restatements",
        "inventory_policy",
        "structural_changes",
        "base_year_assessment",
        "book_records",
    )
}


def _document(schema: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": _SCHEMAS[schema], **content}


def _entry(entry: InventoryEntry) -> dict[str, Any]:
    return {"name": entry.name, **document_of(entry), "iso_category": entry.iso_category, "etag": entry.etag}


def entry_document(entry: InventoryEntry, revisions: Iterable[InventoryEntry] = ()) -> dict[str, Any]:
    """An entry, and all its revisions, the first one first."""
    return _document("inventory_entry", {**_entry(entry), "revisions": [_entry(each) for each in revisions]})


def entries_document(entries: Iterable[InventoryEntry]) -> dict[str, Any]:
    return _document("inventory_entries", {"entries": [_entry(each) for each in entries]})


def entries_data(entries: Iterable[InventoryEntry]) -> Dataset:
    """Columns as an import reads them. An amount that is calculated stands beside what it is calculated from."""
    columns = (
        *("id", "year", "scope", "category"),
        "kg_co2e",
        *("source", "site", "business"),
        *("activity_amount", "activity_unit", "factor", "factor_unit", "factor_source", "gas", "gwp_set"),
        *("uncertainty_percent", "data_quality", "evidence", "biogenic"),
    )
    kinds = {"category": Kind.COUNT, "kg_co2e": Kind.MASS, "biogenic": Kind.FLAG}
    return Dataset(tuple(Field(name, kinds.get(name, Kind.TEXT)) for name in columns), tuple(map(_entry_row, entries)))


def _entry_row(entry: InventoryEntry) -> tuple[Value, ...]:
    activity = entry.activity
    told = (
        ("",) * 7
        if activity is None
        else (
            *(exact_decimal(activity.amount), activity.unit, exact_decimal(activity.factor), activity.factor_unit),
            *(activity.factor_source, activity.gas, activity.gwp_set),
        )
    )
    return (
        *(entry.id, str(entry.year), entry.scope, entry.category),
        _kg(entry.emissions),
        *(entry.source, entry.site, entry.business),
        *told,
        *("" if entry.uncertainty is None else exact_decimal(entry.uncertainty * 100), str(entry.data_quality or "")),
        *(" ".join(entry.evidence), entry.biogenic),
    )


def _kg(emissions: Emissions | None) -> Decimal | None:
    return None if emissions is None else Decimal(kg_decimal(emissions.micrograms))


def import_document(done: EntryImport) -> dict[str, Any]:
    """Counts of what is new, what is restated with both figures, and what is wrong with the file."""
    return _document(
        "inventory_import",
        {
            "added": len(done.added),
            "restated": [_restatement(each) for each in done.restated],
            "unchanged": done.unchanged,
            "errors": document_of(done.errors),
            "evidence": done.evidence,
            "validate_only": done.validate_only,
        },
    )


def _restatement(restatement: InventoryRestatement) -> dict[str, Any]:
    return {**document_of(restatement), "difference": document_of(restatement.difference)}


def restatements_document(restatements: Iterable[InventoryRestatement]) -> dict[str, Any]:
    return _document("inventory_restatements", {"restatements": [_restatement(each) for each in restatements]})


def restatements_data(restatements: Iterable[InventoryRestatement]) -> Dataset:
    texts = ("cause", "reason", "restated_by")
    return Dataset(
        (
            *(Field(name) for name in ("entry", "year", "scope")),
            Field("category", Kind.COUNT),
            *(Field(f"{name}_micrograms", Kind.AMOUNT) for name in ("before", "after", "difference")),
            *(Field(name) for name in texts),
            *(Field("restated", Kind.INSTANT), Field("revision", Kind.COUNT), Field("structural_change")),
        ),
        tuple(
            (
                *(each.entry, str(each.year), each.scope, each.category),
                *(None if amount is None else amount.micrograms for amount in (each.before, each.after, each.difference)),
                *(str(getattr(each, name)) for name in texts),
                *(each.restated, each.revision, each.structural_change),
            )
            for each in restatements
        ),
    )


def totals_document(totals: InventoryTotals) -> dict[str, Any]:
    return _document("inventory", document_of(totals))


def totals_data(totals: InventoryTotals) -> Dataset:
    """One row a scope and category; no total, which whoever sums a column would add again."""
    return Dataset(
        (
            *(Field(name) for name in ("year", "scope")),
            *(Field(name, Kind.COUNT) for name in ("category", "iso_category")),
            *(Field("emissions_micrograms", Kind.AMOUNT), Field("emissions_kg", Kind.MASS)),
            Field("half_width_micrograms", Kind.AMOUNT),
            *(Field(name, Kind.COUNT) for name in ("entry_count", "draft_count")),
        ),
        tuple(
            (
                *(str(totals.year), line.scope, line.category, iso_category_of(line.scope, line.category)),
                *(line.emissions.micrograms, _kg(line.emissions)),
                None if line.half_width is None else line.half_width.micrograms,
                *(line.entry_count, line.draft_count),
            )
            for line in totals.lines
        ),
    )


def years_document(years: Iterable[InventoryYear]) -> dict[str, Any]:
    return _document("inventory_years", {"years": [document_of(each) for each in years]})


def years_data(years: Iterable[InventoryYear]) -> Dataset:
    texts, counts = ("year", "state", "submitted_by", "closed_by"), ("entry_count", "draft_count", "restatement_count")
    fields = (
        *(Field(name) for name in texts),
        Field("closed", Kind.INSTANT),
        *(Field(name, Kind.COUNT) for name in counts),
        Field("digest"),
    )
    return Dataset(
        fields,
        tuple(
            (
                *(str(getattr(each, name)) for name in texts),
                each.closed,
                *(getattr(each, name) for name in counts),
                each.digest,
            )
            for each in years
        ),
    )


def policy_document(policy: InventoryPolicy) -> dict[str, Any]:
    return _document("inventory_policy", {**document_of(policy), "etag": policy.etag})


def changes_document(changes: Iterable[StructuralChange]) -> dict[str, Any]:
    return _document("structural_changes", {"changes": [{"name": each.name, **document_of(each)} for each in changes]})


def assessment_document(assessment: BaseYearAssessment) -> dict[str, Any]:
    return _document("base_year_assessment", document_of(assessment))


def records_document(records: Iterable[BookRecord]) -> dict[str, Any]:
    """The body of a record stays the text that its digest is of."""
    return _document("book_records", {"records": [document_of(each) for each in records]})


def records_data(records: Iterable[BookRecord]) -> Dataset:
    texts = ("actor", "kind", "reason", "digest", "body")
    return Dataset(
        (Field("number", Kind.COUNT), Field("time", Kind.INSTANT), *(Field(name) for name in texts)),
        tuple((each.number, each.time, *(str(getattr(each, name)) for name in texts)) for each in records),
    )
