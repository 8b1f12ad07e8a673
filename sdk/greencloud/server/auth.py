"""From the metadata of a call to its principal.

Identity comes from the credential and from nothing else (law 4): one ``authorization`` value, scheme ``Bearer``. A token that
was verified is remembered until it expires, by its SHA-256, because a signature costs more than most calls. The principal then
travels in a context variable: grpc runs the interceptors and the handler of a call in one context of its own, so that no call
can see the principal of another.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import datetime
from typing import Final, Protocol

from greencloud.errors import PermissionDeniedError
from greencloud.server.credentials import Credential, Principal, refused

__all__ = ["CALLER", "Authenticator", "Verifier", "caller", "require_provider"]

CALLER: Final[ContextVar[Principal]] = ContextVar("greencloud.server.caller")

_LONGEST_TOKEN = 4096
_Metadata = Iterable[tuple[str, str | bytes]]


class Verifier(Protocol):
    """What checks a token: ``KeyStore``."""

    def credential(self, token: str, now: datetime) -> Credential: ...


def caller() -> Principal:
    """The principal of the call that this code serves."""
    return CALLER.get()


def require_provider(what: str) -> Principal:
    """The caller, if it is the provider.

    Raises:
        PermissionDeniedError: it is a tenant.
    """
    principal = caller()
    if principal.role != "provider":
        raise PermissionDeniedError(f"{what} is for the provider's credentials", advice="ask the provider")
    return principal


class Authenticator:
    """Resolves the principal of a call, with a bounded memory of tokens that were verified."""

    def __init__(self, verifier: Verifier, *, clock: Callable[[], datetime], remembered: int = 10_000) -> None:
        self._verifier = verifier
        self._clock = clock
        self._limit = remembered
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Credential] = OrderedDict()

    def principal(self, metadata: _Metadata | None) -> Principal:
        """Who calls.

        Raises:
            UnauthenticatedError: no credential, more than one, or one that does not hold.
        """
        token = _bearer(metadata or ())
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock()
        with self._lock:
            known = self._known.get(digest)
            if known and now < known.expires:
                self._known.move_to_end(digest)
                return known.principal
            self._known.pop(digest, None)
        credential = self._verifier.credential(token, now)
        with self._lock:
            self._known[digest] = credential
            while len(self._known) > self._limit:
                self._known.popitem(last=False)
        return credential.principal


def _bearer(metadata: _Metadata) -> str:
    values = [value for key, value in metadata if key.lower() == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        raise refused()
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise refused()
    return token
