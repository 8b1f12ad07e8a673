"""The progress of a goal."""

from __future__ import annotations

from typing import Final

from greencloud.results import GoalProgress, GoalStatus, GoalYear
from greencloud.v1 import goal_service_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = ["goal_from_message", "goal_to_message"]

_KINDS: Final = {
    "absolute": goal_service_pb2.GOAL_KIND_ABSOLUTE,
    "neutrality": goal_service_pb2.GOAL_KIND_NEUTRALITY,
}

_STATUSES: Final = {
    GoalStatus.UNKNOWN: goal_service_pb2.GOAL_STATUS_UNSPECIFIED,
    GoalStatus.ON_TRACK: goal_service_pb2.GOAL_STATUS_ON_TRACK,
    GoalStatus.OFF_TRACK: goal_service_pb2.GOAL_STATUS_OFF_TRACK,
}


def goal_to_message(goal: GoalProgress) -> goal_service_pb2.GoalProgress:
    return goal_service_pb2.GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind=_KINDS[goal.kind],
        scopes=goal.scopes,
        base_year=goal.base_year,
        base_emissions=emissions_to_message(goal.base_emissions),
        target_year=goal.target_year,
        target_emissions=emissions_to_message(goal.target_emissions),
        years=[
            goal_service_pb2.GoalYear(
                year=year.year,
                path=emissions_to_message(year.path),
                actual=None if year.actual is None else emissions_to_message(year.actual),
            )
            for year in goal.years
        ],
        ledger_year=goal.ledger_year,
        ledger_covered_seconds=goal.ledger_covered_seconds,
        ledger_emissions=emissions_to_message(goal.ledger_emissions),
        path_emissions=emissions_to_message(goal.path_emissions),
        gap=emissions_to_message(goal.gap),
        status=_STATUSES[goal.status],
        as_of_time=instant_to_message(goal.as_of),
        notes=goal.notes,
    )


def goal_from_message(message: goal_service_pb2.GoalProgress) -> GoalProgress:
    kinds = {value: name for name, value in _KINDS.items()}
    statuses = {value: name for name, value in _STATUSES.items()}
    return GoalProgress(
        name=message.name,
        display_name=message.display_name,
        kind=kinds[message.kind],
        scopes=tuple(message.scopes),
        base_year=message.base_year,
        base_emissions=emissions_from_message(message.base_emissions),
        target_year=message.target_year,
        target_emissions=emissions_from_message(message.target_emissions),
        years=tuple(
            GoalYear(
                year=year.year,
                path=emissions_from_message(year.path),
                actual=emissions_from_message(year.actual) if year.HasField("actual") else None,
            )
            for year in message.years
        ),
        ledger_year=message.ledger_year,
        ledger_covered_seconds=message.ledger_covered_seconds,
        ledger_emissions=emissions_from_message(message.ledger_emissions),
        path_emissions=emissions_from_message(message.path_emissions),
        status=statuses[message.status],
        as_of=instant_from_message(message.as_of_time),
        notes=tuple(message.notes),
    )
