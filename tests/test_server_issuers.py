"""Tokens of other issuers: what one says counts if its issuer signed it, and makes nobody more than the auth file allows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import UnauthenticatedError
from greencloud.server import KeyStore
from greencloud.server.auth import Authenticator
from greencloud.server.auth_file import AuthFile, read_auth_file
from greencloud.server.credentials import Principal, refused
from greencloud.server.errors import AuthFileError, BusyError
from greencloud.server.issuers import Issuer, Issuers
from greencloud.server.keysets import ALGORITHMS, PublicKey, keys_of
from greencloud.server.quota import Policy
from greencloud.server.roles import Role
from inprocess import NOW, serving
from sending import wait_for
from test_server_keysets import EC, ED, RSA, jwk, key_set, site

NAME = "https://login.example.com"
PRIVATE: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}
SET = key_set(*(jwk(key, algorithm) for algorithm, key in PRIVATE.items()))
HOUR = timedelta(hours=1)
NOW_S = int(NOW.timestamp())


class Keys:
    """A key set at rest."""

    def __init__(self, content: bytes = SET) -> None:
        self.known = keys_of(content)

    def key(self, kid: str, algorithm: str) -> PublicKey | None:
        return self.known.get((kid, algorithm))

    def close(self) -> None: ...


def issuer(**changes: Any) -> Issuer:
    usual: dict[str, Any] = {
        "issuer": NAME,
        "audience": "greencloud",
        "keys": Keys(),
        "roles": {"reader": Role.CUSTOMER_VIEWER, "admin": Role.CUSTOMER_ADMIN},
        "algorithms": ALGORITHMS,
    }
    return Issuer(**usual | changes)


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"iss": NAME, "aud": "greencloud", "sub": "ada", "exp": NOW_S + 3600, "role": "reader", "account": "acme"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(content: Any, algorithm: str = "ES256", key: Any = None, **header: Any) -> str:
    """By hand, because PyJWT refuses to sign what is wrong."""
    head = {"alg": algorithm, "kid": algorithm, "typ": "JWT"} | header
    body = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, content))
    using = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm, "EdDSA": jwt.algorithms.OKPAlgorithm}
    maker: Any = using[algorithm](**({} if algorithm == "EdDSA" else {"hash_alg": using[algorithm].SHA256}))  # type: ignore[attr-defined]
    mark = maker.sign(body.encode(), key or PRIVATE[algorithm])
    return f"{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore(tmp_path_factory.mktemp("own") / "keys")


def who(own: KeyStore, token: str, **changes: Any) -> Principal:
    return Issuers(own, [issuer(**changes)]).credential(token, NOW).principal


def assert_refused(own: KeyStore, token: str, **changes: Any) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        who(own, token, **changes)
    assert str(caught.value) == str(refused())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_makes_the_caller_what_the_table_says(own: KeyStore, algorithm: str) -> None:
    assert who(own, signed(claims(), algorithm)) == Principal("customer.viewer", "acme", "ada", NAME)


def test_our_own_tokens_go_on(own: KeyStore) -> None:
    token = own.issue("provider.analyst", "", ttl=HOUR, now=NOW)

    assert who(own, token) == Principal("provider.analyst", "", "provider.analyst", "greencloud")


def test_nobody_else_can_be_us(own: KeyStore) -> None:
    assert_refused(own, signed(claims(iss="greencloud")))
    assert_refused(own, own.issue("provider.admin", "", ttl=HOUR, now=NOW)[:-3] + "AAA")


WRONG: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://other.example.com"},
    "issuer list": {"iss": [NAME]},
    "no issuer": {"iss": None},
    "audience": {"aud": "other"},
    "audience list": {"aud": ["other", "another"]},
    "audience kind": {"aud": {"greencloud": 1}},
    "no audience": {"aud": None},
    "no expiry": {"exp": None},
    "expired": {"exp": NOW_S - 61},
    "expiry text": {"exp": str(NOW_S + 60)},
    "expiry true": {"exp": True},
    "expiry far": {"exp": 10**30},
    "expiry infinite": {"exp": float("inf")},
    "expiry nan": {"exp": float("nan")},
    "not yet": {"nbf": NOW_S + 61},
    "not yet text": {"nbf": "0"},
    "of tomorrow": {"iat": NOW_S + 86_400},
    "no role": {"role": None},
    "unmapped role": {"role": "provider.admin"},
    "role list of none": {"role": []},
    "unmapped roles": {"role": ["x", "y"]},
    "two roles": {"role": ["reader", "admin"]},
    "role object": {"role": {"reader": 1}},
    "role numbers": {"role": ["reader", 7]},
    "no account": {"account": None},
    "account kind": {"account": ["acme"]},
    "empty account": {"account": ""},
    "pool": {"account": "(unsold)"},
    "no subject": {"sub": None},
    "subject kind": {"sub": 7},
    "subject breaks the line": {"sub": "a\nb"},
    "long subject": {"sub": "a" * 256},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_signed_token_with_wrong_claims_is_refused(own: KeyStore, name: str) -> None:
    assert_refused(own, signed(claims(**WRONG[name])))


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "role", "account"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_whatever_claims_say_a_caller_is_of_the_table_or_refused(own: KeyStore, changes: dict[str, Any]) -> None:
    try:
        found = who(own, signed(claims() | changes))
    except UnauthenticatedError:
        return
    assert found.side == "tenant"
    assert found.role in ("customer.viewer", "customer.admin")


@pytest.mark.parametrize("offset", [-60, -59, 0, 1, 60])
def test_times_have_the_leeway_that_is_given(own: KeyStore, offset: int) -> None:
    token = signed(claims(exp=NOW_S + offset))
    if offset > -60:
        who(own, token)
    else:
        assert_refused(own, token)
    who(own, signed(claims(nbf=NOW_S + 60, iat=NOW_S + 60.0)))
    assert_refused(own, signed(claims(nbf=NOW_S + 11)), leeway=timedelta(seconds=10))


def test_the_public_key_is_no_secret_of_hmac_and_none_is_no_algorithm(own: KeyStore) -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": "RS256"}, claims())
    )
    mark = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert_refused(own, f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}")
    for none in ("none", "None", "NONE", ""):
        head = base64.urlsafe_b64encode(json.dumps({"alg": none, "kid": "RS256"}).encode()).rstrip(b"=").decode()
        assert_refused(own, f"{head}.{body}.")


def test_a_key_fits_its_own_algorithm_and_those_that_are_allowed(own: KeyStore) -> None:
    assert_refused(own, signed(claims(), "ES256", kid="RS256"))
    assert_refused(own, signed(claims(), "ES256"), algorithms=("RS256",))
    assert_refused(own, signed(claims(), "RS256", alg="RS512"))


def test_what_the_header_says_of_keys_counts_for_nothing(own: KeyStore) -> None:
    strange = ed25519.Ed25519PrivateKey.generate()
    for more in (
        {},
        {"jwk": jwk(strange, "EdDSA")},
        {"jku": "http://127.0.0.1:1/"},
        {"x5u": "http://127.0.0.1:1/"},
        {"x5c": ["MII"]},
    ):
        assert_refused(own, signed(claims(), "EdDSA", strange, **more))
    for kid in ("../../etc/passwd", "http://127.0.0.1:1/keys", "", None, 7, ["EdDSA"], {"a": 1}, "x" * 4_000):
        assert_refused(own, signed(claims(), "EdDSA", kid=kid))
    assert_refused(own, signed(claims(), "EdDSA", crit=["exp"]))
    assert_refused(own, signed(claims(), "EdDSA", alg=["EdDSA"]))


@pytest.mark.parametrize("content", [[], 7, "x", None, [[]]])
def test_a_payload_that_is_no_object_is_refused(own: KeyStore, content: Any) -> None:
    assert_refused(own, signed(content))


@pytest.mark.parametrize("part", ["[" * 3_000, '{"a":' * 1_000, "\x00" * 500, '{"iss": "' + NAME + '"', "{}", "1e999999999"])
def test_a_token_that_is_made_to_harm_is_refused(own: KeyStore, part: str) -> None:
    made = base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode()
    good = signed(claims()).split(".")
    for token in (f"{made}.{good[1]}.{good[2]}", f"{good[0]}.{made}.{good[2]}", f"{made}.{made}.{made}", "." * 4_000, "a." * 2_000):
        assert_refused(own, token)
        with pytest.raises(UnauthenticatedError):
            own.credential(token, NOW)


def test_an_issuer_is_held_to_its_accounts_and_roles_lie_where_it_says(own: KeyStore) -> None:
    assert who(own, signed(claims()), accounts=frozenset({"acme"})).account == "acme"
    assert_refused(own, signed(claims()), accounts=frozenset({"globex"}))
    nested = claims(role=None, realm_access={"roles": ["offline", "admin"]}, **{"https://x.example/org": "acme"})
    found = who(own, signed(nested), role_claim="realm_access.roles", account_claim="https://x.example/org")
    assert (found.role, found.account) == ("customer.admin", "acme")


def test_thousands_of_key_ids_and_tokens_are_bounded_work(own: KeyStore) -> None:
    authenticator = Authenticator(Issuers(own, [issuer()]), clock=lambda: NOW)
    good = (("authorization", f"Bearer {signed(claims())}"),)
    assert authenticator.principal(good).account == "acme"
    outcomes = set()
    for number in range(4_000):
        token = f"{base64.urlsafe_b64encode(json.dumps({'alg': 'RS256', 'kid': str(number)}).encode()).decode()}.e30.AAAA"
        with pytest.raises((UnauthenticatedError, BusyError)) as caught:
            authenticator.principal((("authorization", f"Bearer {token}"),))
        outcomes.add(type(caught.value))
    assert outcomes == {UnauthenticatedError, BusyError}
    assert authenticator.principal(good).account == "acme"


def test_a_token_of_a_withdrawn_key_ends_in_minutes(own: KeyStore) -> None:
    keys, now = Keys(), [NOW]
    authenticator = Authenticator(Issuers(own, [issuer(keys=keys)]), clock=lambda: now[0])
    good = (("authorization", f"Bearer {signed(claims())}"),)
    authenticator.principal(good)
    keys.known = {}
    now[0] += timedelta(minutes=4)
    authenticator.principal(good)
    now[0] += timedelta(minutes=1)
    with pytest.raises(UnauthenticatedError):
        authenticator.principal(good)


FILE = """
[[issuers]]
issuer = "https://login.example.com"
audience = "greencloud"
jwks = "JWKS"
role_claim = "groups"
roles = { carbon-readers = "customer.viewer", "carbon admins" = "customer.admin" }
accounts = ["acme"]

[[certificates]]
san = "spiffe://example.com/agent"
role = "provider.writer"

[limits]
requests_per_second = 5
exports = 1
"""


def written(tmp_path: Path, text: str = FILE, jwks: str = "keys.json") -> Path:
    path = tmp_path / "auth.toml"
    path.write_text(text.replace("JWKS", jwks))
    return path


def test_the_auth_file_is_read(tmp_path: Path) -> None:
    found = read_auth_file(written(tmp_path))

    (entry,) = found.issuers
    assert entry.jwks == tmp_path / "keys.json"
    assert entry.roles == {"carbon-readers": Role.CUSTOMER_VIEWER, "carbon admins": Role.CUSTOMER_ADMIN}
    assert [(each.name, each.role, each.account) for each in found.clients] == [
        ("spiffe://example.com/agent", Role.PROVIDER_WRITER, "")
    ]
    policy = found.policy(Policy.of(8))
    assert (policy.tenant.requests, policy.tenant.exports, policy.provider.exports) == (5, 1, 4)
    assert AuthFile().policy(Policy.of(8)) == Policy.of(8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("audience", "audiance", "audiance means nothing here"),
        ('audience = "greencloud"\n', "", "audience is needed"),
        ('"customer.viewer"', '"customer.viwer"', "roles has 'customer.viwer'"),
        ('"customer.viewer"', '"provider.admin"', 'an issuer of side = "tenant" may not'),
        ('"customer.viewer"', '"auditor"', "may not"),
        ('"customer.viewer"', '"tenant"', "roles has 'tenant'"),
        ("roles = {", "leeway_s = 301\nroles = {", "leeway_s must be a number from 0 to 300"),
        ("roles = {", 'algorithms = ["HS256"]\nroles = {', "algorithms must be some of"),
        ("roles = {", "algorithms = []\nroles = {", "algorithms must be some of"),
        ("https://login.example.com", "greencloud", "the name of this installation itself"),
        ("JWKS", "http://login.example.com/keys", "must be https"),
        ("JWKS", "https://user:secret@login.example.com/keys", "must be https"),
        ("JWKS", "ftp://127.0.0.1/keys", "must be https"),
        ("JWKS", "file:///etc/passwd", "must be https"),
        ("JWKS", "https://[::1/keys", "is not an address"),
        ('["acme"]', '["(unsold)"]', "is not an account id"),
        ('["acme"]', '"acme"', "must be a list of texts"),
        ('role = "provider.writer"', 'role = "customer.writer"', "account does not go with the role customer.writer"),
        ('role = "provider.writer"', 'role = "provider.writer"\naccount = "acme"', "does not go with the role provider.writer"),
        ("spiffe://example.com/agent", "*.example.com", "stands for itself alone"),
        ("requests_per_second = 5", "requests_per_second = -1", "must be a number"),
        ("exports = 1", "exports = 1.5", "whole number"),
        ("exports = 1", "exports = true", "must be a number"),
        ("[limits]", "[limit]", "limit means nothing here"),
        ("[limits]", "[tls]\nidentity = 'none'\n[limits]", "must be one of either, certificate"),
        ("[[certificates]]", "[certificates]", "must be written as"),
        ("[limits]", FILE.split("[[certificates]]", maxsplit=1)[0] + "[limits]", "twice"),
        ("[limits]", "limits", "is not TOML"),
    ],
)
def test_a_mistake_in_the_auth_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(AuthFileError) as caught:
        read_auth_file(written(tmp_path, FILE.replace(old, new, 1)))

    assert message in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize("place", ["https://a.example/keys", "http://127.0.0.1:8080/k?x=1", "http://localhost/", "http://[::1]:9/"])
def test_places_of_keys(tmp_path: Path, place: str) -> None:
    assert read_auth_file(written(tmp_path, jwks=place)).issuers[0].jwks == place


@pytest.fixture
def idp(tmp_path: Path) -> Iterator[Any]:
    with site() as served:
        served.content = SET
        yield served


def test_a_server_takes_tokens_of_an_issuer_while_its_keys_rotate_and_it_goes_down(tmp_path: Path, idp: Any) -> None:
    file = read_auth_file(written(tmp_path, jwks=idp.url))
    verifiers: list[Issuers] = []

    def verifier(own: KeyStore) -> Issuers:
        verifiers.append(file.verifier(own))
        return verifiers[0]

    with serving(tmp_path, verifier=verifier) as world, world.channel() as channel:
        ask: Any = channel.unary_unary("/greencloud.v1.FootprintService/ListRootLogEntries")
        export: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

        def code(token: str, method: Any = ask) -> grpc.StatusCode:
            error = method.future(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=10).exception()
            return error.code() if error else grpc.StatusCode.OK

        def token(algorithm: str = "RS256", key: Any = None, groups: str = "carbon-readers", **header: Any) -> str:
            return signed(claims(role=None, groups=["staff", groups]), algorithm, key, **header)

        wait_for(lambda: code(token()) is grpc.StatusCode.OK)
        assert [code(token(algorithm)) for algorithm in ALGORITHMS] == [grpc.StatusCode.OK] * 3
        assert code(token(), export) is grpc.StatusCode.PERMISSION_DENIED
        assert code(token(groups="carbon admins"), export) is grpc.StatusCode.OK
        assert code(token(groups="strangers")) is grpc.StatusCode.UNAUTHENTICATED
        assert code(world.token("acme")) is grpc.StatusCode.OK
        fresh: Any = rsa.generate_private_key(65537, 2048)
        idp.content = key_set(jwk(RSA, "RS256"), jwk(fresh, "fresh"))
        for each in verifiers[0]._issuers.values():
            each.keys._pause_s = 0.1  # type: ignore[attr-defined]
        wait_for(lambda: code(token("RS256", fresh, kid="fresh")) is grpc.StatusCode.OK)
        idp.status = 500
        assert code(token("RS256", fresh, kid="fresh")) is grpc.StatusCode.OK
        verifiers[0].close()
