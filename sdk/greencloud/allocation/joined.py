"""Parts of a site and window (``parts``) joined: the site's pools, its overhead and emissions, and what comes of all claims.

The steps are those of ``work.Work``, on what parts have packed and added up instead of on uses. What is joined takes memory by
claims (an account on a host) and leaves, a few bytes each, and not by rows. It can be posted, not explained: an explanation
computes the window in one piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from greencloud.allocation.claims import Claim
from greencloud.allocation.demand import Demand, demand_from
from greencloud.allocation.emissions import grid_factors
from greencloud.allocation.half_widths import with_uncertainties
from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.packed import PackedTree
from greencloud.allocation.parts import (
    Part,
    PartInputs,
    Plan,
    UseKey,
    WholeWindow,
    allocate_part,
    measure_part,
    plan_parts,
    survey_part,
)
from greencloud.allocation.readings import Reading
from greencloud.allocation.rule import Rule
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.uses import UNLISTED, Use
from greencloud.allocation.window import finished
from greencloud.allocation.work import Work
from greencloud.units import Window
from greencloud.usage import ROWS

__all__ = ["JoinedWindow", "allocate_in_parts", "join_parts"]


@dataclass(frozen=True, slots=True)
class JoinedWindow:
    """As ``WindowAllocation``, whose postings have the columns ``UNCERTAINTIES`` already: ready for ``ledger.make_batch``."""

    site: str
    window: Window
    rule: str
    methodology_version: str
    facility_revision: str
    postings: pa.Table
    totals: dict[str, int]
    notes: tuple[str, ...]


def allocate_in_parts(
    whole: WholeWindow, parts: Sequence[Sequence[str]], read: Callable[[Sequence[str]], PartInputs]
) -> JoinedWindow:
    """Allocate one window a part at a time, in the memory of the largest part and of all packed.

    Args:
        parts: hosts by id in ranges, in order, all of them and "" (``split_hosts``).
        read: what is known of the hosts of a part; asked for each part two or three times.

    Raises:
        AllocationError, UsageDataError: as ``allocate_window``; or parts that are not such ranges.
    """
    surveys = [survey_part(whole, read(hosts), hosts) for hosts in parts]
    told = [use for survey in surveys for use in survey.told]
    measured = [measure_part(whole, read(hosts), hosts, told) for hosts in parts] if told else []
    plan = plan_parts(whole, surveys, measured)
    return join_parts(whole, plan, [allocate_part(whole, read(hosts), plan, hosts) for hosts in parts])


def join_parts(whole: WholeWindow, plan: Plan, parts: Iterable[Part]) -> JoinedWindow:
    """The allocation of a window that was allocated in parts, which may come in any order.

    Raises:
        AllocationError: parts are missing, or not ranges of the site's hosts; or as ``allocate_window``.
        UnbalancedError: as ``allocate_window``.
    """
    setting = whole.setting
    order = {host: number for number, host in enumerate([UNLISTED, *(host.id for host in setting.hosts)])}
    parts = sorted(parts, key=lambda part: max((order.get(host, 0) for host in part.hosts), default=0))
    found = [host for part in parts for host in part.hosts if host != UNLISTED]
    if found != list(order)[1:] or sum(part.hosts.count(UNLISTED) for part in parts) != 1:
        advice = "split the hosts with split_hosts, and join all parts"
        raise setting.refused("its parts are not ranges of the site's hosts, with all of them", advice=advice)
    setting.notes.update(note for part in parts for note in part.notes)
    work = _JoinedWork(setting, whole.rule, plan, parts)
    work.charge(whole.read(setting), ROWS.empty_table(), evidence=plan.evidence)
    window = finished(work)
    return JoinedWindow(
        window.site,
        window.window,
        window.rule,
        window.methodology_version,
        window.facility_revision,
        with_uncertainties(window),
        window.totals,
        window.notes,
    )


class _JoinedWork(Work):
    """The work on a site-window whose hosts were looked at in parts."""

    def __init__(self, setting: Setting, rule: Rule, plan: Plan, parts: Sequence[Part]) -> None:
        super().__init__(setting, rule, _own(parts), grid_factors(setting), set())
        self._plan = plan
        self._parts = parts
        self.on_host = defaultdict(list, {UNLISTED: [use for part in parts for use in part.unlisted]})

    def _host_energies(self, read: Mapping[str, Reading]) -> list[HostEnergy]:
        return [energy for part in self._parts for energy in part.energies]

    def _claim_hosts(self, claims: list[Claim], *, metered: bool) -> Sequence[PackedTree]:
        for part in self._parts:
            claims += part.tree.claims(part.energies)
        self._claim_silent()
        return [part.tree for part in self._parts]

    def _claim_silent(self) -> None:
        for part in self._parts:
            for annexes in part.annexes:
                self._set_aside(annexes)

    def _demand_of(self, shared: list[HostEnergy], slices: pa.Table) -> Demand:
        rest = sum(part.unmeasured for part in self._parts)
        return demand_from(self.setting, [part.demand for part in self._parts], rest, self._plan.slice_s)


def _own(parts: Iterable[Part]) -> list[Use]:
    """Each account's use over the site, added up over hosts; operations that count are on one of those where they do."""
    sums: dict[UseKey, tuple[int, int]] = {}
    counted = UNLISTED
    for part in parts:
        for key, (weight, operations) in part.own.items():
            held = sums.get(key, (0, 0))
            sums[key] = held[0] + weight, held[1] + operations
        counted = counted or next((e.host.id for e in part.energies if not e.silent and not e.host.dedicated_to), UNLISTED)
    return [
        Use(counted if key[8] else UNLISTED, *key[:8], Amounts(operations=operations), weight)
        for key, (weight, operations) in sorted(sums.items())
    ]
