"""The receiver end to end: OTLP over gRPC from another process, decoded, logged durably and acknowledged, against its peers.

    python benchmarks/intake.py                                # 512 and 8,192 spans a request, some two minutes
    python benchmarks/intake.py --rotel /path/to/rotel-agent   # with the Rust collector Rotel (PyPI: rotel, a pre-release)

Rows: ``bare`` is a grpc.server handler that discards the bytes, the ceiling of any Python receiver; ``greencloud`` is ``greencloud
serve`` as users run it, with a tenant's token and its data directory on ``--data``'s disk; ``rotel`` takes and drops (its blackhole
exporter). All have the same malloc thresholds. Rounds alternate, and medians are told: microseconds of the server's CPU a request,
spans a core-second, and what that is of the ceiling and of Rotel. Wall-clock figures have sender and server on the same cores.

    python benchmarks/intake.py --load 3600                    # memory under a steady load, a line a minute
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LARGEST = 64 << 20
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Server:
    """A server that runs: its process and how to call it."""

    name: str
    pid: int
    target: str
    token: str = ""


@dataclass(frozen=True)
class Figure:
    server: str
    spans: int
    cpu_us: float
    spans_per_core_s: float
    mb_per_core_s: float
    spans_per_s: float
    rss_mb: float


def payloads(spans: int, count: int) -> list[bytes]:
    """Requests of some 331 bytes a span: five attributes of the resource, eight of each span, as of a web service."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    rand = random.Random(spans)
    now = time.time_ns()
    made = []
    for _ in range(count):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        for key, value in {
            "service.name": "checkout",
            "service.instance.id": "5f4c1a5e-6d2e-4a1f-9a53-0f4c7a1e2b11",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.1",
        }.items():
            group.resource.attributes.add(key=key).value.string_value = value
        scope = group.scope_spans.add()
        scope.scope.name = "opentelemetry.instrumentation.flask"
        for _ in range(spans):
            start = now - rand.randrange(10**9)
            span = scope.spans.add(
                trace_id=rand.randbytes(16),
                span_id=rand.randbytes(8),
                parent_span_id=rand.randbytes(8),
                name=f"GET /api/v1/items/{rand.randrange(40)}",
                kind=2,
                start_time_unix_nano=start,
                end_time_unix_nano=start + rand.randrange(10**8),
            )
            for key, value in {"http.request.method": "GET", "url.path": f"/api/v1/items/{rand.randrange(10**6)}"}.items():
                span.attributes.add(key=key).value.string_value = value
            span.attributes.add(key="http.response.status_code").value.int_value = 200
            span.attributes.add(key="server.port").value.int_value = 8080
            span.attributes.add(key="network.protocol.version").value.string_value = "1.1"
            span.attributes.add(key="user_agent.original").value.string_value = "Mozilla/5.0"
            span.attributes.add(key="greencloud.cpu.time").value.int_value = rand.randrange(10**7)
            span.attributes.add(key="greencloud.quality").value.string_value = "exact"
        made.append(request.SerializeToString())
    return made


def send(target: str, token: str, spans: int, seconds: float, inflight: int) -> dict[str, Any]:
    """Keep ``inflight`` requests under way for so long; gives how many were acknowledged."""
    import grpc

    requests = payloads(spans, 4 if spans > 4096 else 16)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    channel = grpc.insecure_channel(target, options=[("grpc.max_send_message_length", LARGEST)])
    call = channel.unary_unary(EXPORT)
    for request in requests:
        call(request, metadata=metadata, timeout=60, wait_for_ready=True)
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    done = [0] * inflight

    def work(worker: int) -> None:
        number = worker
        while time.perf_counter() < until:
            call(requests[number % len(requests)], metadata=metadata, timeout=60)
            number += 1
            done[worker] += 1

    with ThreadPoolExecutor(inflight) as pool:
        list(pool.map(work, range(inflight)))
    return {"requests": sum(done), "bytes": len(requests[0]), "seconds": time.perf_counter() - began}


def bare(port: int) -> None:
    """The ceiling: a server whose handler does nothing with the bytes."""
    import grpc

    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", LARGEST), ("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    service = EXPORT.split("/")[1]
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, command: list[str], environment: dict[str, str] | None = None) -> Iterator[tuple[int, str]]:
    """A process that prints ``listening on TARGET``, or one that is waited for at its port."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | MALLOC | (environment or {})
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline() if name != "rotel" else ""
        yield process.pid, line.removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def greencloud(data: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "greencloud"]
    quota = ["--quota", "none", "--provider-quota", "none"]
    with running("greencloud", [*command, "serve", "--data", str(data), "--listen", "127.0.0.1:0", *quota]) as (pid, target):
        made = subprocess.run(
            [*command, "token", "--data", str(data), "--role", "tenant", "--account", "acme"],
            capture_output=True,
            text=True,
            check=True,
        )
        yield Server("greencloud", pid, target, made.stdout.strip())


@contextmanager
def rotel(program: Path) -> Iterator[Server]:
    port = free_port()
    arguments = ["start", "--otlp-grpc-endpoint", f"127.0.0.1:{port}", "--otlp-http-endpoint", f"127.0.0.1:{free_port()}"]
    limits = ["--otlp-grpc-max-recv-msg-size-mib", "64", "--exporter", "blackhole"]
    with running("rotel", [str(program), *arguments, *limits]) as (pid, _):
        yield Server("rotel", pid, f"127.0.0.1:{port}")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def measure(server: Server, spans: int, seconds: float, inflight: int) -> Figure:
    command = [sys.executable, __file__, "--send", server.target, "--token", server.token, "--seconds", str(seconds)]
    sender = subprocess.Popen(
        [*command, "--spans", str(spans), "--inflight", str(inflight)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | MALLOC,
    )
    assert sender.stdin is not None
    assert sender.stdout is not None
    assert sender.stdout.readline() == "ready\n"
    before = cpu_seconds(server.pid)
    sender.stdin.write("go\n")
    sender.stdin.flush()
    done = json.loads(sender.stdout.readline())
    cpu = cpu_seconds(server.pid) - before
    sender.wait(timeout=60)
    requests = done["requests"]
    return Figure(
        server.name,
        spans,
        cpu / requests * 1e6,
        spans * requests / cpu,
        done["bytes"] * requests / cpu / 1e6,
        spans * requests / done["seconds"],
        rss_mb(server.pid),
    )


def compare(options: argparse.Namespace) -> list[Figure]:
    found: list[Figure] = []
    with ExitStack() as stack, tempfile.TemporaryDirectory(dir=options.data) as place:
        pid, target = stack.enter_context(running("bare", [sys.executable, __file__, "--bare", str(free_port())]))
        servers = [Server("bare", pid, target), stack.enter_context(greencloud(Path(place) / "data"))]
        if options.rotel:
            servers.append(stack.enter_context(rotel(options.rotel)))
        for spans in options.sizes:
            rounds: dict[str, list[Figure]] = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    rounds[server.name].append(measure(server, spans, options.seconds, options.inflight))
            found += [sorted(each, key=lambda figure: figure.cpu_us)[len(each) // 2] for each in rounds.values()]
    return found


def tell(found: list[Figure]) -> None:
    columns = f"{'CPU us/request':>14} {'M spans/core-s':>15} {'MB/core-s':>10} {'M spans/s':>10} {'RSS MB':>7}"
    print(f"{'spans':>6} {'server':10} {columns}  ratio")
    for figure in found:
        peers = {peer.server: peer for peer in found if peer.spans == figure.spans}
        ratios = [
            f"{figure.spans_per_core_s / peers[name].spans_per_core_s:.2f} of {name}"
            for name in ("bare", "rotel")
            if name in peers and figure.server == "greencloud"
        ]
        print(
            f"{figure.spans:6} {figure.server:10} {figure.cpu_us:14.0f} {figure.spans_per_core_s / 1e6:15.2f} "
            f"{figure.mb_per_core_s:10.0f} {figure.spans_per_s / 1e6:10.2f} {figure.rss_mb:7.0f}  {', '.join(ratios)}"
        )


def load(options: argparse.Namespace) -> None:
    """A steady load at a bounded rate; memory of the server each minute."""
    import grpc

    with tempfile.TemporaryDirectory(dir=options.data) as place, greencloud(Path(place) / "data") as server:
        requests = payloads(512, 16)
        call = grpc.insecure_channel(server.target).unary_unary(EXPORT)
        metadata = (("authorization", f"Bearer {server.token}"),)
        pause = threading.Event()
        began = told = time.monotonic()
        done = 0
        while (now := time.monotonic()) - began < options.load:
            call(requests[done % len(requests)], metadata=metadata, timeout=60)
            done += 1
            pause.wait(max(0.0, began + done / options.rate - time.monotonic()))
            if now - told >= 60:
                told = now
                print(f"{(now - began) / 60:5.0f} min  {done * 512:12,} spans  {rss_mb(server.pid):7.1f} MB RSS", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 8192])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--inflight", type=int, default=8)
    parser.add_argument("--rotel", type=Path, metavar="PROGRAM")
    parser.add_argument("--data", type=Path, help="a folder on the disk that the log is to be on")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--load", type=float, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=40, help="requests of 512 spans a second under --load")
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--token", default="", help=argparse.SUPPRESS)
    parser.add_argument("--spans", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.bare)
    elif options.send:
        print(json.dumps(send(options.send, options.token, options.spans, options.seconds, options.inflight)))
    elif options.load:
        load(options)
    else:
        found = compare(options)
        tell(found)
        if options.json:
            options.json.write_text(json.dumps([asdict(figure) for figure in found], indent=2))


if __name__ == "__main__":
    main()
