"""Turns what was seen into OTLP metrics, by the stock OpenTelemetry SDK and its OTLP/gRPC exporter.

One ``MeterProvider`` for the host and one for each workload, because the account is a *resource* attribute
(``cloud.account.id``) and a provider has one resource. All are collected from one look at the machine and sent as one request,
so that host and workloads are of the same moment.

Every counter starts at zero when the agent starts and is cumulative: a request that is lost loses nothing, the next one carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, ResourceMetrics
from opentelemetry.sdk.resources import Resource

from greencloud import __version__
from greencloud.agent.power import MeasuredEnergy, ModelledEnergy
from greencloud.agent.reader import HostSample, Machine, TreeSample
from greencloud.agent.workloads import Workload

__all__ = ["HostMeter", "WorkloadMeter"]

_SCOPE = "greencloud.agent"
_Observe = Callable[[CallbackOptions], Iterable[Observation]]


class _Meter:
    """A provider of its own with observable instruments, collected on demand."""

    def __init__(self, attributes: Mapping[str, str | int]) -> None:
        self._reader = InMemoryMetricReader()
        # Resource() and not Resource.create(): the environment's service name is that of the agent, not of a workload.
        self._provider = MeterProvider([self._reader], resource=Resource(dict(attributes)), shutdown_on_exit=False)
        self._meter = self._provider.get_meter(_SCOPE, __version__)

    def counter(self, name: str, unit: str, observe: _Observe, description: str) -> None:
        self._meter.create_observable_counter(name, [observe], unit, description)

    def level(self, name: str, unit: str, observe: _Observe, description: str) -> None:
        self._meter.create_observable_up_down_counter(name, [observe], unit, description)

    def collect(self) -> list[ResourceMetrics]:
        data = self._reader.get_metrics_data()
        return list(data.resource_metrics) if data is not None else []

    def close(self) -> None:
        self._provider.shutdown()


@dataclass(slots=True)
class _Growth:
    """A counter that only grows: what is added is each increase, so that a step back (a child that left) adds nothing."""

    last: int
    total: int = 0

    def to(self, value: int) -> None:
        self.total += max(value - self.last, 0)
        self.last = value


class HostMeter:
    """``system.cpu.time``, ``system.memory.usage`` and, where it is known, ``hw.host.energy`` of one host."""

    def __init__(self, here: Machine, first: HostSample, energy: MeasuredEnergy | ModelledEnergy | None) -> None:
        self._cpu = {mode: _Growth(ns) for mode, ns in first.cpu_ns.items()}
        self._memory = first.memory_used_bytes
        self._energy = energy
        self._meter = _Meter({"host.id": here.host_id, "host.name": here.name, "service.name": "greencloud-agent"})
        self._meter.counter("system.cpu.time", "s", self._observe_cpu, "Seconds each logical CPU spent in each mode.")
        self._meter.level("system.memory.usage", "By", self._observe_memory, "Memory in use.")
        self._meter.counter("hw.host.energy", "J", self._observe_energy, "Energy that the host has taken.")

    def update(self, sample: HostSample, energy: MeasuredEnergy | ModelledEnergy | None) -> None:
        for mode, ns in sample.cpu_ns.items():
            self._cpu[mode].to(ns)
        self._memory = sample.memory_used_bytes
        self._energy = energy

    def collect(self) -> list[ResourceMetrics]:
        return self._meter.collect()

    def close(self) -> None:
        self._meter.close()

    def _observe_cpu(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(growth.total / 1e9, {"cpu.mode": mode}) for mode, growth in self._cpu.items()]

    def _observe_memory(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._memory, {"system.memory.state": "used"})]

    def _observe_energy(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._energy is None:
            return []  # not known is not zero
        return [Observation(self._energy.microjoules / 1e6, {"greencloud.quality": self._energy.quality})]


class WorkloadMeter:
    """``process.cpu.time`` and ``process.memory.usage`` of one workload: a process and its descendants.

    Like every counter here it begins at zero. A process that was there before the agent counts from the first look; one that
    started later counts from its own start, in the look after the first.
    """

    def __init__(self, here: Machine, workload: Workload, first: TreeSample | None, *, new: bool) -> None:
        self.workload = workload
        self._started = first.started if first else None
        self._user = _Growth(0 if new or first is None else first.user_ns)
        self._system = _Growth(0 if new or first is None else first.system_ns)
        self._memory = first.memory_bytes if first else 0
        attributes: dict[str, str | int] = {
            "cloud.account.id": workload.account,
            "process.pid": workload.pid,
            "host.id": here.host_id,
        }
        if workload.service:
            attributes["service.name"] = workload.service
        self._meter = _Meter(attributes)
        self._meter.counter("process.cpu.time", "s", self._observe_cpu, "CPU seconds of the process and its children by mode.")
        self._meter.level("process.memory.usage", "By", self._observe_memory, "Physical memory of the process and its children.")

    def update(self, sample: TreeSample | None) -> None:
        """Take the next look. None, or another process under the same id: this one has ended, its counters stay."""
        if sample is not None and self._started is None:
            self._started = sample.started
        if sample is None or sample.started != self._started:
            self._memory = 0
            return
        self._user.to(sample.user_ns)
        self._system.to(sample.system_ns)
        self._memory = sample.memory_bytes

    def collect(self) -> list[ResourceMetrics]:
        return self._meter.collect()

    def close(self) -> None:
        self._meter.close()

    def _observe_cpu(self, _: CallbackOptions) -> Iterable[Observation]:
        modes = {"user": self._user, "system": self._system}
        return [Observation(growth.total / 1e9, {"cpu.mode": mode}) for mode, growth in modes.items()]

    def _observe_memory(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._memory, {})]
