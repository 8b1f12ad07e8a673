"""Rebinning conserves every measure, never divides a window and never counts one twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import UsageDataError
from greencloud.units import INT64_MAX, Window
from greencloud.usage import MEASURES, Usage, by_window, digest, merge, rebin, select, site_windows, usage_from
from usage_strategies import T0, laws, usages

ROW: dict[str, Any] = {"window_start": T0, "window_s": 300, "site": "s", "account": "pay", "cpu_ns": 5}
LENGTHS = st.sampled_from([300, 600, 900, 1200, 1800, 3600])


@laws
@given(usages, LENGTHS)
def test_rebinning_conserves_every_measure(usage: Usage, seconds: int) -> None:
    coarse = rebin(usage, seconds)
    for name in MEASURES:
        assert pc.sum(coarse.rows[name]) == pc.sum(usage.rows[name])
    assert pc.sum(coarse.readings["covered_us"]) == pc.sum(usage.readings["covered_us"])
    assert set(pc.unique(coarse.rows["window_s"]).to_pylist()) <= {seconds}


@laws
@given(usages, st.sampled_from([(300, 900), (600, 1800), (900, 3600), (300, 3600), (3600, 3600)]))
def test_rebinning_in_steps_is_rebinning_at_once(usage: Usage, steps: tuple[int, int]) -> None:
    fine, coarse = steps
    assert digest(rebin(rebin(usage, fine), coarse)) == digest(rebin(usage, coarse))


@laws
@given(usages)
def test_the_windows_of_usage_hold_all_of_it_and_each_row_once(usage: Usage) -> None:
    found = site_windows(usage)
    assert found == sorted(set(found))
    assert digest(merge(select(usage, site, window) for site, window in found)) == digest(usage)
    chosen = [select(usage, site, window) for site, window in found]
    assert sum(part.rows.num_rows for part in chosen) == usage.rows.num_rows
    assert sum(part.readings.num_rows for part in chosen) == usage.readings.num_rows
    assert all(part.rows.num_rows + part.readings.num_rows for part in chosen)


@laws
@given(usages)
def test_usage_by_window_is_what_is_selected_window_by_window(usage: Usage) -> None:
    found = by_window(usage)
    assert list(found) == site_windows(usage)
    for (site, window), part in found.items():
        assert digest(part) == digest(select(usage, site, window))


def test_minutes_become_the_hour_that_they_lie_in() -> None:
    start = datetime(1969, 12, 31, 22, tzinfo=UTC)  # before the epoch, where dividing towards zero would err
    minutes = [ROW | {"window_start": start + timedelta(minutes=m), "window_s": 60, "cpu_ns": m} for m in range(120)]
    rows = rebin(usage_from(minutes), 3600).rows
    assert rows["window_start"].cast("int64").to_pylist() == [-7200 * 10**6, -3600 * 10**6]
    assert rows["cpu_ns"].to_pylist() == [sum(range(60)), sum(range(60, 120))]


def test_a_window_of_which_a_part_is_not_known_is_not_known() -> None:
    reading = {"window_start": T0, "window_s": 300, "site": "s", "energy_mj": 7, "busy_cpu_ns": None, "quality": "measured"}
    later = reading | {"window_start": T0 + timedelta(minutes=5), "energy_mj": None, "busy_cpu_ns": 1, "quality": "modelled"}
    third = reading | {"window_start": T0 + timedelta(minutes=15)}
    readings = rebin(usage_from([], [reading, later, third]), 900).readings
    assert readings["energy_mj"].to_pylist() == [None, 7]
    assert readings["busy_cpu_ns"].to_pylist() == [None, None]
    assert readings["covered_us"].to_pylist() == [600_000_000, 300_000_000]
    assert readings["quality"].to_pylist() == ["modelled", "measured"]


@pytest.mark.parametrize(("length", "target"), [(3600, 900), (720, 900), (900, 1200), (1800, 300)])
def test_a_window_is_never_divided(length: int, target: int) -> None:
    with pytest.raises(UsageDataError, match=f"windows of {length} s does not nest in windows of {target} s"):
        rebin(usage_from([ROW | {"window_s": length}]), target)


def test_an_hour_and_its_minutes_are_not_added_together() -> None:
    minute = ROW | {"window_start": T0 + timedelta(minutes=7), "window_s": 60}
    with pytest.raises(UsageDataError, match="windows overlap for site=s, account=pay") as refused:
        rebin(usage_from([ROW | {"window_s": 3600}, minute]), 3600)
    assert "twice" in refused.value.advice
    other = minute | {"service": "web"}
    assert rebin(usage_from([ROW | {"window_s": 3600}, other]), 3600).rows.num_rows == 2


def test_a_sum_beyond_int64_is_refused_and_never_wraps() -> None:
    rows = [ROW | {"window_start": T0 + timedelta(minutes=5 * at), "cpu_ns": INT64_MAX} for at in range(3)]
    with pytest.raises(UsageDataError, match="cpu_ns adds up to more than int64"):
        rebin(usage_from(rows), 3600)
    assert rebin(usage_from(rows[:1]), 3600).rows["cpu_ns"].to_pylist() == [INT64_MAX]


def test_windows_that_only_rows_on_their_way_in_may_have_are_refused() -> None:
    usage = usage_from([ROW | {"window_s": 60}])
    with pytest.raises(UsageDataError, match="60 s"):
        site_windows(usage)
    with pytest.raises(UsageDataError, match="other lengths"):
        select(usage, "s", Window(T0, 3600))
    with pytest.raises(UsageDataError, match="no window of 60 s"):
        rebin(usage, 60)
    assert select(usage, "t", Window(T0, 3600)).rows.num_rows == 0
