"""Measures: what would reduce emissions, by how much in which year, and what may be said of one.

A measure starts in a year, grows by equal steps and works wholly after ``ramp_years``; after ``lifetime_years`` it ends, unless
another renews it. In the reporting year that ends k years after the start year ends (k has parts of a year where fiscal and
calendar years meet) it brings the share

    min((k + 1) / (ramp_years + 1), lifetime_years - k, 1), and never less than none.

Where two measures overlap, the overlap's share of the smaller of their effects is lost, once. A measure's shares add up to at most
1, so that no measure takes away more than it brings: doing more never reduces less, which the plan rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from typing import Final

from greencloud.errors import GoalError, NotFoundError
from greencloud.inventory import Change
from greencloud.inventory.document import from_document
from greencloud.results.forecasts import Measure, Overlap
from greencloud.results.inventory import INVENTORY_SCOPES
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = [
    "MEASURE_DELETED",
    "MEASURE_PUT",
    "MOST_MEASURES",
    "NO_MEASURES",
    "MeasureState",
    "check_measure",
    "effect_of",
    "of_scopes",
    "step",
]

MEASURE_PUT: Final = "measures.put"
MEASURE_DELETED: Final = "measures.delete"
MOST_MEASURES: Final = 200
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")  # ISO 4217
_MOST_TEXT: Final = 1_000
_MOST_REDUCTION: Final = 10**24  # micrograms: a thousand Gt
_MOST_COST: Final = 10**15
_MOST_DENOMINATOR: Final = 10**9


@dataclass(frozen=True, slots=True)
class MeasureState:
    """The measures in force by id; of those that were deleted, the revision that they had."""

    measures: Mapping[str, Measure] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)

    def get(self, name: str) -> Measure:
        """By resource name. Raises NotFoundError."""
        found = self.measures.get(name.removeprefix("measures/"))
        if found is None or found.name != name:
            raise NotFoundError(f"there is no measure {name[:80]!r}", advice="list them: greencloud goal measure list")
        return found

    def share(self, one: str, other: str) -> Fraction:
        """Of the overlap of two measures by name, whichever of them states it; 0 where neither does."""
        for name, partner in ((one, other), (other, one)):
            measure = self.measures.get(name.removeprefix("measures/"))
            for overlap in measure.overlaps if measure else ():
                if overlap.measure == partner:
                    return overlap.share
        return Fraction(0)

    def loss(self, one: tuple[str, int], other: tuple[str, int]) -> int:
        """What two effects (name, micrograms) lose where both are done, rounded down, so that losses never exceed an effect."""
        return int(self.share(one[0], other[0]) * min(one[1], other[1]))

    def total(self, effects: Mapping[str, int]) -> int:
        """Micrograms that measures reduce together, from what each does alone."""
        return sum(effects.values()) - sum(self.loss(one, other) for one, other in combinations(effects.items(), 2))


NO_MEASURES: Final = MeasureState()


def step(state: MeasureState, change: Change) -> MeasureState:
    """The fold over the journal; kinds of other rooms change nothing."""
    if change.kind == MEASURE_PUT:
        measure = from_document(change.body, Measure, path=f"record {change.number}")
        left = {key: revision for key, revision in state.deleted.items() if key != measure.id}
        return MeasureState({**state.measures, measure.id: measure}, left)
    if change.kind == MEASURE_DELETED:
        gone = state.measures[change.body["id"]]
        kept = {key: measure for key, measure in state.measures.items() if key != gone.id}
        return MeasureState(kept, {**state.deleted, gone.id: gone.revision})
    return state


def effect_of(measure: Measure, year: ReportingYear, month: int, *, not_before: ReportingYear | None = None) -> Emissions:
    """What a measure does in a year, alone, rounded half to even. ``not_before``: it cannot start earlier than that year."""
    start = measure.start
    if not_before is not None and start.end(month) < not_before.end(month):
        start = not_before
    passed = start.years_until(year, month)
    share = min((passed + 1) / (measure.ramp_years + 1), measure.lifetime_years - passed, Fraction(1))
    return Emissions(round_half_even(measure.reduction.micrograms * max(share, Fraction(0))))


def check_content(measure: Measure) -> Measure:
    """What can be said of a measure by itself: as it would be kept, texts without blanks around them, scopes in their order.

    Raises:
        GoalError: ``key`` is the field that is wrong.
    """
    measure = replace(
        measure,
        display_name=measure.display_name.strip(),
        source=measure.source.strip(),
        scopes=tuple(sorted(measure.scopes, key=lambda scope: INVENTORY_SCOPES.index(scope) if scope in INVENTORY_SCOPES else 9)),
    )
    if not _ID.fullmatch(measure.id):
        raise GoalError(
            f"the id {measure.id[:64]!r} cannot be a resource name",
            key="id",
            advice="use a-z, 0-9 and -, beginning with a letter, at most 63",
        )
    if not measure.display_name or len(measure.display_name) > _MOST_TEXT or len(measure.source) > _MOST_TEXT:
        raise GoalError(
            "display_name is needed, and neither it nor source has more than 1,000 characters",
            key="display_name",
            advice="name the measure as people know it",
        )
    if not (measure.display_name + measure.source).isprintable():
        raise GoalError("display_name or source cannot be printed", key="display_name", advice="write one line of text")
    _check_scopes(measure.scopes)
    _check_effect(measure)
    _check_costs(measure)
    names = [overlap.measure for overlap in measure.overlaps]
    if measure.name in names or len(set(names)) < len(names):
        raise GoalError("overlaps names other measures, each once", key="overlaps", advice="give one share for each pair")
    for overlap in measure.overlaps:
        if not 0 < overlap.share <= 1 or overlap.share.denominator > _MOST_DENOMINATOR:
            raise GoalError(
                f"the share of the overlap with {overlap.measure[:80]} is not above 0 and at most 1",
                key="overlaps",
                advice="write 0.5 where half of the smaller effect is lost",
            )
    return measure


def check_measure(measure: Measure, state: MeasureState) -> Measure:
    """As ``check_content``, and whether it goes together with the other measures. Raises GoalError."""
    measure = check_content(measure)
    if measure.id not in state.measures and len(state.measures) >= MOST_MEASURES:
        raise GoalError(f"there are {MOST_MEASURES} measures already", key="id", advice="delete those that nobody plans with")
    for overlap in measure.overlaps:
        _check_overlap(measure, overlap, state)
    after = MeasureState({**state.measures, measure.id: measure})
    for name in (measure.name, *(overlap.measure for overlap in measure.overlaps)):
        _check_shares(name, after)
    return measure


def _check_scopes(scopes: tuple[str, ...]) -> None:
    for scope in scopes:
        if scope not in INVENTORY_SCOPES:
            raise GoalError(f"there is no scope {scope[:64]!r}", key="scopes", advice=f"use {', '.join(INVENTORY_SCOPES)}")
    if not scopes or len(set(scopes)) < len(scopes):
        raise GoalError("scopes names at least one scope, each once", key="scopes", advice=f"use {', '.join(INVENTORY_SCOPES)}")


def _check_effect(measure: Measure) -> None:
    if not 0 < measure.reduction.micrograms <= _MOST_REDUCTION:
        raise GoalError(
            f"the reduction {measure.reduction} is not above 0 and at most a thousand gigatonnes a year",
            key="reduction",
            advice="give what it takes off a year once it works wholly, as a positive amount",
        )
    if not 1 <= measure.lifetime_years <= 100:
        raise GoalError(f"the lifetime of {measure.lifetime_years} years is not 1 to 100", key="lifetime_years")
    if not 0 <= measure.ramp_years < measure.lifetime_years:
        raise GoalError(
            f"the ramp of {measure.ramp_years} years is not from 0 to less than the lifetime of {measure.lifetime_years}",
            key="ramp_years",
            advice="0: it works wholly in the year that it starts in",
        )


def _check_costs(measure: Measure) -> None:
    for key, cost in (("capital_cost", measure.capital_cost), ("annual_cost", measure.annual_cost)):
        if abs(cost) > _MOST_COST or cost.denominator > _MOST_DENOMINATOR:
            raise GoalError(f"{key} is not an amount of money", key=key, advice="at most 10^15, with up to nine decimals")
    if measure.capital_cost < 0:
        raise GoalError("capital_cost is negative", key="capital_cost", advice="give savings a year as a negative annual_cost")
    if measure.currency and not _CURRENCY.fullmatch(measure.currency):
        raise GoalError(f"{measure.currency[:16]!r} is not a currency", key="currency", advice="use its ISO 4217 code, as CNY")
    if not measure.currency and (measure.capital_cost or measure.annual_cost):
        raise GoalError("the costs have no currency", key="currency", advice="use its ISO 4217 code, as CNY")


def _check_overlap(measure: Measure, overlap: Overlap, state: MeasureState) -> None:
    try:
        other = state.get(overlap.measure)
    except NotFoundError as error:
        raise GoalError(error.message, key="overlaps", advice="create the other measure first") from error
    said = next((each.share for each in other.overlaps if each.measure == measure.name), overlap.share)
    if said != overlap.share:
        raise GoalError(
            f"{other.name} says that the share of the overlap is {said}, not {overlap.share}",
            key="overlaps",
            advice="state an overlap at one of the two measures",
        )


def _check_shares(name: str, state: MeasureState) -> None:
    """That what is lost of a measure is never more than it brings."""
    whole = sum((state.share(name, other.name) for other in state.measures.values() if other.name != name), Fraction(0))
    if whole > 1:
        raise GoalError(
            f"the shares of the overlaps of {name} add up to {whole}, more than 1",
            key="overlaps",
            advice="of three measures that all do the same, give each pair 1/2",
        )


def of_scopes(measures: Iterable[Measure], scopes: Iterable[str]) -> tuple[list[Measure], list[Measure]]:
    """Measures that lie within a goal's scopes, and those that lie in part within them.

    A measure that names both Scope 2 methods reduces each of them by its amount. How much of a measure's one amount falls on which
    scope is not known, so one that reaches beyond the goal's scopes cannot count in part.
    """
    wanted = set(scopes)
    methods = {"scope2_location_based", "scope2_market_based"}
    within, partly = [], []
    for measure in measures:
        named = set(measure.scopes)
        if methods <= named and methods & wanted:
            named -= methods - wanted
        if named <= wanted:
            within.append(measure)
        elif named & wanted:
            partly.append(measure)
    return within, partly
