"""Activity data times a factor: exact, and refused where the units do not go together."""

from __future__ import annotations

import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greencloud.errors import GoalError, MissingExtraError
from greencloud.inventory.activity import _kilograms, _registry, emissions_of_activity
from greencloud.results.inventory import ActivityData
from greencloud.units import Emissions

# One unit in another, by the definitions of SI, the international yard and pound agreement, and NIST Special Publication 811.
ORACLE = {
    ("kWh", "MJ"): Fraction(36, 10),
    ("MWh", "kWh"): Fraction(1000),
    ("GJ", "kWh"): Fraction(10**9, 3_600_000),
    ("lb", "kg"): Fraction(45_359_237, 10**8),
    ("short_ton", "t"): Fraction(2000 * 45_359_237, 10**11),
    ("long_ton", "lb"): Fraction(2240),
    ("mile", "km"): Fraction(1_609_344, 10**6),
    ("m3", "L"): Fraction(1000),
    ("m³", "L"): Fraction(1000),
    ("ha", "m2"): Fraction(10_000),
    ("imperial_gallon", "L"): Fraction(454_609, 10**5),
    ("US_liquid_gallon", "L"): Fraction(3_785_411_784, 10**9),
    ("kt", "t"): Fraction(1000),
    ("Mt", "kg"): Fraction(10**9),
    ("tkm", "kg * km"): Fraction(1000),
    ("t km", "tkm"): Fraction(1),
    ("kEUR", "EUR"): Fraction(1000),
    ("day", "hour"): Fraction(24),
    ("MMBtu", "BTU"): Fraction(10**6),
}


def activity(amount: Fraction | int, unit: str, factor: Fraction | int, factor_unit: str, *gas: str) -> ActivityData:
    return ActivityData(Fraction(amount), unit, Fraction(factor), factor_unit, "supplier, 2020", *gas)


@settings(max_examples=200)
@given(
    units=st.sampled_from(sorted(ORACLE)),
    amount=st.fractions(0, 10**12, max_denominator=10**9),
    factor=st.fractions(0, 10**6, max_denominator=10**9),
    tonnes=st.booleans(),
)
@example(units=("kWh", "MJ"), amount=Fraction(1), factor=Fraction(1, 36 * 10**8), tonnes=False)
def test_the_amount_is_the_product_to_the_microgram(
    units: tuple[str, str], amount: Fraction, factor: Fraction, tonnes: bool
) -> None:
    unit, per = units
    exact = amount * factor * ORACLE[units] * (10**12 if tonnes else 10**9)
    with localcontext() as context:
        context.prec = 200
        rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).to_integral_value("ROUND_HALF_EVEN")

    found = emissions_of_activity(activity(amount, unit, factor, f"{'t' if tonnes else 'kg'}CO2e/{per}"))

    assert found == Emissions(int(rounded))


def test_a_gas_counts_by_the_set_that_is_named() -> None:
    for gwp_set, gwp in (("AR4", 1430), ("AR5", 1300), ("AR6", 1530)):
        leak = activity(12, "kg", 1, "kg/kg", "HFC-134a", gwp_set)
        assert emissions_of_activity(leak) == Emissions(12 * gwp * 10**9)
    slip = activity(100, "GJ", Fraction(1, 10), "g CH4/MJ", "CH4 fossil", "AR6")
    assert emissions_of_activity(slip) == Emissions(298 * 10**9)


@pytest.mark.parametrize("text", ["kgCO2e/kWh", "kg CO2e/kWh", "kgCO2eq/kWh", "kg CO2-eq / kWh", "kgCO2e per kWh", "kg_CO2e/kWh"])
def test_a_factor_is_read_as_people_write_it(text: str) -> None:
    assert emissions_of_activity(activity(2, "MWh", Fraction(1, 2), text)) == Emissions(10**12)


@pytest.mark.parametrize(
    ("wrong", "key", "said"),
    [
        (activity(1, "kWh", 1, "kWh/kWh"), "factor_unit", "does not say CO2e"),
        (activity(1, "kWh", 1, "kWhCO2e/kWh"), "factor_unit", "not a mass"),
        (activity(1, "kWh", 1, "kg/kWh"), "factor_unit", "does not say CO2e"),
        (activity(1, "kWh", 1, "kgCO2e"), "factor_unit", "not per anything"),
        (activity(1, "kWh", 1, "kgCO2e/L"), "unit", "in kWh, but the factor is per L"),
        (activity(1, "USD", 1, "kgCO2e/EUR"), "unit", "in USD, but the factor is per EUR"),
        (activity(1, "m3", 1, "kgCO2e/Nm3"), "unit", "in m3, but the factor is per Nm3"),
        (activity(1, "kwh", 1, "kgCO2e/kWh"), "unit", "unknown unit 'kwh'"),
        (activity(1, "ton", 1, "kgCO2e/t"), "unit", "one of several"),
        (activity(1, "gallon", 1, "kgCO2e/L"), "unit", "one of several"),
        (activity(1, "degC", 1, "kgCO2e/degC"), "unit", "no zero"),
        (activity(1, "planck_length", 1, "kgCO2e/m"), "unit", "not an exact multiple"),
        (activity(1, "m^2", 1, "kgCO2e/m"), "unit", "the factor is per m"),
        (activity(1, "9**9**9**9", 1, "kgCO2e/m"), "unit", "is not a unit"),
        (activity(1, "m**99999999", 1, "kgCO2e/m"), "unit", "is not a unit"),
        (activity(1, "__import__('os')", 1, "kgCO2e/m"), "unit", "is not a unit"),
        (activity(1, "", 1, "kgCO2e/m"), "unit", "is not a unit"),
        (activity(-1, "kWh", 1, "kgCO2e/kWh"), "amount", "negative"),
        (activity(1, "kWh", -1, "kgCO2e/kWh"), "factor", "negative"),
        (activity(1, "kg", 1, "kg/kg", "HFC-134a"), "gwp_set", "needs a set"),
        (activity(1, "kg", 1, "kg/kg", "HFC-134a", "AR7"), "gwp_set", "unknown set"),
        (activity(1, "kg", 1, "kg/kg", "HFC-1234yf", "AR5"), "gas", "no single GWP"),
        (activity(1, "kg", 1, "kg/kg", "steam", "AR5"), "gas", "not known"),
        (activity(1, "kg", 1, "kgCO2e/kg", "HFC-134a", "AR5"), "gas", "in CO2e already"),
    ],
)
def test_what_does_not_go_together_is_refused_with_its_key(wrong: ActivityData, key: str, said: str) -> None:
    with pytest.raises(GoalError, match=said) as caught:
        emissions_of_activity(wrong)
    assert caught.value.key == key
    assert caught.value.advice


def test_without_its_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _registry.cache_clear()
    _kilograms.cache_clear()
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(MissingExtraError, match="activity data"):
        emissions_of_activity(activity(1, "kWh", 1, "kgCO2e/kWh"))
