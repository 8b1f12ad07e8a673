"""The energy of hosts as steps: what a meter read, or what a power curve made of how busy the host was, idle and dynamic apart.

Whoever may see a host's insides (``open``) gets the whole derivation, others the energy and how it was found out.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.setting import Setting
from greencloud.allocation.steps import Step, Steps, Use, Value

__all__ = ["TOLD", "HostSteps", "how_known"]

_NS: Final = 1_000_000_000
TOLD: Final = {"telemetry": "telemetry or a usage file", "book": "the facility book's meters", "": "nobody"}
"""Who told a reading, in words."""


def how_known(energy: HostEnergy) -> str:
    if energy.silent:
        return "modelled at idle"
    if energy.reading.energy_mj is None:
        return "modelled by a power curve"
    return "modelled by the agent" if energy.reading.modelled else "measured by a meter"


class HostSteps:
    """``names`` are what hosts are called, by id, where not every host may be named and shown whole (None)."""

    def __init__(self, steps: Steps, setting: Setting, *, names: dict[str, str] | None) -> None:
        self._steps = steps
        self._curves = setting.facility.curves
        self._window_s = setting.window.seconds
        self._names = names
        self.open = names is None

    def name(self, host: str) -> str:
        if self._names is None:
            return host
        return self._names.setdefault(host, f"({len(self._names) + 1})")

    def part(self, energy: HostEnergy, which: str) -> Step:
        """A host's "idle" or "dynamic" energy."""
        host = energy.host.id
        title = f"{which} energy of host {self.name(host)}"
        if not self.open:
            amount = energy.idle_mj if which == "idle" else energy.dynamic_mj
            return self._steps.given(("host", host, which), "meters", title, Value(amount, "mJ", how_known(energy)))
        whole, idle = self.whole(energy), self._idle(energy)
        if which == "idle":
            return idle
        return self._steps.made(
            ("host", host, which), "meters", title, "energy - idle", ("energy", whole), ("idle", idle), unit="mJ"
        )

    def whole(self, energy: HostEnergy) -> Step:
        """All of a host's energy."""
        host, reading = energy.host.id, energy.reading
        key, title = ("host", host, "energy"), f"energy of host {self.name(host)}"
        if reading.energy_mj is not None:
            covered = f"{float(energy.seconds):g} of {self._window_s} s"
            told = f"{how_known(energy)}, {covered}, told by {TOLD[reading.energy_from]}"
            return self._steps.given(key, "meters", title, Value(energy.energy_mj, "mJ", told))
        covers = "the window" if reading.busy_cpu_ns is None else "what the reading of busy CPU covers"
        uses: tuple[Use, ...] = (("watts", self._power(energy)), ("seconds", Value(energy.seconds, "s", covers)))
        formula = "round(watts * seconds * 1000)"
        return self._steps.made(key, "meters", title, formula, *uses, unit="mJ", source=how_known(energy))

    def _power(self, energy: HostEnergy) -> Step | Value:
        host = energy.host
        if energy.silent:
            return Value(energy.idle_watts or 0, "W", "idle power, since the provider told nothing of this host")
        name = self.name(host.id)
        seen = TOLD[energy.reading.busy_from] if energy.reading.busy_cpu_ns is not None else "the provider's rows on it"
        busy = Value(energy.busy_ns or 0, "ns", f"busy CPU, told by {seen}")
        offered = Value(host.vcpu * energy.seconds * _NS, "ns", f"{host.vcpu} vCPU over {float(energy.seconds):g} s")
        share = self._share(("host", host.id, "busy"), f"busy share of host {name}", busy, offered)
        watts = self._watts(("host", host.id, "watts"), f"power of host {name}", host.curve, share, host.vcpu)
        if not host.gpus or not host.gpu_curve:
            return watts
        busy = Value(energy.busy_gpu_ns, "ns", "busy GPUs, told by the provider's rows on it")
        offered = Value(host.gpus * self._window_s * _NS, "ns", f"{host.gpus} GPUs over {self._window_s} s")
        share = self._share(("host", host.id, "busy GPU"), f"busy share of the GPUs of host {name}", busy, offered)
        each = self._watts(("host", host.id, "GPU watts"), f"power of each GPU of host {name}", host.gpu_curve, share, Fraction(1))
        uses: tuple[Use, ...] = (("watts", watts), ("gpus", Value(host.gpus, "GPU", "facility book")), ("each", each))
        title = f"power of host {name} with its GPUs"
        return self._steps.made(("host", host.id, "power"), "meters", title, "watts + gpus * each", *uses, unit="W")

    def _share(self, key: tuple[str, ...], title: str, busy: Value, offered: Value) -> Step:
        if not offered.result:
            return self._steps.given(key, "meters", title, Value(0, "", "it offers nothing"))
        return self._steps.made(key, "meters", title, "min(busy / offered, 1)", ("busy", busy), ("offered", offered), unit="")

    def _watts(self, key: tuple[str, ...], title: str, name: str, share: Step, vcpu: Fraction) -> Step:
        curve = self._curves[name]
        pairs = zip(curve.points, curve.points[1:], strict=False)
        (low, low_w), (high, high_w) = next(pair for pair in pairs if share.result <= pair[1][0])
        point = f"power curve {curve.name!r} ({curve.source})"
        ends = {"low": (low, ""), "high": (high, ""), "low_watts": (low_w, "W"), "high_watts": (high_w, "W")}
        uses: list[Use] = [("share", share), *((end, Value(value, unit, point)) for end, (value, unit) in ends.items())]
        formula = "low_watts + (high_watts - low_watts) * (share - low) / (high - low)"
        if curve.per_vcpu:
            formula = f"({formula}) * vcpu"
            uses.append(("vcpu", Value(vcpu, "", "facility book")))
        return self._steps.made(key, "meters", title, formula, *uses, unit="W", source="linear between two points of the curve")

    def _idle(self, energy: HostEnergy) -> Step:
        host = energy.host
        source = "facility book" if host.idle_watts is not None else "the curves at 0"
        watts = Value(0, "W", "the book has none") if energy.idle_watts is None else Value(energy.idle_watts, "W", source)
        seconds = Value(energy.seconds, "s", "what the energy covers")
        uses: tuple[Use, ...] = (("idle_watts", watts), ("seconds", seconds), ("energy", self.whole(energy)))
        formula = "min(round(idle_watts * seconds * 1000), energy)"
        title = f"idle energy of host {self.name(host.id)}"
        source = "Schneider & Mattia 2024, eq. 1"
        return self._steps.made(("host", host.id, "idle"), "meters", title, formula, *uses, unit="mJ", source=source)
