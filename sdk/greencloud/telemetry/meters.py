"""Which metrics count, what each one fills, and in which units senders may report it.

A unit that is not listed is refused rather than guessed; an empty unit means the convention's, because some SDKs leave it out.
Scales are exact: they take a value to the column's unit (nanoseconds, millijoules, bytes), or, for a level, the level held for
one nanosecond.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from greencloud.telemetry import semconv
from greencloud.telemetry.otlp import Attributes, identity

__all__ = ["METERS", "REST", "Meter", "busy", "parts_of", "shape_fault", "wanted"]

_SECONDS: Final = {"": Fraction(10**9), "s": Fraction(10**9), "ms": Fraction(10**6), "us": Fraction(1000), "ns": Fraction(1)}
_JOULES: Final = {"": Fraction(1000), "J": Fraction(1000), "kJ": Fraction(10**6), "mJ": Fraction(1), "kWh": Fraction(36 * 10**8)}
_WATTS: Final = {"": Fraction(1, 10**6), "W": Fraction(1, 10**6), "mW": Fraction(1, 10**9), "kW": Fraction(1, 1000)}
_BYTES: Final = {
    "": Fraction(1),
    "By": Fraction(1),
    "KiBy": Fraction(1 << 10),
    "MiBy": Fraction(1 << 20),
    "GiBy": Fraction(1 << 30),
}
_HELD_BYTES: Final = {unit: scale / 10**9 for unit, scale in _BYTES.items()}
_RATIOS: Final = {"": Fraction(1), "1": Fraction(1), "%": Fraction(1, 100)}

_WHOLE_HOST: Final = ("hw.", "system.")
_PARTS_OF_HOST: Final = frozenset({semconv.HW_ENERGY, semconv.HW_POWER})


class Meter(NamedTuple):
    """``measure``: the column that it fills. ``of``: what it meters, a "workload", the whole "host" or a "gpu".

    ``rank``: of metrics that tell of the same, those of the lowest count: of workloads, the widest family's.
    """

    measure: str
    scales: dict[str, Fraction]
    level: bool = False
    of: str = "workload"
    rank: int = 0


REST: Final = 3 * len(semconv.FAMILIES)
"""The rank of what spans leave over: every family holds it."""

METERS: Final[dict[str, Meter]] = {
    semconv.SYSTEM_CPU_TIME: Meter("busy_cpu_ns", _SECONDS, of="host"),
    semconv.SYSTEM_MEMORY_USAGE: Meter("memory_byte_s", _HELD_BYTES, level=True, of="host"),
    semconv.K8S_NODE_CPU_TIME: Meter("busy_cpu_ns", _SECONDS, of="host", rank=1),
    semconv.K8S_NODE_MEMORY_USAGE: Meter("memory_byte_s", _HELD_BYTES, level=True, of="host", rank=1),
    semconv.HW_HOST_ENERGY: Meter("energy_mj", _JOULES, of="host"),
    semconv.HW_HOST_POWER: Meter("energy_mj", _WATTS, level=True, of="host", rank=1),
    semconv.GPU_UTILIZATION: Meter("gpu_ns", _RATIOS, level=True, of="gpu"),
    **{
        f"{name}.{suffix}": Meter(measure, scales, level, rank=3 * family + alternative)
        for family, name in enumerate(semconv.FAMILIES)
        for suffix, measure, scales, level, alternative in (
            ("cpu.time", "cpu_ns", _SECONDS, False, 0),
            ("memory.usage", "memory_byte_s", _HELD_BYTES, True, 0),
            ("memory.working_set", "memory_byte_s", _HELD_BYTES, True, 1),
            ("memory.rss", "memory_byte_s", _HELD_BYTES, True, 2),
            ("disk.io", "disk_bytes", _BYTES, False, 0),
            ("network.io", "network_bytes", _BYTES, False, 0),
        )
    },
    semconv.PROCESS_CPU_UNATTRIBUTED: Meter("cpu_ns", _SECONDS, rank=REST),
}


def wanted(role: str, metric: str) -> bool:
    """Whether a metric is looked at: one that counts, or one that must be seen to be refused."""
    return metric in METERS or (metric.startswith(_WHOLE_HOST) if role == "tenant" else metric in _PARTS_OF_HOST)


def busy(metric: str, attributes: Attributes) -> bool | None:
    """Whether a point belongs to what its meter counts: CPU that worked, memory in use. None: it does not say."""
    if metric.endswith(".cpu.time"):
        mode = _first(attributes, semconv.CPU_MODE)
        if mode is None:
            return None if metric == semconv.SYSTEM_CPU_TIME else True
        return mode not in semconv.NOT_BUSY
    if metric == semconv.SYSTEM_MEMORY_USAGE:
        state = _first(attributes, semconv.MEMORY_STATE)
        return None if state is None else state == "used"
    return True


def parts_of(metric: str, attributes: Attributes) -> tuple[frozenset[tuple[str, str]], str]:
    """The dimensions that divide a metric, by our names for them, and canonical text of the other attributes."""
    dimensions = next((found for end, found in semconv.PARTS.items() if metric.endswith(end)), {})
    rest = dict(attributes)
    parts = set()
    for name, keys in dimensions.items():
        given = [rest.pop(key) for key in keys if key in rest]
        if given:
            parts.add((name, str(given[0])))
    for key in (semconv.ACCOUNT_ID, semconv.QUALITY):
        rest.pop(key, None)
    return frozenset(parts), identity(rest)


def shape_fault(meter: Meter, shape: str) -> str:
    """Why a kind of metric cannot fill its column; "" when it can."""
    allowed = ("gauge", "cumulative") if meter.level else ("cumulative", "delta")
    return "" if shape in allowed else f"it is a {shape} metric, not one of {', '.join(allowed)}"


def _first(attributes: Attributes, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str):
            return value
    return None
