"""Several server processes on one port, on purpose: ``greencloud serve --workers N``.

The process that keeps them serves nothing and uses no gRPC. It holds the port: bound without SO_REUSEPORT first, so that a port
which any other program has is refused, and only then opened to others that ask for SO_REUSEPORT, which its workers do. It never
listens, so the kernel spreads connections over the workers alone. Another greencloud finds the port held and is refused.

Each worker is a fresh process, never a fork, with segments of its own in the write-ahead log; the first runs the scheduled
allocation, and follows the shared log if there is one. One that ends by itself is started again, after a pause that doubles while
it keeps ending soon. When told to stop, all drain.
"""

from __future__ import annotations

import json
import logging
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from greencloud.server.app import split_listen
from greencloud.server.errors import ListenError
from greencloud.server.process import GRACE_S
from greencloud.server.settings import Settings

__all__ = ["holding", "supervise"]

_LOG: Final = logging.getLogger("greencloud.server")
_START_S: Final = 120.0
_ANSWER_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_SETTLED_S: Final = 60.0


def supervise(settings: Settings, count: int, *, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """Keep ``count`` workers until ``stopping``; ``ready`` is told HOST:PORT once all of them serve.

    Raises:
        ListenError: the port cannot be had, or a worker cannot start.
    """
    with holding(settings.listen) as listen:
        base = replace(settings, listen=listen, shared=True)
        workers = [
            _Worker(
                number, base if number == 0 else replace(base, allocate_every_s=0.0, follow=False, refresh_copy=False), stopping
            )
            for number in range(count)
        ]
        try:
            for worker in workers:
                worker.thread.start()
            for worker in workers:
                worker.await_start()
            with _page(settings.metrics, workers):
                if not stopping.is_set():
                    ready(listen)
                stopping.wait()
        finally:
            stopping.set()
            for worker in workers:
                worker.end()
            for worker in workers:
                worker.thread.join(2 * GRACE_S)
                worker.kill()


@contextmanager
def holding(listen: str) -> Iterator[str]:
    """Hold an address for processes that share it; gives it with its port, where 0 was asked for.

    Raises:
        ListenError: somebody has it.
    """
    host, port = split_listen(listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"{host!r} is not an address of this machine", advice="choose another with --listen") from error
    held: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in found:
            place = socket.socket(family, kind, protocol)
            held.append(place)
            if family == socket.AF_INET6:
                place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                place.bind((address[0], port, *address[2:]))
            except OSError as error:
                raise ListenError(f"port {port} on {host} is in use", advice="choose another with --listen") from error
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            port = place.getsockname()[1]
        # Until a worker listens the kernel would let others bind, too. A name that this network has once is had by one of us.
        name = socket.socket(socket.AF_UNIX)
        held.append(name)
        try:
            name.bind(f"\0greencloud port {port}")
        except OSError as error:
            raise ListenError(f"port {port} on {host} is in use", advice="choose another with --listen") from error
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        for place in held:
            place.close()


class _Worker:
    """One place of a worker, whichever process fills it at the time."""

    def __init__(self, number: int, settings: Settings, stopping: threading.Event) -> None:
        self.number = number
        self.restarts = 0
        self.serves = False
        self.thread = threading.Thread(target=self._keep, name=f"greencloud-worker-{number}")
        self._settings = settings
        self._stopping = stopping
        self._started: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._pages: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def await_start(self) -> None:
        """Wait until it serves for the first time. Raises ListenError where it cannot, unless all is to stop."""
        try:
            said = self._started.get(timeout=_START_S)
        except queue.Empty:
            raise ListenError(f"worker {self.number} did not start in {_START_S:.0f} s") from None
        if "error" in said and not self._stopping.is_set():
            raise ListenError(said["error"], advice=said.get("advice", ""))

    def page(self) -> str:
        """Its metrics; nothing while it does not serve."""
        with self._asking:
            while not self._pages.empty():  # an answer that came too late
                self._pages.get()
            try:
                self._tell("metrics")
                return self._pages.get(timeout=_ANSWER_S)
            except (OSError, queue.Empty):
                return ""

    def end(self) -> None:
        """Have it drain, and do not wait."""
        with self._lock, suppress(OSError):
            if self._process:
                self._process.terminate()

    def kill(self) -> None:
        """End it at once if it is still there."""
        with self._lock:
            if self._process and self._process.poll() is None:
                self._process.kill()
        self.thread.join()

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            code = self._run()
            self.serves = False
            if not self.restarts:
                self._started.put({"error": f"worker {self.number} ended with {code}"})
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _SETTLED_S else min(_LONGEST_PAUSE_S, pause * 2)
            _LOG.warning("worker %d ended with %s; another starts in %.1f s", self.number, code, pause)
            if self._stopping.wait(pause):
                return
            self.restarts += 1

    def _run(self) -> int:
        """Start a process, pass on what it says, and wait for its end."""
        with self._lock:
            if self._stopping.is_set():
                return 0
            command = [sys.executable, "-m", "greencloud.server.worker"]
            # In a session of its own, so that Ctrl-C reaches it through us.
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
        assert process.stdout
        assert process.stdin
        with process.stdout, suppress(BrokenPipeError), process.stdin:
            with suppress(OSError):
                self._tell(self._settings.to_json())
            for line in process.stdout:
                self._heard(json.loads(line))
        return process.wait()

    def _heard(self, said: dict[str, Any]) -> None:
        if "metrics" in said:
            self._pages.put(said["metrics"])
            return
        if "ready" in said:
            self.serves = True
            _LOG.info("worker %d serves", self.number)
        self._started.put(said)

    def _tell(self, line: str) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.closed:
            raise BrokenPipeError
        process.stdin.write(line + "\n")
        process.stdin.flush()


@contextmanager
def _page(listen: str, workers: list[_Worker]) -> Iterator[None]:
    if not listen:
        yield
        return
    from greencloud.server.metrics import Merged, Page, WorkerMetrics

    own = WorkerMetrics(lambda: {each.number: each.restarts for each in workers}, lambda: sum(each.serves for each in workers))
    own.registry.register(Merged(lambda: {each.number: each.page() for each in workers if each.serves}))
    page = Page(listen, own.registry)
    _LOG.info("metrics on %s", page.url)
    try:
        yield
    finally:
        page.close()
        own.close()
