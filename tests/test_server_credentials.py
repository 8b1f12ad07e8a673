"""Tokens: what was issued is verified until it expires, and nothing else is, ever with the same words."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import FacilityError, GreencloudError, QuantityError, StoreError, UnauthenticatedError
from greencloud.facility import ACCOUNT_ID
from greencloud.inventory.years import UNNAMED
from greencloud.server import KeyStore, Principal
from greencloud.server.auth import Authenticator
from greencloud.server.credentials import LEEWAY, refused
from inprocess import NOW

HOUR = timedelta(hours=1)
ACCOUNTS = st.from_regex(ACCOUNT_ID, fullmatch=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore(tmp_path_factory.mktemp("data") / "keys")


def claims(**changes: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    times = {"iat": now, "nbf": now, "exp": now + 3600}
    return (
        {"iss": "greencloud", "aud": "greencloud", "sub": "acme", "role": "tenant", "account": "acme", "jti": "1"} | times | changes
    )


def private_key(keys: KeyStore) -> Ed25519PrivateKey:
    key = load_pem_private_key((keys._directory / "signing-key.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def kid(keys: KeyStore) -> str:
    return str(keys.jwks()["keys"][0]["kid"])


def assert_refused(keys: KeyStore, token: str) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        keys.verify(token, NOW)
    assert str(refused()) == str(caught.value)


@given(ACCOUNTS, st.integers(1, 366 * 24 * 3600))
def test_a_token_proves_the_account_that_it_was_issued_for(keys: KeyStore, account: str, seconds: int) -> None:
    token = keys.issue("tenant", account, ttl=timedelta(seconds=seconds), now=NOW)

    assert Principal("tenant", account, account) == keys.verify(token, NOW)


@given(st.integers(1, 10**6), st.integers(-(10**6), 10**6))
def test_a_token_holds_until_its_expiry_and_the_leeway_of_a_minute(keys: KeyStore, ttl: int, offset: int) -> None:
    token = keys.issue("provider", "", ttl=timedelta(seconds=ttl), now=NOW)
    later = NOW + timedelta(seconds=ttl + offset)

    if -ttl - 60 <= offset < 60:
        assert keys.verify(token, later).role == "provider"
    else:
        with pytest.raises(UnauthenticatedError):
            keys.verify(token, later)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(keys: KeyStore, data: st.DataObject) -> None:
    token = keys.issue("tenant", "acme", ttl=HOUR, now=NOW)
    at = data.draw(st.integers(0, len(token) - 2))  # four bits of the last character are no part of the signature
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda char: char != token[at]))

    assert_refused(keys, token[:at] + other + token[at + 1 :])


@given(st.text(max_size=300))
def test_no_text_is_taken_for_a_token(keys: KeyStore, text: str) -> None:
    assert_refused(keys, text)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"role": "admin"},
        {"role": "provider"},
        {"account": "(unsold)"},
        {"account": ""},
        {"account": 7},
        {"sub": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 10**30},
        {"nbf": int((NOW + HOUR).timestamp())},
        {"iat": int((NOW + HOUR).timestamp())},
        {"jti": None},
    ],
    ids=str,
)
def test_a_token_of_our_own_key_with_wrong_claims_is_refused(keys: KeyStore, changes: dict[str, Any]) -> None:
    kept = {name: value for name, value in claims(**changes).items() if value is not None}
    keys.issue("provider", "", ttl=HOUR, now=NOW)
    token = _signed(private_key(keys), kept, kid(keys))

    assert_refused(keys, token)


def _signed(key: Ed25519PrivateKey, content: dict[str, Any], key_id: str, **header: Any) -> str:
    """By hand, because PyJWT refuses to sign claims of the wrong type."""
    head = {"alg": "EdDSA", "typ": "JWT", "kid": key_id} | header
    body = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, content))
    return f"{body}.{base64.urlsafe_b64encode(key.sign(body.encode())).rstrip(b'=').decode()}"


def test_the_hand_made_token_of_these_tests_is_accepted_when_nothing_is_wrong_with_it(keys: KeyStore) -> None:
    keys.issue("provider", "", ttl=HOUR, now=NOW)

    assert Principal("tenant", "acme", "acme") == keys.verify(_signed(private_key(keys), claims(), kid(keys)), NOW)


def test_algorithm_none_is_refused(keys: KeyStore) -> None:
    assert_refused(keys, jwt.encode(claims(), "", algorithm="none", headers={"kid": kid(keys)}))


def test_the_public_key_is_no_secret_of_hmac(keys: KeyStore) -> None:
    public = private_key(keys).public_key().public_bytes_raw()

    assert_refused(keys, jwt.encode(claims(), public, algorithm="HS256", headers={"kid": kid(keys)}))


def test_another_key_is_refused_even_under_our_kid_or_with_a_key_in_the_header(keys: KeyStore) -> None:
    other = Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(other.public_key().public_bytes_raw()).rstrip(b"=").decode()

    assert_refused(keys, _signed(other, claims(), kid(keys)))
    assert_refused(keys, _signed(other, claims(), kid(keys), jwk={"kty": "OKP", "crv": "Ed25519", "x": x}))
    assert_refused(keys, _signed(other, claims(), "other", jku="http://127.0.0.1:1/jwks.json"))


def test_our_own_key_under_another_kid_is_refused(keys: KeyStore) -> None:
    assert_refused(keys, _signed(private_key(keys), claims(), "other"))


def test_key_and_record_are_for_their_owner_only(tmp_path: Path) -> None:
    KeyStore(tmp_path / "keys").issue("tenant", "acme", ttl=HOUR, now=NOW)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {"signing-key.pem": 0o600, "issued.jsonl": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_makers_that_race_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kid(KeyStore(tmp_path / "keys")), range(16)))

    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing-key.pem"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    KeyStore(tmp_path).jwks()
    (tmp_path / "signing-key.pem").chmod(0o640)

    with pytest.raises(StoreError, match="chmod 600"):
        KeyStore(tmp_path).jwks()


def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    KeyStore(tmp_path).jwks()
    (tmp_path / "signing-key.pem").write_text("nonsense")

    with pytest.raises(StoreError, match="is not a key"):
        KeyStore(tmp_path).jwks()


def test_the_record_names_each_token_but_never_holds_one(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    tokens = [keys.issue("tenant", account, ttl=HOUR, now=NOW) for account in ("zeta", "acme")]
    tokens.append(keys.issue("provider", "", ttl=HOUR, now=NOW))

    record = (tmp_path / "issued.jsonl").read_text()
    entries = [json.loads(line) for line in record.splitlines()]
    ids = [jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens]
    assert ids == [entry["jti"] for entry in entries]
    assert {"jti", "role", "account", "subject", "issued", "expires"} == set(entries[0])
    assert keys.accounts_issued() == ["acme", "zeta"]
    assert not [part for token in tokens for part in token.split(".")[1:] if part in record]


def test_a_record_cut_by_a_crash_is_mended_by_the_next_line(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    keys.issue("tenant", "acme", ttl=HOUR, now=NOW)
    with (tmp_path / "issued.jsonl").open("a") as file:
        file.write('{"account": "lo')

    keys.issue("tenant", "zeta", ttl=HOUR, now=NOW)

    assert keys.accounts_issued() == ["acme", "zeta"]


@pytest.mark.parametrize(
    ("role", "account", "ttl", "kind"),
    [
        ("tenant", "", HOUR, FacilityError),
        ("tenant", "(unsold)", HOUR, FacilityError),
        ("tenant", "a b", HOUR, FacilityError),
        ("tenant", "acme\n", HOUR, FacilityError),
        ("provider", "acme", HOUR, FacilityError),
        ("admin", "acme", HOUR, QuantityError),
        ("tenant", "acme", timedelta(0), QuantityError),
        ("tenant", "acme", timedelta(days=367), QuantityError),
    ],
)
def test_what_must_not_be_issued_is_not_and_leaves_no_record(
    tmp_path: Path, role: str, account: str, ttl: timedelta, kind: type[GreencloudError]
) -> None:
    with pytest.raises(kind):
        KeyStore(tmp_path).issue(role, account, ttl=ttl, now=NOW)

    assert not (tmp_path / "issued.jsonl").exists()


def test_page_keys_differ_between_installations_and_stay_within_one(tmp_path: Path) -> None:
    one, two = KeyStore(tmp_path / "one"), KeyStore(tmp_path / "two")

    assert one.page_key() == KeyStore(tmp_path / "one").page_key()
    assert one.page_key() != two.page_key()


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["acme", "zeta", "iota", "beta"]), max_size=12), st.integers(1, 3))
def test_a_remembered_token_is_the_account_that_it_was_issued_for_and_ends_with_its_expiry(
    keys: KeyStore, accounts: list[str], remembered: int
) -> None:
    now = [NOW]
    authenticator = Authenticator(keys, clock=lambda: now[0], remembered=remembered)
    tokens = {account: keys.issue("tenant", account, ttl=HOUR, now=NOW) for account in accounts}

    for account in accounts:
        assert authenticator.principal([("authorization", f"Bearer {tokens[account]}")]).account == account

    assert len(authenticator._known) <= remembered
    now[0] = NOW + HOUR + LEEWAY
    for account in accounts:
        with pytest.raises(UnauthenticatedError):
            authenticator.principal([("authorization", f"Bearer {tokens[account]}")])


def test_a_token_may_name_a_person(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    token = keys.issue("provider.analyst", "", ttl=HOUR, now=NOW, subject="ann@example.com")
    assert keys.verify(token, NOW).subject == "ann@example.com"
    for subject in ("local:ann", " ann", "an\nn", "a" * 256):
        with pytest.raises(QuantityError, match="subject"):
            keys.issue("provider.analyst", "", ttl=HOUR, now=NOW, subject=subject)


def test_a_token_for_a_role_alone_names_no_person(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    for role in ("provider", "provider.analyst", "provider.admin"):
        assert keys.verify(keys.issue(role, "", ttl=HOUR, now=NOW), NOW).subject in UNNAMED
