"""From a call to its principal.

Identity comes from the credential and from nothing else (law 4): one ``authorization`` value of the scheme ``Bearer``, or a client
certificate of the connection, or both where they agree. A token that was verified is remembered until it expires, by its SHA-256,
because a signature costs more than most calls. The principal then travels in a context variable: grpc serves a call in a context of
its own, so that no call can see the principal of another.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from greencloud.errors import PermissionDeniedError
from greencloud.ledger.stop import Stop
from greencloud.server.credentials import Credential, Principal, refused
from greencloud.server.errors import BusyError
from greencloud.server.quota import Bucket
from greencloud.server.roles import METHODS, Permission, role_named

__all__ = [
    "CALLER",
    "FACTS",
    "Authenticator",
    "Facts",
    "Peer",
    "PeerVerifier",
    "Verifier",
    "caller",
    "deadline",
    "facts",
    "require",
]

CALLER: Final[ContextVar[Principal]] = ContextVar("greencloud.server.caller")
FACTS: Final[ContextVar[Facts]] = ContextVar("greencloud.server.facts")

_LONGEST_TOKEN = 8192
_VERIFIED_A_SECOND = 200  # a signature costs a fifth of a millisecond of the loop that takes calls, and anybody can send one
_VERIFIED_AT_ONCE = 2_000
_Metadata = Iterable[tuple[str, str | bytes]]
Peer = Callable[[], Mapping[bytes, Iterable[bytes]]]
"""Properties of the connection that a call came by (grpc's authentication context)."""


class Verifier(Protocol):
    """What checks a token: ``KeyStore``, or ``Issuers`` for those of others, too."""

    def credential(self, token: str, now: datetime) -> Credential: ...


class PeerVerifier(Protocol):
    """What knows client certificates: ``Certificates``. ``required``: nobody is let in without one that it knows."""

    required: bool

    def credential(self, peer: Mapping[bytes, Iterable[bytes]], now: datetime) -> Credential | None: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What a method of the API may want to know of its call. ``until``: when the answer must be there, by ``time.monotonic``;
    ``stop`` is set then, or when the caller is gone."""

    credential: Credential
    request_id: str
    until: float
    stop: Stop


def caller() -> Principal:
    """The principal of the call that this code serves."""
    return CALLER.get()


def facts() -> Facts:
    """What is known of the call of the API that this code serves."""
    return FACTS.get()


def deadline() -> float:
    """Seconds that are left for the answer, 0 if none. A call that brought no deadline has one by its method."""
    return max(0.0, FACTS.get().until - time.monotonic())


def require(permission: Permission) -> Principal:
    """The caller, if its role has the permission. The first thing that a method does.

    Raises:
        PermissionDeniedError: it has not.
    """
    principal = caller()
    _check(principal, permission)
    return principal


def authorise(principal: Principal, method: str) -> None:
    """Look the method up in the table of roles. Raises PermissionDeniedError, also for a method that is not in it."""
    try:
        permission = METHODS[method]
    except KeyError:
        raise PermissionDeniedError("nobody may call this method") from None
    if permission is not None:
        _check(principal, permission)


def _check(principal: Principal, permission: Permission) -> None:
    if not principal.may(permission):
        raise PermissionDeniedError(
            f"the role {principal.role} does not have the permission {permission}", advice="ask for a credential of another role"
        )


class Authenticator:
    """Resolves the principal of a call, with a bounded memory of tokens that were verified."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        clock: Callable[[], datetime],
        remembered: int = 10_000,
        certificates: PeerVerifier | None = None,
    ) -> None:
        self._verifier = verifier
        self._certificates = certificates
        self._clock = clock
        self._limit = remembered
        self._lock = threading.Lock()
        self._verifying = Bucket(_VERIFIED_A_SECOND, _VERIFIED_AT_ONCE, now=time.monotonic())
        self._known: dict[bytes, Credential] = {}  # oldest first; read without the lock

    def principal(self, metadata: _Metadata | None) -> Principal:
        """Who calls, by the token alone. Raises as ``credential``."""
        return self.credential(metadata).principal

    def credential(self, metadata: _Metadata | None, peer: Peer | None = None) -> Credential:
        """Who calls. ``peer`` gives what is known of the connection.

        Raises:
            UnauthenticatedError: no credential, more than one token, one that does not hold, or two that disagree.
            BusyError: too many that were never seen before, or keys of an issuer that are yet to come.
        """
        values = [value for key, value in metadata or () if key == "authorization"]  # HTTP/2 names are lower case
        certified = self._certificates.credential(peer(), self._clock()) if self._certificates and peer else None
        if len(values) > 1 or (self._certificates and self._certificates.required and not certified):
            raise refused()
        if not values and certified:
            return certified
        if not values or not isinstance(values[0], str):
            raise refused()
        by_token = self._by_token(values[0])
        if certified and not _same(by_token.principal, certified.principal):
            raise refused()
        return by_token

    def remaining(self, credential: Credential) -> float:
        """Seconds until the credential ends; negative within the leeway after that."""
        return (credential.expires - self._clock()).total_seconds()

    def _by_token(self, value: str) -> Credential:
        digest = hashlib.sha256(value.encode()).digest()
        now = self._clock()
        known = self._known.get(digest)
        if known and now < known.remembered_until:
            return known
        token = _bearer(value)
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
        return credential


def _same(one: Principal, other: Principal) -> bool:
    return role_named(one.role) is role_named(other.role) and one.account == other.account


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise refused()
    return token
