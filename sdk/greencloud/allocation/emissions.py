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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from greencloud.allocation.setting import Setting
from greencloud.allocation.uncertainty import Load, Vector
from greencloud.errors import FacilityError
from greencloud.facility import Certificate, DirectEmission, Factor, FactorKind
from greencloud.units import MILLIJOULES_PER_KWH, accrued, emissions_of, format_energy, microseconds_of, round_half_even

__all__ = ["GridFactors", "Match", "Matched", "certified", "emission_totals", "grid_factors", "load_of", "scope1_amounts"]


@dataclass(frozen=True, slots=True)
class GridFactors:
    """Micrograms of CO2e per kWh. ``losses`` is zero where the zone's upstream factor includes them."""

    location: Fraction
    residual: Fraction
    upstream: Fraction
    losses: Fraction = Fraction(0)
    sources: Mapping[FactorKind, tuple[str, float]] = field(default_factory=dict)  # with relative half-widths

    def lost_mj(self, load_mj: int) -> Fraction:
        """Energy lost in transmission and distribution on the way to a load, exactly."""
        burnt = self.location + self.upstream
        return load_mj * self.losses / burnt if burnt else Fraction(0)


def grid_factors(setting: Setting) -> GridFactors:
    """All of them, whether or not this window's figures need each: a window must not be refused for what a tenant reports."""
    facility, zone = setting.facility, setting.site.grid_zone
    kinds = [kind for kind in FactorKind if kind is not FactorKind.LOSSES or facility.has_factors(zone, kind)]
    try:
        found = {kind: facility.factor(zone, kind, setting.window) for kind in kinds}
    except FacilityError as error:
        raise setting.refused(error.message, advice=error.advice) from error
    values = {kind.value: factor.micrograms_per_kwh for kind, factor in found.items()}
    return GridFactors(**values, sources={kind: _source(setting, factor) for kind, factor in found.items()})


def _source(setting: Setting, factor: Factor) -> tuple[str, float]:
    # Hourly factors of one publisher are one source: what its method gets wrong, it gets wrong every hour.
    default: Fraction = getattr(setting.facility.uncertainties, factor.kind.value)
    width = default if factor.uncertainty is None else factor.uncertainty
    return f"factor:{factor.zone}/{factor.kind.value}/{factor.source}", float(width)


def scope1_amounts(setting: Setting) -> list[tuple[DirectEmission, int]]:
    """The site's direct emissions in the window, each with its micrograms."""
    try:
        return setting.facility.direct_at(setting.site.id, setting.window)
    except FacilityError as error:
        raise setting.refused(error.message, advice=error.advice) from error


_HOUR_S: Final = 3600


class Match(NamedTuple):
    """What a certificate brings into the window, and its factor in micrograms per kWh."""

    energy_mj: int
    factor: Fraction
    certificate: Certificate


Matched = Sequence[Match]


def certified(setting: Setting, purpose: str, need_mj: int | Fraction) -> Matched:
    """What certificates of the site's zone for that purpose bring into the window, against an energy that needs it.

    Raises:
        AllocationError: they cover more than an hour needs, or several sites would have to share one.
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
        Match(
            accrued(c.millijoules, microseconds_of(c.start), microseconds_of(c.end), window.start_us, window.end_us),
            c.micrograms_per_kwh,
            c,
        )
        for c in found
    ]
    cover = sum(match.energy_mj for match in matched)
    if cover > need_mj and window.seconds < _HOUR_S:
        setting.note(
            f"certificates cover {format_energy(cover)} of {format_energy(int(need_mj))} in {window}: the surplus is not used"
        )
        return _up_to(matched, int(need_mj))
    if cover > need_mj:
        what = "the load" if purpose == "load" else "what is lost in the grid on the way to the load,"
        raise setting.refused(
            f"certificates cover {format_energy(cover)}, more than {what} of {format_energy(int(need_mj))}",
            advice="book no more certified energy for an hour than was used in it; the surplus belongs to nobody",
        )
    return matched


def _up_to(matched: Matched, need_mj: int) -> Matched:
    """The first of the matched energy that is needed. An hour's certificate accrues evenly over its windows, and load does not;
    what one window cannot use is not carried to another, because windows stand alone.
    """
    found: list[Match] = []
    for match in matched:
        found.append(match._replace(energy_mj=min(match.energy_mj, need_mj)))
        need_mj -= found[-1].energy_mj
    return found


def emission_totals(
    load_mj: int, factors: GridFactors, scope1_ug: int = 0, *, load: Matched = (), losses: Matched = ()
) -> dict[str, int]:
    """The energy-bearing emission lines of a load, in micrograms; ``load`` and ``losses`` are what certificates match of each."""
    unmatched = load_mj - sum(match.energy_mj for match in load)
    market = sum((match.energy_mj * match.factor for match in load), unmatched * factors.residual)
    upstream = load_mj * (factors.upstream + factors.losses)
    burnt = factors.location + factors.upstream
    replaced = sum((match.energy_mj * (match.factor - burnt) for match in losses), Fraction(0))
    return {
        "scope1_ug": scope1_ug,
        "scope2_location_ug": emissions_of(load_mj, factors.location),
        "scope2_market_ug": round_half_even(market / MILLIJOULES_PER_KWH),
        "scope3_upstream_location_ug": round_half_even(upstream / MILLIJOULES_PER_KWH),
        "scope3_upstream_market_ug": round_half_even((upstream + replaced) / MILLIJOULES_PER_KWH),
    }


def load_of(
    setting: Setting,
    load_mj: int,
    vector: Vector,
    factors: GridFactors,
    scope1: Sequence[tuple[DirectEmission, int]] = (),
    *,
    load: Matched = (),
    losses: Matched = (),
) -> Load:
    """A load with its emission lines, and what they are uncertain by; ``vector`` is what the load itself is."""
    lines = emission_totals(load_mj, factors, sum(amount for _, amount in scope1), load=load, losses=losses)
    per_mj = {kind: float(getattr(factors, kind.value) / MILLIJOULES_PER_KWH) for kind in FactorKind}
    unmatched = load_mj - sum(match.energy_mj for match in load)
    replaced = sum(match.energy_mj for match in losses)
    upstream = {FactorKind.UPSTREAM: float(load_mj), FactorKind.LOSSES: float(load_mj)}

    def own(energies: Mapping[FactorKind, float]) -> Vector:
        widths = ((*factors.sources[kind], energy * per_mj[kind]) for kind, energy in energies.items() if kind in factors.sources)
        return {source: width * amount for source, width, amount in widths}

    direct = float(setting.facility.uncertainties.direct)
    return Load(
        load_mj,
        vector,
        lines,
        {
            "scope2_location_ug": per_mj[FactorKind.LOCATION],
            "scope2_market_ug": per_mj[FactorKind.RESIDUAL],
            "scope3_upstream_location_ug": per_mj[FactorKind.UPSTREAM] + per_mj[FactorKind.LOSSES],
            "scope3_upstream_market_ug": per_mj[FactorKind.UPSTREAM] + per_mj[FactorKind.LOSSES],
        },
        {
            "scope1_ug": {
                f"direct:{emission.id}": amount * (direct if emission.uncertainty is None else float(emission.uncertainty))
                for emission, amount in scope1
            },
            "scope2_location_ug": own({FactorKind.LOCATION: load_mj}),
            "scope2_market_ug": own({FactorKind.RESIDUAL: unmatched}),
            "scope3_upstream_location_ug": own(upstream),
            "scope3_upstream_market_ug": own(upstream | {FactorKind.UPSTREAM: load_mj - replaced, FactorKind.LOCATION: -replaced}),
        },
    )
