"""The energy of each host in a window, idle and dynamic apart.

Energy is metered, or else modelled from how busy the host was, by its power curve; what is neither is refused. Then
``idle = min(recorded idle, energy)`` and ``dynamic = energy - idle`` (Schneider & Mattia 2024, equations 1 and 2), so that neither
is ever negative and they add up to the meter.

How busy a host was comes from its reading, or else from the provider's rows on it. Tenants' rows never enter: they would move the
host's energy, and with it everybody's. A host of which the provider says nothing is modelled at idle; what tenants report there
is priced for themselves alone (``annex``).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from greencloud.allocation.readings import Reading
from greencloud.allocation.setting import Setting
from greencloud.facility import Host, PowerCurve
from greencloud.units import round_half_even

__all__ = ["HostEnergy", "host_energy", "millijoules"]


@dataclass(frozen=True, slots=True)
class HostEnergy:
    """``busy_weight``: the whole host's power-weighted use, None where not known, with memory where that is known.

    ``silent``: the provider says nothing of this host.
    """

    host: Host
    idle_mj: int
    dynamic_mj: int
    flags: frozenset[str]
    busy_weight: int | None
    memory_known: bool = False
    silent: bool = False

    @property
    def energy_mj(self) -> int:
        return self.idle_mj + self.dynamic_mj


def host_energy(setting: Setting, host: Host, reading: Reading, provider_cpu_ns: int | None) -> HostEnergy:
    """``provider_cpu_ns`` is what the provider's rows on the host add up to; None where there are none.

    Raises:
        AllocationError: neither a meter nor a curve.
    """
    whole = Fraction(setting.window.seconds)
    curve = _curve(setting, host)
    if reading.energy_mj is not None:
        seconds, energy = reading.energy_s, reading.energy_mj
        flags = {"modelled"} if reading.modelled else set()
    elif curve is None:
        raise setting.refused(
            "neither a meter reading nor a power curve gives the energy of this host",
            host=host.id,
            advice=f"add a reading for the window, or name a curve for host {host.id!r} in the facility book",
        )
    else:
        flags = {"modelled"}
        busy_ns, seconds = (provider_cpu_ns, whole) if reading.busy_cpu_ns is None else (reading.busy_cpu_ns, reading.busy_s)
        if busy_ns is None:
            idle = millijoules(_idle_watts(host, curve) or Fraction(0), whole)
            setting.note(f"host {host.id}: no reading and no provider rows; modelled at idle")
            return HostEnergy(host, idle, 0, frozenset(flags), None, silent=True)
        capacity = host.vcpu * seconds * 1_000_000_000
        energy = millijoules(curve.watts(busy_ns / capacity if capacity else Fraction(0), host.vcpu), seconds)
    if seconds < whole:
        flags.add("partial")
    idle_watts = _idle_watts(host, curve)
    if idle_watts is None:
        setting.note(f"host {host.id}: no idle power in the book; all its energy counts as dynamic")
    idle = min(millijoules(idle_watts or Fraction(0), seconds), energy)
    return HostEnergy(
        host, idle, energy - idle, frozenset(flags), _busy_weight(setting, reading), reading.memory_byte_s is not None
    )


def millijoules(watts: Fraction, seconds: Fraction) -> int:
    """Rounded once, half to even."""
    return round_half_even(watts * seconds * 1000)


def _busy_weight(setting: Setting, reading: Reading) -> int | None:
    if reading.busy_cpu_ns is None:
        return None
    return setting.weigher.of(reading.busy_cpu_ns, reading.memory_byte_s or 0, 0)


def _curve(setting: Setting, host: Host) -> PowerCurve | None:
    if not host.curve:
        return None
    if host.curve not in setting.facility.curves:
        raise setting.refused(
            f"the book has no power curve {host.curve!r}", host=host.id, advice=f"add the curve, or correct host {host.id!r}"
        )
    return setting.facility.curves[host.curve]


def _idle_watts(host: Host, curve: PowerCurve | None) -> Fraction | None:
    if host.idle_watts is not None:
        return host.idle_watts
    return None if curve is None else curve.watts(Fraction(0), host.vcpu)
