"""The agent as it runs: real processes, a real OTLP server, the stock exporter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from greencloud.agent import Machine, PowerModel, Reporter, Sender, WorkloadFile
from greencloud.agent.workloads import Workload, read_workloads
from greencloud.errors import QuantityError, UsageDataError
from otlp_sink import Sink, attributes_of, sink

HERE = Machine("host-a", "host-a.example", os.cpu_count() or 1, 8 << 30)
MODEL = PowerModel(Fraction(10), Fraction(30))

# Burns CPU in a child that ends, then in itself, and then waits to be told to end.
WORKER = """
import subprocess, sys, time
burn = "import time\\nwhile time.process_time() < 0.3: pass"
subprocess.run([sys.executable, "-c", burn], check=True)
exec(burn)
print("burnt", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    """A process that has burnt 0.3 s of CPU in a child that is gone and more in itself, once it has said so."""
    process = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def write_workloads(path: Path, *rows: tuple[int, str, str]) -> Path:
    text = "".join(f'[[workloads]]\npid = {pid}\naccount = "{account}"\nservice = "{service}"\n' for pid, account, service in rows)
    path.write_text(text)
    return path


def points(request: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """(account, metric) -> unit, kind and points of one request."""
    found = {}
    for resource in request.resource_metrics:
        attributes = attributes_of(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                values = [
                    (attributes_of(point.attributes), point.as_double if point.WhichOneof("value") == "as_double" else point.as_int)
                    for point in metric.sum.data_points
                ]
                found[str(attributes.get("cloud.account.id", "")), metric.name] = {
                    "unit": metric.unit,
                    "monotonic": metric.sum.is_monotonic,
                    "cumulative": metric.sum.aggregation_temporality == 2,
                    "points": values,
                    "resource": attributes,
                }
    return found


def cpu_seconds(request: Any, account: str) -> float:
    return float(sum(value for _, value in points(request)[account, "process.cpu.time"]["points"]))


def agent(kept: Sink, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "greencloud", "agent", "--server", f"127.0.0.1:{kept.port}", "--host-id", "host-a", *options]
    environment = {**os.environ, "GREENCLOUD_TOKEN": "provider-token"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_the_agent_reports_host_energy_and_workloads_with_their_accounts(tmp_path: Path, worker: subprocess.Popen[str]) -> None:
    book = write_workloads(tmp_path / "workloads.toml", (worker.pid, "acme", "storefront"))
    curve = ("--curve-idle-watts", "10", "--curve-max-watts", "30")
    with sink() as kept, agent(kept, "--interval", "0.2", "--workloads", str(book), *curve) as running:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "burnt\n"
        begin = time.monotonic()
        kept.wait_for(lambda kept: len(kept.metrics) >= 3)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=15)
        lasted = time.monotonic() - begin
    assert running.returncode == 0, said
    assert len(said.splitlines()) == 1
    assert "host host-a" in said
    assert "1 workloads" in said
    assert set(kept.tokens) == {"Bearer provider-token"}

    first, last = points(kept.metrics[0]), points(kept.metrics[-1])
    expected = {
        ("", "system.cpu.time"): ("s", True),
        ("", "system.memory.usage"): ("By", False),
        ("", "hw.host.energy"): ("J", True),
        ("acme", "process.cpu.time"): ("s", True),
        ("acme", "process.memory.usage"): ("By", False),
    }
    assert {key: (metric["unit"], metric["monotonic"]) for key, metric in last.items()} == expected
    assert all(metric["cumulative"] for metric in last.values())

    assert last["", "system.cpu.time"]["resource"]["host.id"] == "host-a"
    assert "cloud.account.id" not in last["", "system.cpu.time"]["resource"]
    assert last["acme", "process.cpu.time"]["resource"] == {
        "cloud.account.id": "acme",
        "service.name": "storefront",
        "process.pid": worker.pid,
        "host.id": "host-a",
    }
    modes = {attributes["cpu.mode"] for attributes, _ in last["", "system.cpu.time"]["points"]}
    assert {"user", "system", "idle"} <= modes
    assert {attributes["cpu.mode"] for attributes, _ in last["acme", "process.cpu.time"]["points"]} == {"user", "system"}
    assert [attributes for attributes, _ in last["", "system.memory.usage"]["points"]] == [{"system.memory.state": "used"}]
    assert last["acme", "process.memory.usage"]["points"][0][1] > 1 << 20

    # Every counter starts at zero, so that whoever counts the first point and whoever does not agree.
    zeros = [value for key, metric in first.items() if metric["monotonic"] for _, value in metric["points"]]
    assert zeros
    assert not any(zeros)
    ((attributes, joules),) = last["", "hw.host.energy"]["points"]
    if attributes == {"greencloud.quality": "modelled"}:
        assert 0 < joules < 30 * (lasted + 15)
    else:
        assert attributes == {"greencloud.quality": "measured"}


def test_a_process_that_was_there_before_the_agent_counts_from_the_first_look(
    tmp_path: Path, worker: subprocess.Popen[str]
) -> None:
    book = write_workloads(tmp_path / "workloads.toml")
    said: list[str] = []
    with sink() as kept:
        reporter = Reporter(HERE, say=said.append, workloads=WorkloadFile(book), powercap=tmp_path)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "burnt\n"
        write_workloads(book, (worker.pid, "globex", "analytics"))
        reporter.look()
        sender = Sender(f"127.0.0.1:{kept.port}", token=lambda: "t", say=said.append, insecure=True)
        assert sender.send(reporter.collect())
        reporter.look()
        assert sender.send(reporter.collect())
        sender.close()
    assert said == [f"{book} has changed: 1 workloads"]
    assert cpu_seconds(kept.metrics[0], "globex") == 0
    assert cpu_seconds(kept.metrics[1], "globex") < 0.3
    assert ("", "hw.host.energy") not in points(kept.metrics[0])


def test_a_process_that_starts_while_the_agent_runs_counts_from_its_start(tmp_path: Path) -> None:
    book = write_workloads(tmp_path / "workloads.toml")
    said: list[str] = []
    reporter = Reporter(HERE, say=said.append, workloads=WorkloadFile(book), model=MODEL, powercap=tmp_path)
    late = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with late, sink() as kept:
        assert late.stdout is not None
        assert late.stdout.readline() == "burnt\n"
        write_workloads(book, (late.pid, "globex", "analytics"))
        sender = Sender(f"127.0.0.1:{kept.port}", token=lambda: "t", say=said.append, insecure=True)
        for _ in range(2):
            reporter.look()
            sender.send(reporter.collect())
        late.kill()
        late.wait()
        reporter.look()
        sender.send(reporter.collect())
        sender.close()
    counted = [cpu_seconds(request, "globex") for request in kept.metrics]
    assert counted[0] == 0
    assert counted[1] > 0.55  # 0.3 s of the child that ended and 0.3 s of its own
    assert counted[2] == counted[1]  # an ended process keeps its counter
    assert points(kept.metrics[2])["globex", "process.memory.usage"]["points"] == [({}, 0)]


def test_a_dead_server_does_not_end_the_agent_and_nothing_is_lost(tmp_path: Path) -> None:
    with sink() as gone:
        port = gone.port
    said: list[str] = []
    moments: list[float] = []
    failed, back = Event(), Event()

    def say(text: str) -> None:
        said.append(text)
        moments.append(time.monotonic())
        (back if "again" in text else failed).set()

    stop = Event()
    reporter = Reporter(HERE, say=say, model=MODEL, powercap=tmp_path)
    sender = Sender(f"127.0.0.1:{port}", token=lambda: "t", say=say, insecure=True, timeout=0.5)
    begin = time.monotonic()
    running = Thread(target=reporter.run, args=(sender, stop), kwargs={"interval": 0.1})
    running.start()
    assert failed.wait(15)
    with sink(port) as kept:
        assert back.wait(20)
        stop.set()
        running.join(15)
        assert not running.is_alive()
    assert len(said) == 2, said
    assert "UNAVAILABLE" in said[0]
    ((_, joules),) = points(kept.metrics[0])["", "hw.host.energy"]["points"]
    assert joules >= 10 * (moments[0] - begin)  # the idle watts of the time without a server are in it


def test_a_refusal_is_said_once_with_its_code(tmp_path: Path) -> None:
    import grpc

    said: list[str] = []
    with sink() as kept:
        kept.refuse = grpc.StatusCode.UNAUTHENTICATED
        sender = Sender(f"127.0.0.1:{kept.port}", token=lambda: "t", say=said.append, insecure=True)
        reporter = Reporter(HERE, say=said.append, powercap=tmp_path)
        assert [sender.send(reporter.collect()) for _ in range(3)] == [False] * 3
        sender.close()
    assert len(said) == 1
    assert "UNAUTHENTICATED" in said[0]


def test_a_renewed_token_is_used_from_the_next_request_on(tmp_path: Path) -> None:
    tokens = iter(["old", "old", "new"])
    with sink() as kept:
        sender = Sender(f"127.0.0.1:{kept.port}", token=lambda: next(tokens), say=pytest.fail, insecure=True)
        reporter = Reporter(HERE, say=pytest.fail, powercap=tmp_path)
        assert [sender.send(reporter.collect()) for _ in range(3)] == [True] * 3
        sender.close()
    assert kept.tokens == ["Bearer old", "Bearer old", "Bearer new"]


def test_without_a_token_the_agent_says_how_to_get_one() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "GREENCLOUD_TOKEN"}
    command = [sys.executable, "-m", "greencloud", "agent", "--server", "127.0.0.1:1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "greencloud token" in done.stderr


@pytest.mark.parametrize("target", ["http://127.0.0.1:4317", "127.0.0.1", "host:port"])
def test_a_server_that_is_not_host_and_port_is_refused(target: str) -> None:
    with pytest.raises(QuantityError, match="is not HOST:PORT"):
        Sender(target, token=lambda: "t", say=pytest.fail, insecure=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[workloads]\n", "is not TOML"),
        ("[[workload]]\npid = 1\n", "unknown keys: workload"),
        ('[[workloads]]\npid = 1\naccount = "a"\nhost = "b"\n', "workload 1: unknown keys: host"),
        ('[[workloads]]\npid = 0\naccount = "a"\n', "pid 0 is not a process id"),
        ('[[workloads]]\npid = true\naccount = "a"\n', "pid True is not a process id"),
        ("[[workloads]]\npid = 1\n", "account and service are names"),
        ('[[workloads]]\npid = 1\naccount = "a"\n[[workloads]]\npid = 1\naccount = "b"\n', "workload 2: pid 1 is given twice"),
    ],
)
def test_a_wrong_workloads_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "workloads.toml"
    path.write_text(text)
    with pytest.raises(UsageDataError, match=message) as caught:
        read_workloads(path)
    assert str(path) in caught.value.message


def test_a_file_spoiled_while_the_agent_runs_leaves_the_workloads_as_they_were(tmp_path: Path) -> None:
    book = write_workloads(tmp_path / "workloads.toml", (os.getpid(), "acme", "tests"))
    said: list[str] = []
    file = WorkloadFile(book)
    reporter = Reporter(HERE, say=said.append, workloads=file, powercap=tmp_path)
    book.write_text("[[workloads]]\npid = 'x'\n")
    reporter.look()
    reporter.look()
    assert reporter.workload_count == 1
    assert file.workloads == (Workload(os.getpid(), "acme", "tests"),)
    assert len(said) == 1
    assert "stay as they were" in said[0]
