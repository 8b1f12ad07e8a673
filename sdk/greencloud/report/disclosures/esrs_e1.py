"""ESRS E1, Climate change: targets, energy, gross emissions, removals and credits.

The revised set renumbers the disclosure requirements of the first (Delegated Regulation (EU) 2023/2772): E1-4 targets became E1-6,
E1-5 energy became E1-7, E1-6 gross emissions became E1-8, E1-7 removals and credits became E1-9. A field has the new number, and in
brackets the old one with its paragraph, because reports for years before 2027 may use either.

Emissions are gross: removals and credits are reported, and never deducted. What the books do not hold is not known, and said to be.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from greencloud.report.disclosures.figures import (
    CO2E,
    amount,
    approach,
    category_figures,
    first_notes,
    goal_words,
    not_known,
    period,
    statement,
    target_figure,
    units_used,
    used_instruments,
    year_name,
)
from greencloud.report.disclosures.printed import Printed, printed, tonnes
from greencloud.results.disclosures import Disclosure, DisclosureInputs, DisclosureSection, DisclosureStandard, Figure
from greencloud.results.goals import Goal, GoalProgress
from greencloud.results.instruments import InstrumentKind
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import MILLIJOULES_PER_KWH, Energy

__all__ = ["build", "energy_figures", "megawatt_hours"]

_VERSION: Final = "ESRS E1, revised set (numbers of the set of 2023 in brackets)"


def build(inputs: DisclosureInputs) -> Disclosure:
    inventory = inputs.inventory
    shown = printed(inventory)
    return Disclosure(
        standard=DisclosureStandard.ESRS_E1,
        version=_VERSION,
        organization=inputs.policy.organization,
        year=inventory.year,
        start=inventory.start,
        end=inventory.end,
        sections=(_targets(inputs), _energy(inputs), _gross(inputs, shown), _removals(inputs)),
        as_of=inventory.as_of,
        created=inputs.created,
        notes=first_notes(inputs),
    )


def _targets(inputs: DisclosureInputs) -> DisclosureSection:
    figures: list[Figure] = []
    for goal, progress in inputs.goals:
        figures += _target(goal, progress, inputs.inventory.year)
    if not figures:
        figures = [statement("E1-6 [E1-4 32]", "Targets", "no goal is set")]
    return DisclosureSection("Targets", "E1-6 [E1-4, paragraphs 30 to 34]", tuple(figures))


def _target(goal: Goal, progress: GoalProgress | None, year: ReportingYear) -> list[Figure]:
    named = [goal.name]
    figures = [statement("E1-6 [E1-4 34(b)]", goal.display_name or goal.id, goal_words(goal, progress, year), named)]
    if progress is None:
        why = "the base year is not booked, or the path cannot be worked out"
        return [*figures, not_known("E1-6 [E1-4 34(d)]", f"{goal.id}: base year {goal.base_year}", CO2E, why)]
    figures.append(
        amount("E1-6 [E1-4 34(d)]", f"{goal.id}: base year {goal.base_year}", tonnes(progress.base_emissions), evidence=named)
    )
    figures += [
        amount(
            "E1-6 [E1-4 34(a)]",
            f"{goal.id}: milestone {milestone.year}",
            tonnes(milestone.emissions),
            evidence=named,
            why="given as a share of the base",
        )
        for milestone in progress.milestones
    ]
    return [*figures, target_figure("E1-6 [E1-4 34(a)]", goal, progress)]


def energy_figures(inputs: DisclosureInputs, total_field: str, renewable_field: str) -> list[Figure]:
    """Energy of the data centres by the ledger, and what certificates say of its source, in MWh."""
    ledger = inputs.ledger_energy
    label = "Energy consumption of the data centres in the ledger"
    if ledger is None or not ledger.covered_seconds:
        total = not_known(total_field, label, "MWh", "the ledger holds nothing of the year")
    else:
        covered = Fraction(ledger.covered_seconds * 100, ledger.year_seconds)
        text = "" if covered == 100 else f"of the {Decimal(round(covered * 100)).scaleb(-2)} % of the year that the ledger covers"
        total = amount(
            total_field,
            label,
            megawatt_hours(ledger.energy),
            "MWh",
            evidence=[f"ledgerVersions/{ledger.ledger_version}"],
            text=text,
        )
    used = used_instruments(inputs, InstrumentKind.ENERGY_CERTIFICATE)
    renewable = amount(
        renewable_field,
        "thereof by energy certificates that count for the year",
        units_used(used) if used else None,
        "MWh",
        evidence=[each.name for each, _ in used],
        why="no energy certificate is used for the year",
    )
    return [total, renewable]


def megawatt_hours(energy: Energy) -> Decimal:
    """With three places, half to even."""
    return Decimal(round(Fraction(energy.millijoules, MILLIJOULES_PER_KWH))).scaleb(-3)


def _energy(inputs: DisclosureInputs) -> DisclosureSection:
    why = "the books hold no split of energy by source; what certificates do not cover is of the residual mix"
    figures = (
        *energy_figures(inputs, "E1-7 [E1-5 37]", "E1-7 [E1-5 37(c)]"),
        not_known("E1-7 [E1-5 37(a)]", "Energy from fossil sources", "MWh", why),
        not_known("E1-7 [E1-5 37(b)]", "Energy from nuclear sources", "MWh", why),
    )
    note = "Energy of offices, vehicles and fuels that are not in the ledger is not known here."
    return DisclosureSection("Energy consumption and mix", "E1-7 [E1-5, paragraphs 35 to 39]", figures, (note,))


def _gross(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    year = [year_name(inputs.inventory)]
    figures = [
        statement("E1-8 [E1-6 46]", "Boundary and period", f"{approach(inputs)}; {period(inputs.inventory)}", year),
        amount("E1-8 [E1-6 48(a)]", "Gross Scope 1", shown.scope("scope1"), evidence=shown.entries(["scope1"])),
        not_known("E1-8 [E1-6 48(b)]", "Scope 1 from regulated emission trading schemes", "%", "not kept in the books"),
        _scope2(shown, "E1-8 [E1-6 49(a)]", "location_based"),
        _scope2(shown, "E1-8 [E1-6 49(b)]", "market_based"),
        *category_figures("E1-8 [E1-6 51] ", shown),
        amount("E1-8 [E1-6 51]", "Gross Scope 3", shown.scope("scope3"), evidence=shown.entries(["scope3"])),
    ]
    for letter, method in (("a", "location_based"), ("b", "market_based")):
        label = f"Total GHG emissions, {method.replace('_', '-')}"
        why = "a scope of it is not booked"
        figures.append(amount(f"E1-8 [E1-6 52({letter})]", label, shown.total(method), evidence=year, why=why))
    reference = "E1-8 [E1-6, paragraphs 44 to 52]"
    return DisclosureSection("Gross Scopes 1, 2, 3 and total GHG emissions", reference, tuple(figures))


def _scope2(shown: Printed, field: str, method: str) -> Figure:
    scope = f"scope2_{method}"
    return amount(field, f"Gross Scope 2, {method.replace('_', '-')}", shown.scope(scope), evidence=shown.entries([scope]))


def _removals(inputs: DisclosureInputs) -> DisclosureSection:
    figures = [
        not_known(
            "E1-9 [E1-7 58(a)]",
            "GHG removals in own operations and the value chain",
            CO2E,
            "none is quantified: what was bought is below",
        )
    ]
    kinds = ((InstrumentKind.REMOVAL, "removals"), (InstrumentKind.OFFSET_CREDIT, "reductions (offset credits)"))
    total, names, any_used = Decimal(0), [], False
    for kind, label in kinds:
        used = used_instruments(inputs, kind)
        for instrument, units in used:
            text = f"{instrument.registry}, {instrument.project}, vintage {instrument.vintage_start.year}"
            figures.append(
                amount("E1-9 [E1-7 61]", f"Credits used, {label}", Decimal(units), evidence=[instrument.name], text=text)
            )
        total, any_used = total + units_used(used), any_used or bool(used)
        names += [each.name for each, _ in used]
    why = "none is used for the year"
    figures.append(
        amount("E1-9 [E1-7 59(a)]", "Carbon credits that count for the year", total if any_used else None, evidence=names, why=why)
    )
    for each in inputs.neutrality:
        found = "; ".join(each.findings) or "no finding"
        figures.append(
            amount(
                "E1-9 [E1-7 61]",
                f"Balance of the neutrality claim for {', '.join(each.scopes)}",
                tonnes(each.balance),
                evidence=[*([each.goal] if each.goal else []), year_name(inputs.inventory)],
                text=f"{'neutral' if each.neutral else 'not neutral'}; "
                f"{'reduction came first' if each.reduction_first else 'reduction did not come first'}; {found}",
            )
        )
    note = "Gross emissions above are before any of these."
    return DisclosureSection("GHG removals and carbon credits", "E1-9 [E1-7, paragraphs 56 to 61]", tuple(figures), (note,))
