"""Pages of one answer: every page reads the same version of the ledger, whatever is posted in between.

A page token is sealed (Fernet: encrypted and signed with a key of this installation) and holds the ledger's version, how far
the caller has come, and for whom and for which request it was made. It carries no authority: the caller is authorised anew on
each page, and a token that was made for another caller or another question, or when the caller saw other accounts than now, is
refused. It holds for three days.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from cryptography.fernet import Fernet, InvalidToken
from google.protobuf.message import Message

from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError

__all__ = ["LIFETIME_S", "PAGE_BYTES", "Cursor", "Pages", "fill"]

LIFETIME_S: Final = 3 * 24 * 3600
PAGE_BYTES: Final = 3 << 20
"""A page ends here even if it could hold more rows: stock clients take messages of 4 MiB."""

T = TypeVar("T")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins. ``version`` is the ledger's; None on the first page, where the latest is meant. ``within``: how
    much of what lies at the offset was on the pages before. Of a stream, ``within`` and ``row`` are the place that it reached."""

    version: int | None = None
    offset: int = 0
    within: int = 0
    row: int = 0


class Pages:
    """Seals and opens page tokens with ``key`` (32 bytes). ``field`` is what a request has them in."""

    def __init__(
        self,
        key: bytes,
        *,
        clock: Callable[[], datetime],
        members: Callable[[str], frozenset[str]] = lambda _: frozenset(),
        field: str = "page_token",
    ) -> None:
        self._members = members
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock
        self._field = field

    def named(self, field: str) -> Pages:
        """The same for requests that have their token in another field."""
        other = copy(self)
        other._field = field
        return other

    def seal(self, cursor: Cursor, request: Message, principal: Principal) -> str:
        at = [cursor.offset, cursor.within, cursor.row]
        content = {"version": cursor.version, "at": at, "for": self._binding(request, principal)}
        return self._fernet.encrypt_at_time(json.dumps(content).encode(), self._now()).decode()

    def open(self, request: Any, principal: Principal) -> Cursor:
        """The cursor in the request's token; the beginning where there is none.

        Raises:
            RequestError: the token is not ours, is too old, or was made for another request or caller.
        """
        if not (token := getattr(request, self._field)):
            return Cursor()
        try:
            sealed = self._fernet.decrypt_at_time(token.encode(), LIFETIME_S, self._now())
        except InvalidToken as error:
            raise RequestError([(self._field, "is not valid or has expired; begin again without one")]) from error
        content = json.loads(sealed)
        if "at" not in content:  # of the release before
            raise RequestError([(self._field, "has expired; begin again without one")])
        if content["for"] != self._binding(request, principal):
            text = "belongs to another request or to other accounts; only page_size may change between pages"
            raise RequestError([(self._field, text)])
        return Cursor(content["version"], *content["at"])

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def _binding(self, request: Message, principal: Principal) -> str:
        """A digest of the caller, the accounts that it sees, and every field but the page's own."""
        bare = type(request)()
        bare.CopyFrom(request)
        for field in ("page_token", "page_size", "resume_token"):
            if field in bare.DESCRIPTOR.fields_by_name:
                bare.ClearField(field)
        caller: list[object] = [principal.role, principal.account, bare.DESCRIPTOR.full_name]
        if principal.account and (members := self._members(principal.account)):
            caller.append(sorted(members))
        digest = hashlib.sha256(json.dumps(caller).encode())
        digest.update(bare.SerializeToString(deterministic=True))
        return digest.hexdigest()


def fill(values: Iterable[T], size: int, to_message: Callable[[T], M]) -> list[M]:
    """Messages of the first values: at most ``size`` of them and about ``PAGE_BYTES``, and at least one if there is any."""
    page: list[M] = []
    room = PAGE_BYTES
    for value in values:
        if len(page) == size:
            break
        message = to_message(value)
        room -= message.ByteSize() + 8
        if page and room < 0:
            break
        page.append(message)
    return page
