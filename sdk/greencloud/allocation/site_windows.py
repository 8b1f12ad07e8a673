"""The two ways to apply a rule: to one site-window, or to all that usage knows of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation.intervals import intervals
from greencloud.allocation.postings import DIMENSIONS, POSTINGS
from greencloud.allocation.rule import DEFAULT_RULE, rule_named
from greencloud.allocation.uses import checked_readings, checked_rows
from greencloud.allocation.window import WindowAllocation, allocated, finished
from greencloud.allocation.work import Work
from greencloud.errors import AllocationError
from greencloud.facility import Facility
from greencloud.units import Window, format_instant
from greencloud.usage import READINGS, Usage, merge, rebin, usage_from

__all__ = ["Allocation", "WindowInputs", "allocate", "allocate_window", "inputs_of", "window_work"]

_Key = tuple[Window, str]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Postings of every site-window in canonical order, and the windows that they are made of."""

    postings: pa.Table
    windows: tuple[WindowAllocation, ...]

    def intervals(self, by: Sequence[str] = DIMENSIONS) -> pa.Table:
        """Amounts with their 95 % intervals: see ``greencloud.allocation.intervals``."""
        return intervals(self.windows, by)


@dataclass(frozen=True, slots=True)
class WindowInputs:
    """Rows and readings of one site and window, and the rows as finely as they came."""

    rows: pa.Table
    readings: pa.Table
    slices: pa.Table


def allocate(facility: Facility, usage: Usage | pa.Table, *, rule: str = DEFAULT_RULE) -> Allocation:
    """Allocate every site-window that rows or readings name, of usage and of the book.

    A table is taken as rows; columns that it lacks take the defaults of ``usage_from``. Usage in finer windows than the facility's
    is added up; the Shapley rules also look at how it lay within the window.

    Raises:
        AllocationError: something that a window needs is not known; or no such rule.
        UsageDataError: a row or reading is wrong, or of a longer window than the facility's; it is named.
    """
    named = rule_named(rule)
    # Merged before anything is added up: a row that is told twice counts once, in windows of any length and under every rule.
    fine = merge([Usage(*_checked(usage if isinstance(usage, Usage) else usage_from(usage)))])
    given = rebin(fine, facility.window_seconds)
    rows_of, readings_of = _split(facility, given.rows), _split(facility, given.readings)
    slices_of = _split(facility, fine.rows) if named.needs_slices else rows_of
    nothing = given.rows.slice(0, 0)
    windows = tuple(
        allocated(
            facility,
            site,
            window,
            rows=rows_of.get((window, site), nothing),
            readings=readings_of.get((window, site), given.readings.slice(0, 0)),
            booked=facility.readings_at(site, window),
            rule=named,
            slices=slices_of.get((window, site), nothing),
        )
        for window, site in sorted(rows_of.keys() | readings_of.keys() | facility.read_windows())
    )
    postings = pa.concat_tables([window.postings for window in windows]) if windows else POSTINGS.empty_table()
    return Allocation(postings.combine_chunks(), windows)


def allocate_window(
    facility: Facility,
    usage: Usage | pa.Table,
    site: str,
    window: Window,
    *,
    rule: str = DEFAULT_RULE,
    slices: pa.Table | None = None,
) -> WindowAllocation:
    """Allocate one site-window; rows and readings of others may be there, and do not count.

    Rows may be in finer windows; readings are in the facility's. ``slices`` are the provider's rows in finer windows, for the
    rules that look at how use lay within the window, where ``usage`` has them added up.

    Raises:
        AllocationError, UsageDataError: as ``allocate``.
    """
    work = window_work(facility, usage, site, window, rule=rule, slices=slices)
    return finished(work)


def window_work(
    facility: Facility,
    usage: Usage | pa.Table,
    site: str,
    window: Window,
    *,
    rule: str = DEFAULT_RULE,
    slices: pa.Table | None = None,
) -> Work:
    """The work behind ``allocate_window``, with all that the figures rest on. Raises as that does, save UnbalancedError."""
    named = rule_named(rule)
    found = inputs_of(facility, usage, site, window, slices=slices)
    return Work.of(
        facility,
        site,
        window,
        rows=found.rows,
        readings=found.readings,
        booked=facility.readings_at(site, window),
        rule=named,
        slices=found.slices,
    )


def inputs_of(
    facility: Facility, usage: Usage | pa.Table, site: str, window: Window, *, slices: pa.Table | None = None
) -> WindowInputs:
    """What of usage is in a site and window, checked. Raises AllocationError, UsageDataError as ``allocate``."""
    if window.seconds != facility.window_seconds:
        raise _other_length(facility, site, window.seconds)
    facility.check_reading_lengths()
    rows, readings = _checked(usage)
    found = _split(facility, rows).get((window, site), rows.slice(0, 0))
    fine = found if slices is None else _split(facility, checked_rows(slices)).get((window, site), rows.slice(0, 0))
    return WindowInputs(found, _split(facility, readings, nested=False).get((window, site), readings.slice(0, 0)), fine)


def _checked(usage: Usage | pa.Table) -> tuple[pa.Table, pa.Table]:
    if isinstance(usage, Usage):
        return checked_rows(usage.rows), checked_readings(usage.readings)
    return checked_rows(usage), READINGS.empty_table()


def _split(facility: Facility, table: pa.Table, *, nested: bool = True) -> dict[_Key, pa.Table]:
    """A table by site-window; ``nested``: its rows may be of finer windows."""
    for start, seconds, site in _distinct(table, ("window_start", "window_s", "site")):
        if seconds != facility.window_seconds and (not nested or facility.window_seconds % seconds):
            raise _other_length(facility, site, seconds, at=format_instant(start))
    starts = pc.floor_temporal(table["window_start"], facility.window_seconds, "second").cast(pa.int64())
    places: dict[tuple[int, str], list[int]] = defaultdict(list)
    if len(pc.unique(starts)) == 1 and len(pc.unique(table["site"])) == 1:
        return {_place(facility, starts[0].as_py(), table["site"][0].as_py()): table}
    for index, place in enumerate(zip(starts.to_pylist(), table["site"].to_pylist(), strict=True)):
        places[place].append(index)
    return {_place(facility, start, site): table.take(pa.array(indices, pa.int64())) for (start, site), indices in places.items()}


def _place(facility: Facility, start_us: int, site: str) -> _Key:
    return Window.of_us(start_us, facility.window_seconds), site


def _distinct(table: pa.Table, names: Sequence[str]) -> list[tuple[datetime, int, str]]:
    found = table.select(list(names)).group_by(list(names)).aggregate([])
    return sorted(zip(*(found[name].to_pylist() for name in names), strict=True))


def _other_length(facility: Facility, site: str, seconds: int, at: str = "") -> AllocationError:
    where = f" at {at}" if at else ""
    return AllocationError(
        f"site {site!r} has a window of {seconds} s{where}, and the facility allocates windows of {facility.window_seconds} s",
        site=site,
        advice=f"rebin usage and readings to {facility.window_seconds} s first (greencloud.usage.rebin)",
    )
