"""Looks at this machine: CPU time by mode, memory, RAPL zones, and processes with their children. All the I/O of reading.

Times are integer nanoseconds since boot (of the host) or since the start (of a process). A process tree counts as the sum over
its living processes of their own time and that of the children they have waited for, so that a child that came and went between two
looks is not lost.
"""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from greencloud.agent.power import Zone, outermost

__all__ = [
    "POWERCAP",
    "HostSample",
    "Machine",
    "TreeSample",
    "look_at_host",
    "look_at_pids",
    "look_at_tree",
    "look_at_zones",
    "machine",
]

POWERCAP: Final = Path("/sys/class/powercap")

# psutil's fields as values of the semantic convention's cpu.mode. Guest time is within user and nice already.
_MODES: Final = {
    "user": "user",
    "nice": "nice",
    "system": "system",
    "idle": "idle",
    "iowait": "iowait",
    "irq": "interrupt",
    "softirq": "interrupt",
    "interrupt": "interrupt",
    "steal": "steal",
}
# A core that waits for a disk or runs another guest is not busy for us.
_NOT_BUSY: Final = {"idle", "iowait", "steal"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the machine runs."""

    host_id: str
    name: str
    vcpu: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class HostSample:
    at_ns: int  # monotonic
    cpu_ns: dict[str, int]  # by cpu.mode
    memory_used_bytes: int

    @property
    def busy_ns(self) -> int:
        return sum(ns for mode, ns in self.cpu_ns.items() if mode not in _NOT_BUSY)


@dataclass(frozen=True, slots=True)
class TreeSample:
    """A process and its descendants. ``started`` tells the process from a later one that got the same id."""

    started: float
    user_ns: int
    system_ns: int
    memory_bytes: int


def machine(host_id: str = "") -> Machine:
    """This machine. Its id, where none is given, is ``/etc/machine-id`` (the convention's source of ``host.id``), else its name."""
    name = platform.node() or "localhost"
    if not host_id:
        with suppress(OSError, UnicodeDecodeError):
            host_id = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return Machine(host_id or name, name, psutil.cpu_count() or 1, psutil.virtual_memory().total)


def look_at_host() -> HostSample:
    times = psutil.cpu_times()
    cpu_ns: dict[str, int] = {}
    for name, mode in _MODES.items():
        seconds = getattr(times, name, None)
        if seconds is not None:
            cpu_ns[mode] = cpu_ns.get(mode, 0) + _ns(seconds)
    return HostSample(time.monotonic_ns(), cpu_ns, psutil.virtual_memory().used)


def look_at_pids() -> frozenset[int]:
    """Every process there is now. Start times would not do to tell old from new: boot time is known to the second only."""
    return frozenset(psutil.pids())


def look_at_tree(pid: int) -> TreeSample | None:
    """The process and its descendants now; None when the process is gone."""
    try:
        root = psutil.Process(pid)
        started = root.create_time()
        family = [root, *root.children(recursive=True)]
        seen = [sample for process in family if (sample := _look_at_process(process))]
    except psutil.Error:
        return None
    if not seen:
        return None
    user, system, memory = (sum(column) for column in zip(*seen, strict=True))
    return TreeSample(started, user, system, memory)


def look_at_zones(powercap: Path = POWERCAP) -> tuple[Zone, ...]:
    """The RAPL zones that may be read and added up; empty where there are none (virtual machines, no permission)."""
    found = []
    # intel-rapl-mmio shows the same counters a second time; the pattern leaves it out.
    for folder in sorted(powercap.glob("intel-rapl:*")):
        try:
            name, energy, maximum = (
                (folder / part).read_text(encoding="ascii").strip() for part in ("name", "energy_uj", "max_energy_range_uj")
            )
            found.append(Zone(folder.name, name, int(energy), int(maximum)))
        except (OSError, ValueError):
            continue  # root only since CVE-2020-8694, or a zone without a counter
    return outermost(found)


def _look_at_process(process: psutil.Process) -> tuple[int, int, int] | None:
    try:
        with process.oneshot():
            times: Any = process.cpu_times()
            user = times.user + getattr(times, "children_user", 0.0)
            system = times.system + getattr(times, "children_system", 0.0)
            return _ns(user), _ns(system), process.memory_info().rss
    except psutil.Error:
        return None  # it ended just now


def _ns(seconds: float) -> int:
    # The kernel counts ticks of 10 ms, psutil divides them; a microsecond grid takes the float's dust away.
    return round(seconds * 1_000_000) * 1000
