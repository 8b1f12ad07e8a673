"""Gaps are what a site lacks while it is going on, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from greencloud.ledger.closed import begun_or_ended, gaps
from ledger_builders import START, batch, hour

HOURS = 240
SITES = st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, HOURS - 1), min_size=1), min_size=1)


def at(number: int) -> datetime:
    return START + timedelta(hours=number)


def hours_of(start: datetime, end: datetime) -> set[int]:
    return set(range(int((start - START) / timedelta(hours=1)), int((end - START) / timedelta(hours=1))))


@given(SITES, st.integers(0, HOURS - 1), st.integers(1, 72))
def test_a_gap_is_an_hour_without_a_batch_between_a_sites_first_and_last(
    posted: dict[str, set[int]], first: int, length: int
) -> None:
    """The oracle counts hour by hour."""
    period = range(first, first + length)
    lives = {site: (at(min(hours)), at(max(hours) + 1)) for site, hours in posted.items()}
    newest = max(map(max, posted.values()))
    batches = [batch({"x": 1}, site, hour(each)).summary for site, hours in posted.items() for each in hours if each in period]

    found = gaps(batches, lives, at(first), at(first + length))

    for site, hours in posted.items():
        ended = newest - max(hours) >= 24
        own = {each for each in period if each >= min(hours) and not (ended and each > max(hours))}
        told = [hours_of(gap.start, gap.end) for gap in found if gap.site == site]
        assert set().union(*told) == own - hours
        assert sum(map(len, told)) == len(own - hours)
        notes = [note for note in begun_or_ended(lives, at(first), at(first + length)) if note.startswith(f"{site} ")]
        assert [note.split()[4] for note in notes] == [
            *(["before"] if first < min(hours) < first + length else []),
            *(["after"] if ended and first < max(hours) + 1 < first + length else []),
        ]
    assert [(gap.site, gap.start) for gap in found] == sorted((gap.site, gap.start) for gap in found)
