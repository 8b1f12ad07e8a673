"""Options that goals share: reporting years, shares, milestones, and values by year."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import click

from greencloud.errors import QuantityError
from greencloud.results.goals import GoalKind, GoalPath, Milestone
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, parse_rational

__all__ = ["AMOUNT", "SHARE", "YEAR", "YEAR_VALUE", "goal_fields", "milestones_of", "reason_option"]

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"kg": 10**9, "t": 10**12, "kt": 10**15, "Mt": 10**18}


class YearOption(click.ParamType[ReportingYear]):
    """A reporting year: 2020, or FY2022."""

    name = "year"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ReportingYear:
        if isinstance(value, ReportingYear):
            return value
        try:
            return ReportingYear.parse(value)
        except QuantityError as error:
            self.fail(f"{error.message}: {error.advice}", param, ctx)


class Share(click.ParamType[Fraction]):
    """A share, exactly: 0.1, 10% or 1/10."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        try:
            number = parse_rational(value.removesuffix("%").strip(), what="share")
        except QuantityError as error:
            self.fail(f"{error.message}: write 0.1, 10% or 1/10", param, ctx)
        return number / 100 if value.endswith("%") else number


class Amount(click.ParamType[Emissions]):
    """A mass of CO2e, exactly: 500kg, 2.5t, 51kt."""

    name = "mass"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Emissions:
        if isinstance(value, Emissions):
            return value
        unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if value.endswith(unit)), None)
        if unit is None:
            self.fail(f"{value!r} has no unit of mass: write 500kg, 2.5t, 51kt or 3Mt", param, ctx)
        try:
            micrograms = parse_rational(value.removesuffix(unit).strip(), what="amount") * _UNITS[unit]
        except QuantityError as error:
            self.fail(error.message, param, ctx)
        if micrograms.denominator != 1:
            self.fail(f"{value!r} is finer than a microgram", param, ctx)
        return Emissions(micrograms.numerator)


class YearValue(click.ParamType["tuple[ReportingYear, str]"]):
    """A reporting year and what it has: YEAR=VALUE."""

    name = "year=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[ReportingYear, str]:
        if isinstance(value, tuple):
            return value
        year, equals, text = value.partition("=")
        if not equals or not text.strip():
            self.fail(f"{value!r} is no year with a value: write 2025=0.5", param, ctx)
        return YEAR.convert(year, param, ctx), text.strip()


YEAR = YearOption()
SHARE = Share()
AMOUNT = Amount()
YEAR_VALUE = YearValue()


def milestones_of(values: tuple[tuple[ReportingYear, str], ...]) -> tuple[Milestone, ...]:
    """Milestones as they were typed: a share of the base, or a mass."""
    found = []
    for year, text in values:
        if any(text.endswith(unit) for unit in _UNITS):
            found.append(Milestone(year, emissions=AMOUNT.convert(text, None, None)))
        else:
            found.append(Milestone(year, share=SHARE.convert(text, None, None)))
    return tuple(found)


def reason_option(function: F) -> F:
    return click.option("--reason", metavar="TEXT", default="", help="Why, for the record.", show_default=False)(function)


def goal_fields(*, required: bool) -> Callable[[F], F]:
    """The options that say what a goal is; handed over by the names of its fields, None where they are not typed."""
    from greencloud.cli._options import NAMES

    options = (
        click.option("--display-name", metavar="TEXT", required=required, help="Name for people."),
        click.option("--kind", type=click.Choice([kind.value for kind in GoalKind]), required=required, help="What it asks for."),
        click.option("--scopes", type=NAMES, required=required, help="Scopes that it covers, with commas."),
        click.option("--base-year", type=YEAR, required=required, help="2020, or FY2022 for a fiscal year by its end."),
        click.option("--target-year", type=YEAR, required=required, help="As the base year."),
        click.option("--path", type=click.Choice([path.value for path in GoalPath]), help="How it goes down.  [linear]"),
        click.option("--target-share", type=SHARE, help="What may remain, as a share of the base: 0.1, 10%, 1/10."),
        click.option("--target", type=AMOUNT, help="What may remain, as a mass: 51kt."),
        click.option("--rate-per-year", type=SHARE, help="What every year takes off, as a share of the base."),
        click.option("--categories", type=NAMES, help="Categories of Scope 3, with commas.  [all]"),
        click.option("--sites", type=NAMES, help="Sites, with commas.  [all]"),
        click.option("--businesses", type=NAMES, help="Business units, with commas.  [all]"),
        click.option("--metric", metavar="ID", help="Business metric of an intensity goal."),
        click.option("--milestone", "milestones", type=YEAR_VALUE, multiple=True, help="2025=0.5 or 2025=60kt; repeatable."),
        click.option("--source", "goal_source", metavar="TEXT", help="Where the goal comes from."),
    )

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add
