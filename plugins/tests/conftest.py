"""A real SDK with an in-memory exporter, and work that knows what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from greencloud_otel import GreencloudInstrumentor, _owner


@dataclass(frozen=True)
class Traced:
    """A tracer, what was exported from it, and work to be done under its spans."""

    tracer: Tracer
    exporter: InMemorySpanExporter

    @staticmethod
    def work(milliseconds: float) -> int:
        """Keeps this thread's CPU busy, and returns the nanoseconds that it really took."""
        begin = time.thread_time_ns()
        until = begin + int(milliseconds * 1_000_000)
        while (now := time.thread_time_ns()) < until:
            sum(range(200))
        return now - begin

    def names(self) -> list[str]:
        return [span.name for span in self.exporter.get_finished_spans()]

    def attributes(self, name: str) -> dict[str, object]:
        (span,) = (span for span in self.exporter.get_finished_spans() if span.name == name)
        return dict(span.attributes or {})

    def cpu(self, name: str) -> int:
        value = self.attributes(name)["greencloud.cpu.time"]
        assert type(value) is int
        return value

    def quality(self, name: str) -> object:
        return self.attributes(name)["greencloud.quality"]

    def total(self) -> int:
        return sum(self.cpu(name) for name in self.names())

    def excess(self, truth: dict[str, int]) -> list[float]:
        """How far each span is above what its own work measured, relative, in order. Below is never right: the span
        holds the work, and what surrounds it. The middle one may not be more than noise.
        """
        measured = {name: self.cpu(name) for name in truth}
        assert not {name: cpu for name, cpu in measured.items() if cpu < truth[name]}
        return sorted((measured[name] - true) / true for name, true in truth.items())


@pytest.fixture
def traced() -> Iterator[Traced]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    GreencloudInstrumentor().instrument()
    try:
        yield Traced(provider.get_tracer("tests"), exporter)
    finally:
        GreencloudInstrumentor().uninstrument()
        provider.shutdown()


@pytest.fixture
def fake_clock() -> Iterator[Callable[[Callable[[], int]], None]]:
    """Puts another clock in place of the threads' and starts measuring by it; nothing of it is left in the process."""
    charged = _owner.process.charged

    def start(clock: Callable[[], int]) -> None:
        _owner.set_clock(clock)
        _owner.restart(on=True)

    yield start
    _owner.set_clock(None)
    _owner.restart(on=False)
    _owner.process.charged = charged


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Runs Python in a process of its own, where it may fork and patch as it likes; returns what it printed."""

    def run(*arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
