"""Gaps and PUE: what windows leave out, and what the lines of a site can say of its overhead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from greencloud.page.provider.sites import pue_of
from greencloud.page.provider.windows import Windows, balance_of, gaps, missing, site_balances
from greencloud.results import BatchSummary, FootprintRow, SiteDataAvailability
from greencloud.units import Energy

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
amounts = st.integers(0, 10**15)


def batch(site: str, at: int, accounts: int = 5, unsold: int = 2) -> BatchSummary:
    return BatchSummary(
        id=f"{site}-{at}",
        site=site,
        start=START + at * HOUR,
        end=START + (at + 1) * HOUR,
        rule="reserved_and_used",
        methodology_version="1",
        facility_revision="f",
        usage_revision="u",
        supersedes="",
        provisional=at % 3 == 0,
        metered_energy=Energy(accounts + unsold),
        account_energy=Energy(accounts),
        pool_energy={"(unsold)": Energy(unsold)},
        created=START,
    )


def available(site: str, first: int, last: int) -> SiteDataAvailability:
    end = START + last * HOUR
    return SiteDataAvailability(site, "eu", START + first * HOUR, end, end, end)


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(-5, 20), st.integers(5, 40))
def test_windows_and_gaps_are_the_whole_time_and_nothing_twice(hours: set[int], first: int, length: int) -> None:
    last = first + length
    windows = Windows([batch("a", at) for at in sorted(hours) if first <= at < last])
    known = available("a", min(hours), max(hours) + 1)

    found = gaps(windows, [known], START + first * HOUR, START + last * HOUR)

    absent = {at for at in range(max(first, min(hours)), min(last, max(hours) + 1)) if at not in hours}
    assert {START + at * HOUR for at in absent} == {
        gap.start + at * HOUR for gap in found for at in range((gap.end - gap.start) // HOUR)
    }
    assert missing(found) == len(absent) * HOUR


def test_where_reading_stopped_there_is_no_gap() -> None:
    windows = Windows([batch("a", 0), batch("a", 1)], until=START + 2 * HOUR)

    assert gaps(windows, [available("a", 0, 9)], START, START + 9 * HOUR) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), amounts, amounts), min_size=1, max_size=20))
def test_balances_add_up_to_that_of_all(made: list[tuple[str, int, int]]) -> None:
    windows = Windows([batch(site, at, *energy) for at, (site, *energy) in enumerate(made)])

    whole, sites = balance_of(windows), site_balances(windows)

    assert (whole.difference, whole.unbalanced) == (0, 0)
    assert whole.metered == sum(each.metered for each in sites) == sum(accounts + unsold for _, accounts, unsold in made)
    assert whole.pools == {"(unsold)": sum(unsold for _, _, unsold in made)}
    assert sum(each.count for each in sites) == len(made)


def component(name: str, energy: int) -> FootprintRow:
    return FootprintRow(START, START + HOUR, {"component": name}, energy=Energy(energy))


@given(amounts.filter(bool), amounts, amounts, amounts)
def test_the_true_pue_lies_between_its_bounds(work: int, overhead: int, passed: int, passed_overhead: int) -> None:
    """``passed`` and its overhead were moved to the line of shared services, where they cannot be told apart."""
    true = Fraction(work + overhead + passed + passed_overhead, work + passed)

    found = pue_of([component("dynamic", work), component("overhead", overhead), component("shared", passed + passed_overhead)])

    assert found is not None
    assert found.low <= true
    assert found.high is not None
    assert true <= found.high
    assert (found.low == found.high) == (passed + passed_overhead == 0)


def test_no_energy_has_no_pue() -> None:
    assert pue_of([]) is None
    assert pue_of([component("embodied", 0)]) is None
