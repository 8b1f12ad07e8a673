"""The public keys of an issuer of tokens: a JSON Web Key Set (RFC 7517) at an HTTPS address or in a file, kept up to date.

A thread of its own fetches the set, because calls are authenticated where nothing may block: at the start, every five minutes, and
when a token names a key that is not known, but at most once in ten seconds, so that forged key ids cost the issuer nothing. When
the set cannot be had, the last one holds for a day; then nobody of that issuer is let in. Callers are asked to come again
while keys are yet to come, and refused by what is known otherwise.

An address is https, or http of this machine; redirects and proxies are not followed, and at most 256 KiB and 100 keys are
read, in ten seconds. A key fits one algorithm: RSA of 2,048 to 8,192 bits RS256, P-256 ES256, Ed25519 EdDSA. Others are left out.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from greencloud.server.errors import BusyError

__all__ = ["ALGORITHMS", "LARGEST_SET", "KeySet", "PublicKey", "fetch", "keys_of"]

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
LARGEST_SET: Final = 256 << 10

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
_LOG: Final = logging.getLogger("greencloud.server")
_MOST_KEYS: Final = 100
_RSA_BITS: Final = range(2_048, 8_193)
_LONGEST_KID: Final = 256
_SILENCE_S: Final = 5.0
_LONGEST_S: Final = 10.0
_REFRESH_S: Final = 300.0
_PAUSE_S: Final = 10.0
_KEEP_S: Final = 24 * 3600.0

Keys = Mapping[tuple[str, str], PublicKey]
"""By key id and algorithm."""


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Keys
    since: float


class KeySet:
    """The keys of the issuer ``name``, from ``source``, which gives the JSON or raises OSError or ValueError."""

    def __init__(
        self,
        name: str,
        source: Callable[[], bytes],
        *,
        clock: Callable[[], float] = time.monotonic,
        refresh_s: float = _REFRESH_S,
        pause_s: float = _PAUSE_S,
        keep_s: float = _KEEP_S,
    ) -> None:
        self._name = name
        self._source = source
        self._clock = clock
        self._refresh_s = refresh_s
        self._pause_s = pause_s
        self._keep_s = keep_s
        self._known: _Known | None = None
        self._tried = -float("inf")
        self._looking = False
        self._well = True
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name=f"greencloud-keys-{name}"[:60], daemon=True)

    def start(self) -> None:
        self._looking = True
        self._thread.start()

    def close(self) -> None:
        """Fetch no more. A fetch that is under way is not waited for."""
        self._closed = True
        self._wake.set()

    def key(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key; None where there is none. Never blocks.

        Raises:
            BusyError: it may be there when the set has been fetched again.
        """
        now, known = self._clock(), self._known
        if known and now - known.since <= self._keep_s:
            if found := known.keys.get((kid, algorithm)):
                return found
            if not self._looking and now - self._tried < self._pause_s:
                return None
        self._wake.set()
        raise BusyError(f"the keys of the issuer {self._name[:128]} are being fetched", retry_after_s=1.0, cause="keys")

    def look(self) -> bool:
        """Fetch the set; whether that went well."""
        self._looking, self._tried = True, self._clock()
        try:
            self._known = _Known(keys_of(self._source()), self._clock())
            if not self._well:
                _LOG.info("keys of %s: fetched again", self._name)
            self._well = True
        except Exception as error:  # whatever it answers, the last keys stay
            if self._well:
                _LOG.warning("keys of %s could not be fetched: %s: %.200s", self._name, type(error).__name__, error)
            self._well = False
        finally:
            self._looking = False
        return self._well

    def _keep(self) -> None:
        while not self._closed:
            self._wake.clear()
            well = self.look()
            self._wake.wait(self._refresh_s if well else self._pause_s)
            while not self._closed and (left := self._tried + self._pause_s - self._clock()) > 0:
                time.sleep(min(left, 0.2))


def keys_of(content: bytes) -> Keys:
    """The keys of a set that may sign tokens. Keys that are secret, for encryption, or of another kind are left out.

    Raises:
        ValueError: it is not a set, or holds keys and none that may sign.
    """
    if len(content) > LARGEST_SET:
        raise ValueError(f"the set is larger than {LARGEST_SET} bytes")
    try:
        listed = json.loads(content)["keys"]
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a JSON Web Key Set") from error
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError(f"not a list of at most {_MOST_KEYS} keys")
    found: dict[tuple[str, str], PublicKey] = {}
    twice = set()
    for each in listed:
        with suppress(jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            kid, algorithm, key = _read(each)
            if (kid, algorithm) in found:
                twice.add((kid, algorithm))
            found[kid, algorithm] = key
    for name in twice:  # which one is meant is not known
        del found[name]
    if listed and not found:
        raise ValueError("none of its keys may sign tokens")
    return MappingProxyType(found)


def _read(said: dict[str, Any]) -> tuple[str, str, PublicKey]:
    kid = said["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID or said.get("use", "sig") != "sig" or "d" in said:
        raise ValueError("kid or use")
    algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[said["kty"]]
    if said.get("alg", algorithm) not in (algorithm, "Ed25519" if algorithm == "EdDSA" else algorithm):
        raise ValueError("alg")
    key = jwt.PyJWK({name: value for name, value in said.items() if name != "alg"}, algorithm).key
    if isinstance(key, RSAPublicKey):
        fits = key.key_size in _RSA_BITS
    else:
        fits = isinstance(key, Ed25519PublicKey) or (isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1))
    if not fits:
        raise ValueError("size or curve")
    return kid, algorithm, key


def fetch(place: str | Path) -> bytes:
    """The content at an address, or of a file. Raises OSError or ValueError."""
    if isinstance(place, Path):
        with place.open("rb") as file:
            return file.read(LARGEST_SET + 1)
    parts = urlsplit(place)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SILENCE_S)
    connection.connect()
    line = connection.sock  # the connection lets go of it when the headers are read

    def end() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    longest = threading.Timer(_LONGEST_S, end)  # a timeout of the socket is for each read, and there may be one for each byte
    longest.daemon = True
    longest.start()
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path or "/", headers={"Accept": "application/jwk-set+json, application/json"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"the address answers {answer.status}")
        return answer.read(LARGEST_SET + 1)
    except http.client.HTTPException as error:
        raise ValueError(f"the answer is not HTTP, or was cut: {type(error).__name__}") from error
    finally:
        longest.cancel()
        connection.close()
