"""What is known of each host in one window, from the provider's agents and from the book's meter files.

The two complete each other field by field: an agent may know how busy a host was while a meter file knows its energy. Where both
say something, the agent's word holds, as the nearer one; where their energies differ, a note says by what. Host "" is the whole
facility.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import pyarrow as pa

from greencloud.allocation.setting import Setting
from greencloud.errors import UsageDataError
from greencloud.facility import HostReading
from greencloud.units import format_energy

__all__ = ["FACILITY", "Reading", "readings_of"]

FACILITY = ""
"""The host of readings of the whole facility."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One host in one window; a None is not known. The seconds are those that the energy, and the busy CPU, cover."""

    energy_mj: int | None = None
    energy_s: Fraction = Fraction(0)
    modelled: bool = False
    busy_cpu_ns: int | None = None
    busy_s: Fraction = Fraction(0)
    memory_byte_s: int | None = None
    energy_from: str = ""  # who told the energy: the telemetry (or a usage file), or the book
    busy_from: str = ""


def readings_of(setting: Setting, table: pa.Table, booked: list[HostReading]) -> dict[str, Reading]:
    """By host id. ``table`` holds the agents' readings of this site-window, ``booked`` the book's.

    Raises:
        UsageDataError: two readings of one host, or one in the book that cannot be true; the reader of books makes none.
        AllocationError: a meter reading of a host that the book does not list, where nothing prices such hosts.
    """
    ids = setting.host_ids() | {FACILITY: FACILITY}
    told = {name: _known(setting, ids, found) for name, found in (("usage", _told(table)), ("book", _booked(booked)))}
    return {
        host: _completed(setting, host, told["usage"].get(host, Reading()), told["book"].get(host, Reading()))
        for host in sorted(told["usage"].keys() | told["book"].keys())
    }


def _told(table: pa.Table) -> list[tuple[str, Reading]]:
    found = []
    for row in table.to_pylist():
        seconds = Fraction(row["covered_us"], 1_000_000)
        told = _reading(row["energy_mj"], seconds, row["busy_cpu_ns"], row["memory_byte_s"], row["quality"])
        found.append((row["host"], replace(told, energy_from="telemetry", busy_from="telemetry")))
    return found


def _booked(booked: list[HostReading]) -> list[tuple[str, Reading]]:
    for r in booked:
        if min(r.energy_mj or 0, r.busy_cpu_ns or 0, r.memory_byte_s or 0) < 0 or not 0 < r.covered_s <= r.window.seconds:
            raise UsageDataError(
                f"the book's reading of {f'host {r.host!r}' if r.host else 'the facility'} at site {r.site!r} in {r.window} "
                "is negative, or not of its window",
                advice="amounts are zero or more, and covered_s is above 0 and within the window",
            )
    told = [(r.host, _reading(r.energy_mj, r.covered_s, r.busy_cpu_ns, r.memory_byte_s, r.quality)) for r in booked]
    return [(host, replace(reading, energy_from="book", busy_from="book")) for host, reading in told]


def _reading(energy: int | None, seconds: Fraction, busy: int | None, memory: int | None, quality: str) -> Reading:
    return Reading(energy, seconds, quality == "modelled", busy, seconds, memory)


def _known(setting: Setting, ids: dict[str, str], found: list[tuple[str, Reading]]) -> dict[str, Reading]:
    known: dict[str, Reading] = {}
    for name, reading in found:
        if name not in ids:
            _unlisted(setting, name, reading)
        elif ids[name] in known:
            what = f"host {ids[name]!r}" if ids[name] else "the facility"
            raise UsageDataError(
                f"two readings of {what} at site {setting.site.id!r} in {setting.window}",
                advice="merge them, or drop the one that is wrong; both cannot hold",
            )
        else:
            known[ids[name]] = reading
    return known


def _unlisted(setting: Setting, name: str, reading: Reading) -> None:
    if reading.energy_mj is None:
        return
    if not setting.site.unlisted_hosts:
        raise setting.refused(
            "a meter reading, but the book does not list this host",
            host=name,
            advice=f"add the host to site {setting.site.id!r}, as it is or as an alias",
        )
    setting.note(f"host {name}: its meter reading is not used, because the book does not list it; its use is priced by a curve")


def _completed(setting: Setting, host: str, first: Reading, second: Reading) -> Reading:
    if first.energy_mj is not None and second.energy_mj is not None and first.energy_mj != second.energy_mj:
        whose = f"host {host}" if host else f"the facility of site {setting.site.id}"
        told, booked = format_energy(first.energy_mj), format_energy(second.energy_mj)
        setting.note(f"{whose}: the agent read {told}, the book's meter {booked}; the agent's reading counts")
    energy = first if first.energy_mj is not None else second
    busy = first if first.busy_cpu_ns is not None else second
    memory = first.memory_byte_s if first.memory_byte_s is not None else second.memory_byte_s
    seconds = (energy.energy_s, busy.busy_s)
    return Reading(
        energy.energy_mj, seconds[0], energy.modelled, busy.busy_cpu_ns, seconds[1], memory, energy.energy_from, busy.busy_from
    )
