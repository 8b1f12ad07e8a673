"""Several processes on one port: nothing is lost when one dies or all are told to stop, and nobody else gets the port."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc
import pytest

from greencloud.errors import GreencloudError
from greencloud.server import ListenError
from greencloud.server.settings import Settings
from greencloud.server.workers import holding, supervise
from greencloud.telemetry import read_log
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, greencloud_process, serving
from test_durability import spans_in

pytestmark = pytest.mark.stress


class Stubborn(threading.Thread):
    """Sends numbered spans over many connections, each again until it is acknowledged, as OTLP clients do."""

    def __init__(self, target: str, token: str, base: int) -> None:
        super().__init__()
        self.target, self.token, self.base = target, token, base
        self.acknowledged: set[int] = set()
        self.codes: set[grpc.StatusCode] = set()
        self.enough = threading.Event()
        self.stopped = threading.Event()

    def run(self) -> None:
        number = self.base
        while not self.stopped.is_set():
            with exporting(self.target, self.token) as export:
                for _ in range(20):
                    number += 1
                    while not self.send(export, number):
                        if self.stopped.wait(0.05):
                            return

    def send(self, export: Callable[[bytes], object], number: int) -> bool:
        now = time.time_ns()
        try:
            export(trace_request({"service.name": "load"}, [SpanSpec(number, number, now - SECOND, now)]))
        except grpc.RpcError as error:
            self.codes.add(cast("grpc.Call", error).code())
            return False
        self.acknowledged.add(number)
        if len(self.acknowledged) >= 50:
            self.enough.set()
        return True


def children(server: Served) -> list[int]:
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def await_log(server: Served, text: str, times: int = 1) -> None:
    """Follow the server's log until it has said that so often."""
    command = ["tail", "-n", "+1", "-f", str(server.log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        for line in follower.stdout:
            times -= text in line
            if not times:
                break
        follower.terminate()


def start(server: Served, count: int) -> list[Stubborn]:
    senders = [Stubborn(server.target, server.token("acme"), 1 + number * 10**9) for number in range(count)]
    for sender in senders:
        sender.start()
    return senders


def finish(senders: list[Stubborn]) -> set[int]:
    for sender in senders:
        sender.stopped.set()
    for sender in senders:
        sender.join(30)
        assert not sender.is_alive()
    assert set().union(*(sender.codes for sender in senders)) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    return set().union(*(sender.acknowledged for sender in senders))


def test_two_workers_share_the_load_and_one_that_is_killed_comes_back_and_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, "--workers", "2") as server:
        first = children(server)
        senders = start(server, 10)  # the kernel deals connections out by chance
        for sender in senders:
            assert sender.enough.wait(60)
        os.kill(first[0], signal.SIGKILL)
        await_log(server, "another starts in")
        await_log(server, "serves", times=3)
        assert len(set(children(server)) - set(first)) == 1
        acknowledged = finish(senders)

    assert server.process.returncode == 0
    assert acknowledged <= spans_in(read_log(data / "wal"))
    writers = {path.name.split("-")[1] for path in (data / "wal").iterdir()}
    assert len(writers) >= 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_restart_in_the_middle_of_a_load_loses_nothing(tmp_path: Path, workers: str) -> None:
    data = tmp_path / "data"
    with serving(data, "--workers", workers) as server:
        target = server.target
        senders = start(server, 2)
        for sender in senders:
            assert sender.enough.wait(60)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    half = {number for sender in senders for number in sender.acknowledged}
    with serving(data, "--workers", workers, listen=target):
        for sender in senders:
            sender.enough.clear()
        for sender in senders:
            assert sender.enough.wait(60)
        acknowledged = finish(senders)

    assert half < acknowledged
    assert acknowledged <= spans_in(read_log(data / "wal"))


def test_nobody_else_gets_the_port_and_nothing_is_said_twice(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers", "2") as server:
        for options in ((), ("--workers", "2")):
            done = greencloud_process("serve", "--data", tmp_path / "other", "--listen", server.target, *options, check=False)
            assert done.returncode == 1
            assert "is in use" in done.stderr
        host, _, port = server.target.rpartition(":")
        with pytest.raises(OSError, match="in use"), socket.create_server((host, int(port))):
            raise AssertionError("another program got in")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert server.process.stdout
        assert server.process.stdout.read() == ""


def test_workers_end_when_what_keeps_them_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers", "2") as server:
        workers = [os.pidfd_open(pid) for pid in children(server)]
        server.kill()
        ended = threading.Event()

        def watch() -> None:
            for worker in workers:
                select.select([worker], [], [], 60)
            ended.set()

        threading.Thread(target=watch, daemon=True).start()
        assert ended.wait(60)


def test_a_held_port_is_taken_for_others_and_shared_with_those_who_ask() -> None:
    with holding("127.0.0.1:0") as listen:
        port = int(listen.rpartition(":")[2])
        assert port
        with pytest.raises(ListenError, match="in use"), holding(listen):
            raise AssertionError("two hold one port")
        with socket.create_server(("127.0.0.1", port), reuse_port=True), socket.create_connection(("127.0.0.1", port)):
            pass
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ListenError, match="in use"), holding(listen):
        raise AssertionError("somebody has it")


def test_a_worker_that_cannot_start_ends_them_all_with_its_reason(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "missing", listen="127.0.0.1:0")

    with pytest.raises(GreencloudError, match="missing"):
        supervise(settings, 2, ready=lambda _: None, stopping=threading.Event())


def test_settings_come_through_to_a_worker(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, tls_cert=tmp_path / "a", quota=0, metrics="127.0.0.1:1", shared=True)

    assert Settings.from_json(settings.to_json()) == settings
