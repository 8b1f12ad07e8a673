"""Which metrics count, what each one fills, and in which units senders may report it.

A unit that is not listed is refused rather than guessed; an empty unit means the convention's, because some SDKs leave it out.
Scales are exact: they take a value to the column's unit (nanoseconds, millijoules, bytes), or, for a level, the level held for
one nanosecond.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, NamedTuple

from greencloud.telemetry import semconv
from greencloud.telemetry.otlp import Attributes, Point, Shape

__all__ = ["METERS", "Meter", "busy", "shape_fault", "wanted"]

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

_WHOLE_HOST: Final = ("hw.", "system.")


class Meter(NamedTuple):
    """``measure``: the column that it fills. ``family``: its place in ``FAMILIES``; -1 for a meter of the whole host."""

    measure: str
    scales: dict[str, Fraction]
    level: bool = False
    family: int = -1


METERS: Final[dict[str, Meter]] = {
    semconv.SYSTEM_CPU_TIME: Meter("busy_cpu_ns", _SECONDS),
    semconv.SYSTEM_MEMORY_USAGE: Meter("memory_byte_s", _HELD_BYTES, level=True),
    semconv.HW_HOST_ENERGY: Meter("energy_mj", _JOULES),
    semconv.HW_HOST_POWER: Meter("energy_mj", _WATTS, level=True),
    **{
        f"{name}.{suffix}": Meter(measure, scales, level, family)
        for family, name in enumerate(semconv.FAMILIES)
        for suffix, measure, scales, level in (
            ("cpu.time", "cpu_ns", _SECONDS, False),
            ("memory.usage", "memory_byte_s", _HELD_BYTES, True),
            ("disk.io", "disk_bytes", _BYTES, False),
            ("network.io", "network_bytes", _BYTES, False),
        )
    },
}


def wanted(role: str) -> Callable[[str], bool]:
    """Which metric names are worth decoding: those that count, and those that must be seen to be refused."""
    if role == "tenant":
        return lambda name: name in METERS or name.startswith(_WHOLE_HOST)
    return lambda name: name in METERS or name in {semconv.HW_ENERGY, semconv.HW_POWER}


def busy(point: Point) -> bool | None:
    """Whether a point belongs to what its meter counts: CPU that worked, memory in use. None: it does not say."""
    if point.metric.endswith(".cpu.time"):
        mode = _first(point.attributes, semconv.CPU_MODE)
        if mode is None:
            return None if point.metric == semconv.SYSTEM_CPU_TIME else True
        return mode not in semconv.NOT_BUSY
    if point.metric == semconv.SYSTEM_MEMORY_USAGE:
        state = _first(point.attributes, semconv.MEMORY_STATE)
        return None if state is None else state == "used"
    return True


def shape_fault(meter: Meter, shape: Shape) -> str:
    """Why a kind of metric cannot fill its column; "" when it can."""
    allowed = ("gauge", "cumulative") if meter.level else ("cumulative", "delta")
    return "" if shape in allowed else f"it is a {shape} metric, not one of {', '.join(allowed)}"


def _first(attributes: Attributes, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str):
            return value
    return None
