"""One way to start each foreign sender, for the tests and for ``senders/record.py``; ``target`` is greencloud's HOST:PORT."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from sending import beside, fetch, free_port, otel, program, send, wait_for, written

__all__ = ["Envoy", "caddy", "deno", "envoy", "instrumented", "k6", "python", "rotel", "temporal"]

Done = subprocess.CompletedProcess[str]


def python(target: str, token: str, service: str, *arguments: str, **more: str) -> Done:
    """The stock SDK: arguments are COUNT [SPANS_A_SECOND]."""
    return send("python", "spans.py", *arguments, environment=otel(target, token, service, **more))


def instrumented(target: str, token: str, orders: int) -> Done:
    """An unchanged app: so many orders, and a look at the stock with every third."""
    environment = otel(target, token, "shop", OTEL_LOGS_EXPORTER="none")
    return send("opentelemetry-instrument", program("python"), "shop.py", str(orders), environment=environment)


def deno(target: str, token: str, count: int, folder: Path, *, percent: bool = False) -> Done:
    """Deno takes the header as it is written: with a space, not with the specification's %20."""
    environment = otel(target, token, "deno", OTEL_DENO="true", DENO_DIR=str(folder / "deno"), NO_COLOR="1")
    if not percent:
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer {token}"
    return send("deno", "run", "--allow-all", "spans.ts", str(count), environment=environment)


def temporal(target: str, token: str, rounds: int, folder: Path) -> AbstractContextManager[object]:
    """Temporal's core: in each round one job and one CPU second, as deltas."""
    return beside("python", "points.py", f"http://{target}", token, str(rounds), log=folder / "temporal.log", environment={})


def k6(target: str, token: str) -> Done:
    """90 iterations, 180 orders."""
    environment = {
        "K6_OTEL_GRPC_EXPORTER_ENDPOINT": target,
        "K6_OTEL_GRPC_EXPORTER_INSECURE": "true",
        "K6_OTEL_HEADERS": f"authorization=Bearer {token}",
        "K6_OTEL_FLUSH_INTERVAL": "200ms",
        "K6_OTEL_EXPORT_INTERVAL": "200ms",
    }
    return send("k6", "run", "--quiet", "--no-usage-report", "-o", "experimental-opentelemetry", "load.js", environment=environment)


def _ask(port: int, times: int) -> None:
    # Those that find no listener yet leave no span.
    wait_for(lambda: fetch(f"http://127.0.0.1:{port}/"))
    assert all(fetch(f"http://127.0.0.1:{port}/") for _ in range(times - 1))


@contextmanager
def caddy(target: str, token: str, requests: int, folder: Path) -> Iterator[None]:
    """Caddy, after this many requests; it wants the protocol under both names, and flushes when it is asked to end."""
    port = free_port()
    environment = otel(target, token, "caddy", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc", HOME=str(folder))
    config = written("Caddyfile", folder, PORT=port)
    with beside("caddy", "run", "--config", config, log=folder / "caddy.log", environment=environment):
        _ask(port, requests)
        yield


@dataclass
class Envoy:
    """A running Envoy, to be asked what it has sent: what it still holds when it ends is lost."""

    admin: int

    def stats(self) -> dict[str, str]:
        with urlopen(f"http://127.0.0.1:{self.admin}/stats", timeout=10) as answer:
            return dict(line.split(": ", 1) for line in answer.read().decode().splitlines() if ": " in line)

    def has_sent(self, spans: int) -> bool:
        now = self.stats()
        return (now["tracing.opentelemetry.spans_sent"], now["cluster.greencloud.upstream_rq_active"]) == (str(spans), "0")


@contextmanager
def envoy(target: str, token: str, requests: int, folder: Path) -> Iterator[Envoy]:
    """Envoy, after this many requests."""
    port, admin = free_port(), free_port()
    config = written("envoy.yaml", folder, ADMIN_PORT=admin, SERVER_PORT=target.split(":")[1], TOKEN=token, PORT=port)
    options = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warn")
    with beside("envoy", "--config-path", config, *options, log=folder / "envoy.log", environment={}):
        _ask(port, requests)
        yield Envoy(admin)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def rotel(target: str, token: str, folder: Path) -> Iterator[str]:
    """Rotel before greencloud, with gzip and five minutes of retries; yields the HOST:PORT where it listens itself."""
    port = free_port()
    options = {
        "--otlp-grpc-endpoint": f"127.0.0.1:{port}",
        "--otlp-http-endpoint": f"127.0.0.1:{free_port()}",
        # A batch is ended by time here, never by its size: of a request that Rotel (0.0.1a15) splits at --batch-max-size, one part
        # arrives without its resource, and so under no service.
        "--batch-timeout": "200ms",
        "--exporter": "otlp",
        "--otlp-exporter-endpoint": f"http://{target}",
        "--otlp-exporter-protocol": "grpc",
        "--otlp-exporter-compression": "gzip",
        "--otlp-exporter-custom-headers": f"authorization=Bearer {token}",
        "--otlp-exporter-retry-initial-backoff": "200ms",
        "--otlp-exporter-retry-max-backoff": "2s",
        "--otlp-exporter-retry-max-elapsed-time": "300s",
    }
    arguments = [word for option in options.items() for word in option]
    with beside("rotel-agent", "start", *arguments, log=folder / "rotel.log", environment={}):
        wait_for(lambda: _listens(port))
        yield f"127.0.0.1:{port}"
