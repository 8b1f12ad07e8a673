"""Forecasts, measures and abatement plans in the provider's books. Measures are kept; forecasts and plans are worked out anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from greencloud.errors import ConflictError, GoalError
from greencloud.goal.abatement import plan
from greencloud.goal.alerts import alerts
from greencloud.goal.forecast import ForecastBasis, check_scenario, expected_gap, forecast
from greencloud.goal.goal_books import GoalBooks
from greencloud.goal.measures import MEASURE_DELETED, MEASURE_PUT, NO_MEASURES, MeasureState, check_measure, step
from greencloud.goal.outlook import forecast_basis, plan_basis
from greencloud.inventory import Change, Draft
from greencloud.inventory.document import to_document
from greencloud.results.forecasts import AbatementPlan, Backtest, Forecast, Measure, Scenario
from greencloud.results.goals import GoalProgress

__all__ = ["ForecastBooks"]

_HISTORY = Scenario()
_DISCOUNT_RATE = Fraction(5, 100)
_FEWEST_YEARS = 3
_GRAVER = frozenset({"milestone_missed", "actual_above_path"})


class ForecastBooks(GoalBooks):
    """Forecasts, measures and abatement plans."""

    def measure_state(self, number: int | None = None) -> MeasureState:
        """Measures as they stand, or as they stood after a record of the journal."""
        changes = self.journal.changes()
        return self.fold(NO_MEASURES, step).after(changes if number is None else changes[:number])

    def create_measure(self, measure: Measure, *, reason: str = "") -> Measure:
        """Book a measure. One that is there with the same content is given back.

        Raises:
            GoalError: it is wrong, with the field that is.
            ConflictError: there is another measure of that id.
        """

        def decide(changes: list[Change]) -> Draft | None:
            state = self.fold(NO_MEASURES, step).after(changes)
            checked = _content(check_measure(measure, state))
            known = state.measures.get(measure.id)
            if known is None:
                revision = state.deleted.get(measure.id, 0) + 1
                return Draft(MEASURE_PUT, to_document(replace(checked, revision=revision, created_by=self.actor)), reason)
            if _content(known) != checked:
                raise ConflictError(
                    f"{known.name} is there already, with other content",
                    in_force=known.etag,
                    advice="update it, or take another id",
                )
            return None

        return self._measures_after(self.transact(decide)).get(measure.name)

    def get_measure(self, name: str) -> Measure:
        """Raises NotFoundError."""
        return self.measure_state().get(name)

    def list_measures(self) -> list[Measure]:
        """All measures, in order of their names."""
        return [measure for _, measure in sorted(self.measure_state().measures.items())]

    def update_measure(self, measure: Measure, *, etag: str = "", reason: str = "") -> Measure:
        """Put a measure in the place of the one of its name; with the same content nothing changes.

        Raises:
            NotFoundError, GoalError: there is none, or it is wrong.
            ConflictError: it is not the one of ``etag`` any more.
        """

        def decide(changes: list[Change]) -> Draft | None:
            state = self.fold(NO_MEASURES, step).after(changes)
            known = state.get(measure.name)
            _check_etag(known, etag)
            checked = _content(check_measure(measure, state))
            if _content(known) == checked:
                return None
            kept = replace(checked, revision=known.revision + 1, created_by=known.created_by)
            return Draft(MEASURE_PUT, to_document(kept), reason)

        return self._measures_after(self.transact(decide)).get(measure.name)

    def delete_measure(self, name: str, *, etag: str = "", reason: str = "") -> None:
        """Take a measure out of force; what it was stays on record.

        Raises:
            NotFoundError: there is none.
            GoalError: another measure names it in an overlap.
            ConflictError: it is not the one of ``etag`` any more.
        """

        def decide(changes: list[Change]) -> Draft:
            state = self.fold(NO_MEASURES, step).after(changes)
            known = state.get(name)
            _check_etag(known, etag)
            for other in state.measures.values():
                if any(overlap.measure == name for overlap in other.overlaps):
                    raise GoalError(
                        f"{other.name} names {name} in an overlap", key="overlaps", advice=f"take it out of {other.name} first"
                    )
            return Draft(MEASURE_DELETED, {"id": known.id}, reason)

        self.transact(decide)

    def forecast_goal(self, name: str = "goals/-", *, scenario: Scenario | None = None) -> Forecast:
        """Where a goal is heading under a scenario, by default that history goes on.

        Raises:
            NotFoundError: there is no such goal.
            GoalError: what it needs is not booked, the target year is already, or a rate makes no sense.
            MissingExtraError: greencloud[goal] is not installed.
        """
        scenario = scenario or _HISTORY
        check_scenario(scenario)
        return forecast(self._basis(name, scenario), scenario, self.clock())

    def plan_goal(
        self,
        name: str = "goals/-",
        *,
        scenario: Scenario | None = None,
        discount_rate: Fraction = _DISCOUNT_RATE,
        measures: Iterable[str] = (),
    ) -> AbatementPlan:
        """Which measures close the gap of the target year at least cost; ``measures`` are those to choose from, none: all.

        Raises:
            NotFoundError: there is no such goal or measure.
            GoalError: as ``forecast_goal``; or the measures cannot be compared.
            MissingExtraError: greencloud[goal] is not installed.
        """
        found = self.forecast_goal(name, scenario=scenario)
        goal, inventory = self.goal_state().goal(name), self.inventory_state()
        names = (measures,) if isinstance(measures, str) else tuple(measures)
        return plan(plan_basis(goal, inventory, self.measure_state(), found, names), discount_rate)

    def get_goal_progress(self, name: str = "goals/-", *, ledger_year: int | None = None) -> GoalProgress:
        """As ``GoalBooks.get_goal_progress``, with the alert on the forecast where one can be made."""
        found = super().get_goal_progress(name, ledger_year=ledger_year)
        try:
            basis = self._basis(name, _HISTORY)
        except GoalError:  # too little is known, or the target year is past
            return found
        if len(basis.history) < _FEWEST_YEARS:  # two points are a line that nothing speaks for
            return found
        nothing = Backtest(0, None, None, None)
        ahead = Forecast(basis.goal, _HISTORY, "", (), (), basis.target, expected_gap(basis), None, nothing, found.as_of)
        told = [alert for alert in alerts(found, ahead) if alert.kind == "forecast_above_target"]
        graver = [alert for alert in found.alerts if alert.kind in _GRAVER]
        return replace(found, alerts=(*graver, *told, *(alert for alert in found.alerts if alert.kind not in _GRAVER)))

    def _basis(self, name: str, scenario: Scenario) -> ForecastBasis:
        state = self.goal_state()
        return forecast_basis(state.goal(name), self.inventory_state(), state.metrics, self.measure_state(), scenario)

    def _measures_after(self, change: Change | None) -> MeasureState:
        """The state right after a change; as it stands where there was nothing to change."""
        return self.measure_state(None if change is None else change.number)


def _content(measure: Measure) -> Measure:
    """What was said, without who and when."""
    return replace(measure, revision=1, created_by="")


def _check_etag(known: Measure, etag: str) -> None:
    if etag and etag != known.etag:
        raise ConflictError(
            f"{known.name} was changed: it is at revision {known.etag}, not {etag[:20]}",
            in_force=known.etag,
            advice="read it again, then say what is to be changed",
        )
