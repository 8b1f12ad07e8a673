"""What the API stands on, as functions that are passed in: the services know no store and no engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, GoalProgress, RunSummary

__all__ = ["Services", "Snapshot"]


class Snapshot(Protocol):
    """The ledger at one version; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]: ...

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]: ...


@dataclass(frozen=True, slots=True)
class Services:
    """``snapshot(None)`` is the latest version. ``run_allocation(rule, start, end)`` posts what is due.

    ``goal_progress(name)`` takes ``goals/GOAL`` or ``goals/-`` and raises NotFoundError where there is no such goal.
    """

    snapshot: Callable[[int | None], Snapshot]
    run_allocation: Callable[[str, datetime | None, datetime | None], RunSummary]
    goal_progress: Callable[[str], GoalProgress]
    rules: Sequence[str] = ("reserved_and_used",)
