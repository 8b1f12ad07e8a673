"""Reallocation of internal services to the accounts that they worked for.

Each internal account k passes on a part of what it costs to its callers, in proportion to its own use for each, and keeps the rest.
Callers may be internal too, in chains and cycles: what passes through k is its direct cost and what others pass on to it,
``x = d + F x``, solved at once for every measure (``settle``). A caller bears ``F_kj x_k``: what it asked of k, with all that k
had to ask of others for it. So there is a line for each pair that worked together, and not one for each way that cost may take.

Each line is rounded down, whatever the others are, and what rounding leaves stays with the services, in proportion to their direct
costs: were it given to the largest remainders, a new caller could move a unit of another one's (law 4).

**For whom.** An account's own reports say so, with the part that names no caller kept. Where an internal account reports nothing
of itself in the window, the use that the book declares holds. It is not enough that its reports name nobody: whether they do
can depend on what a tenant claims, and a claim must not undo what the book declares for others.

**What.** All of the account's cost, or, where the book says ``passes = "dynamic"``, its dynamic energy with the emissions on it and
the overhead that rides on it. Overhead is apportioned over the energies of the claims, so of the overhead of one service,
operation and labels, that is the part that dynamic energy has in the energy of the same, rounded down, in every measure.

Moved amounts are the component "shared": a service's own cost under its name, what passed through its account under the name of the
account. Energy and emissions move alike. Operations stay counted where they ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from greencloud.allocation.apportion import apportion
from greencloud.allocation.entries import Entries
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.moves import Move, Moves
from greencloud.allocation.passed_on import PassedOn
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.setting import Setting
from greencloud.allocation.settle import Passing, Through, endless, settled
from greencloud.allocation.spread import Spread
from greencloud.allocation.uses import Use

__all__ = ["reallocated"]

_NOTHING = [0] * len(POSTING_MEASURES)


@dataclass(slots=True)
class _Cost:
    """What one internal account has to pass on: by entry, and by the name of the service."""

    entries: dict[EntryKey, list[int]] = field(default_factory=dict)
    services: dict[str, list[int]] = field(default_factory=dict)
    flags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def whole(self) -> list[int]:
        return _sum(self.entries.values())


def reallocated(entries: Entries, setting: Setting, own: Mapping[str, list[Use]]) -> Entries:
    """Entries after internal accounts have passed on what they did for others; ``own`` is each account's use over the site.

    Raises:
        AllocationError: internal accounts that work only for one another, so that their cost could never come to rest.
    """
    passed = _passed(entries, setting, own)
    if not passed:
        return entries
    if stuck := endless(passed):
        raise setting.refused(
            f"internal accounts {', '.join(stuck)} worked only for one another, so nobody bears what they used",
            advice="let their callers' spans carry greencloud.caller.account, or make one of them a tenant",
        )
    costs = _costs(entries, setting, passed)
    direct = {account: cost.whole for account, cost in costs.items()}
    moved = Entries()
    lines = list(_lines(costs, settled(direct, passed), passed))
    for line in lines:
        moved.add(EntryKey(line.bearer, line.service, "", "", "{}", "shared"), line.amounts, line.flags)
    kept = {account: [_floor(_kept(passed, account), amount) for amount in amounts] for account, amounts in direct.items()}
    _leave_rounding(kept, direct, _sum(moved.amounts.values()))
    for key, amounts in entries.amounts.items():
        if key.account not in costs or key not in costs[key.account].entries:
            moved.add(key, amounts, entries.flags_of(key), entries.count_of(key))
    stays: dict[EntryKey, list[int]] = {}
    for account, cost in costs.items():
        stays |= _stay(entries, moved, cost, kept[account])
    passing = {key: amounts for cost in costs.values() for key, amounts in cost.entries.items()}
    moves = Moves(entries.amounts, passing, stays, direct, kept, passed, lines)
    moved.spread = Spread(entries.spread.energy, entries.spread.mass, _passed_on(entries, costs, moves))
    return moved


def _passed_on(entries: Entries, costs: Mapping[str, _Cost], moves: Moves) -> PassedOn:
    """The same in floats, for intervals."""
    fractions = {}
    for cost in costs.values():
        for key, amounts in cost.entries.items():
            most = max(range(len(amounts)), key=entries.amounts[key].__getitem__)
            fractions[key] = amounts[most] / (entries.amounts[key][most] or 1)
    callers = {account: {caller: float(part) for caller, part in found.items()} for account, found in moves.passed.items()}
    in_part = {
        key.account
        for key, amounts in entries.amounts.items()
        if key.account in costs and costs[key.account].entries.get(key) != amounts
    }
    return PassedOn(fractions, callers, moves, in_part)


def _passed(entries: Entries, setting: Setting, own: Mapping[str, list[Use]]) -> dict[str, dict[str, Fraction]]:
    """The fractions of its cost that each internal account passes on, if any; also of those that have only what others pass on."""
    passed: dict[str, dict[str, Fraction]] = {}
    todo = entries.accounts() | own.keys()
    while todo:
        account = todo.pop()
        if account not in passed and setting.facility.is_internal(account):
            passed[account] = _callers(setting, account, [use for use in own.get(account, ()) if not use.provider])
            todo |= passed[account].keys()
    return {account: callers for account, callers in sorted(passed.items()) if callers}


def _callers(setting: Setting, account: str, reports: list[Use]) -> dict[str, Fraction]:
    declared = setting.facility.declared_callers(account, setting.window)
    if declared and not reports:
        setting.note(f"account {account}: it reported no work of its own; its cost goes by the use that the book declares")
        return {caller: share for caller, share in declared.items() if caller != account}
    callers = _reported(account, reports)
    if declared and not callers:
        setting.note(
            f"account {account}: what it reported names no caller, so it keeps its cost; the use that is declared is not used"
        )
    return callers


def _reported(account: str, reports: list[Use]) -> dict[str, Fraction]:
    weights: dict[str, int] = defaultdict(int)
    for use in reports:
        weights[use.caller if use.caller != account else ""] += use.weight
    whole = sum(weights.values())
    return {caller: Fraction(weight, whole) for caller, weight in sorted(weights.items()) if caller and weight}


def _costs(entries: Entries, setting: Setting, passed: Passing) -> dict[str, _Cost]:
    costs = {account: _Cost() for account in passed}
    for key, amounts in _passing(entries, setting, passed):
        cost = costs[key.account]
        service = key.service or key.account
        cost.entries[key] = amounts
        cost.services[service] = _sum([cost.services.get(service, _NOTHING), amounts])
        cost.flags[service] |= entries.flags_of(key)
    return costs


def _passing(entries: Entries, setting: Setting, passed: Passing) -> Iterator[tuple[EntryKey, list[int]]]:
    energy = POSTING_MEASURES.index("energy_mj")
    dynamic: dict[EntryKey, int] = defaultdict(int)
    whole: dict[EntryKey, int] = defaultdict(int)
    for key, amounts in entries.amounts.items():
        if key.component != "overhead":
            whole[key._replace(component="")] += amounts[energy]
        if key.component == "dynamic":
            dynamic[key._replace(component="")] += amounts[energy]
    for key in sorted(entries.amounts):
        if key.account not in passed:
            continue
        if setting.facility.accounts[key.account].passes == "all" or key.component == "dynamic":
            yield key, entries.amounts[key]
        elif key.component == "overhead" and (leaf := key._replace(component="")) in dynamic and whole[leaf]:
            share = Fraction(dynamic[leaf], whole[leaf])
            yield key, [_floor(share, amount) for amount in entries.amounts[key]]


def _lines(costs: Mapping[str, _Cost], through: Mapping[str, Through], passed: Passing) -> Iterator[Move]:
    """What comes to rest away from where it arose."""
    upstream = _upstream_flags(costs, passed)
    for account, cost in costs.items():
        others = _sum(amounts for service, amounts in cost.services.items() if service != account)
        for caller, fraction in passed[account].items():
            bears = fraction * _kept(passed, caller)
            if not bears:
                continue
            flags = frozenset(cost.flags[account] | upstream[account])
            whole = through[account]
            yield Move(caller, account, account, bears, others, whole.part(bears, others), flags, whole)
            for service, amounts in cost.services.items():
                if service != account:
                    part = [_floor(bears, amount) for amount in amounts]
                    yield Move(caller, account, service, bears, amounts, part, frozenset(cost.flags[service]))


def _upstream_flags(costs: Mapping[str, _Cost], passed: Passing) -> dict[str, set[str]]:
    """The flags of all that can reach each account from others."""
    found: dict[str, set[str]] = {account: set() for account in costs}
    todo = list(costs)
    while todo:
        account = todo.pop()
        sends = found[account].union(*costs[account].flags.values())
        for caller in passed[account]:
            if caller in found and not sends <= found[caller]:
                found[caller] |= sends
                todo.append(caller)
    return found


def _kept(passed: Passing, account: str) -> Fraction:
    return 1 - sum(passed[account].values(), Fraction(0)) if account in passed else Fraction(1)


def _leave_rounding(kept: dict[str, list[int]], direct: Mapping[str, list[int]], gone: list[int]) -> None:
    """Add to what services keep the units that no line has."""
    names = sorted(direct)
    for measure, given in enumerate(gone):
        weights = [direct[name][measure] for name in names]
        left = sum(weights) - given - sum(kept[name][measure] for name in names)
        for name, units in zip(names, apportion(left, weights) if left else [0] * len(names), strict=True):
            kept[name][measure] += units


def _stay(entries: Entries, moved: Entries, cost: _Cost, kept: list[int]) -> dict[EntryKey, list[int]]:
    """Post what an account keeps, over the entries that it came from, beside what these never passed on; what each keeps."""
    keys = list(cost.entries)
    columns = [
        apportion(amount, [cost.entries[key][measure] for key in keys]) if amount else [0] * len(keys)
        for measure, amount in enumerate(kept)
    ]
    stays = {key: list(amounts) for key, amounts in zip(keys, zip(*columns, strict=True), strict=True)}
    for key, staying in stays.items():
        amounts = [
            whole - passing + stay for whole, passing, stay in zip(entries.amounts[key], cost.entries[key], staying, strict=True)
        ]
        moved.add(key, amounts, entries.flags_of(key), entries.count_of(key))
    return stays


def _sum(rows: Iterable[list[int]]) -> list[int]:
    return [sum(column) for column in zip(_NOTHING, *rows, strict=True)]


def _floor(fraction: Fraction, amount: int) -> int:
    return amount * fraction.numerator // fraction.denominator
