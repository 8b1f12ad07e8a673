"""The CPU of the whole process, in two parts that always add up to it.

Spans leave something out: traces that were not sampled, work outside of spans, native threads, the exporter. These counters
have it all, so that a server knows how much there was, and not only for what part the spans speak.

A thread's slice is only charged when the clock is handed over, so what was charged lags behind the process. Counters must
not go down when the slice arrives: the unattributed part keeps its highest value, and the attributed part is the rest.
So ``attributed`` never claims more than was charged, and lags by no more than the longest slice open at any reading.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation, get_meter

from greencloud_otel._owner import Process, process
from greencloud_otel._semconv import PROCESS_CPU_ATTRIBUTED, PROCESS_CPU_UNATTRIBUTED
from greencloud_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, MeterProvider

__all__ = ["ProcessCpu", "observe"]


class ProcessCpu:
    """Divides a process' CPU between spans and the rest; both parts only grow."""

    def __init__(self, measured: Process) -> None:
        self._process = measured
        self._forks = measured.forks
        self._unattributed = 0

    def parts(self, total_ns: int) -> tuple[int, int]:
        """Attributed and unattributed nanoseconds, together ``total_ns``."""
        if self._forks != self._process.forks:
            self._forks, self._unattributed = self._process.forks, 0
        self._unattributed = max(self._unattributed, total_ns - self._process.charged)
        return total_ns - self._unattributed, self._unattributed


def observe(meter_provider: MeterProvider | None = None) -> None:
    """Registers both counters with ``meter_provider`` or the global one, which may still be to come."""
    cpu = ProcessCpu(process)

    def observation(part: int) -> Iterable[Observation]:
        if process.era is None:
            return ()
        return (Observation(cpu.parts(time.process_time_ns())[part] / 1e9),)

    def attributed(_: CallbackOptions) -> Iterable[Observation]:
        return observation(0)

    def unattributed(_: CallbackOptions) -> Iterable[Observation]:
        return observation(1)

    meter = get_meter("greencloud_otel", __version__, meter_provider)
    meter.create_observable_counter(
        PROCESS_CPU_ATTRIBUTED, [attributed], unit="s", description="CPU time of the process that was charged to spans."
    )
    meter.create_observable_counter(
        PROCESS_CPU_UNATTRIBUTED, [unattributed], unit="s", description="CPU time of the process that no span was charged for."
    )
