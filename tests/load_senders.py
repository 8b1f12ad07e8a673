"""Sender processes that keep a batch until it is acknowledged, as the protocol has it.

A sender has lanes (threads with one request under way each): codes that OTLP calls retryable are tried again, after RetryInfo's
delay where there is one, and any other ends the sender with a failure. Some batches are sent again after their
acknowledgement, whole or in halves, at once or late, as if the acknowledgement had been lost.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc

from load import BULK, BULK_SPANS, HOURS, LANES, METRICS, SPANS, Load, Sent, retry_delay
from otlp import SECOND, TRACES

__all__ = ["Crew"]

_RETRYABLE: Final = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
_CHANNEL: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class _Order:
    """What a sender process is started with; ``rate`` in spans a second."""

    load: Load
    target: str
    token: str
    rate: float
    seed: int


class _FailedError(Exception):
    """The server gave an answer after which a sender drops what it holds."""


class _Sender:
    def __init__(self, order: _Order, pipe: Connection) -> None:
        self.load, self.pipe = order.load, pipe
        self.interval_s = SPANS * LANES / order.rate
        self.random = random.Random(order.seed)
        self.metadata = (("authorization", f"Bearer {order.token}"),)
        self.channels = [grpc.insecure_channel(order.target, options=_CHANNEL) for _ in range(2)]
        self.stopping = threading.Event()
        self.bulk_wanted = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.sent = Sent({}, [])

    def run(self) -> None:
        lanes = [threading.Thread(target=self._guarded, args=(self._lane, lane)) for lane in range(LANES)]
        lanes += [threading.Thread(target=self._guarded, args=(self._bulk, BULK))]
        lanes += [threading.Thread(target=self._guarded, args=(self._points, 0))]
        for lane in lanes:
            lane.start()
        while (order := self.pipe.recv()) == "bulk":
            self.bulk_wanted.release()
        assert order == "stop"
        self.stopping.set()
        self.bulk_wanted.release()
        for lane in lanes:
            lane.join()
        self._tell("drained", self.sent)

    def _guarded(self, work: Callable[[int], None], lane: int) -> None:
        try:
            work(lane)
        except Exception as error:  # whatever it is, the one who looks on must hear of it
            self._tell("failed", f"{type(error).__name__}: {error}")

    def _lane(self, lane: int) -> None:
        late: list[int] = []
        due = time.monotonic()
        while not self.stopping.wait(max(0.0, due - time.monotonic())):
            batch = self.sent.batches.get(lane, 0)
            self.sent.batches[lane] = batch + 1
            self._deliver(TRACES, self.load.spans(lane, batch), SPANS)
            chance = self.random.random()
            if chance < 0.08:
                self._again(self.load.spans(lane, batch))
            elif chance < 0.16:
                late.append(batch)
            if len(late) > 2:
                old, half = late.pop(0), SPANS // 2
                self._again(self.load.spans(lane, old, half))
                self._again(self.load.spans(lane, old, 0, half))
            due = max(due + self.interval_s, time.monotonic())

    def _bulk(self, lane: int) -> None:
        while self.bulk_wanted.acquire() and not self.stopping.is_set():
            batch = self.sent.batches.get(lane, 0)
            self.sent.batches[lane] = batch + 1
            self._deliver(TRACES, self.load.bulk(batch), BULK_SPANS)

    def _points(self, _lane: int) -> None:
        end, step = HOURS * 3600, self.load.step_ns // SECOND
        for seconds in range(0, end, step):
            self._point(seconds)
            if self.stopping.wait(1.0):
                break
        self._point(end)

    def _point(self, seconds: int) -> None:
        self.sent.seconds.append(seconds)
        self._deliver(METRICS, self.load.metrics(seconds), 0)
        if self.random.random() < 0.25:
            self._again(self.load.metrics(self.random.choice(self.sent.seconds)), METRICS)

    def _deliver(self, method: str, payload: bytes, spans: int) -> None:
        """Until it is acknowledged."""
        self._tell("sent", spans)
        while not self._try(method, payload, channel=0):
            self._tell("retries", 1)
        self._tell("acknowledged", spans)
        self._tell("requests", 1)

    def _again(self, payload: bytes, method: str = TRACES) -> None:
        """A duplicate, over a connection of its own; nobody minds if it gets lost."""
        if self._try(method, payload, channel=1):
            self._tell("duplicates", 1)

    def _try(self, method: str, payload: bytes, *, channel: int) -> bool:
        call: Any = self.channels[channel].unary_unary(method)
        try:
            answer = call(payload, metadata=self.metadata, timeout=15)
        except grpc.RpcError as error:
            delay, code = retry_delay(error), error.code().name
            if code not in _RETRYABLE and not (code == "RESOURCE_EXHAUSTED" and delay is not None):
                raise _FailedError(f"{code}: {error}") from error
            self._tell("unanswered" if delay is None else "refused", 1)
            time.sleep(0.1 + self.random.random() / 5 if delay is None else min(delay, 3.0))  # the delay that it was asked for
            return False
        if answer:
            raise _FailedError(f"partial success: {answer!r}")
        return True

    def _tell(self, what: str, value: object) -> None:
        with self.lock:
            self.pipe.send((what, value))


def _process(order: _Order, pipe: Connection) -> None:
    _Sender(order, pipe).run()


@dataclass
class _Member:
    load: Load
    token: str
    process: Any
    pipe: Connection
    counts: Counter[str] = field(default_factory=Counter)
    sent: Sent | None = None


class Crew:
    """Sender processes, and what they tell of their work."""

    def __init__(self, loads: list[Load], target: str, tokens: dict[str, str], *, rate: float, seed: int) -> None:
        self._changed = threading.Condition()
        self.failures: list[str] = []
        self.members: list[_Member] = []
        context = multiprocessing.get_context("spawn")  # grpc does not survive a fork
        for load in loads:
            ours, theirs = context.Pipe()
            token = tokens["" if load.provider else load.account]
            order = _Order(load, target, token, rate / len(loads), seed + load.number)
            process = context.Process(target=_process, args=(order, theirs))
            process.start()
            theirs.close()
            self.members.append(_Member(load, token, process, ours))
        for member in self.members:
            threading.Thread(target=self._listen, args=(member,), daemon=True).start()

    def total(self, what: str) -> int:
        return sum(member.counts[what] for member in self.members)

    def wait_for(self, what: str, *, more: int, timeout: float, each: bool = False) -> None:
        """Until so many more of it are counted, in all or of every sender."""
        before = [member.counts[what] for member in self.members]

        def reached() -> bool:
            if self.failures:
                return True
            grown = [member.counts[what] - old for member, old in zip(self.members, before, strict=True)]
            return (min(grown) if each else sum(grown)) >= more

        with self._changed:
            assert self._changed.wait_for(reached, timeout), f"{what} did not grow by {more} in {timeout} s"
        self.check()

    def look_on(self, seconds: float) -> None:
        """Let them work for a time, unless one fails."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self.failures), seconds)
        self.check()

    def order(self, what: str) -> None:
        for member in self.members:
            member.pipe.send(what)

    def drain(self, timeout: float) -> None:
        """No new batches; returns when all that was sent is acknowledged."""
        self.order("stop")
        with self._changed:
            done = self._changed.wait_for(lambda: self.failures or all(member.sent for member in self.members), timeout)
        self.check()
        assert done, "what was sent is not acknowledged in time"
        for member in self.members:
            member.process.join(timeout=60)

    def check(self) -> None:
        assert not self.failures, "; ".join(self.failures)

    def close(self) -> None:
        for member in self.members:
            member.process.kill()
            member.process.join(timeout=60)

    def _listen(self, member: _Member) -> None:
        try:
            while True:
                what, value = member.pipe.recv()
                with self._changed:
                    if what == "failed":
                        self.failures.append(f"{member.load.service}: {value}")
                    elif what == "drained":
                        member.sent = value
                    else:
                        member.counts[what] += value
                    self._changed.notify_all()
        except (EOFError, OSError):
            with self._changed:
                if not member.sent:
                    self.failures.append(f"{member.load.service}: the sender ended")
                self._changed.notify_all()
