"""The agent: looks at the machine every few seconds and reports what it saw, until it is told to stop.

One look gives the host, its energy and every workload; one request carries them. The last look is made after the stop was asked
for, so that nothing up to that moment is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from opentelemetry.sdk.metrics.export import ResourceMetrics

from greencloud.agent.exporting import HostMeter, WorkloadMeter
from greencloud.agent.power import MeasuredEnergy, ModelledEnergy, PowerModel
from greencloud.agent.reader import POWERCAP, Machine, look_at_host, look_at_pids, look_at_tree, look_at_zones
from greencloud.agent.sending import Sender
from greencloud.agent.workloads import WorkloadFile
from greencloud.errors import UsageDataError

__all__ = ["Reporter"]


class Reporter:
    """What is known of one machine between looks. Not for several threads."""

    def __init__(
        self,
        here: Machine,
        *,
        say: Callable[[str], None],
        workloads: WorkloadFile | None = None,
        model: PowerModel | None = None,
        powercap: Path = POWERCAP,
    ) -> None:
        self._here = here
        self._say = say
        self._file = workloads
        self._powercap = powercap
        self._last = look_at_host()
        self._energy = self._first_energy(model)
        self._host = HostMeter(here, self._last, self._energy)
        self._workloads: dict[int, WorkloadMeter] = {}
        self._there_before = look_at_pids()
        self._enroll()

    @property
    def energy_source(self) -> str:
        """For the line that the agent prints when it starts."""
        if self._energy is None:
            return "not reported (no readable RAPL counter and no power curve given; the server's facility book may hold one)"
        return f"{self._energy.quality} ({'RAPL' if isinstance(self._energy, MeasuredEnergy) else 'power curve'})"

    @property
    def workload_count(self) -> int:
        return len(self._workloads)

    def collect(self) -> list[ResourceMetrics]:
        """What is known at the last look, as one request."""
        found = self._host.collect()
        for pid in sorted(self._workloads):
            found += self._workloads[pid].collect()
        return found

    def look(self) -> None:
        """Look at everything once."""
        self._reread()
        sample = look_at_host()
        if isinstance(self._energy, ModelledEnergy):
            self._energy = self._energy.advance(sample.at_ns - self._last.at_ns, sample.busy_ns - self._last.busy_ns)
        elif isinstance(self._energy, MeasuredEnergy):
            self._energy = self._energy.advance(look_at_zones(self._powercap))
        self._last = sample
        self._host.update(sample, self._energy)
        for pid, meter in self._workloads.items():
            meter.update(look_at_tree(pid))
        self._enroll()

    def run(self, sender: Sender, stop: Event, *, interval: float) -> None:
        """Report at once (the counters' zero), then every ``interval`` seconds, then once more after ``stop``."""
        try:
            due = time.monotonic()
            while not stop.is_set():
                sender.send(self.collect())
                due = max(due + interval, time.monotonic())
                stop.wait(due - time.monotonic())
                self.look()
            sender.send(self.collect())
        finally:
            self._host.close()
            for meter in self._workloads.values():
                meter.close()
            sender.close()

    def _first_energy(self, model: PowerModel | None) -> MeasuredEnergy | ModelledEnergy | None:
        zones = look_at_zones(self._powercap)
        if zones:
            return MeasuredEnergy().advance(zones)
        return ModelledEnergy(model, self._here.vcpu) if model is not None else None

    def _reread(self) -> None:
        if self._file is None:
            return
        try:
            if self._file.changed():
                self._say(f"{self._file.path} has changed: {len(self._file.workloads)} workloads")
        except UsageDataError as error:
            self._say(f"{error.message}; the workloads stay as they were")

    def _enroll(self) -> None:
        """Meter the workloads that the file names now. One that it no longer names keeps its meter, which stops growing with it."""
        for workload in self._file.workloads if self._file else ():
            meter = self._workloads.get(workload.pid)
            if meter is not None and meter.workload == workload:
                continue
            if meter is not None:
                meter.close()
            first = look_at_tree(workload.pid)
            new = workload.pid not in self._there_before
            self._workloads[workload.pid] = WorkloadMeter(self._here, workload, first, new=new)
