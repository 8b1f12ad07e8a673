"""Goals and business metrics as they stand: what follows from the journal's changes of the kinds ``goal.*``.

Goals and metrics are put whole; a goal is deleted by its id. Revisions go on counting when an id comes back, so that an etag never
means two things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from greencloud.errors import GoalError, NotFoundError
from greencloud.inventory.document import from_document
from greencloud.inventory.journal import Change
from greencloud.results.goals import BusinessMetric, Goal

__all__ = ["EMPTY", "GOAL_DELETED", "GOAL_PUT", "METRIC_PUT", "GoalState", "step"]

GOAL_PUT: Final = "goal.goal"
GOAL_DELETED: Final = "goal.goal_deleted"
METRIC_PUT: Final = "goal.metric"


@dataclass(frozen=True, slots=True)
class GoalState:
    """By resource name. ``revisions`` are the last of every goal that there ever was."""

    goals: Mapping[str, Goal] = field(default_factory=dict)
    metrics: Mapping[str, BusinessMetric] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)

    def goal(self, name: str) -> Goal:
        """A goal; ``goals/-`` is the only one.

        Raises:
            NotFoundError: there is none of that name, or none at all.
            GoalError: ``goals/-``, and there are several.
        """
        if name != "goals/-":
            if name not in self.goals:
                raise NotFoundError(f"there is no goal {name[:80]!r}", advice="list what there is: greencloud goal list")
            return self.goals[name]
        if not self.goals:
            raise NotFoundError("no goal is in force", advice="apply one: greencloud goal apply goal.toml")
        if len(self.goals) > 1:
            names = ", ".join(list(self.goals)[:8])
            raise GoalError(f"there are {len(self.goals)} goals: {names}", key="name", advice="name the one that you mean")
        return next(iter(self.goals.values()))

    def metric(self, name: str) -> BusinessMetric:
        """Raises NotFoundError."""
        if name not in self.metrics:
            advice = "list what there is: greencloud goal metric list"
            raise NotFoundError(f"there is no business metric {name[:80]!r}", advice=advice)
        return self.metrics[name]


EMPTY: Final = GoalState()


def step(state: GoalState, change: Change) -> GoalState:
    where = f"record {change.number}"
    if change.kind == GOAL_PUT:
        goal = replace(from_document(change.body, Goal, path=where), updated=change.time)
        return replace(state, goals={**state.goals, goal.name: goal}, revisions={**state.revisions, goal.name: goal.revision})
    if change.kind == GOAL_DELETED:
        return replace(state, goals={name: goal for name, goal in state.goals.items() if name != change.body["name"]})
    if change.kind == METRIC_PUT:
        metric = from_document(change.body, BusinessMetric, path=where)
        return replace(state, metrics={**state.metrics, metric.name: metric})
    return state
