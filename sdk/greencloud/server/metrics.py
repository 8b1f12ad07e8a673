"""The server's own telemetry: instruments of the OpenTelemetry SDK over the sums of ``counts``, and a Prometheus page of them.

Sums and levels are observed when somebody looks; only the duration of a call is recorded as it ends. Nothing here is recorded
unless the page is asked for (``--metrics``). Names follow OpenTelemetry's rules, and Prometheus' form of them is what the dashboard
in ``deploy/grafana`` reads. Labels are signals, statuses, causes and accounts (the busiest by name), never a token.

The page has no credentials, and names accounts. So it is for loopback, unless ``--insecure`` says that something guards it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from greencloud.server.app import RunningServer, split_listen
from greencloud.server.counts import CAUSES
from greencloud.server.errors import ListenError
from greencloud.serving.copy import CAUSES as CAUSES_ELSEWHERE
from greencloud.serving.copy import COPY

if TYPE_CHECKING:
    from greencloud.ledger.lease import Leasing
    from greencloud.server.logs import Logs
    from greencloud.telemetry.follower import Follower

__all__ = ["LogFigures", "Merged", "Metrics", "Page", "WorkerMetrics"]

_Observer = Callable[[CallbackOptions], Iterable[Observation]]
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class LogFigures(Protocol):
    """The write-ahead log, as far as it is counted here."""

    syncs: int
    sync_ns: int
    synced_bytes: int


class _Instruments:
    """A meter whose readings are a page of text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self.registry)
        self._provider = MeterProvider([reader], resource=Resource.get_empty(), shutdown_on_exit=False)
        self.meter = self._provider.get_meter("greencloud.server")

    def counter(self, name: str, unit: str, text: str, look: Callable[[], Iterable[Observation]]) -> None:
        self.meter.create_observable_counter(name, [_observer(look)], unit, text)

    def gauge(self, name: str, unit: str, text: str, look: Callable[[], Iterable[Observation]]) -> None:
        self.meter.create_observable_gauge(name, [_observer(look)], unit, text)

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def close(self) -> None:
        self._provider.shutdown()


class Metrics(_Instruments):
    """Of one server process."""

    def __init__(
        self, server: RunningServer, logs: Logs, directory: Path, leasing: Leasing, copy: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        counts, gate = server.counts, server.gate
        log: LogFigures = logs.intake
        duration = self.meter.create_histogram(
            "greencloud.intake.duration", "s", "From headers to answer.", explicit_bucket_boundaries_advisory=_SECONDS
        )
        counts.duration = lambda seconds, signal: duration.record(seconds, {"signal": signal})

        def by_signal(sums: dict[str, int]) -> Callable[[], list[Observation]]:
            return lambda: [Observation(value, {"signal": signal}) for signal, value in list(sums.items())]

        self.counter("greencloud.intake.spans", "{span}", "Spans taken.", lambda: [Observation(counts.items["traces"])])
        self.counter("greencloud.intake.points", "{point}", "Data points taken.", lambda: [Observation(counts.items["metrics"])])
        self.counter("greencloud.intake.size", "By", "Bytes taken, after decompression.", by_signal(counts.bytes))
        self.counter(
            "greencloud.intake.rejected", "{item}", "Items of accepted requests that mean nothing.", by_signal(counts.rejected)
        )
        self.counter(
            "greencloud.intake.requests",
            "{request}",
            "Calls by signal and status.",
            lambda: [Observation(n, {"signal": signal, "code": code}) for (signal, code), n in list(counts.requests.items())],
        )
        self.counter(
            "greencloud.intake.refusals",
            "{request}",
            "Calls turned away to come again, by cause.",
            lambda: [Observation(counts.refused[cause], {"cause": cause}) for cause in {*CAUSES, *counts.refused}],
        )
        self.counter(
            "greencloud.intake.account.size",
            "By",
            "Bytes taken by account; the busiest by name.",
            lambda: [Observation(size, {"account": account}) for account, size in counts.accounts().items()],
        )
        self.gauge("greencloud.intake.queue.length", "{request}", "Calls that wait for a thread.", lambda: [Observation(len(gate))])
        self.gauge("greencloud.intake.active", "{request}", "Calls under way.", lambda: [Observation(gate.calls)])
        self.gauge("greencloud.intake.active.size", "By", "Bytes in hand.", lambda: [Observation(gate.bytes)])
        self.gauge(
            "greencloud.intake.lag",
            "s",
            "Age of the newest item of a request; the largest of late.",
            lambda: [Observation(counts.lag())],
        )
        self.counter(
            "greencloud.intake.busy", "s", "Time in decoding and waiting for the log.", lambda: [Observation(counts.took_s)]
        )
        self.counter("greencloud.log.syncs", "{sync}", "Groups of requests made durable.", lambda: [Observation(log.syncs)])
        self.counter("greencloud.log.sync.time", "s", "Time in it.", lambda: [Observation(log.sync_ns / 1e9)])
        self.counter("greencloud.log.size", "By", "Bytes made durable.", lambda: [Observation(log.synced_bytes)])
        if copy is not None:
            self.counter(
                "greencloud.serving_copy.questions",
                "{question}",
                "Questions by account: by whom answered, and why if not by the copy.",
                lambda: [Observation(copy.get(name, 0), {"answer": name}) for name in (COPY, *CAUSES_ELSEWHERE)],
            )
        if follower := logs.follower:
            self._following(follower)
        self.gauge(
            "greencloud.ledger.lease.held",
            "{lease}",
            "Whether this process holds it.",
            lambda: [Observation(int(leasing.holds > 0))],
        )
        self.gauge("greencloud.disk.free", "By", "Free where the data directory is.", lambda: [Observation(_free(directory))])

    def _following(self, follower: Follower) -> None:
        self.gauge(
            "greencloud.shared_log.position",
            "{message}",
            "Up to where the shared log was followed.",
            lambda: [Observation(follower.position)],
        )
        self.gauge(
            "greencloud.shared_log.behind", "{message}", "Messages that are not here yet.", lambda: [Observation(follower.behind)]
        )
        self.gauge("greencloud.shared_log.lag", "s", "Since when that is so.", lambda: [Observation(follower.behind_s)])


class WorkerMetrics(_Instruments):
    """Of the process that keeps the workers."""

    def __init__(self, restarts: Callable[[], dict[int, int]], alive: Callable[[], int]) -> None:
        super().__init__()
        self.counter(
            "greencloud.worker.restarts",
            "{restart}",
            "Workers that ended by themselves.",
            lambda: [Observation(count, {"worker": str(number)}) for number, count in restarts().items()],
        )
        self.gauge("greencloud.worker.alive", "{process}", "Workers that serve.", lambda: [Observation(alive())])


class Merged:
    """A registry of the pages of several workers, each sample with its worker's number."""

    def __init__(self, pages: Callable[[], dict[int, str]]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[Metric]:
        found: dict[str, Metric] = {}
        for number, page in self._pages().items():
            for family in text_string_to_metric_families(page):
                merged = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [sample._replace(labels=sample.labels | {"worker": str(number)}) for sample in family.samples]
        yield from found.values()


class Page:
    """``/metrics`` over HTTP, until ``close``; ``option`` is what the address was given with."""

    def __init__(self, listen: str, registry: Any, option: str = "--metrics") -> None:
        host, port = split_listen(listen)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ListenError(
                f"no metrics on {listen}: {error.strerror}", advice=f"choose another address with {option}"
            ) from error
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _observer(look: Callable[[], Iterable[Observation]]) -> _Observer:
    return lambda _options: look()


def _free(directory: Path) -> int:
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize
