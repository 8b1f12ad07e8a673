"""The auth file of ``greencloud serve --auth``: who else may vouch for callers, and how much an account may ask.

::

    [[issuers]]
    issuer = "https://login.example.com"       # as its tokens say it, in iss
    audience = "greencloud"                    # what they must say in aud
    jwks = "https://login.example.com/keys"    # or a file, beside this one
    algorithms = ["RS256"]                     # of RS256, ES256, EdDSA; all of them by default
    role_claim = "groups"                      # "role" by default; realm_access.roles goes into objects
    account_claim = "tenant_id"                # "account" by default; its value is the account
    roles = { carbon-readers = "customer.viewer" }
    side = "tenant"                            # the default: no role of the provider's side; "provider" allows them
    accounts = ["acme", "globex"]              # optional: of no other accounts
    leeway_s = 60                              # how far clocks may differ, 300 at the most

    [[certificates]]                           # with --tls-client-ca
    san = "spiffe://example.com/agent"         # or a DNS name
    role = "provider.writer"
    account = ""                               # for the roles of customers

    [tls]
    identity = "either"                        # a known certificate or a token; "certificate": never a token alone

    [limits]                                   # of a customer's account, in each worker
    requests_per_second = 100                  # of the API, saved up for 4 s; 0 for any
    questions = 32                             # at once
    exports = 2                                # at once
    all_exports = 8                            # of all accounts together
"""

from __future__ import annotations

import ipaddress
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from greencloud.errors import FacilityError
from greencloud.facility import check_account_id
from greencloud.server.certificates import Certificates, NamedClient
from greencloud.server.credentials import ISSUER, check_principal
from greencloud.server.errors import AuthFileError
from greencloud.server.issuers import Issuer, Issuers, Own
from greencloud.server.keysets import ALGORITHMS, KeySet, fetch
from greencloud.server.quota import Policy
from greencloud.server.roles import Role, side_of

__all__ = ["AuthFile", "IssuerEntry", "read_auth_file"]

_MOST_ISSUERS: Final = 64
_LONGEST_LEEWAY_S: Final = 300
_KEYS: Final = {
    "issuers": (
        *("issuer", "audience", "jwks", "algorithms", "role_claim", "account_claim"),
        *("roles", "side", "accounts", "leeway_s"),
    ),
    "certificates": ("san", "role", "account"),
    "tls": ("identity",),
    "limits": ("requests_per_second", "questions", "exports", "all_exports"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEntry:
    """An issuer as it is written. ``jwks`` is an address or a file."""

    issuer: str
    audience: str
    jwks: str | Path
    algorithms: tuple[str, ...]
    role_claim: str
    account_claim: str
    roles: Mapping[str, Role]
    accounts: frozenset[str] | None
    leeway_s: float


@dataclass(frozen=True, slots=True)
class AuthFile:
    """What the file says; nothing, where there is none."""

    issuers: tuple[IssuerEntry, ...] = ()
    clients: tuple[NamedClient, ...] = ()
    required: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)

    def verifier(self, own: Own) -> Issuers:
        """Checks our tokens and those of the issuers, whose keys are fetched from now on until it is closed."""
        found = []
        for entry in self.issuers:
            keys = KeySet(entry.issuer, lambda place=entry.jwks: fetch(place))  # type: ignore[misc]
            keys.start()
            found.append(
                Issuer(
                    issuer=entry.issuer,
                    audience=entry.audience,
                    keys=keys,
                    roles=entry.roles,
                    algorithms=entry.algorithms,
                    role_claim=entry.role_claim,
                    account_claim=entry.account_claim,
                    accounts=entry.accounts,
                    leeway=timedelta(seconds=entry.leeway_s),
                )
            )
        return Issuers(own, found)

    def certificates(self) -> Certificates:
        return Certificates(self.clients, required=self.required)

    def policy(self, policy: Policy) -> Policy:
        """The policy with the limits of the file."""
        said, of_each = self.limits, policy.tenant
        tenant = replace(
            of_each,
            requests=said.get("requests_per_second", of_each.requests),
            questions=int(said.get("questions", of_each.questions)),
            exports=int(said.get("exports", of_each.exports)),
        )
        return replace(policy, tenant=tenant, exports=int(said.get("all_exports", policy.exports)))


def read_auth_file(path: Path) -> AuthFile:
    """Raises AuthFileError, which names the entry and key, and what to write."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AuthFileError(f"{path} cannot be read: {error.strerror}", path=str(path), advice="check --auth") from error
    except (ValueError, RecursionError) as error:
        raise AuthFileError(f"{path} is not TOML: {error}", path=str(path), advice="correct it; toml.io shows how") from error
    top = _Table(path, "the file", said)
    top.know(tuple(_KEYS))
    issuers = tuple(_issuer(table) for table in top.tables("issuers"))
    if len(issuers) > _MOST_ISSUERS:
        raise top.wrong("issuers", f"has more than {_MOST_ISSUERS}")
    clients = tuple(_client(table) for table in top.tables("certificates"))
    for key, names in (("issuers", [each.issuer for each in issuers]), ("certificates", [each.name for each in clients])):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise top.wrong(key, f"names {twice[0]!r} twice")
    tls, limits = top.table("tls"), top.table("limits")
    return AuthFile(issuers, clients, tls.choice("identity", ("either", "certificate"), "either") == "certificate", _limits(limits))


def _issuer(table: _Table) -> IssuerEntry:
    issuer = table.text("issuer")
    if issuer == ISSUER:
        raise table.wrong("issuer", f"is {ISSUER!r}, which is the name of this installation itself")
    algorithms = table.texts("algorithms", ALGORITHMS)
    if not algorithms or set(algorithms) - set(ALGORITHMS):
        raise table.wrong("algorithms", f"must be some of {', '.join(ALGORITHMS)}")
    side = table.choice("side", ("tenant", "provider"), "tenant")
    said = table.values.get("roles")
    if not isinstance(said, dict) or not said:
        raise table.wrong("roles", 'is needed: roles = { "value of the claim" = "customer.viewer" }')
    roles = {value: _role(table, "roles", role) for value, role in said.items()}
    if beyond := sorted(role for role in roles.values() if side == "tenant" and side_of(role) != "tenant"):
        raise table.wrong("roles", f'gives {beyond[0].value}, which an issuer of side = "tenant" may not: write side = "provider"')
    accounts = None
    if "accounts" in table.values:
        accounts = frozenset(table.texts("accounts", ()))
        for account in accounts:
            table.account("accounts", account)
    return IssuerEntry(
        issuer=issuer,
        audience=table.text("audience"),
        jwks=_place(table, table.text("jwks")),
        algorithms=tuple(algorithms),
        role_claim=table.text("role_claim", "role"),
        account_claim=table.text("account_claim", "account"),
        roles=roles,
        accounts=accounts,
        leeway_s=table.number("leeway_s", 60, most=_LONGEST_LEEWAY_S),
    )


def _client(table: _Table) -> NamedClient:
    name, role, account = table.text("san"), _role(table, "role", table.text("role")), table.values.get("account", "")
    if not isinstance(account, str):
        raise table.wrong("account", "must be text")
    try:
        check_principal(role, account)
    except FacilityError as error:
        raise table.wrong("account", f"does not go with the role {role.value}: {error.message}") from None
    if "*" in name:
        raise table.wrong("san", "has *, and a name stands for itself alone")
    return NamedClient(name if "://" in name else name.lower(), role, account)


def _role(table: _Table, key: str, said: object) -> Role:
    try:
        return Role(str(said))
    except ValueError:
        raise table.wrong(key, f"has {said!r}; roles are {', '.join(Role)}") from None


def _limits(table: _Table) -> dict[str, float]:
    least = {"requests_per_second": 0.0, "questions": 1, "exports": 0, "all_exports": 0}
    found = {key: table.number(key, least[key], least=least[key], most=1_000_000) for key in _KEYS["limits"] if key in table.values}
    for key, value in found.items():
        if key != "requests_per_second" and value != int(value):
            raise table.wrong(key, "must be a whole number")
    return found


def _place(table: _Table, said: str) -> str | Path:
    if "://" not in said:
        return table.path.parent / said
    try:
        parts = urlsplit(said)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise table.wrong("jwks", f"{said!r} is not an address") from None
    near = parts.scheme == "http" and _loopback(host)
    if not host or not (parts.scheme == "https" or near) or "@" in parts.netloc or not said.isascii() or not said.isprintable():
        raise table.wrong("jwks", f"{said!r} must be https://HOST/..., or http:// of this machine, without a user")
    return said


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file; ``name`` is how an error calls it."""

    path: Path
    name: str
    values: Mapping[str, Any]

    def wrong(self, key: str, text: str) -> AuthFileError:
        return AuthFileError(
            f"{self.path}: {self.name}: {key} {text}", path=str(self.path), key=key, advice="docs/access.md shows it"
        )

    def know(self, keys: tuple[str, ...]) -> _Table:
        for key in self.values:
            if key not in keys:
                raise self.wrong(key, f"means nothing here; there are {', '.join(keys)}")
        return self

    def table(self, key: str) -> _Table:
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, f"must be a table, [{key}]")
        return _Table(self.path, f"[{key}]", found).know(_KEYS[key])

    def tables(self, key: str) -> list[_Table]:
        found = self.values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(key, f"must be written as [[{key}]]")
        return [_Table(self.path, f"[[{key}]] {at + 1}", each).know(_KEYS[key]) for at, each in enumerate(found)]

    def text(self, key: str, default: str = "") -> str:
        found = self.values.get(key, default)
        if not isinstance(found, str) or not found or not found.isprintable():
            raise self.wrong(key, "must be text" if key in self.values else "is needed")
        return found

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        found = self.values.get(key, default)
        if not isinstance(found, list | tuple) or not all(isinstance(each, str) and each for each in found):
            raise self.wrong(key, "must be a list of texts")
        return tuple(found)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        found = self.values.get(key, default)
        if found not in choices:
            raise self.wrong(key, f"must be one of {', '.join(choices)}")
        return str(found)

    def number(self, key: str, default: float, *, least: float = 0, most: float) -> float:
        found = self.values.get(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or not least <= found <= most:
            raise self.wrong(key, f"must be a number from {least:g} to {most:g}")
        return found

    def account(self, key: str, account: str) -> None:
        try:
            check_account_id(account)
        except FacilityError as error:
            raise self.wrong(key, error.message) from None
