"""Calls of GoalService: forecasts, measures and abatement plans, sync and async."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import forecast_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.forecasts import AbatementPlan, Forecast, Measure, Scenario

__all__ = ["AsyncForecastCalls", "ForecastCalls"]

_DISCOUNT_RATE = Fraction(5, 100)


class ForecastCalls(ProviderCalls):
    """Forecasts, measures and abatement plans."""

    def create_measure(self, measure: Measure, *, reason: str = "", timeout: float | None = None) -> Measure:
        """Book a measure. One that is there with the same content is given back; with other content it is a ConflictError."""
        from greencloud.wire.forecast import measure_from_message

        request = messages.CreateMeasureRequest(measure_id=measure.id, measure=_said(measure), reason=reason)
        return measure_from_message(self._call(self.raw.goal.CreateMeasure, request, timeout).measure)

    def get_measure(self, name: str, *, timeout: float | None = None) -> Measure:
        """A measure by its name."""
        from greencloud.wire.forecast import measure_from_message

        return measure_from_message(self._call(self.raw.goal.GetMeasure, messages.GetMeasureRequest(name=name), timeout))

    def list_measures(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[Measure]:
        """All measures, in order of their names."""
        from greencloud.wire.forecast import measure_from_message

        reader = answers.items_of("measures", measure_from_message)
        request = messages.ListMeasuresRequest(page_size=page_size)
        return Pager(self._asker(self.raw.goal.ListMeasures, timeout), request, reader)

    def update_measure(self, measure: Measure, *, etag: str = "", reason: str = "", timeout: float | None = None) -> Measure:
        """Put a measure in the place of the one of its name. With an etag it must be the one that is booked, else a
        ConflictError."""
        from greencloud.wire.forecast import measure_from_message

        request = messages.UpdateMeasureRequest(measure=_said(measure, etag), reason=reason)
        return measure_from_message(self._call(self.raw.goal.UpdateMeasure, request, timeout).measure)

    def delete_measure(self, name: str, *, etag: str = "", reason: str = "", timeout: float | None = None) -> None:
        """Take a measure out of force; what it was stays on record."""
        request = messages.DeleteMeasureRequest(name=name, etag=etag, reason=reason)
        self._call(self.raw.goal.DeleteMeasure, request, timeout)

    def forecast_goal(self, name: str = "goals/-", *, scenario: Scenario | None = None, timeout: float | None = None) -> Forecast:
        """Where a goal is heading under a scenario, by default that history goes on; ``goals/-`` is the only goal."""
        from greencloud.wire.forecast import forecast_from_message

        request = messages.ForecastGoalRequest(name=name, scenario=_scenario(scenario))
        return forecast_from_message(self._call(self.raw.goal.ForecastGoal, request, timeout).forecast)

    def plan_goal(
        self,
        name: str = "goals/-",
        *,
        scenario: Scenario | None = None,
        discount_rate: Fraction = _DISCOUNT_RATE,
        measures: Iterable[str] = (),
        timeout: float | None = None,
    ) -> AbatementPlan:
        """Which measures close the gap of a goal's target year at least annual cost; ``measures`` are those to choose from, none:
        all that lie within the goal's scopes."""
        from greencloud.wire.forecast import plan_from_message

        request = _plan(name, scenario, discount_rate, measures)
        return plan_from_message(self._call(self.raw.goal.PlanGoal, request, timeout).plan)


class AsyncForecastCalls(AsyncProviderCalls):
    """Forecasts, measures and abatement plans."""

    async def create_measure(self, measure: Measure, *, reason: str = "", timeout: float | None = None) -> Measure:
        """Book a measure. One that is there with the same content is given back; with other content it is a ConflictError."""
        from greencloud.wire.forecast import measure_from_message

        request = messages.CreateMeasureRequest(measure_id=measure.id, measure=_said(measure), reason=reason)
        return measure_from_message((await self._call(self.raw.goal.CreateMeasure, request, timeout)).measure)

    async def get_measure(self, name: str, *, timeout: float | None = None) -> Measure:
        """A measure by its name."""
        from greencloud.wire.forecast import measure_from_message

        return measure_from_message(await self._call(self.raw.goal.GetMeasure, messages.GetMeasureRequest(name=name), timeout))

    def list_measures(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[Measure]:
        """All measures, in order of their names."""
        from greencloud.wire.forecast import measure_from_message

        reader = answers.items_of("measures", measure_from_message)
        request = messages.ListMeasuresRequest(page_size=page_size)
        return AsyncPager(self._asker(self.raw.goal.ListMeasures, timeout), request, reader)

    async def update_measure(self, measure: Measure, *, etag: str = "", reason: str = "", timeout: float | None = None) -> Measure:
        """Put a measure in the place of the one of its name. With an etag it must be the one that is booked, else a
        ConflictError."""
        from greencloud.wire.forecast import measure_from_message

        request = messages.UpdateMeasureRequest(measure=_said(measure, etag), reason=reason)
        return measure_from_message((await self._call(self.raw.goal.UpdateMeasure, request, timeout)).measure)

    async def delete_measure(self, name: str, *, etag: str = "", reason: str = "", timeout: float | None = None) -> None:
        """Take a measure out of force; what it was stays on record."""
        request = messages.DeleteMeasureRequest(name=name, etag=etag, reason=reason)
        await self._call(self.raw.goal.DeleteMeasure, request, timeout)

    async def forecast_goal(
        self, name: str = "goals/-", *, scenario: Scenario | None = None, timeout: float | None = None
    ) -> Forecast:
        """Where a goal is heading under a scenario, by default that history goes on; ``goals/-`` is the only goal."""
        from greencloud.wire.forecast import forecast_from_message

        request = messages.ForecastGoalRequest(name=name, scenario=_scenario(scenario))
        return forecast_from_message((await self._call(self.raw.goal.ForecastGoal, request, timeout)).forecast)

    async def plan_goal(
        self,
        name: str = "goals/-",
        *,
        scenario: Scenario | None = None,
        discount_rate: Fraction = _DISCOUNT_RATE,
        measures: Iterable[str] = (),
        timeout: float | None = None,
    ) -> AbatementPlan:
        """Which measures close the gap of a goal's target year at least annual cost; ``measures`` are those to choose from, none:
        all that lie within the goal's scopes."""
        from greencloud.wire.forecast import plan_from_message

        request = _plan(name, scenario, discount_rate, measures)
        return plan_from_message((await self._call(self.raw.goal.PlanGoal, request, timeout)).plan)


def _scenario(scenario: Scenario | None) -> messages.Scenario | None:
    from greencloud.wire.forecast import scenario_to_message

    return None if scenario is None else scenario_to_message(scenario)


def _said(measure: Measure, etag: str = "") -> messages.Measure:
    """What the caller says; who booked it is the server's."""
    from greencloud.wire.forecast import measure_to_message

    message = measure_to_message(measure)
    message.etag = etag
    message.ClearField("created_by")
    return message


def _plan(name: str, scenario: Scenario | None, discount_rate: Fraction, measures: Iterable[str]) -> messages.PlanGoalRequest:
    names = [measures] if isinstance(measures, str) else measures
    return messages.PlanGoalRequest(name=name, scenario=_scenario(scenario), discount_rate=str(discount_rate), measures=names)
