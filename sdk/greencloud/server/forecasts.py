"""GoalService: forecasts, measures and abatement plans. For the provider.

What is wrong with a measure or a scenario by itself is INVALID_ARGUMENT with its field; what it lacks in the books (another
measure, an inventory, a goal that is still ahead) is FAILED_PRECONDITION.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, TypeVar

from greencloud.errors import GoalError, QuantityError
from greencloud.goal.abatement import check_discount_rate
from greencloud.goal.forecast import check_scenario
from greencloud.goal.measures import check_content
from greencloud.results.forecasts import Measure, Scenario
from greencloud.server.auth import caller
from greencloud.server.checks import Checks
from greencloud.server.errors import RequestError
from greencloud.server.paging import Cursor, fill
from greencloud.server.provider_methods import ProviderMethods
from greencloud.server.roles import Permission
from greencloud.v1 import forecast_pb2 as messages
from greencloud.wire.forecast import (
    forecast_to_message,
    fraction_from_text,
    measure_from_message,
    measure_to_message,
    plan_to_message,
    scenario_from_message,
)

__all__ = ["ForecastMethods"]

T = TypeVar("T")

_GOAL: Final = re.compile(r"goals/(-|[A-Za-z0-9][A-Za-z0-9._-]{0,62})")
_MEASURE: Final = re.compile(r"measures/[a-z][a-z0-9-]{0,62}")
_DEFAULT_PAGE: Final = 100
_MOST_PAGE: Final = 1_000
_MOST_REASON: Final = 1_000
_MOST_SCENARIO_TEXT: Final = 200
_DISCOUNT_RATE: Final = Fraction(5, 100)
_FIELDS: Final = {"start": "start_year", "ramp_years": "ramp_year_count", "lifetime_years": "lifetime_year_count"}


class ForecastMethods(ProviderMethods):
    """Forecasts, measures and abatement plans."""

    def CreateMeasure(self, request: messages.CreateMeasureRequest, context: Any) -> messages.CreateMeasureResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        if not _MEASURE.fullmatch(f"measures/{request.measure_id}"):
            checks.fault("measure_id", "must be a-z, 0-9 and -, beginning with a letter" if request.measure_id else "is required")
        _check_said(checks, request)
        checks.done()
        request.measure.name = f"measures/{request.measure_id}"
        made = books.create_measure(_measure(request.measure), reason=request.reason)
        return messages.CreateMeasureResponse(measure=measure_to_message(made))

    def GetMeasure(self, request: messages.GetMeasureRequest, context: Any) -> messages.Measure:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_name(checks, "name", request.name)
        checks.done()
        return measure_to_message(books.get_measure(request.name))

    def ListMeasures(self, request: messages.ListMeasuresRequest, context: Any) -> messages.ListMeasuresResponse:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        size = checks.page_size(request.page_size, default=_DEFAULT_PAGE, most=_MOST_PAGE)
        checks.done()
        cursor = self._pages.open(request, caller())
        number = len(books.journal.changes()) if cursor.version is None else cursor.version
        measures = [measure for _, measure in sorted(books.measure_state(number).measures.items())][cursor.offset :]
        page = fill(measures, size, measure_to_message)
        response = messages.ListMeasuresResponse(measures=page)
        if len(page) < len(measures):
            response.next_page_token = self._pages.seal(Cursor(number, cursor.offset + len(page)), request, caller())
        return response

    def UpdateMeasure(self, request: messages.UpdateMeasureRequest, context: Any) -> messages.UpdateMeasureResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        if request.HasField("measure"):
            _check_name(checks, "measure.name", request.measure.name)
        _check_said(checks, request)
        checks.done()
        changed = books.update_measure(_measure(request.measure), etag=request.measure.etag, reason=request.reason)
        return messages.UpdateMeasureResponse(measure=measure_to_message(changed))

    def DeleteMeasure(self, request: messages.DeleteMeasureRequest, context: Any) -> messages.DeleteMeasureResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        _check_name(checks, "name", request.name)
        _check_reason(checks, request.reason)
        checks.done()
        books.delete_measure(request.name, etag=request.etag, reason=request.reason)
        return messages.DeleteMeasureResponse()

    def ForecastGoal(self, request: messages.ForecastGoalRequest, context: Any) -> messages.ForecastGoalResponse:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_goal(checks, request.name)
        scenario = _scenario(checks, request.scenario)
        checks.done()
        return messages.ForecastGoalResponse(forecast=forecast_to_message(books.forecast_goal(request.name, scenario=scenario)))

    def PlanGoal(self, request: messages.PlanGoalRequest, context: Any) -> messages.PlanGoalResponse:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_goal(checks, request.name)
        scenario = _scenario(checks, request.scenario)
        rate = _read(checks, "discount_rate", lambda: _discount_rate(request.discount_rate)) or Fraction(0)
        names = checks.values("measures", request.measures)
        for name in names:
            if not _MEASURE.fullmatch(name):
                checks.fault("measures", "must be measures/MEASURE")
                break
        checks.done()
        found = books.plan_goal(request.name, scenario=scenario, discount_rate=rate, measures=names)
        return messages.PlanGoalResponse(plan=plan_to_message(found))


def _check_name(checks: Checks, field: str, name: str) -> None:
    if not _MEASURE.fullmatch(name):
        checks.fault(field, "must be measures/MEASURE" if name else "is required")


def _check_goal(checks: Checks, name: str) -> None:
    if not _GOAL.fullmatch(name):
        checks.fault("name", "must be goals/GOAL, or goals/- for the only one" if name else "is required")


def _check_reason(checks: Checks, reason: str) -> None:
    if len(reason) > _MOST_REASON:
        checks.fault("reason", f"has more than {_MOST_REASON:,} characters")


def _check_said(checks: Checks, request: Any) -> None:
    if not request.HasField("measure"):
        checks.fault("measure", "is required")
    _check_reason(checks, request.reason)


def _measure(message: messages.Measure) -> Measure:
    """Raises RequestError."""
    try:
        return check_content(measure_from_message(message))
    except GoalError as error:
        raise RequestError([(f"measure.{_FIELDS.get(error.key, error.key)}", _told(error))]) from error
    except QuantityError as error:
        raise RequestError([("measure", _told(error))]) from error


def _scenario(checks: Checks, message: messages.Scenario) -> Scenario:
    def read() -> Scenario:
        if max(len(message.scenario_id), len(message.display_name)) > _MOST_SCENARIO_TEXT:
            raise QuantityError(f"its id or name has more than {_MOST_SCENARIO_TEXT} characters")
        scenario = scenario_from_message(message)
        check_scenario(scenario)
        return scenario

    return _read(checks, "scenario", read) or Scenario()


def _discount_rate(text: str) -> Fraction:
    rate = fraction_from_text("discount_rate", text) if text else _DISCOUNT_RATE
    check_discount_rate(rate)
    return rate


def _read(checks: Checks, field: str, read: Callable[[], T]) -> T | None:
    """What is read; None where it is at fault, which the checks then know."""
    try:
        return read()
    except (GoalError, QuantityError) as error:
        key = getattr(error, "key", "")
        checks.fault(f"{field}.{key}" if key and key != field else field, _told(error))
        return None


def _told(error: GoalError | QuantityError) -> str:
    return "; ".join(filter(None, (error.message, error.advice)))
