"""Meter files: readings of hosts and of whole facilities, summed into the windows of the book.

A row says what one meter counted in ``[window_start, window_start + window_s)``; its length may be any divisor of the hour that the
book's window is a multiple of. Energy is exact to the millijoule. A cell that is empty is not known, and a window of which one
part is not known is not known either: the sum of the rest would pass for the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final

from greencloud.facility.declared import Declared
from greencloud.facility.entry import Entry
from greencloud.facility.problems import Problems
from greencloud.facility.quantities import METER_UNITS
from greencloud.facility.values import HostReading
from greencloud.units import Window, format_instant

__all__ = ["METER_KEYS", "METER_UNITS", "read_meters"]

METER_KEYS: Final = ("window_start", "window_s", "site", "host", *METER_UNITS, "covered_s", "busy_cpu_ns", "memory_byte_s")
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class _Row:
    entry: Entry
    start: datetime
    seconds: int
    site: str
    host: str
    energy_mj: int | None
    covered_s: Fraction
    busy_cpu_ns: int | None
    memory_byte_s: int | None


def read_meters(entries: Iterable[Entry], declared: Declared, window_seconds: int, problems: Problems) -> tuple[HostReading, ...]:
    """Readings in the book's windows, by window, site and host."""
    groups: dict[tuple[Window, str, str], list[_Row]] = {}
    for entry in entries:
        with problems.caught():
            row = _read(entry, declared, window_seconds)
            groups.setdefault((Window.at(row.start, window_seconds), row.site, row.host), []).append(row)
    readings = []
    for (window, site, host), rows in sorted(groups.items(), key=lambda group: group[0]):
        with problems.caught():
            _refuse_overlap(rows)
            readings.append(
                HostReading(
                    window=window,
                    site=site,
                    host=host,
                    energy_mj=_total([row.energy_mj for row in rows]),
                    covered_s=sum((row.covered_s for row in rows), Fraction(0)),
                    busy_cpu_ns=_total([row.busy_cpu_ns for row in rows]),
                    memory_byte_s=_total([row.memory_byte_s for row in rows]),
                )
            )
    return tuple(readings)


def _read(entry: Entry, declared: Declared, window_seconds: int) -> _Row:
    start, seconds = entry.instant("window_start"), entry.whole("window_s", above=0)
    if _HOUR % seconds or window_seconds % seconds:
        raise entry.error(
            "window_s", f"{seconds} s do not divide the book's window of {window_seconds} s", "meter at the book's window, or finer"
        )
    if int(start.timestamp()) % seconds or start.microsecond:
        raise entry.error(
            "window_start", f"{format_instant(start)} is not a multiple of {seconds} s", "align readings to their length"
        )
    site = entry.reference("site", declared.sites, "sites")
    host = declared.hosts.get(entry.reference("host", declared.hosts, "hosts", ""), "")
    if host and declared.host_sites[host] != site:
        raise entry.error("host", f"host {host!r} is at site {declared.host_sites[host]!r}, not {site!r}", "correct the site")
    energy = None
    if any(entry.has(key) for key in METER_UNITS):
        key, amount = entry.in_unit(METER_UNITS, "energy")
        energy = entry.integer(key, amount, "millijoules")
    covered = entry.number("covered_s", Fraction(seconds), above=0)
    if covered > seconds or (covered * 1_000_000).denominator != 1:
        raise entry.error("covered_s", f"covered_s is not within the {seconds} s of the row", "write seconds, to the microsecond")
    busy = entry.whole("busy_cpu_ns") if entry.has("busy_cpu_ns") else None
    memory = entry.whole("memory_byte_s") if entry.has("memory_byte_s") else None
    return _Row(entry, start, seconds, site, host, energy, covered, busy, memory)


def _refuse_overlap(rows: list[_Row]) -> None:
    rows.sort(key=lambda row: row.start)
    for before, row in pairwise(rows):
        if row.start < before.start + timedelta(seconds=before.seconds):
            raise row.entry.error(
                "window_start",
                f"the reading overlaps the one at {before.entry.path}:{before.entry.line} of the same host",
                "keep one of them, or the same energy counts twice",
            )


def _total(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
