"""The channel: TLS unless the target is this machine, and what both clients set alike.

A token never goes out in clear text by default: without TLS only this machine is spoken to, past any proxy of the environment.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from greencloud import __version__
from greencloud.client.retry import Retry
from greencloud.errors import ConfigError

__all__ = ["ChannelSettings", "is_local"]

_LARGEST_MESSAGE: Final = 64 << 20
_KEEPALIVE_TIMEOUT_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Where a server is and how it is spoken to. ``insecure`` None: without TLS only where the target is this machine.

    ``root_certificates``, ``client_certificate`` and ``client_key`` are PEM. ``keepalive_s``: how often a connection with calls
    under way is probed, so that one that a network dropped in silence is noticed; None: never.

    Raises:
        ConfigError: the target is no ``HOST:PORT``, half of a client certificate, certificates without TLS, or an ``app_info`` that
            cannot stand in a header.
    """

    target: str
    root_certificates: bytes | None = field(default=None, repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    insecure: bool | None = None
    retry: Retry = Retry()
    keepalive_s: float | None = 30.0
    app_info: str = ""

    def __post_init__(self) -> None:
        if not _is_address(self.target):
            raise ConfigError(
                f"{self.target!r} is not the address of a server", key="server", advice="write HOST:PORT, as footprint.example:4317"
            )
        if (self.client_certificate is None) != (self.client_key is None):
            raise ConfigError("a client certificate needs its key", key="client_cert", advice="give both, or neither")
        if self.insecure and (self.root_certificates is not None or self.client_certificate is not None):
            raise ConfigError(
                "insecure means no TLS, which leaves certificates without use", key="insecure", advice="leave one out"
            )
        if self.keepalive_s is not None and self.keepalive_s < 10:
            raise ConfigError(
                f"servers end connections that are probed every {self.keepalive_s:g} s", key="keepalive_s", advice="use 10 or more"
            )
        if not self.app_info.isascii() or not self.app_info.isprintable():
            raise ConfigError(
                f"app_info {self.app_info!r} cannot stand in a header", key="app_info", advice="write NAME/VERSION in ASCII"
            )

    @property
    def encrypted(self) -> bool:
        if self.insecure is not None:
            return not self.insecure
        return self.root_certificates is not None or self.client_certificate is not None or not is_local(self.target)

    @property
    def user_agent(self) -> str:
        own = f"greencloud/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"
        return f"{own} {self.app_info}" if self.app_info else own

    def options(self) -> tuple[tuple[str, Any], ...]:
        options: list[tuple[str, Any]] = [
            *self.retry.options(),
            ("grpc.primary_user_agent", self.user_agent),
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
        ]
        if self.keepalive_s is not None:
            options += [
                ("grpc.keepalive_time_ms", int(self.keepalive_s * 1000)),
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ]
        if not self.encrypted:
            options.append(("grpc.enable_http_proxy", 0))  # else the token would go to the proxy, in clear
        return tuple(options)

    def open(self, interceptors: Sequence[Any] = ()) -> grpc.Channel:
        """A channel; it connects at the first call."""
        options = self.options()
        if self.encrypted:
            channel = grpc.secure_channel(self.target, self._credentials(), options=options)
        else:
            channel = grpc.insecure_channel(self.target, options=options)
        return grpc.intercept_channel(channel, *interceptors) if interceptors else channel

    def open_async(self, interceptors: Sequence[Any] = ()) -> grpc.aio.Channel:
        """The same for asyncio; it belongs to the running event loop."""
        options, chain = self.options(), list(interceptors) or None
        if self.encrypted:
            return grpc.aio.secure_channel(self.target, self._credentials(), options=options, interceptors=chain)
        return grpc.aio.insecure_channel(self.target, options=options, interceptors=chain)

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.root_certificates, self.client_key, self.client_certificate)


def _is_address(target: str) -> bool:
    """Not so a URL, nor a host without its port, where gRPC would take 443 and say so nowhere."""
    if "://" in target.removeprefix("dns:///").removeprefix("unix:///"):
        return False
    return ":" in target.rpartition("]")[2] if target.startswith("[") else ":" in target.removeprefix("dns:").lstrip("/")


def is_local(target: str) -> bool:
    """Whether a gRPC target can only be this machine."""
    if target.startswith("unix:"):
        return True
    address = target.removeprefix("dns:").lstrip("/")
    host = address.partition("]")[0].removeprefix("[") if address.startswith("[") else address.partition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
