"""Five frameworks under ``opentelemetry-instrument``, unchanged: their spans arrive in a running greencloud with their CPU on them,
and the sum over operations is what the process metered, less what it names as the rest.

Each request burns a known amount of CPU, so the spans can hold no less; and the process' two counters say how much there was.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.telemetry import read_log
from otlp_sink import attributes_of
from sending import fetch, free_port, numbers, operations, otel, wait_for
from serving import Served, serving

SERVICES = Path(__file__).parent / "services"
BIN = SERVICES / ".venv" / "bin"
MS = 1_000_000

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.senders,
    pytest.mark.skipif(not (BIN.parent / "stamp").is_file(), reason="needs the frameworks: tests/services/install.sh"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("services") / "data") as running:
        yield running


def environment(endpoint: str, token: str, service: str, **more: str) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))}
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "500", "OTEL_LOGS_EXPORTER": "none"}
    found = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "greencloud", "PYTHONUNBUFFERED": "1"}
    return plain | {"PATH": f"{BIN}:{plain['PATH']}"} | otel(endpoint, token, service) | quick | found | more


@contextmanager
def instrumented(command: list[str], log: Path, variables: dict[str, str]) -> Iterator[None]:
    """A service until the block ends; then it is interrupted as a user would, and flushes."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(BIN / "opentelemetry-instrument"), *command], stdout=output, stderr=output, env=variables, cwd=SERVICES
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


@dataclass(frozen=True)
class Told:
    """Of a service, in nanoseconds: what its spans say by operation, and its processes' counters."""

    spans: dict[str, int]
    qualities: set[str]
    attributed: int
    unattributed: int
    memory: float

    @property
    def total(self) -> int:
        return sum(self.spans.values())


def spans_of(data: Path, service: str) -> Iterator[tuple[str, dict[str, str | int | float | bool]]]:
    """Names and attributes of the spans that have arrived."""
    for record in read_log(data / "wal"):
        if record.signal != "traces":
            continue
        for group in ExportTraceServiceRequest.FromString(record.payload).resource_spans:
            if attributes_of(group.resource.attributes).get("service.name") == service:
                yield from ((span.name, attributes_of(span.attributes)) for scope in group.scope_spans for span in scope.spans)


def told(data: Path, service: str) -> Told:
    spans: dict[str, int] = defaultdict(int)
    qualities = set()
    for name, attributes in spans_of(data, service):
        spans[name] += int(attributes["greencloud.cpu.time"])
        qualities.add(str(attributes["greencloud.quality"]))
    counted = {name: last(data, service, f"greencloud.process.cpu.{name}") for name in ("attributed", "unattributed")}
    memory = last(data, service, "process.memory.usage")
    return Told(dict(spans), qualities, round(counted["attributed"] * 1e9), round(counted["unattributed"] * 1e9), memory)


def last(data: Path, service: str, metric: str) -> float:
    """The last value of each process, added up; 0 before any has arrived."""
    found = {
        resource["service.instance.id"]: value
        for resource, _, value in numbers(data, metric)
        if resource.get("service.name") == service
    }
    return sum(found.values())


def check(server: Served, service: str, truth_ns: int, expected: dict[str, int]) -> Told:
    """Checks what has arrived; ``expected`` are the operations, with how many ran."""
    counts = {name: count for (found, name), count in operations(server.data, "acme").items() if found == service}
    assert {name: counts.get(name) for name in expected} == expected
    result = told(server.data, service)
    assert result.qualities == {"exact"}
    assert truth_ns <= result.total <= 1.5 * truth_ns + 500 * MS
    # A slice counts when it ends: each of the four threads at work may have had one open when the counters were read.
    assert result.total == pytest.approx(result.attributed, rel=0.02, abs=4 * 20 * MS)
    assert result.unattributed > 0
    assert result.memory > 10 << 20
    return result


def arrived(data: Path, service: str, spans: int) -> bool:
    """Whether so many spans are there, and counters that have caught up with them."""
    found = list(spans_of(data, service))
    if len(found) < spans:
        return False
    total = sum(int(attributes["greencloud.cpu.time"]) for _, attributes in found)
    return last(data, service, "greencloud.process.cpu.attributed") * 1e9 >= total - 4 * 20 * MS


def ask(url: str, times: int, at_once: int = 6) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        assert all(pool.map(fetch, [url] * times))


def test_fastapi(server: Served, tmp_path: Path) -> None:
    port = free_port()
    command = ["uvicorn", "service_fastapi:app", "--port", str(port), "--loop", "asyncio", "--log-level", "warning"]
    variables = environment(server.target, server.token("acme"), "fastapi")
    with instrumented(command, tmp_path / "log", variables):
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/thread/0"))
        ask(f"http://127.0.0.1:{port}/loop/20", 30)
        ask(f"http://127.0.0.1:{port}/thread/20", 30)

    found = check(server, "fastapi", 60 * 20 * MS, {"GET /loop/{milliseconds}": 30, "GET /thread/{milliseconds}": 31})
    # Six requests take turns on one thread, and yet each kind has its own.
    assert found.spans["GET /loop/{milliseconds}"] >= 30 * 20 * MS
    assert found.spans["GET /thread/{milliseconds}"] >= 30 * 20 * MS


def test_flask(server: Served, tmp_path: Path) -> None:
    port = free_port()
    variables = environment(server.target, server.token("acme"), "flask")
    with instrumented(["python", "service_flask.py", str(port)], tmp_path / "log", variables):
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/work/0"))
        ask(f"http://127.0.0.1:{port}/work/20", 40)
    check(server, "flask", 40 * 20 * MS, {"GET /work/<int:milliseconds>": 41})


def test_django(server: Served, tmp_path: Path) -> None:
    port = free_port()
    variables = environment(server.target, server.token("acme"), "django", DJANGO_SETTINGS_MODULE="service_django")
    with instrumented(["python", "service_django.py", str(port)], tmp_path / "log", variables):
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/work/0"))
        ask(f"http://127.0.0.1:{port}/work/20", 40)
    check(server, "django", 40 * 20 * MS, {"GET work/<int:milliseconds>": 41})


def test_grpc(server: Served, tmp_path: Path) -> None:
    port = free_port()
    variables = environment(server.target, server.token("acme"), "grpc")
    with (
        instrumented(["python", "service_grpc.py", str(port)], tmp_path / "log", variables),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ThreadPoolExecutor(6) as pool,
    ):
        work: Callable[..., bytes] = channel.unary_unary("/example.Burner/Work")
        work(b"0", wait_for_ready=True, timeout=60)
        assert set(pool.map(work, [b"20"] * 40)) == {b"20 ms"}
    check(server, "grpc", 40 * 20 * MS, {"/example.Burner/Work": 41})


def test_celery_with_forked_workers(server: Served, tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    (folder / "control").mkdir(parents=True)
    variables = environment(server.target, server.token("acme"), "celery", CELERY_FOLDER=str(folder))
    # No export before the workers are forked: a worker that is forked in the midst of a gRPC call may never export again.
    variables["OTEL_METRIC_EXPORT_INTERVAL"] = "15000"
    plain = {key: value for key, value in variables.items() if not key.startswith("OTEL_")}
    command = ["celery", "-A", "service_celery", "worker", "--concurrency", "2", "--loglevel", "warning"]
    with instrumented(command, tmp_path / "log", variables):
        subprocess.run([BIN / "python", "service_celery.py", "40"], check=True, env=plain, cwd=SERVICES, timeout=60)
        wait_for(lambda: (folder / "done").exists() and (folder / "done").stat().st_size == 40)
        # Workers are ended without flushing, so wait until they have exported what they have.
        wait_for(lambda: arrived(server.data, "celery", 40), timeout=120)
    check(server, "celery", 40 * 20 * MS, {"run/service_celery.work": 40})


def test_an_edge_names_the_account_that_it_knows_and_not_the_one_that_is_claimed(server: Served, tmp_path: Path) -> None:
    port = free_port()
    variables = environment(server.target, server.token("acme"), "edge", GLOBEX_PORT=str(port))
    variables["OTEL_PYTHON_GREENCLOUD_CALLER_HOOK"] = "accounts:account_of"
    claim = urllib.request.Request(f"http://127.0.0.1:{port}/work/1", headers={"baggage": "greencloud.caller.account=mallory"})
    with instrumented(["python", "service_flask.py", str(port)], tmp_path / "log", variables):
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/work/0"))
        with urllib.request.urlopen(claim, timeout=30) as answer:
            assert answer.status == 200
    callers = [attributes.get("greencloud.caller.account") for _, attributes in spans_of(server.data, "edge")]
    assert callers == ["globex", "globex"]


def latencies(ports: list[int], rounds: int) -> list[list[float]]:
    """Seconds of requests to each, one after the other in turn, so that what disturbs one disturbs all."""
    found: list[list[float]] = [[] for _ in ports]
    for _ in range(rounds):
        for port, times in zip(ports, found, strict=True):
            begin = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/work/1", timeout=30) as answer:
                assert answer.status == 200
            times.append(time.perf_counter() - begin)
    return found


@pytest.mark.stress
def test_with_a_dead_server_a_service_serves_as_fast(server: Served, tmp_path: Path) -> None:
    with ExitStack() as stack:
        # Takes connections and never says a word.
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        targets = [server.target, f"127.0.0.1:{free_port()}", f"127.0.0.1:{silent.getsockname()[1]}"]
        ports = [free_port() for _ in targets]
        for target, port in zip(targets, ports, strict=True):
            variables = environment(target, server.token("acme"), "dead", OTEL_EXPORTER_OTLP_TIMEOUT="2")
            variables |= {"OTEL_PYTHON_GREENCLOUD_SERVER": target}
            command = ["python", "service_flask.py", str(port)]
            stack.enter_context(instrumented(command, tmp_path / f"log-{port}", variables))
        for port in ports:
            wait_for(partial(fetch, f"http://127.0.0.1:{port}/work/0"))
        alive, refused, mute = latencies(ports, 400)

    for times in (refused, mute):
        assert median(times) <= 1.25 * median(alive) + 0.001
        assert sorted(times)[380] <= 2 * sorted(alive)[380] + 0.005
