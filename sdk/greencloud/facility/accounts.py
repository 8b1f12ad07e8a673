"""Account ids: the words by which tenants are known, kept apart from the names of pools.

An id is what ``cloud.account.id`` carries. It starts with a letter or digit and has no parentheses, blanks or control characters,
so that no tenant can pose as a pool such as "(unattributed)", and an id can stand in a file name, a URL or a table as it is.
"""

from __future__ import annotations

import re
from typing import Final

from greencloud.errors import FacilityError

__all__ = ["ACCOUNT_ID", "check_account_id"]

ACCOUNT_ID: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}\Z")


def check_account_id(account: str) -> str:
    """The id itself, when it is one.

    Raises:
        FacilityError: it is empty, too long, or has characters that an id may not have.
    """
    if not ACCOUNT_ID.match(account):
        raise FacilityError(
            f"{account!r} is not an account id",
            key="account",
            advice="use 1 to 128 letters, digits and . _ @ : / -, starting with a letter or digit",
        )
    return account
