"""How sure the figures are: 95 % intervals, carried from meters, curves, factors and hardware to every line.

What is not known exactly is a *source*: a host's meter, a power curve, a grid factor of one publisher, the mass of an asset. Its
half-width is the book's, or a named default (``Uncertainties``). To first order each figure is a sum over sources of its
sensitivity times that source's deviation (JCGM 100:2008, 5.1), so a figure is carried as a vector: half-width by source. Vectors of
lines add up source by source, which is what makes a shared factor fully correlated between accounts, lines and windows; sources
are independent of one another, so the half-width of a sum is the root of the sum of the squares (same, 5.1.2; the coverage factor
of 2 is already in).

The rule of sharing is a convention and has no uncertainty: shares are taken as given. An emission line Y of a load is borne in
proportion to energy e_i, ``Y_i = Y * e_i / load``, hence ``dY_i = Y/load * de_i + e_i/load * (dY/dload - Y/load) * dload +
e_i/load * dY``, the last being the factors' own. Certified energy and its factor are taken as certain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum, sqrt

from greencloud.allocation.setting import Setting
from greencloud.facility import Hardware, Host, PowerCurve

__all__ = [
    "Load",
    "Scaled",
    "Share",
    "Vector",
    "add_to",
    "curve_vector",
    "half_width",
    "hardware_vector",
    "host_vectors",
    "scaled",
    "total",
]

Vector = Mapping[str, float]
"""Half-width by source, in millijoules or micrograms."""

Scaled = tuple[tuple[Vector, float], ...]
"""A sum of vectors, each times a number: many lines share one vector."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a pool of energy was turned into: each line's total in micrograms, how it grows with the load (in micrograms per
    millijoule), and its sources beside the load's own.
    """

    energy_mj: int
    vector: Vector
    lines: Mapping[str, int]
    slopes: Mapping[str, float]
    own: Mapping[str, Vector]


@dataclass(slots=True)
class Share:
    """An amount, and a sum of vectors by their identity."""

    amount: float = 0.0
    vectors: dict[int, tuple[Vector, float]] = field(default_factory=dict)

    def add(self, amount: float, scaled: Scaled, fraction: float) -> None:
        self.amount += amount
        for vector, scale in scaled:
            name = id(vector)
            held = self.vectors.get(name)
            self.vectors[name] = (vector, scale * fraction if held is None else held[1] + scale * fraction)

    def take(self, other: Share, fraction: float) -> None:
        if fraction:
            self.add(other.amount * fraction, tuple(other.vectors.values()), fraction)


def total(scaled: Iterable[tuple[Vector, float]]) -> dict[str, float]:
    """The sum, source by source."""
    found: dict[str, float] = defaultdict(float)
    for vector, scale in scaled:
        add_to(found, vector, scale)
    return found


def scaled(vectors: Scaled, fraction: float) -> Scaled:
    """The same sum, of a part."""
    return tuple((vector, scale * fraction) for vector, scale in vectors)


def add_to(found: dict[str, float], vector: Vector, scale: float) -> None:
    """Add a vector times a number, source by source."""
    if scale:
        for source, width in vector.items():
            found[source] += width * scale


def half_width(vector: Vector) -> float:
    """Of the 95 % interval: sources are independent of one another."""
    return sqrt(fsum(width * width for width in vector.values()))


def host_vectors(setting: Setting, host: Host, idle_mj: int, dynamic_mj: int, *, measured: bool) -> tuple[Vector, Vector]:
    """Of a host's idle and of its dynamic energy. What idle power is uncertain by, dynamic energy has with the other sign."""
    defaults = setting.facility.uncertainties
    at = f"{setting.site.id}/{host.id}"
    curve, curve_width = _curve_source(setting, host.curve, host.gpu_curve)
    if measured:
        source, width = f"meter:{at}", float(defaults.meter if host.meter_uncertainty is None else host.meter_uncertainty)
    else:
        source, width = (curve, curve_width) if host.curve else (f"model:{at}", float(defaults.modelled))
    whole = width * (idle_mj + dynamic_mj)
    if measured and not dynamic_mj:
        return {source: whole}, {}  # all that the meter read was idle
    idle_source, idle_width = (f"idle:{at}", float(defaults.idle)) if host.idle_watts is not None else (curve, curve_width)
    idle = idle_width * idle_mj
    dynamic: dict[str, float] = defaultdict(float, {source: whole})
    dynamic[idle_source] -= idle
    return {idle_source: idle}, dynamic


def _curve_source(setting: Setting, *names: str) -> tuple[str, float]:
    """The source that curves are, and its relative half-width: the widest of theirs."""
    known = [setting.facility.curves[name] for name in names if name in setting.facility.curves]
    return "curve:" + "+".join(curve.name for curve in known), max((_width(setting, curve) for curve in known), default=0.0)


def curve_vector(setting: Setting, curve: PowerCurve, energy_mj: int) -> Vector:
    """Of energy that a curve prices."""
    source, width = _curve_source(setting, curve.name)
    return {source: width * energy_mj}


def hardware_vector(setting: Setting, assets: Iterable[tuple[Hardware, int]]) -> Vector:
    """Of embodied masses in micrograms."""
    default = setting.facility.uncertainties.embodied
    return {
        f"hardware:{asset.id}": float(default if asset.uncertainty is None else asset.uncertainty) * mass for asset, mass in assets
    }


def _width(setting: Setting, curve: PowerCurve) -> float:
    return float(setting.facility.uncertainties.modelled if curve.uncertainty is None else curve.uncertainty)
