"""The facility books that a data directory keeps, compared with each other: what a new one changed for a site and window.

Two books are compared once a run, however many windows are restated. What lasts no longer than a day (readings, hourly
factors, certificates) is found by time, since a book may differ in every hour of years.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from greencloud.engine.data import DataDirectory
from greencloud.errors import FacilityError, StoreError
from greencloud.facility import Facility
from greencloud.facility.differences import Difference, differences
from greencloud.facility.timeline import Timeline, timelines
from greencloud.ledger.restatement import concerning
from greencloud.units import Window

__all__ = ["Books"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Compared:
    every: tuple[Difference, ...]
    lasting: tuple[Difference, ...]
    brief: Timeline[Difference]


@dataclass(frozen=True, slots=True)
class Books:
    """``current`` is the book in force, which need not be read again."""

    data: DataDirectory
    current: Facility
    _compared: dict[tuple[str, str], _Compared | None] = field(default_factory=dict)

    def changes(self, old: str, new: str, site: str, window: Window) -> list[Difference] | None:
        """What two revisions say differently of a site and window, or at all where that is nothing; None: one is not kept."""
        if (old, new) not in self._compared:
            self._compared[old, new] = self._compare(old, new)
        found = self._compared[old, new]
        if found is None:
            return None
        near = [*found.lasting, *found.brief.touching(window.start, window.end)]
        return concerning(near, site, window) or list(found.every)

    def _compare(self, old: str, new: str) -> _Compared | None:
        before, after = self._book(old), self._book(new)
        if before is None or after is None:
            return None
        every = differences(before, after)
        by_length = timelines(every, lambda each: each.end - each.start <= _DAY)
        return _Compared(every, by_length.get(False, Timeline()).things, by_length.get(True, Timeline()))

    def _book(self, revision: str) -> Facility | None:
        if revision == self.current.revision:
            return self.current
        try:
            return self.data.facility_of(revision)
        except (FacilityError, StoreError):
            return None  # kept, but of another release or damaged: what changed is not known
