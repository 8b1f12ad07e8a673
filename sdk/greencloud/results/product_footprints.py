"""Product footprints: what a SKU in a region emitted over a period, by the ledger, and how much of it was delivered.

The product is a SKU in a region (methodology of the ICT Sector Guidance, ch. 4: all emissions of a data centre go to the services
that it delivers). Its **declared unit** is one operation (``piece``) where operations were counted, else one hour of the SKU's
whole service in the region (``hour``); ``declared_units`` says how many of these the emissions are of.

A footprint never changes: its id is a UUIDv5 of what it is of and of the last restatement that changed it. After a restatement
there is another footprint with another id, which names those before it, as the lifecycle rules of PACT ask for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final
from uuid import UUID, uuid5

from greencloud.units import Emissions, Energy, format_instant

__all__ = ["ProductFootprint", "product_footprint_id"]

_NAMESPACE: Final = UUID("9f0c3f0e-6a2e-5d0a-9b0e-3c7a1f5d2b64")


def product_footprint_id(sku: str, region: str, *, start: datetime, end: datetime, covered_seconds: int, state: str = "") -> str:
    """The same for the same figures, on every machine. ``state`` names the last restatement; "" where there was none."""
    parts = [sku, region, format_instant(start), format_instant(end), str(covered_seconds), state]
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


@dataclass(frozen=True, slots=True)
class ProductFootprint:
    """Emissions of a product over ``[start, end)``, of which the ledger covers ``covered_seconds`` at a site of the region.

    ``exempted``: emissions of the region over the same time that are charged to no SKU, as a share of all of the region.
    ``measured_share``: of the energy, what was measured, neither modelled nor estimated.
    """

    id: str
    sku: str
    region: str
    start: datetime
    end: datetime
    covered_seconds: int
    ledger_version: int
    energy: Energy
    scope1: Emissions
    scope2_location_based: Emissions
    scope2_market_based: Emissions
    scope3_upstream_location_based: Emissions
    scope3_upstream_market_based: Emissions
    scope3_embodied: Emissions
    operation_count: int
    exempted: Fraction
    measured_share: Fraction
    methodology_versions: tuple[str, ...] = ()
    grid_zones: tuple[str, ...] = ()
    provisional: bool = False
    updated: datetime | None = None  # when the newest batch behind it was posted
    preceding: tuple[str, ...] = ()  # ids, the latest first
    restatement_reason: str = ""

    @property
    def total_location_based(self) -> Emissions:
        return self.scope1 + self.scope2_location_based + self.scope3_upstream_location_based + self.scope3_embodied

    @property
    def total_market_based(self) -> Emissions:
        return self.scope1 + self.scope2_market_based + self.scope3_upstream_market_based + self.scope3_embodied

    @property
    def declared_unit(self) -> str:
        """``piece`` or ``hour``, of the units of PACT."""
        return "piece" if self.operation_count else "hour"

    @property
    def declared_units(self) -> Fraction:
        """How many operations, or hours, the emissions are of."""
        return Fraction(self.operation_count) if self.operation_count else Fraction(self.covered_seconds, 3600)

    def per_unit(self, emissions: Emissions) -> Decimal:
        """Kilograms of CO2e per declared unit, with 12 significant digits, half to even (no float on the way)."""
        exact = emissions.kilograms / self.declared_units
        return significant(exact, 12)


def significant(value: Fraction, digits: int) -> Decimal:
    """The decimal of so many significant digits that is nearest, half to even, without needless zeros or an exponent in print."""
    if not value:
        return Decimal(0)
    exponent = len(str(abs(value.numerator))) - len(str(value.denominator))
    if abs(value) < Fraction(10) ** exponent:
        exponent -= 1
    places = digits - 1 - exponent
    scaled = round(value * Fraction(10) ** places)
    while scaled % 10 == 0:
        scaled, places = scaled // 10, places - 1
    return Decimal(f"{scaled}E{-places}")  # exact: arithmetic on decimals rounds at 28 digits
