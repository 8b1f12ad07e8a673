"""Who calls: bearer tokens that this installation signs and checks with its own key.

A ``KeyStore`` is a folder that only its owner can read. It holds one Ed25519 key, made on first use, and ``issued.jsonl``: one
line for each token that was given out, with its account and expiry and never the token itself. A token is a JWT (RFC 7519)
signed with EdDSA (RFC 8037); the key is named by its RFC 7638 thumbprint, and only keys of this folder are ever consulted,
whatever a token's header asks for.

A credential is of one of the roles of ``greencloud.server.roles``, or of a former one, ``tenant`` or ``provider``. There is no
list of revoked tokens: they end by expiry, so keep them short, and replace the key to end them all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
import jwt.types
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from greencloud.errors import FacilityError, QuantityError, StoreError, UnauthenticatedError
from greencloud.facility import check_account_id
from greencloud.server.roles import FORMER_ROLES, Permission, Role, Side, permissions_of, role_named, side_of

__all__ = ["ISSUER", "LEEWAY", "LONGEST", "MALFORMED", "ROLES", "Credential", "KeyStore", "Principal", "check_principal", "refused"]

ROLES: Final = (*(role.value for role in Role), *FORMER_ROLES)
LEEWAY: Final = timedelta(seconds=60)
"""How far the clocks of two machines of one installation may differ."""

LONGEST: Final = timedelta(days=366)
"""No token lives longer, because none can be revoked alone."""

ISSUER: Final = "greencloud"
"""Issuer and audience: a token of another system that shares a key is not one of ours."""

_LONGEST_SUBJECT: Final = 255
_CLAIMS: Final = ("iss", "aud", "sub", "role", "account", "iat", "nbf", "exp", "jti")
_CHECKS: Final = jwt.types.Options(require=list(_CLAIMS), verify_exp=False, verify_nbf=False, verify_iat=False)  # times: below


MALFORMED: Final = (jwt.PyJWTError, FacilityError, ValueError, OverflowError, TypeError, KeyError, AttributeError, RecursionError)
"""What the reading of a token raises that is not one, or is one that was made to do harm, as of a thousand brackets."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``account`` is "" on the provider's side. ``role``: see ``greencloud.server.roles``. ``issuer`` vouches for it."""

    role: str
    account: str
    subject: str
    issuer: str = ISSUER

    @property
    def side(self) -> Side:
        return side_of(role_named(self.role))

    def may(self, permission: Permission) -> bool:
        return permission in permissions_of(role_named(self.role))


@dataclass(frozen=True, slots=True)
class Credential:
    """A principal, and until when what proves it holds. ``look_again``: when to look at the proof anew, if before that."""

    principal: Principal
    expires: datetime
    look_again: datetime | None = None

    @property
    def remembered_until(self) -> datetime:
        return min(self.expires, self.look_again or self.expires)


def check_principal(role: str, account: str) -> None:
    """Raises FacilityError if the role needs an account and this is none, or if there is one and the role needs none."""
    if side_of(role_named(role)) == "tenant":
        check_account_id(account)
    elif account:
        raise FacilityError("a provider's token is not for one account", key="account", advice="leave the account out")


def refused() -> UnauthenticatedError:
    """One text for every fault of a credential, so that the answer helps nobody to forge one."""
    return UnauthenticatedError(
        "the call carries no valid credential",
        advice="send one bearer token as metadata, authorization: Bearer TOKEN; the provider issues it with: greencloud token",
    )


class KeyStore:
    """Issues and checks bearer tokens with the key in ``directory``."""

    def __init__(self, directory: Path, *, unique: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._directory = directory
        self._unique = unique
        self._lock = threading.Lock()
        self._loaded: tuple[str, Ed25519PrivateKey] | None = None

    def issue(self, role: str, account: str, *, ttl: timedelta, now: datetime, subject: str = "") -> str:
        """A signed token for the role, noted in ``issued.jsonl`` before it is given out. ``subject``: the person that it is for;
        empty: the account, or the role, which is nobody in particular.

        Raises:
            FacilityError: the account id is not one, or a provider's token was asked for one account.
            QuantityError: the role, the time to live or the subject is not allowed.
        """
        if role not in ROLES:
            raise QuantityError(f"there is no role {role!r}", advice=f"roles: {', '.join(ROLES)}")
        if not timedelta(0) < ttl <= LONGEST:
            raise QuantityError(f"a token cannot live {ttl}", advice=f"choose more than zero and at most {LONGEST.days} days")
        check_principal(role, account)
        plain = subject.isprintable() and subject == subject.strip() and not subject.startswith("local:")
        if len(subject) > _LONGEST_SUBJECT or not plain:
            advice = f"write up to {_LONGEST_SUBJECT} characters, without blanks around them; local: is for users of the system"
            raise QuantityError(f"the subject {subject[:64]!r} is not one", advice=advice)
        issued, token_id = int(now.timestamp()), self._unique()
        expires = issued + int(ttl.total_seconds())
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": subject or account or role,
            "role": role,
            "account": account,
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "jti": token_id,
        }
        kid, key = self._key()
        token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})
        self._note({"jti": token_id, "role": role, "account": account, "subject": subject, "issued": issued, "expires": expires})
        return token

    def verify(self, token: str, now: datetime) -> Principal:
        """Who the token proves the caller to be. Raises UnauthenticatedError, always with the same text."""
        return self.credential(token, now).principal

    def credential(self, token: str, now: datetime) -> Credential:
        """The same, with the expiry."""
        kid, key = self._key()
        try:
            if jwt.get_unverified_header(token).get("kid") != kid:
                raise jwt.InvalidKeyError
            claims = jwt.decode(
                token,
                key.public_key(),
                algorithms=["EdDSA"],
                audience=ISSUER,
                issuer=ISSUER,
                options=_CHECKS,
            )
            return _credential(claims, now)
        except MALFORMED as error:
            raise refused() from error

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        kid, key = self._key()
        return {"keys": [_jwk(key) | {"kid": kid, "use": "sig", "alg": "EdDSA"}]}

    def close(self) -> None:
        """Nothing is held open."""

    def page_key(self) -> bytes:
        """A 32-byte secret of this installation for sealing page tokens, derived so that one file is all there is to guard."""
        _, key = self._key()
        return HKDF(hashes.SHA256(), length=32, salt=None, info=b"greencloud page tokens").derive(key.private_bytes_raw())

    def accounts_issued(self) -> list[str]:
        """Accounts that a tenant's token was ever issued for, sorted."""
        path = self._directory / "issued.jsonl"
        if not path.exists():
            return []
        found = set()
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # cut by a crash; its token was never given out
                continue
            found.add(entry["account"])
        return sorted(found - {""})

    def _note(self, entry: dict[str, Any]) -> None:
        path = self._directory / "issued.jsonl"
        line = json.dumps(entry, sort_keys=True).encode() + b"\n"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
            os.write(descriptor, line if whole else b"\n" + line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _key(self) -> tuple[str, Ed25519PrivateKey]:
        with self._lock:
            if self._loaded is None:
                key = _read(self._directory / "signing-key.pem") or _make(self._directory)
                self._loaded = (_thumbprint(key), key)
            return self._loaded


def _credential(claims: dict[str, Any], now: datetime) -> Credential:
    """The registered claims with our own clock and leeway; types are checked because a signature does not check them."""
    role, account, subject = claims["role"], claims["account"], claims["sub"]
    instants = [claims[name] for name in ("iat", "nbf", "exp")]
    if not isinstance(role, str) or role not in ROLES or not isinstance(account, str) or not isinstance(subject, str):
        raise ValueError("role, account or subject")
    if any(type(instant) is not int for instant in instants):
        raise ValueError("iat, nbf or exp")
    check_principal(role, account)
    issued, not_before, expires = (datetime.fromtimestamp(instant, UTC) for instant in instants)
    if max(issued, not_before) > now + LEEWAY or now - LEEWAY >= expires:
        raise ValueError("time")
    return Credential(Principal(role, account, subject), expires)


def _read(path: Path) -> Ed25519PrivateKey | None:
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror}", path=str(path), advice="run as the user that owns the data directory"
        ) from error
    if mode & 0o077:
        raise StoreError(f"others can read the signing key {path}", path=str(path), advice=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{path} is not a key", path=str(path), advice="restore it, or move it away and issue new tokens"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} is not an Ed25519 key", path=str(path), advice="move it away and issue new tokens")
    return key


def _make(directory: Path) -> Ed25519PrivateKey:
    """Write a new key whole under another name, then link it, so that of two makers one wins and nobody reads half a key."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    final = directory / "signing-key.pem"
    fresh = directory / f".signing-key.{secrets.token_hex(8)}"
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, pem)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        final.hardlink_to(fresh)
    except FileExistsError:
        pass  # another process was first; its key is the key
    finally:
        fresh.unlink()
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    key = _read(final)
    assert key is not None
    return key


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_key().public_bytes_raw())}


def _thumbprint(key: Ed25519PrivateKey) -> str:
    canonical = json.dumps(_jwk(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
