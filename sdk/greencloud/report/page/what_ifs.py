"""What-ifs: the electricity as it was, hour by hour, priced at the average location-based factor of another hour or region.

Only factors that the account's own rows show are used; what has no such row is left out, and ``share`` says how much could be
priced. It says what would be *allocated*. What the world would emit less is another question, which marginal factors answer and
average ones do not; the ledger has none, and the page says so.

Each amount is priced in integers of 2^-64 microgram, so that the sum of a hundred thousand hours is right to the microgram and
takes no fractions whose denominators grow with every hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

__all__ = ["SHIFTS", "Hour", "Use", "WhatIf", "best_what_ifs", "use_of", "what_if"]

SHIFTS: Final = tuple(hours for hours in range(-12, 13) if hours)
_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Hour:
    """One region's sums of one hour; ``number`` is that of the hour since 1970, UTC."""

    number: int
    region: str
    energy_mj: int
    micrograms: int  # of the total, location-based
    electricity_ug: int  # Scope 2 location-based


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The electricity of the hours that can be priced both ways: as it was, and as it would be allocated.

    ``kind``: shift (``hours`` later in every region), region (all of it in ``region``), or both. ``share``: of the energy, what
    could be priced.
    """

    kind: str
    hours: int
    region: str
    actual_ug: int
    would_be_ug: int
    share: Fraction

    @property
    def difference_ug(self) -> int:
        return self.would_be_ug - self.actual_ug


Use = Mapping[str, Mapping[int, tuple[int, int]]]
"""(energy, electricity's emissions) by region and number of the hour; only hours with energy, since the others have no factor."""


def use_of(hours: Iterable[Hour]) -> Use:
    use: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for hour in hours:
        if hour.energy_mj > 0:
            use[hour.region][hour.number] = (hour.energy_mj, hour.electricity_ug)
    return use


def what_if(use: Use, *, hours: int = 0, region: str = "") -> WhatIf:
    """Everything ``hours`` later, in ``region`` (each in its own where that is ""). What would stay as it is is left out."""
    actual = priced = would_be = whole = 0
    for name, own in use.items():
        there = use.get(region or name, {})
        whole += sum(energy for energy, _ in own.values())
        if not hours and name == (region or name):
            continue
        for number, (energy, electricity) in own.items():
            other = there.get(number + hours)
            if other is not None:
                actual += electricity
                priced += energy
                would_be += ((energy * other[1]) << _BITS) // other[0]
    kind = "both" if hours and region else "shift" if hours else "region"
    share = Fraction(priced, whole) if whole else Fraction(0)
    return WhatIf(kind, hours, region, actual, (would_be + (1 << (_BITS - 1))) >> _BITS, share)


def best_what_ifs(use: Use) -> list[WhatIf]:
    """The shift that saves most, and each region, where anything could be priced; those that save come first."""
    shifts = [what_if(use, hours=shift) for shift in SHIFTS]
    best = min((each for each in shifts if each.share > 0), key=lambda each: each.difference_ug, default=None)
    regions = [what_if(use, region=region) for region in sorted(use)] if len(use) > 1 else []
    found = ([best] if best else []) + [each for each in regions if each.share > 0]
    return sorted(found, key=lambda each: each.difference_ug)
