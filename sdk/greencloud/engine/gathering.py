"""Everything known of use and meters in a data directory: the write-ahead log, and the usage files that were ingested.

Where a tenant's telemetry tells of a row that a file holds, the file counts: else a tenant could contradict it, and stop the
allocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow.compute as pc

from greencloud.engine.data import DataDirectory
from greencloud.engine.fitting import SiteWindow, in_windows
from greencloud.errors import UsageDataError
from greencloud.facility import Facility
from greencloud.telemetry import Collected, DeadLetter
from greencloud.units import Window
from greencloud.usage import Usage, by_window, merge, without_keys_of

__all__ = ["Gathered", "due_windows", "gather", "gather_under"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All usage of a data directory in the facility's windows: of files, and of the log with what intake could not use.

    ``unfit``: windows of which files tell what does not go into them, each with the reason; nothing of it is in ``filed``.
    """

    facility: Facility
    filed: Usage
    collected: Collected
    unfit: Mapping[SiteWindow, UsageDataError] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        """Both together. Raises UsageDataError where what the provider's telemetry and files say of one row differs."""
        return merge([self.filed, self.collected.usage])

    def check(self, site: str, window: Window) -> None:
        """Raises UsageDataError where what files tell of the window does not go into it."""
        if (site, window) in self.unfit:
            raise self.unfit[site, window]


def gather(data: DataDirectory, *, keep: bool = False) -> Gathered:
    """Everything known of use and meters: the write-ahead log, and the usage files that were ingested.

    ``keep`` is for the holder of ``data.allocating()``: it keeps what was worked out of the log for the next run.
    """
    return gather_under(data, data.facility(), keep=keep)


def gather_under(data: DataDirectory, facility: Facility, *, keep: bool = False) -> Gathered:
    """As ``gather``, under another facility book than the one in force."""
    filed, unfit = in_windows(data.segments.read(), facility.window_seconds)
    settled, unsettled = in_windows(data.telemetry.settled_usage(), facility.window_seconds)
    collected = data.telemetry.collect(facility, keep=keep)
    collected = replace(collected, usage=merge([collected.usage, settled]))
    return Gathered(facility, filed, _beside(filed, collected), unsettled | unfit)


def _beside(filed: Usage, collected: Collected) -> Collected:
    """What was collected, without tenants' rows that a file holds."""
    rows = collected.usage.rows
    told = rows.filter(pc.equal(rows["source"], "tenant"))
    kept = without_keys_of(told, filed.rows)
    if kept.num_rows == told.num_rows:
        return collected
    left_out = without_keys_of(told, kept)
    rest = Usage(rows.filter(pc.not_equal(rows["source"], "tenant")), collected.usage.readings)
    first = left_out.slice(0, 1).to_pylist()[0]
    letter = DeadLetter(
        "a row that an ingested file holds", left_out.num_rows, f"account {first['account']}, service {first['service']}"
    )
    dead = tuple(sorted((*collected.dead_letters, letter)))
    return replace(collected, usage=merge([rest, Usage(kept, rest.readings.slice(0, 0))]), dead_letters=dead)


def due_windows(known: Gathered) -> Mapping[SiteWindow, list[Usage]]:
    """Every site and window of which something is known, in order, with what files and the log say of it."""
    found: dict[SiteWindow, list[Usage]] = {}
    for usage in (known.filed, known.collected.usage):
        for key, part in by_window(usage).items():
            found.setdefault(key, []).append(part)
    for key in (*((reading.site, reading.window) for reading in known.facility.readings), *known.unfit):
        found.setdefault(key, [])
    return dict(sorted(found.items(), key=lambda item: (item[0][1].start, item[0][0])))
