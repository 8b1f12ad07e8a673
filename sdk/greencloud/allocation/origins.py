"""Origins: how the amount of a claim came about, kept with the claim so that it can be explained.

A claim is a part of something that the provider knows: of one host's energy, of energy that the site's hosts pool, of embodied
mass, or it is use that a power curve prices. The origin says which, and holds on to the values that were used; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from greencloud.allocation.hosts import HostEnergy
from greencloud.facility import Hardware, PowerCurve

__all__ = ["HostPart", "MassPart", "Origin", "Part", "PoolPart", "Priced"]


@dataclass(frozen=True, slots=True)
class Part:
    """The part ``index`` of a total that was apportioned over weights; ``within``: the total itself is such a part."""

    total: int
    weights: Sequence[int]
    index: int
    within: Part | None = None


@dataclass(frozen=True, slots=True)
class HostPart:
    """Of one host's "idle" or "dynamic" energy; without ``part`` all of it. ``rest``: the weight of what nobody measured there."""

    energy: HostEnergy
    which: str
    part: Part | None = None
    rest: int = 0


@dataclass(frozen=True, slots=True)
class PoolPart:
    """Of the "idle" or "dynamic" energy of all shared hosts, by ``basis``: "capacity" as the rule has it, or "reserved"."""

    hosts: Sequence[HostEnergy]
    which: str
    part: Part
    basis: str = "capacity"


@dataclass(frozen=True, slots=True)
class Priced:
    """Use at a power: ``cpu_ns`` of busy CPU at ``watts`` per vCPU of a curve. ``host`` is "" for hosts that are not listed."""

    curve: PowerCurve
    watts: Fraction
    cpu_ns: int | Fraction
    host: str = ""


@dataclass(frozen=True, slots=True)
class MassPart:
    """Of the mass in this window of assets, each with its own; without ``part`` all of it."""

    assets: Sequence[tuple[Hardware, int]]
    part: Part | None = None


Origin: TypeAlias = HostPart | PoolPart | Priced | MassPart
