"""A period has one name, and a name one period."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.proof import period_named

DAYS = st.dates(max_value=date(9998, 12, 31))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@given(DAYS)
def test_a_day_lies_in_its_month_its_quarter_and_its_year(day: date) -> None:
    name = day.isoformat()
    quarter = f"{name[:4]}-Q{(day.month + 2) // 3}"
    spans = [period_named(each) for each in (name, name[:7], quarter, name[:4])]

    assert [period.name for period in spans] == [name, name[:7], quarter, name[:4]]
    assert (spans[0].start, spans[0].end) == (midnight(day), midnight(day + timedelta(days=1)))
    for inner, outer in pairwise(spans):
        assert outer.start <= inner.start < inner.end <= outer.end
    assert len({(period.start, period.end) for period in spans}) == 4


@given(DAYS, st.integers(1, 4))
def test_periods_of_one_kind_follow_each_other_without_a_gap(day: date, quarter: int) -> None:
    month = period_named(day.isoformat()[:7])
    assert period_named(month.end.date().isoformat()[:7]).start == month.end
    year = period_named(f"{day.year:04}")
    assert (year.start, year.end) == (midnight(date(day.year, 1, 1)), midnight(date(day.year + 1, 1, 1)))
    quarters = [period_named(f"{day.year:04}-Q{number}") for number in (1, 2, 3, 4)]
    assert [each.start for each in quarters] == [year.start, *(each.end for each in quarters[:-1])]
    assert quarters[-1].end == year.end
    assert quarters[quarter - 1].start.month == quarter * 3 - 2


LOOKALIKES = st.text(st.sampled_from("0129-Q２٠०² \u00a0\n\u2010\u200b"), max_size=12)


@given(st.one_of(LOOKALIKES, st.from_regex(r"\A\d{4}(-(Q\d|\d\d(-\d\d)?))?\s?\Z")))
@example("2026-00")
@example("2026-02-00")
@example("2026-00-00")
@example("2026-Q0")
@example("２０２６-02")
@example("2026-٠2")
@example("2026-02-01\n")
@example("2026-02 ")
@example("9999")
@example("0000")
def test_a_name_is_refused_or_is_the_one_of_its_span(name: str) -> None:
    try:
        period = period_named(name)
    except QuantityError:
        return
    assert period.name == name
    assert name.isascii()
    by_length = {4: "%Y", 7: "%Y-%m", 10: "%Y-%m-%d"}[len(name)]
    if "Q" not in name:
        assert datetime.strptime(name, by_length).replace(tzinfo=UTC) == period.start


@pytest.mark.parametrize(
    "name", ["2026-00", "2026-02-00", "2026-00-00", "２０２６-02", "2026-１２", "2026-02-0１", "2026-11\u00a0"]
)
def test_a_name_that_only_looks_like_one_is_refused(name: str) -> None:
    with pytest.raises(QuantityError, match="is no period"):
        period_named(name)
