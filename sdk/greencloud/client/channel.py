"""The channel: TLS unless the target is this machine, and retries by service config.

A call is tried again only when the server was not reached or says that it cannot serve just now (UNAVAILABLE, AIP-194), by grpc
itself: nothing here loops.
"""

from __future__ import annotations

import ipaddress
import json
import platform
from typing import Final

import grpc

from greencloud import __version__

__all__ = ["is_local", "open_channel"]

RETRIES: Final = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(RETRIES)),
    ("grpc.enable_retries", 1),
    ("grpc.primary_user_agent", f"greencloud/{__version__} python/{platform.python_version()}"),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.keepalive_time_ms", 30_000),
)


def open_channel(target: str, *, root_certificates: bytes | None, insecure: bool | None) -> grpc.Channel:
    """A channel to ``HOST:PORT``. ``insecure`` None: without TLS only where the target is this machine."""
    if insecure is None:
        insecure = root_certificates is None and is_local(target)
    if insecure:
        return grpc.insecure_channel(target, options=_OPTIONS)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(root_certificates), options=_OPTIONS)


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
