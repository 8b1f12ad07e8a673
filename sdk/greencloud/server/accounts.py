"""Which accounts a caller may ask about: a tenant its own and those it pays for, in the same words whether or not another exists
(AIP-211).

This is looked at before anything else of a request: who may not ask is not told what is wrong with the question. Who pays for whom
is said by the facility book in force when the question comes (``Services.members``); telemetry is of a caller's own account always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from greencloud.errors import PermissionDeniedError
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal

__all__ = ["Members", "allowed_account", "allowed_accounts", "is_tenant"]

Members = Callable[[str], frozenset[str]]
"""The accounts that an account pays for, through others too, without itself."""


def is_tenant(principal: Principal) -> bool:
    """Whether what is of others is to be kept from the caller."""
    return principal.side != "provider"


def allowed_accounts(asked: Sequence[str], principal: Principal, members: Members) -> tuple[str, ...] | None:
    """The accounts that a question is narrowed to, without repeats; None for all.

    Raises:
        PermissionDeniedError: a tenant asks for another than its own and those it pays for.
    """
    if not is_tenant(principal):
        return tuple(dict.fromkeys(asked)) or None
    paid_for = members(principal.account)
    for account in asked:
        if account != principal.account and account not in paid_for:
            raise PermissionDeniedError(
                f"permission denied on account {account[:128]!r} (or it might not exist)",
                advice="ask for your own account or one that it pays for, or leave it out",
            )
    return tuple(dict.fromkeys(asked)) or (principal.account, *sorted(paid_for - {principal.account}))


def allowed_account(asked: str, principal: Principal, checks: Checks, members: Members) -> str:
    """The one account that a question is about: a tenant's own where none is named. A fault where a provider names none.

    Raises:
        PermissionDeniedError: a tenant asks for another than its own and those it pays for.
    """
    (account, *_) = allowed_accounts([asked] if asked else [], principal, members) or ("",)
    if not account:
        checks.fault("account", "is required")
    checks.values("account", [account])
    return account
