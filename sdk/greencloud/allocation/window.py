"""Allocation of one site in one window.

    host energy -> claims by the provider's evidence -> leaves by each account's own rows -> what internal services pass on

Every step apportions an integer total; nothing multiplies shares. The totals are taken from the meters and the book, not from the
postings, so the check at the end compares two things.

The site's own pools (idle, overhead, Scope 1, embodied) are charged only in windows of which the provider has evidence, a reading or
a row of its own. Otherwise a tenant could open any window, by a span with a date of its choice, and have its neighbours charged
for the idle hosts in it. In a window without evidence there are only the annexes of those who reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import pyarrow as pa

from greencloud.allocation.annex import silent_claims, unlisted_claims
from greencloud.allocation.balance import check_balanced
from greencloud.allocation.capacity import embodied_claims, idle_claims
from greencloud.allocation.claims import Claim, host_claims
from greencloud.allocation.emissions import GridFactors, certified, emission_totals, grid_factors, scope1_total
from greencloud.allocation.entries import Entries
from greencloud.allocation.hosts import host_energy
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.readings import FACILITY, Reading, readings_of
from greencloud.allocation.setting import Setting
from greencloud.allocation.shared import reallocated
from greencloud.allocation.uses import UNLISTED, Use, by_account, uses_of
from greencloud.facility import Facility, HostReading
from greencloud.units import Window, format_energy, round_half_even

__all__ = ["WindowAllocation", "allocated"]

Annexes = dict[str, list[Claim]]
"""Claims of accounts on what only they themselves reported, by account (``annex``)."""


@dataclass(frozen=True, slots=True)
class WindowAllocation:
    """One balanced batch: postings, what they add up to, and what the provider should know about them."""

    site: str
    window: Window
    rule: str
    methodology_version: str
    facility_revision: str
    postings: pa.Table
    totals: dict[str, int]
    notes: tuple[str, ...]


def allocated(
    facility: Facility,
    site: str,
    window: Window,
    *,
    rows: pa.Table,
    readings: pa.Table,
    booked: list[HostReading],
    rule: str,
    version: str,
) -> WindowAllocation:
    """Allocate checked rows and readings of this site-window alone; ``booked`` are the book's own readings of it."""
    setting = Setting.of(facility, site, window)
    read = readings_of(setting, readings, booked)
    uses = uses_of(rows, setting, {host for host, reading in read.items() if reading.memory_byte_s is not None})
    on_host: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        on_host[use.host].append(use)
    factors = grid_factors(setting)
    entries = Entries()
    totals = dict.fromkeys(POSTING_MEASURES, 0)
    annexes: Annexes = defaultdict(list)
    if read or any(use.provider for use in uses):
        _settle_site(setting, entries, totals, read, uses, on_host, annexes, factors)
    else:
        setting.note("the provider sent nothing of this window: only what tenants reported of themselves is charged")
        _, found = unlisted_claims(setting, by_account(on_host[UNLISTED]))
        _extend(annexes, found)
        for host in setting.hosts:
            _extend(annexes, silent_claims(setting, host, by_account(on_host[host.id]), metered=False))
    for _, claims in sorted(annexes.items()):
        _settle_annex(setting, entries, totals, claims, factors)
    postings = reallocated(entries, setting, by_account(uses)).table(setting)
    check_balanced(postings, totals)
    return WindowAllocation(site, window, rule, version, facility.revision, postings, totals, tuple(sorted(setting.notes)))


def _settle_site(
    setting: Setting,
    entries: Entries,
    totals: dict[str, int],
    read: Mapping[str, Reading],
    uses: list[Use],
    on_host: Mapping[str, list[Use]],
    annexes: Annexes,
    factors: GridFactors,
) -> None:
    """Everything that the provider's evidence holds; what is found to be an account's own only is added to ``annexes``."""
    own = by_account(uses)
    energies = [
        host_energy(setting, host, read.get(host.id, Reading()), _provider_cpu(on_host.get(host.id, []))) for host in setting.hosts
    ]
    claims, found = unlisted_claims(setting, by_account(on_host.get(UNLISTED, [])))
    _extend(annexes, found)
    it_mj = sum(energy.energy_mj for energy in energies) + sum(claim.energy_mj for claim in claims)
    pooled = [energy for energy in energies if not energy.host.dedicated_to]
    flags = frozenset().union(*(energy.flags for energy in pooled if energy.idle_mj))
    claims += idle_claims(setting, sum(energy.idle_mj for energy in pooled), flags, own)
    metered = read.get(FACILITY, Reading()).energy_mj is not None
    for energy in energies:
        on_this = by_account(on_host.get(energy.host.id, []))
        claims += host_claims(setting, energy, on_this)
        if energy.silent:
            _extend(annexes, silent_claims(setting, energy.host, on_this, metered=metered))
    assert sum(claim.energy_mj for claim in claims) == it_mj, "every millijoule of the hosts is claimed once"

    load_mj, overhead_flags = _facility_energy(setting, it_mj, read.get(FACILITY, Reading()))
    lines = emission_totals(load_mj, factors, certified(setting, load_mj), scope1_total(setting))
    entries.settle(claims, load_mj, lines, overhead_flags)
    _add(totals, {"energy_mj": load_mj} | lines)
    if metered:
        for account in sorted(annexes):
            setting.note(f"account {account}: use that it reported on unlisted hosts is priced beside the facility's meter")
    for leaves, mass in embodied_claims(setting, own):
        entries.post("embodied", leaves, {"scope3_embodied_ug": mass})
    totals["scope3_embodied_ug"] += _embodied(setting)


def _provider_cpu(uses: list[Use]) -> int | None:
    measured = [use.cpu_ns for use in uses if use.provider]
    return sum(measured) if measured else None


def _settle_annex(setting: Setting, entries: Entries, totals: dict[str, int], claims: list[Claim], factors: GridFactors) -> None:
    """One account's annex: its own overhead and emissions, apart from the site's."""
    load_mj = round_half_even(sum(claim.energy_mj for claim in claims) * Fraction(setting.site.pue or 1))
    lines = emission_totals(load_mj, factors, (), 0)
    entries.settle(claims, load_mj, lines, frozenset())
    _add(totals, {"energy_mj": load_mj} | lines)


def _facility_energy(setting: Setting, it_mj: int, reading: Reading) -> tuple[int, frozenset[str]]:
    """Energy of the whole facility, with flags of the overhead that it leaves."""
    if reading.energy_mj is None:
        if setting.site.pue is None:
            raise setting.refused(
                "neither a facility meter nor a PUE gives the energy beyond the hosts'",
                advice=f"add facility readings for site {setting.site.id!r}, or a pue with its source",
            )
        return round_half_even(it_mj * setting.site.pue), frozenset()
    if reading.energy_mj < it_mj:
        raise setting.refused(
            f"the facility's energy of {format_energy(reading.energy_mj)} ({reading.energy_mj} mJ) is less than its hosts' "
            f"{format_energy(it_mj)} ({it_mj} mJ)",
            advice="one of the meters is wrong, or covers less of the window than the others",
        )
    flags = {"modelled"} if reading.modelled else set()
    if reading.energy_s < setting.window.seconds:
        flags.add("partial")
    return reading.energy_mj, frozenset(flags)


def _embodied(setting: Setting) -> int:
    assets = [asset for asset in setting.facility.hardware if asset.site == setting.site.id]
    return sum(setting.facility.embodied_micrograms(asset, setting.window) for asset in assets)


def _extend(annexes: Annexes, more: Mapping[str, list[Claim]]) -> None:
    for account, claims in more.items():
        annexes.setdefault(account, []).extend(claims)


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        totals[name] += amount
