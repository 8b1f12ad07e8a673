"""``greencloud doctor --server``: name, connection, TLS, health, credential, clock and version, each with a remedy.

Each step needs the one before: where the name is not found nothing can be said of the certificate. So a step that fails ends the
examination, and what it says is what is to be put right first.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from greencloud import __version__
from greencloud.cli._finding import Finding, guarded
from greencloud.cli._source import Source
from greencloud.errors import GreencloudError, RemoteError

if TYPE_CHECKING:
    from greencloud.client import Client

__all__ = ["address_of", "server_findings"]

_CONNECT_S: Final = 5.0
_MOST_SKEW_S: Final = 30.0
_SOON_DAYS: Final = 14
_SERVING: Final = b"\x08\x01"
"""``grpc.health.v1.HealthCheckResponse`` with status SERVING."""


def server_findings(source: Source) -> Iterator[Finding]:
    """From the configuration to the clock, up to the first step that fails."""
    from greencloud.client.channel import is_local

    assert source.config is not None, "a server is asked"
    config = source.config
    for key in ("server", "token", "token_file", "ca_file", "client_cert", "client_key", "timeout_s"):
        value = getattr(config, key)
        if value not in (None, ""):
            told = "(set, not shown)" if key == "token" else str(value)
            yield Finding("configuration", "ok", f"{key} = {told}, from {_origin(config.sources.get(key))}")
    host, port = address_of(config.server)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(
            "name", "fault", f"{host}: {error.strerror or error}", "check the spelling of the server, and your DNS or VPN"
        )
        return
    yield Finding("name", "ok", f"{host} is {', '.join(sorted({str(address[4][0]) for address in found}))}")
    begun = time.monotonic()
    try:
        connection = socket.create_connection((host, port), timeout=_CONNECT_S)
    except OSError as error:
        remedy = "check the port, that the server runs and listens there, and the firewalls between"
        yield Finding("connection", "fault", f"{host}:{port}: {error.strerror or error}", remedy)
        return
    with connection:
        yield Finding("connection", "ok", f"{host}:{port} in {(time.monotonic() - begun) * 1000:,.0f} ms")
        if _encrypted(source):
            tls = list(_tls(connection, host, source))
            yield from tls
            if any(finding.status == "fault" for finding in tls):
                return
        elif is_local(config.server):
            yield Finding("TLS", "ok", "none: the server is this machine")
        else:
            yield Finding("TLS", "note", "none: tokens and figures travel in the clear", "leave --insecure out")
    yield from guarded("server", _answers(source))


def address_of(target: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``[ADDRESS]:PORT`` or ``dns:///HOST:PORT``; 443 where there is no port, as gRPC has it."""
    plain = target.removeprefix("dns:").lstrip("/")
    if plain.startswith("["):
        host, _, rest = plain[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = plain.partition(":")
    return host, int(port) if port.isdecimal() else 443


def _encrypted(source: Source) -> bool:
    """Whether the client would encrypt."""
    with source.client() as client:
        return client._connection.settings.encrypted


def _tls(connection: socket.socket, host: str, source: Source) -> Iterator[Finding]:
    assert source.config is not None, "a server is asked"
    config = source.config
    try:
        context = ssl.create_default_context(cafile=config.ca_file and str(config.ca_file))
        if config.client_cert:
            context.load_cert_chain(str(config.client_cert), config.client_key and str(config.client_key))
        context.set_alpn_protocols(["h2"])
        with context.wrap_socket(connection, server_hostname=host) as secured:
            certificate, version, protocol = secured.getpeercert() or {}, secured.version(), secured.selected_alpn_protocol()
    except ssl.SSLCertVerificationError as error:
        remedy = (
            "name its authority (PEM): greencloud config set ca_file FILE, and ask for the server by the name in its certificate"
        )
        yield Finding("TLS", "fault", f"the certificate does not hold: {error.verify_message}", remedy)
        return
    except (OSError, ssl.SSLError) as error:
        remedy = "a server without TLS is asked with --insecure; one that asks for a certificate needs client_cert and client_key"
        yield Finding("TLS", "fault", str(error), remedy)
        return
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (until - datetime.now(UTC)).days
    status, remedy = ("note", "renew it") if days < _SOON_DAYS else ("ok", "")
    yield Finding("TLS", status, f"{version}, certificate until {until:%Y-%m-%d} ({days:,} days)", remedy)
    if protocol != "h2":
        yield Finding(
            "HTTP/2", "fault", "the server does not speak HTTP/2", "is it a proxy of HTTP/1.1? gRPC needs HTTP/2 all the way"
        )


def _answers(source: Source) -> Iterator[Finding]:
    with source.client() as client:
        yield _health(client)
        begun = datetime.now(UTC)
        try:
            identity = client.get_caller_identity()
        except RemoteError as error:
            if error.code != "UNIMPLEMENTED":
                raise
            yield Finding("credential", "note", "this server cannot tell who you are", "it is older than this client: update it")
            return
        took = datetime.now(UTC) - begun
    skew = (identity.server_time - (begun + took / 2)).total_seconds()
    whose = identity.account or "no account"
    yield Finding("credential", "ok", f"{identity.role} of {whose}, until {identity.expires:%Y-%m-%dT%H:%M:%SZ}")
    wrong = abs(skew) > _MOST_SKEW_S + took.total_seconds()
    remedy = "set both clocks by NTP: tokens are refused before their time, and telemetry falls into other windows" if wrong else ""
    yield Finding("clock", "fault" if wrong else "ok", f"the server's is {skew:+.1f} s from this one", remedy)
    same = identity.server_version == __version__
    text = f"server {identity.server_version}, client {__version__}"
    yield Finding(
        "version", "ok" if same else "note", text, "" if same else "what only one of them knows is refused: update the older"
    )


def _health(client: Client) -> Finding:
    """grpc.health.v1 by its bytes: the request is empty, and the answer one field."""
    check: Any = client._connection.channel.unary_unary("/grpc.health.v1.Health/Check")
    try:
        answer = client._call(check, b"", None)
    except GreencloudError as error:
        return Finding("health", "fault", error.message, error.advice)
    if answer == _SERVING:
        return Finding("health", "ok", "serving")
    return Finding("health", "fault", "not serving", "it is starting, stopping or has no room: see the log of the server")


def _origin(source: str | None) -> str:
    return {"code": "the command line", None: "the default"}.get(source, source or "")
