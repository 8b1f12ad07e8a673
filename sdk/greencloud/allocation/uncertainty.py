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

Nothing is computed until somebody asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum, sqrt
from typing import TypeVar

from greencloud.allocation.postings import EMISSION_LINES
from greencloud.allocation.setting import Setting
from greencloud.facility import Hardware, Host, PowerCurve

__all__ = ["Load", "Scaled", "Spread", "Vector", "curve_vector", "half_width", "hardware_vector", "host_vectors", "scaled", "total"]

Group = TypeVar("Group", bound=tuple[object, ...])

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
class Spread:
    """Where the entries of one site-window come from. ``moves`` says to which entries one was passed on, with fractions."""

    energy: list[tuple[tuple[str, ...], Load, float, Scaled]] = field(default_factory=list)
    mass: list[tuple[tuple[str, ...], Scaled]] = field(default_factory=list)
    moves: dict[tuple[str, ...], list[tuple[tuple[str, ...], float]]] = field(default_factory=dict)

    def by_source(self, group: Callable[[tuple[str, ...]], Group]) -> dict[Group, dict[str, dict[str, float]]]:
        """For each group of entries, for each measure, the half-width by source."""
        sums: dict[tuple[Group, int], _Sum] = {}
        loads: dict[int, Load] = {}
        embodied: dict[Group, dict[int, tuple[Vector, float]]] = defaultdict(dict)
        for key, load, energy, scaled in self.energy:
            loads[id(load)] = load
            for place, fraction in self._places(key):
                held = sums.setdefault((group(place), id(load)), _Sum())
                held.energy += energy * fraction
                _gather(held.vectors, scaled, fraction)
        for key, scaled in self.mass:
            for place, fraction in self._places(key):
                _gather(embodied[group(place)], scaled, fraction)
        found: dict[Group, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
        for (name, load_id), held in sums.items():
            _settle(found[name], loads[load_id], held)
        for name, vectors in embodied.items():
            _add(found[name]["scope3_embodied_ug"], total(vectors.values()), 1.0)
        return found

    def _places(self, key: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], float]]:
        return self.moves.get(key, ((key, 1.0),))


@dataclass(slots=True)
class _Sum:
    energy: float = 0.0
    vectors: dict[int, tuple[Vector, float]] = field(default_factory=dict)


def total(scaled: Iterable[tuple[Vector, float]]) -> dict[str, float]:
    """The sum, source by source."""
    found: dict[str, float] = defaultdict(float)
    for vector, scale in scaled:
        _add(found, vector, scale)
    return found


def scaled(vectors: Scaled, fraction: float) -> Scaled:
    """The same sum, of a part."""
    return tuple((vector, scale * fraction) for vector, scale in vectors)


def half_width(vector: Vector) -> float:
    """Of the 95 % interval: sources are independent of one another."""
    return sqrt(fsum(width * width for width in vector.values()))


def host_vectors(setting: Setting, host: Host, idle_mj: int, dynamic_mj: int, *, measured: bool) -> tuple[Vector, Vector]:
    """Of a host's idle and of its dynamic energy. What idle power is uncertain by, dynamic energy has with the other sign."""
    defaults = setting.facility.uncertainties
    at = f"{setting.site.id}/{host.id}"
    curve, curve_width = curve_source(setting, host.curve, host.gpu_curve)
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


def curve_source(setting: Setting, *names: str) -> tuple[str, float]:
    """The source that curves are, and its relative half-width: the widest of theirs."""
    known = [setting.facility.curves[name] for name in names if name in setting.facility.curves]
    return "curve:" + "+".join(curve.name for curve in known), max((_width(setting, curve) for curve in known), default=0.0)


def curve_vector(setting: Setting, curve: PowerCurve, energy_mj: int) -> Vector:
    """Of energy that a curve prices."""
    source, width = curve_source(setting, curve.name)
    return {source: width * energy_mj}


def hardware_vector(setting: Setting, assets: Iterable[tuple[Hardware, int]]) -> Vector:
    """Of embodied masses in micrograms."""
    default = setting.facility.uncertainties.embodied
    return {
        f"hardware:{asset.id}": float(default if asset.uncertainty is None else asset.uncertainty) * mass for asset, mass in assets
    }


def _width(setting: Setting, curve: PowerCurve) -> float:
    return float(setting.facility.uncertainties.modelled if curve.uncertainty is None else curve.uncertainty)


def _settle(found: dict[str, dict[str, float]], load: Load, held: _Sum) -> None:
    energy = total(held.vectors.values())
    _add(found["energy_mj"], energy, 1.0)
    if not load.energy_mj:
        return
    share = held.energy / load.energy_mj
    for line in EMISSION_LINES:
        if line in load.lines:
            per_mj = load.lines[line] / load.energy_mj
            _add(found[line], energy, per_mj)
            _add(found[line], load.vector, share * (load.slopes.get(line, 0.0) - per_mj))
            _add(found[line], load.own.get(line, {}), share)


def _gather(vectors: dict[int, tuple[Vector, float]], scaled: Scaled, fraction: float) -> None:
    for vector, scale in scaled:
        held = vectors.get(id(vector))
        vectors[id(vector)] = (vector, scale * fraction if held is None else held[1] + scale * fraction)


def _add(found: dict[str, float], vector: Vector, scale: float) -> None:
    if scale:
        for source, width in vector.items():
            found[source] += width * scale
