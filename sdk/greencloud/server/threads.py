"""The threads that serve calls, in place of the pool that ``grpc.server`` is made for: a call gets one when its message is there.

Here a call is let in, too (``Behaviour.admit``): an interceptor of grpcio is not told of the connection and its certificate.

``grpc.server`` gives a call a thread when its headers are there, and the thread waits for the message. That costs two more changes
of thread for each call, and lets a few headers without messages, from anybody who can reach the port, hold every thread. Here
the message is waited for by nobody: grpcio's own loop tells when it has come (``Threads.submit``). What is then to be done is
said by the method's behaviour (``Behaviour.when``):

* ``HEADERS``: at once, without a message; refusals. They never block, so grpcio's loop does them itself.
* ``MESSAGE``: at once, when the message is there; health checks. The same holds.
* ``TURN``: by a thread, when the gate says that it is the call's turn.
* ``THREAD``: by a thread that reads the messages itself; streams.

A message that does not come in ``PATIENCE_S`` is not waited for: the call is cancelled, which OTLP clients answer by sending again.
Of calls that need no credential a few may be silent at once, and the oldest makes room for the next.

This leans on the shape of a private function of grpcio, which has not changed in years: ``check_grpcio`` looks at it before a
server is built, and an unknown one is refused, because without this silent calls would hold the threads.
"""

from __future__ import annotations

import enum
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Final, Protocol

import grpc
from grpc import _server as grpcio
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # the compiled part has no types

from greencloud.server.errors import BusyError, ListenError
from greencloud.server.gate import Gate

__all__ = ["PATIENCE_S", "Behaviour", "Threads", "When", "check_grpcio"]

PATIENCE_S: Final = 20.0
"""Long enough for the largest message over a slow line."""

_LOG: Final = logging.getLogger("greencloud.server")
_SHAPE: Final = ["rpc_event", "state", "behavior", "argument_thunk", "request_deserializer", "response_serializer"]
_MOST_SILENT_OF_NOBODY: Final = 64
_NO_MESSAGE: Final = b""


class When(enum.Enum):
    """What a call waits for."""

    HEADERS = enum.auto()
    MESSAGE = enum.auto()
    TURN = enum.auto()
    THREAD = enum.auto()


class Behaviour(Protocol):
    """What a handler that is served here has as its function."""

    when: When

    def admit(self, peer: Callable[[], Mapping[bytes, Iterable[bytes]]]) -> None:
        """The headers are there; ``peer`` gives what is known of the connection. Let the call in, or make ready to refuse it."""

    def arrive(self, size: int | None, job: Callable[[BusyError | None], None]) -> None:
        """Queue the job (``When.TURN``). ``size`` is None if no message came. Raises BusyError."""

    def refuse(self, error: BusyError) -> None:
        """Raise that when called."""

    def lost(self) -> None:
        """The caller went away before it was called, and it will not be."""


def check_grpcio() -> None:
    """Raises ListenError for a grpcio whose server is built otherwise than those that are known."""
    known = all(hasattr(grpcio, name) for name in ("_receive_message", "_RECEIVE_MESSAGE_TOKEN", "_is_rpc_state_active"))
    if not known or any(
        list(inspect.signature(getattr(grpcio, name, len)).parameters) != _SHAPE
        for name in ("_unary_response_in_pool", "_stream_response_in_pool")
    ):
        raise ListenError(
            f"grpcio {grpc.__version__} is newer than this greencloud knows",
            advice="install an older one: pip install 'grpcio<1.86'",
        )


class Threads(futures.Executor):
    """Threads under a gate. ``close`` ends them, and then no call is served any more."""

    def __init__(self, count: int, gate: Gate, *, patience_s: float = PATIENCE_S) -> None:
        self._gate = gate
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._silent: dict[Any, tuple[float, bool]] = {}  # calls by age: since when, and whether nobody's
        self._silent_of_nobody = 0
        self._alarms: dict[object, tuple[float, Callable[[], object]]] = {}
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"greencloud-{number}", daemon=True) for number in range(count)]
        self._watch = threading.Thread(target=self._look_after, name="greencloud-watch", daemon=True)
        for thread in (*self._threads, self._watch):
            thread.start()

    def submit(self, run: Callable[..., Any], /, *arguments: Any, **_: Any) -> None:  # type: ignore[override]
        """Serve a call of which the headers are there. grpcio's own loop calls this and does without a future."""
        respond, event, state, behaviour, take, *codecs = arguments
        run(behaviour.admit, lambda: cygrpc.auth_context(event.call) or {})
        when = behaviour.when

        def serve(message: Any) -> None:
            run(respond, event, state, behaviour, lambda: message, *codecs)

        if when is When.HEADERS:
            serve(_NO_MESSAGE)
        elif when is When.THREAD:
            self._gate.line_up(_STREAMS, lambda _refused: serve(take()))
        else:
            self._await_message(event.call, state, behaviour, serve)

    @contextmanager
    def listening(self, context: Any, *, nobodys: bool = False) -> Iterator[None]:
        """While this is open a thread of the caller waits for messages, and ``context`` is cancelled if that takes too long."""
        self._listen(context, nobodys=nobodys)
        try:
            yield
        finally:
            self._heard(context)

    @contextmanager
    def alarm(self, at: float, ring: Callable[[], object]) -> Iterator[None]:
        """``ring`` is called once if this is still open at that time (``time.monotonic``), or a quarter of a second later."""
        mine = object()
        with self._lock:
            self._alarms[mine] = (at, ring)
        try:
            yield
        finally:
            with self._lock:
                self._alarms.pop(mine, None)

    def close(self) -> None:
        """End the threads once they have nothing to do."""
        self._gate.close(len(self._threads))
        self._closed.set()
        for thread in (*self._threads, self._watch):
            thread.join()

    def _await_message(self, call: Any, state: Any, behaviour: Behaviour, serve: Callable[[Any], None]) -> None:
        receive = grpcio._receive_message(state, call, None)

        def received(event: Any) -> Any:
            finished = receive(event)
            self._heard(call)
            try:
                self._arrived(state, behaviour, serve)
            except Exception:  # must not end grpcio's loop
                _LOG.exception("a call could not be served")
            return finished

        self._listen(call, nobodys=behaviour.when is When.MESSAGE)
        # grpcio holds the state's lock here
        call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), received)
        state.due.add(grpcio._RECEIVE_MESSAGE_TOKEN)

    def _arrived(self, state: Any, behaviour: Behaviour, serve: Callable[[Any], None]) -> None:
        message = state.request
        state.request = None
        if not grpcio._is_rpc_state_active(state):
            behaviour.lost()
            return
        if behaviour.when is When.MESSAGE:
            serve(_NO_MESSAGE if message is None else message)
            return

        def job(refused: BusyError | None) -> None:
            if not grpcio._is_rpc_state_active(state):  # given up by its caller, who sends it again
                behaviour.lost()
                return
            if refused:
                behaviour.refuse(refused)
            serve(_NO_MESSAGE if message is None else message)

        try:
            behaviour.arrive(None if message is None else len(message), job)
        except BusyError as error:
            job(error)

    def _listen(self, call: Any, *, nobodys: bool) -> None:
        with self._lock:
            self._silent[call] = (time.monotonic(), nobodys)
            self._silent_of_nobody += nobodys
            crowded = self._silent_of_nobody > _MOST_SILENT_OF_NOBODY
            oldest = next((other for other, (_, of_nobody) in self._silent.items() if of_nobody), None) if crowded else None
        if oldest:
            self._give_up(oldest)

    def _heard(self, call: Any) -> None:
        with self._lock:
            _, nobodys = self._silent.pop(call, (0.0, False))
            self._silent_of_nobody -= nobodys

    def _give_up(self, call: Any) -> None:
        self._heard(call)
        call.cancel()

    def _work(self) -> None:
        flow = None
        while found := self._gate.next(flow):
            flow, job = found
            try:
                job(None)
            except Exception:  # grpcio tells callers of errors; this is one of the serving itself
                _LOG.exception("a call could not be served")
            del found, job  # or the message is kept until the next one comes

    def _look_after(self) -> None:
        while not self._closed.wait(0.25):
            latest = time.monotonic() - self._patience_s
            with self._lock:
                overdue = [call for call, (since, _) in self._silent.items() if since < latest]
                due = [mine for mine, (at, _) in self._alarms.items() if at <= latest + self._patience_s]
                rung = [self._alarms.pop(mine)[1] for mine in due]
            for call in overdue:
                self._give_up(call)
            for ring in rung:
                ring()
            for job in self._gate.overdue():
                job(BusyError("the server is too busy to come to this call in time", retry_after_s=2.0, cause="wait"))


_STREAMS: Final = ("streams",)
