"""An explanation: how each figure of one account in one site-window came about, as arithmetic that anybody can run again.

It is made by allocating the window again and reading off what was done; it is no second method. Every posting names, for each
measure that is not zero, the step whose result it is, and the result *is* the posted integer, or there is no explanation.

**Who is asking.** A provider is shown all that bears on the account: each host, asset and entry of the book. A tenant is shown its
own rows, reservations and weights one by one, and of everything else only the totals that these are parts of, with how they were
found out, and factors and certificates with their sources. So it sees no figure of another account, save what it can reckon where
it shares a host or a service with one other alone: the total less its own. Hosts have the names that its own reports give them,
others a number. Notes of the batch, which may name others, it is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pyarrow as pa

from greencloud.allocation.claim_steps import ClaimSteps
from greencloud.allocation.derivation import Derivation
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.grounds import Grounds
from greencloud.allocation.host_steps import HostSteps
from greencloud.allocation.move_steps import MoveSteps
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.rule import DEFAULT_RULE
from greencloud.allocation.site_windows import window_work
from greencloud.allocation.steps import Step, Steps
from greencloud.allocation.weight_steps import WeightSteps
from greencloud.allocation.work import Work
from greencloud.facility import Facility
from greencloud.units import Window
from greencloud.usage import Usage

__all__ = ["AUDIENCES", "Audience", "ExplainedPosting", "Explanation", "Where", "explain_window"]

Audience = Literal["provider", "tenant"]
AUDIENCES: Final[tuple[Audience, ...]] = ("provider", "tenant")


@dataclass(frozen=True, slots=True)
class Where:
    """Which postings; values within a field are alternatives, an empty field is any."""

    services: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    measures: tuple[str, ...] = POSTING_MEASURES

    def holds(self, key: EntryKey) -> bool:
        wanted = ((self.services, key.service), (self.skus, key.sku), (self.operations, key.operation))
        return all(not some or value in some for some, value in (*wanted, (self.components, key.component)))


@dataclass(frozen=True, slots=True)
class ExplainedPosting:
    """A posting's key and quality, its ``amounts`` by measure, and for each that is not zero the id of the step that makes it."""

    service: str
    sku: str
    operation: str
    labels: str
    component: str
    quality: str
    count: int
    amounts: Mapping[str, int]
    steps: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one account in one site-window. ``steps`` use only steps before them."""

    site: str
    window: Window
    account: str
    audience: Audience
    methodology_version: str
    facility_revision: str
    postings: tuple[ExplainedPosting, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    def total(self, measure: str) -> int:
        return sum(posting.amounts.get(measure, 0) for posting in self.postings)


def explain_window(
    facility: Facility,
    usage: Usage | pa.Table,
    site: str,
    window: Window,
    *,
    account: str,
    rule: str = DEFAULT_RULE,
    slices: pa.Table | None = None,
    where: Where = Where(),
    audience: Audience = "provider",
) -> Explanation:
    """Explain the postings of an account (or pool) in a site-window; the first parameters are those of ``allocate_window``.

    Raises:
        AllocationError, UsageDataError: as ``allocate_window``.
    """
    work = window_work(facility, usage, site, window, rule=rule, slices=slices)
    keys = [key for key in sorted(work.entries.amounts) if key.account == account and where.holds(key)]
    steps = Steps()
    hosts = HostSteps(steps, work.setting, names=None if audience == "provider" else _own_names(work, usage, account))
    weights = WeightSteps(steps, work, hosts, account)
    claims = ClaimSteps(Grounds(steps, work, hosts), weights, account)
    derivation = Derivation(steps, work, claims, weights, account=account)
    moves = MoveSteps(steps, work, derivation, open_=audience == "provider")
    postings = tuple(_posting(work, moves, key, where.measures) for key in keys)
    ordered, ids = steps.ordered()
    postings = tuple(replace(one, steps={measure: ids[step] for measure, step in one.steps.items()}) for one in postings)
    notes = tuple(sorted(work.setting.notes)) if audience == "provider" else ()
    return Explanation(site, window, account, audience, str(work.rule), facility.revision, postings, ordered, notes)


def _posting(work: Work, moves: MoveSteps, key: EntryKey, measures: Sequence[str]) -> ExplainedPosting:
    amounts, steps = {}, {}
    for measure, amount in zip(POSTING_MEASURES, work.entries.amounts[key], strict=True):
        if measure not in measures:
            continue
        amounts[measure] = amount
        if amount:
            step = moves.entry(key, measure)
            assert step.result == amount, f"{measure} of {key}: {step.result} explained, {amount} posted"
            steps[measure] = step.id
    quality = ",".join(sorted(work.entries.flags_of(key)))
    return ExplainedPosting(*key[1:], quality, work.entries.count_of(key), amounts, steps)


def _own_names(work: Work, usage: Usage | pa.Table, account: str) -> dict[str, str]:
    """Hosts as the account's own reports call them, by id."""
    rows = usage.rows if isinstance(usage, Usage) else usage
    ids = work.setting.host_ids()
    columns = (rows[name].to_pylist() for name in ("site", "account", "source", "host"))
    said = {
        host
        for site, whose, source, host in zip(*columns, strict=True)
        if (site, whose, source) == (work.setting.site.id, account, "tenant")
    }
    return {ids[host]: host for host in sorted(said, reverse=True) if host in ids}
