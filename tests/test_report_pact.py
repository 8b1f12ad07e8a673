"""Product footprints in the data model of PACT 3.0.3."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from disclosure_world import NOW, inputs, product
from greencloud.report.disclosures import write_disclosure
from greencloud.report.disclosures.pact import footprint_document
from greencloud.results.disclosures import DisclosureFormat, DisclosureStandard
from greencloud.results.inventory import InventoryPolicy
from greencloud.results.product_footprints import product_footprint_id, significant
from greencloud.units import Emissions
from pact_fields import FOOTPRINT

NAMES = st.text(min_size=1, max_size=20)
KNOWN = jsonschema.Draft202012Validator(FOOTPRINT)


def document(**more: Any) -> dict[str, Any]:
    return footprint_document(product(**more), InventoryPolicy(organization="Example Cloud"), created=NOW)


def test_the_file_is_what_pact_asks_for() -> None:
    data = json.loads(write_disclosure(DisclosureStandard.PACT, inputs(), DisclosureFormat.JSON).content)["data"]
    assert len(data) == 2
    for each in data:
        KNOWN.validate(each)


@given(NAMES, NAMES, st.integers(0, 10**12), st.lists(st.sampled_from(["SE", "NO", "US-CAL", "zone"]), max_size=3), NAMES)
def test_it_is_whatever_the_names_and_figures_are(
    sku: str, region: str, operations: int, zones: list[str], organization: str
) -> None:
    made = product(sku, region, operations, grid_zones=tuple(zones))
    KNOWN.validate(footprint_document(made, InventoryPolicy(organization=organization), created=NOW))


def test_an_operation_is_a_piece_and_without_operations_it_is_an_hour_of_the_whole_service() -> None:
    piece, hour = document(operations=4)["pcf"], document(operations=0)["pcf"]
    assert (piece["declaredUnitOfMeasurement"], piece["declaredUnitAmount"]) == ("piece", "1")
    assert (hour["declaredUnitOfMeasurement"], hour["declaredUnitAmount"]) == ("hour", "1")
    total = product().total_market_based.kilograms
    assert Decimal(piece["pcfExcludingBiogenicUptake"]) == significant(total / 4, 12)
    assert Decimal(hour["pcfExcludingBiogenicUptake"]) == significant(total / 8760, 12)


def test_both_methods_and_every_line_are_in_the_extension_and_add_up() -> None:
    (extension,) = document()["extensions"]
    total = {name: Decimal(value) for name, value in extension["data"]["totalKg"].items()}
    for method in ("LocationBased", "MarketBased"):
        lines = (total["scope1"], total[f"scope2{method}"], total[f"scope3Upstream{method}"], total["scope3Embodied"])
        assert sum(lines) == total[f"total{method}"]
    assert extension["data"]["scope2Method"] == "market_based"


def test_the_country_is_that_of_all_grid_zones_or_none_is_said() -> None:
    assert document(grid_zones=("SE-SE3", "SE-SE4"))["pcf"]["geographyCountry"] == "SE"
    assert "geographyCountry" not in document(grid_zones=("SE", "NO"))["pcf"]
    assert "geographyCountry" not in document(grid_zones=("central",))["pcf"]
    assert "geographyCountry" not in document(grid_zones=())["pcf"]


def test_a_restated_footprint_names_those_before_it_and_why() -> None:
    before = document()
    after = document(id=product_id(state="r1"), preceding=(before["id"],), restatement_reason="a meter was wrong")
    assert after["precedingPfIds"] == [before["id"]]
    assert after["id"] != before["id"]
    assert "a meter was wrong" in after["comment"]
    KNOWN.validate(after)


def product_id(start: datetime = NOW, state: str = "") -> str:
    return product_footprint_id("a", "b", start=start, end=start + timedelta(hours=1), covered_seconds=3600, state=state)


def test_ids_are_the_same_for_the_same_and_others_for_others() -> None:
    assert product_id() == product_id() == "0e122119-9e07-59c9-bb3f-a32b4984bf04"
    assert len({product_id(), product_id(state="x"), product_id(NOW + timedelta(hours=1))}) == 3
    one = product_footprint_id("a", "bc", start=NOW, end=NOW, covered_seconds=0)
    other = product_footprint_id("ab", "c", start=NOW, end=NOW, covered_seconds=0)
    assert one != other


@given(st.fractions(), st.integers(1, 30))
def test_significant_digits_are_the_nearest(value: Fraction, digits: int) -> None:
    found = significant(value, digits)
    assert len(found.as_tuple().digits) <= digits
    assert abs(Fraction(found) - value) * 2 * 10 ** (digits - 1) <= abs(value)


def test_nothing_emitted_is_zero() -> None:
    assert product().per_unit(Emissions()) == 0
