"""Records what each sender really puts on the wire: record.py [SENDER...], after install.sh.

A file, corpus/SENDER.SIGNAL.otlp, holds the bodies of one sender's Export calls, decompressed, each behind its length in 4 bytes,
big-endian; ``greencloud ingest`` reads it. Nothing that points to a person or a machine goes in: no header is kept, and a body that
names this host, its user or a home stops the run.
"""

from __future__ import annotations

import getpass
import socket
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).parents[1]))

from sender_runs import caddy, deno, envoy, instrumented, k6, python, rotel, temporal
from sending import wait_for

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES = 24_000  # a file
SERVICES = {"traces": "trace.v1.TraceService", "metrics": "metrics.v1.MetricsService", "logs": "logs.v1.LogsService"}


@dataclass
class Recorder:
    """An OTLP server that agrees to everything."""

    target: str = ""
    bodies: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handler(self, signal: str) -> grpc.GenericRpcHandler:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            with self.lock:
                self.bodies[signal].append(body)
            return b""

        method: Any = grpc.unary_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(f"opentelemetry.proto.collector.{SERVICES[signal]}", {"Export": method})


@contextmanager
def recorder() -> Iterator[Recorder]:
    """On loopback, for as long as the block lasts."""
    found = Recorder()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(tuple(map(found.handler, SERVICES)))
    found.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield found
    finally:
        server.stop(None).wait()


def write(sender: str, bodies: dict[str, list[bytes]]) -> None:
    """The first and the last body, which is the fullest with cumulative metrics; and between them as many as there is room for."""
    private = {word.encode() for word in (socket.gethostname(), getpass.getuser(), str(Path.home()), str(Path.cwd()), "Bearer")}
    for signal, found in bodies.items():
        if signal == "logs":  # greencloud takes none
            continue
        kept, size = [], 0
        for body in [found[-1], *found[:-1]]:
            if size + 4 + len(body) <= MOST_BYTES:
                kept.append(body)
                size += 4 + len(body)
        named = {word for word in private for body in kept if word in body}
        if named or not kept:
            sys.exit(f"{sender}.{signal}: {named or 'every request is too large'}")
        with (CORPUS / f"{sender}.{signal}.otlp").open("wb") as file:
            for body in kept:
                file.write(len(body).to_bytes(4, "big") + body)
        print(f"{sender}.{signal}: {len(kept)} of {len(found)} requests, {size} bytes")


def record_envoy(to: Recorder, folder: Path) -> None:
    with envoy(to.target, "none", 20, folder) as running:
        wait_for(lambda: running.has_sent(20))
        wait_for(lambda: len(to.bodies["metrics"]) > 1)


def record_caddy(to: Recorder, folder: Path) -> None:
    with caddy(to.target, "none", 20, folder):
        pass


def record_temporal(to: Recorder, folder: Path) -> None:
    with temporal(to.target, "none", 10, folder):
        wait_for(lambda: len(to.bodies["metrics"]) > 2)


def record_rotel(to: Recorder, folder: Path) -> None:
    with rotel(to.target, "none", folder) as collector:
        for service in ("shop", "stock"):
            python(collector, "", service, "30")
        wait_for(lambda: to.bodies["traces"])


SENDERS: dict[str, Callable[[Recorder, Path], object]] = {
    "python": lambda to, _: python(to.target, "none", "python", "30"),
    "instrumented": lambda to, _: instrumented(to.target, "none", 12),
    "deno": lambda to, folder: deno(to.target, "none", 30, folder),
    "k6": lambda to, _: k6(to.target, "none"),
    "envoy": record_envoy,
    "caddy": record_caddy,
    "temporal": record_temporal,
    "rotel": record_rotel,
}


if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for sender in sys.argv[1:] or SENDERS:
        with recorder() as to, tempfile.TemporaryDirectory() as folder:
            SENDERS[sender](to, Path(folder))
            write(sender, to.bodies)
