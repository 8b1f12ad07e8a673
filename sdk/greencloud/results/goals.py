"""A goal, its path, and how far the provider is.

A goal is a resource of the provider: an absolute amount, an amount per unit of business (intensity), or neutrality, for the scopes,
categories, sites and businesses that it names. Its path leads from the base year to the target year (``greencloud.goal``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = [
    "BusinessMetric",
    "Goal",
    "GoalAlert",
    "GoalKind",
    "GoalPath",
    "GoalProgress",
    "GoalStatus",
    "GoalYear",
    "Milestone",
]


class GoalKind(StrEnum):
    ABSOLUTE = "absolute"
    INTENSITY = "intensity"
    NEUTRALITY = "neutrality"


class GoalPath(StrEnum):
    LINEAR = "linear"  # from the base to the target, the same amount every year
    ABSOLUTE_CONTRACTION = "absolute_contraction"  # a rate of the base every year, linear, not compounding (SBTi)


@dataclass(frozen=True, slots=True)
class BusinessMetric:
    """What an intensity goal divides by: revenue, or units of service, by reporting year."""

    id: str
    display_name: str
    unit: str  # "million CNY", "vCPU-hour"
    values: tuple[tuple[ReportingYear, Fraction], ...]
    source: str = ""
    revision: int = 1
    created_by: str = ""

    @property
    def name(self) -> str:
        return f"businessMetrics/{self.id}"

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class Milestone:
    """What may remain at the end of a year on the way; the path goes through it. One of the two is given."""

    year: ReportingYear
    share: Fraction | None = None  # of the base
    emissions: Emissions | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal. At most one of ``target_share``, ``target`` and ``rate_per_year`` is given; a neutrality goal without any means a
    residual of zero, and a path of absolute contraction without a rate means 0.042 of the base a year.

    Of an intensity goal the path is in emissions per unit of ``metric``: the target is a share of the base's intensity.
    """

    id: str
    display_name: str
    kind: GoalKind
    scopes: tuple[str, ...]
    base_year: ReportingYear
    target_year: ReportingYear
    path: GoalPath = GoalPath.LINEAR
    target_share: Fraction | None = None  # of the base
    target: Emissions | None = None
    rate_per_year: Fraction | None = None  # of the base, per year
    categories: tuple[int, ...] = ()  # of Scope 3; none: all
    sites: tuple[str, ...] = ()  # none: all
    businesses: tuple[str, ...] = ()  # none: all
    metric: str = ""  # name of a business metric: of intensity goals
    milestones: tuple[Milestone, ...] = ()
    source: str = ""
    revision: int = 1
    created_by: str = ""
    updated: datetime | None = None

    @property
    def name(self) -> str:
        """Resource name."""
        return f"goals/{self.id}"

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class GoalAlert:
    """Something that somebody should act on. ``kind``: actual_above_path, milestone_missed, forecast_above_target, year_unknown,
    year_has_drafts, base_year_recalculation."""

    kind: str
    year: ReportingYear
    message: str
    advice: str
    emissions: Emissions | None = None  # how far off, where it is an amount


class GoalStatus(StrEnum):
    UNKNOWN = "unknown"
    ON_TRACK = "on_track"
    OFF_TRACK = "off_track"


@dataclass(frozen=True, slots=True)
class GoalYear:
    """A year of the path. Of an intensity goal the path is what it allows at that year's business metric."""

    year: int
    path: Emissions
    actual: Emissions | None = None  # None: not known, which is not zero
    fiscal: bool = False
    draft: bool = False  # an entry of the actual amount is a draft
    metric: Fraction | None = None  # of intensity goals; None: not known, and the path rests on the latest value before

    @property
    def reporting_year(self) -> ReportingYear:
        return ReportingYear(self.year, self.fiscal)


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """A goal, its path, and how far the provider is. Fields are those of ``greencloud.v1.GoalProgress``."""

    name: str
    display_name: str
    kind: str  # absolute | intensity | neutrality
    scopes: tuple[str, ...]
    base_year: int
    base_emissions: Emissions
    target_year: int
    target_emissions: Emissions
    years: tuple[GoalYear, ...]
    ledger_year: int
    ledger_covered_seconds: int
    ledger_emissions: Emissions
    path_emissions: Emissions
    status: GoalStatus
    as_of: datetime
    notes: tuple[str, ...] = field(default=())
    alerts: tuple[GoalAlert, ...] = ()
    latest_year: ReportingYear | None = None  # of the years with an actual amount
    milestones: tuple[Milestone, ...] = ()
    latest_status: GoalStatus = GoalStatus.UNKNOWN  # of the latest year's amount against its path
    base_fiscal: bool = False  # the base year is a fiscal year
    target_fiscal: bool = False
    metric: str = ""  # name of the business metric of an intensity goal
    fiscal_year_start_month: int = 1  # by the inventory policy

    @property
    def gap(self) -> Emissions:
        """Ledger less path; negative is better than the path."""
        return self.ledger_emissions - self.path_emissions
