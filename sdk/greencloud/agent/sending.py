"""Sends metrics to the server by the stock OTLP/gRPC exporter, and outlives a server that does not answer.

The exporter retries on its own within its timeout; what still fails is said once, on the change, and not every few seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import grpc
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, ResourceMetrics

from greencloud.errors import QuantityError

__all__ = ["Sender", "is_loopback"]


def is_loopback(target: str) -> bool:
    """Whether ``host:port`` is this machine, where a channel without TLS tells nobody the token."""
    host = target.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.") or target.startswith("unix:")


class _LastWords(logging.Filter):
    """Keeps the exporter's last message and swallows it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.text = record.getMessage()
        return False


class Sender:
    """One channel to one server. ``token`` is asked before each request, so that a renewed token takes effect."""

    def __init__(
        self,
        target: str,
        *,
        token: Callable[[], str],
        say: Callable[[str], None],
        insecure: bool = False,
        root_certificates: bytes | None = None,
        timeout: float = 5.0,
    ) -> None:
        if "://" in target or not target.rpartition(":")[2].isdecimal():
            raise QuantityError(
                f"server {target!r} is not HOST:PORT", advice="write it without a scheme, as greencloud.example:4317"
            )
        self._target = target
        self._token = token
        self._say = say
        self._timeout = timeout
        self._credentials = None if insecure else grpc.ssl_channel_credentials(root_certificates)
        self._sent_token = ""
        self._exporter: OTLPMetricExporter | None = None
        self._failing = False
        self._words = _LastWords()
        # Before the exporter's own filter, which lets a message through once in 20 s, whatever the reason in it.
        self._logger = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")
        self._logger.filters.insert(0, self._words)

    def send(self, metrics: Sequence[ResourceMetrics]) -> bool:
        """Send one request; whether the server acknowledged it. Takes at most the timeout."""
        result = self._ready().export(MetricsData(metrics))
        failed = result is not MetricExportResult.SUCCESS
        if failed and not self._failing:
            self._say(
                f"the server does not take the metrics; the counters go on and the next request carries all. {self._words.text}"
            )
        if self._failing and not failed:
            self._say("the server takes the metrics again")
        self._failing = failed
        return not failed

    def close(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()
            self._exporter = None
        self._logger.removeFilter(self._words)

    def _ready(self) -> OTLPMetricExporter:
        token = self._token()
        if self._exporter is None or token != self._sent_token:
            if self._exporter is not None:
                self._exporter.shutdown()
            self._exporter = OTLPMetricExporter(
                endpoint=self._target,
                insecure=self._credentials is None,
                credentials=self._credentials,
                headers=(("authorization", f"Bearer {token}"),),
                timeout=self._timeout,
            )
            self._sent_token = token
        return self._exporter
