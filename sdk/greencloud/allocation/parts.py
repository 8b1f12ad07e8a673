"""One site and window allocated in parts by host, to the same bits as in one piece.

A worker may not hold all usage of a large site's window: a row takes kilobytes while it is allocated. What the rows of a host say
meets the rest of the site only in sums, so hosts can be looked at a range at a time:

    survey_part   what every part must know of all others: a scan of columns
    measure_part  only where tenants report without a host: where their services were measured
    allocate_part hosts' energy, who bears it, and the leaves below that, packed (``packed``); each account's use, added up
    join_parts    the site's pools, overhead, emissions and internal services, over all (``joined``)

**Why the bits are the same.** Every sum that crosses hosts is of integers. The one apportionment over all claims of the site has
all of them, in the order of the site's hosts, and is made once, when parts are joined; those below a claim need that claim alone.
Floats (half-widths) are added up when parts are joined, claim by claim in that same order. So parts must be ranges of hosts in
order of their ids; use on hosts that the book does not list (host "") is in one of them, any one. Every rule can be had in parts.

Parts know each other by their ``Plan``, may be made anywhere, in any order, and pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation.annex import silent_claims
from greencloud.allocation.claims import Claim, unmeasured
from greencloud.allocation.demand import seconds_of, slice_seconds, use_in_slices
from greencloud.allocation.homes import Measured, homeless, measured_of, moved
from greencloud.allocation.hosts import HostEnergy, host_energy
from greencloud.allocation.packed import PackedTree
from greencloud.allocation.readings import FACILITY, Reading, readings_of
from greencloud.allocation.rule import Rule
from greencloud.allocation.setting import Setting
from greencloud.allocation.site_windows import WindowInputs, inputs_of
from greencloud.allocation.uses import UNLISTED, Use, by_account, uses_of
from greencloud.allocation.work import by_provider, claims_on, memory_known
from greencloud.facility import Facility
from greencloud.units import Window
from greencloud.usage import ROWS, Usage

__all__ = [
    "Part",
    "PartInputs",
    "Plan",
    "Survey",
    "WholeWindow",
    "allocate_part",
    "measure_part",
    "on_hosts",
    "plan_parts",
    "split_hosts",
    "survey_part",
]

UseKey = tuple[str, str, str, str, str, str, bool, bool, bool]
"""As ``Use``, from account to estimated, without the host; last, whether operations on it are counted on shared hosts."""


@dataclass(frozen=True, slots=True)
class WholeWindow:
    """The site and window that is divided; ``readings`` are those of the whole site."""

    facility: Facility
    site: str
    window: Window
    readings: pa.Table
    rule: Rule

    @property
    def setting(self) -> Setting:
        """A fresh one, for the notes of one part."""
        return Setting.of(self.facility, self.site, self.window)

    def read(self, setting: Setting) -> dict[str, Reading]:
        """What is known of each host. Raises as ``readings_of``."""
        found = inputs_of(self.facility, Usage(ROWS.empty_table(), self.readings), self.site, self.window)
        return readings_of(setting, found.readings, self.facility.readings_at(self.site, self.window))


@dataclass(frozen=True, slots=True)
class PartInputs:
    """Usage of a part's hosts; what others did may be there, and does not count. ``slices`` as for ``allocate_window``."""

    usage: Usage
    slices: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """Of a part: whether the provider told of it, the lengths of the provider's rows, and tenants' reports on unlisted hosts."""

    evidence: bool
    seconds: frozenset[int]
    told: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What parts of a window must know of one another. ``measured``: where services were that tenants report without a host."""

    evidence: bool
    metered: bool
    slice_s: int
    told: tuple[Use, ...]
    measured: Measured


@dataclass(frozen=True, slots=True)
class Part:
    """What the hosts of a part come to; ``own`` is each account's use on them: weight and operations."""

    hosts: tuple[str, ...]
    energies: tuple[HostEnergy, ...]
    tree: PackedTree
    annexes: tuple[dict[str, list[Claim]], ...]
    own: dict[UseKey, tuple[int, int]]
    unlisted: tuple[Use, ...]
    demand: dict[str, list[int]]
    unmeasured: int
    notes: frozenset[str]


def split_hosts(facility: Facility, site: str, rows: Callable[[str], int], most: int) -> list[tuple[str, ...]]:
    """Hosts of a site in ranges that have at most so many rows each, or one host alone.

    ``rows``: how many rows a host of that id has; "" has those of unlisted hosts, which are a part of their own where there are
    several.
    """
    parts: list[list[str]] = [[]]
    held = 0
    for host in facility.hosts_of(site):
        count = rows(host.id)
        if parts[-1] and held + count > most:
            parts.append([])
            held = 0
        parts[-1].append(host.id)
        held += count
    if len(parts) == 1 and held + rows(UNLISTED) <= most:
        return [(UNLISTED, *parts[0])]
    return [(UNLISTED,), *map(tuple, parts)]


def on_hosts(facility: Facility, site: str, hosts: Collection[str]) -> pc.Expression:
    """What reads the rows (or readings) of these hosts out of a data set with a column "host", whatever names they go by.

    Of hosts in a range it has bounds, so that of a file in order of host only a part is read.
    """
    known = {name: host.id for host in facility.hosts_of(site) for name in (*host.aliases, host.id)}
    outside = UNLISTED in hosts
    names = sorted(name for name, host in known.items() if (host in hosts) != outside)
    field = pc.field("host")
    among = field.isin(pa.array(names, pa.string()))
    if outside:
        return ~among
    return among & (field >= names[0]) & (field <= names[-1]) if names else among


def survey_part(whole: WholeWindow, inputs: PartInputs, hosts: Collection[str]) -> Survey:
    """What others must know of a part. Raises AllocationError, UsageDataError as ``allocate_window``."""
    setting = whole.setting
    found = _inputs(setting, inputs, hosts)
    told: list[Use] = []
    if UNLISTED in hosts:
        unlisted = pc.invert(pc.is_in(found.rows["host"], pa.array(list(setting.host_ids()), pa.string())))
        told = homeless(uses_of(found.rows.filter(pc.and_(unlisted, pc.equal(found.rows["source"], "tenant"))), setting, set()))
    evidence = bool(pc.any(pc.equal(found.rows["source"], "provider")).as_py())
    seconds = seconds_of(setting, found.slices) if whole.rule.needs_demand else set[int]()
    return Survey(evidence, frozenset(seconds), tuple(told))


def measure_part(whole: WholeWindow, inputs: PartInputs, hosts: Collection[str], told: Iterable[Use]) -> Measured:
    """Where the provider measured services that tenants report without a host, on the hosts of a part."""
    setting = whole.setting
    found = _inputs(setting, inputs, hosts)
    wanted = {(use.account, use.service) for use in told}
    services = pa.array(sorted({service for _, service in wanted}), pa.string())
    rows = found.rows.filter(pc.and_(pc.equal(found.rows["source"], "provider"), pc.is_in(found.rows["service"], services)))
    measured = measured_of(uses_of(rows, setting, memory_known(_read(setting, found, hosts))))
    return {key: dict(by_host) for key, by_host in measured.items() if key in wanted}


def plan_parts(whole: WholeWindow, surveys: Iterable[Survey], measured: Iterable[Measured] = ()) -> Plan:
    """The plan of a window, from the surveys of all parts; ``measured`` of all parts, where any survey has reports."""
    setting = whole.setting
    read = whole.read(setting)
    surveys = tuple(surveys)
    by_service: dict[tuple[str, str], dict[str, int]] = {}
    for part in measured:
        for key, by_host in part.items():
            by_service.setdefault(key, {}).update(by_host)
    return Plan(
        bool(read) or any(survey.evidence for survey in surveys),
        read.get(FACILITY, Reading()).energy_mj is not None,
        slice_seconds(setting, {seconds for survey in surveys for seconds in survey.seconds}),
        tuple(use for survey in surveys for use in survey.told),
        by_service,
    )


def allocate_part(whole: WholeWindow, inputs: PartInputs, plan: Plan, hosts: Sequence[str]) -> Part:
    """Who bears the energy of these hosts, which are one range of the site's; "" among them are those that are not listed.

    Raises:
        AllocationError, UsageDataError: as ``allocate_window``.
    """
    setting, rule = whole.setting, whole.rule
    found = _inputs(setting, inputs, hosts)
    read = _read(setting, found, hosts)
    known = memory_known(read)
    uses = moved(uses_of(found.rows, setting, known), plan.told, plan.measured, setting, known, within=set(hosts))
    on_host: dict[str, list[Use]] = {host: [] for host in hosts}
    for use in uses:
        on_host[use.host].append(use)
    tree, beyond = PackedTree(), 0
    energies: list[HostEnergy] = []
    annexes: list[dict[str, list[Claim]]] = []
    for host in setting.hosts:
        if host.id not in on_host:
            continue
        on_this = by_account(on_host[host.id])
        if not plan.evidence:
            annexes.append(silent_claims(setting, host, on_this, metered=False))
            continue
        energy = host_energy(setting, host, read.get(host.id, Reading()), by_provider(on_host[host.id]))
        for claim in claims_on(setting, rule, energy, on_this):
            tree.add(claim, len(energies), keep=_passes_in_part(whole.facility, claim.leaves[0].account))
        if energy.silent:
            annexes.append(silent_claims(setting, host, on_this, metered=plan.metered))
        if rule.needs_demand and not host.dedicated_to:
            beyond += unmeasured(setting, energy, on_this)
        energies.append(energy)
    return Part(
        tuple(hosts),
        tuple(energies),
        tree,
        tuple(annexes),
        _own(uses, {energy.host.id for energy in energies if not energy.silent and not energy.host.dedicated_to}),
        tuple(on_host.get(UNLISTED, ())),
        use_in_slices(setting, found.slices, plan.slice_s, known) if plan.evidence and rule.needs_demand else {},
        beyond,
        frozenset(setting.notes),
    )


def _passes_in_part(facility: Facility, account: str) -> bool:
    return facility.is_internal(account) and facility.accounts[account].passes != "all"


def _own(uses: Iterable[Use], counted: Collection[str]) -> dict[UseKey, tuple[int, int]]:
    found: dict[UseKey, tuple[int, int]] = {}
    for use in uses:
        key = (*use[1:9], use.host in counted)
        weight, operations = found.get(key, (0, 0))
        found[key] = weight + use.weight, operations + use.amounts.operations
    return found


def _inputs(setting: Setting, inputs: PartInputs, hosts: Collection[str]) -> WindowInputs:
    """What is of these hosts, in this site and window."""
    found = inputs_of(setting.facility, inputs.usage, setting.site.id, setting.window, slices=inputs.slices)
    ids = setting.host_ids()
    names = pa.array([name for name, host in ids.items() if host in hosts], pa.string())
    others = pa.array([name for name, host in ids.items() if host not in hosts], pa.string())

    def of_hosts(table: pa.Table) -> pa.Table:
        if UNLISTED in hosts:
            return table.filter(pc.invert(pc.is_in(table["host"], others)))
        return table.filter(pc.is_in(table["host"], names))

    return WindowInputs(of_hosts(found.rows), of_hosts(found.readings), of_hosts(found.slices))


def _read(setting: Setting, found: WindowInputs, hosts: Collection[str]) -> dict[str, Reading]:
    booked = setting.facility.readings_at(setting.site.id, setting.window)
    ids = setting.host_ids()
    return readings_of(setting, found.readings, [reading for reading in booked if ids.get(reading.host, UNLISTED) in hosts])
