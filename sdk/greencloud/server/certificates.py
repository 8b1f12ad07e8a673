"""Client certificates: whom a name in one stands for.

The handshake has proved by then that the certificate is of an authority in ``--tls-client-ca``, and that the caller has its key.
Its subject alternative names are looked up in a table: URIs, as SPIFFE ids are, and DNS names, each by its kind. A certificate of
which two names stand for different callers stands for nobody. One of which no name is known may be used with a token. A connection
outlives the handshake, so that the expiry is looked at on every call.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from greencloud.server.credentials import Credential, Principal, refused
from greencloud.server.roles import Role

__all__ = ["Certificates", "NamedClient"]

_PEM: Final = b"x509_pem_cert"  # as grpc names it
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class NamedClient:
    """Whom a name stands for. ``name`` is a URI, if it has ``://``, or a DNS name, in lower case."""

    name: str
    role: Role
    account: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a certificate says: ``credential`` is None where no name of it is known. ``begins``: not valid before."""

    begins: datetime
    expires: datetime
    credential: Credential | None


class Certificates:
    """The table. ``required``: nobody is let in by a token without a certificate that is in it."""

    def __init__(self, clients: Sequence[NamedClient], *, required: bool = False) -> None:
        self.required = required
        self._clients = {each.name: each for each in clients}
        self._lock = threading.Lock()
        self._known: dict[bytes, _Read] = {}

    def credential(self, peer: Mapping[bytes, Iterable[bytes]], now: datetime) -> Credential | None:
        """Whom the certificate of the connection stands for; None where there is none, or no name of it is known.

        Raises:
            UnauthenticatedError: it is not valid now, or its names stand for several.
        """
        pem = next(iter(peer.get(_PEM, ())), b"")
        if not pem:
            return None
        digest = hashlib.sha256(pem).digest()
        read = self._known.get(digest)
        if read is None:
            read = self._read(pem)
            with self._lock:
                self._known[digest] = read
                while len(self._known) > _REMEMBERED:
                    del self._known[next(iter(self._known))]
        if not read.begins <= now < read.expires:
            raise refused()
        return read.credential

    def _read(self, pem: bytes) -> _Read:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            names = _names(certificate)
            begins, expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            authority = certificate.issuer.rfc4514_string()
        except ValueError as error:
            raise refused() from error
        found = [self._clients[name] for name in names if name in self._clients]
        if not found:
            return _Read(begins, expires, None)
        if len({(each.role, each.account) for each in found}) > 1:
            raise refused()
        principal = Principal(found[0].role.value, found[0].account, found[0].name, authority)
        return _Read(begins, expires, Credential(principal, expires))


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = [name for name in listed.get_values_for_type(x509.UniformResourceIdentifier) if "://" in name]
    hosts = [name.lower() for name in listed.get_values_for_type(x509.DNSName) if "://" not in name]
    return [*uris, *hosts]
