"""As much of HTTP/2 as it takes to misuse gRPC: calls with any bytes, compressed beforehand, or cut short, or dripping.

One call a connection has its answer read; header fields are written as literals, and read by looking for gRPC's own, which
grpc servers write as literals the first time on a connection.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

__all__ = ["Http2", "grpc_frame"]

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW: Final = 5
_FRAME: Final = 16_384
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STATUS: Final = re.compile(rb"grpc-status[\x01\x02](\d{1,2})")
_MESSAGE: Final = re.compile(rb"grpc-message([\x00-\x7f].*)", re.DOTALL)


def grpc_frame(message: bytes, *, compressed: bool = False) -> bytes:
    return bytes([compressed]) + struct.pack(">I", len(message)) + message


class Http2:
    """A connection. Raises OSError when the server has closed it."""

    def __init__(self, target: str, *, timeout: float = 60.0) -> None:
        host, _, port = target.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        self._next = 1
        self._window = self._stream_window = self._initial = 65_535
        self._seen = b""
        self._ended = False

    def open(self, path: str, metadata: Iterable[tuple[str, str]] = ()) -> int:
        """Send the headers of a call; gives its stream."""
        stream, self._next = self._next, self._next + 2
        fields = (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "server"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        )
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)
        self._socket.sendall(_frame(_HEADERS, _END_HEADERS, stream, block))
        self._stream_window = self._initial
        return stream

    def drip(self, stream: int, data: bytes) -> None:
        """A few bytes of a message, without regard to windows."""
        self._socket.sendall(_frame(_DATA, 0, stream, data))

    def send(self, stream: int, data: bytes) -> None:
        """The rest of the call, as fast as the server's windows allow."""
        rest = memoryview(data)
        while rest and not self._ended:
            size = min(len(rest), self._window, self._stream_window, _FRAME)
            if size <= 0:
                self._read()
                continue
            last = _END_STREAM if size == len(rest) else 0
            self._socket.sendall(_frame(_DATA, last, stream, bytes(rest[:size])))
            self._window -= size
            self._stream_window -= size
            rest = rest[size:]

    def answer(self) -> tuple[int, str, bytes]:
        """Status, message and all header bytes of the only call on this connection. Status -1: ended without one."""
        while not self._ended:
            self._read()
        status = _STATUS.search(self._seen)
        return int(status[1]) if status else -1, self._message(), self._seen

    def close(self) -> None:
        self._socket.close()

    def _message(self) -> str:
        found = _MESSAGE.search(self._seen)
        if not found:
            return ""
        size, rest = found[1][0], found[1][1:]
        if size == 127:  # HPACK's integers go on in groups of seven bits
            shift = 0
            while True:
                byte, rest = rest[0], rest[1:]
                size += (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        return unquote(rest[:size].decode(errors="replace"))

    def _read(self) -> None:
        head = self._exactly(9)
        length, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
        body = self._exactly(length)
        if kind == _SETTINGS and not flags & _ACK:
            for at in range(0, length, 6):
                key, value = struct.unpack_from(">HI", body, at)
                if key == _INITIAL_WINDOW:
                    self._stream_window += value - self._initial
                    self._initial = value
            self._socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._socket.sendall(_frame(_PING, _ACK, 0, body))
        elif kind == _WINDOW:
            if stream:
                self._stream_window += int.from_bytes(body, "big")
            else:
                self._window += int.from_bytes(body, "big")
        elif kind in {_HEADERS, _CONTINUATION}:
            self._seen += body
            self._ended = bool(flags & _END_STREAM)
        elif kind in {_RESET, _GOAWAY} or (kind == _DATA and flags & _END_STREAM):
            self._ended = True

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(size)
            if not part:
                raise ConnectionResetError("the server closed the connection")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def _text(text: str) -> bytes:
    """HPACK's string, not Huffman coded."""
    data = text.encode()
    size = len(data)
    if size < 127:
        return bytes([size]) + data
    size, encoded = size - 127, b"\x7f"
    while size > 127:
        encoded += bytes([size & 127 | 128])
        size >>= 7
    return encoded + bytes([size]) + data
