"""Callers that are known by a client certificate, in real handshakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from greencloud.errors import UnauthenticatedError
from greencloud.server.app import Tls
from greencloud.server.auth_file import read_auth_file
from greencloud.server.certificates import Certificates, NamedClient
from greencloud.server.errors import ListenError
from greencloud.server.roles import Role
from greencloud.server.settings import Settings
from inprocess import World, serving

ASK = "/greencloud.v1.GoalService/GetGoalProgress"
OWN = "/greencloud.v1.FootprintService/ListRootLogEntries"
IDENTITY = "/greencloud.v1.IdentityService/GetCallerIdentity"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
AGENT, ANALYST, ACME = "spiffe://example.com/agent", "analyst.example.com", "spiffe://example.com/acme"
CLIENTS = [
    NamedClient(AGENT, Role.PROVIDER_WRITER, ""),
    NamedClient(ANALYST, Role.PROVIDER_ANALYST, ""),
    NamedClient(ACME, Role.CUSTOMER_ADMIN, "acme"),
]
OK, UNAUTHENTICATED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pem(chain: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in chain.cert_chain_pems)


@dataclass(frozen=True)
class Client:
    key: bytes
    chain: bytes


def client(authority: trustme.CA, *names: str, common_name: str = "c", ends: timedelta = timedelta(days=1)) -> Client:
    """A certificate of the authority. trustme makes none with URIs."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    signer: Any = load_pem_private_key(authority.private_key_pem.bytes(), None)
    kinds = {True: x509.UniformResourceIdentifier, False: x509.DNSName}
    listed: list[x509.GeneralName] = [
        x509.RFC822Name(name) if "@" in name else kinds["://" in name](name) for name in names or ["nobody.example.com"]
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName(listed), critical=False)
        .sign(signer, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Client(secret, certificate.public_bytes(Encoding.PEM))


@contextmanager
def certified(folder: Path, authority: trustme.CA, *, required: bool = False) -> Iterator[World]:
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    tls = Tls(pem(leaf), leaf.private_key_pem.bytes(), authority.cert_pem.bytes())
    with serving(folder, tls=tls, certificates=Certificates(CLIENTS, required=required)) as world:
        world.now = datetime.now(UTC)  # certificates of today
        yield world


def code(
    world: World,
    authority: trustme.CA,
    caller: Client | None,
    token: str = "",
    *,
    method: str = OWN,
) -> grpc.StatusCode:
    key, chain = (caller.key, caller.chain) if caller else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.secure_channel(world.target, credentials) as channel:
        ask: Any = channel.unary_unary(method)
        error = ask.future(b"", metadata=metadata, timeout=5).exception()
        return error.code() if error else OK


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[World]:
    with certified(tmp_path_factory.mktemp("mtls"), authority) as world:
        yield world


def test_a_certificate_makes_the_caller_what_the_table_says(world: World, authority: trustme.CA) -> None:
    agent, analyst, acme = (client(authority, name) for name in (AGENT, ANALYST, ACME))

    assert (code(world, authority, agent, method=EXPORT), code(world, authority, agent)) == (OK, grpc.StatusCode.PERMISSION_DENIED)
    assert code(world, authority, analyst) is OK
    assert code(world, authority, analyst, method=ASK) is grpc.StatusCode.INVALID_ARGUMENT
    assert code(world, authority, acme) is OK
    assert code(world, authority, acme, method=ASK) is grpc.StatusCode.PERMISSION_DENIED
    assert code(world, authority, acme, method="/greencloud.v1.FootprintService/No") is grpc.StatusCode.UNIMPLEMENTED


def test_a_certificate_that_nobody_is_known_by_needs_a_token(world: World, authority: trustme.CA) -> None:
    stranger = client(authority, "stranger.example.com")

    for method in (OWN, EXPORT, ASK, IDENTITY, REFLECTION, "/no.Service/Method"):
        assert code(world, authority, stranger, method=method) is UNAUTHENTICATED
    assert code(world, authority, stranger, world.token("acme")) is OK
    assert code(world, authority, stranger, world.token("acme") + "x") is UNAUTHENTICATED


def test_a_token_and_a_certificate_must_agree(world: World, authority: trustme.CA) -> None:
    acme, analyst = client(authority, ACME), client(authority, ANALYST)

    assert code(world, authority, acme, world.token("acme")) is OK  # tenant is customer.admin
    for certificate, token in ((acme, world.token("other")), (acme, world.token()), (analyst, world.token()), (acme, "garbage")):
        assert code(world, authority, certificate, token) is UNAUTHENTICATED


def test_without_a_certificate_of_the_authority_there_is_no_handshake(world: World, authority: trustme.CA) -> None:
    other = trustme.CA()

    for caller in (None, client(other, ACME)):
        assert code(world, authority, caller, world.token("acme")) is grpc.StatusCode.UNAVAILABLE


def test_names_of_several_callers_are_nobody(world: World, authority: trustme.CA) -> None:
    assert code(world, authority, client(authority, ACME, AGENT)) is UNAUTHENTICATED
    assert code(world, authority, client(authority, ACME, "harmless.example.com")) is OK


def test_a_name_counts_by_its_kind(world: World, authority: trustme.CA) -> None:
    assert code(world, authority, client(authority, common_name=ANALYST)) is UNAUTHENTICATED
    assert code(world, authority, client(authority, ANALYST.upper())) is OK
    assert code(world, authority, client(authority, f"*.{ANALYST}")) is UNAUTHENTICATED
    assert code(world, authority, client(authority, f"x@{ANALYST}")) is UNAUTHENTICATED


def test_where_certificates_are_required_a_token_is_not_enough(tmp_path: Path, authority: trustme.CA) -> None:
    with certified(tmp_path, authority, required=True) as world:
        assert code(world, authority, client(authority, "stranger.example.com"), world.token("acme")) is UNAUTHENTICATED
        assert code(world, authority, client(authority, ACME)) is OK


def test_a_certificate_ends_while_its_connection_goes_on(tmp_path: Path, authority: trustme.CA) -> None:
    acme = client(authority, ACME, ends=timedelta(hours=1))
    with certified(tmp_path, authority) as world:
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), acme.key, acme.chain)
        with grpc.secure_channel(world.target, credentials) as channel:
            ask: Any = channel.unary_unary(OWN)
            codes = []
            for _ in range(2):
                error = ask.future(b"", timeout=5).exception()
                codes.append(error.code() if error else OK)
                world.now += timedelta(hours=2)

    assert codes == [OK, UNAUTHENTICATED]


def test_a_certificate_that_is_none_is_refused() -> None:
    with pytest.raises(UnauthenticatedError):
        Certificates(CLIENTS).credential({b"x509_pem_cert": [b"garbage"]}, datetime.now(UTC))
    assert Certificates(CLIENTS).credential({}, datetime.now(UTC)) is None


def test_certificates_in_the_auth_file_want_an_authority_and_tls(tmp_path: Path, authority: trustme.CA) -> None:
    auth = tmp_path / "auth.toml"
    auth.write_text('[[certificates]]\nsan = "a.example"\nrole = "auditor"\n')
    leaf = authority.issue_cert("localhost")
    for name, content in (("ca", authority.cert_pem), ("key", leaf.private_key_pem)):
        content.write_to_path(str(tmp_path / name))
    (tmp_path / "cert").write_bytes(pem(leaf))
    whole = {"tls_cert": tmp_path / "cert", "tls_key": tmp_path / "key", "tls_client_ca": tmp_path / "ca", "auth": auth}

    settings = Settings(data=tmp_path, **whole)  # type: ignore[arg-type]
    tls = settings.check()
    assert tls is not None
    assert tls.client_ca == authority.cert_pem.bytes()
    assert Settings.from_json(settings.to_json()) == settings
    assert len(read_auth_file(auth).clients) == 1
    for left_out in (("tls_client_ca",), ("tls_cert", "tls_key")):
        with pytest.raises(ListenError):
            Settings(data=tmp_path, **{key: value for key, value in whole.items() if key not in left_out}).check()  # type: ignore[arg-type]
