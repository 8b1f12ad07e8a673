"""Changes, order and limits of rows: nothing is lost from a total, and nothing is compared with what was not posted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.report import Order, Pair, key_of, limited, paired, sorted_pairs, total_pair
from greencloud.report.changes import OTHERS, amount_of
from greencloud.results import FootprintRow
from greencloud.units import Emissions, Energy

START = datetime(2026, 1, 1, tzinfo=UTC)
MEASURE = "total_location_based"


def row_of(service: str, grams: int, day: int = 0) -> FootprintRow:
    start = START + timedelta(days=day)
    return FootprintRow(start, start + timedelta(days=1), {"service": service}, Energy(abs(grams)), scope1=Emissions(grams))


rows = st.lists(
    st.builds(row_of, st.sampled_from("abcdefg"), st.integers(-50, 50), st.integers(0, 2)),
    max_size=12,
    unique_by=lambda row: (row.start, row.dimensions["service"]),
)


def key(row: FootprintRow) -> tuple[str, ...]:
    return key_of(row, ("service",))


def unique(found: list[FootprintRow]) -> list[FootprintRow]:
    return list({key(row): row for row in found}.values())


@given(rows, rows)
def test_the_changes_of_all_pairs_add_up_to_the_change_of_the_whole(new: list[FootprintRow], old: list[FootprintRow]) -> None:
    new, old = unique(new), unique(old)
    pairs = paired(new, old, key, key)

    assert [pair.new for pair in pairs if pair.new] == new
    assert {key(pair.old) for pair in pairs if pair.old} == {key(row) for row in old}
    whole = sum(amount_of(row, MEASURE) for row in new) - sum(amount_of(row, MEASURE) for row in old)
    assert sum(pair.moved(MEASURE) for pair in pairs) == whole
    if pairs:
        assert total_pair(pairs).moved(MEASURE) == whole


@given(rows, st.integers(1, 5))
def test_a_limit_keeps_the_total_of_every_period(found: list[FootprintRow], limit: int) -> None:
    pairs = [Pair(row) for row in found]
    kept = limited(pairs, limit, ("service",))

    for before, pair in pairwise(kept):
        if pair.row.dimensions["service"] == OTHERS:
            assert before.row.start == pair.row.start
    for start in {row.start for row in found}:
        mine = [pair.row for pair in kept if pair.row.start == start]
        whole = [row for row in found if row.start == start]
        assert len(mine) <= limit + 1
        assert sum(amount_of(row, MEASURE) for row in mine) == sum(amount_of(row, MEASURE) for row in whole)
        assert sum(row.energy.millijoules for row in mine) == sum(row.energy.millijoules for row in whole)
        assert [row for row in mine if row.dimensions["service"] != OTHERS][:limit] == whole[:limit]


@given(rows, st.booleans())
def test_sorting_keeps_every_row_and_the_order_of_equals(found: list[FootprintRow], descending: bool) -> None:
    pairs = [Pair(row) for row in found]
    done = sorted_pairs(pairs, Order("energy", descending), ("service",), MEASURE)

    assert sorted(map(id, done)) == sorted(map(id, pairs))
    amounts = [pair.row.energy.millijoules for pair in done]
    assert amounts == sorted(amounts, reverse=descending)
    for amount in set(amounts):
        assert [p for p in done if p.row.energy.millijoules == amount] == [p for p in pairs if p.row.energy.millijoules == amount]


def test_there_is_no_change_from_what_was_not_posted_and_no_percentage_of_nothing() -> None:
    new, nothing = row_of("a", 3), row_of("a", 0)

    assert Pair(new).difference(MEASURE) is None
    assert Pair(None, new).difference(MEASURE) is None
    assert (Pair(new, nothing).difference(MEASURE), Pair(new, nothing).percent(MEASURE)) == (3, None)
    assert Pair(new, replace(new, scope1=Emissions(4))).percent(MEASURE) == "-25.0000"


def test_what_is_not_known_comes_last_in_either_order() -> None:
    known, unknown = Pair(row_of("a", 3), row_of("a", 1)), Pair(row_of("b", 9))

    for descending in (True, False):
        assert sorted_pairs([unknown, known], Order("change", descending), ("service",), MEASURE) == [known, unknown]
    with pytest.raises(QuantityError, match="cannot be sorted by 'colour'"):
        sorted_pairs([known], Order.of("colour"), ("service",), MEASURE)
    assert Order.of("label:team:desc") == Order("label:team", descending=True)
