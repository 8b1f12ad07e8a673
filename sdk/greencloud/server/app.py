"""One server on one port: OTLP intake, the API, health and reflection, behind one interceptor.

It is the synchronous ``grpc.server`` over threads of our own (``greencloud.server.threads``): for short calls it is the fastest of
grpcio's servers, and the work of a call (decoding, fsync, the ledger's reads) releases the interpreter lock. Half of the threads
are kept from the API, so that intake always finds one. Nobody is turned away with ``maximum_concurrent_rpcs``: its
RESOURCE_EXHAUSTED makes OTLP clients drop data.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from grpc_health.v1 import health_pb2  # noqa: F401  reflection describes it
from grpc_reflection.v1alpha import reflection

from greencloud.server.allocation import AllocationServicer
from greencloud.server.auth import Authenticator, PeerVerifier, Verifier
from greencloud.server.calls import CallInterceptor
from greencloud.server.counts import Counts
from greencloud.server.errors import ListenError
from greencloud.server.facility import FacilityServicer
from greencloud.server.footprint import FootprintServicer
from greencloud.server.gate import Gate
from greencloud.server.goal import GoalServicer
from greencloud.server.health import SERVICE as HEALTH_SERVICE
from greencloud.server.health import Health
from greencloud.server.identity import IdentityServicer
from greencloud.server.intake import METHODS, Intake, intake_handlers
from greencloud.server.paging import Pages
from greencloud.server.quota import Policy
from greencloud.server.services import Services
from greencloud.server.threads import PATIENCE_S, Threads, check_grpcio
from greencloud.v1 import (
    allocation_service_pb2,
    allocation_service_pb2_grpc,
    facility_service_pb2,
    facility_service_pb2_grpc,
    footprint_service_pb2,
    footprint_service_pb2_grpc,
    goal_service_pb2,
    goal_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
)

__all__ = ["LARGEST_MESSAGE", "THREADS", "RunningServer", "Tls", "build_server", "is_loopback", "refuse_taken", "split_listen"]

THREADS: Final = 32
LARGEST_MESSAGE: Final = 64 << 20
"""OTLP 1.11: the recommended limit. It holds after decompression, too."""

_OPTIONS: Final = (
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),  # agents ping idle connections every 10 s
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.max_connection_age_ms", 600_000),  # so that load balancers spread connections
    ("grpc.max_connection_age_grace_ms", 600_000),
    ("grpc.max_concurrent_streams", 256),
)
_SERVICES: Final = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (footprint_service_pb2, "FootprintService"),
        (allocation_service_pb2, "AllocationService"),
        (goal_service_pb2, "GoalService"),
        (facility_service_pb2, "FacilityService"),
        (identity_service_pb2, "IdentityService"),
    )
)


class Keys(Verifier, Protocol):
    """What checks tokens and has the secret for page tokens: ``KeyStore`` or ``Issuers``."""

    def page_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, both PEM. ``client_ca``: authorities; each client must have a certificate of one."""

    certificate: bytes
    key: bytes
    client_ca: bytes = b""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on ``host:port``."""

    host: str
    port: int
    gate: Gate
    counts: Counts
    _server: grpc.Server
    _threads: Threads
    _health: Health

    @property
    def target(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def stop(self, grace: float) -> None:
        """Say so by health, turn new calls away, give those under way ``grace`` seconds; return when no handler runs any more."""
        until = time.monotonic() + grace
        self._health.drain()
        self.gate.drain(grace)
        self._server.stop(max(0.0, until - time.monotonic())).wait()
        self._threads.close()
        self._health.pool.shutdown(wait=True)


def build_server(
    services: Services,
    intake: Intake,
    verifier: Keys,
    *,
    listen: str,
    tls: Tls | None = None,
    clock: Callable[[], datetime],
    threads: int = THREADS,
    policy: Policy | None = None,
    largest_message: int = LARGEST_MESSAGE,
    shared: bool = False,
    certificates: PeerVerifier | None = None,
    local: str = "",
) -> RunningServer:
    """Start a server on ``listen`` (``HOST:PORT``; port 0 takes a free one), and on the socket ``local`` (``unix:PATH``) if given.

    With ``shared`` other processes may serve the same port, and whoever asks for that must hold it (``greencloud.server.workers``).

    Raises:
        ListenError: the address cannot be had, or the certificate cannot be used.
    """
    check_grpcio()
    host, port = split_listen(listen)
    credentials = _credentials(tls) if tls else None
    counts = Counts()
    gate = Gate(policy or Policy.of(threads))
    pages = Pages(verifier.page_key(), clock=clock, members=services.members)
    if not shared:
        refuse_taken(host, port)
    health = Health((*_SERVICES, *METHODS))
    pool = Threads(threads, gate, patience_s=PATIENCE_S)
    authenticator = Authenticator(verifier, clock=clock, certificates=certificates)
    guard = CallInterceptor(authenticator, gate, pool, health, counts, api_calls=max(1, threads // 2), audit=services.audit)
    options = (
        *_OPTIONS,
        ("grpc.max_receive_message_length", largest_message),
        ("grpc.so_reuseport", int(shared)),  # by default it is on, and a second server takes half of the calls in silence
    )
    server = grpc.server(pool, interceptors=[guard], options=options)  # type: ignore[arg-type]  # an Executor will do
    server.add_generic_rpc_handlers(intake_handlers(intake, clock=clock, counts=counts))
    footprint_service_pb2_grpc.add_FootprintServiceServicer_to_server(FootprintServicer(services, pages, gate.export), server)
    allocation_service_pb2_grpc.add_AllocationServiceServicer_to_server(AllocationServicer(services, pages), server)
    goal_service_pb2_grpc.add_GoalServiceServicer_to_server(GoalServicer(services, pages), server)
    facility_service_pb2_grpc.add_FacilityServiceServicer_to_server(FacilityServicer(services, pages), server)
    identity = IdentityServicer(services, pages, clock=clock)
    identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(identity, server)
    reflection.enable_server_reflection((*_SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    try:
        bound = server.add_secure_port(listen, credentials) if credentials else server.add_insecure_port(listen)
        if local:
            server.add_insecure_port(local)
    except RuntimeError as error:
        pool.close()
        health.pool.shutdown()
        raise ListenError(f"cannot listen on {listen}", advice="choose another address with --listen") from error
    server.start()
    return RunningServer(host, bound, gate, counts, server, pool, health)


def split_listen(listen: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT``. Raises ListenError."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ListenError(f"{listen!r} is not an address to listen on", advice="write HOST:PORT, as 127.0.0.1:4317")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_taken(host: str, port: int, option: str = "--listen") -> None:
    """grpcio is content when one of a name's addresses is free; then some clients would reach the other program."""
    if not port:
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"{host!r} is not an address of this machine", advice=f"choose another with {option}") from error
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise ListenError(f"port {port} on {host} is in use", advice=f"choose another with {option}") from error


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    """grpcio takes any bytes and fails at the first handshake, so look at them first."""
    try:
        leaf = x509.load_pem_x509_certificates(tls.certificate)[0]
        key = serialization.load_pem_private_key(tls.key, password=None)
    except (ValueError, TypeError) as error:
        raise ListenError("the TLS certificate or key is not PEM", advice="check --tls-cert and --tls-key") from error
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*encoding) != key.public_key().public_bytes(*encoding):
        raise ListenError("the TLS key does not belong to the certificate", advice="check --tls-cert and --tls-key")
    if not tls.client_ca:
        return grpc.ssl_server_credentials([(tls.key, tls.certificate)])
    try:
        x509.load_pem_x509_certificates(tls.client_ca)
    except ValueError as error:
        raise ListenError("the authority of client certificates is not PEM", advice="check --tls-client-ca") from error
    return grpc.ssl_server_credentials([(tls.key, tls.certificate)], root_certificates=tls.client_ca, require_client_auth=True)
