"""What the API stands on, as functions that are passed in: the services know no store and no engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, GoalProgress, Restatement, RunSummary

__all__ = ["RestateOrder", "Services", "Snapshot"]


class Snapshot(Protocol):
    """The ledger at one version; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]: ...

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]: ...

    def restatements(
        self, start: datetime | None = None, end: datetime | None = None, accounts: Collection[str] | None = None
    ) -> list[Restatement]: ...


@dataclass(frozen=True, slots=True)
class RestateOrder:
    """What to allocate anew, for whom and why; ``unbounded`` takes large changes as well."""

    rule: str
    start: datetime
    end: datetime
    requested_by: str
    reason: str
    dry_run: bool = False
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """``snapshot(None)`` is the latest version. ``run_allocation(rule, start, end, requested_by)`` posts what is due.
    ``restate(order)`` does so too, or says what would come; both ways with the restatements.

    ``goal_progress(name)`` takes ``goals/GOAL`` or ``goals/-`` and raises NotFoundError where there is no such goal.
    """

    snapshot: Callable[[int | None], Snapshot]
    run_allocation: Callable[[str, datetime | None, datetime | None, str], RunSummary]
    restate: Callable[[RestateOrder], RunSummary]
    goal_progress: Callable[[str], GoalProgress]
    rules: Sequence[str] = ("reserved_and_used",)
