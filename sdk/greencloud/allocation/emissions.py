"""From a pool's energy to its emissions, once per site and window; the integers that come out are what gets apportioned.

Scope 2 location-based is load x the zone's factor. Market-based (GHG Protocol Scope 2 Guidance, 6.9 to 6.11): each certificate's
energy of this window at its own factor, the unmatched load at the residual mix, rounded once. Upstream (Scope 3 category 3) is
load x the zone's upstream factor under both methods: the upstream emissions of certified generation are not known, and what is not
known is not zero.
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

__all__ = ["GridFactors", "certified", "emission_totals", "grid_factors", "scope1_total"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GridFactors:
    """Micrograms of CO2e per kWh."""

    location: Fraction
    residual: Fraction
    upstream: Fraction


def grid_factors(setting: Setting) -> GridFactors:
    """All three, whether or not this window's figures need each: a window must not be refused for what a tenant reports."""

    def of(kind: FactorKind) -> Fraction:
        try:
            return setting.facility.factor(setting.site.grid_zone, kind, setting.window).micrograms_per_kwh
        except FacilityError as error:
            raise setting.refused(error.message, advice=error.advice) from error

    return GridFactors(of(FactorKind.LOCATION), of(FactorKind.RESIDUAL), of(FactorKind.UPSTREAM))


def scope1_total(setting: Setting) -> int:
    """Micrograms of the site's direct emissions in the window."""
    try:
        return setting.facility.direct_micrograms(setting.site.id, setting.window)
    except FacilityError as error:
        raise setting.refused(error.message, advice=error.advice) from error


def certified(setting: Setting, load_mj: int) -> list[tuple[int, Fraction]]:
    """Millijoules and factor of each certificate of the zone that falls in the window.

    Raises:
        AllocationError: they cover more than the load, or several sites would have to share them.
    """
    zone, window = setting.site.grid_zone, setting.window
    found = setting.facility.certificates_in(zone, window)
    if not found:
        return []
    sites = sorted(site.id for site in setting.facility.sites.values() if site.grid_zone == zone)
    if len(sites) > 1:
        raise setting.refused(
            f"sites {', '.join(sites)} share the certificates of grid zone {zone!r}, and nothing says how",
            advice="keep the certificates of each site in a grid zone of its own",
        )
    matched = [
        (accrued(c.millijoules, _us(c.start), _us(c.end), window.start_us, window.end_us), c.micrograms_per_kwh) for c in found
    ]
    cover = sum(energy for energy, _ in matched)
    if cover > load_mj:
        raise setting.refused(
            f"certificates cover {format_energy(cover)}, more than the load of {format_energy(load_mj)}",
            advice="book no more certified energy for an hour than was used in it; the surplus belongs to nobody",
        )
    return matched


def emission_totals(load_mj: int, factors: GridFactors, matched: Sequence[tuple[int, Fraction]], scope1_ug: int) -> dict[str, int]:
    """The energy-bearing emission lines of a load, in micrograms."""
    unmatched = load_mj - sum(energy for energy, _ in matched)
    market = sum((energy * factor for energy, factor in matched), unmatched * factors.residual)
    upstream = emissions_of(load_mj, factors.upstream)
    return {
        "scope1_ug": scope1_ug,
        "scope2_location_ug": emissions_of(load_mj, factors.location),
        "scope2_market_ug": round_half_even(market / MILLIJOULES_PER_KWH),
        "scope3_upstream_location_ug": upstream,
        "scope3_upstream_market_ug": upstream,
    }


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
