"""IFRS S2, Climate-related Disclosures (2023): metrics of paragraph 29 and climate-related targets of paragraphs 33 to 36.

Emissions are absolute and gross, measured by the GHG Protocol Corporate Standard (29(a)(ii)); Scope 2 is location-based, with what
is needed of contractual instruments beside it (29(a)(v)). Metrics of finance (29(b) to (g)) are not kept in these books.
"""

from __future__ import annotations

from typing import Final

from greencloud.report.disclosures.esrs_e1 import energy_figures
from greencloud.report.disclosures.figures import (
    CO2E,
    amount,
    approach,
    category_figures,
    first_notes,
    goal_words,
    gwp_sets,
    not_known,
    period,
    ratio_words,
    statement,
    target_figure,
    units_used,
    used_instruments,
    verification,
    year_name,
)
from greencloud.report.disclosures.printed import Printed, printed, tonnes
from greencloud.results.disclosures import Disclosure, DisclosureInputs, DisclosureSection, DisclosureStandard, Figure
from greencloud.results.goals import Goal, GoalKind, GoalProgress
from greencloud.results.instruments import InstrumentKind

__all__ = ["build"]

_VERSION: Final = "IFRS S2 (June 2023)"
_FINANCE: Final = {
    "29(b)": ("Assets or activities vulnerable to climate-related transition risks", "%"),
    "29(c)": ("Assets or activities vulnerable to climate-related physical risks", "%"),
    "29(d)": ("Assets or activities aligned with climate-related opportunities", "%"),
    "29(e)": ("Capital deployed towards climate-related risks and opportunities", "currency"),
    "29(f)": ("Internal carbon price", "currency/tCO2e"),
    "29(g)": ("Remuneration linked to climate-related considerations", "%"),
}


def build(inputs: DisclosureInputs) -> Disclosure:
    inventory = inputs.inventory
    shown = printed(inventory)
    return Disclosure(
        standard=DisclosureStandard.IFRS_S2,
        version=_VERSION,
        organization=inputs.policy.organization,
        year=inventory.year,
        start=inventory.start,
        end=inventory.end,
        sections=(_emissions(inputs, shown), _categories(shown), _other(inputs), _targets(inputs)),
        as_of=inventory.as_of,
        created=inputs.created,
        notes=first_notes(inputs),
    )


def _emissions(inputs: DisclosureInputs, shown: Printed) -> DisclosureSection:
    used = used_instruments(inputs, InstrumentKind.ENERGY_CERTIFICATE)
    figures = (
        amount("29(a)(i)(1)", "Gross Scope 1", shown.scope("scope1"), evidence=shown.entries(["scope1"])),
        amount(
            "29(a)(i)(2)",
            "Gross Scope 2, location-based",
            shown.scope("scope2_location_based"),
            evidence=shown.entries(["scope2_location_based"]),
        ),
        amount("29(a)(i)(3)", "Gross Scope 3", shown.scope("scope3"), evidence=shown.entries(["scope3"])),
        amount(
            "29(a)(i)",
            "Total, location-based",
            shown.total("location_based"),
            evidence=[year_name(inputs.inventory)],
            why="a scope of it is not booked",
        ),
        statement("29(a)(ii)", "Measured by", f"GHG Protocol Corporate Standard (2004), {gwp_sets(inputs)}"),
        statement("29(a)(iii)", "Approach, inputs, period", f"{approach(inputs)}; {period(inputs.inventory)}"),
        not_known(
            "29(a)(iv)",
            "Scope 1 and 2 of the consolidated group, apart from other investees",
            CO2E,
            "the books hold one reporting entity",
        ),
        amount(
            "29(a)(v)",
            "Contractual instruments: Scope 2, market-based",
            shown.scope("scope2_market_based"),
            evidence=shown.entries(["scope2_market_based"]),
        ),
        amount(
            "29(a)(v)",
            "Contractual instruments: energy certificates that count for the year",
            units_used(used) if used else None,
            "MWh",
            evidence=[each.name for each, _ in used],
            why="none is used for the year",
        ),
    )
    return DisclosureSection("Greenhouse gases", "29(a)", figures)


def _categories(shown: Printed) -> DisclosureSection:
    figures = (
        *category_figures("29(a)(vi)(1) ", shown),
        amount("29(a)(vi)(1)", "Scope 3, sum of the above", shown.scope("scope3"), evidence=shown.entries(["scope3"])),
        statement("29(a)(vi)(2)", "Financed emissions", "apply to asset management, banking and insurance; not kept in the books"),
    )
    return DisclosureSection("Scope 3 by category", "29(a)(vi), B32 to B57", figures)


def _other(inputs: DisclosureInputs) -> DisclosureSection:
    finance = (not_known(field, label, unit, "not kept in the books") for field, (label, unit) in _FINANCE.items())
    energy = energy_figures(inputs, "32 (energy)", "32 (certificates)")
    return DisclosureSection("Other cross-industry and industry-based metrics", "29(b) to (g), 32", (*finance, *energy))


def _targets(inputs: DisclosureInputs) -> DisclosureSection:
    figures: list[Figure] = []
    for goal, progress in inputs.goals:
        figures += _target(inputs, goal, progress)
    if not figures:
        figures = [statement("33", "Climate-related targets", "no goal is set")]
    return DisclosureSection("Climate-related targets", "33 to 36", tuple(figures))


def _target(inputs: DisclosureInputs, goal: Goal, progress: GoalProgress | None) -> list[Figure]:
    named, title = [goal.name], goal.display_name or goal.id
    kind = "intensity" if goal.kind is GoalKind.INTENSITY else "absolute"
    base = "the base year is not booked, or the path cannot be worked out"
    neutral = goal.kind is GoalKind.NEUTRALITY
    figures = [
        statement("33(a), (b)", title, goal_words(goal, progress, inputs.inventory.year), named),
        statement("33(c)", f"{goal.id}: applies to", _part(goal), named),
        statement("33(d)", f"{goal.id}: period", f"{goal.base_year} to {goal.target_year}", named),
        amount(
            "33(e)",
            f"{goal.id}: base period {goal.base_year}",
            tonnes(progress.base_emissions) if progress else None,
            evidence=named,
            why=base,
        ),
        target_figure("33(a)", goal, progress)
        if progress
        else not_known("33(a)", f"{goal.id}: target {goal.target_year}", CO2E, base),
        statement("33(f)", f"{goal.id}: milestones", _milestones(goal), named),
        statement("33(g)", f"{goal.id}: kind", kind, named),
        statement("34(a)", f"{goal.id}: validated by a third party", "not kept in the books; " + verification(inputs), named),
        statement("36(a), (b)", f"{goal.id}: gases and scopes", f"all gases as CO2e; {', '.join(goal.scopes)}", named),
        statement("36(c)", f"{goal.id}: gross or net", "net, beside the gross target above" if neutral else "gross", named),
    ]
    if progress:
        figures += [
            amount(
                "35",
                f"{goal.id}: {'FY' if year.fiscal else ''}{year.year}",
                tonnes(year.actual),
                evidence=named,
                text=f"the path allows {tonnes(year.path):,f} t",
            )
            for year in progress.years
            if year.actual is not None and year.year <= inputs.inventory.year.year
        ]
    if neutral:
        figures += _credits(inputs, goal)
    return figures


def _part(goal: Goal) -> str:
    parts = [*(f"site {site}" for site in goal.sites), *(f"business {each}" for each in goal.businesses)]
    return ", ".join(parts) or "the whole entity"


def _milestones(goal: Goal) -> str:
    told = []
    for each in goal.milestones:
        remains = ratio_words(each.share) + " of the base" if each.share is not None else f"{tonnes(each.emissions):,f} t"
        told.append(f"{each.year}: {remains}")
    return "; ".join(told) or "none"


def _credits(inputs: DisclosureInputs, goal: Goal) -> list[Figure]:
    removals = used_instruments(inputs, InstrumentKind.REMOVAL, goal=goal.name)
    offsets = used_instruments(inputs, InstrumentKind.OFFSET_CREDIT, goal=goal.name)
    return [
        amount(
            "36(e)",
            f"{goal.id}: carbon credits that count for the year, {label}",
            units_used(used) if used else None,
            evidence=[each.name for each, _ in used],
            why="none is used for the goal and the year",
        )
        for label, used in (("removals", removals), ("offset credits", offsets))
    ]
