"""From a pool's energy to its emissions, once per site and window; the integers that come out are what gets apportioned.

Scope 2 location-based is load x the zone's factor. Market-based (GHG Protocol Scope 2 Guidance, 6.9 to 6.11): each certificate's
energy of this window at its own factor, the unmatched load at the residual mix, rounded once.

Scope 3 category 3 (Scope 3 Standard, table 5.5) is load x the zone's upstream factor, and for losses in transmission and
distribution load x the zone's factor of losses. That factor is their whole emissions per kWh of load, so lost energy is
load x losses / (location + upstream). Market-based, certificates of purpose "losses" take the place of that energy (AWS, Customer
Carbon Footprint Methodology, model 3.0). Certified generation has upstream emissions too; the zone's factor stands for them,
because what is not known is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from greencloud.allocation.setting import Setting
from greencloud.errors import FacilityError
from greencloud.facility import FactorKind
from greencloud.units import MILLIJOULES_PER_KWH, accrued, emissions_of, format_energy, round_half_even

__all__ = ["GridFactors", "Matched", "certified", "emission_totals", "grid_factors", "scope1_total"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GridFactors:
    """Micrograms of CO2e per kWh. ``losses`` is zero where the zone's upstream factor includes them."""

    location: Fraction
    residual: Fraction
    upstream: Fraction
    losses: Fraction = Fraction(0)

    def lost_mj(self, load_mj: int) -> Fraction:
        """Energy lost in transmission and distribution on the way to a load, exactly."""
        burnt = self.location + self.upstream
        return load_mj * self.losses / burnt if burnt else Fraction(0)


def grid_factors(setting: Setting) -> GridFactors:
    """All of them, whether or not this window's figures need each: a window must not be refused for what a tenant reports."""

    def of(kind: FactorKind) -> Fraction:
        try:
            return setting.facility.factor(setting.site.grid_zone, kind, setting.window).micrograms_per_kwh
        except FacilityError as error:
            raise setting.refused(error.message, advice=error.advice) from error

    losses = of(FactorKind.LOSSES) if setting.facility.has_factors(setting.site.grid_zone, FactorKind.LOSSES) else Fraction(0)
    return GridFactors(of(FactorKind.LOCATION), of(FactorKind.RESIDUAL), of(FactorKind.UPSTREAM), losses)


def scope1_total(setting: Setting) -> int:
    """Micrograms of the site's direct emissions in the window."""
    try:
        return setting.facility.direct_micrograms(setting.site.id, setting.window)
    except FacilityError as error:
        raise setting.refused(error.message, advice=error.advice) from error


Matched = Sequence[tuple[int, Fraction]]
"""Millijoules and factor of each certificate that is matched."""


def certified(setting: Setting, purpose: str, need_mj: int | Fraction) -> Matched:
    """What certificates of the site's zone for that purpose bring into the window, against an energy that needs it.

    Raises:
        AllocationError: they cover more than is needed, or several sites would have to share one.
    """
    zone, window = setting.site.grid_zone, setting.window
    found = [c for c in setting.facility.certificates_in(zone, window) if c.purpose == purpose and c.site in {"", setting.site.id}]
    sites = sorted(site.id for site in setting.facility.sites.values() if site.grid_zone == zone)
    if len(sites) > 1 and not all(c.site for c in found):
        raise setting.refused(
            f"sites {', '.join(sites)} share the certificates of grid zone {zone!r}, and nothing says how",
            advice="name the site of each certificate",
        )
    matched = [
        (accrued(c.millijoules, _us(c.start), _us(c.end), window.start_us, window.end_us), c.micrograms_per_kwh) for c in found
    ]
    cover = sum(energy for energy, _ in matched)
    if cover > need_mj:
        what = "the load" if purpose == "load" else "what is lost in the grid on the way to the load,"
        raise setting.refused(
            f"certificates cover {format_energy(cover)}, more than {what} of {format_energy(int(need_mj))}",
            advice="book no more certified energy for an hour than was used in it; the surplus belongs to nobody",
        )
    return matched


def emission_totals(
    load_mj: int, factors: GridFactors, scope1_ug: int = 0, *, load: Matched = (), losses: Matched = ()
) -> dict[str, int]:
    """The energy-bearing emission lines of a load, in micrograms; ``load`` and ``losses`` are what certificates match of each."""
    unmatched = load_mj - sum(energy for energy, _ in load)
    market = sum((energy * factor for energy, factor in load), unmatched * factors.residual)
    upstream = load_mj * (factors.upstream + factors.losses)
    replaced = sum((energy * (factor - factors.location - factors.upstream) for energy, factor in losses), Fraction(0))
    return {
        "scope1_ug": scope1_ug,
        "scope2_location_ug": emissions_of(load_mj, factors.location),
        "scope2_market_ug": round_half_even(market / MILLIJOULES_PER_KWH),
        "scope3_upstream_location_ug": round_half_even(upstream / MILLIJOULES_PER_KWH),
        "scope3_upstream_market_ug": round_half_even((upstream + replaced) / MILLIJOULES_PER_KWH),
    }


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
