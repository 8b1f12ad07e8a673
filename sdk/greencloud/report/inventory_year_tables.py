"""Years of the inventory for people: totals by scope or ISO category, the policy, the base year, the journal.

Amounts are exact tonnes (``greencloud.report.inventory_tables``).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from greencloud.report.amounts import Scale, exact_decimal
from greencloud.report.inventory_tables import TONNE, columns_text, exact_tonnes, pairs_text, shortened
from greencloud.results.inventory import (
    ISO_CATEGORIES,
    SCOPE3_CATEGORIES,
    BaseYearAssessment,
    BookRecord,
    InventoryLine,
    InventoryPolicy,
    InventoryTotals,
    InventoryYear,
    StructuralChange,
    iso_category_of,
)
from greencloud.units import Emissions, format_instant

__all__ = ["assessment_table", "changes_table", "policy_table", "records_table", "totals_table", "years_table"]

_SCOPES: Final = {
    "scope1": "Scope 1",
    "scope2_location_based": "Scope 2, location-based",
    "scope2_market_based": "Scope 2, market-based",
    "scope3": "Scope 3",
}


def totals_table(totals: InventoryTotals, *, iso: bool = False) -> str:
    """By scope and category with both totals, or by the categories of ISO 14064-1; biogenic CO2 beside them."""
    period = f"{format_instant(totals.start)} to {format_instant(totals.end)}"
    lines = [f"Inventory of {totals.year} ({totals.state}), {period}, t CO2e, gross", ""]
    if not totals.lines:
        return f"{lines[0]}\nNothing is booked for it.\n"
    show = exact_tonnes(
        [
            *(line.emissions for line in totals.lines),
            *(totals.biogenic, totals.total_location_based, totals.total_market_based),
        ]
    )
    rows = _by_iso(totals.lines) if iso else _by_scope(totals.lines)
    body = [
        (
            name,
            show(sum((line.emissions for line in some), Emissions())),
            _half_width(some),
            f"{sum(line.entry_count for line in some):,}",
            f"{sum(line.draft_count for line in some):,}",
        )
        for name, some in rows
    ]
    for name, total in (("location-based", totals.total_location_based), ("market-based", totals.total_market_based)):
        body.append((f"total, {name}", "not known" if total is None else show(total), "", "", ""))
    body.append(("biogenic CO2, in no total", show(totals.biogenic), "", "", ""))
    columns = ("category" if iso else "scope", "t CO2e", "± 95 %", "entries", "drafts")
    lines.append(columns_text(columns, tuple(body), numeric={"t CO2e", "± 95 %", "entries", "drafts"}).rstrip("\n"))
    if totals.total_location_based is None or totals.total_market_based is None:
        lines.append("A total is not known where one of its scopes is not booked.")
    return "\n".join([*lines, f"As of record {totals.as_of:,} of the journal."]) + "\n"


def _by_scope(lines: Sequence[InventoryLine]) -> list[tuple[str, list[InventoryLine]]]:
    """A row a line. Scope 3 has its sum first, where it has several: one booked without a category is a part like the others."""
    scope3 = [line for line in lines if line.scope == "scope3"]
    if len(scope3) < 2:
        return [(_line_name(line), [line]) for line in lines]
    others = [(_line_name(line), [line]) for line in lines if line.scope != "scope3"]
    parts = [(_line_name(line) if line.category else "Scope 3, without category", [line]) for line in scope3]
    return [*others, ("Scope 3", scope3), *parts]


def _line_name(line: InventoryLine) -> str:
    name = _SCOPES.get(line.scope, line.scope)
    return f"{name}, {line.category} {SCOPE3_CATEGORIES.get(line.category, '')}" if line.category else name


def _by_iso(lines: Sequence[InventoryLine]) -> list[tuple[str, list[InventoryLine]]]:
    """Category 2 has a row for each Scope 2 method: they are two figures of the same electricity, and no sum."""
    found: dict[tuple[int, str], list[InventoryLine]] = {}
    for line in lines:
        category = iso_category_of(line.scope, line.category)
        found.setdefault((category, line.scope if category == 2 else ""), []).append(line)
    return [
        (
            f"{category} {ISO_CATEGORIES[category]}" + (f" ({scope.removeprefix('scope2_').replace('_', '-')})" if scope else ""),
            some,
        )
        for (category, scope), some in sorted(found.items())
    ]


def _half_width(lines: Sequence[InventoryLine]) -> str:
    """Of one line; that of several is not told here: the sum of independent intervals is the inventory's own."""
    if len(lines) != 1 or lines[0].half_width is None:
        return ""
    return Scale("t", TONNE, 3).show(lines[0].half_width.micrograms)


def years_table(years: Sequence[InventoryYear]) -> str:
    if not years:
        return "No year has an entry.\n"
    body = tuple(
        (
            *(str(each.year), str(each.state), f"{each.entry_count:,}", f"{each.draft_count:,}", f"{each.restatement_count:,}"),
            *(each.submitted_by, each.closed_by, format_instant(each.closed) if each.closed else "", each.digest[:16]),
        )
        for each in years
    )
    head = ("year", "state", "entries", "drafts", "restated", "submitted by", "closed by", "closed", "digest")
    return columns_text(head, body, numeric={"entries", "drafts", "restated"})


def policy_table(policy: InventoryPolicy) -> str:
    rows = [
        ("organization", policy.organization),
        ("base year", str(policy.base_year or "")),
        ("fiscal year starts in month", str(policy.fiscal_year_start_month)),
        ("consolidation approach", policy.consolidation_approach),
        ("significance threshold", f"{exact_decimal(policy.significance_threshold * 100)} %"),
        ("GWP set", policy.gwp_set),
        ("etag", policy.etag),
        ("updated by", policy.updated_by or ("nobody: these are the defaults" if not policy.revision else "")),
    ]
    return pairs_text(rows)


def changes_table(changes: Sequence[StructuralChange]) -> str:
    """One row an effect on the base year."""
    if not changes:
        return "No structural change is on record.\n"
    show = exact_tonnes(effect.emissions for each in changes for effect in each.effects)
    body = tuple(
        (
            *(each.id, each.kind, format_instant(each.effective), effect.scope, str(effect.category or "")),
            *(show(effect.emissions), "yes" if each.applied else "no", each.created_by, shortened(each.description)),
        )
        for each in changes
        for effect in each.effects
    )
    head = ("change", "kind", "effective", "scope", "cat.", "t CO2e", "applied", "by", "description")
    return columns_text(head, body, numeric={"cat.", "t CO2e"})


def assessment_table(assessment: BaseYearAssessment) -> str:
    """The base year and what structural changes do to it, by scope, and whether they reach the threshold."""
    show = exact_tonnes(amount for line in assessment.lines for amount in (line.booked, line.effect))
    body = tuple((_SCOPES.get(line.scope, line.scope), show(line.booked), show(line.effect)) for line in assessment.lines)
    share = "not known: the base year books nothing" if assessment.share is None else _about_percent(assessment.share)
    required = "must be recalculated" if assessment.recalculation_required else "need not be recalculated"
    lines = [
        f"Base year {assessment.base_year}, t CO2e",
        "",
        columns_text(("scope", "booked", "effect"), body, numeric={"booked", "effect"}).rstrip("\n"),
        "",
        f"greatest share, by absolute amounts: {share}; threshold: {exact_decimal(assessment.threshold * 100)} %",
        f"The base year {required}.",
        *(f"not applied: {name}" for name in assessment.changes),
    ]
    return "\n".join(lines) + "\n"


def records_table(records: Sequence[BookRecord]) -> str:
    if not records:
        return "The journal has no such record.\n"
    body = tuple(
        (f"{each.number:,}", format_instant(each.time), each.kind, each.actor, each.digest, shortened(each.reason))
        for each in records
    )
    return columns_text(("record", "at", "kind", "by", "SHA-256", "reason"), body, numeric={"record"})


def _about_percent(share: Fraction) -> str:
    """Cut off, not rounded: what is below a threshold is not shown at it."""
    units = int(share * 10_000)
    return f"{units // 100}.{units % 100:02d} %"
