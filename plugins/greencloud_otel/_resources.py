"""What a process has and moves besides CPU, under the names that OpenTelemetry has for it.

=======================  =====================================================================================
``process.memory.usage``  the memory held now, in bytes: ``/proc/self/statm`` (resident), or the proportional set
                          size of ``/proc/self/smaps_rollup``, which divides shared pages among those who share
``process.disk.io``       bytes that reached or left the storage layer for this process: ``/proc/self/io``
=======================  =====================================================================================

Both are read when a metric reader collects, and at no other time: there is no thread for it. Byte-seconds are the server's to form,
which holds each level until the next; between two exports (a minute, unless ``OTEL_METRIC_EXPORT_INTERVAL`` says otherwise)
it knows no better. Counting bytes is exact. What the page cache served was no disk traffic; what was written counts when it was
written to the cache, even if the file is deleted before it is flushed.

Network traffic is left out. Linux counts it by network namespace (``/proc/self/net/dev``), which is the pod's or the machine's, and
not by process; that figure under the name of a process would charge it for its neighbours.

What cannot be read is not reported. There is no zero for it.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation, get_meter

from greencloud_otel._complaint import complain
from greencloud_otel._owner import process
from greencloud_otel._semconv import DISK_DIRECTION, PROCESS_DISK_IO, PROCESS_MEMORY_USAGE
from greencloud_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, MeterProvider

__all__ = ["disk_of", "observe_disk", "observe_memory", "pss_of", "rss_of"]

_SELF: Final = Path("/proc/self")


def rss_of(statm: str, page_size: int) -> int:
    """Resident bytes, from proc_pid_statm(5): the second number, in pages."""
    return int(statm.split()[1]) * page_size


def pss_of(smaps_rollup: str) -> int:
    """Proportional bytes, from proc_pid_smaps(5): the line ``Pss``, in kB of 1024 bytes."""
    for line in smaps_rollup.splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            return int(rest.split()[0]) * 1024
    raise ValueError("no line Pss")


def disk_of(io: str) -> tuple[int, int]:
    """Bytes read from and written to storage, from proc_pid_io(5)."""
    fields = dict(line.split(": ") for line in io.splitlines() if ": " in line)
    return int(fields["read_bytes"]), int(fields["write_bytes"])


def observe_memory(meter_provider: MeterProvider | None, *, proportional: bool) -> str:
    """Registers the metric where the figure can be read, and returns "" or why it cannot."""

    def memory() -> Iterable[Observation]:
        if proportional:
            return (Observation(pss_of(_read("smaps_rollup"))),)
        return (Observation(rss_of(_read("statm"), mmap.PAGESIZE)),)

    if fault := _fault(memory):
        return fault
    meter = get_meter("greencloud_otel", __version__, meter_provider)
    meter.create_observable_up_down_counter(
        PROCESS_MEMORY_USAGE, [_quietly(memory)], unit="By", description="The amount of physical memory in use."
    )
    return ""


def observe_disk(meter_provider: MeterProvider | None) -> str:
    """As ``observe_memory``."""

    def disk() -> Iterable[Observation]:
        read, written = disk_of(_read("io"))
        return (Observation(read, {DISK_DIRECTION: "read"}), Observation(written, {DISK_DIRECTION: "write"}))

    if fault := _fault(disk):
        return fault
    meter = get_meter("greencloud_otel", __version__, meter_provider)
    meter.create_observable_counter(PROCESS_DISK_IO, [_quietly(disk)], unit="By", description="Disk bytes transferred.")
    return ""


def _fault(look: Callable[[], Iterable[Observation]]) -> str:
    """Why this system does not tell; "" when it does."""
    try:
        look()
    except (OSError, ValueError, LookupError) as error:
        return str(error) or type(error).__name__
    return ""


def _quietly(look: Callable[[], Iterable[Observation]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """The SDK would log a traceback at each export for what a callback raises."""

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        if process.era is None:
            return ()
        try:
            return look()
        except Exception as error:
            complain("A resource of the process could not be read: %s", error)
            return ()

    return callback


def _read(name: str) -> str:
    return (_SELF / name).read_text(encoding="ascii", errors="replace")
