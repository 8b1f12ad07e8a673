"""What a goal and a business metric must be before they are booked; each fault is told with the field that has it.

``check_goal`` looks at the goal alone, ``check_path`` at its way down from a base that is known: nothing on it may lie above what
comes before, for a goal reduces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Final

from greencloud.errors import GoalError
from greencloud.goal.path import CONTRACTION_RATE, points
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalPath, Milestone
from greencloud.results.inventory import INVENTORY_SCOPES, SCOPE3_CATEGORIES
from greencloud.results.reporting_year import ReportingYear

__all__ = ["ID", "check_goal", "check_metric", "check_path"]

ID: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""AIP-122: it becomes a resource name."""

_MOST_TEXT: Final = 1_000
_MOST_VALUES: Final = 1_000
_METHODS: Final = {"scope2_location_based", "scope2_market_based"}


def check_goal(goal: Goal, fiscal_month: int = 1) -> None:
    """Raises GoalError with ``key``, the field that is wrong."""
    _check_id(goal.id)
    _check_texts(goal.display_name, goal.source)
    _check_scopes(goal)
    span = goal.base_year.years_until(goal.target_year, fiscal_month)
    if span <= 0:
        raise _wrong(
            "target_year",
            f"the target year {goal.target_year} is not after the base year {goal.base_year}",
            "the path needs some time",
        )
    _check_target(goal, span)
    _check_milestones(goal, fiscal_month)
    for key, values in (("sites", goal.sites), ("businesses", goal.businesses)):
        _check_names(key, values)
    if (goal.kind is GoalKind.INTENSITY) != bool(goal.metric):
        raise _wrong(
            "metric",
            f"a goal of the kind {goal.kind} {'has no' if not goal.metric else 'has a'} business metric",
            "an intensity goal names what it divides by, as metric = businessMetrics/revenue; no other goal does",
        )
    if goal.metric and not (goal.metric.startswith("businessMetrics/") and ID.fullmatch(goal.metric.partition("/")[2])):
        raise _wrong("metric", f"{goal.metric[:64]!r} is not the name of a business metric", "write businessMetrics/ID")


def check_path(goal: Goal, base: Fraction, fiscal_month: int) -> None:
    """Raises GoalError where target or milestones lie above what comes before them."""
    way = points(goal, base, fiscal_month)
    for number, ((_, before), (_, after)) in enumerate(pairwise(way)):
        if after <= before:
            continue
        last = number == len(way) - 2
        what = "the target" if last else f"the milestone of {goal.milestones[number].year}"
        than = f"the base of {goal.base_year}" if number == 0 else f"the milestone of {goal.milestones[number - 1].year}"
        raise _wrong(
            "target" if last else "milestones",
            f"{what} is above {than}",
            "a goal reduces: check the unit, and what the inventory books for the base year",
        )


def check_metric(metric: BusinessMetric) -> None:
    """Raises GoalError with ``key``, the field that is wrong."""
    _check_id(metric.id)
    _check_texts(metric.display_name, metric.source)
    if not metric.unit.strip() or len(metric.unit) > 64 or not metric.unit.isprintable():
        raise _wrong("unit", "the metric has no unit that can be printed", 'name it, as "million CNY" or "vCPU-hour"')
    years = [year for year, _ in metric.values]
    if not years or len(years) > _MOST_VALUES:
        raise _wrong("values", "the metric has no values, or more than 1,000", "give one for each reporting year")
    if len(set(years)) < len(years):
        raise _wrong("values", "a reporting year has two values", "give one for each reporting year")
    for year, value in metric.values:
        if value <= 0:
            raise _wrong("values", f"the value of {year} is not above zero", "nothing can be divided by it: leave the year out")


def _check_id(text: str) -> None:
    if not ID.fullmatch(text):
        raise _wrong("id", f"the id {text[:64]!r} cannot be a resource name", "use a-z, 0-9 and -, beginning with a letter")


def _check_texts(display_name: str, source: str) -> None:
    if not display_name.strip():
        raise _wrong("display_name", "there is no display name", "say for people what it is")
    for key, text in (("display_name", display_name), ("source", source)):
        if len(text) > _MOST_TEXT:
            raise _wrong(key, f"{key} is longer than {_MOST_TEXT} characters", "shorten it")
        if not text.isprintable():
            raise _wrong(key, f"{key} has characters that cannot be printed", "write one line of text")


def _check_scopes(goal: Goal) -> None:
    if not goal.scopes:
        raise _wrong("scopes", "the goal covers no scope: it needs at least one scope", 'write scopes = ["scope3"]')
    for scope in goal.scopes:
        if scope not in INVENTORY_SCOPES:
            raise _wrong("scopes", f"unknown scope {scope[:64]!r}", f"use {', '.join(INVENTORY_SCOPES)}")
    if len(set(goal.scopes)) < len(goal.scopes):
        raise _wrong("scopes", "a scope is named twice", "name each scope once")
    if set(goal.scopes) >= _METHODS:
        advice = "keep the method that the goal is set in; reports show both anyway"
        raise _wrong("scopes", "both Scope 2 methods in one goal count the same electricity twice", advice)
    for category in goal.categories:
        if category not in SCOPE3_CATEGORIES:
            raise _wrong("categories", f"Scope 3 has no category {category}", "use 1 to 15")
    if len(set(goal.categories)) < len(goal.categories):
        raise _wrong("categories", "a category is named twice", "name each category once")
    if goal.categories and "scope3" not in goal.scopes:
        raise _wrong("categories", "only Scope 3 has categories, and the goal does not cover it", "add scope3 to the scopes")


def _check_target(goal: Goal, span: Fraction) -> None:
    given = {"target_share": goal.target_share, "target": goal.target, "rate_per_year": goal.rate_per_year}
    said = [key for key, value in given.items() if value is not None]
    if len(said) > 1:
        raise _wrong("target_share", f"the goal has {len(said)} targets ({', '.join(said)})", "give one of them")
    contraction = goal.path is GoalPath.ABSOLUTE_CONTRACTION
    if not said and not contraction and goal.kind is not GoalKind.NEUTRALITY:
        raise _wrong("target_share", "the goal has no target", f"give exactly one of {', '.join(given)}")
    if contraction and said and said != ["rate_per_year"]:
        raise _wrong(
            "path", f"absolute contraction follows from its rate, and the goal has a {said[0]} too", "leave one of them out"
        )
    if goal.target_share is not None and not 0 <= goal.target_share <= 1:
        advice = "write 0.10 for a tenth of the base"
        raise _wrong("target_share", f"the share {goal.target_share} is not between 0 and 1", advice)
    if goal.target is not None and goal.target.micrograms < 0:
        raise _wrong("target", "the target is negative", "removals and credits never reduce an inventory")
    if goal.target is not None and goal.kind is GoalKind.INTENSITY:
        raise _wrong("target", "an amount is no intensity", "give target_share or rate_per_year, of the base's intensity")
    rate = goal.rate_per_year if goal.rate_per_year is not None else CONTRACTION_RATE if contraction else None
    if rate is not None and not 0 < rate * span <= 1:
        advice = f"over {span} years the rate is above 0 and at most {1 / span} of the base"
        raise _wrong("rate_per_year", f"the rate {rate} does not end between the base and zero", advice)


def _check_milestones(goal: Goal, fiscal_month: int) -> None:
    before: ReportingYear = goal.base_year
    if len(goal.milestones) > _MOST_VALUES:
        raise _wrong("milestones", "the goal has more than 1,000 milestones", "keep those that somebody answers for")
    for stone in goal.milestones:
        _check_milestone(goal, stone)
        if before.years_until(stone.year, fiscal_month) <= 0 or stone.year.years_until(goal.target_year, fiscal_month) <= 0:
            raise _wrong(
                "milestones",
                f"the milestone of {stone.year} does not lie between {before} and the target year {goal.target_year}",
                "milestones come in order, after the base year and before the target year",
            )
        before = stone.year
    shares = [Fraction(1), *(stone.share for stone in goal.milestones if stone.share is not None)]
    shares += [goal.target_share] if goal.target_share is not None else []
    if any(after > earlier for earlier, after in pairwise(shares)):
        raise _wrong("milestones", "a milestone leaves more than the one before, or less than the target", "a path goes down")


def _check_milestone(goal: Goal, stone: Milestone) -> None:
    if (stone.share is None) == (stone.emissions is None):
        raise _wrong("milestones", f"the milestone of {stone.year} has no amount, or two", "give its share or its emissions")
    if stone.share is not None and not 0 <= stone.share <= 1:
        raise _wrong("milestones", f"the share {stone.share} of {stone.year} is not between 0 and 1", "write 0.5 for half the base")
    if stone.emissions is not None and goal.kind is GoalKind.INTENSITY:
        raise _wrong("milestones", f"the milestone of {stone.year} is an amount, and no intensity", "give its share of the base")
    if stone.emissions is not None and stone.emissions.micrograms < 0:
        raise _wrong("milestones", f"the milestone of {stone.year} is negative", "removals never reduce an inventory")


def _check_names(key: str, values: Iterable[str]) -> None:
    values = list(values)
    if len(values) > _MOST_VALUES or any(not value.strip() or len(value) > 256 or not value.isprintable() for value in values):
        raise _wrong(key, f"{key} has an empty or too long name, or more than 1,000", "name each once, or none for all")
    if len(set(values)) < len(values):
        raise _wrong(key, f"{key} names one twice", "name each once")


def _wrong(key: str, message: str, advice: str) -> GoalError:
    return GoalError(message, key=key, advice=advice)
