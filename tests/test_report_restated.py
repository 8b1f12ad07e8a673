"""A window that is restated again and again is moved once: from what it was first to what it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from greencloud.report.restated import end_to_end
from greencloud.results import Restatement, RestatementLine

START = datetime(2026, 11, 1, tzinfo=UTC)
AMOUNTS = st.lists(st.integers(0, 10**12), min_size=2, max_size=5)


def chain(site: str, amounts: list[int]) -> list[Restatement]:
    """Restatements of one window of the site, whose only line has these amounts one after the other."""
    return [
        Restatement(
            site,
            START,
            START + timedelta(hours=1),
            f"{site}-{number}",
            f"{site}-{number + 1}",
            START + timedelta(days=1 + number),
            ("facility_book",),
            lines=(RestatementLine("acme", "checkout", "eu", "c4", "cpu", "scope1", old, new),),
        )
        for number, (old, new) in enumerate(pairwise(amounts))
    ]


@given(st.dictionaries(st.sampled_from("abc"), AMOUNTS, min_size=1), st.randoms())
def test_old_is_what_was_first_and_new_what_is_now(windows: dict[str, list[int]], random: Random) -> None:
    found = [each for site, amounts in windows.items() for each in chain(site, amounts)]
    random.shuffle(found)
    lines = end_to_end(found)

    assert sorted((line.old, line.new) for line in lines) == sorted((amounts[0], amounts[-1]) for amounts in windows.values())
    assert sum(line.difference for line in lines) == sum(line.difference for each in found for line in each.lines)


def test_what_differs_in_any_name_is_a_line_of_its_own() -> None:
    (first,) = chain("hall", [5, 7])
    again = replace(first, lines=(replace(first.lines[0], component="memory"),), restated=first.restated + timedelta(days=1))
    assert len(end_to_end([first, again])) == 2
