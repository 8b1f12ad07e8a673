"""A window that does not fit a worker's memory is refused, by a line that grows with its rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.engine.window_batch import MOST_ROWS
from greencloud.engine.window_memory import check_memory, memory_of, most_rows_in
from greencloud.errors import AllocationError
from strategies import WINDOW


@given(st.integers(1 << 30, 1 << 45))
def test_the_largest_window_fits_and_no_larger(memory: int) -> None:
    most = most_rows_in(memory)
    assert memory_of(most) <= memory < memory_of(most + 1)
    check_memory("hall", WINDOW, most, memory)
    with pytest.raises(AllocationError):
        check_memory("hall", WINDOW, most + 1, memory)


def test_beyond_a_part_a_row_takes_what_it_takes_at_rest() -> None:
    assert memory_of(MOST_ROWS) - memory_of(MOST_ROWS - 1) > 4 * (memory_of(MOST_ROWS + 1) - memory_of(MOST_ROWS))


def test_a_refusal_names_the_window_its_rows_and_what_to_do() -> None:
    with pytest.raises(AllocationError) as refusal:
        check_memory("hall", WINDOW, 20_000_000, 4 << 30)
    told = str(refusal.value)
    for part in ("'hall'", str(WINDOW), "20,000,000 usage rows", "4.0 GiB", "shorter", "meters of its own"):
        assert part in told
    assert refusal.value.site == "hall"


def test_a_worker_that_holds_no_row_is_not_told_to_make_windows_smaller() -> None:
    with pytest.raises(AllocationError) as refusal:
        check_memory("hall", WINDOW, 1, 100 << 20)
    assert refusal.value.advice == "give workers 0.3 GiB"
