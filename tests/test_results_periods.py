"""Periods in words: half-open, adjoining, whole, and the same as the calendar says."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.results import Granularity
from greencloud.results.periods import WORDS, Period, bucket_of, period_named

NOW = datetime(2026, 11, 27, 10, 54, tzinfo=UTC)

moments = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
first_months = st.integers(1, 12)
words = st.sampled_from([*WORDS, "last-1d", "last-7d", "last-9999d"])
years = st.integers(1972, 9000)


def midnight(period: Period) -> bool:
    return all((edge.hour, edge.minute, edge.second, edge.microsecond) == (0, 0, 0, 0) for edge in (period.start, period.end))


def partition(whole: Period, parts: list[Period]) -> bool:
    adjoin = all(a.end == b.start for a, b in pairwise(parts))
    return adjoin and (parts[0].start, parts[-1].end) == (whole.start, whole.end)


@given(words, moments, first_months)
def test_a_period_in_words_is_half_open_and_whole_and_the_one_before_adjoins_it(word: str, now: datetime, month: int) -> None:
    period = period_named(word, now, month)
    before = period.previous()

    assert period.start < period.end
    assert midnight(period)
    assert before.end == period.start
    assert before.start < before.end
    assert before.months == period.months


@given(st.sampled_from(["week", "month", "quarter", "year"]), moments, first_months)
def test_this_one_holds_the_present_and_the_last_one_adjoins_it(length: str, now: datetime, month: int) -> None:
    this, last = (period_named(f"{which}-{length}", now, month) for which in ("this", "last"))

    assert this.start <= now < this.end
    assert last == this.previous()


@given(years, first_months)
def test_quarters_are_a_partition_of_their_year_and_months_of_their_quarter(year: int, month: int) -> None:
    for prefix in ("", "FY"):
        whole = period_named(f"{prefix}{year}", NOW, month)
        quarters = [period_named(f"{prefix}{year}-Q{number}", NOW, month) for number in (1, 2, 3, 4)]
        assert partition(whole, quarters)
    months = [period_named(f"{year}-{number:02}", NOW, month) for number in range(1, 13)]
    assert partition(period_named(str(year), NOW, month), months)
    for number, one in enumerate(months, 1):
        assert one.end - one.start == timedelta(days=calendar.monthrange(year, number)[1])


@given(years, first_months)
def test_a_fiscal_year_begins_with_its_month_and_is_named_for_the_year_in_which_it_ends(year: int, month: int) -> None:
    fiscal = period_named(f"FY{year}", NOW, month)

    assert fiscal.start.month == month
    assert (fiscal.end - timedelta(days=1)).year == year


@given(st.dates(date(1972, 1, 10), date(9000, 1, 1)))
def test_a_day_and_a_week_are_those_of_the_calendar(day: date) -> None:
    year, week, _ = day.isocalendar()
    of_week = period_named(f"{year:04}-W{week:02}", NOW)

    assert period_named(day.isoformat(), NOW).start.date() == day
    assert of_week.start.date() <= day < of_week.end.date()
    assert of_week.start.weekday() == 0
    assert of_week.end - of_week.start == timedelta(days=7)


@given(moments, st.sampled_from(["hour", "day", "month", "quarter", "year"]), first_months)
def test_a_bucket_holds_its_instant_and_the_buckets_of_its_edges_adjoin(now: datetime, granularity: str, month: int) -> None:
    kind = Granularity(granularity)
    bucket = bucket_of(now, kind, month)

    assert bucket.start <= now < bucket.end
    assert bucket_of(bucket.start, kind, month) == bucket
    assert bucket_of(bucket.end, kind, month).start == bucket.end
    assert bucket.previous() == bucket_of(bucket.start - timedelta(microseconds=1), kind, month)


@pytest.mark.parametrize(
    ("name", "month", "start", "end"),
    [
        ("today", 1, "2026-11-27", "2026-11-28"),
        ("yesterday", 1, "2026-11-26", "2026-11-27"),
        ("last-7d", 1, "2026-11-20", "2026-11-27"),
        ("last-month", 1, "2026-10-01", "2026-11-01"),
        ("last-quarter", 1, "2026-07-01", "2026-10-01"),
        ("last-quarter", 2, "2026-08-01", "2026-11-01"),
        ("this-year", 4, "2026-04-01", "2027-04-01"),
        ("last-year", 1, "2025-01-01", "2026-01-01"),
        ("2026-Q1", 4, "2026-01-01", "2026-04-01"),
        ("2026-W53", 1, "2026-12-28", "2027-01-04"),
        ("FY2022", 4, "2021-04-01", "2022-04-01"),
        ("FY2026-Q2", 10, "2026-01-01", "2026-04-01"),
        ("FY2026", 1, "2026-01-01", "2027-01-01"),
    ],
)
def test_examples(name: str, month: int, start: str, end: str) -> None:
    period = period_named(name, NOW, month)

    assert (period.start.date().isoformat(), period.end.date().isoformat()) == (start, end)


@pytest.mark.parametrize(
    "name", ["", "last-0d", "next-month", "2026-Q5", "2026-13", "2026-02-30", "2026-W54", "26", "9999", "0000"]
)
def test_what_is_no_period_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(QuantityError) as refused:
        period_named(name, NOW)
    assert "last-month" in refused.value.advice


def test_a_change_of_zone_moves_no_day() -> None:
    late = datetime.fromisoformat("2026-11-27T23:30:00-05:00")  # the 28th in UTC
    assert period_named("today", late).start == datetime(2026, 11, 28, tzinfo=UTC)
