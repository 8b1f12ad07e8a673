"""The table of the GHG Protocol: scopes with both Scope 2 methods, the 15 categories of Scope 3, base year and policy.

Sources: Corporate Standard (2004), ch. 9, required and optional information; Scope 2 Guidance (2015), ch. 7.1; Corporate Value
Chain (Scope 3) Standard (2011), ch. 11.1. The protocol numbers no fields; those here are its own names of scopes and categories.
"""

from __future__ import annotations

from typing import Final

from greencloud.report.amounts import percent
from greencloud.report.disclosures.figures import (
    CO2E,
    NOT_BOOKED,
    amount,
    approach,
    category_figures,
    first_notes,
    gas_parts,
    gwp_sets,
    half_width,
    missing_categories,
    not_known,
    percent_of,
    period,
    ratio_words,
    restated_words,
    statement,
    units_used,
    used_instruments,
    verification,
    year_name,
)
from greencloud.report.disclosures.printed import KILOGRAM, PLACES, Printed, printed, tonnes
from greencloud.report.rounding import decimal_units, rounded_parts
from greencloud.results.disclosures import Disclosure, DisclosureInputs, DisclosureSection, DisclosureStandard, Figure
from greencloud.results.instruments import InstrumentKind
from greencloud.results.inventory import INVENTORY_SCOPES
from greencloud.units import format_instant

__all__ = ["build"]

_VERSION: Final = "Corporate Standard (2004), Scope 2 Guidance (2015), Scope 3 Standard (2011)"
_SCOPES: Final = {
    "scope1": ("Scope 1", "Direct GHG emissions"),
    "scope2_location_based": ("Scope 2 (location-based)", "Indirect GHG emissions of purchased energy, location-based"),
    "scope2_market_based": ("Scope 2 (market-based)", "Indirect GHG emissions of purchased energy, market-based"),
    "scope3": ("Scope 3", "Other indirect GHG emissions"),
}
_TOTALS: Final = {"location_based": "Total, with Scope 2 location-based", "market_based": "Total, with Scope 2 market-based"}


def build(inputs: DisclosureInputs) -> Disclosure:
    inventory = inputs.inventory
    shown = printed(inventory)
    sections = [_boundary(inputs), _emissions(inputs, shown), _categories(shown), _gases(inputs, shown), _biogenic(inputs)]
    sections += [_base_year(inputs), _quality(inputs), _instruments(inputs)]
    return Disclosure(
        standard=DisclosureStandard.GHG_PROTOCOL,
        version=_VERSION,
        organization=inputs.policy.organization,
        year=inventory.year,
        start=inventory.start,
        end=inventory.end,
        sections=tuple(sections),
        as_of=inventory.as_of,
        created=inputs.created,
        notes=first_notes(inputs),
    )


def _boundary(inputs: DisclosureInputs) -> DisclosureSection:
    policy = inputs.policy
    figures = (
        statement("Organization", "Reporting organization", policy.organization or "not stated: set it in the inventory policy"),
        statement("Consolidation approach", "Organizational boundary", approach(inputs)),
        statement("Reporting period", "Period covered", period(inputs.inventory), [year_name(inputs.inventory)]),
        statement("GWP", "Global warming potentials (100 years)", gwp_sets(inputs)),
    )
    return DisclosureSection("Inventory boundary", "Corporate Standard, ch. 9; Scope 3 Standard, ch. 11.1", figures)


def _emissions(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    figures = [
        amount(field, label, shown.scope(scope), evidence=shown.entries([scope])) for scope, (field, label) in _SCOPES.items()
    ]
    for method, label in _TOTALS.items():
        why = "a scope of it is not booked"
        figures.append(
            amount(
                f"Total ({method.replace('_', '-')})", label, shown.total(method), evidence=[year_name(inputs.inventory)], why=why
            )
        )
    return DisclosureSection("Emissions by scope", "Corporate Standard, ch. 9; Scope 2 Guidance, ch. 7.1", tuple(figures))


def _categories(shown: Printed) -> DisclosureSection:
    figures = category_figures("Scope 3.", shown)
    figures.append(amount("Scope 3", "Scope 3, sum of the above", shown.scope("scope3"), evidence=shown.entries(["scope3"])))
    missing = missing_categories(shown)
    notes: tuple[str, ...] = ()
    if missing and shown.line("scope3", None) is None:
        listed = ", ".join(map(str, missing))
        notes = (f"Categories {listed} are not booked. A report states for each why it is left out (Scope 3 Standard, ch. 6.1).",)
    return DisclosureSection("Scope 3 by category", "Scope 3 Standard, ch. 11.1", tuple(figures), notes)


def _gases(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    parts = gas_parts(inputs, "scope1")
    total = shown.scopes.get("scope1")
    reference = "Corporate Standard, ch. 9: emissions of each GHG"
    if total is None or not parts or sum(micrograms for micrograms, _ in parts.values()) != _exact(inputs, "scope1"):
        figures: tuple[Figure, ...] = (not_known("Scope 1, by gas", "Direct emissions by gas", CO2E, NOT_BOOKED),)
        return DisclosureSection("Scope 1 by gas", reference, figures)
    rounded = rounded_parts([micrograms for micrograms, _ in parts.values()], KILOGRAM, total)
    figures = tuple(
        amount(
            f"Scope 1, {gas or 'gases together'}",
            f"Direct emissions of {gas}" if gas else "Booked as CO2e, gases not told apart",
            decimal_units(units, PLACES),
            evidence=names,
        )
        for (gas, (_, names)), units in zip(parts.items(), rounded, strict=True)
    )
    return DisclosureSection("Scope 1 by gas", reference, figures)


def _exact(inputs: DisclosureInputs, scope: str) -> int:
    found = inputs.inventory.scope(scope)
    return found.micrograms if found else 0


def _biogenic(inputs: DisclosureInputs) -> DisclosureSection:
    names = [entry.name for entry in inputs.entries if entry.biogenic and entry.year == inputs.inventory.year]
    value = tonnes(inputs.inventory.biogenic) if names or inputs.inventory.biogenic.micrograms else None
    figure = amount("Biogenic CO2", "Direct CO2 of biologically sequestered carbon, apart from the scopes", value, evidence=names)
    return DisclosureSection("Biogenic CO2", "Corporate Standard, ch. 9", (figure,))


def _base_year(inputs: DisclosureInputs) -> DisclosureSection:
    policy, base = inputs.policy, inputs.base_inventory
    threshold = ratio_words(policy.significance_threshold)
    reference = "Corporate Standard, ch. 5 and 9"
    rule = statement(
        "Recalculation policy",
        "When the base year is recalculated",
        f"when errors, methods or structural changes together reach {threshold} of base-year emissions of a scope or in total",
        [each.name for each in inputs.structural_changes],
    )
    if base is None:
        year = str(policy.base_year) if policy.base_year else "none is set"
        return DisclosureSection("Base year", reference, (statement("Base year", "Base year", year), rule))
    before = printed(base)
    figures = [statement("Base year", "Base year", period(base), [year_name(base)])]
    for scope, (field, label) in _SCOPES.items():
        then, now = base.scope(scope), inputs.inventory.scope(scope)
        change = percent(then.micrograms, now.micrograms, 2) if then is not None and now is not None else None
        text = f"{change} % to {inputs.inventory.year}" if change else ""
        figures.append(amount(f"Base year {field}", label, before.scope(scope), evidence=before.entries([scope]), text=text))
    figures += [rule, *_restatements(inputs)]
    return DisclosureSection("Base year and recalculation", reference, tuple(figures))


def _restatements(inputs: DisclosureInputs) -> list[Figure]:
    return [
        amount(
            "Restatement",
            restated_words(each),
            tonnes(each.difference),
            evidence=[each.entry, *([each.structural_change] if each.structural_change else [])],
            text=f"{format_instant(each.restated)[:10]}, {each.restated_by}: {each.reason}",
        )
        for each in inputs.restatements
    ]


def _quality(inputs: DisclosureInputs) -> DisclosureSection:
    figures = []
    for scope in INVENTORY_SCOPES:
        field, _ = _SCOPES[scope]
        width = half_width(line for line in inputs.inventory.lines if line.scope == scope)
        total = inputs.inventory.scope(scope)
        value = percent_of(width, total) if width is not None and total is not None else None
        why = NOT_BOOKED if total is None else "an entry has no uncertainty"
        figures.append(amount(f"Uncertainty, {field}", "Half-width of the 95 % interval", value, "%", why=why))
    figures.append(statement("Assurance", "External assurance", verification(inputs)))
    return DisclosureSection(
        "Data quality and assurance", "Corporate Standard, ch. 9, optional; Scope 3 Standard, ch. 7", tuple(figures)
    )


def _instruments(inputs: DisclosureInputs) -> DisclosureSection:
    kinds = (
        (InstrumentKind.ENERGY_CERTIFICATE, "Energy certificates", "MWh", "Energy certificates that count for the year"),
        (InstrumentKind.REMOVAL, "Removals", CO2E, "Removals retired for the year, outside of the inventory"),
        (InstrumentKind.OFFSET_CREDIT, "Offset credits", CO2E, "Offset credits retired for the year, outside of the inventory"),
    )
    figures = []
    for kind, field, unit, label in kinds:
        used = used_instruments(inputs, kind)
        value = units_used(used) if used else None
        names = [each.name for each, _ in used]
        figures.append(amount(field, label, value, unit, evidence=names, why="none is used for the year"))
    note = "None of these changes an amount above."
    return DisclosureSection(
        "Instruments", "Scope 2 Guidance, ch. 7.1; Corporate Standard, ch. 9, optional", tuple(figures), (note,)
    )
