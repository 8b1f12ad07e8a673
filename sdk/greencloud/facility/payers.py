"""Who pays for whom: an account may name its payer, which may see what its members are charged, through others too.

The accounts of a book are a forest: each has one payer at the most, and no account pays for itself by way of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from greencloud.errors import FacilityError
from greencloud.facility.entry import Entry, did_you_mean
from greencloud.facility.values import Account, AccountKind

__all__ = ["members_of", "payer_mistakes"]


def members_of(accounts: Mapping[str, Account]) -> dict[str, frozenset[str]]:
    """For each account that pays for others: all that it pays for, through others too, without itself."""
    found: dict[str, set[str]] = {}
    for account in accounts.values():
        seen, payer = {account.id}, account.payer
        while payer and payer not in seen:
            found.setdefault(payer, set()).add(account.id)
            seen.add(payer)
            payer = accounts[payer].payer if payer in accounts else ""
    return {payer: frozenset(members) for payer, members in found.items()}


def payer_mistakes(read: Sequence[tuple[Entry, Account]]) -> Iterator[FacilityError]:
    """Payers that are not in the book or internal, and circles; one error for each circle."""
    accounts = {account.id: account for _, account in read}
    in_circles: set[str] = set()
    for entry, account in read:
        payer = account.payer
        if not payer:
            continue
        if payer not in accounts:
            advice = did_you_mean(payer, accounts, "add an [[accounts]] entry for it, or name one that is there")
            yield entry.error("payer", f"payer {payer!r} is not in accounts", advice)
        elif accounts[payer].kind is not AccountKind.TENANT:
            yield entry.error("payer", f"payer {payer!r} is internal, which pays for nobody", "name a tenant")
        elif account.id not in in_circles and (circle := _circle(account.id, accounts)):
            in_circles.update(circle)
            told = " -> ".join([*circle[:8], "..."] if len(circle) > 8 else [*circle, circle[0]])
            yield entry.error("payer", f"account {account.id!r} pays for itself: {told}", "remove one payer of the circle")


def _circle(start: str, accounts: Mapping[str, Account]) -> list[str]:
    """The accounts from ``start`` by payers back to it; nothing where they do not lead back."""
    path, at = [start], accounts[start].payer
    while at in accounts and at != start and len(path) <= len(accounts):
        path.append(at)
        at = accounts[at].payer
    return path if at == start else []
