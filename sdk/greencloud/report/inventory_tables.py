"""Inventory entries for people: tables of exact tonnes.

Amounts of a column are in tonnes of CO2e with as many places as the finest of them needs, so that what is shown adds up to what is
shown: nothing is rounded but the half-widths of intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from greencloud.report.amounts import Scale, exact_decimal, percent
from greencloud.report.sheet import Column, Sheet, printable
from greencloud.report.tables import table_text
from greencloud.results.inventory import (
    ISO_CATEGORIES,
    SCOPE3_CATEGORIES,
    EntryImport,
    InventoryEntry,
    InventoryRestatement,
)
from greencloud.units import Emissions, format_instant

__all__ = [
    "TONNE",
    "columns_text",
    "entries_table",
    "entry_table",
    "exact_tonnes",
    "import_table",
    "pairs_text",
    "restatements_table",
    "shortened",
]

TONNE: Final = 10**12
_LONGEST: Final = 48
_MOST_SHOWN: Final = 20


def exact_tonnes(amounts: Iterable[Emissions | None]) -> Callable[[Emissions | None], str]:
    """Shows each of the amounts exactly, all with the same places; "" for None."""
    places = max((_places(amount.micrograms) for amount in amounts if amount is not None), default=0)
    scale = Scale("t", TONNE, places)
    return lambda amount: "" if amount is None else scale.show(amount.micrograms)


def _places(micrograms: int) -> int:
    part = abs(micrograms) % TONNE
    return len(f"{part:012d}".rstrip("0")) if part else 0


def entries_table(entries: Sequence[InventoryEntry]) -> str:
    """One row an entry. There is no total: a list may hold both methods of Scope 2."""
    if not entries:
        return "No entry is booked.\n"
    show = exact_tonnes(entry.emissions for entry in entries)
    body = tuple(
        (
            *(entry.id, str(entry.year), entry.scope, str(entry.category or "")),
            show(entry.emissions),
            *(str(entry.state), str(entry.revision), entry.site, entry.business),
            *(str(len(entry.evidence)), shortened(entry.source)),
        )
        for entry in entries
    )
    return columns_text(
        ("entry", "year", "scope", "cat.", "t CO2e", "state", "rev.", "site", "business", "evidence", "source"),
        body,
        numeric={"cat.", "t CO2e", "rev.", "evidence"},
    )


def entry_table(entry: InventoryEntry, revisions: Sequence[InventoryEntry]) -> str:
    """What an entry says, its evidence, and every revision."""
    category = f"{entry.category}, {SCOPE3_CATEGORIES.get(entry.category, '')}" if entry.category else ""
    rows = [
        ("entry", entry.name),
        ("year", str(entry.year)),
        ("scope", entry.scope + (f", category {category}" if category else "")),
        ("ISO 14064-1", f"category {entry.iso_category}, {ISO_CATEGORIES[entry.iso_category]}"),
        ("emissions", f"{exact_tonnes([entry.emissions])(entry.emissions)} t CO2e" + (", biogenic" if entry.biogenic else "")),
        ("source", entry.source),
        ("site", entry.site),
        ("business unit", entry.business),
    ]
    if activity := entry.activity:
        rows += [
            (
                "activity",
                f"{exact_decimal(activity.amount)} {activity.unit} x {exact_decimal(activity.factor)} {activity.factor_unit}",
            ),
            ("factor of", activity.factor_source),
            ("gas", activity.gas + (f", {activity.gwp_set}" if activity.gwp_set else "")),
        ]
    if reference := entry.reference:
        period = f"{format_instant(reference.start)} to {format_instant(reference.end)}"
        rows += [("ledger", f"{reference.measure}, {period}, version {reference.ledger_version}")]
    rows += [
        ("uncertainty", "" if entry.uncertainty is None else f"±{exact_decimal(entry.uncertainty * 100)} %"),
        ("data quality", str(entry.data_quality or "")),
        ("state", str(entry.state)),
        ("approved by", entry.approved_by),
        ("verified by", entry.verified_by + (f", {entry.assurance} assurance" if entry.assurance else "")),
        *(("evidence", digest) for digest in entry.evidence),
        ("etag", entry.etag),
    ]
    show = exact_tonnes(each.emissions for each in revisions)
    body = tuple(
        (
            *(str(each.revision), show(each.emissions), str(each.state), each.created_by),
            *(format_instant(each.created) if each.created else "", shortened(each.source)),
        )
        for each in revisions
    )
    head = ("rev.", "t CO2e", "state", "by", "at", "source")
    return f"{pairs_text(rows)}\n{columns_text(head, body, numeric={'rev.', 't CO2e'})}"


def import_table(done: EntryImport) -> str:
    """What is wrong with the file, row by row, else what it did, or would do."""
    if done.errors:
        rows = tuple((str(each.row), each.column, each.message, each.advice) for each in done.errors)
        return columns_text(("row", "column", "what is wrong", "what to do"), rows, numeric={"row"})
    would = "would be " if done.validate_only else ""
    lines = [
        f"{len(done.added):,} entries {would}added, {len(done.restated):,} {would}restated, {done.unchanged:,} unchanged",
        *([f"the file {'would be' if done.validate_only else 'is'} kept as evidence {done.evidence}"] if done.evidence else []),
    ]
    if done.restated:
        left = len(done.restated) - _MOST_SHOWN
        lines += ["", restatements_table(done.restated[:_MOST_SHOWN]).rstrip("\n")]
        lines += [f"and {left:,} more: -o json"] if left > 0 else []
    return "\n".join(lines) + "\n"


def restatements_table(restatements: Sequence[InventoryRestatement]) -> str:
    if not restatements:
        return "Nothing is restated.\n"
    show = exact_tonnes(amount for each in restatements for amount in (each.before, each.after))
    body = tuple(
        (
            *(each.entry.rpartition("/")[2], str(each.year), each.scope, str(each.category or ""), str(each.revision)),
            *(show(each.before), show(each.after), show(each.difference), _percent(each)),
            *(str(each.cause), each.restated_by, format_instant(each.restated), shortened(each.reason)),
        )
        for each in restatements
    )
    amounts = ("before", "after", "difference", "percent")
    head = ("entry", "year", "scope", "cat.", "rev.", *amounts, "cause", "by", "at", "reason")
    return columns_text(head, body, numeric={"cat.", "rev.", *amounts})


def _percent(restatement: InventoryRestatement) -> str:
    if restatement.before is None or restatement.after is None:
        return ""
    share = percent(restatement.before.micrograms, restatement.after.micrograms, places=2)
    return "" if share is None else f"{share} %"


def columns_text(head: Sequence[str], body: tuple[tuple[str, ...], ...], *, numeric: set[str]) -> str:
    """Columns in which no row says anything are left out."""
    kept = [place for place, name in enumerate(head) if name in numeric or not body or any(row[place] for row in body)]
    columns = tuple(Column((head[place],), numeric=head[place] in numeric) for place in kept)
    rows = tuple(tuple(printable(row[place]) for place in kept) for row in body)
    return "\n".join(table_text(Sheet(columns, rows))) + "\n"


def pairs_text(rows: Sequence[tuple[str, str]]) -> str:
    told = [(label, text) for label, text in rows if text]
    width = max(len(label) for label, _ in told)
    return "".join(f"{label:<{width}}  {printable(text)}\n" for label, text in told)


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
