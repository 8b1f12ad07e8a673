"""From the metadata of a call to its principal.

Identity comes from the credential and from nothing else (law 4): one ``authorization`` value, scheme ``Bearer``. A token that
was verified is remembered until it expires, by its SHA-256, because a signature costs more than most calls. The principal then
travels in a context variable: grpc runs the interceptors and the handler of a call in one context of its own, so that no call
can see the principal of another.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import datetime
from typing import Final, Protocol

from greencloud.errors import PermissionDeniedError
from greencloud.server.credentials import Credential, Principal, refused
from greencloud.server.errors import BusyError
from greencloud.server.quota import Bucket
from greencloud.server.roles import Permission

__all__ = ["CALLER", "Authenticator", "Verifier", "caller", "require"]

CALLER: Final[ContextVar[Principal]] = ContextVar("greencloud.server.caller")

_LONGEST_TOKEN = 4096
_VERIFIED_A_SECOND = 200  # a signature costs a fifth of a millisecond of the loop that takes calls, and anybody can send one
_VERIFIED_AT_ONCE = 2_000
_Metadata = Iterable[tuple[str, str | bytes]]


class Verifier(Protocol):
    """What checks a token: ``KeyStore``."""

    def credential(self, token: str, now: datetime) -> Credential: ...


def caller() -> Principal:
    """The principal of the call that this code serves."""
    return CALLER.get()


def require(permission: Permission) -> Principal:
    """The caller, if its role has the permission. The first thing that a method does.

    Raises:
        PermissionDeniedError: it has not.
    """
    principal = caller()
    if not principal.may(permission):
        raise PermissionDeniedError(
            f"the role {principal.role} does not have the permission {permission}", advice="ask for a credential of another role"
        )
    return principal


class Authenticator:
    """Resolves the principal of a call, with a bounded memory of tokens that were verified."""

    def __init__(self, verifier: Verifier, *, clock: Callable[[], datetime], remembered: int = 10_000) -> None:
        self._verifier = verifier
        self._clock = clock
        self._limit = remembered
        self._lock = threading.Lock()
        self._verifying = Bucket(_VERIFIED_A_SECOND, _VERIFIED_AT_ONCE, now=time.monotonic())
        self._known: dict[bytes, Credential] = {}  # oldest first; read without the lock

    def principal(self, metadata: _Metadata | None) -> Principal:
        """Who calls.

        Raises:
            UnauthenticatedError: no credential, more than one, or one that does not hold.
            BusyError: too many that were never seen before.
        """
        values = [value for key, value in metadata or () if key == "authorization"]  # HTTP/2 names are lower case
        if len(values) != 1 or not isinstance(values[0], str):
            raise refused()
        digest = hashlib.sha256(values[0].encode()).digest()
        now = self._clock()
        known = self._known.get(digest)
        if known and now < known.expires:
            return known.principal
        token = _bearer(values[0])
        with self._lock:
            if self._verifying.refusal(time.monotonic()):
                raise BusyError("more new credentials come than the server verifies", retry_after_s=1.0, cause="credentials")
            self._verifying.take(1, time.monotonic())
        credential = self._verifier.credential(token, now)
        with self._lock:
            self._known.pop(digest, None)
            self._known[digest] = credential
            while len(self._known) > self._limit:
                del self._known[next(iter(self._known))]
        return credential.principal


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise refused()
    return token
