"""A goal as a value, and the arithmetic of its path.

The path is an absolute contraction: every year takes the same amount off, a fixed share of the **base**,

    path(y) = base - (base - target) * (y - base_year) / (target_year - base_year)

It never compounds (a rate of the year before would leave more in the target year than the goal allows). The path is an exact
rational; each figure taken from it is rounded once, half to even, so it starts at the base and ends at the target exactly.
After the target year the target stays in force; before the base year there is no path.

What may remain in the target year is given in one of three ways: as a share of the base, as an amount, or by a yearly rate
(a share of the base per year, as 0.042 in the SBTi's absolute contraction approach).

A goal of the kind ``neutrality`` has a path too, for the order is reduce, remove, offset: what remains in the target year is
the residual, which removals and credits must balance and which they never reduce.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from greencloud.errors import GoalError
from greencloud.inventory import Inventory
from greencloud.units import Emissions, round_half_even

__all__ = ["KINDS", "Goal"]

KINDS: Final = ("absolute", "neutrality")


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal. Exactly one of ``target_share``, ``target`` and ``rate_per_year`` is given."""

    id: str
    display_name: str
    kind: str
    scopes: tuple[str, ...]
    base_year: int
    target_year: int
    inventory: Path
    target_share: Fraction | None = None  # of the base
    target: Emissions | None = None
    rate_per_year: Fraction | None = None  # of the base, per year
    source: str = ""
    path: str = ""  # the file that it was read from

    @property
    def name(self) -> str:
        """Resource name."""
        return f"goals/{self.id}"

    def base(self, inventory: Inventory) -> Emissions:
        """Emissions of the base year.

        Raises:
            GoalError: the inventory does not book the base year for every scope of the goal, or the target is above it.
        """
        base = inventory.total(self.base_year, self.scopes)
        if base is None:
            booked = {entry.scope for entry in inventory.entries_of(self.base_year, self.scopes)}
            lacking = ", ".join(scope for scope in self.scopes if scope not in booked)
            raise GoalError(
                f"the inventory books nothing for {lacking} in the base year {self.base_year}",
                path=self.path,
                key="base_year",
                advice=f"add lines of {self.base_year} for {lacking} to {inventory.path or 'the inventory'}",
            )
        if self.target is not None and self.target > base:
            raise GoalError(
                f"the target {self.target} is above the base {base} of {self.base_year}",
                path=self.path,
                key="target",
                advice="a goal reduces: check the unit of the target and the base year's inventory",
            )
        return base

    def allowed(self, base: Emissions, year: int, part: Fraction = Fraction(1)) -> Emissions | None:
        """What the path allows in a part of a year, rounded once; None before the base year."""
        if year < self.base_year:
            return None
        return Emissions(round_half_even(self._exact(base, year) * part))

    def _exact(self, base: Emissions, year: int) -> Fraction:
        span = self.target_year - self.base_year
        passed = min(year, self.target_year) - self.base_year
        if self.rate_per_year is not None:
            return base.micrograms * (1 - self.rate_per_year * passed)
        target = self.target.micrograms if self.target is not None else base.micrograms * (self.target_share or 0)
        return base.micrograms - Fraction(base.micrograms - target) * passed / span
