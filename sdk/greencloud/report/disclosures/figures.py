"""What the figures of every standard share: amounts that are known or not, texts, uncertainty, and what a reader must know first.

A figure with a unit and no value is **not known**, and its text says why; a figure without a unit is a **statement**, and its text
is the answer. A leaf names the entries that it is the sum of; a total names the reporting year, which lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import Final

from greencloud.report.disclosures.printed import Printed, tonnes
from greencloud.results.disclosures import DisclosureInputs, Figure
from greencloud.results.goals import Goal, GoalProgress
from greencloud.results.instruments import Instrument, InstrumentKind
from greencloud.results.inventory import (
    SCOPE3_CATEGORIES,
    EntryState,
    InventoryLine,
    InventoryRestatement,
    InventoryTotals,
    YearState,
)
from greencloud.results.product_footprints import significant
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, format_instant

__all__ = [
    "CO2E",
    "NOT_BOOKED",
    "amount",
    "approach",
    "category_figures",
    "first_notes",
    "gas_parts",
    "goal_words",
    "gwp_sets",
    "half_width",
    "missing_categories",
    "not_known",
    "percent_of",
    "period",
    "ratio_words",
    "restated_words",
    "statement",
    "target_figure",
    "units_used",
    "used_instruments",
    "verification",
    "year_name",
]

CO2E: Final = "tCO2e"
NOT_BOOKED: Final = "no entry is booked for the year"


def statement(field: str, label: str, text: str, evidence: Iterable[str] = ()) -> Figure:
    return Figure(field, label, None, "", text, tuple(evidence))


def not_known(field: str, label: str, unit: str, why: str) -> Figure:
    return Figure(field, label, None, unit, why)


def amount(
    field: str, label: str, value: Decimal | None, unit: str = CO2E, *, evidence: Iterable[str] = (), text: str = "", why: str = ""
) -> Figure:
    """A number with its evidence; where it is None, ``why`` (by default that nothing is booked) and no evidence."""
    if value is None:
        return not_known(field, label, unit, why or NOT_BOOKED)
    return Figure(field, label, value, unit, text, tuple(evidence))


def year_name(inventory: InventoryTotals) -> str:
    """The resource that lists every entry of the year: what a total rests on."""
    return f"inventoryYears/{inventory.year}"


def period(inventory: InventoryTotals) -> str:
    return f"{inventory.year}: {format_instant(inventory.start)[:10]} to {format_instant(inventory.end)[:10]} (exclusive), UTC"


def approach(inputs: DisclosureInputs) -> str:
    return inputs.policy.consolidation_approach.replace("_", " ")


def category_figures(prefix: str, shown: Printed) -> list[Figure]:
    """The 15 categories of Scope 3, and what is booked of it whole, where it is."""
    found = [
        amount(
            f"{prefix}{number}",
            f"Category {number}: {title}",
            shown.line("scope3", number),
            evidence=shown.entries(["scope3"], category=number),
            why=NOT_BOOKED if shown.line("scope3", None) is None else "booked within Scope 3 as a whole, not by category",
        )
        for number, title in SCOPE3_CATEGORIES.items()
    ]
    whole = shown.line("scope3", None)
    if whole is not None:
        names = shown.evidence[("scope3", None)]
        found.append(amount(f"{prefix}whole", "Scope 3 booked as a whole, without a category", whole, evidence=names))
    return found


def missing_categories(shown: Printed) -> list[int]:
    return [number for number in SCOPE3_CATEGORIES if ("scope3", number) not in shown.lines]


def half_width(lines: Iterable[InventoryLine]) -> Emissions | None:
    """Of the 95 % interval of the sum of lines, taken as independent (IPCC 2006 Guidelines, vol. 1, eq. 3.2), rounded up; None
    where that of one is not known, or there is no line."""
    widths = [line.half_width for line in lines]
    known = [width.micrograms for width in widths if width is not None]
    if not widths or len(known) < len(widths):
        return None
    squares = sum(width * width for width in known)
    root = isqrt(squares)
    return Emissions(root + (root * root < squares))


def percent_of(part: Emissions, whole: Emissions) -> Decimal | None:
    """With two places, half to even; None of nothing."""
    if not whole.micrograms:
        return None
    return Decimal(round(Fraction(part.micrograms * 10_000, whole.micrograms))).scaleb(-2)


def ratio_words(ratio: Fraction) -> str:
    """A ratio in percent, in words: ``5 %``."""
    return f"{significant(ratio * 100, 6):f} %"


def restated_words(each: InventoryRestatement) -> str:
    """What was restated and why, in words."""
    category = f" category {each.category}" if each.category else ""
    return f"{each.year} {each.scope}{category}, {each.cause.value.replace('_', ' ')}"


def gas_parts(inputs: DisclosureInputs, scope: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Micrograms and entries of a scope by gas; "" is what was booked as CO2e, of whatever gases."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for entry in inputs.entries:
        if entry.year != inputs.inventory.year or entry.scope != scope or entry.biogenic or entry.state is EntryState.WITHDRAWN:
            continue
        gas = entry.activity.gas if entry.activity and entry.activity.gas != "CO2e" else ""
        sum_, names = found.get(gas, (0, ()))
        found[gas] = (sum_ + entry.emissions.micrograms, (*names, entry.name))
    return dict(sorted(found.items()))


def used_instruments(inputs: DisclosureInputs, kind: InstrumentKind, *, goal: str = "") -> list[tuple[Instrument, int]]:
    """Instruments of a kind with the units that count for the year; ``goal``: only those that are claimed for it, by its name."""
    found = []
    for each in inputs.instruments:
        units = sum(use.units for use in each.uses if use.year == inputs.inventory.year and (not goal or use.goal == goal))
        if each.kind is kind and units:
            found.append((each, units))
    return found


def units_used(used: Sequence[tuple[Instrument, int]]) -> Decimal:
    return Decimal(sum(units for _, units in used))


def verification(inputs: DisclosureInputs) -> str:
    """How much of the year a third party has verified, by whom and with what assurance."""
    entries = [each for each in inputs.entries if each.year == inputs.inventory.year]
    verified = [each for each in entries if each.state is EntryState.VERIFIED]
    if not verified:
        return f"none of {len(entries)} entries is verified by a third party"
    by = sorted({f"{each.verified_by} ({each.assurance or 'level not stated'} assurance)" for each in verified})
    return f"{len(verified)} of {len(entries)} entries are verified by {', '.join(by)}"


def goal_words(goal: Goal, progress: GoalProgress | None, year: ReportingYear) -> str:
    """What a goal asks for, in one sentence; and where it stood in the year that is disclosed, not where it stands today."""
    scopes = ", ".join(goal.scopes)
    parts = [f" of categories {', '.join(map(str, goal.categories))}" if goal.categories else ""]
    parts += [f" at {', '.join(goal.sites)}" if goal.sites else "", f" of {', '.join(goal.businesses)}" if goal.businesses else ""]
    asked = f"{goal.kind.value} goal for {scopes}{''.join(parts)}, {goal.path.value.replace('_', ' ')} path"
    if goal.metric:
        asked += f", per unit of {goal.metric}"
    if progress is None:
        return f"{asked}; its progress is not known"
    found = next((each for each in progress.years if each.reporting_year == year), None)
    if found is None or found.actual is None:
        return f"{asked}; its progress in {year} is not known"
    stood = "at or below the path" if found.actual <= found.path else "above the path"
    draft = ", with drafts" if found.draft else ""
    return f"{asked}; {year}: {tonnes(found.actual):,f} t{draft} against {tonnes(found.path):,f} t of the path: {stood}"


def target_figure(field: str, goal: Goal, progress: GoalProgress) -> Figure:
    """What the target year may emit. Of an intensity goal that is an amount once the year's business metric is known."""
    label = f"{goal.id}: target {goal.target_year}"
    metric = next((year.metric for year in progress.years if year.reporting_year == goal.target_year), None)
    if goal.metric and metric is None:
        return not_known(field, label, CO2E, f"it is per unit of {goal.metric}, which has no value of {goal.target_year}")
    return amount(field, label, tonnes(progress.target_emissions), evidence=[goal.name])


def gwp_sets(inputs: DisclosureInputs) -> str:
    """The set of the policy, and others that entries of the year were worked out with."""
    own = inputs.policy.gwp_set
    entries = [each for each in inputs.entries if each.year == inputs.inventory.year and each.activity is not None]
    others = sorted({each.activity.gwp_set for each in entries if each.activity and each.activity.gas != "CO2e"} - {own, ""})
    return f"IPCC {own}" + (f"; of some entries, by their activity data, {', '.join(others)}" if others else "")


def first_notes(inputs: DisclosureInputs) -> tuple[str, ...]:
    """What a reader must know before any figure."""
    inventory = inputs.inventory
    found = []
    if not inventory.lines:
        found.append(f"Nothing is booked for {inventory.year}: no emissions are known, and none is zero.")
    if inventory.state is not YearState.CLOSED:
        found.append(f"The inventory of {inventory.year} is {inventory.state.value}, not closed: its figures may still change.")
    if drafts := sum(line.draft_count for line in inventory.lines):
        found.append(f"{drafts} {'entry is a draft' if drafts == 1 else 'entries are drafts'}, and they count.")
    if restated := [each for each in inputs.restatements if each.year == inventory.year]:
        count = len(restated)
        found.append(f"{count} {'figure was' if count == 1 else 'figures were'} restated: both values and the cause are on record.")
    whole = int((inventory.end - inventory.start).total_seconds())
    partly = [seconds for seconds in _covered(inputs) if seconds < whole]
    if partly:
        lines = f"{len(partly)} {'entry is a line' if len(partly) == 1 else 'entries are lines'}"
        found.append(f"{lines} of the ledger, which covers {min(partly):,} of the {whole:,} seconds of the year.")
    found.append("Amounts are gross, in tonnes of CO2e with three places; printed parts add up to printed totals.")
    return tuple(found)


def _covered(inputs: DisclosureInputs) -> list[int]:
    """Seconds that the ledger covers, of each entry of the year that is read from it."""
    return [
        each.reference.covered_seconds
        for each in inputs.entries
        if each.reference and each.year == inputs.inventory.year and each.state is not EntryState.WITHDRAWN
        if each.reference.measure != "hardware_purchased"  # which the facility book tells of the whole year
    ]
