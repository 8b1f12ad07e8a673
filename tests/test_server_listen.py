"""Listening, TLS and stopping: an address that cannot be had is said so, and a stop loses nothing that was acknowledged."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.client import Client
from greencloud.errors import UnavailableError
from greencloud.server import ListenError, Tls
from greencloud.server.app import is_loopback, split_listen
from greencloud.server.settings import tls_of
from inprocess import World, goal, serving

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def certificate(host: str = "127.0.0.1") -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Tls(made.public_bytes(serialization.Encoding.PEM), pem)


def test_a_port_that_is_in_use_is_named_and_the_first_server_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as world:
        in_use = r"port \d+ on 127.0.0.1 is in use\nchoose another with --listen"
        with pytest.raises(ListenError, match=in_use), serving(tmp_path / "two", listen=world.target):
            raise AssertionError("two servers share a port")
        with world.client() as client:
            assert client.get_goal_progress() == goal()


def test_a_name_of_which_one_address_is_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match="is in use"), serving(tmp_path, listen=f"localhost:{port}"):
            raise AssertionError("clients would reach the other program")


@pytest.mark.parametrize("listen", ["4317", "host:", ":4317", "host:port", "127.0.0.1:70000", "127.0.0.1:-1", ""])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ListenError, match="HOST:PORT"):
        split_listen(listen)


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="--listen"), serving(tmp_path, listen="192.0.2.1:4317"):
        raise AssertionError("192.0.2.1 is nobody's")


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_told_from_the_rest(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_off_loopbacktls_of_is_needed_unless_it_is_waived(tmp_path: Path) -> None:
    made = certificate()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(made.certificate)
    key.write_bytes(made.key)

    with pytest.raises(ListenError, match="--tls-cert"):
        tls_of("0.0.0.0:4317", None, None, insecure=False)
    with pytest.raises(ListenError, match="both"):
        tls_of("127.0.0.1:4317", cert, None, insecure=False)
    with pytest.raises(ListenError, match="No such file"):
        tls_of("0.0.0.0:4317", cert, tmp_path / "missing.pem", insecure=False)
    assert tls_of("0.0.0.0:4317", cert, key, insecure=False) == made
    assert tls_of("0.0.0.0:4317", None, None, insecure=True) is None
    assert tls_of("127.0.0.1:4317", None, None, insecure=False) is None


def test_overtls_of_the_certificate_is_checked(tmp_path: Path) -> None:
    made = certificate()
    with serving(tmp_path, tls=made) as world:
        with Client(world.target, token=world.token(), root_certificates=made.certificate) as client:
            assert client.get_goal_progress() == goal()
        other = certificate().certificate
        with (
            Client(world.target, token=world.token(), root_certificates=other, timeout=2) as client,
            pytest.raises(UnavailableError),
        ):
            client.get_goal_progress()


@pytest.mark.parametrize("wrong", ["certificate", "key", "pair"])
def test_a_certificate_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, wrong: str) -> None:
    good = certificate()
    tls = {
        "certificate": Tls(b"nonsense", good.key),
        "key": Tls(good.certificate, b"nonsense"),
        "pair": Tls(good.certificate, certificate().key),
    }[wrong]

    with pytest.raises(ListenError, match="--tls-cert"), serving(tmp_path, tls=tls):
        raise AssertionError("no client could connect")


def test_nothing_is_written_after_a_stop_and_all_that_was_acknowledged_is_there(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def send(world: World, sender: int) -> None:
        with world.channel() as channel:
            export: Any = channel.unary_unary(TRACES)
            metadata = (("authorization", f"Bearer {tokens[sender]}"),)
            for number in range(100_000):
                request = ExportTraceServiceRequest()
                span = (
                    request.resource_spans.add()
                    .scope_spans.add()
                    .spans.add(trace_id=b"0123456789abcdef", name=f"{sender}/{number}")
                )
                try:
                    export(request.SerializeToString(), metadata=metadata, timeout=10)
                except grpc.RpcError:
                    return
                acknowledged.append(span.name)
                if number == 20:
                    enough.release()

    enough = threading.Semaphore(0)
    with serving(tmp_path) as world:
        tokens = [world.token(f"account-{sender}") for sender in range(3)]
        senders = [threading.Thread(target=send, args=(world, sender)) for sender in range(3)]
        for sender in senders:
            sender.start()
        for _ in senders:
            enough.acquire(timeout=20)
        assert world.server is not None
        world.server.stop(5)
        kept = [name for _, name in world.intake.spans()]
        for sender in senders:
            sender.join()

        assert kept == [name for _, name in world.intake.spans()]
        assert set(acknowledged) <= set(kept)
        assert len(acknowledged) >= 60
