"""What a server is started with, as one value that a worker process can be given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from greencloud.server.app import LARGEST_MESSAGE, THREADS, Tls, is_loopback, split_listen
from greencloud.server.auth_file import AuthFile, read_auth_file
from greencloud.server.errors import ListenError
from greencloud.server.quota import PROVIDER_RATE, TENANT_RATE, Policy

__all__ = ["Settings", "now", "tls_of"]


def now() -> datetime:
    """The clock of a server."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``quota`` and ``provider_quota`` are bytes/s, 0 for any; ``allocate_every_s`` 0 is never; ``metrics``, ``account_metrics``,
    ``http`` and ``page`` "" are none; ``local`` is a socket besides the port, by which the page asks
    (``greencloud.server.live_page``).
    ``serving_copy`` is a connection string, perhaps with a password, "" for none; ``refresh_copy``: whether this process keeps
    the copy up to date.
    ``query_memory`` (bytes) and ``query_threads`` are what queries of the process may take together; 0 leaves it to the ledger.

    ``log`` is the shared log, "" for none (``greencloud.telemetry.log_uri``); ``log_from`` leaves out what is lost up to there, -1
    nothing; without ``follow`` the process only puts into it. ``lease_term_s`` is how long a lease holds that nobody renews.

    ``tls_client_ca`` are the authorities of clients' certificates, ``auth`` the auth file (``greencloud.server.auth_file``).
    """

    data: Path
    listen: str = "127.0.0.1:4317"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    auth: Path | None = None
    insecure: bool = False
    allocate_every_s: float = 0.0
    quota: int = TENANT_RATE
    provider_quota: int = PROVIDER_RATE
    largest_message: int = LARGEST_MESSAGE
    metrics: str = ""
    account_metrics: str = ""
    http: str = ""
    page: str = ""
    local: str = ""
    serving_copy: str = field(default="", repr=False)
    refresh_copy: bool = True
    shared: bool = False
    query_memory: int = 0
    query_threads: int = 0
    log: str = ""
    log_from: int = -1
    follow: bool = True
    lease_term_s: float = 120.0
    clock: Callable[[], datetime] = field(default=now, compare=False)

    def check(self) -> Tls | None:
        """The certificate, if there is one.

        Raises:
            ListenError: tokens or names would travel in clear text, or certificates of clients are named and never asked for.
            AuthFileError: the auth file is wrong.
        """
        said = self.auth_file()
        if (said.clients or said.required) and not self.tls_client_ca:
            raise ListenError(
                "the auth file knows clients by certificates", advice="give --tls-client-ca, the authority that signs them"
            )
        for option, listen in (("--metrics", self.metrics), ("--account-metrics", self.account_metrics)):
            if listen and not is_loopback(split_listen(listen)[0]) and not self.insecure:
                raise ListenError(
                    f"metrics name accounts, and {listen} can be reached from other machines without a credential",
                    advice=f"give {option} an address of this machine; or --insecure if something in front of it guards it",
                )
        for listen in filter(None, (self.http, self.page)):
            tls_of(listen, self.tls_cert, self.tls_key, insecure=self.insecure)
        if self.page and said.required:
            raise ListenError(
                "the auth file lets nobody in without a certificate, and readers of the page come with tokens",
                advice='leave out --page, or let tokens count on their own: identity = "either"',
            )
        tls = tls_of(self.listen, self.tls_cert, self.tls_key, insecure=self.insecure)
        if not self.tls_client_ca:
            return tls
        if tls is None:
            raise ListenError("certificates of clients need TLS", advice="give --tls-cert and --tls-key, too")
        return replace(tls, client_ca=_content(self.tls_client_ca, "--tls-client-ca"))

    def auth_file(self) -> AuthFile:
        """What the auth file says. Raises AuthFileError."""
        return read_auth_file(self.auth) if self.auth else AuthFile()

    def policy(self) -> Policy:
        return Policy.of(THREADS, rate=self.quota, provider_rate=self.provider_quota)

    def to_json(self) -> str:
        """For a worker. The clock is left out: workers have the usual one."""
        values = asdict(self)
        del values["clock"]
        return json.dumps(values, default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        values: dict[str, Any] = json.loads(text)
        for name in ("data", "tls_cert", "tls_key", "tls_client_ca", "auth"):
            values[name] = Path(values[name]) if values[name] else None
        return cls(**values)


def tls_of(listen: str, certificate: Path | None, key: Path | None, *, insecure: bool) -> Tls | None:
    """The certificate of a listener, None for no TLS. Raises ListenError where it cannot be read or there should be one."""
    host, _ = split_listen(listen)
    if certificate and key:
        return Tls(_content(certificate, "--tls-cert"), _content(key, "--tls-key"))
    if certificate or key:
        raise ListenError("TLS needs a certificate and its key", advice="give both --tls-cert and --tls-key")
    if not is_loopback(host) and not insecure:
        raise ListenError(
            f"{host} can be reached from other machines, and without TLS tokens would travel in clear text",
            advice="give --tls-cert and --tls-key; or --insecure if something in front of the server speaks TLS",
        )
    return None


def _content(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ListenError(f"{error.filename}: {error.strerror}", advice=f"check {option}") from error
