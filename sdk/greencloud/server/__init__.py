"""The server: OTLP intake and the API on one port, and the credentials that open them."""

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
