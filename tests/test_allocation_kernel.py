"""The compiled apportionment against exact rationals."""

from __future__ import annotations

from array import array
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greencloud._apportion import add_at, apportion, apportion_groups
from greencloud.units import INT64_MAX

amounts = st.one_of(st.integers(0, 50), st.integers(0, INT64_MAX), st.sampled_from([0, 1, INT64_MAX - 1, INT64_MAX]))
weight_lists = st.lists(amounts, max_size=12)


def largest_remainder(total: int, weights: list[int]) -> list[int]:
    """The oracle: quotas as rationals, then one unit each to the largest remainders, in order of input."""
    if total == 0:
        return [0] * len(weights)
    quotas = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [quota.numerator // quota.denominator for quota in quotas]
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - quotas[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def q(*values: int) -> array[int]:
    return array("q", values)


@given(amounts, weight_lists)
@example(INT64_MAX, [INT64_MAX] * 9)
@example(INT64_MAX, [1, INT64_MAX, 1])
@example(7, [0, 0, 3, 0])
@example(0, [])
def test_the_kernel_agrees_with_exact_rationals(total: int, weights: list[int]) -> None:
    if total and not sum(weights):
        with pytest.raises(ValueError, match="no positive weight"):
            apportion(total, weights)
        return
    parts = apportion(total, weights).tolist()
    assert parts == largest_remainder(total, weights)
    assert sum(parts) == total
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


def lines(items: array[int], count: int = 1) -> memoryview:
    """So many lines of equal length. A memoryview cannot have a side of zero: there, a NumPy array stands in."""
    if not len(items) or not count:
        return np.zeros((count, len(items) // max(count, 1)), np.int64).data
    return memoryview(items).cast("B").cast("q", shape=[count, len(items) // count])


@given(st.lists(st.tuples(st.tuples(amounts, amounts), weight_lists), max_size=6))
def test_groups_are_so_many_single_apportionments(groups: list[tuple[tuple[int, int], list[int]]]) -> None:
    groups = [(totals if sum(weights) else (0, 0), weights) for totals, weights in groups]
    offsets = [0]
    for _, weights in groups:
        offsets.append(offsets[-1] + len(weights))
    flat = [weight for _, weights in groups for weight in weights]
    out = lines(q(*([-1] * 2 * len(flat))), 2)
    totals = q(*(found[k] for k in range(2) for found, _ in groups))
    apportion_groups(lines(totals, 2), q(*offsets), q(*flat), out)
    expected = [[part for totals, weights in groups for part in largest_remainder(totals[k], weights)] for k in range(2)]
    found: list[list[int]] = np.asarray(out).tolist()
    assert found == expected


@given(st.lists(st.integers(0, 3), min_size=1, max_size=400), st.integers(0, 1000))
def test_many_ties_are_broken_by_the_order_of_input(weights: list[int], total: int) -> None:
    if sum(weights):
        assert apportion(total, weights).tolist() == largest_remainder(total, weights)


def test_equal_weights_give_the_odd_units_to_the_first() -> None:
    assert apportion(5, [1, 1, 1]).tolist() == [2, 2, 1]


def test_an_arrow_buffer_is_read_in_place() -> None:
    buffer = pa.array([3, 1], pa.int64()).buffers()[1]
    assert apportion(8, memoryview(buffer).cast("q")[:2]).tolist() == [6, 2]


@pytest.mark.parametrize(
    ("total", "weights", "message"),
    [
        (-1, [1], "total -1 is negative"),
        (1, [1, 2, -3], "weight -3 at index 2 is negative"),
        (1, [], "no positive weight"),
        (1, [0, 0], "no positive weight"),
        (1, memoryview(b"12345678"), "dtype mismatch"),
    ],
)
def test_what_cannot_be_apportioned_is_refused(total: int, weights: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        apportion(total, weights)


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(BufferError, match="contiguous"):
        apportion(1, memoryview(q(1, 2, 3))[::2])


def test_amounts_outside_int64_are_refused() -> None:
    with pytest.raises(OverflowError):
        apportion(INT64_MAX + 1, [1])
    with pytest.raises(OverflowError):
        apportion(1, [INT64_MAX + 1])


@pytest.mark.parametrize(
    ("totals", "offsets", "weights", "message"),
    [
        (q(1), q(0), q(1), "need 2 offsets"),
        (q(1), q(0, 2), q(1), "not from 0 to 1"),
        (q(1), q(-1, 1), q(1), "not from 0 to 1"),
        (q(1), q(1, 1), q(1), "not from 0 to 1"),
        (q(1, 1), q(0, 2, 1), q(1), "before the one it follows"),
        (q(1, 1), q(0, INT64_MAX, 1), q(1), "before the one it follows"),
        (q(1, -2), q(0, 1, 1), q(1), "total -2 at index 1"),
        (q(1), q(0, 2), q(1, -1), "weight -1 at index 1"),
        (q(1, 5), q(0, 1, 1), q(1), "total 5 at index 1 of line 0 has no positive weight"),
        (q(1, 5), q(0, 1, 2), q(1, 0), "total 5 at index 1 of line 0 has no positive weight"),
    ],
)
def test_bad_groups_are_refused_before_anything_is_written(
    totals: array[int], offsets: array[int], weights: array[int], message: str
) -> None:
    out = q(*([-7] * len(weights)))
    with pytest.raises(ValueError, match=message):
        apportion_groups(lines(totals), offsets, weights, lines(out))
    assert set(out) == {-7}


def test_out_must_fit_and_be_separate_memory() -> None:
    weights = q(1, 2, 3)
    with pytest.raises(ValueError, match="not 1 x 2"):
        apportion_groups(lines(q(1)), q(0, 3), weights, lines(q(0, 0)))
    with pytest.raises(ValueError, match="not 2 x 3"):
        apportion_groups(lines(q(1)), q(0, 3), weights, lines(q(*[0] * 6), 2))
    with pytest.raises(ValueError, match="shares memory"):
        apportion_groups(lines(q(1)), q(0, 3), weights, lines(weights))
    both = memoryview(q(0, 2, 0, 0))
    with pytest.raises(ValueError, match="shares memory"):
        apportion_groups(lines(q(1)), both[:2], q(1, 1), both[1:3].cast("B").cast("q", shape=[1, 2]))


def test_no_groups_are_no_work() -> None:
    apportion_groups(lines(q()), q(0), q(), lines(q()))
    apportion_groups(lines(q(0, 0)), q(0, 0, 0), q(), lines(q()))
    apportion_groups(lines(q(), 0), q(0), q(), lines(q(), 0))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9), st.sampled_from([0, 1, 2, 4])), max_size=9))
def test_parts_are_added_up_by_place_and_flags_come_with_what_is_not_zero(rows: list[tuple[int, int, int, int]]) -> None:
    sums, marks = q(*[0] * 8), q(*[0] * 4)
    parts = q(*(row[1 + k] for k in range(2) for row in rows))
    add_at(lines(parts, 2), q(*(row[0] for row in rows)), q(*(row[3] for row in rows)), lines(sums, 2), marks)
    for place in range(4):
        mine = [row for row in rows if row[0] == place]
        assert (sums[place], sums[4 + place]) == (sum(row[1] for row in mine), sum(row[2] for row in mine))
        flags = 0
        for row in mine:
            flags |= row[3] if row[1] or row[2] else 0
        assert marks[place] == flags


def test_sums_beyond_int64_and_places_out_of_range_are_refused() -> None:
    sums = q(INT64_MAX)
    with pytest.raises(OverflowError, match="64 bits"):
        add_at(lines(q(1)), q(0), q(0), lines(sums), q(0))
    for place in (-1, 1):
        with pytest.raises(ValueError, match=f"place {place} at index 0"):
            add_at(lines(q(1)), q(place), q(0), lines(q(0)), q(0))
    with pytest.raises(ValueError, match="need 1 places"):
        add_at(lines(q(1)), q(0, 0), q(0), lines(q(0)), q(0))
    with pytest.raises(ValueError, match="do not fit"):
        add_at(lines(q(1)), q(0), q(0), lines(q(0)), q(0, 0))
