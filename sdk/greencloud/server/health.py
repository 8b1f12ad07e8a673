"""grpc.health.v1: whether the server takes calls, for anybody who asks.

``Check`` is answered by grpcio's own loop when its message is there, so that no load on the threads makes a server look dead. It
must never wait, which is why this is not the servicer of ``grpcio-health-checking``: that one keeps its lock while it sends to
a watcher, and a watcher that does not read would stop the loop. Here each watcher has one of a few threads of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from greencloud.errors import NotFoundError
from greencloud.server.errors import BusyError

__all__ = ["CHECK", "LIST", "MOST_WATCHERS", "SERVICE", "WATCH", "Health"]

SERVICE: Final = "grpc.health.v1.Health"
CHECK: Final = f"/{SERVICE}/Check"
LIST: Final = f"/{SERVICE}/List"
WATCH: Final = f"/{SERVICE}/Watch"
MOST_WATCHERS: Final = 8

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """The state of services, all alike: they serve until ``drain``."""

    def __init__(self, services: Iterable[str]) -> None:
        self.pool = ThreadPoolExecutor(MOST_WATCHERS, thread_name_prefix="greencloud-health")
        self._names = frozenset(services) | {""}
        self._serving = True
        self._changed = threading.Condition()
        self._watchers = 0

    def drain(self) -> None:
        """Nothing serves any more; watchers are told, and their streams end."""
        with self._changed:
            self._serving = False
            self._changed.notify_all()

    def check(self, raw: bytes) -> bytes:
        """``Check``. Raises NotFoundError."""
        name = health_pb2.HealthCheckRequest.FromString(raw).service
        if name not in self._names:
            raise NotFoundError(f"there is no service {name[:64]!r}")
        return bytes(health_pb2.HealthCheckResponse(status=self._status(name)).SerializeToString())

    def list(self, _raw: bytes) -> bytes:
        """``List``."""
        statuses = {name: health_pb2.HealthCheckResponse(status=self._status(name)) for name in self._names}
        return bytes(health_pb2.HealthListResponse(statuses=statuses).SerializeToString())

    def enter(self) -> None:
        """Take a watcher's thread. Raises BusyError."""
        with self._changed:
            if self._watchers >= MOST_WATCHERS:
                raise BusyError(
                    "enough callers watch this server already; Check is always answered", retry_after_s=2.0, cause="watchers"
                )
            self._watchers += 1

    def leave(self) -> None:
        with self._changed:
            self._watchers -= 1

    def watch(self, raw: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """``Watch``: the state, and the next one when it changes; the end when there will be no other."""
        name = health_pb2.HealthCheckRequest.FromString(raw).service
        gone = threading.Event()

        def wake(_: Any = None) -> None:
            with self._changed:
                gone.set()
                self._changed.notify_all()

        if not context.add_callback(wake):
            return
        while not gone.is_set():
            status = self._status(name)
            yield health_pb2.HealthCheckResponse(status=status).SerializeToString()
            if not self._serving:
                return
            with self._changed:
                self._changed.wait_for(lambda: gone.is_set() or not self._serving)

    def _status(self, name: str) -> Any:
        if name not in self._names:
            return _UNKNOWN
        return _SERVING if self._serving else _NOT_SERVING
