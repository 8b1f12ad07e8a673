"""The report of ISO 14064-1:2018, 9.3.1: its required content, a) to t), in the standard's order and under its letters.

Emissions are by the six categories of 5.2.4. Imported energy (category 2) is quantified location-based, and by the contracts beside
it (annex E). The categories of Scope 3 go to those of ISO by annex B.
"""

from __future__ import annotations

from typing import Final

from greencloud.report.disclosures.figures import (
    CO2E,
    NOT_BOOKED,
    amount,
    approach,
    first_notes,
    gas_parts,
    gwp_sets,
    half_width,
    missing_categories,
    not_known,
    percent_of,
    period,
    restated_words,
    statement,
    verification,
    year_name,
)
from greencloud.report.disclosures.printed import KILOGRAM, PLACES, Printed, printed, tonnes
from greencloud.report.rounding import decimal_units, rounded_parts
from greencloud.results.disclosures import Disclosure, DisclosureInputs, DisclosureSection, DisclosureStandard, Figure
from greencloud.results.inventory import INVENTORY_SCOPES, ISO_CATEGORIES, InventoryTotals, iso_category_of
from greencloud.units import Emissions, format_instant

__all__ = ["build"]

_VERSION: Final = "ISO 14064-1:2018"


def build(inputs: DisclosureInputs) -> Disclosure:
    inventory = inputs.inventory
    shown = printed(inventory)
    return Disclosure(
        standard=DisclosureStandard.ISO_14064_1,
        version=_VERSION,
        organization=inputs.policy.organization,
        year=inventory.year,
        start=inventory.start,
        end=inventory.end,
        sections=(
            _organization(inputs, shown),
            _direct(inputs, shown),
            _indirect(inputs, shown),
            _base_year(inputs),
            _quantification(inputs),
        ),
        as_of=inventory.as_of,
        created=inputs.created,
        notes=first_notes(inputs),
    )


def _organization(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    missing = ", ".join(map(str, missing_categories(shown)))
    figures = (
        statement("9.3.1 a)", "Reporting organization", inputs.policy.organization or "not stated: set it in the inventory policy"),
        statement("9.3.1 b)", "Who is responsible for the report", "not kept here: to be named by the organization"),
        statement("9.3.1 c)", "Reporting period", period(inputs.inventory), [year_name(inputs.inventory)]),
        statement("9.3.1 d)", "Organizational boundaries", approach(inputs)),
        statement(
            "9.3.1 e)",
            "Reporting boundaries",
            "all entries of the inventory; categories of the Scope 3 Standard without an entry: " + (missing or "none"),
        ),
    )
    return DisclosureSection("Organization and boundaries", "9.3.1 a) to e)", figures)


def _direct(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    figures = [
        amount("9.3.1 f)", ISO_CATEGORIES[1], shown.iso_category(1, "location_based"), evidence=shown.entries(["scope1"])),
        *_by_gas(inputs, shown),
    ]
    names = [entry.name for entry in inputs.entries if entry.biogenic and entry.year == inputs.inventory.year]
    biogenic = tonnes(inputs.inventory.biogenic) if names or inputs.inventory.biogenic.micrograms else None
    figures.append(amount("9.3.1 g)", "Biogenic CO2, apart from the categories", biogenic, evidence=names))
    why = "none is quantified: removals that were bought are instruments, and stay outside of the inventory"
    figures.append(not_known("9.3.1 h)", "Direct GHG removals", CO2E, why))
    figures.append(
        statement("9.3.1 i)", "Significant sources or sinks left out", "not kept here: to be stated by the organization")
    )
    return DisclosureSection("Direct emissions and removals", "9.3.1 f) to i); 5.2.2, annex D", tuple(figures))


def _by_gas(inputs: DisclosureInputs, shown: Printed) -> list[Figure]:
    parts = gas_parts(inputs, "scope1")
    total, exact = shown.scopes.get("scope1"), inputs.inventory.scope("scope1")
    if total is None or exact is None or sum(each for each, _ in parts.values()) != exact.micrograms:
        return []
    rounded = rounded_parts([each for each, _ in parts.values()], KILOGRAM, total)
    return [
        amount("9.3.1 f)", f"thereof {gas or 'booked as CO2e, gases not told apart'}", decimal_units(units, PLACES), evidence=names)
        for (gas, (_, names)), units in zip(parts.items(), rounded, strict=True)
    ]


def _indirect(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    figures = [
        amount(
            "9.3.1 j) 2",
            f"{ISO_CATEGORIES[2]}, {method.replace('_', '-')}",
            shown.iso_category(2, method),
            evidence=shown.entries([f"scope2_{method}"]),
        )
        for method in ("location_based", "market_based")
    ]
    for number in range(3, 7):
        value = shown.iso_category(number, "location_based")
        figures.append(amount(f"9.3.1 j) {number}", ISO_CATEGORIES[number], value, evidence=shown.entries(["scope3"], iso=number)))
    for method in ("location_based", "market_based"):
        label = f"Total of all categories, imported energy {method.replace('_', '-')}"
        why = "a scope of it is not booked"
        figures.append(amount("9.3.1 f), j)", label, shown.total(method), evidence=[year_name(inputs.inventory)], why=why))
    notes = ("Scope 3 that is booked as a whole is in category 6.",) if shown.line("scope3", None) is not None else ()
    return DisclosureSection("Indirect emissions by category", "9.3.1 j); 5.2.4, annexes B and E", tuple(figures), notes)


def _base_year(inputs: DisclosureInputs) -> DisclosureSection:
    base = inputs.base_inventory
    if base is None:
        text = f"{inputs.policy.base_year}: nothing is booked for it" if inputs.policy.base_year else "none is set"
        return DisclosureSection("Base year", "9.3.1 k), l); 6.4", (statement("9.3.1 k)", "Base year", text),))
    before = printed(base)
    figures = [statement("9.3.1 k)", "Base year", period(base), [year_name(base)])]
    for number, label in ISO_CATEGORIES.items():
        scopes = [scope for scope in INVENTORY_SCOPES if scope != "scope2_market_based"]
        value = before.iso_category(number, "location_based")
        figures.append(amount(f"9.3.1 k) {number}", label, value, evidence=before.entries(scopes, iso=number)))
    figures += [
        amount(
            "9.3.1 l)",
            f"Change of {restated_words(each)}",
            tonnes(each.difference),
            evidence=[each.entry],
            text=f"{format_instant(each.restated)[:10]}: {each.reason}",
        )
        for each in inputs.restatements
    ]
    if not inputs.restatements:
        figures.append(statement("9.3.1 l)", "Changes of the base year or of other past figures", "none"))
    return DisclosureSection("Base year", "9.3.1 k), l); 6.4", tuple(figures))


def _quantification(inputs: DisclosureInputs) -> DisclosureSection:
    entries = [entry for entry in inputs.entries if entry.year == inputs.inventory.year]
    calculated = [entry for entry in entries if entry.activity]
    referred = [entry for entry in entries if entry.reference]
    stated = len(entries) - len(calculated) - len(referred)
    factors = sorted({entry.activity.factor_source for entry in calculated if entry.activity and entry.activity.factor_source})
    changes = [each for each in inputs.restatements if each.cause.value == "methodology"]
    figures = [
        statement(
            "9.3.1 m)",
            "Quantification approaches",
            f"{len(calculated)} entries: activity data times factor; {len(referred)}: lines of the metered ledger; {stated}: stated"
            " with their source",
        ),
        statement("9.3.1 n)", "Changes of approaches", "; ".join(each.reason for each in changes) or "none"),
        statement("9.3.1 o)", "Factors used", "; ".join(factors) or "none: no entry is calculated from activity data"),
        *(_uncertainty(inputs.inventory, number) for number in ISO_CATEGORIES),
        statement("9.3.1 r)", "Accordance", "prepared along 9.3.1; whether it is in accordance is for the organization to state"),
        statement("9.3.1 s)", "Verification", verification(inputs)),
        statement("9.3.1 t)", "Global warming potentials", f"{gwp_sets(inputs)}, 100 years"),
    ]
    return DisclosureSection("Quantification, uncertainty, verification", "9.3.1 m) to t); 6.2, 8.3", tuple(figures))


def _uncertainty(inventory: InventoryTotals, number: int) -> Figure:
    lines = [
        line
        for line in inventory.lines
        if iso_category_of(line.scope, line.category) == number and line.scope != "scope2_market_based"
    ]
    label = f"Half-width of the 95 % interval, category {number}"
    if not lines:
        return not_known(f"9.3.1 p), q) {number}", label, "%", NOT_BOOKED)
    width, total = half_width(lines), sum((line.emissions for line in lines), Emissions())
    value = percent_of(width, total) if width is not None else None
    return amount(f"9.3.1 p), q) {number}", label, value, "%", why="an entry has no uncertainty")
