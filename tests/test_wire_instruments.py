"""Instruments, claims and initiatives are the same on both sides of the wire."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.goal.instrument_rules import MOST_SERIAL
from greencloud.results.instruments import (
    AvoidedYear,
    Initiative,
    Instrument,
    InstrumentKind,
    InstrumentPolicy,
    InstrumentUse,
    Neutrality,
    NeutralityLine,
    Retirement,
    ScopeThreePlus,
)
from greencloud.v1 import instrument_pb2 as messages
from greencloud.wire import instruments as wire
from greencloud.wire import neutrality as wire_claims
from inventory_strategies import fractions, years
from test_wire import emissions, instants, texts, tuples

words = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)
serials = st.integers(0, MOST_SERIAL)
counts = st.integers(1, 2**31 - 1)
retirements = st.builds(Retirement, st.dates(), texts, texts, tuples)
uses = st.builds(
    InstrumentUse,
    instrument=texts,
    year=years,
    serial_first=serials,
    serial_last=serials,
    used_by=texts,
    used=st.none() | instants,
    goal=texts,
    market=texts,
    request_id=texts,
    cancelled_by=texts,
    cancelled=st.none() | instants,
    reason=texts,
)
several_uses = st.lists(uses, max_size=2).map(tuple)
instruments = st.builds(
    Instrument,
    id=words,
    kind=st.sampled_from(InstrumentKind),
    registry=texts,
    project=texts,
    serial_prefix=texts,
    serial_first=serials,
    serial_last=serials,
    vintage_start=st.dates(),
    vintage_end=st.dates(),
    geography=texts,
    method=texts,
    durability_years=st.none() | counts,
    cost=st.none() | fractions,
    currency=texts,
    retirement=st.none() | retirements,
    uses=st.just(()),
    revision=counts,
    created_by=texts,
    cancelled_uses=several_uses,
)
lines = st.builds(NeutralityLine, texts, emissions, st.none() | fractions, tuples)
claims = st.builds(
    Neutrality,
    year=years,
    goal=texts,
    scopes=tuples,
    base=st.none() | emissions,
    residual=emissions,
    path=st.none() | emissions,
    lines=st.lists(lines, max_size=2).map(tuple),
    removed=emissions,
    offset=emissions,
    balance=emissions,
    neutral=st.booleans(),
    reduction_first=st.booleans(),
    findings=tuples,
    refused=tuples,
)
avoided = st.builds(AvoidedYear, years, emissions, emissions, tuples)
initiatives = st.builds(
    Initiative,
    id=words,
    display_name=texts,
    partner=texts,
    baseline=texts,
    counterfactual=texts,
    methodology=texts,
    attribution=fractions,
    years=st.lists(avoided, max_size=2).map(tuple),
    revision=counts,
    created_by=texts,
)
books = st.builds(
    ScopeThreePlus,
    initiatives=st.lists(initiatives, max_size=2).map(tuple),
    by_year=st.lists(st.tuples(years, emissions), max_size=2).map(tuple),
    cumulative=emissions,
    target=st.none() | emissions,
    target_year=st.none() | years,
)
policies = st.builds(InstrumentPolicy, counts, counts, texts)

BOTH_WAYS: dict[str, tuple[st.SearchStrategy[Any], Any, Any]] = {
    "instrument": (instruments, wire.instrument_to_message, wire.instrument_from_message),
    "retirement": (retirements, wire.retirement_to_message, wire.retirement_from_message),
    "use": (uses, wire.use_to_message, wire.use_from_message),
    "policy": (policies, wire.instrument_policy_to_message, wire.instrument_policy_from_message),
    "claim": (claims, wire_claims.neutrality_to_message, wire_claims.neutrality_from_message),
    "initiative": (initiatives, wire_claims.initiative_to_message, wire_claims.initiative_from_message),
    "book": (books, wire_claims.scope_three_plus_to_message, wire_claims.scope_three_plus_from_message),
}


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_value_comes_back_as_it_was(name: str) -> None:
    values, to_message, from_message = BOTH_WAYS[name]

    @given(values)
    def law(value: Any) -> None:
        message = to_message(value)
        assert from_message(type(message).FromString(message.SerializeToString())) == value

    law()


@given(uses)
def test_the_uses_of_an_instrument_come_with_it(use: InstrumentUse) -> None:
    kind = InstrumentKind.REMOVAL
    days = (wire._day("2024-01-01", "x"), wire._day("2024-12-31", "x"))
    made = Instrument("a", kind, "r", "p", "", use.serial_first, use.serial_first + use.units, *days, "IS", uses=(use,))
    assert wire.instrument_from_message(wire.instrument_to_message(made)) == made


def test_an_attribution_that_is_left_out_is_the_whole() -> None:
    assert wire_claims.initiative_from_message(messages.Initiative(name="initiatives/a")).attribution == Fraction(1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": 99},
        {"kind": 2},
        {"kind": 2, "vintage_start_date": "20240101", "vintage_end_date": "2024-12-31"},
        {"kind": 2, "vintage_start_date": "2024-02-30", "vintage_end_date": "2024-12-31"},
        {"kind": 2, "vintage_start_date": "2024-01-01", "vintage_end_date": "2024-12-31", "unit_cost": "1e"},
    ],
)
def test_what_is_no_value_is_told(fields: dict[str, Any]) -> None:
    with pytest.raises(QuantityError):
        wire.instrument_from_message(messages.Instrument(**fields))
