"""GoalService: goals as resources, business metrics, and progress. For the provider.

What is wrong with a goal by itself is INVALID_ARGUMENT with its field; what it lacks in the books (a metric, a base year) is
FAILED_PRECONDITION.
"""

from __future__ import annotations

import re
from typing import Any, Final

from greencloud.errors import GoalError, QuantityError
from greencloud.goal.checks import check_goal, check_metric
from greencloud.results.goals import BusinessMetric, Goal
from greencloud.server.book_pages import BookPages
from greencloud.server.checks import Checks
from greencloud.server.roles import Permission
from greencloud.v1 import goal_pb2
from greencloud.v1 import goal_service_pb2 as messages
from greencloud.wire import (
    business_metric_from_message,
    business_metric_to_message,
    goal_from_message,
    goal_progress_to_message,
    goal_to_message,
)

__all__ = ["GoalMethods"]

_ID: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_GOAL: Final = re.compile(f"goals/(-|{_ID})")
_METRIC: Final = re.compile(f"businessMetrics/{_ID}")
_MOST_REASON: Final = 1_000


class GoalMethods(BookPages):
    def GetGoalProgress(self, request: messages.GetGoalProgressRequest, context: Any) -> messages.GoalProgress:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_goal_name(checks, request.name)
        if request.ledger_year and not 1900 <= request.ledger_year <= 9998:
            checks.fault("ledger_year", "must be a calendar year")
        checks.done()
        return goal_progress_to_message(books.get_goal_progress(request.name, ledger_year=request.ledger_year or None))

    def CreateGoal(self, request: messages.CreateGoalRequest, context: Any) -> messages.CreateGoalResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        _check_new(checks, request, "goal")
        checks.done()
        request.goal.name = f"goals/{request.goal_id}"
        goal = self._goal(request.goal, books.inventory_state().policy.fiscal_year_start_month)
        return messages.CreateGoalResponse(goal=goal_to_message(books.create_goal(goal, reason=request.reason)))

    def GetGoal(self, request: messages.GetGoalRequest, context: Any) -> messages.Goal:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_goal_name(checks, request.name)
        checks.done()
        return goal_to_message(books.get_goal(request.name))

    def ListGoals(self, request: messages.ListGoalsRequest, context: Any) -> messages.ListGoalsResponse:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        return self._page(
            request,
            messages.ListGoalsResponse(),
            Checks(),
            books=books,
            values=lambda books: books.list_goals(),
            to_message=goal_to_message,
        )

    def UpdateGoal(self, request: messages.UpdateGoalRequest, context: Any) -> messages.UpdateGoalResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        if not request.HasField("goal"):
            checks.fault("goal", "is required")
        elif not _GOAL.fullmatch(request.goal.name) or request.goal.name == "goals/-":
            checks.fault("goal.name", "must be goals/GOAL")
        _check_reason(checks, request.reason)
        checks.done()
        goal = self._goal(request.goal, books.inventory_state().policy.fiscal_year_start_month)
        changed = books.update_goal(goal, etag=request.goal.etag, reason=request.reason)
        return messages.UpdateGoalResponse(goal=goal_to_message(changed))

    def DeleteGoal(self, request: messages.DeleteGoalRequest, context: Any) -> messages.DeleteGoalResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        if not _GOAL.fullmatch(request.name) or request.name == "goals/-":
            checks.fault("name", "must be goals/GOAL" if request.name else "is required")
        _check_reason(checks, request.reason)
        checks.done()
        books.delete_goal(request.name, etag=request.etag, reason=request.reason)
        return messages.DeleteGoalResponse()

    def CreateBusinessMetric(  # noqa: N802
        self, request: messages.CreateBusinessMetricRequest, context: Any
    ) -> messages.CreateBusinessMetricResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        _check_new(checks, request, "business_metric")
        checks.done()
        request.business_metric.name = f"businessMetrics/{request.business_metric_id}"
        booked = books.create_business_metric(self._metric(request.business_metric), reason=request.reason)
        return messages.CreateBusinessMetricResponse(business_metric=business_metric_to_message(booked))

    def GetBusinessMetric(  # noqa: N802
        self, request: messages.GetBusinessMetricRequest, context: Any
    ) -> goal_pb2.BusinessMetric:
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        if not _METRIC.fullmatch(request.name):
            checks.fault("name", "must be businessMetrics/METRIC" if request.name else "is required")
        checks.done()
        return business_metric_to_message(books.get_business_metric(request.name))

    def ListBusinessMetrics(  # noqa: N802
        self, request: messages.ListBusinessMetricsRequest, context: Any
    ) -> messages.ListBusinessMetricsResponse:
        books = self._books(Permission.GOALS_READ)
        return self._page(
            request,
            messages.ListBusinessMetricsResponse(),
            Checks(),
            books=books,
            values=lambda books: books.list_business_metrics(),
            to_message=business_metric_to_message,
        )

    def UpdateBusinessMetric(  # noqa: N802
        self, request: messages.UpdateBusinessMetricRequest, context: Any
    ) -> messages.UpdateBusinessMetricResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        if not request.HasField("business_metric"):
            checks.fault("business_metric", "is required")
        elif not _METRIC.fullmatch(request.business_metric.name):
            checks.fault("business_metric.name", "must be businessMetrics/METRIC")
        _check_reason(checks, request.reason)
        checks.done()
        metric = self._metric(request.business_metric)
        changed = books.update_business_metric(metric, etag=request.business_metric.etag, reason=request.reason)
        return messages.UpdateBusinessMetricResponse(business_metric=business_metric_to_message(changed))

    @staticmethod
    def _goal(message: messages.Goal, fiscal_month: int) -> Goal:
        checks = Checks()
        try:
            goal = goal_from_message(message)
            check_goal(goal, fiscal_month)
        except QuantityError as error:
            checks.fault("goal", error.message)
        except GoalError as error:
            checks.fault(f"goal.{_FIELDS.get(error.key, error.key)}", error.message)
        checks.done()
        return goal

    @staticmethod
    def _metric(message: goal_pb2.BusinessMetric) -> BusinessMetric:
        checks = Checks()
        try:
            metric = business_metric_from_message(message)
            check_metric(metric)
        except QuantityError as error:
            checks.fault("business_metric", error.message)
        except GoalError as error:
            checks.fault(f"business_metric.{_FIELDS.get(error.key, error.key)}", error.message)
        checks.done()
        return metric


_FIELDS: Final = {"id": "name", "metric": "business_metric"}
"""Fields of messages that are named otherwise than those of the values."""


def _check_goal_name(checks: Checks, name: str) -> None:
    if not _GOAL.fullmatch(name):
        checks.fault("name", "must be goals/GOAL, or goals/- for the only one" if name else "is required")


def _check_new(checks: Checks, request: Any, field: str) -> None:
    if not getattr(request, f"{field}_id"):
        checks.fault(f"{field}_id", "is required")
    if not request.HasField(field):
        checks.fault(field, "is required")
    _check_reason(checks, request.reason)


def _check_reason(checks: Checks, reason: str) -> None:
    if len(reason) > _MOST_REASON:
        checks.fault("reason", f"has more than {_MOST_REASON} characters")
