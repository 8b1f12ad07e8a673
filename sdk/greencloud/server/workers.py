"""Several server processes on one port, on purpose: ``greencloud serve --workers N``.

The process that keeps them serves nothing and uses no gRPC. It holds the port: bound without SO_REUSEPORT first, so that a port
which any other program has is refused, and only then opened to others that ask for SO_REUSEPORT, which its workers do. It never
listens, so the kernel spreads connections over the workers alone. Another greencloud finds the port held and is refused.

Each worker is a process that is kept (``greencloud.server.kept``), with segments of its own in the write-ahead log; the first runs
the scheduled allocation, follows the shared log if there is one, and answers the live page. When told to stop, all drain.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from greencloud.server.app import split_listen
from greencloud.server.errors import ListenError
from greencloud.server.kept import Kept
from greencloud.server.process import GRACE_S
from greencloud.server.settings import Settings

__all__ = ["holding", "supervise"]

_LOG: Final = logging.getLogger("greencloud.server")
_ANSWER_S: Final = 5.0


def supervise(settings: Settings, count: int, *, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """Keep ``count`` workers until ``stopping``; ``ready`` is told HOST:PORT once all of them serve.

    Raises:
        ListenError: the port cannot be had, or a worker cannot start.
    """
    with holding(settings.listen) as listen:
        base = replace(settings, listen=listen, shared=True)
        workers = [
            _Worker(
                number,
                base if number == 0 else replace(base, allocate_every_s=0.0, follow=False, refresh_copy=False, local=""),
                stopping,
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


class _Worker(Kept):
    """A worker; ``page`` asks it for its metrics."""

    def __init__(self, number: int, settings: Settings, stopping: threading.Event) -> None:
        super().__init__(f"worker {number}", "greencloud.server.worker", settings.to_json(), stopping)
        self.number = number
        self._pages: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._asking = threading.Lock()

    def page(self) -> str:
        """Its metrics; nothing while it does not serve."""
        with self._asking:
            while not self._pages.empty():  # an answer that came too late
                self._pages.get()
            try:
                self.tell("metrics")
                return self._pages.get(timeout=_ANSWER_S)
            except (OSError, queue.Empty):
                return ""

    def heard(self, said: dict[str, Any]) -> None:
        if "metrics" in said:
            self._pages.put(said["metrics"])
        else:
            super().heard(said)


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
