"""The server: OTLP intake and the API on one port, and the credentials that open them.

The names here are loaded when they are first used: to issue a token takes the keys, and neither gRPC nor the services.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greencloud.server.app import RunningServer, Tls, build_server
    from greencloud.server.credentials import KeyStore, Principal
    from greencloud.server.errors import ListenError, RequestError
    from greencloud.server.intake import Intake, Taken
    from greencloud.server.process import serve
    from greencloud.server.services import Services

__all__ = [
    "Intake",
    "KeyStore",
    "ListenError",
    "Principal",
    "RequestError",
    "RunningServer",
    "Services",
    "Taken",
    "Tls",
    "build_server",
    "serve",
]

_LAZY = {
    "Intake": "intake",
    "KeyStore": "credentials",
    "ListenError": "errors",
    "Principal": "credentials",
    "RequestError": "errors",
    "RunningServer": "app",
    "Services": "services",
    "Taken": "intake",
    "Tls": "app",
    "build_server": "app",
    "serve": "process",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'greencloud.server' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"greencloud.server.{_LAZY[name]}"), name)
    return value
