"""Tokens of others: JWTs (RFC 7519) that an issuer named in the auth file signs, and what its claims make of the caller.

A token is looked at by the issuer that it names and by no other, with that issuer's keys and algorithms; what its header says of
keys beside the key id (``jku``, ``x5u``, ``jwk``) counts for nothing. Issuer, audience, expiry and the other times are checked
with our clock. The role comes from the issuer's table, by the value of one claim: what is not in the table is refused, and so is a
caller whose values name several roles. An issuer of the side ``tenant`` can never make anybody of the provider's side, and one with
a list of accounts nobody of another account.

A token that holds is looked at anew after five minutes, so that one of a key that was withdrawn ends then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import jwt
import jwt.types

from greencloud.server.credentials import ISSUER, MALFORMED, Credential, Principal, check_principal, refused
from greencloud.server.keysets import PublicKey
from greencloud.server.roles import Role, side_of

__all__ = ["Issuer", "Issuers", "KeyFinder"]

_LOOK_AGAIN: Final = timedelta(minutes=5)
_LONGEST_SUBJECT: Final = 255
_MOST_VALUES: Final = 1_000
_CHECKS: Final = jwt.types.Options(require=["iss", "aud", "exp", "sub"], verify_exp=False, verify_nbf=False, verify_iat=False)
_UNREAD: Final = jwt.types.Options(verify_signature=False)


class KeyFinder(Protocol):
    """``KeySet``."""

    def key(self, kid: str, algorithm: str) -> PublicKey | None: ...

    def close(self) -> None: ...


class Own(Protocol):
    """``KeyStore``."""

    def credential(self, token: str, now: datetime) -> Credential: ...

    def page_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may sign tokens, and what they say. ``roles``: role by value of the claim ``role_claim``; ``accounts``: None for any.

    A claim is named as it is, or by the way to it through objects, as in ``realm_access.roles``.
    """

    issuer: str
    audience: str
    keys: KeyFinder
    roles: Mapping[str, Role]
    algorithms: tuple[str, ...]
    role_claim: str = "role"
    account_claim: str = "account"
    accounts: frozenset[str] | None = None
    leeway: timedelta = timedelta(seconds=60)

    def credential(self, token: str, now: datetime) -> Credential:
        """Who the token proves the caller to be.

        Raises:
            UnauthenticatedError: it proves nothing, always with the same text.
            BusyError: the key may come.
        """
        try:
            header = jwt.get_unverified_header(token)
            kid, algorithm = header["kid"], header["alg"]
            if algorithm not in self.algorithms or not isinstance(kid, str) or "crit" in header:
                raise ValueError("kid, alg or crit")
            key = self.keys.key(kid, algorithm)
            if key is None:
                raise ValueError("kid")
            claims = jwt.decode(token, key, algorithms=[algorithm], audience=self.audience, issuer=self.issuer, options=_CHECKS)
            return Credential(self._principal(claims), self._expiry(claims, now), now + _LOOK_AGAIN)
        except MALFORMED as error:
            raise refused() from error

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise ValueError("sub")
        (role,) = {self.roles[value] for value in _values(_claim(claims, self.role_claim)) if value in self.roles}
        account = ""
        if side_of(role) == "tenant":
            account = _claim(claims, self.account_claim)
            if not isinstance(account, str) or (self.accounts is not None and account not in self.accounts):
                raise ValueError("account")
        check_principal(role, account)
        return Principal(role.value, account, subject, self.issuer)

    def _expiry(self, claims: Mapping[str, Any], now: datetime) -> datetime:
        expires = _instant(claims["exp"])
        begun = [_instant(claims[name]) for name in ("nbf", "iat") if name in claims]
        if now - self.leeway >= expires or any(instant > now + self.leeway for instant in begun):
            raise ValueError("time")
        return expires


class Issuers:
    """Our own tokens and those of others, each by the issuer that it names."""

    def __init__(self, own: Own, issuers: Sequence[Issuer], *, close: Callable[[], None] = lambda: None) -> None:
        self._own = own
        self._issuers = {each.issuer: each for each in issuers}
        self._close = close
        assert ISSUER not in self._issuers, "our own name is nobody else's"

    def credential(self, token: str, now: datetime) -> Credential:
        """Raises UnauthenticatedError or BusyError."""
        try:
            named: Any = jwt.decode(token, options=_UNREAD).get("iss") if self._issuers else ISSUER
            issuer = self._issuers.get(named)
        except MALFORMED as error:
            raise refused() from error
        return (issuer or self._own).credential(token, now)

    def page_key(self) -> bytes:
        return self._own.page_key()

    def close(self) -> None:
        """Fetch keys no more."""
        self._close()
        for issuer in self._issuers.values():
            issuer.keys.close()


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            raise ValueError("no such claim")
        found = found[part]
    return found


def _values(said: Any) -> list[str]:
    """A text, or a list of at most 1,000 of them."""
    values = [said] if isinstance(said, str) else said
    if not isinstance(values, list) or len(values) > _MOST_VALUES or not all(isinstance(value, str) for value in values):
        raise ValueError("role")
    return values


def _instant(said: Any) -> datetime:
    """A NumericDate, which may have a fraction."""
    if type(said) not in (int, float):
        raise ValueError("exp, nbf or iat")
    return datetime.fromtimestamp(said, UTC)
