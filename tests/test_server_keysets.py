"""The keys of an issuer: from a real HTTP server that rotates them, goes down, and answers slowly, garbage or without an end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from greencloud.server import keysets
from greencloud.server.errors import BusyError
from greencloud.server.keysets import LARGEST_SET, KeySet, fetch, keys_of
from sending import wait_for

ED = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
SMALL_RSA = rsa.generate_private_key(65537, 1024)
ODD_EC = ec.generate_private_key(ec.SECP384R1())


def jwk(key: Any, kid: Any, **more: Any) -> dict[str, Any]:
    """The public key as JSON; the private one where ``private`` is set."""
    kinds = [(rsa.RSAPrivateKey, jwt.algorithms.RSAAlgorithm), (ec.EllipticCurvePrivateKey, jwt.algorithms.ECAlgorithm)]
    kind: Any = next((kind for private, kind in kinds if isinstance(key, private)), jwt.algorithms.OKPAlgorithm)
    shown = key if more.pop("private", False) else key.public_key()
    return {**kind.to_jwk(shown, as_dict=True), "kid": kid, **more}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Site:
    """An HTTP server of an issuer. ``answer`` writes the whole answer, or what is to be taken for one."""

    def __init__(self) -> None:
        self.content = key_set(jwk(ED, "one"))
        self.status = 200
        self.asked = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                if site.answer:
                    site.answer(self)
                    return
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(site.content)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(site.content)

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/keys"


@contextmanager
def site() -> Iterator[Site]:
    found = Site()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join()


@contextmanager
def started(keys: KeySet) -> Iterator[KeySet]:
    keys.start()
    try:
        yield keys
    finally:
        keys.close()
        keys._thread.join(5)


def found(keys: KeySet, kid: str, algorithm: str = "EdDSA") -> str:
    try:
        return "known" if keys.key(kid, algorithm) else "unknown"
    except BusyError:
        return "later"


def test_keys_of_each_algorithm_are_read_and_fit_no_other() -> None:
    read = keys_of(key_set(jwk(ED, "d"), jwk(EC, "e"), jwk(RSA, "r", use="sig", alg="RS256"), jwk(ED, "n", alg="Ed25519")))

    assert sorted(read) == [("d", "EdDSA"), ("e", "ES256"), ("n", "EdDSA"), ("r", "RS256")]


@pytest.mark.parametrize(
    "key",
    [
        jwk(SMALL_RSA, "x"),
        jwk(ODD_EC, "x"),
        jwk(RSA, "x", use="enc"),
        jwk(RSA, "x", alg="HS256"),
        jwk(RSA, "x", alg="RS512"),
        jwk(ED, "x", private=True),
        jwk(ED, ""),
        jwk(ED, 7),
        jwk(ED, "x" * 300),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"},
        {"kty": ["RSA"], "kid": "x"},
        {"kty": "OKP", "crv": "X25519", "x": jwk(ED, "x")["x"], "kid": "x"},
        "x",
        None,
    ],
    ids=[
        "a small modulus",
        "another curve",
        "for encryption",
        "HS256",
        "RS512",
        "a private key",
        "an empty name",
        "a number for a name",
        "a long name",
        "symmetric",
        "a tiny modulus",
        "a list for a type",
        "X25519",
        "text",
        "nothing",
    ],  # of keys that are drawn anew in each process, so that they name no test
)
def test_a_key_that_may_not_sign_is_left_out(key: Any) -> None:
    assert list(keys_of(key_set(key, jwk(EC, "good")))) == [("good", "ES256")]
    with pytest.raises(ValueError, match="none of its keys"):
        keys_of(key_set(key))


def test_of_two_keys_of_one_id_neither_counts() -> None:
    other = ed25519.Ed25519PrivateKey.generate()

    assert list(keys_of(key_set(jwk(ED, "one"), jwk(other, "one"), jwk(ED, "two")))) == [("two", "EdDSA")]


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"keys": text}).encode()))
def test_what_is_no_set_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of json, too
        keys_of(content)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"keys":' + b"[" * 100_000,
        key_set(*[jwk(ED, str(number)) for number in range(101)]),
        b" " * (LARGEST_SET + 1),
    ],
    ids=["deep", "deep keys", "many", "large"],
)
def test_a_set_that_is_made_to_harm_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        keys_of(content)


def test_a_set_rotates_and_an_unknown_key_has_it_fetched_at_most_once_a_pause() -> None:
    with site() as served, started(KeySet("i", lambda: fetch(served.url), pause_s=1.0)) as keys:
        wait_for(lambda: found(keys, "one") == "known")
        assert found(keys, "two") == "unknown"
        served.content = key_set(jwk(EC, "two"))
        asked = served.asked
        answers = set()
        until = time.monotonic() + 5
        while found(keys, "two", "ES256") != "known":
            answers |= {found(keys, f"{number}") for number in range(1_000)}
            assert time.monotonic() < until
            time.sleep(0.01)
        assert served.asked <= asked + 2
        assert answers <= {"later", "unknown"}
        assert found(keys, "one") != "known"  # withdrawn


def test_a_set_that_cannot_be_had_any_more_holds_for_a_bounded_time() -> None:
    now = [0.0]
    with site() as served:
        keys = KeySet("i", lambda: fetch(served.url), clock=lambda: now[0], keep_s=100, pause_s=1)
        assert keys.look()
        served.status = 500
        for passed, answer in ((50.0, "known"), (99.0, "known"), (101.0, "later")):
            now[0] = passed
            assert not keys.look()
            assert found(keys, "one") == answer
        served.status = 200
        assert keys.look()
        assert found(keys, "one") == "known"


def test_before_the_first_answer_callers_are_asked_to_come_again() -> None:
    with site() as served:
        served.status = 503
        with started(KeySet("i", lambda: fetch(served.url), pause_s=0.1)) as keys:
            wait_for(lambda: served.asked > 1)
            assert found(keys, "one") == "later"
            served.status = 200
            wait_for(lambda: found(keys, "one") == "known")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def headers_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X: " + b"y" * 1_000 + b"\r\n")


def silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def noise(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff" * 5_000)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


@pytest.mark.parametrize("answer", [endless, dripping, headers_without_end, silent, noise, cut])
def test_an_address_that_answers_ill_takes_bounded_time_and_leaves_the_keys(
    answer: Callable[[BaseHTTPRequestHandler], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "_SILENCE_S", 0.3)
    monkeypatch.setattr(keysets, "_LONGEST_S", 0.6)
    with site() as served:
        keys = KeySet("i", lambda: fetch(served.url), pause_s=100)
        assert keys.look()
        served.answer = answer
        began = time.monotonic()
        assert not keys.look()
        assert time.monotonic() - began < 2.5
        assert found(keys, "one") == "known"


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 500])
def test_only_200_counts_and_no_redirect_is_followed(status: int) -> None:
    with site() as served:
        served.status = status
        with pytest.raises(ValueError, match=str(status)):
            fetch(served.url)
        assert served.asked == 1


def test_a_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(jwk(ED, "one")))
    keys = KeySet("i", lambda: fetch(path))
    assert keys.look()
    path.write_bytes(key_set(jwk(EC, "two")))
    assert keys.look()
    assert (found(keys, "one"), found(keys, "two", "ES256")) == ("unknown", "known")
    path.unlink()
    assert not keys.look()
    assert found(keys, "two", "ES256") == "known"


def test_a_warning_is_written_once_and_not_for_each_try(caplog: pytest.LogCaptureFixture) -> None:
    content = [b"", b"", key_set(jwk(ED, "one"))]
    keys = KeySet("i", lambda: content.pop(0))
    assert [keys.look() for _ in range(3)] == [False, False, True]
    assert [record.levelname for record in caplog.records if "keys of i" in record.getMessage()][:1] == ["WARNING"]
