"""Activity data times a factor, exactly.

``amount`` x ``factor`` is a mass of CO2e, or of a gas whose global warming potential turns it into one (GHG Protocol Corporate
Standard, ch. 6; GWP100 by the set of the IPCC that the entry names)::

    1 200 kWh      x  0.35 kgCO2e/kWh                     = 420 kg
    12 kg R-134a   x  1 kg/kg            x 1530 (AR6)     = 18 360 kg

Units are pint's, whose registry computes in fractions here, so that no digit is lost; what it can only convert by a root, and so by
rounding, is refused. The product is rounded once, half to even, to the microgram. A currency, a piece and a passenger are
units of their own: nothing turns one into another.
"""

from __future__ import annotations

import re
import threading
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from greencloud.errors import GoalError, MissingExtraError, QuantityError
from greencloud.facility.entry import did_you_mean
from greencloud.facility.gwp import GWP_SETS, gwp_of
from greencloud.results.inventory import ActivityData
from greencloud.units import Emissions, round_half_even

if TYPE_CHECKING:
    import pint

__all__ = ["emissions_of_activity"]

_MICROGRAMS_PER_KILOGRAM: Final = 10**9
_CO2E: Final = ("CO2-eq", "CO2eq", "CO2-e", "CO2e")
_TERM: Final = r"[A-Za-zµ_]{1,40}(?:[23²³]|(?:\^|\*\*)-?[1-9])?"
_UNIT: Final = re.compile(rf"{_TERM}(?:(?: ?[*/·] ?| ){_TERM}){{0,7}}")
_POWER: Final = re.compile(r"(?<=[A-Za-zµ_])([23])(?![0-9])")
_NORMAL_VOLUMES: Final = ("Nm3", "Sm3")
_CURRENCIES: Final = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "IDR", "ILS", "INR", "JPY", "KRW", "MXN", "MYR", "NOK"),
    *("NZD", "PHP", "PLN", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "VND", "ZAR"),
)
_COUNTS: Final = ("piece", "passenger", "vehicle", "night", "person")
_DEFINITIONS: Final = (
    *(f"{name} = [{name}]" for name in (*_CURRENCIES, *_COUNTS)),
    "normal_cubic_metre = [normal_volume] = Nm3",  # at 0 °C and 101.325 kPa: no volume that another state has
    "standard_cubic_metre = [standard_volume] = Sm3",
    "kilotonne = 1000 * tonne = kt",  # pint's kt is the knot
    "million_btu = 1000000 * BTU = MMBtu = mmBtu = MMBTU",
    "tonne_kilometre = tonne * kilometer = tkm",
    "passenger_kilometre = passenger * kilometer = pkm",
    "vehicle_kilometre = vehicle * kilometer = vkm",
    "hectare = 10000 * meter ** 2 = ha",
)
_AMBIGUOUS: Final = {
    "ton": "write t (1000 kg), short_ton (2000 lb) or long_ton (2240 lb)",
    "tons": "write t (1000 kg), short_ton (2000 lb) or long_ton (2240 lb)",
    "gal": "write US_liquid_gallon or imperial_gallon",
    "gallon": "write US_liquid_gallon or imperial_gallon",
    "gallons": "write US_liquid_gallon or imperial_gallon",
}
_lock = threading.Lock()


def emissions_of_activity(activity: ActivityData) -> Emissions:
    """The CO2e of activity data, rounded once to the microgram.

    Raises:
        GoalError: ``key`` is the field of the activity that does not go with the others.
        MissingExtraError: pint is not installed.
    """
    for key, value in (("amount", activity.amount), ("factor", activity.factor)):
        if value < 0:
            advice = "book gross emissions only: removals and credits are instruments and never reduce an inventory"
            raise GoalError(f"the {key} of the activity is negative", key=key, advice=advice)
    if not activity.factor_source.strip():
        raise GoalError("the factor has no source", key="factor_source", advice="name the publication that it comes from")
    kilograms = activity.amount * activity.factor * _kilograms(activity.unit, activity.factor_unit, activity.gas) * _gwp(activity)
    return Emissions(round_half_even(kilograms * _MICROGRAMS_PER_KILOGRAM))


def _gwp(activity: ActivityData) -> Fraction:
    if activity.gas == "CO2e":
        if activity.gwp_set not in {"", *GWP_SETS}:
            raise _unknown_set(activity.gwp_set)
        return Fraction(1)
    if not activity.gwp_set:
        raise GoalError(f"{activity.gas} needs a set of GWPs", key="gwp_set", advice=f"name one of {', '.join(GWP_SETS)}")
    if activity.gwp_set not in GWP_SETS:
        raise _unknown_set(activity.gwp_set)
    try:
        return gwp_of(activity.gas, activity.gwp_set)
    except QuantityError as error:
        raise GoalError(error.message, key="gas", advice=error.advice) from error


def _unknown_set(name: str) -> GoalError:
    return GoalError(f"unknown set of GWPs {name[:32]!r}", key="gwp_set", advice=f"use one of {', '.join(GWP_SETS)}")


@lru_cache(1024)
def _kilograms(unit: str, factor_unit: str, gas: str) -> Fraction:
    """Kilograms of the gas in one ``unit`` times one ``factor_unit``."""
    mass, slash, per = factor_unit.replace(" per ", "/").partition("/")
    if not slash or not per.strip():
        advice = f"write what one of it is for, as kgCO2e/{unit[:16] or 'kWh'}"
        raise GoalError(f"the factor's unit {factor_unit[:64]!r} is not per anything", key="factor_unit", advice=advice)
    with _lock:
        weight = _parse(_mass_unit(mass.strip(), factor_unit, gas), "factor_unit")
        if not weight.is_compatible_with("kilogram"):
            advice = "a factor gives a mass, as kgCO2e/kWh; energy belongs in the activity, with its unit"
            raise GoalError(f"{mass.strip()!r} in the factor's unit is not a mass", key="factor_unit", advice=advice)
        activity, divisor = _parse(unit.strip(), "unit"), _parse(per.strip("() ").replace("/", "*"), "factor_unit")
        if not activity.is_compatible_with(divisor):
            message = f"the activity is in {unit.strip()}, but the factor is per {per.strip()}"
            raise GoalError(message, key="unit", advice="take a factor for this unit, or activity data in the unit of the factor")
        kilogram = _root(_registry().parse_units("kilogram"), "factor_unit")
        return _root(activity, "unit") * _root(weight, "factor_unit") / _root(divisor, "factor_unit") / kilogram


def _root(unit: pint.Unit, key: str) -> Fraction:
    """How many of pint's root units it is. A conversion by pint itself would turn an inexact one into a fraction without a word."""
    factor = _registry().get_root_units(unit)[0]
    if not isinstance(factor, Fraction | int):
        raise GoalError("the unit is not an exact multiple of others", key=key, advice="use a unit that is defined exactly")
    return Fraction(factor)


def _mass_unit(text: str, factor_unit: str, gas: str) -> str:
    """The unit in ``kgCO2e`` or ``kg CH4``; whether it is of CO2e must agree with the gas."""
    for suffix in _CO2E:
        if text.endswith(suffix):
            if gas != "CO2e":
                message = f"the factor {factor_unit[:64]!r} is in CO2e already, but the gas is {gas[:32]}"
                raise GoalError(message, key="gas", advice="leave the gas empty, or give the factor in mass of the gas, as kg/L")
            return text.removesuffix(suffix).strip(" _")
    if gas == "CO2e":
        message = f"the factor's unit {factor_unit[:64]!r} does not say CO2e"
        raise GoalError(message, key="factor_unit", advice="write it as kgCO2e/kWh; or name the gas, and its set of GWPs")
    for suffix in (gas, gas.replace(" ", ""), gas.partition(" ")[0]):
        text = text.removesuffix(suffix)
    return text.strip(" _")


def _parse(text: str, key: str) -> pint.Unit:
    """A unit by its text, which is checked before pint sees it: its parser computes whatever powers it is given."""
    registry = _registry()
    import pint

    if not _UNIT.fullmatch(text):
        advice = "write it as kWh, t, L, m3, km, tkm, EUR, or a product of such units, without a number"
        raise GoalError(f"{text[:64]!r} is not a unit", key=key, advice=advice)
    for name in re.findall(r"[A-Za-zµ_]+", text):
        if name in _AMBIGUOUS:
            raise GoalError(f"the unit {name!r} is one of several", key=key, advice=_AMBIGUOUS[name])
    written = text if text in _NORMAL_VOLUMES else _POWER.sub(r"**\1", text.replace("·", "*"))
    try:
        unit = registry.parse_units(written)
        multiplicative = registry.Quantity(Fraction(1), unit)._is_multiplicative
    except (pint.PintError, ValueError, TypeError, ArithmeticError, AttributeError):
        near = did_you_mean(text, _COMMON, "units are as kWh, MJ, t, kg, L, m3, km, tkm, pkm, EUR; upper and lower case matter")
        raise GoalError(f"unknown unit {text[:64]!r}", key=key, advice=near) from None
    if not multiplicative:
        raise GoalError(f"{text[:64]!r} has no zero that an amount could begin at", key=key, advice="use another unit")
    return unit


_COMMON: Final = (
    *("Wh", "kWh", "MWh", "GWh", "J", "MJ", "GJ", "TJ", "BTU", "MMBtu", "therm", "g", "kg", "t", "kt", "Mt", "lb", "L", "mL", "m3"),
    *("km", "mile", "tkm", "pkm", "vkm", "hour", "day", "hectare", "m2", *_CURRENCIES, *_COUNTS, *_NORMAL_VOLUMES),
)


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    try:
        import pint
    except ImportError as error:
        raise MissingExtraError("activity data", extra="goal") from error
    registry: pint.UnitRegistry[Fraction] = pint.UnitRegistry(non_int_type=Fraction, on_redefinition="ignore")
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
