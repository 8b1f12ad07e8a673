"""Product footprints of a real ledger: products and what is no product's add up to each region, and restatements lead back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory
from greencloud.goal import ProviderBooks
from greencloud.inventory import BookHardware, Journal
from greencloud.results import FootprintQuery
from greencloud.results.disclosures import DisclosureStandard
from greencloud.results.product_footprints import ProductFootprint
from greencloud.units import Emissions
from pact_world import NOW, products_directory, restate


def books(data: DataDirectory) -> ProviderBooks:
    return ProviderBooks(
        Journal(data.books_directory),
        actor="amy",
        clock=lambda: NOW,
        ledger=data.ledger.snapshot,
        hardware=lambda _: BookHardware.of(data.facility()),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return products_directory(tmp_path_factory.mktemp("products"))


def found(data: DataDirectory) -> dict[tuple[str, str], ProductFootprint]:
    return {(each.sku, each.region): each for each in books(data).list_product_footprints()}


def test_there_is_one_for_each_sku_in_each_region(data: DataDirectory) -> None:
    assert list(found(data)) == [("c4", "SE"), ("c4", "b"), ("store", "SE")]
    assert {each.declared_unit for each in found(data).values()} == {"hour", "piece"}
    store = found(data)[("store", "SE")]
    assert (store.operation_count, store.declared_unit, store.declared_units) == (1000, "piece", Fraction(1000))
    assert found(data)[("c4", "SE")].declared_units == 3
    assert found(data)[("c4", "SE")].grid_zones == ("SE",)


def test_products_and_what_is_no_products_add_up_to_the_region(data: DataDirectory) -> None:
    snapshot = data.ledger.snapshot()
    some = next(iter(found(data).values()))
    for row in snapshot.footprint(FootprintQuery(some.start, some.end, group_by=("region",))):
        products = [each for each in found(data).values() if each.region == row.dimensions["region"]]
        charged = sum((each.total_market_based for each in products), Emissions())
        whole = row.total_market_based.micrograms
        assert whole > 0
        assert {each.exempted for each in products} == {Fraction(whole - charged.micrograms, whole)}


def test_a_restatement_makes_another_footprint_that_names_those_before(tmp_path: Path) -> None:
    data = products_directory(tmp_path)
    before = found(data)
    restate(data, tmp_path, "100", 1)
    between = found(data)
    restate(data, tmp_path, "90", 2)
    after = found(data)
    key = ("c4", "SE")
    assert (before[key].preceding, between[key].preceding) == ((), (before[key].id,))
    assert after[key].preceding == (between[key].id, before[key].id)
    assert after[key].restatement_reason == "factor 90"
    assert len({before[key].id, between[key].id, after[key].id}) == 3
    # The other region was allocated anew as well, and nothing of it changed.
    assert after[("c4", "b")].id == before[("c4", "b")].id
    assert books(data).list_product_footprints(ledger_version=before[key].ledger_version)[0].id == before[key].id


def test_the_inputs_of_a_disclosure_are_those_of_the_books(data: DataDirectory) -> None:
    opened = books(data)
    inputs = opened.disclosure_inputs("2026")
    assert inputs == opened.disclosure_inputs("2026")
    assert inputs.inventory.lines == ()
    assert inputs.policy.organization == "Example Cloud"
    assert inputs.ledger_energy is not None
    assert inputs.ledger_energy.covered_seconds == 3 * 3600
    assert inputs.ledger_energy.energy.kwh == 24
    assert list(inputs.products) == opened.list_product_footprints(year="2026")
    assert opened.disclosure_inputs("2025", DisclosureStandard.PACT).products == ()
