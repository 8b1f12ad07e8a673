"""The work on one site-window: what is charged step by step, with the grounds of it, until entries and totals stand.

The site's own pools (idle, overhead, Scope 1, embodied) are charged only in windows of which the provider has evidence, a reading
or a row of its own. Otherwise a tenant could open any window, by a span with a date of its choice, and have its neighbours charged
for the idle hosts in it. In a window without evidence there are only the annexes of those who reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from greencloud.allocation.annex import silent_claims, unlisted_claims
from greencloud.allocation.basis import Basis, capacity_basis
from greencloud.allocation.capacity import SiteLeaves, embodied_claims, idle_claims, reserved_dynamic_claims
from greencloud.allocation.claims import Claim, owner_claims, unmeasured, use_claims
from greencloud.allocation.demand import Demand, demand_of
from greencloud.allocation.emissions import GridFactors, Matched, certified, grid_factors, load_of, scope1_amounts
from greencloud.allocation.entries import Entries
from greencloud.allocation.homes import at_home
from greencloud.allocation.hosts import HostEnergy, host_energy
from greencloud.allocation.overhead import Overhead, overhead_of
from greencloud.allocation.packed import PackedTree
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.readings import FACILITY, Reading, readings_of
from greencloud.allocation.rule import Rule
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.shared import reallocated
from greencloud.allocation.uncertainty import Load
from greencloud.allocation.uses import UNLISTED, Use, by_account, uses_of
from greencloud.facility import HARDWARE_RECORD_DAYS, DirectEmission, Facility, HostReading
from greencloud.units import INT64_MAX, Window, format_energy

__all__ = ["Source", "Work", "by_provider", "claims_on", "memory_known"]


@dataclass(frozen=True, slots=True)
class Source:
    """What a settled load has beside energy: ``annex`` is its account, or "" for the site."""

    annex: str = ""
    scope1: Sequence[tuple[DirectEmission, int]] = ()
    load: Matched = ()
    losses: Matched = ()


class Work:
    """A site-window in the making: what is charged so far, the totals that it must add up to, and annexes not yet settled.

    When it is done it knows on the way to what each figure came: ``entries`` are what is posted, ``sources`` goes with the loads of
    ``entries.spread.energy``.
    """

    def __init__(self, setting: Setting, rule: Rule, uses: list[Use], factors: GridFactors, memory_known: set[str]) -> None:
        self.setting = setting
        self.rule = rule
        self.factors = factors
        self.memory_known = memory_known
        self.sources: list[Source] = []
        self.basis = Basis({})
        self.demand: Demand | None = None
        self.energies: list[HostEnergy] = []
        self.own = by_account(uses)
        self.on_host: dict[str, list[Use]] = defaultdict(list)
        for use in uses:
            self.on_host[use.host].append(use)
        self.entries = Entries()
        self.totals = dict.fromkeys(POSTING_MEASURES, 0)
        self._annexes: dict[str, list[Claim]] = {}

    @classmethod
    def of(
        cls,
        facility: Facility,
        site: str,
        window: Window,
        *,
        rows: pa.Table,
        readings: pa.Table,
        booked: list[HostReading],
        rule: Rule,
        slices: pa.Table,
    ) -> Work:
        """The whole work, done; parameters as ``allocated``."""
        setting = Setting.of(facility, site, window)
        read = readings_of(setting, readings, booked)
        known = memory_known(read)
        uses = at_home(uses_of(rows, setting, known), setting, known)
        work = cls(setting, rule, uses, grid_factors(setting), known)
        work.charge(read, slices, evidence=bool(read) or any(use.provider for use in uses))
        return work

    def charge(self, read: Mapping[str, Reading], slices: pa.Table, *, evidence: bool) -> None:
        """Everything; ``evidence``: the provider told something of the window."""
        _note_old_records(self.setting)
        if evidence:
            self.charge_site(read, slices)
        else:
            self.setting.note("the provider sent nothing of this window: only what tenants reported of themselves is charged")
            self.charge_nothing_but_reports()
        self.charge_annexes()
        self.entries = reallocated(self.entries, self.setting, self.own)

    def charge_site(self, read: Mapping[str, Reading], slices: pa.Table) -> None:
        """Everything that the provider's evidence holds."""
        setting = self.setting
        self.energies = energies = self._host_energies(read)
        _note_silent(setting, [energy.host.id for energy in energies if energy.silent])
        shared = [energy for energy in energies if not energy.host.dedicated_to]
        self.basis = basis = self._capacity_basis(shared, slices)
        claims, annexes = unlisted_claims(setting, by_account(self.on_host[UNLISTED]), evidence=True)
        self._set_aside(annexes)
        leaves = SiteLeaves(setting, self.own)
        claims += idle_claims(basis, shared, leaves)
        if self.rule.dynamic == "reserved":
            claims += reserved_dynamic_claims(setting, shared, self.own)
        metered = read.get(FACILITY, Reading()).energy_mj is not None
        trees = self._claim_hosts(claims, metered=metered)
        listed = sum(claim.energy_mj for claim in claims if "unlisted_host" not in claim.flags)
        assert listed == sum(energy.energy_mj for energy in energies), "every millijoule of the hosts is claimed once"

        overhead = overhead_of(setting, claims, read.get(FACILITY, Reading()))
        load_mj = overhead.load_mj
        certificates = {
            "load": certified(setting, "load", load_mj),
            "losses": certified(setting, "losses", self.factors.lost_mj(load_mj)),
        }
        source = Source("", scope1_amounts(setting), **certificates)
        load = load_of(setting, load_mj, overhead.load_vector, self.factors, source.scope1, **certificates)
        self._settle(claims, load, overhead, source, trees)
        mass = _embodied(setting)
        self._check({"scope3_embodied_ug": mass})
        self.entries.settle_mass(list(embodied_claims(setting, basis, leaves)))
        self.totals["scope3_embodied_ug"] += mass

    def _host_energies(self, read: Mapping[str, Reading]) -> list[HostEnergy]:
        return [
            host_energy(self.setting, host, read.get(host.id, Reading()), by_provider(self.on_host[host.id]))
            for host in self.setting.hosts
        ]

    def _claim_hosts(self, claims: list[Claim], *, metered: bool) -> Sequence[PackedTree]:
        """Add the claims on the energy of each host, in order, and set annexes aside; trees of the leaves that claims lack."""
        for energy in self.energies:
            on_this = by_account(self.on_host[energy.host.id])
            claims += claims_on(self.setting, self.rule, energy, on_this)
            if energy.silent:
                self._set_aside(silent_claims(self.setting, energy.host, on_this, metered=metered))
        return ()

    def _demand_of(self, shared: list[HostEnergy], slices: pa.Table) -> Demand:
        rest = sum(unmeasured(self.setting, energy, by_account(self.on_host[energy.host.id])) for energy in shared)
        return demand_of(self.setting, slices, rest, self.memory_known)

    def _capacity_basis(self, shared: list[HostEnergy], slices: pa.Table) -> Basis:
        if self.rule.needs_demand:
            self.demand = self._demand_of(shared, slices)
        return capacity_basis(self.setting, self.rule, self.demand)

    def charge_nothing_but_reports(self) -> None:
        """Annexes alone; where the site has hosts of its own, what they drew is missing, and the figures say "partial"."""
        self._set_aside(unlisted_claims(self.setting, by_account(self.on_host[UNLISTED]), evidence=False)[1])
        self._claim_silent()
        if self.setting.hosts:
            for account, claims in self._annexes.items():
                self._annexes[account] = [replace(claim, flags=claim.flags | {"partial"}) for claim in claims]

    def _claim_silent(self) -> None:
        for host in self.setting.hosts:
            self._set_aside(silent_claims(self.setting, host, by_account(self.on_host[host.id]), metered=False))

    def charge_annexes(self) -> None:
        """Each account's annex: its own overhead and emissions, apart from the site's; no certificate and no Scope 1."""
        for account, claims in sorted(self._annexes.items()):
            overhead = overhead_of(self.setting, claims, Reading(), annex=True)
            if overhead.load_mj:
                told = format_energy(overhead.load_mj)
                self.setting.note(f"account {account}: {told} rest on its own reports alone, beside the site's meters and book")
            load = load_of(self.setting, overhead.load_mj, overhead.load_vector, self.factors)
            self._settle(claims, load, overhead, Source(account))

    def _settle(
        self, claims: list[Claim], load: Load, overhead: Overhead, source: Source, trees: Sequence[PackedTree] = ()
    ) -> None:
        totals = {"energy_mj": load.energy_mj} | dict(load.lines)
        self._check(totals)
        self.entries.settle(claims, load, overhead, trees)
        self.sources.append(source)
        for name, amount in totals.items():
            self.totals[name] += amount

    def _check(self, totals: Mapping[str, int]) -> None:
        for name, amount in totals.items():
            if amount > INT64_MAX:
                raise self.setting.refused(
                    f"{name} of the window is {amount}, more than 64 bits hold",
                    advice="look for a meter or a factor in wrong units",
                )

    def _set_aside(self, annexes: Mapping[str, list[Claim]]) -> None:
        for account, claims in annexes.items():
            self._annexes.setdefault(account, []).extend(claims)


def _note_old_records(setting: Setting) -> None:
    known = setting.facility.hardware_as_of
    if known is not None and (setting.window.start.date() - known).days > HARDWARE_RECORD_DAYS:
        setting.note(f"the book's hardware records are of {known}, more than {HARDWARE_RECORD_DAYS} days before the window")


def _note_silent(setting: Setting, hosts: list[str]) -> None:
    if hosts:
        more = f" and {len(hosts) - 1:,} more" if len(hosts) > 1 else ""
        setting.note(f"host {hosts[0]}{more}: no reading and no provider rows; modelled at idle")


def memory_known(read: Mapping[str, Reading]) -> set[str]:
    """Hosts whose memory use has been read."""
    return {host for host, reading in read.items() if reading.memory_byte_s is not None}


def by_provider(uses: list[Use]) -> Amounts | None:
    """What the provider's rows add up to; None where there are none."""
    measured = [use.amounts for use in uses if use.provider]
    return Amounts(*(sum(column) for column in zip(*measured, strict=True))) if measured else None


def claims_on(setting: Setting, rule: Rule, energy: HostEnergy, uses: Mapping[str, list[Use]]) -> list[Claim]:
    """The claims on one host's energy by those who used it, or own it; ``uses`` are by account."""
    if energy.host.dedicated_to:
        return owner_claims(setting, energy, uses)
    return use_claims(setting, energy, uses) if rule.dynamic == "used" else []


def _embodied(setting: Setting) -> int:
    return sum(
        setting.facility.embodied_micrograms(asset, setting.window) for asset in setting.facility.hardware_at(setting.site.id)
    )
