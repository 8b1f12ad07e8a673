"""Energy of a host as a counter in integer microjoules, measured by RAPL or modelled from a power curve. Pure.

**Measured.** Each RAPL zone of the kernel counts microjoules up to ``max_energy_range_uj`` and starts again at zero. The
increase between two looks is the difference, plus the range when the counter has wrapped; that is right as long as one looks more
often than it wraps (a 262 kJ range lasts 20 minutes at 200 W). Zones nest, so only some may be added up, see ``outermost``.
RAPL sees sockets and memory, not fans, disks and power supplies.

**Modelled.** A linear power curve ``P(busy) = idle + (max - idle) x busy``, with ``busy`` in [0, 1], integrates exactly:
``E = idle x elapsed + (max - idle) x busy core time / cores``. So the model keeps two integers of nanoseconds and rounds nothing
until it is read.

Both are values: ``advance`` gives the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError

__all__ = ["MEASURED", "MODELLED", "MeasuredEnergy", "ModelledEnergy", "PowerModel", "Zone", "increase", "outermost"]

MEASURED: Final = "measured"
MODELLED: Final = "modelled"


@dataclass(frozen=True, slots=True)
class Zone:
    """One RAPL zone at one moment. ``id`` is its folder (``intel-rapl:0:1``), ``name`` what it covers (``package-0``, ``dram``)."""

    id: str
    name: str
    energy_uj: int
    max_energy_range_uj: int


def increase(before: int, after: int, maximum: int) -> int:
    """Microjoules between two looks at a counter that runs from 0 to ``maximum`` and wraps once at the most."""
    return after - before if after >= before else after + maximum - before


def outermost(zones: Iterable[Zone]) -> tuple[Zone, ...]:
    """The zones that may be added up without counting anything twice.

    ``psys`` is the whole platform, packages included; ``core`` and ``uncore`` lie within their package; ``dram`` does not.
    """
    found = sorted(zones, key=lambda zone: zone.id)
    platform = tuple(zone for zone in found if zone.name.startswith("psys"))
    return platform or tuple(zone for zone in found if zone.name.startswith(("package", "dram")))


@dataclass(frozen=True, slots=True)
class MeasuredEnergy:
    """What the zones have counted since the first look."""

    microjoules: int = 0
    last: dict[str, Zone] = field(default_factory=dict)
    quality: str = MEASURED

    def advance(self, zones: Iterable[Zone]) -> MeasuredEnergy:
        """Add what each zone has counted since the last look; a zone seen for the first time only gives its starting point."""
        seen = {zone.id: zone for zone in zones}
        total = self.microjoules
        for zone in seen.values():
            before = self.last.get(zone.id)
            if before is not None:
                total += increase(before.energy_uj, zone.energy_uj, zone.max_energy_range_uj)
        return MeasuredEnergy(total, {**self.last, **seen})


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Watts of the whole host, idle and with every core busy; linear between."""

    idle_watts: Fraction
    max_watts: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.idle_watts <= self.max_watts:
            raise QuantityError(
                f"a power curve from {float(self.idle_watts):g} W idle to {float(self.max_watts):g} W is not possible",
                advice="watts are not negative, and a busy host takes at least what an idle one takes",
            )


@dataclass(frozen=True, slots=True)
class ModelledEnergy:
    """What the curve says for the time and the busy core time so far."""

    model: PowerModel
    cores: int
    elapsed_ns: int = 0
    busy_ns: int = 0
    quality: str = MODELLED

    def advance(self, elapsed_ns: int, busy_ns: int) -> ModelledEnergy:
        """Add a stretch of time. The busy share is held within [0, 1]: clocks of counters differ by a tick."""
        elapsed_ns = max(elapsed_ns, 0)
        busy_ns = min(max(busy_ns, 0), elapsed_ns * self.cores)
        return ModelledEnergy(self.model, self.cores, self.elapsed_ns + elapsed_ns, self.busy_ns + busy_ns)

    @property
    def microjoules(self) -> int:
        span = self.model.max_watts - self.model.idle_watts
        return int((self.model.idle_watts * self.elapsed_ns + span * Fraction(self.busy_ns, self.cores)) / 1000)
