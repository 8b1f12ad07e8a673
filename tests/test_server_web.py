"""The bounded WSGI server against callers who are in no hurry, over real sockets."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import Any

import pytest

from greencloud.server.web import WebServer

LARGE = b"0123456789abcdef" * 2**18  # 4 MiB: more than the buffers of two sockets


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = LARGE if environ["PATH_INFO"] == "/large" else environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def trickled(web: WebServer, head: bytes) -> bytes:
    """What comes back to who sends this and then a byte now and then, as long as anybody listens."""
    host, _, port = web.listen.partition(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(head)
        caller.settimeout(0.05)
        with suppress(ConnectionError):  # hung up on while it sent
            for _ in range(400):  # some 20 s, of which none is silent
                try:
                    return caller.recv(1)
                except TimeoutError:
                    caller.sendall(b"a")
            raise AssertionError("the connection is held")
    return b""


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.0\r\nX-Name: ", b"POST / HTTP/1.0\r\nContent-Length: 60000\r\n\r\n"])
def test_who_sends_a_byte_now_and_then_holds_no_connection(head: bytes) -> None:
    with closing(WebServer("127.0.0.1:0", app, whole_s=0.3)) as web:
        assert trickled(web, head) in {b"", b"H"}  # hung up on, or refused


def test_a_large_answer_and_a_body_arrive_whole() -> None:
    with closing(WebServer("127.0.0.1:0", app)) as web:
        with urllib.request.urlopen(f"{web.url}/large", timeout=20) as answer:
            assert answer.read() == LARGE
        with urllib.request.urlopen(f"{web.url}/", b"x" * 60_000, timeout=20) as answer:
            assert answer.read() == b"x" * 60_000
