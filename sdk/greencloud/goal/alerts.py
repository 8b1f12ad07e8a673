"""Alerts: what somebody should act on, each with what to do about it. Pure, from a goal's progress.

===========================  =====================================================================================================
kind                         raised where
===========================  =====================================================================================================
``actual_above_path``        the latest booked year is above its path
``milestone_missed``         a booked year is above a milestone that the goal sets for it
``forecast_above_target``    a forecast expects more in the target year than the target leaves
``year_unknown``             a year of the path has ended and is not booked
``year_has_drafts``          a booked year rests on entries that nobody has approved
``base_year_recalculation``  changes of structure reach the significance threshold of the inventory policy
===========================  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from greencloud.results.forecasts import Forecast
from greencloud.results.goals import GoalAlert, GoalProgress, GoalStatus
from greencloud.results.inventory import BaseYearAssessment
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["alerts"]


def alerts(
    progress: GoalProgress,
    forecast: Forecast | None = None,
    *,
    assessment: BaseYearAssessment | None = None,
) -> list[GoalAlert]:
    """Gravest first: missed milestones, the latest year, the forecast, the base year, what is not known, drafts."""
    return [
        *_milestones(progress),
        *_latest(progress),
        *_forecast(progress, forecast),
        *_base_year(assessment),
        *_unknown(progress),
        *_drafts(progress),
    ]


def _milestones(progress: GoalProgress) -> Iterator[GoalAlert]:
    of = {stone.year for stone in progress.milestones}
    for year in progress.years:
        if year.reporting_year in of and year.actual is not None and year.actual > year.path:
            over = year.actual - year.path
            yield GoalAlert(
                "milestone_missed",
                year.reporting_year,
                f"{year.reporting_year} was {over} of CO2e above its milestone of {year.path}.",
                "say why in the next report, and plan the measures that bring the next milestone back into reach",
                over,
            )


def _latest(progress: GoalProgress) -> Iterator[GoalAlert]:
    if progress.latest_status is not GoalStatus.OFF_TRACK or progress.latest_year is None:
        return
    year = next(each for each in progress.years if each.reporting_year == progress.latest_year)
    over = (year.actual or Emissions()) - year.path
    yield GoalAlert(
        "actual_above_path",
        progress.latest_year,
        f"{progress.latest_year} is {over} of CO2e above the path, which allows {year.path}.",
        f"see which measures close the gap at the least cost: greencloud goal plan {progress.name}",
        over,
    )


def _forecast(progress: GoalProgress, forecast: Forecast | None) -> Iterator[GoalAlert]:
    if forecast is None or forecast.gap.micrograms <= 0:
        return
    year = ReportingYear(progress.target_year, progress.target_fiscal)
    yield GoalAlert(
        "forecast_above_target",
        year,
        f"On the present course {year} ends {forecast.gap} of CO2e above the target of {forecast.target}.",
        f"see which measures close the gap at the least cost: greencloud goal plan {progress.name}",
        forecast.gap,
    )


def _base_year(assessment: BaseYearAssessment | None) -> Iterator[GoalAlert]:
    if assessment is None or not assessment.recalculation_required:
        return
    yield GoalAlert(
        "base_year_recalculation",
        assessment.base_year,
        f"Changes of structure reach the threshold from which {assessment.base_year} must be recalculated: "
        f"{', '.join(assessment.changes)}.",
        "recalculate it: greencloud inventory base-year recalculate",
    )


def _unknown(progress: GoalProgress) -> Iterator[GoalAlert]:
    either = progress.fiscal_year_start_month != 1
    for year in progress.years:
        if year.actual is None and year.reporting_year.end(progress.fiscal_year_start_month) <= progress.as_of:
            other = f" or FY{year.reporting_year}" if either and not year.reporting_year.fiscal else ""
            yield GoalAlert(
                "year_unknown",
                year.reporting_year,
                f"{year.reporting_year} has ended, and the inventory does not book it for all that the goal covers.",
                f"book {', '.join(progress.scopes)} of {year.reporting_year}{other}: greencloud inventory import",
            )


def _drafts(progress: GoalProgress) -> Iterator[GoalAlert]:
    for year in progress.years:
        if year.actual is not None and year.draft:
            yield GoalAlert(
                "year_has_drafts",
                year.reporting_year,
                f"The figure of {year.reporting_year} rests on drafts.",
                f"have them approved: greencloud inventory approve --year {year.reporting_year}",
            )
