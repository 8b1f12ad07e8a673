"""Global warming potentials are those of the reports, and a gas or a fuel becomes its CO2e exactly, rounded once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from facility_books import SOUTH, write
from greencloud.errors import QuantityError
from greencloud.facility import read_facility
from greencloud.facility.gwp import GWP_SETS, gwp_of

# AR4 WG1 table 2.14, AR5 WG1 table 8.A.1, AR6 WG1 table 7.SM.7, and methane of AR6 by table 7.15.
PUBLISHED = {
    "CO2": ("1", "1", "1"),
    "CH4 fossil": ("25", "30", "29.8"),
    "CH4 non-fossil": ("25", "28", "27.0"),
    "N2O": ("298", "265", "273"),
    "SF6": ("22800", "23500", "25200"),
    "NF3": ("17200", "16100", "17400"),
    "HFC-227ea": ("3220", "3350", "3600"),
    "R-134a": ("1430", "1300", "1530"),
    "PFC-14": ("7390", "6630", "7380"),
    # Blends: the products written out from the composition of ASHRAE 34.
    "R-404A": ("3921.6", "3942.8", "4728"),
    "R-407C": ("1773.85", "1624.21", "1907.93"),
    "R-410A": ("2087.5", "1923.5", "2255.5"),
    "R-507A": ("3985", "3985", "4775"),
}


@pytest.mark.parametrize("gas", PUBLISHED)
def test_a_potential_is_the_published_one(gas: str) -> None:
    assert tuple(gwp_of(gas, gwp_set) for gwp_set in GWP_SETS) == tuple(map(Fraction, PUBLISHED[gas]))


def test_an_r_number_is_its_gas() -> None:
    assert gwp_of("R-32", "AR5") == gwp_of("HFC-32", "AR5") == 677
    assert gwp_of("R-744", "AR6") == 1


def test_a_figure_that_a_set_has_not_is_not_taken_from_another() -> None:
    assert (gwp_of("HFC-1234yf", "AR6"), gwp_of("HFC-1234ze(E)", "AR6")) == (Fraction("0.501"), Fraction("1.37"))
    for gas, gwp_set in (("HFC-1234yf", "AR5"), ("HFC-1234ze(E)", "AR4"), ("CH4", "AR5"), ("CH4", "AR6"), ("R-12", "AR6")):
        with pytest.raises(QuantityError) as told:
            gwp_of(gas, gwp_set)
        assert told.value.advice
    assert gwp_of("CH4", "AR4") == 25


@pytest.mark.parametrize(("gwp_set", "potential"), [("AR4", "2087.5"), ("AR5", "1923.5"), ("AR6", "2255.5")])
def test_a_leak_is_its_mass_times_the_potential_of_the_books_set(gwp_set: str, potential: str, tmp_path: Path) -> None:
    book = read_facility(write(tmp_path, SOUTH.replace('"AR5"', f'"{gwp_set}"')))
    chiller = book.direct_emissions[0]
    assert book.gwp_set == gwp_set
    assert chiller.micrograms == Fraction(potential) * 10**9 * 5 / 2
    assert chiller.basis == f"2.5 kg of R-410A x GWP {potential} ({gwp_set})"


@pytest.mark.parametrize(
    ("written", "micrograms", "basis"),
    [
        ("litres = 1200\nkg_per_unit = 2.66", 3192 * 10**9, "1200 litres of diesel x 2.66 kg CO2e per litre"),
        ("m3 = 1.2\nkg_per_unit = 2660", 3192 * 10**9, "1.2 m3 of diesel x 2660 kg CO2e per m3"),
        ("kwh = 1000\nkg_per_unit = 0.2391", 2391 * 10**8, "1000 kWh of diesel x 0.2391 kg CO2e per kWh"),
        ('fuel_kg = "1/3"\nkg_per_unit = 3.2', 1_066_666_667, "1/3 kg of diesel x 3.2 kg CO2e per kg"),
        ("litres = 0.5e-9\nkg_per_unit = 1", 0, "0.0000000005 litres of diesel x 1 kg CO2e per litre"),  # half, to even
        ("litres = 1.5e-9\nkg_per_unit = 1", 2, "0.0000000015 litres of diesel x 1 kg CO2e per litre"),
    ],
)
def test_a_fuel_is_its_quantity_times_its_factor(written: str, micrograms: int, basis: str, tmp_path: Path) -> None:
    book = read_facility(write(tmp_path, SOUTH.replace("litres = 1200\nkg_per_unit = 2.66", written)))
    assert (book.direct_emissions[1].micrograms, book.direct_emissions[1].basis) == (micrograms, basis)
