"""Meters of whole hosts to readings.

``system.cpu.time`` (busy modes, all CPUs) and ``system.memory.usage`` (used) say how much a host did, ``hw.host.energy`` what it
took; ``hw.host.power`` is integrated in windows for which no energy came. A reading covers the time that its energy covers, else
its CPU, else its memory, in microseconds rounded up: a reading that says something covers something. An amount of which it is not
known over which time it accrued (the first of a delta sum without starts) cannot be compared with a window, and is left out.

Where several senders report one meter of one host over the same time (two agents; one agent before and after its resource
changed) one of them counts, or the host would be metered twice: growth between points goes before openings, then the senders in
order of their identity.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from greencloud.facility import Facility, Host
from greencloud.telemetry import semconv
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.meters import Meter
from greencloud.telemetry.series import Delta
from greencloud.telemetry.spans import MAX_CPUS
from greencloud.telemetry.split import Interval, covered, split, union
from greencloud.telemetry.tally import Tally

__all__ = ["HostMeters", "opening_ceiling"]

_UNRATED_WATTS: Final = 20_000
"""More than any host takes; the bound on a first reading where the book has no power curve for the host."""


def opening_ceiling(meter: Meter, facility: Facility, host: Host | None) -> Fraction | None:
    """The most that a counter grows in a nanosecond: all CPUs busy, or twice the watts of the host's curve at full load."""
    if meter.measure in {"cpu_ns", "busy_cpu_ns"}:
        return host.vcpu if host else Fraction(MAX_CPUS)
    if meter.measure == "energy_mj":
        curve = facility.curves.get(host.curve) if host else None
        watts = 2 * curve.watts(Fraction(1), host.vcpu) if host and curve else Fraction(_UNRATED_WATTS)
        return watts / 10**6  # mJ a nanosecond
    return None


class _Part(NamedTuple):
    delta: Delta
    modelled: bool


@dataclass(slots=True)
class HostMeters:
    facility: Facility
    tally: Tally
    dead: DeadLetters
    _parts: dict[tuple[str, str], dict[str, dict[str, list[_Part]]]] = field(default_factory=dict)

    def add(self, host: Host, metric: str, sender: str, deltas: tuple[Delta, ...], *, modelled: bool) -> None:
        lasting = [delta for delta in deltas if delta.end_ns > delta.start_ns]
        if any(delta.amount for delta in deltas if delta.end_ns <= delta.start_ns):
            self.dead.add("a meter's amount without the time that it is of: counted from there on", f"{metric} of host {host.id}")
        if lasting:
            senders = self._parts.setdefault((host.site, host.id), {}).setdefault(metric, {})
            senders.setdefault(sender, []).extend(_Part(delta, modelled) for delta in lasting)

    def book(self) -> None:
        for (site, host), metrics in sorted(self._parts.items()):
            parts = {metric: self._one_sender(host, metric, senders) for metric, senders in metrics.items()}
            self._book_host(site, host, parts)

    def _book_host(self, site: str, host: str, parts: dict[str, list[_Part]]) -> None:
        window_ns = self.tally.window_ns
        energy = parts.get(semconv.HW_HOST_ENERGY, [])
        metered = self._add(site, host, "energy_mj", energy)
        power = parts.get(semconv.HW_HOST_POWER, [])
        held = self._add(site, host, "energy_mj", power, besides=metered)
        busy = parts.get(semconv.SYSTEM_CPU_TIME, [])
        memory = parts.get(semconv.SYSTEM_MEMORY_USAGE, [])
        order = (
            (metered, energy),
            (held, power),
            (self._add(site, host, "busy_cpu_ns", busy), busy),
            (self._add(site, host, "memory_byte_s", memory), memory),
        )
        done: set[int] = set()
        for windows, found in order:
            times = covered(((part.delta.start_ns, part.delta.end_ns) for part in found), window_ns)
            for window in windows - done:
                self.tally.reading(window, site, host).covered_us = -(-times.get(window, 0) // 1000)
            done |= windows

    def _add(
        self, site: str, host: str, column: str, parts: list[_Part], besides: set[int] | frozenset[int] = frozenset()
    ) -> set[int]:
        """Add to a column of the readings; gives the windows that were added to."""
        windows: set[int] = set()
        for delta, modelled in parts:
            for window, amount in split(delta.amount, delta.start_ns, delta.end_ns, self.tally.window_ns):
                if window not in besides:
                    reading = self.tally.reading(window, site, host)
                    setattr(reading, column, (getattr(reading, column) or 0) + amount)
                    reading.modelled |= modelled and column == "energy_mj"
                    windows.add(window)
        return windows

    def _one_sender(self, host: str, metric: str, senders: dict[str, list[_Part]]) -> list[_Part]:
        if len(senders) == 1:
            return next(iter(senders.values()))
        kept: list[_Part] = []
        taken: dict[str, list[Interval]] = {sender: [] for sender in senders}
        for opening in (False, True):
            for sender in sorted(senders):
                others = union(interval for other, found in taken.items() if other != sender for interval in found)
                for part in senders[sender]:
                    interval = (part.delta.start_ns, part.delta.end_ns)
                    if part.delta.opening is not opening:
                        continue
                    if _overlaps(interval, others):
                        self.dead.add("a meter that another sender reported for the same time", f"{metric} of host {host}")
                    else:
                        kept.append(part)
                        taken[sender].append(interval)
        return kept


def _overlaps(interval: Interval, disjoint: list[Interval]) -> bool:
    start, end = interval
    at = bisect_right(disjoint, start, key=lambda other: other[0])
    return (at > 0 and disjoint[at - 1][1] > start) or (at < len(disjoint) and disjoint[at][0] < end)
