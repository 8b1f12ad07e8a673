"""Meters of whole hosts to readings.

``system.cpu.time`` (busy modes, all CPUs) and ``system.memory.usage`` (used) say how much a host did, ``hw.host.energy`` what it
took. In windows for which one of them did not come, ``k8s.node.cpu.time``, ``k8s.node.memory.usage`` and ``hw.host.power``
(integrated) stand in. A reading covers the time that its energy covers, else its CPU, else its memory, in microseconds rounded
up: a reading that says something covers something. An amount of which it is not known over which time it accrued (the first of
a delta sum without starts) cannot be compared with a window, and is left out.

Where several senders report one meter of one host over the same time (two agents; one agent before and after its resource
changed) one of them counts, or the host would be metered twice (``senders``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from greencloud.facility import Facility, Host
from greencloud.telemetry import semconv
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.meters import Meter
from greencloud.telemetry.senders import Kept, Reported, one_at_a_time
from greencloud.telemetry.series import Line
from greencloud.telemetry.spans import MAX_CPUS
from greencloud.telemetry.split import Interval, covered, split
from greencloud.telemetry.tally import Tally

__all__ = ["HostMeters", "opening_ceiling"]

_UNRATED_WATTS: Final = 20_000
"""More than any host takes; the bound on a first reading where the book has no power curve for the host."""

_COLUMNS: Final = (
    (semconv.HW_HOST_ENERGY, semconv.HW_HOST_POWER, "energy_mj"),
    (semconv.SYSTEM_CPU_TIME, semconv.K8S_NODE_CPU_TIME, "busy_cpu_ns"),
    (semconv.SYSTEM_MEMORY_USAGE, semconv.K8S_NODE_MEMORY_USAGE, "memory_byte_s"),
)
"""Meters, what stands in for them, and the column of a reading that they fill; in the order in which they say what is covered."""


def opening_ceiling(meter: Meter, facility: Facility, host: Host | None) -> Fraction | None:
    """The most that a counter grows in a nanosecond: all CPUs busy, or twice the watts of the host's curve at full load."""
    if meter.measure in {"cpu_ns", "busy_cpu_ns"}:
        return host.vcpu if host else Fraction(MAX_CPUS)
    if meter.measure == "energy_mj":
        curve = facility.curves.get(host.curve) if host else None
        watts = 2 * curve.watts(Fraction(1), host.vcpu) if host and curve else Fraction(_UNRATED_WATTS)
        return watts / 10**6  # mJ a nanosecond
    return None


@dataclass(slots=True)
class HostMeters:
    tally: Tally
    dead: DeadLetters
    _found: dict[tuple[str, str], dict[str, list[Reported]]] = field(default_factory=dict)
    _modelled: set[Line] = field(default_factory=set)

    def add(self, host: Host, metric: str, reported: Reported, *, modelled: bool) -> None:
        self._found.setdefault((host.site, host.id), {}).setdefault(metric, []).append(reported)
        if modelled:
            self._modelled.add(reported.line)

    def book(self) -> None:
        for (site, host), metrics in sorted(self._found.items()):
            kept = {metric: self._kept(host, metric, found) for metric, found in metrics.items()}
            covering: list[tuple[set[int], list[Kept]]] = []
            for metric, stand_in, column in _COLUMNS:
                found = kept.get(metric, [])
                windows = self._add(site, host, column, found, frozenset())
                others = kept.get(stand_in, [])
                covering += [(windows, found), (self._add(site, host, column, others, windows), others)]
            self._cover(site, host, covering)

    def _kept(self, host: str, metric: str, found: list[Reported]) -> list[Kept]:
        kept = one_at_a_time(found)
        who = f"{metric} of host {host}"
        for _, grown, beside, within in kept:
            for fault in grown.faults:
                self.dead.add(fault, f"{metric} of {host}")
            if beside:
                self.dead.add("a meter that another sender reported for the same time", who)
            if within:
                self.dead.add("parts of a meter that its total holds already", who)
            if any(delta.amount for delta in grown.apart if delta.end_ns <= delta.start_ns):
                self.dead.add("a meter's amount without the time that it is of: counted from there on", who)
            grown.apart = [delta for delta in grown.apart if delta.end_ns > delta.start_ns]
        return kept

    def _add(self, site: str, host: str, column: str, kept: list[Kept], besides: set[int] | frozenset[int]) -> set[int]:
        """Add to a column of the readings; gives the windows that were added to."""
        sums: dict[int, int] = {}
        modelled: set[int] = set()
        for reported, grown, _, _ in kept:
            parts = list(grown.windows)
            for delta in grown.apart:
                parts += split(delta.amount, delta.start_ns, delta.end_ns, self.tally.window_ns)
            for window, amount in parts:
                sums[window] = sums.get(window, 0) + amount
            if reported.line in self._modelled:
                modelled.update(window for window, _ in parts)
        for window in sums.keys() - besides:
            reading = self.tally.reading(window, site, host)
            setattr(reading, column, (getattr(reading, column) or 0) + sums[window])
            reading.modelled |= window in modelled and column == "energy_mj"
        return sums.keys() - besides

    def _cover(self, site: str, host: str, covering: list[tuple[set[int], list[Kept]]]) -> None:
        done: set[int] = set()
        for windows, kept in covering:
            if windows - done:
                times = covered(_times(kept), self.tally.window_ns)
                for window in windows - done:
                    self.tally.reading(window, site, host).covered_us = -(-times.get(window, 0) // 1000)
                done |= windows


def _times(kept: list[Kept]) -> Iterable[Interval]:
    for found in kept:
        yield from found.grown.runs
        for delta in found.grown.apart:
            yield delta.start_ns, delta.end_ns
