"""Reallocation of internal services to the accounts that they worked for (DESIGN 5.3).

Each internal account k keeps a part of what it costs and passes on the rest, in proportion to its own use for each caller, from its
spans. Callers may be internal too, in chains and cycles. The cost of every service is then where ``x = d + F x`` has settled, and
that system is solved once, in exact rationals, instead of by rounds: for each k it gives the share that every account bears of
k's *direct* cost, and each integer of k moves once, over those shares. They come from internal accounts' rows alone.

What a bearer takes over is its share rounded down, whatever the others' shares are, and what rounding leaves stays with k: were
it given to the largest remainders, a new caller could move a unit of another one's (law 4).

Moved amounts are the component "shared", under the name of the service that worked, for energy and emissions alike. Operations stay
counted where they ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from greencloud.allocation.apportion import apportion
from greencloud.allocation.entries import Entries, EntryKey
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.setting import Setting
from greencloud.allocation.uses import Use

__all__ = ["reallocated", "settled_shares"]


def reallocated(entries: Entries, setting: Setting, own: Mapping[str, list[Use]]) -> Entries:
    """Entries after internal accounts have passed on what they did for others; ``own`` is each account's use over the site.

    Raises:
        AllocationError: internal accounts that work only for one another, so that their cost could never come to rest.
    """
    passed = {account: _callers(account, uses) for account, uses in own.items() if setting.facility.is_internal(account)}
    passed = {account: callers for account, callers in passed.items() if callers}
    if not passed:
        return entries
    endless = _endless(passed)
    if endless:
        raise setting.refused(
            f"internal accounts {', '.join(endless)} worked only for one another, so nobody bears what they used",
            advice="let their callers' spans carry greencloud.caller.account, or make one of them a tenant",
        )
    shares = settled_shares(passed)
    moved = Entries()
    groups: dict[tuple[str, str], list[EntryKey]] = defaultdict(list)
    for key in sorted(entries.amounts):
        if key.account in shares:
            groups[key.account, key.service].append(key)
        else:
            moved.add(key, entries.amounts[key], entries.flags[key], entries.counts[key])
    for (account, service), keys in groups.items():
        _move(entries, moved, keys, service or account, shares[account])
    return moved


def settled_shares(passed: Mapping[str, Mapping[str, Fraction]]) -> dict[str, dict[str, Fraction]]:
    """For each internal account, who bears its direct cost in the end; the shares of each add up to one.

    ``passed[k][j]`` is the fraction of its cost that k passes on to j; k keeps the rest. An account that is not a key keeps all.
    """
    names = sorted(passed)
    kept = {k: 1 - sum(passed[k].values(), Fraction(0)) for k in names}
    visits = _inverse([[Fraction(k == j) - passed[k].get(j, Fraction(0)) for j in names] for k in names])
    settled = {}
    for row, k in enumerate(names):
        borne: dict[str, Fraction] = defaultdict(Fraction)
        for column, through in enumerate(names):
            cost = visits[row][column]
            borne[through] += cost * kept[through]
            for caller, fraction in passed[through].items():
                if caller not in passed:
                    borne[caller] += cost * fraction
        settled[k] = {account: borne[account] for account in sorted(borne) if borne[account]}
    return settled


def _callers(account: str, uses: list[Use]) -> dict[str, Fraction]:
    """The fraction of its reported use that an account spent on each of the others."""
    weights: dict[str, int] = defaultdict(int)
    for use in uses:
        if not use.provider:
            weights[use.caller if use.caller != account else ""] += use.weight
    whole = sum(weights.values())
    return {caller: Fraction(weight, whole) for caller, weight in sorted(weights.items()) if caller and weight}


def _endless(passed: Mapping[str, Mapping[str, Fraction]]) -> list[str]:
    """Accounts from which no cost can come to rest: they pass on all of it, and only to accounts like them."""
    endless = {k for k, callers in passed.items() if sum(callers.values()) == 1}
    while True:
        ends = {k for k in endless if any(caller not in endless for caller in passed[k])}
        if not ends:
            return sorted(endless)
        endless -= ends


def _inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Gauss-Jordan in rationals. The matrix is I - F with every cost coming to rest, hence regular."""
    size = len(matrix)
    rows = [[*row, *(Fraction(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for pivot in range(size):
        swap = next(i for i in range(pivot, size) if rows[i][pivot])
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        lead = rows[pivot][pivot]
        rows[pivot] = [value / lead for value in rows[pivot]]
        for i in range(size):
            factor = rows[i][pivot]
            if i != pivot and factor:
                rows[i] = [value - factor * base for value, base in zip(rows[i], rows[pivot], strict=True)]
    return [row[size:] for row in rows]


def _move(entries: Entries, moved: Entries, keys: list[EntryKey], service: str, shares: Mapping[str, Fraction]) -> None:
    """Move the entries of one account's service: each measure over ``shares``, what stays over the entries it came from."""
    account = keys[0].account
    bearers = [other for other in shares if other != account]
    fractions = [shares[other] for other in bearers]
    stays: list[list[int]] = []
    goes: list[list[int]] = []
    for measure in range(len(POSTING_MEASURES)):
        amounts = [entries.amounts[key][measure] for key in keys]
        whole = sum(amounts)
        passed = [whole * share.numerator // share.denominator for share in fractions]
        kept = whole - sum(passed)
        stays.append(apportion(kept, amounts) if kept else [0] * len(keys))
        goes.append(passed)
    for key, left in zip(keys, zip(*stays, strict=True), strict=True):
        moved.add(key, left, entries.flags[key], entries.counts[key])
    flags = set().union(*(entries.flags[key] for key in keys))
    for bearer, borne in zip(bearers, zip(*goes, strict=True), strict=True):
        moved.add(EntryKey(bearer, service, "", "", "{}", "shared"), borne, flags)
