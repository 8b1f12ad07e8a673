"""What was acknowledged is there after kill -9; a full disk refuses, and harms nothing that is stored."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from greencloud.engine import DataDirectory
from greencloud.engine.gathering import gather
from greencloud.telemetry import Record, read_log
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, greencloud, serving

pytestmark = pytest.mark.stress

SENDERS = 4
SPANS_A_REQUEST = 20


class Sender(threading.Thread):
    """Sends numbered requests until the server is gone; ``acknowledged`` are the numbers of its acknowledged spans."""

    def __init__(self, target: str, token: str, base: int, enough: threading.Semaphore) -> None:
        super().__init__()
        self.target, self.token, self.base, self.enough = target, token, base, enough
        self.acknowledged: set[int] = set()

    def run(self) -> None:
        now = time.time_ns()
        with exporting(self.target, self.token) as export:
            for request in range(100_000):
                numbers = range(self.base + request * SPANS_A_REQUEST, self.base + (request + 1) * SPANS_A_REQUEST)
                spans = [SpanSpec(number, number, now - SECOND, now, f"op {number % 5}") for number in numbers]
                try:
                    export(trace_request({"service.name": "load"}, spans))
                except grpc.RpcError:
                    return
                self.acknowledged |= set(numbers)
                self.enough.release()


def load_until_killed(server: Served, round_number: int, acknowledgements: int) -> set[int]:
    """Several senders at once; the server is killed in the middle of their work, after some acknowledgements."""
    enough = threading.Semaphore(0)
    senders = [
        Sender(server.target, server.token("acme"), 1 + (round_number * SENDERS + i) * 10**9, enough) for i in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    for _ in range(acknowledgements):
        assert enough.acquire(timeout=30)
    server.kill()
    for sender in senders:
        sender.join(timeout=30)
        assert not sender.is_alive()
    return set().union(*(sender.acknowledged for sender in senders))


def spans_in(records: Iterator[Record]) -> set[int]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return {
        int.from_bytes(span.span_id, "big")
        for record in records
        for resource in ExportTraceServiceRequest.FromString(record.payload).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_kill_9_at_any_moment_loses_no_acknowledged_span(tmp_path: Path) -> None:
    data = tmp_path / "data"
    acknowledged: set[int] = set()
    for round_number, acknowledgements in enumerate((1, 7, 40, 150)):
        with serving(data) as server:
            acknowledged |= load_until_killed(server, round_number, acknowledgements)

    kept = spans_in(read_log(data / "wal"))
    assert acknowledged
    assert acknowledged <= kept

    gathered = gather(DataDirectory.open(data, create=False))
    assert sum(gathered.usage.rows.column("count").to_pylist()) == len(kept)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 160 MiB; the server wants 64 MiB of it to stay free."""
    where = tmp_path / "small"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(where)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_full_disk_refuses_with_retry_info_and_harms_nothing(small_disk: Path) -> None:
    data = small_disk / "data"
    now = time.time_ns()
    with serving(data) as server, exporting(server.target, server.token("acme")) as export:

        def send(number: int) -> None:
            export(trace_request({"service.name": "load"}, [SpanSpec(number, number, now - SECOND, now)]))

        send(1)
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            file.write(bytes(120 << 20))
        with pytest.raises(grpc.RpcError) as refused:
            send(2)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert isinstance(refused.value, grpc.Call)
        assert "grpc-status-details-bin" in {key for key, _ in tuple(map(tuple, refused.value.trailing_metadata() or ()))}

        ballast.unlink()
        send(3)

    assert spans_in(read_log(data / "wal")) == {1, 3}
    greencloud("allocate", "--data", data)
