"""Goals, business metrics, and the progress of a goal.

Reporting years travel as texts, ``2020`` or ``FY2022``; shares, rates and metrics as exact decimals or ratios.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.results.goals import (
    BusinessMetric,
    Goal,
    GoalAlert,
    GoalKind,
    GoalPath,
    GoalProgress,
    GoalStatus,
    GoalYear,
    Milestone,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import parse_rational
from greencloud.v1 import goal_pb2, goal_service_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "business_metric_from_message",
    "business_metric_to_message",
    "goal_from_message",
    "goal_progress_from_message",
    "goal_progress_to_message",
    "goal_to_message",
]

_KINDS: Final = {
    GoalKind.ABSOLUTE: goal_service_pb2.GOAL_KIND_ABSOLUTE,
    GoalKind.NEUTRALITY: goal_service_pb2.GOAL_KIND_NEUTRALITY,
    GoalKind.INTENSITY: goal_service_pb2.GOAL_KIND_INTENSITY,
}
_KIND_OF: Final = {value: kind for kind, value in _KINDS.items()}

_PATHS: Final = {
    GoalPath.LINEAR: goal_service_pb2.GOAL_PATH_LINEAR,
    GoalPath.ABSOLUTE_CONTRACTION: goal_service_pb2.GOAL_PATH_ABSOLUTE_CONTRACTION,
}
_PATH_OF: Final = {goal_service_pb2.GOAL_PATH_UNSPECIFIED: GoalPath.LINEAR} | {value: path for path, value in _PATHS.items()}

_STATUSES: Final = {
    GoalStatus.UNKNOWN: goal_service_pb2.GOAL_STATUS_UNSPECIFIED,
    GoalStatus.ON_TRACK: goal_service_pb2.GOAL_STATUS_ON_TRACK,
    GoalStatus.OFF_TRACK: goal_service_pb2.GOAL_STATUS_OFF_TRACK,
}
_STATUS_OF: Final = {value: status for status, value in _STATUSES.items()}

_RATIO: Final = re.compile(r"-?\d{1,200}(/0*[1-9]\d{0,199})?")


def goal_to_message(goal: Goal) -> goal_service_pb2.Goal:
    return goal_service_pb2.Goal(
        name=goal.name,
        display_name=goal.display_name,
        kind=_KINDS[goal.kind],
        scopes=goal.scopes,
        base_year=str(goal.base_year),
        target_year=str(goal.target_year),
        path=_PATHS[goal.path],
        target_share=_text(goal.target_share),
        target=None if goal.target is None else emissions_to_message(goal.target),
        rate_per_year=_text(goal.rate_per_year),
        categories=goal.categories,
        sites=goal.sites,
        businesses=goal.businesses,
        business_metric=goal.metric,
        milestones=map(_milestone_to_message, goal.milestones),
        source=goal.source,
        etag=goal.etag,
        created_by=goal.created_by,
        update_time=goal.updated and instant_to_message(goal.updated),
    )


def goal_from_message(message: goal_service_pb2.Goal) -> Goal:
    """A goal; its id is what its name ends with. Raises QuantityError that names the field."""
    if message.kind not in _KIND_OF:
        raise QuantityError("kind: there is no such kind of goal", advice="say absolute, intensity or neutrality")
    if message.path not in _PATH_OF:
        raise QuantityError("path: there is no such path", advice="say linear or absolute contraction")
    return Goal(
        id=message.name.removeprefix("goals/"),
        display_name=message.display_name,
        kind=_KIND_OF[message.kind],
        scopes=tuple(message.scopes),
        base_year=_year("base_year", message.base_year),
        target_year=_year("target_year", message.target_year),
        path=_PATH_OF[message.path],
        target_share=_fraction("target_share", message.target_share),
        target=emissions_from_message(message.target) if message.HasField("target") else None,
        rate_per_year=_fraction("rate_per_year", message.rate_per_year),
        categories=tuple(message.categories),
        sites=tuple(message.sites),
        businesses=tuple(message.businesses),
        metric=message.business_metric,
        milestones=_milestones(message.milestones),
        source=message.source,
        revision=_revision(message.etag),
        created_by=message.created_by,
        updated=instant_from_message(message.update_time) if message.HasField("update_time") else None,
    )


def business_metric_to_message(metric: BusinessMetric) -> goal_pb2.BusinessMetric:
    return goal_pb2.BusinessMetric(
        name=metric.name,
        display_name=metric.display_name,
        unit=metric.unit,
        values=[goal_pb2.BusinessMetricValue(year=str(year), value=str(value)) for year, value in metric.values],
        source=metric.source,
        etag=metric.etag,
        created_by=metric.created_by,
    )


def business_metric_from_message(message: goal_pb2.BusinessMetric) -> BusinessMetric:
    """A business metric; its id is what its name ends with. Raises QuantityError that names the field."""
    return BusinessMetric(
        id=message.name.removeprefix("businessMetrics/"),
        display_name=message.display_name,
        unit=message.unit,
        values=tuple((_year("values.year", each.year), _number("values.value", each.value)) for each in message.values),
        source=message.source,
        revision=_revision(message.etag),
        created_by=message.created_by,
    )


def goal_progress_to_message(goal: GoalProgress) -> goal_service_pb2.GoalProgress:
    return goal_service_pb2.GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind=_KINDS[GoalKind(goal.kind)],
        scopes=goal.scopes,
        base_year=goal.base_year,
        base_emissions=emissions_to_message(goal.base_emissions),
        target_year=goal.target_year,
        target_emissions=emissions_to_message(goal.target_emissions),
        years=map(_goal_year_to_message, goal.years),
        ledger_year=goal.ledger_year,
        ledger_covered_seconds=goal.ledger_covered_seconds,
        ledger_emissions=emissions_to_message(goal.ledger_emissions),
        path_emissions=emissions_to_message(goal.path_emissions),
        gap=emissions_to_message(goal.gap),
        status=_STATUSES[goal.status],
        as_of_time=instant_to_message(goal.as_of),
        notes=goal.notes,
        alerts=map(_alert_to_message, goal.alerts),
        latest_year="" if goal.latest_year is None else str(goal.latest_year),
        latest_status=_STATUSES[goal.latest_status],
        milestones=map(_milestone_to_message, goal.milestones),
        base_fiscal=goal.base_fiscal,
        target_fiscal=goal.target_fiscal,
        business_metric=goal.metric,
        fiscal_year_start_month=goal.fiscal_year_start_month,
    )


def goal_progress_from_message(message: goal_service_pb2.GoalProgress) -> GoalProgress:
    return GoalProgress(
        name=message.name,
        display_name=message.display_name,
        kind=_KIND_OF[message.kind].value,
        scopes=tuple(message.scopes),
        base_year=message.base_year,
        base_emissions=emissions_from_message(message.base_emissions),
        target_year=message.target_year,
        target_emissions=emissions_from_message(message.target_emissions),
        years=tuple(map(_goal_year_from_message, message.years)),
        ledger_year=message.ledger_year,
        ledger_covered_seconds=message.ledger_covered_seconds,
        ledger_emissions=emissions_from_message(message.ledger_emissions),
        path_emissions=emissions_from_message(message.path_emissions),
        status=_STATUS_OF[message.status],
        as_of=instant_from_message(message.as_of_time),
        notes=tuple(message.notes),
        alerts=tuple(map(_alert_from_message, message.alerts)),
        latest_year=ReportingYear.parse(message.latest_year) if message.latest_year else None,
        latest_status=_STATUS_OF[message.latest_status],
        milestones=_milestones(message.milestones),
        base_fiscal=message.base_fiscal,
        target_fiscal=message.target_fiscal,
        metric=message.business_metric,
        fiscal_year_start_month=message.fiscal_year_start_month or 1,
    )


def _goal_year_to_message(year: GoalYear) -> goal_service_pb2.GoalYear:
    return goal_service_pb2.GoalYear(
        year=year.year,
        path=emissions_to_message(year.path),
        actual=None if year.actual is None else emissions_to_message(year.actual),
        fiscal=year.fiscal,
        draft=year.draft,
        metric_value=_text(year.metric),
    )


def _goal_year_from_message(message: goal_service_pb2.GoalYear) -> GoalYear:
    return GoalYear(
        year=message.year,
        path=emissions_from_message(message.path),
        actual=emissions_from_message(message.actual) if message.HasField("actual") else None,
        fiscal=message.fiscal,
        draft=message.draft,
        metric=_fraction("metric_value", message.metric_value),
    )


def _alert_to_message(alert: GoalAlert) -> goal_pb2.GoalAlert:
    return goal_pb2.GoalAlert(
        kind=alert.kind,
        year=str(alert.year),
        message=alert.message,
        advice=alert.advice,
        emissions=None if alert.emissions is None else emissions_to_message(alert.emissions),
    )


def _alert_from_message(message: goal_pb2.GoalAlert) -> GoalAlert:
    return GoalAlert(
        kind=message.kind,
        year=ReportingYear.parse(message.year),
        message=message.message,
        advice=message.advice,
        emissions=emissions_from_message(message.emissions) if message.HasField("emissions") else None,
    )


def _milestone_to_message(milestone: Milestone) -> goal_pb2.Milestone:
    return goal_pb2.Milestone(
        year=str(milestone.year),
        share=_text(milestone.share),
        emissions=None if milestone.emissions is None else emissions_to_message(milestone.emissions),
    )


def _milestones(messages: Iterable[goal_pb2.Milestone]) -> tuple[Milestone, ...]:
    return tuple(
        Milestone(
            year=_year("milestones.year", message.year),
            share=_fraction("milestones.share", message.share),
            emissions=emissions_from_message(message.emissions) if message.HasField("emissions") else None,
        )
        for message in messages
    )


def _text(value: Fraction | None) -> str:
    return "" if value is None else str(value)


def _number(field: str, text: str) -> Fraction:
    return Fraction(text) if _RATIO.fullmatch(text) else parse_rational(text, what=f"{field}:")


def _fraction(field: str, text: str) -> Fraction | None:
    return _number(field, text) if text else None


def _year(field: str, text: str) -> ReportingYear:
    try:
        return ReportingYear.parse(text)
    except QuantityError as error:
        raise QuantityError(f"{field}: {error.message}", advice=error.advice) from error


def _revision(etag: str) -> int:
    """Of an etag that this made; 1 of one that it did not, or of none."""
    return int(etag) if re.fullmatch(r"[1-9]\d{0,17}", etag) else 1
