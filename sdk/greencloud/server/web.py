"""A WSGI application on an address, until it is closed: bounded, with TLS if there is a certificate.

Each connection has a thread, at most ``_MOST`` of them; who comes when all are taken is hung up on. A connection carries one
request, must bring it within ``_PATIENCE_S`` of silence and ``_WHOLE_S`` in all, and is not kept, so that neither idle callers nor
those who send a byte now and then hold anything. An answer goes out in parts, each within the same patience: a slow line has a
large file in the end, and who takes nothing is hung up on. The handshake of TLS is done in the connection's own thread: one silent
caller would otherwise keep all others out.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Final

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from greencloud.server.app import refuse_taken, split_listen
from greencloud.server.errors import ListenError

__all__ = ["WebServer"]

_LOG: Final = logging.getLogger("greencloud.server.web")
_MOST: Final = 32
_PATIENCE_S: Final = 10.0
_WHOLE_S: Final = 30.0
_PART: Final = 256 * 1024


class _Incoming(io.RawIOBase):
    """What a connection sends, until its time is over."""

    def __init__(self, connection: socket.socket, whole_s: float) -> None:
        self._connection = connection
        self._until = time.monotonic() + whole_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request takes too long")
        self._connection.settimeout(min(_PATIENCE_S, left))
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(_PATIENCE_S)


class _Outgoing(io.BufferedIOBase):
    """What it is sent. A part at a time, since the time limit of a socket is that of all that is given to it at once."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with memoryview(data) as view:
            for start in range(0, view.nbytes, _PART):
                self._connection.sendall(view[start : start + _PART])
            return view.nbytes


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # one request a connection
    timeout = _PATIENCE_S
    server_version = "greencloud"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, _Server), "it is the only one that has this handler"
        self.rfile.close()
        self.rfile = io.BufferedReader(_Incoming(self.connection, self.server.whole_s))
        self.wfile = _Outgoing(self.connection)

    def version_string(self) -> str:
        return self.server_version

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  Werkzeug's name
        _LOG.debug("%s: " + message.rstrip(), self.address_string(), *args)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # The path may have anything in it, and a token does not belong there.
        _LOG.debug("%s %s", self.address_string(), code)


class _Server(ThreadedWSGIServer):
    def __init__(self, host: str, listening: socket.socket, app: Any, tls: ssl.SSLContext | None, whole_s: float) -> None:
        super().__init__(host, 0, app, _Handler, fd=listening.fileno())
        self.whole_s = whole_s
        self._slots = threading.BoundedSemaphore(_MOST)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.ssl_context = tls

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("a connection of %s ended early", client_address, exc_info=True)


class WebServer:
    """Serves ``app`` on ``listen`` (``HOST:PORT``; port 0 takes a free one); ``option`` is where that was said.
    ``whole_s``: how long a request may take to arrive.

    Raises:
        ListenError: the address cannot be had, or the certificate cannot be used.
    """

    def __init__(
        self,
        listen: str,
        app: Any,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        option: str = "--http",
        whole_s: float = _WHOLE_S,
    ) -> None:
        host, port = split_listen(listen)
        tls = _context(certificate, key) if certificate and key else None
        refuse_taken(host, port, option)
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            listening = socket.create_server((host, port), family=family, backlog=_MOST)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {listen}: {error.strerror}", advice=f"choose another address with {option}"
            ) from error
        with listening:
            self._server = _Server(host, listening, app, tls, whole_s)
        self._thread = threading.Thread(target=self._server.serve_forever, name="greencloud-web", kwargs={"poll_interval": 0.1})
        self._thread.start()
        shown = f"[{host}]" if ":" in host else host
        self.listen = f"{shown}:{self._server.port}"
        self.url = f"{'https' if tls else 'http'}://{self.listen}"

    def close(self) -> None:
        """Take no more requests; those under way have their threads."""
        self._server.shutdown()
        self._thread.join()


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError("the TLS certificate or key cannot be used", advice="check --tls-cert and --tls-key") from error
    return context
