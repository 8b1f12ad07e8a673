"""How the provider's use lay within the windows: for rules that share capacity by peaks (``greencloud.allocation.demand``).

Files keep the windows in which they came. Telemetry is read again in slices as short as windows may be, which add up to the same
windows: growth of a counter is cut at their bounds by the same even accrual. What both tell of is one use, and telemetry knows it
finer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.engine.data import DataDirectory
from greencloud.facility import Facility
from greencloud.units import WINDOW_SECONDS, Window
from greencloud.usage import KEY, Usage, digest, empty_usage, merge

__all__ = ["revision_with", "slices_of"]


def slices_of(data: DataDirectory, facility: Facility) -> dict[tuple[str, Window], pa.Table]:
    """The provider's rows by site and window of the facility, in windows as fine as they are known, in canonical order."""
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
    return {
        (site, Window(start.astimezone(UTC), facility.window_seconds)): rows.take(pa.array(indices, pa.int64()))
        for (site, start), indices in places.items()
    }


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


def revision_with(usage: Usage, slices: pa.Table | None) -> str:
    """The digest of usage; with slices, of both, because both decide what is charged."""
    if slices is None:
        return digest(usage)
    return digest(Usage(slices, usage.readings))
