"""How the provider's use lay within the windows: for rules that share capacity by peaks (``greencloud.allocation.demand``).

Files keep the windows in which they came. Telemetry is read again in slices as short as windows may be, which add up to the same
windows: growth of a counter is cut at their bounds by the same even accrual.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.engine.data import DataDirectory
from greencloud.facility import Facility
from greencloud.telemetry import collect, read_log
from greencloud.units import WINDOW_SECONDS, Window
from greencloud.usage import Usage, digest, empty_usage, merge

__all__ = ["revision_with", "slices_of"]


def slices_of(data: DataDirectory, facility: Facility) -> dict[tuple[str, Window], pa.Table]:
    """The provider's rows by site and window of the facility, in windows as fine as they are known, in canonical order."""
    shortest = min(seconds for seconds in WINDOW_SECONDS if not facility.window_seconds % seconds)
    finer = replace(facility, window_seconds=shortest, readings=())
    told = [data.segments.read(), collect(read_log(data.wal_directory), finer).usage]
    nothing = empty_usage().readings
    rows = merge([Usage(usage.rows.filter(pc.equal(usage.rows["source"], "provider")), nothing) for usage in told]).rows
    coarse = pc.floor_temporal(rows["window_start"], facility.window_seconds, "second").to_pylist()
    places: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for index, place in enumerate(zip(rows["site"].to_pylist(), coarse, strict=True)):
        places[place].append(index)
    return {
        (site, Window(start.astimezone(UTC), facility.window_seconds)): rows.take(pa.array(indices, pa.int64()))
        for (site, start), indices in places.items()
    }


def revision_with(usage: Usage, slices: pa.Table | None) -> str:
    """The digest of usage; with slices, of both, because both decide what is charged."""
    if slices is None:
        return digest(usage)
    return digest(Usage(slices, usage.readings))
