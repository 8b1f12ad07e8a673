"""What the catalogue, comparisons and facility books bring is the same on both sides of the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greencloud import wire
from greencloud.results import (
    AppliedFacilityBook,
    BookChange,
    DataAvailability,
    DimensionValue,
    FacilityBook,
    RuleComparison,
    RuleRow,
    SiteDataAvailability,
)
from greencloud.v1 import facility_service_pb2, footprint_service_pb2
from test_wire import emissions, energies, instants, rows, texts, tuples

counts = st.integers(0, 2**31 - 1)
sites = st.builds(
    SiteDataAvailability, site=texts, region=texts, start=instants, end=instants, final_until=instants, updated=instants
)
available = st.builds(
    DataAvailability,
    start=st.none() | instants,
    end=st.none() | instants,
    final_until=st.none() | instants,
    updated=st.none() | instants,
    methodology_versions=tuples,
    sites=st.lists(sites, max_size=3).map(tuple),
    ledger_version=st.integers(-1, 2**63 - 1),
)
values = st.builds(DimensionValue, value=texts, energy=energies, total_location_based=emissions, total_market_based=emissions)
rule_rows = st.builds(
    RuleRow,
    rule=texts,
    row=rows,
    energy_difference=energies,
    total_location_based_difference=emissions,
    total_market_based_difference=emissions,
)
comparisons = st.builds(
    RuleComparison,
    rows=st.lists(rule_rows, max_size=3).map(tuple),
    rules=tuples,
    start=st.none() | instants,
    end=st.none() | instants,
    notes=tuples,
    refused_window_count=counts,
)
books = st.builds(
    FacilityBook,
    revision=texts,
    title=texts,
    site_count=counts,
    host_count=counts,
    account_count=counts,
    applied=st.none() | instants,
    applied_by=texts,
    in_force=st.booleans(),
    files=st.lists(st.tuples(texts, st.binary(max_size=9)), max_size=3).map(tuple),
)
applied = st.builds(
    AppliedFacilityBook,
    book=books,
    changes=st.lists(st.builds(BookChange, path=texts, old=texts, new=texts), max_size=3).map(tuple),
    changes_left_out=counts,
    notes=tuples,
)


@given(available)
def test_availability_survives_the_wire(found: DataAvailability) -> None:
    raw = wire.availability_to_message(found).SerializeToString()
    assert wire.availability_from_message(footprint_service_pb2.DataAvailability.FromString(raw)) == found


@given(values)
def test_a_value_of_a_dimension_survives_the_wire(found: DimensionValue) -> None:
    raw = wire.dimension_value_to_message(found).SerializeToString()
    assert wire.dimension_value_from_message(footprint_service_pb2.DimensionValue.FromString(raw)) == found


@given(comparisons, st.integers(0, 3))
def test_a_comparison_survives_the_wire_in_one_page_or_two(found: RuleComparison, cut: int) -> None:
    rows = [wire.rule_row_to_message(row) for row in found.rows]
    pages = [wire.comparison_to_message(found, part) for part in (rows[:cut], rows[cut:])]
    assert wire.comparison_from_messages(pages) == wire.comparison_from_messages([wire.comparison_to_message(found)]) == found


@given(books)
def test_a_facility_book_survives_the_wire(book: FacilityBook) -> None:
    raw = wire.facility_book_to_message(book).SerializeToString()
    assert wire.facility_book_from_message(facility_service_pb2.FacilityBook.FromString(raw)) == book


@given(applied)
def test_what_a_book_changes_survives_the_wire(found: AppliedFacilityBook) -> None:
    raw = wire.applied_book_to_message(found).SerializeToString()
    assert wire.applied_book_from_message(facility_service_pb2.ApplyFacilityBookResponse.FromString(raw)) == found
