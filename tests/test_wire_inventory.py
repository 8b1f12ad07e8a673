"""The inventory is the same on both sides of the wire, to the last digit of a fraction."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inventory_strategies as any_
from greencloud.errors import QuantityError
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire import inventory as wire
from greencloud.wire import inventory_years as wire_years
from greencloud.wire.quantities import fraction_from_text, fraction_to_text

BOTH_WAYS: dict[str, tuple[st.SearchStrategy[Any], Any, Any]] = {
    "entry": (any_.entries, wire.entry_to_message, wire.entry_from_message),
    "restatement": (any_.restatements, wire.restatement_to_message, wire.restatement_from_message),
    "import": (any_.imports, wire.import_to_message, wire.import_from_message),
    "policy": (any_.policies, wire_years.policy_to_message, wire_years.policy_from_message),
    "change": (any_.changes, wire_years.structural_change_to_message, wire_years.structural_change_from_message),
    "assessment": (any_.assessments, wire_years.assessment_to_message, wire_years.assessment_from_message),
    "year": (any_.inventory_years, wire_years.year_to_message, wire_years.year_from_message),
    "totals": (any_.totals, wire_years.totals_to_message, wire_years.totals_from_message),
    "record": (any_.records, wire_years.record_to_message, wire_years.record_from_message),
}


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_value_comes_back_as_it_was(name: str) -> None:
    values, to_message, from_message = BOTH_WAYS[name]

    @given(values)
    def law(value: Any) -> None:
        message = to_message(value)
        again = type(message).FromString(message.SerializeToString())
        assert from_message(again) == value

    law()


@given(any_.fractions)
def test_a_fraction_is_exact(number: Fraction) -> None:
    assert fraction_from_text(fraction_to_text(number), "n") == number


def test_decimals_are_read_as_people_write_them() -> None:
    assert fraction_from_text("0.05", "n") == Fraction(1, 20)
    assert fraction_to_text(None) == ""


@pytest.mark.parametrize("text", ["", "1/0", "x", "1e999999999", "0" * 500, "1" * 500, "nan", "inf", "1_0"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="uncertainty"):
        fraction_from_text(text, "uncertainty")


def test_every_word_of_an_enum_has_its_number() -> None:
    for known in (wire.ENTRY_STATES, wire.YEAR_STATES, wire.QUALITIES, wire.CAUSES):
        assert sorted(known.values()) == list(range(1, len(known) + 1))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (messages.InventoryEntry(year="2020", state=99), "state 99 is not known"),  # type: ignore[arg-type]
        (messages.InventoryEntry(year="2020", data_quality=99), "data_quality 99 is not known"),  # type: ignore[arg-type]
        (messages.InventoryEntry(year="20"), "'20' is not a reporting year"),
        (messages.InventoryEntry(year="2020", uncertainty="5 %"), "uncertainty"),
        (messages.InventoryEntry(year="2020", activity=messages.ActivityData(factor="1")), "activity.amount"),
    ],
)
def test_what_cannot_be_read_is_told(message: messages.InventoryEntry, said: str) -> None:
    with pytest.raises(QuantityError, match=said):
        wire.entry_from_message(message)


def test_an_etag_and_the_category_of_iso_are_told() -> None:
    @given(any_.entries)
    def law(entry: Any) -> None:
        message = wire.entry_to_message(entry)
        assert (message.etag, message.iso_category) == (entry.etag, entry.iso_category)

    law()
