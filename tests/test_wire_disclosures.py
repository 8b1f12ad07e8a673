"""Product footprints and disclosures over the wire: nothing is lost, whatever the values are."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.results.disclosures import DisclosureFile, DisclosureFormat, DisclosureStandard
from greencloud.results.product_footprints import ProductFootprint
from greencloud.units import Emissions, Energy
from greencloud.v1 import disclosure_pb2
from greencloud.wire.disclosures import (
    DISCLOSURE_FORMATS,
    DISCLOSURE_STANDARDS,
    disclosure_file_from_message,
    disclosure_file_to_message,
    product_footprint_from_message,
    product_footprint_to_message,
)

TEXT = st.text(max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
COUNT = st.integers(0, 2**63 - 1)
INSTANT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  the zone is given beside
EMISSIONS = st.integers(-(10**27), 10**27).map(Emissions)
SHARE = st.fractions(0, 1)
PRODUCTS = st.builds(
    ProductFootprint,
    id=TEXT,
    sku=TEXT,
    region=TEXT,
    start=INSTANT,
    end=INSTANT,
    covered_seconds=COUNT,
    ledger_version=COUNT,
    energy=st.integers(0, 10**27).map(Energy),
    scope1=EMISSIONS,
    scope2_location_based=EMISSIONS,
    scope2_market_based=EMISSIONS,
    scope3_upstream_location_based=EMISSIONS,
    scope3_upstream_market_based=EMISSIONS,
    scope3_embodied=EMISSIONS,
    operation_count=COUNT,
    exempted=SHARE,
    measured_share=SHARE,
    methodology_versions=TEXTS,
    grid_zones=TEXTS,
    provisional=st.booleans(),
    updated=st.none() | INSTANT,
    preceding=TEXTS,
    restatement_reason=TEXT,
)


@given(PRODUCTS)
def test_a_product_footprint_comes_back(product: ProductFootprint) -> None:
    sent = product_footprint_to_message(product).SerializeToString()
    assert product_footprint_from_message(disclosure_pb2.ProductFootprint.FromString(sent)) == product


@given(st.binary(max_size=100), TEXT, TEXT)
def test_a_file_comes_back(content: bytes, media_type: str, name: str) -> None:
    file = DisclosureFile(content, media_type, name)
    assert disclosure_file_from_message(disclosure_file_to_message(file)) == file


def test_every_standard_and_format_has_a_number_of_its_own() -> None:
    assert set(DISCLOSURE_STANDARDS) == set(DisclosureStandard)
    assert set(DISCLOSURE_FORMATS) == set(DisclosureFormat)
    assert set(DISCLOSURE_STANDARDS.values()) == set(disclosure_pb2.DisclosureStandard.values()) - {0}
    assert set(DISCLOSURE_FORMATS.values()) == set(disclosure_pb2.DisclosureFormat.values()) - {0}


@pytest.mark.parametrize("share", ["", "1/0", "x"])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(QuantityError):
        product_footprint_from_message(disclosure_pb2.ProductFootprint(exempted_share=share, measured_share=str(Fraction(1))))
