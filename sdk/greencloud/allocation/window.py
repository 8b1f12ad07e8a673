"""Allocation of one site in one window.

    host energy -> claims by the provider's evidence -> leaves by each account's own rows -> what internal services pass on

Every step apportions an integer total; nothing multiplies shares. The totals are taken from the meters and the book, not from the
postings, so the check at the end compares two things.

The site's own pools (idle, overhead, Scope 1, embodied) are charged only in windows of which the provider has evidence, a reading
or a row of its own. Otherwise a tenant could open any window, by a span with a date of its choice, and have its neighbours charged
for the idle hosts in it. In a window without evidence there are only the annexes of those who reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import pyarrow as pa

from greencloud.allocation.annex import silent_claims, unlisted_claims
from greencloud.allocation.balance import check_balanced
from greencloud.allocation.capacity import embodied_claims, idle_claims
from greencloud.allocation.claims import Claim, host_claims
from greencloud.allocation.emissions import GridFactors, certified, emission_totals, grid_factors, scope1_total
from greencloud.allocation.entries import Entries
from greencloud.allocation.homes import at_home
from greencloud.allocation.hosts import host_energy
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.readings import FACILITY, Reading, readings_of
from greencloud.allocation.setting import Setting
from greencloud.allocation.shared import reallocated
from greencloud.allocation.uses import UNLISTED, Use, by_account, uses_of
from greencloud.facility import Facility, HostReading
from greencloud.units import Window, format_energy, round_half_even

__all__ = ["WindowAllocation", "allocated"]


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
    memory_known = {host for host, reading in read.items() if reading.memory_byte_s is not None}
    uses = at_home(uses_of(rows, setting, memory_known), setting, memory_known)
    work = _Work(setting, uses, grid_factors(setting))
    if read or any(use.provider for use in uses):
        work.charge_site(read)
    else:
        setting.note("the provider sent nothing of this window: only what tenants reported of themselves is charged")
        work.charge_nothing_but_reports()
    work.charge_annexes()
    postings = reallocated(work.entries, setting, by_account(uses)).table(setting)
    check_balanced(postings, work.totals)
    notes = tuple(sorted(setting.notes))
    return WindowAllocation(site, window, rule, version, facility.revision, postings, work.totals, notes)


class _Work:
    """A site-window in the making: what is charged so far, the totals that it must add up to, and annexes not yet settled."""

    def __init__(self, setting: Setting, uses: list[Use], factors: GridFactors) -> None:
        self.setting = setting
        self.factors = factors
        self.own = by_account(uses)
        self.on_host: dict[str, list[Use]] = defaultdict(list)
        for use in uses:
            self.on_host[use.host].append(use)
        self.entries = Entries()
        self.totals = dict.fromkeys(POSTING_MEASURES, 0)
        self._annexes: dict[str, list[Claim]] = {}

    def charge_site(self, read: Mapping[str, Reading]) -> None:
        """Everything that the provider's evidence holds."""
        setting = self.setting
        energies = [
            host_energy(setting, host, read.get(host.id, Reading()), _provider_cpu(self.on_host[host.id])) for host in setting.hosts
        ]
        claims, annexes = unlisted_claims(setting, by_account(self.on_host[UNLISTED]), evidence=True)
        self._set_aside(annexes)
        it_mj = sum(energy.energy_mj for energy in energies) + sum(claim.energy_mj for claim in claims)
        pooled = [energy for energy in energies if not energy.host.dedicated_to]
        flags = frozenset().union(*(energy.flags for energy in pooled if energy.idle_mj))
        claims += idle_claims(setting, sum(energy.idle_mj for energy in pooled), flags, self.own)
        metered = read.get(FACILITY, Reading()).energy_mj is not None
        for energy in energies:
            on_this = by_account(self.on_host[energy.host.id])
            claims += host_claims(setting, energy, on_this)
            if energy.silent:
                self._set_aside(silent_claims(setting, energy.host, on_this, metered=metered))
        assert sum(claim.energy_mj for claim in claims) == it_mj, "every millijoule of the hosts is claimed once"

        load_mj, overhead_flags = _facility_energy(setting, it_mj, read.get(FACILITY, Reading()))
        self._settle(claims, load_mj, certified(setting, load_mj), scope1_total(setting), overhead_flags)
        if metered:
            for account in sorted(self._annexes):
                setting.note(f"account {account}: use that it reported on unlisted hosts is priced beside the facility's meter")
        for leaves, mass in embodied_claims(setting, self.own):
            self.entries.post("embodied", leaves, {"scope3_embodied_ug": mass})
        self.totals["scope3_embodied_ug"] += _embodied(setting)

    def charge_nothing_but_reports(self) -> None:
        """Annexes alone; where the site has hosts of its own, what they drew is missing, and the figures say "partial"."""
        self._set_aside(unlisted_claims(self.setting, by_account(self.on_host[UNLISTED]), evidence=False)[1])
        for host in self.setting.hosts:
            self._set_aside(silent_claims(self.setting, host, by_account(self.on_host[host.id]), metered=False))
        if self.setting.hosts:
            for account, claims in self._annexes.items():
                self._annexes[account] = [replace(claim, flags=claim.flags | {"partial"}) for claim in claims]

    def charge_annexes(self) -> None:
        """Each account's annex: its own overhead and emissions, apart from the site's."""
        for _, claims in sorted(self._annexes.items()):
            load_mj = round_half_even(sum(claim.energy_mj for claim in claims) * Fraction(self.setting.site.pue or 1))
            self._settle(claims, load_mj, (), 0, frozenset())

    def _settle(
        self,
        claims: list[Claim],
        load_mj: int,
        matched: Sequence[tuple[int, Fraction]],
        scope1_ug: int,
        overhead_flags: frozenset[str],
    ) -> None:
        lines = emission_totals(load_mj, self.factors, matched, scope1_ug)
        self.entries.settle(claims, load_mj, lines, overhead_flags)
        for name, amount in ({"energy_mj": load_mj} | lines).items():
            self.totals[name] += amount

    def _set_aside(self, annexes: Mapping[str, list[Claim]]) -> None:
        for account, claims in annexes.items():
            self._annexes.setdefault(account, []).extend(claims)


def _provider_cpu(uses: list[Use]) -> int | None:
    measured = [use.cpu_ns for use in uses if use.provider]
    return sum(measured) if measured else None


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
