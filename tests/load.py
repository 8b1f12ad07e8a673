"""A load of which every span is known by number, so that what was counted of it can be told exactly.

All that a sender sends follows from its ``Load`` and counters: it can be sent again, to another server and in another order,
from the counters alone. Spans carry ids that are numbers; the metrics are counters that grow at a known rate.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from otlp import SECOND, TRACES, SpanSpec, counter, metrics_request, trace_request

__all__ = ["BULK", "BULK_SPANS", "HOURS", "LANES", "METRICS", "SPANS", "Load", "Sent", "replay", "retry_delay"]

HOURS: Final = 3
"""Spans and points lie in so many windows of an hour."""

LANES: Final = 3
"""A sender has so many batches under way at once, each from a lane of its own."""

BULK: Final = LANES
"""The lane of large batches."""

SPANS: Final = 24
BULK_SPANS: Final = 100
METRICS: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

_OPERATIONS: Final = 5
_CPUS: Final = 0.25
_USE: Final = {"acme": 1.5, "globex": 0.75}
_HOUR: Final = 3600 * SECOND


@dataclass(frozen=True)
class Load:
    """One sender. ``watts`` is what the host's meter tells, if it is the sender that tells it."""

    number: int
    account: str
    provider: bool
    base_ns: int
    step_ns: int
    watts: int = 0

    @property
    def service(self) -> str:
        return f"load-{self.number}"

    def spans(self, lane: int, batch: int, first: int = 0, until: int = SPANS) -> bytes:
        """A batch of small spans, or some of it."""
        base = 1 + (self.number + 1 << 48) + (lane << 40) + batch * SPANS
        return trace_request(self._resource(self.service), [self._span(base + i, base + i - i % 4) for i in range(first, until)])

    def bulk(self, batch: int) -> bytes:
        """Some megabytes, so that a write takes long enough to be cut."""
        base = 1 + (self.number + 1 << 48) + (BULK << 40) + batch * BULK_SPANS
        made = [self._span(base + i, base + i, note="x" * 20_000) for i in range(BULK_SPANS)]
        return trace_request(self._resource(self.service), made)

    def metrics(self, seconds: int) -> bytes:
        """The counters as they stand so many seconds after the beginning."""
        at = self.base_ns + seconds * SECOND
        busy = counter("process.cpu.time", "s", [(at, seconds * _CPUS, {"cpu.mode": "user"})], self.base_ns)
        request = metrics_request(self._resource(f"metered-{self.number}"), [busy])
        if self.watts:
            energy = counter("hw.host.energy", "J", [(at, float(seconds * self.watts), {})], self.base_ns)
            request += metrics_request({"host.name": "h1"}, [energy])
            for account, cpus in _USE.items():  # how much each account uses is for the provider to say; its own tell for what
                used = counter("container.cpu.time", "s", [(at, seconds * cpus, {})], self.base_ns)
                request += metrics_request({"host.name": "h1", "cloud.account.id": account, "container.id": account}, [used])
        return request

    def _span(self, number: int, root: int, note: str = "") -> SpanSpec:
        """Groups of four: a root of two seconds and three children in it."""
        start = self.base_ns + root % HOURS * _HOUR + root * 7919 % 3500 * SECOND
        if number == root:
            end, parent = start + 2 * SECOND, 0
        else:
            start += (number - root) * SECOND // 2
            end, parent = start + SECOND // 4, root
        given: dict[str, str | int | float] = {"greencloud.cpu.time": number % 1000 * 1000} if number % 3 else {}
        if note:
            given["note"] = note
        return SpanSpec(root, number, start, end, f"op-{number % _OPERATIONS}", parent, given)

    def _resource(self, service: str) -> dict[str, str | int | float]:
        account = {"cloud.account.id": self.account} if self.provider else {}
        return {"service.name": service, "service.instance.id": f"i-{self.number}", "host.name": "h1", **account}


@dataclass
class Sent:
    """What of a load was sent: batches by lane, and the times of the points."""

    batches: dict[int, int]
    seconds: list[int]

    def spans(self) -> int:
        return sum(count * (BULK_SPANS if lane == BULK else SPANS) for lane, count in self.batches.items())

    def by_operation(self, load: Load) -> Counter[str]:
        counts: Counter[str] = Counter()
        for lane, batches in self.batches.items():
            size = batches * (BULK_SPANS if lane == BULK else SPANS)
            base = 1 + (load.number + 1 << 48) + (lane << 40)
            for i in range(_OPERATIONS):
                counts[f"op-{(base + i) % _OPERATIONS}"] += len(range(i, size, _OPERATIONS))
        return +counts


def replay(load: Load, sent: Sent, target: str, token: str) -> None:
    """Send all of it once, in large requests and in another order."""
    with grpc.insecure_channel(target) as channel:
        metadata = (("authorization", f"Bearer {token}"),)

        def send(method: str, payloads: list[bytes]) -> None:
            call: Any = channel.unary_unary(method)
            for first in range(0, len(payloads), 100):  # messages laid end to end are one message
                payload = b"".join(payloads[first : first + 100])
                while True:
                    try:
                        call(payload, metadata=metadata, timeout=60)
                        break
                    except grpc.RpcError as error:
                        delay = retry_delay(error)
                        if delay is None:
                            raise
                        time.sleep(delay)

        for lane, batches in reversed(sent.batches.items()):
            if lane == BULK:
                for batch in range(batches):
                    send(TRACES, [load.bulk(batch)])
            else:
                for last in range(batches, 0, -100):
                    send(TRACES, [load.spans(lane, batch) for batch in range(max(0, last - 100), last)])
        send(METRICS, [load.metrics(seconds) for seconds in reversed(sent.seconds)])


def retry_delay(error: Any) -> float | None:
    """RetryInfo's seconds, if the answer has it in both places where clients look."""
    trailers = dict(error.trailing_metadata() or ())
    details, alone = trailers.get("grpc-status-details-bin"), trailers.get("google.rpc.retryinfo-bin")
    if not isinstance(details, bytes) or not isinstance(alone, bytes):
        return None
    retry = error_details_pb2.RetryInfo()
    if not any(detail.Unpack(retry) for detail in status_pb2.Status.FromString(details).details):
        return None
    if retry != error_details_pb2.RetryInfo.FromString(alone):
        return None
    return float(retry.retry_delay.ToTimedelta().total_seconds())
