"""Batches as they were posted, and runs of the allocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greencloud.results.restatements import Restatement
from greencloud.units import Energy

__all__ = ["BatchSummary", "RefusedWindow", "RunSummary"]


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """One (site, window) as posted. ``metered_energy`` = ``account_energy`` + the pools, always."""

    id: str
    site: str
    start: datetime
    end: datetime
    rule: str
    methodology_version: str
    facility_revision: str
    usage_revision: str
    supersedes: str
    provisional: bool
    metered_energy: Energy
    account_energy: Energy
    pool_energy: dict[str, Energy]
    created: datetime
    notes: tuple[str, ...] = ()
    # Of a batch that takes the place of a final one: why, by whom, and in whose words.
    causes: tuple[str, ...] = ()
    requested_by: str = ""
    reason: str = ""

    @property
    def difference(self) -> Energy:
        """Metered less posted; zero in every batch that was ever visible."""
        return self.metered_energy - sum(self.pool_energy.values(), self.account_energy)

    @property
    def withdrawn(self) -> bool:
        """Whether it stands for nothing: a new facility book puts its usage at another site, where it is charged."""
        return any(note.startswith("withdrawn:") for note in self.notes)


@dataclass(frozen=True, slots=True)
class RefusedWindow:
    site: str
    start: datetime
    end: datetime
    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one run of the allocation did; of a dry run, what it would have done, with the restatements that would come."""

    posted: tuple[BatchSummary, ...] = ()
    unchanged_count: int = 0
    refused: tuple[RefusedWindow, ...] = ()
    restatements: tuple[Restatement, ...] = ()
