"""Time that every site covers, against a list of minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from greencloud.ledger.coverage import covered_by_all, seconds_in
from greencloud.results import BatchSummary
from greencloud.units import Energy

START = datetime(2026, 3, 1, tzinfo=UTC)
stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.booleans()), max_size=8)


def batch(site: str, first: int, length: int, *, withdrawn: bool) -> BatchSummary:
    at = START + timedelta(minutes=first)
    end, notes = at + timedelta(minutes=length), ("withdrawn: a test",) if withdrawn else ()
    return BatchSummary(f"{site}{first}", site, at, end, "r", "m", "f", "u", "", False, Energy(), Energy(), {}, at, notes=notes)


@given(st.lists(stretches, max_size=3))
def test_a_minute_counts_where_every_site_has_it(sites: list[list[tuple[int, int, bool]]]) -> None:
    batches = [batch(str(n), a, b, withdrawn=gone) for n, each in enumerate(sites) for a, b, gone in each]
    minutes = [{minute for a, b, gone in each if not gone for minute in range(a, a + b)} for each in sites]
    expected = set.intersection(*minutes) if minutes else set()

    found = covered_by_all(batches, [str(n) for n in range(len(sites))])

    assert seconds_in(found) == 60 * len(expected)
    assert found == sorted(found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
