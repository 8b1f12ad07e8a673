"""Where a goal is heading, and what it would take: the forecast, measures, and the plan that closes the gap at least cost.

Nothing here is an entry of any inventory: a forecast is an estimate with an interval, and a float is right for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["AbatementPlan", "AbatementStep", "Backtest", "Forecast", "ForecastYear", "Measure", "Overlap", "Scenario"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is assumed of the years ahead, beside what history says. Rates are relative, per year: 0.05 is 5 %.

    ``growth_per_year``: of the activity, from the last known year on; None: what history shows goes on.
    ``grid_decarbonisation_per_year``: by which the grid's factor falls, on the part of the emissions that is from electricity
    (Scope 2, and category 3 of Scope 3). ``efficiency_per_year``: by which emissions per unit of activity fall.
    """

    id: str = "history"
    display_name: str = "What history shows goes on"
    growth_per_year: Fraction | None = None
    grid_decarbonisation_per_year: Fraction = Fraction(0)
    efficiency_per_year: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class ForecastYear:
    year: ReportingYear
    expected: Emissions
    low: Emissions | None  # of the 95 % interval; None where it is not known
    high: Emissions | None
    path: Emissions  # what the goal allows
    required: Emissions  # what must be true: a line from the last known year to the target


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the model did on the past: forecasts from each earlier origin against what came."""

    origins: int
    mean_absolute_percentage_error: float | None
    naive_percentage_error: float | None  # of "as last year"
    interval_coverage: float | None  # share of what came that lay in the 95 % interval


@dataclass(frozen=True, slots=True)
class Forecast:
    """A goal's way to its target year under a scenario. ``probability`` is that of meeting the target, by the model."""

    goal: str  # resource name
    scenario: Scenario
    model: str  # library, version, model and its parameters in words
    history: tuple[tuple[ReportingYear, Emissions], ...]
    years: tuple[ForecastYear, ...]
    target: Emissions
    gap: Emissions  # expected less target in the target year
    probability: float | None
    backtest: Backtest
    as_of: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlap:
    """Where another measure is done too, this share of the smaller effect is lost."""

    measure: str  # resource name
    share: Fraction


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that reduces emissions. ``reduction``: tonnes a year once it works wholly, after ``ramp_years`` from ``start``."""

    id: str
    display_name: str
    scopes: tuple[str, ...]
    start: ReportingYear
    reduction: Emissions  # a year
    ramp_years: int = 0
    lifetime_years: int = 10
    capital_cost: Fraction = Fraction(0)
    annual_cost: Fraction = Fraction(0)  # negative where it saves
    currency: str = ""
    overlaps: tuple[Overlap, ...] = ()
    committed: bool = False  # it will be done in any case
    source: str = ""
    revision: int = 1
    created_by: str = ""

    @property
    def name(self) -> str:
        return f"measures/{self.id}"

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class AbatementStep:
    """One measure of the abatement curve, in ascending order of cost. ``chosen``: it is in the plan."""

    measure: str  # resource name
    display_name: str
    reduction: Emissions  # in the target year, alone
    marginal: Emissions  # in the target year, in the plan: what the others leave to it
    cost_per_tonne: Fraction | None  # annualised, in ``currency``; None where it reduces nothing by the target year
    annual_cost: Fraction  # annualised
    chosen: bool


@dataclass(frozen=True, slots=True)
class AbatementPlan:
    """Which measures close the gap of the target year at least annual cost, and what stays open if all of them do not."""

    goal: str
    scenario: str
    target_year: ReportingYear
    gap: Emissions
    steps: tuple[AbatementStep, ...]
    closed: Emissions
    remaining: Emissions
    annual_cost: Fraction
    currency: str
    discount_rate: Fraction
    optimal: bool  # proved; False where the search was cut
    notes: tuple[str, ...] = ()
