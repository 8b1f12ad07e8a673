"""Goals, business metrics and progress in the provider's books."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.goal.actual import actual_of
from greencloud.goal.alerts import alerts
from greencloud.goal.book import EMPTY, GOAL_DELETED, GOAL_PUT, METRIC_PUT, GoalState, step
from greencloud.goal.checks import check_goal, check_metric, check_path
from greencloud.goal.ledger_year import LedgerYear, latest_year, ledger_year_of
from greencloud.goal.path import base_of, metric_of_base
from greencloud.goal.progress import progress
from greencloud.inventory import Change, Draft, InventoryBooks
from greencloud.inventory.document import to_document
from greencloud.inventory.state import EMPTY as NO_INVENTORY
from greencloud.inventory.state import InventoryState
from greencloud.inventory.state import step as inventory_step
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalProgress
from greencloud.results.inventory import INVENTORY_SCOPES, BaseYearAssessment

__all__ = ["GoalBooks"]

R = TypeVar("R", Goal, BusinessMetric)

_BLANK: Final[dict[str, Any]] = {"revision": 1, "created_by": ""}


class GoalBooks(InventoryBooks):
    """Goals, business metrics and progress."""

    def goal_state(self) -> GoalState:
        """Goals and business metrics as they stand."""
        return self.fold(EMPTY, step).latest()

    def create_goal(self, goal: Goal, *, reason: str = "") -> Goal:
        """Book a goal. One that is there with the same content is given back.

        Raises:
            GoalError: it is wrong, with the field that is.
            ConflictError: there is another goal of that id.
        """

        def decide(changes: list[Change]) -> Draft | None:
            state = self.fold(EMPTY, step).after(changes)
            self._check(goal, state, changes)
            if (known := state.goals.get(goal.name)) is not None:
                _check_same(known, goal)
                return None
            revision = state.revisions.get(goal.name, 0) + 1
            return Draft(GOAL_PUT, self._body(goal, revision, self.actor), reason)

        return self._after(self.transact(decide)).goals[goal.name]

    def get_goal(self, name: str = "goals/-") -> Goal:
        """A goal; ``goals/-`` is the only one. Raises NotFoundError, GoalError."""
        return self.goal_state().goal(name)

    def list_goals(self) -> list[Goal]:
        """All goals, in order of their names."""
        return [goal for _, goal in sorted(self.goal_state().goals.items())]

    def update_goal(self, goal: Goal, *, etag: str = "", reason: str = "") -> Goal:
        """Put a goal in the place of the one of its name; with the same content nothing changes.

        Raises:
            NotFoundError, GoalError: there is none, or it is wrong.
            ConflictError: it is not the one of ``etag`` any more.
        """

        def decide(changes: list[Change]) -> Draft | None:
            state = self.fold(EMPTY, step).after(changes)
            known = state.goal(goal.name)
            _check_etag(known, etag)
            self._check(goal, state, changes)
            if _content(known) == _content(goal):
                return None
            return Draft(GOAL_PUT, self._body(goal, known.revision + 1, known.created_by), reason)

        return self._after(self.transact(decide)).goals[goal.name]

    def delete_goal(self, name: str, *, etag: str = "", reason: str = "") -> None:
        """Take a goal out of force; what it was stays on record. Raises NotFoundError, ConflictError."""

        def decide(changes: list[Change]) -> Draft:
            state = self.fold(EMPTY, step).after(changes)
            if name == "goals/-":
                raise NotFoundError("a goal is deleted by its name", advice="name it: greencloud goal list")
            _check_etag(state.goal(name), etag)
            return Draft(GOAL_DELETED, {"name": name}, reason)

        self.transact(decide)

    def create_business_metric(self, metric: BusinessMetric, *, reason: str = "") -> BusinessMetric:
        """As ``create_goal``, of what an intensity goal divides by."""
        check_metric(metric)

        def decide(changes: list[Change]) -> Draft | None:
            if (known := self.fold(EMPTY, step).after(changes).metrics.get(metric.name)) is not None:
                _check_same(known, metric)
                return None
            return Draft(METRIC_PUT, self._body(metric, 1, self.actor), reason)

        return self._after(self.transact(decide)).metrics[metric.name]

    def get_business_metric(self, name: str) -> BusinessMetric:
        """Raises NotFoundError."""
        return self.goal_state().metric(name)

    def list_business_metrics(self) -> list[BusinessMetric]:
        """All business metrics, in order of their names."""
        return [metric for _, metric in sorted(self.goal_state().metrics.items())]

    def update_business_metric(self, metric: BusinessMetric, *, etag: str = "", reason: str = "") -> BusinessMetric:
        """As ``update_goal``; a base year's value that a goal divides by cannot be left out."""
        check_metric(metric)

        def decide(changes: list[Change]) -> Draft | None:
            state = self.fold(EMPTY, step).after(changes)
            known = state.metric(metric.name)
            _check_etag(known, etag)
            for goal in state.goals.values():
                if goal.metric == metric.name:
                    metric_of_base(goal, {metric.name: metric})
            if _content(known) == _content(metric):
                return None
            return Draft(METRIC_PUT, self._body(metric, known.revision + 1, known.created_by), reason)

        return self._after(self.transact(decide)).metrics[metric.name]

    def get_goal_progress(self, name: str = "goals/-", *, ledger_year: int | None = None) -> GoalProgress:
        """Where the provider stands. The ledger is compared for the year asked for, else for its latest, else for this one.

        Raises:
            NotFoundError: there is no such goal.
            GoalError: the inventory does not book the base year.
        """
        state = self.goal_state()
        goal, inventory, now = state.goal(name), self.inventory_state(), self.clock()
        snapshot = None if self.ledger is None else self.ledger(None)
        year = ledger_year
        if year is None and snapshot is not None:
            year = latest_year(snapshot)
        year = now.year if year is None else year
        compared = LedgerYear(year, 0) if snapshot is None else ledger_year_of(snapshot, year, goal)
        found = progress(goal, inventory, state.metrics, compared, now)
        return replace(found, alerts=tuple(alerts(found, assessment=self._assessment())))

    def _assessment(self) -> BaseYearAssessment | None:
        """Whether the base year must be recalculated; None where the policy names none, or nothing is booked for it."""
        try:
            return self.assess_base_year()
        except (GoalError, NotFoundError):
            return None

    def _check(self, goal: Goal, state: GoalState, changes: list[Change]) -> None:
        """Raises GoalError. What the base year must say is checked once it is booked."""
        inventory: InventoryState = self.fold(NO_INVENTORY, inventory_step).after(changes)
        month = inventory.policy.fiscal_year_start_month
        check_goal(goal, month)
        if goal.kind is GoalKind.INTENSITY:
            metric_of_base(goal, state.metrics)
        if actual_of(goal, inventory, goal.base_year) is not None:
            check_path(goal, base_of(goal, inventory, state.metrics), month)

    def _body(self, value: R, revision: int, created_by: str) -> Any:
        return to_document(replace(_content(value), revision=revision, created_by=created_by))

    def _after(self, change: Change | None) -> GoalState:
        """The state right after a change; as it stands where there was nothing to change."""
        if change is None:
            return self.goal_state()
        return self.fold(EMPTY, step).after(self.journal.changes()[: change.number])


def _content(value: R) -> R:
    """What was said, without who and when."""
    if isinstance(value, Goal):
        scopes = tuple(sorted(value.scopes, key=INVENTORY_SCOPES.index))
        return replace(value, scopes=scopes, categories=tuple(sorted(value.categories)), updated=None, **_BLANK)
    return replace(value, **_BLANK)


def _check_same(known: R, given: R) -> None:
    if _content(known) != _content(given):
        raise ConflictError(
            f"{known.name} is there already, with other content", in_force=known.etag, advice="update it, or take another id"
        )


def _check_etag(known: Goal | BusinessMetric, etag: str) -> None:
    if etag and etag != known.etag:
        raise ConflictError(
            f"{known.name} was changed: it is at revision {known.etag}, not {etag[:20]}",
            in_force=known.etag,
            advice="read it again, then say what is to be changed",
        )
