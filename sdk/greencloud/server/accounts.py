"""Which accounts a caller may ask about: a tenant its own, in the same words whether or not another exists (AIP-211).

This is looked at before anything else of a request: who may not ask is not told what is wrong with the question.
"""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.errors import PermissionDeniedError
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal

__all__ = ["allowed_account", "allowed_accounts", "is_tenant"]


def is_tenant(principal: Principal) -> bool:
    """Whether what is of others is to be kept from the caller."""
    return principal.side != "provider"


def allowed_accounts(asked: Sequence[str], principal: Principal) -> tuple[str, ...] | None:
    """The accounts that a question is narrowed to; None for all.

    Raises:
        PermissionDeniedError: a tenant asks for another than its own.
    """
    if not is_tenant(principal):
        return tuple(asked) or None
    for account in asked:
        if account != principal.account:
            raise PermissionDeniedError(
                f"permission denied on account {account[:128]!r} (or it might not exist)",
                advice="ask for your own account, or leave it out",
            )
    return (principal.account,)


def allowed_account(asked: str, principal: Principal, checks: Checks) -> str:
    """The one account that a question is about: a tenant's own where none is named. A fault where a provider names none.

    Raises:
        PermissionDeniedError: a tenant asks for another than its own.
    """
    (account,) = allowed_accounts([asked] if asked else [], principal) or ("",)
    if not account:
        checks.fault("account", "is required")
    checks.values("account", [account])
    return account
