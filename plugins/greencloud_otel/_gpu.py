"""Seconds for which a process kept GPUs busy, from NVIDIA's management library (extra ``gpu``).

The driver samples which share of the last moments each process had kernels running on a device. A share is taken to have held since
the last reading or sample, so the seconds are an estimate, the better the oftener metrics are collected; a process without a sample
was idle. A first reading only says where counting begins. Shares of several devices add up: two busy GPUs are two seconds a second.

The library knows processes by the machine's ids. In a container that has its own the figure would be a stranger's,
so there is none.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry.metrics import Observation, get_meter

from greencloud_otel._complaint import complain
from greencloud_otel._owner import process
from greencloud_otel._semconv import PROCESS_GPU_TIME
from greencloud_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, MeterProvider

__all__ = ["Devices", "GpuSeconds", "Sample", "observe_gpus", "sees_own_id"]

_MACHINES_IDS: Final = "pid:[4026531836]"  # PROC_PID_INIT_INO of Linux


class Sample(NamedTuple):
    """``share``: percent of the time that ``pid`` had the device busy, told at ``at_us``, the wall clock in microseconds."""

    pid: int
    at_us: int
    share: int


class Devices(Protocol):
    """What is asked of the library."""

    def names(self) -> Iterable[str]: ...

    def samples(self, name: str, since_us: int) -> Iterable[Sample]:
        """Samples of all processes later than ``since_us``, in any order; an OSError where the device tells none."""
        ...


class GpuSeconds:
    """Adds up samples; ``seconds`` only grows."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._busy = 0  # microseconds times percent
        self._counted: dict[str, int] = {}
        self._looked: dict[str, int] = {}

    @property
    def seconds(self) -> float:
        return self._busy / 1e8

    def since(self, device: str) -> int:
        """The latest sample of a device that was seen; 0 before any."""
        return self._counted.get(device, 0)

    def add(self, device: str, samples: Iterable[Sample], now_us: int) -> None:
        """Counts the samples told at ``now_us``; what was counted already is passed over."""
        begun = device in self._looked
        held_from = max(self.since(device), self._looked.get(device, 0))
        for sample in sorted(samples, key=lambda sample: sample.at_us):
            self._counted[device] = max(self.since(device), sample.at_us)
            if begun and sample.pid == self._pid and sample.at_us > held_from:
                self._busy += (sample.at_us - held_from) * min(max(sample.share, 0), 100)
                held_from = sample.at_us
        self._looked[device] = max(now_us, self._looked.get(device, 0))


class Nvml:
    """The library's own interface. Opening it raises an ImportError or an OSError where there is none."""

    def __init__(self) -> None:
        import pynvml

        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
            self._handles = {str(pynvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from error

    def names(self) -> Iterable[str]:
        return list(self._handles)

    def samples(self, name: str, since_us: int) -> Iterable[Sample]:
        try:
            found = self._nvml.nvmlDeviceGetProcessUtilization(self._handles[name], since_us)
        except self._nvml.NVMLError_NotFound:
            return []  # nobody used it since
        except self._nvml.NVMLError as error:
            raise OSError(str(error)) from error
        return [Sample(one.pid, one.timeStamp, one.smUtil) for one in found]


def sees_own_id() -> bool:
    """Whether this process' id is the machine's id of it."""
    try:
        return os.readlink("/proc/self/ns/pid") == _MACHINES_IDS  # noqa: PTH115  a Path would mangle nothing, but says it worse
    except OSError:
        return False


def observe_gpus(meter_provider: MeterProvider | None) -> str:
    """Registers the counter where there are GPUs, and returns "" or why there is none."""
    if not sees_own_id():
        return "the process has not the machine's process ids"
    try:
        devices = Nvml()
    except ImportError:
        return "nvidia-ml-py is not installed"
    except OSError as error:
        return str(error)
    if not devices.names():
        return "no device"
    read = _Reading(devices)
    meter = get_meter("greencloud_otel", __version__, meter_provider)
    meter.create_observable_counter(
        PROCESS_GPU_TIME, [read], unit="s", description="Time for which the process kept GPUs busy, from sampled shares."
    )
    return ""


class _Reading:
    """A callback of the meter. A forked child counts from zero, as it has not used anything yet."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._pid = 0
        self._used = GpuSeconds(0)

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        if process.era is None:
            return ()
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._used = GpuSeconds(self._pid)
        try:
            for name in self._devices.names():
                samples = self._devices.samples(name, self._used.since(name))
                self._used.add(name, samples, time.time_ns() // 1000)
        except Exception as error:
            complain("The use of GPUs could not be read: %s", error)
            return ()
        return (Observation(self._used.seconds),)
