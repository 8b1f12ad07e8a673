"""The rules of allocation by name, and the two ways to apply one: to one site-window, or to all that usage knows of.

A rule changes who pays, never how much. ``reserved_and_used`` (after Schneider & Mattia 2024, arXiv:2406.09645): idle energy goes
by what is reserved, dynamic energy by what is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from greencloud.allocation.postings import POSTINGS
from greencloud.allocation.uses import checked_readings, checked_rows
from greencloud.allocation.window import WindowAllocation, allocated
from greencloud.errors import AllocationError
from greencloud.facility import Facility, HostReading
from greencloud.units import Window, format_instant
from greencloud.usage import READINGS, Usage, rebin, usage_from

__all__ = ["RULES", "Allocation", "allocate", "allocate_window", "methodology_version"]

_VERSIONS: Final = {"reserved_and_used": 1}

RULES: Final = tuple(sorted(_VERSIONS))

_Key = tuple[Window, str]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Postings of every site-window in canonical order, and the windows that they are made of."""

    postings: pa.Table
    windows: tuple[WindowAllocation, ...]


def methodology_version(rule: str) -> str:
    """The rule with the version of its method, as batches are stamped.

    Raises:
        AllocationError: no such rule.
    """
    if rule not in _VERSIONS:
        raise AllocationError(f"there is no rule {rule!r}", advice=f"choose one of: {', '.join(RULES)}")
    return f"{rule}/{_VERSIONS[rule]}"


def allocate(facility: Facility, usage: Usage | pa.Table, *, rule: str = "reserved_and_used") -> Allocation:
    """Allocate every site-window that rows or readings name, of usage and of the book.

    A table is taken as rows; columns that it lacks take the defaults of ``usage_from``. Usage in finer windows than the facility's
    is added up first.

    Raises:
        AllocationError: something that a window needs is not known.
        UsageDataError: a row or reading is wrong, or of a longer window than the facility's; it is named.
    """
    version = methodology_version(rule)
    given = rebin(Usage(*_checked(usage if isinstance(usage, Usage) else usage_from(usage))), facility.window_seconds)
    rows, readings = given.rows, given.readings
    rows_of = _split(facility, rows)
    readings_of = _split(facility, readings)
    booked_of = _booked(facility)
    windows = tuple(
        allocated(
            facility,
            site,
            window,
            rows=rows_of.get((window, site), rows.slice(0, 0)),
            readings=readings_of.get((window, site), readings.slice(0, 0)),
            booked=booked_of.get((window, site), []),
            rule=rule,
            version=version,
        )
        for window, site in sorted(rows_of.keys() | readings_of.keys() | booked_of.keys())
    )
    postings = pa.concat_tables([window.postings for window in windows]) if windows else POSTINGS.empty_table()
    return Allocation(postings.combine_chunks(), windows)


def allocate_window(
    facility: Facility, usage: Usage | pa.Table, site: str, window: Window, *, rule: str = "reserved_and_used"
) -> WindowAllocation:
    """Allocate one site-window; rows and readings of others may be there, and do not count.

    Raises:
        AllocationError, UsageDataError: as ``allocate``.
    """
    version = methodology_version(rule)
    if window.seconds != facility.window_seconds:
        raise _other_length(facility, site, window.seconds)
    rows, readings = _checked(usage)
    key = (window, site)
    return allocated(
        facility,
        site,
        window,
        rows=_split(facility, rows).get(key, rows.slice(0, 0)),
        readings=_split(facility, readings).get(key, readings.slice(0, 0)),
        booked=_booked(facility).get(key, []),
        rule=rule,
        version=version,
    )


def _checked(usage: Usage | pa.Table) -> tuple[pa.Table, pa.Table]:
    if isinstance(usage, Usage):
        return checked_rows(usage.rows), checked_readings(usage.readings)
    return checked_rows(usage), READINGS.empty_table()


def _split(facility: Facility, table: pa.Table) -> dict[_Key, pa.Table]:
    """A table by site-window."""
    keys = table.select(["window_start", "window_s", "site"])
    places: dict[tuple[datetime, int, str], list[int]] = defaultdict(list)
    for index, key in enumerate(zip(*(keys[name].to_pylist() for name in keys.column_names), strict=True)):
        places[key].append(index)
    found = {}
    for (start, seconds, site), indices in places.items():
        if seconds != facility.window_seconds:
            raise _other_length(facility, site, seconds)
        found[Window(start.astimezone(UTC), seconds), site] = table.take(pa.array(indices, pa.int64()))
    return found


_last_booked: tuple[tuple[HostReading, ...], Mapping[_Key, list[HostReading]]] = ((), {})
"""The book's readings that were last split, and how: a year of meter files is split once, not again for each window of a run."""


def _booked(facility: Facility) -> Mapping[_Key, list[HostReading]]:
    global _last_booked  # noqa: PLW0603
    last, found = _last_booked
    if last is not facility.readings or (last and last[0].window.seconds != facility.window_seconds):
        found = _split_booked(facility)
        _last_booked = (facility.readings, found)
    return found


def _split_booked(facility: Facility) -> Mapping[_Key, list[HostReading]]:
    found: dict[_Key, list[HostReading]] = defaultdict(list)
    for reading in facility.readings:
        if reading.window.seconds != facility.window_seconds:
            raise _other_length(facility, reading.site, reading.window.seconds, at=format_instant(reading.window.start))
        found[reading.window, reading.site].append(reading)
    return found


def _other_length(facility: Facility, site: str, seconds: int, at: str = "") -> AllocationError:
    where = f" at {at}" if at else ""
    return AllocationError(
        f"site {site!r} has a window of {seconds} s{where}, and the facility allocates windows of {facility.window_seconds} s",
        site=site,
        advice=f"rebin usage and readings to {facility.window_seconds} s first (greencloud.usage.rebin)",
    )
