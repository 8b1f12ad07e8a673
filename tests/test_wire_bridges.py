"""A bridge is the same on both sides of the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greencloud.results.bridges import BookedLines, Bridge, BridgeLine, BridgeSection
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from greencloud.wire.bridges import booked_lines_from_message, booked_lines_to_message, bridge_from_message, bridge_to_message

amounts = st.builds(Emissions, st.integers(-(10**27), 10**27))
texts = st.text(st.characters(codec="utf-8"), max_size=12)
tuples = st.lists(texts, max_size=3).map(tuple)
lines = st.builds(BridgeLine, kind=texts, label=texts, emissions=amounts, evidence=tuples)
sections = st.builds(
    BridgeSection,
    scope=texts,
    category=st.none() | st.integers(1, 15),
    lines=st.lists(lines, max_size=3).map(tuple),
    ledger=amounts,
    inventory=st.none() | amounts,
    difference=amounts,
    finding=texts,
)
bridges = st.builds(
    Bridge,
    year=st.builds(ReportingYear, year=st.integers(1900, 2199), fiscal=st.booleans()),
    ledger_version=st.integers(0, 2**40),
    covered_seconds=st.integers(0, 2**40),
    year_seconds=st.integers(0, 2**40),
    sections=st.lists(sections, max_size=3).map(tuple),
    notes=tuples,
)


@given(bridges)
def test_a_bridge_travels_without_loss(bridge: Bridge) -> None:
    message = bridge_to_message(bridge)
    assert bridge_from_message(type(message).FromString(message.SerializeToString())) == bridge
    assert message.closes == bridge.closes


@given(st.builds(BookedLines, added=tuples, restated=tuples, unchanged=tuples))
def test_what_was_booked_travels_without_loss(booked: BookedLines) -> None:
    assert booked_lines_from_message(booked_lines_to_message(booked)) == booked
