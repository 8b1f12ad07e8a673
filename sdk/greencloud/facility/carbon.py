"""What is emitted: factors, certificates, hardware and direct emissions, each from its entry."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.facility.declared import Declared
from greencloud.facility.entry import Entry, did_you_mean
from greencloud.facility.gwp import gwp_of
from greencloud.facility.quantities import (
    CERTIFICATE_UNITS,
    EMBODIED_UNITS,
    FACTOR_UNITS,
    FUEL_UNITS,
    GAS_UNITS,
    MASS_UNITS,
    exact_text,
    life_in_days,
)
from greencloud.facility.values import DATA_QUALITY, FOREVER, Certificate, DirectEmission, Factor, FactorKind, Hardware
from greencloud.units import round_half_even

__all__ = ["DIRECT_UNITS", "certificate", "direct_emission", "factor", "hardware"]

DIRECT_UNITS: Final = MASS_UNITS | GAS_UNITS | FUEL_UNITS

_MAX_FACTOR: Final = 10_000 * 1_000_000  # µg per kWh; the dirtiest grids are near 1,500 g
_FUELS: Final = {  # key of the quantity: its unit in words, and kg of CO2e per unit that no fuel reaches
    "litres": ("litre", 10),
    "m3": ("m3", 10_000),  # liquids too
    "kwh": ("kWh", 10),
    "fuel_kg": ("kg", 10),
}
_FORMS: Final = {"kg": tuple(MASS_UNITS), "gas": ("gas", *GAS_UNITS), "fuel": ("fuel", *FUEL_UNITS, "kg_per_unit")}
_HOUR: Final = timedelta(hours=1)


def factor(entry: Entry, _: Declared) -> Factor:
    start, end = entry.period(FOREVER)
    return Factor(
        zone=entry.text("zone"),
        kind=FactorKind(entry.choice("kind", list(FactorKind))),
        start=start,
        end=end,
        micrograms_per_kwh=_per_kwh(entry),
        source=entry.text("source"),
        path=entry.path,
        line=entry.line,
        uncertainty=entry.uncertainty(),
        data_quality=_quality(entry),
    )


def certificate(entry: Entry, declared: Declared) -> Certificate:
    start, end = entry.period()
    if end - start > _HOUR or (end - timedelta(microseconds=1)).hour != start.hour:
        raise entry.error(
            "end", "the certificate is not for one UTC hour", "certificates are matched by hour: write one entry for each hour"
        )
    key, energy = entry.in_unit(CERTIFICATE_UNITS, "energy")
    millijoules = entry.integer(key, energy, "millijoules")
    if not millijoules:
        raise entry.error(key, "the certificate is for no energy", "write the megawatt hours that it certifies")
    zone = entry.text("zone")
    return Certificate(
        id=entry.text("id"),
        zone=zone,
        start=start,
        end=end,
        millijoules=millijoules,
        micrograms_per_kwh=_per_kwh(entry),
        source=entry.text("source"),
        purpose=entry.choice("purpose", ("load", "losses"), "load"),
        site=_matched_site(entry, zone, declared),
    )


def _matched_site(entry: Entry, zone: str, declared: Declared) -> str:
    """The market boundary: a certificate matches load of its own grid zone, and is used at one site of it."""
    if "" in declared.sites.values():
        return ""  # a site without a grid zone is told there
    here = declared.sites_in(zone)
    if not here:
        zones = sorted(set(declared.sites.values()))
        advice = "a certificate matches load of its own grid zone alone: correct the zone, or remove the certificate"
        raise entry.error("zone", f"no site lies in grid zone {zone!r}", f"{did_you_mean(zone, zones)} {advice}".strip())
    site_id = entry.reference("site", declared.sites, "sites", "")
    if site_id and site_id not in here:
        raise entry.error(
            "site",
            f"site {site_id!r} lies in grid zone {declared.sites[site_id]!r}, the certificate in {zone!r}",
            f"a certificate matches load of its own grid zone alone: name {' or '.join(here)}",
        )
    if not site_id and len(here) > 1:
        raise entry.error(
            "site", f"grid zone {zone!r} has the sites {', '.join(here)}", f'say which one it is for: add site = "{here[0]}"'
        )
    return site_id


def hardware(entry: Entry, declared: Declared) -> Hardware:
    key, mass = entry.in_unit(EMBODIED_UNITS, "embodied mass")
    micrograms = entry.integer(key, mass, "micrograms")
    site_id = entry.reference("site", declared.sites, "sites")
    host_id = entry.reference("host", declared.hosts, "hosts", "")
    host_id = declared.hosts.get(host_id, "")
    if host_id and declared.host_sites[host_id] != site_id:
        raise entry.error(
            "host", f"host {host_id!r} is at site {declared.host_sites[host_id]!r}, not {site_id!r}", "correct the site"
        )
    kind = entry.choice("kind", ("it", "building"), "it")
    if host_id and kind == "building":
        raise entry.error(
            "host", f"a building does not belong to host {host_id!r}", "remove host: the whole site shares a building"
        )
    in_service = entry.day("in_service")
    days = _life_days(entry, in_service)
    retired = _retired(entry, in_service, days)
    on_retirement = entry.choice("on_retirement", ("continue", "write_off"), "continue")
    return Hardware(
        id=entry.text("id"),
        site=site_id,
        embodied_micrograms=micrograms,
        in_service=in_service,
        life_days=days,
        source=entry.text("source"),
        host=host_id,
        kind=kind,
        retired=retired,
        on_retirement=on_retirement if retired else "continue",
        uncertainty=entry.uncertainty(),
        data_quality=_quality(entry),
    )


def _life_days(entry: Entry, in_service: date) -> int:
    if entry.has("life_months"):
        raise entry.error("life_months", "a month is not a fixed number of days", "write life_years or life_days")
    if entry.has("life_years") == entry.has("life_days"):
        both = entry.has("life_days")
        raise entry.error(
            "life_days", f"{'two lives are' if both else 'no service life is'} given", "write life_years or life_days"
        )
    if entry.has("life_days"):
        return entry.whole("life_days", above=0)
    try:
        return life_in_days(in_service, entry.whole("life_years", above=0))
    except QuantityError as error:
        raise entry.error("life_years", error.message, error.advice) from error


def _retired(entry: Entry, in_service: date, life_days: int) -> date | None:
    """None where nothing of the mass is left then: what serves beyond its planned life has been booked wholly."""
    if not entry.has("retired"):
        return None
    retired = entry.day("retired")
    if retired <= in_service:
        raise entry.error(
            "retired", f"retired {retired} is not after in_service {in_service}", "write the first day out of service"
        )
    return retired if (retired - in_service).days < life_days else None


def direct_emission(entry: Entry, declared: Declared) -> DirectEmission:
    start, end = entry.period()
    micrograms, basis = _direct_mass(entry, declared.gwp_set)
    return DirectEmission(
        id=entry.text("id"),
        site=entry.reference("site", declared.sites, "sites"),
        start=start,
        end=end,
        micrograms=micrograms,
        source=entry.text("source"),
        basis=basis,
        uncertainty=entry.uncertainty(),
        data_quality=_quality(entry),
    )


def _direct_mass(entry: Entry, gwp_set: str) -> tuple[int, str]:
    """Micrograms of CO2e, and how they were made: written as they are, or a product that is rounded once, half to even."""
    given = [form for form, keys in _FORMS.items() if any(entry.has(key) for key in keys)]
    if len(given) > 1:
        twice = next(key for key in _FORMS[given[1]] if entry.has(key))
        raise entry.error(
            twice,
            f"the emission is given as {' and as '.join(given)}",
            "keep one: kg of CO2e, or gas with gas_kg, or fuel with its quantity and kg_per_unit",
        )
    if given == ["gas"]:
        gas = entry.text("gas")
        kilograms = entry.in_unit(GAS_UNITS, "mass of gas")[1]
        try:
            potential = gwp_of(gas, gwp_set)
        except QuantityError as error:
            raise entry.error("gas", error.message, error.advice) from error
        basis = f"{exact_text(kilograms)} kg of {gas} x GWP {exact_text(potential)} ({gwp_set})"
        return _rounded(entry, "gas_kg", kilograms * potential), basis
    if given == ["fuel"]:
        fuel = entry.text("fuel")
        key, quantity = entry.in_unit(FUEL_UNITS, "quantity of fuel")
        unit, limit = _FUELS[key]
        per_unit = entry.number("kg_per_unit")
        if per_unit > limit:
            raise entry.error(
                "kg_per_unit",
                f"kg_per_unit = {entry.values['kg_per_unit']} is more than any fuel emits",
                f"write kilograms of CO2e per {unit}",
            )
        basis = (
            f"{exact_text(quantity)} {unit}{'s' if key == 'litres' else ''} of {fuel} x {exact_text(per_unit)} kg CO2e per {unit}"
        )
        return _rounded(entry, key, quantity * per_unit), basis
    key, mass = entry.in_unit(MASS_UNITS, "mass")
    return entry.integer(key, mass, "micrograms"), ""


def _rounded(entry: Entry, key: str, kilograms: Fraction) -> int:
    return entry.integer(key, Fraction(round_half_even(kilograms * MASS_UNITS["kg"])), "micrograms")


def _quality(entry: Entry) -> str:
    return entry.choice("data_quality", DATA_QUALITY) if entry.has("data_quality") else ""


def _per_kwh(entry: Entry) -> Fraction:
    key, value = entry.in_unit(FACTOR_UNITS, "factor")
    if value > _MAX_FACTOR:
        raise entry.error(
            key, f"{key} = {entry.values[key]} is more than any grid emits", "check the unit: g per kWh equals kg per MWh"
        )
    return value
