"""The energy of each host in a window, idle and dynamic apart.

Energy is metered, or else modelled from how busy the host was, by its power curve; what is neither is refused. Then
``idle = min(recorded idle, energy)`` and ``dynamic = energy - idle`` (Schneider & Mattia 2024, equations 1 and 2), so that neither
is ever negative and they add up to the meter.

How busy a host was comes from its reading, or else from the provider's rows on it. Tenants' rows never enter: they would move the
host's energy, and with it everybody's. A host of which the provider says nothing is modelled at idle; what tenants report there
is priced for themselves alone (``annex``).

The curve of a host is of all but its GPUs; these have a curve of their own, each at the busy share that the provider's rows show.
A modelled host whose GPUs have no curve is refused: their energy is not known, and not known is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from greencloud.allocation.readings import Reading
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.uncertainty import Vector, host_vectors
from greencloud.facility import Host, HostKind, PowerCurve
from greencloud.units import round_half_even

__all__ = ["HostEnergy", "host_energy", "millijoules"]


@dataclass(frozen=True, slots=True)
class HostEnergy:
    """``busy_weight``: the whole host's power-weighted use, None where not known, with memory where that is known.

    ``silent``: the provider says nothing of this host. The vectors say how sure the energies are (``uncertainty``). What follows is
    what they were made from: ``seconds`` that they cover, idle power (None where the book has none), and the busy times at which
    the curves of a modelled host were read.
    """

    host: Host
    idle_mj: int
    dynamic_mj: int
    flags: frozenset[str]
    busy_weight: int | None
    memory_known: bool = False
    silent: bool = False
    idle_vector: Vector = field(default_factory=dict)
    dynamic_vector: Vector = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    seconds: Fraction = Fraction(0)
    idle_watts: Fraction | None = None
    busy_ns: int | None = None
    busy_gpu_ns: int = 0

    @property
    def energy_mj(self) -> int:
        return self.idle_mj + self.dynamic_mj


def host_energy(setting: Setting, host: Host, reading: Reading, provider: Amounts | None) -> HostEnergy:
    """``provider`` is what the provider's rows on the host add up to; None where there are none.

    Raises:
        AllocationError: neither a meter nor a curve.
    """
    whole = Fraction(setting.window.seconds)
    curve, gpu_curve = _curve(setting, host, host.curve), _curve(setting, host, host.gpu_curve)
    measured = reading.energy_mj is not None and not reading.modelled
    busy_ns: int | None = None
    busy_gpu_ns = 0
    if reading.energy_mj is not None:
        seconds, energy = reading.energy_s, reading.energy_mj
        flags = set() if measured else {"modelled"}
    elif curve is None or (host.gpus and gpu_curve is None):
        lacking = "a power curve" if curve is None else "a power curve of its GPUs"
        raise setting.refused(
            f"neither a meter reading nor {lacking} gives the energy of this host",
            host=host.id,
            advice=f"add a reading for the window, or name a curve for host {host.id!r} in the facility book",
        )
    else:
        flags = {"modelled"}
        known = None if provider is None else provider.cpu_ns
        busy_ns, seconds = (known, whole) if reading.busy_cpu_ns is None else (reading.busy_cpu_ns, reading.busy_s)
        if busy_ns is None:
            power = _idle_watts(host, curve, gpu_curve) or Fraction(0)
            idle = millijoules(power, whole)
            vectors = host_vectors(setting, host, idle, 0, measured=False)
            return HostEnergy(host, idle, 0, frozenset(flags), None, False, True, *vectors, reading, whole, power)
        watts = curve.watts(_share(busy_ns, host.vcpu * seconds), host.vcpu)
        if gpu_curve is not None:
            busy_gpu_ns = 0 if provider is None else provider.gpu_ns
            watts += host.gpus * gpu_curve.watts(_share(busy_gpu_ns, host.gpus * whole))
        energy = millijoules(watts, seconds)
    if seconds < whole:
        flags.add("partial")
    idle_watts = _idle_watts(host, curve, gpu_curve)
    if idle_watts is None:
        setting.note(f"host {host.id}: no idle power in the book; all its energy counts as dynamic")
    idle = min(millijoules(idle_watts or Fraction(0), seconds), energy)
    return HostEnergy(
        host,
        idle,
        energy - idle,
        frozenset(flags),
        _busy_weight(setting, host, reading),
        reading.memory_byte_s is not None,
        False,
        *host_vectors(setting, host, idle, energy - idle, measured=measured),
        reading,
        seconds,
        idle_watts,
        busy_ns,
        busy_gpu_ns,
    )


def millijoules(watts: Fraction, seconds: Fraction) -> int:
    """Rounded once, half to even."""
    return round_half_even(watts * seconds * 1000)


def _share(busy_ns: int, capacity_s: Fraction) -> Fraction:
    return busy_ns / (capacity_s * 1_000_000_000) if capacity_s else Fraction(0)


def _busy_weight(setting: Setting, host: Host, reading: Reading) -> int | None:
    if reading.busy_cpu_ns is None or host.kind is not HostKind.COMPUTE:
        return None
    return setting.weigher.of(reading.busy_cpu_ns, reading.memory_byte_s or 0, 0)


def _curve(setting: Setting, host: Host, name: str) -> PowerCurve | None:
    if not name:
        return None
    if name not in setting.facility.curves:
        raise setting.refused(
            f"the book has no power curve {name!r}", host=host.id, advice=f"add the curve, or correct host {host.id!r}"
        )
    return setting.facility.curves[name]


def _idle_watts(host: Host, curve: PowerCurve | None, gpu_curve: PowerCurve | None) -> Fraction | None:
    if host.idle_watts is not None:
        return host.idle_watts
    if curve is None:
        return None
    gpus = Fraction(0) if gpu_curve is None else host.gpus * gpu_curve.watts(Fraction(0))
    return curve.watts(Fraction(0), host.vcpu) + gpus
