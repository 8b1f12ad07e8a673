"""How the provider's use lay within the windows: for rules that share capacity by peaks (``greencloud.allocation.demand``).

Files keep the windows in which they came. Telemetry is read again in slices as short as windows may be, which add up to the same
windows: growth of a counter is cut at their bounds by the same even accrual. What both tell of is one use, and telemetry knows it
finer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.engine.data import DataDirectory
from greencloud.errors import AllocationError
from greencloud.facility import Facility
from greencloud.units import WINDOW_SECONDS, Window
from greencloud.usage import KEY, Usage, empty_usage, merge

__all__ = ["Slices", "slices_of"]


@dataclass(frozen=True, slots=True)
class Slices:
    """The provider's rows by site and window of the facility, in windows as fine as they are known, in canonical order."""

    found: Mapping[tuple[str, Window], pa.Table]
    settled_ns: int

    def within(self, site: str, window: Window) -> pa.Table | None:
        """What is known of a window; None for nothing.

        Raises:
            AllocationError: its hour is settled. What is kept of it says how much was used, not when within the window, and a
                batch made of that would take the place of one that knew better.
        """
        if window.start_us * 1000 < self.settled_ns:
            raise AllocationError(
                "how use lay within the window is not known any more: its hour is settled",
                advice="the batch that stands stays; choose a rule that does not look into the window, as reserved_and_used",
            )
        return self.found.get((site, window))


def slices_of(data: DataDirectory, facility: Facility) -> Slices:
    """What the telemetry and the files of a data directory tell within windows."""
    shortest = min(seconds for seconds in WINDOW_SECONDS if not facility.window_seconds % seconds)
    finer = replace(facility, window_seconds=shortest, readings=())
    told = _by_provider(data.telemetry.metrics_only(finer))
    filed = _not_told(_by_provider(data.segments.read()), told, facility.window_seconds)
    nothing = empty_usage().readings
    rows = merge([Usage(filed, nothing), Usage(told, nothing)]).rows
    coarse = pc.floor_temporal(rows["window_start"], facility.window_seconds, "second").to_pylist()
    places: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for index, place in enumerate(zip(rows["site"].to_pylist(), coarse, strict=True)):
        places[place].append(index)
    found = {
        (site, Window(start.astimezone(UTC), facility.window_seconds)): rows.take(pa.array(indices, pa.int64()))
        for (site, start), indices in places.items()
    }
    return Slices(found, data.telemetry.settled_ns)


def _by_provider(usage: Usage) -> pa.Table:
    return usage.rows.filter(pc.equal(usage.rows["source"], "provider"))


def _not_told(filed: pa.Table, told: pa.Table, seconds: int) -> pa.Table:
    """Rows of files of whose key, in windows of that length, telemetry says nothing."""
    if not filed.num_rows or not told.num_rows:
        return filed

    def keys(rows: pa.Table) -> pa.Table:
        return rows.select(KEY[2:]).append_column("within", pc.floor_temporal(rows["window_start"], seconds, "second"))

    numbered = keys(filed).append_column("row", pa.array(range(filed.num_rows), pa.int64()))
    return filed.take(numbered.join(keys(told), keys=[*KEY[2:], "within"], join_type="left anti")["row"])
