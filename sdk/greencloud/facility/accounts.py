"""Account ids: ``cloud.account.id``, the tenant. Pools are written in parentheses, which no account id may hold."""

from __future__ import annotations

import re
from typing import Final

from greencloud.errors import FacilityError

__all__ = ["ACCOUNT_ID", "check_account_id"]

ACCOUNT_ID: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$")


def check_account_id(account: str) -> str:
    """Give the id back if it is one.

    Raises:
        FacilityError: it is not; names of pools, such as ``(unsold)``, never are.
    """
    if not ACCOUNT_ID.fullmatch(account):
        raise FacilityError(
            f"{account[:128]!r} is not an account id",
            key="account",
            advice="use 1 to 128 letters, digits and . _ @ : / - and begin with a letter or digit",
        )
    return account
