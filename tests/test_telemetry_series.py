"""Growth telescopes, does not depend on order, repeats or windows, and the kernel gives what plain arithmetic gives."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud._combinations import combinations
from greencloud._series import Series
from greencloud.telemetry.admission import HORIZON_NS
from greencloud.telemetry.growth import HOLD_NS, Number
from greencloud.telemetry.series import Grown, Line
from greencloud.telemetry.split import Interval
from profiles import examples
from series_oracle import bits_of, grown_plainly, line_of, series_of

SECOND = 10**9
T0 = 1_795_000_000 * SECOND
SHAPES = ("cumulative", "delta", "level")
COUNTERS = ("cumulative", "delta")

finite = st.floats(allow_nan=False, allow_infinity=False)
odd_values = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    finite,
    st.floats(0, 1e9),
    st.builds(math.ldexp, st.integers(-(2**53), 2**53), st.integers(-1080, 900)),
    st.integers(0, 2**12).map(lambda halves: halves / 2 ** (halves % 13)),  # ties
)
scales = st.one_of(
    st.sampled_from([1, 1000, 10**6, 10**9, 36 * 10**8, 1 << 30, (1 << 63) - 1]).map(Fraction),
    st.sampled_from([Fraction(1, 10**6), Fraction(1, 10**9), Fraction(1 << 30, 10**9), Fraction(1, 100), Fraction(1, 1 << 64)]),
)


thousandths = st.integers(0, 10**9).map(lambda number: number / 1000)


@st.composite
def any_points(draw: st.DrawFn) -> list[Number]:
    """Points of which times are few and starts fewer, so that repeats, resets, jitter and contradictions occur."""
    scale = draw(st.sampled_from([1, SECOND, 600 * SECOND, 86_400 * SECOND]))
    times = st.integers(1, 40).map(lambda n: T0 + n * scale)
    starts = st.one_of(st.just(0), st.sampled_from([T0, T0 + 5 * scale]), times)
    values = draw(st.sampled_from([odd_values, st.integers(0, 50), st.floats(0, 1e6)]))
    return draw(st.lists(st.builds(Number, times, starts, values), max_size=14))


@st.composite
def tame_points(draw: st.DrawFn) -> list[Number]:
    """One counter that rises, restarts at times and is sent in any order: what the kernel must not leave."""
    time, start, value = T0, draw(st.sampled_from([0, T0 - SECOND])), draw(thousandths)
    points = []
    for step, growth, restart in draw(
        st.lists(st.tuples(st.integers(1, 5000), thousandths, st.integers(0, 5)), min_size=1, max_size=20)
    ):
        time += step * SECOND
        if restart == 0:
            start, value = time - SECOND // 2, 0.0
        value += growth
        points.append(Number(time, start, value))
    return draw(st.permutations(points + draw(st.lists(st.sampled_from(points), max_size=4))))


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    cuts = sorted(draw(st.sets(st.integers(0, 40 * 600), max_size=8)))
    times = [T0 + cut * SECOND for cut in cuts]
    return list(zip(times[::2], times[1::2], strict=False))


def same(one: Grown, other: Grown) -> None:
    assert one.windows == other.windows
    assert one.runs == other.runs
    assert sorted(one.apart) == sorted(other.apart)
    assert (one.faults, one.dropped) == (other.faults, other.dropped)


@given(any_points(), st.sampled_from(SHAPES), scales, st.sampled_from([60, 63, 3600, 86_400]), intervals())
@settings(max_examples=examples(150), deadline=None)
def test_the_kernel_gives_what_plain_arithmetic_gives(
    points: list[Number], shape: str, scale: Fraction, window_s: int, besides: list[Interval]
) -> None:
    line = line_of(points, shape, scale, window_ns=window_s * SECOND, most=window_s % 7)
    quick = line.quickly(besides)
    if quick is not None:
        same(quick, grown_plainly(line, besides))


@given(tame_points(), st.sampled_from([1, 1000, 10**9]), st.sampled_from([60, 300, 3600]), intervals())
@settings(max_examples=examples(80), deadline=None)
def test_the_kernel_knows_the_common_case(points: list[Number], scale: int, window_s: int, besides: list[Interval]) -> None:
    for shape, factor in (("cumulative", Fraction(scale)), ("level", Fraction(1, 10**6 * scale))):
        line = line_of(points, shape, factor, window_ns=window_s * SECOND)
        quick = line.quickly(besides)
        assert quick is not None
        same(quick, grown_plainly(line, besides))


def total(grown: Grown) -> int:
    return sum(amount for _, amount in grown.windows) + sum(delta.amount for delta in grown.apart)


@given(any_points(), st.sampled_from(SHAPES), scales, st.data())
@settings(max_examples=examples(60), deadline=None)
def test_order_and_repeats_change_nothing(points: list[Number], shape: str, scale: Fraction, data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(points), max_size=6)) if points else []
    same(line_of(points, shape, scale).grow(), line_of(data.draw(st.permutations(points + again)), shape, scale).grow())


@given(any_points(), st.sampled_from(SHAPES), scales)
@settings(max_examples=examples(60), deadline=None)
def test_windows_of_two_lengths_hold_the_same(points: list[Number], shape: str, scale: Fraction) -> None:
    whole = line_of(points, shape, scale, window_ns=3600 * SECOND).grow()
    parts = line_of(points, shape, scale, window_ns=300 * SECOND).grow()
    assert (whole.runs, whole.apart, whole.faults) == (parts.runs, parts.apart, parts.faults)
    hours: dict[int, int] = {}
    for window, amount in parts.windows:
        hours[window // 12] = hours.get(window // 12, 0) + amount
    assert total(whole) == total(parts)
    assert list(hours) == [window for window, _ in whole.windows]
    if shape == "level":
        return  # a level's intervals are rounded before they are cut, and so are equal too, but their sums were compared already
    assert hours == dict(whole.windows)


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
@settings(max_examples=200)
def test_growth_telescopes_whatever_was_lost(values: list[float], sent: list[bool]) -> None:
    values.sort()
    points = [Number(T0 + n * SECOND, 0, value) for n, value in enumerate(values)]
    kept = [points[0], *[point for point, there in zip(points[1:-1], sent, strict=False) if there], points[-1]]
    grown = line_of(kept, "cumulative", Fraction(10**9)).grow()
    assert total(grown) == round(Fraction(values[-1]) * 10**9) - round(Fraction(values[0]) * 10**9)
    assert grown.runs == [(T0, T0 + (len(values) - 1) * SECOND)]


@given(any_points(), st.sampled_from(COUNTERS))
@settings(max_examples=examples(80))
def test_counters_give_no_negative_amount(points: list[Number], shape: str) -> None:
    grown = line_of(points, shape).grow()
    assert all(amount >= 0 for _, amount in grown.windows)
    assert all(delta.amount >= 0 for delta in grown.apart)


@given(any_points(), st.sampled_from(SHAPES))
@settings(max_examples=examples(80))
def test_runs_are_disjoint_and_hold_the_windows(points: list[Number], shape: str) -> None:
    grown = line_of(points, shape).grow()
    assert all(start < end for start, end in grown.runs)
    assert all(before[1] < after[0] for before, after in pairwise(grown.runs))
    touched = {window for start, end in grown.runs for window in range(start // (3600 * SECOND), (end - 1) // (3600 * SECOND) + 1)}
    assert {window for window, _ in grown.windows} == touched


@pytest.mark.parametrize(("shape", "longest_ns"), [("cumulative", HORIZON_NS), ("delta", HORIZON_NS), ("level", HOLD_NS)])
def test_a_silence_as_long_as_the_horizon_counts_and_a_longer_one_does_not(shape: str, longest_ns: int) -> None:
    first = Number(T0, T0 - 1, 5)
    for late, runs in ((0, [(T0, T0 + longest_ns)]), (1, [])):
        end = T0 + longest_ns + late
        start = T0 if shape == "delta" else T0 - 1
        grown = line_of([first, Number(end, start, 9)], shape).grow()
        assert [run for run in grown.runs if run[0] == T0] == runs or shape == "delta"
        assert (len(grown.faults) == 1) == bool(late)


def test_an_opening_longer_than_the_horizon_is_not_counted() -> None:
    grown = line_of([Number(T0, T0 - HORIZON_NS - 1, 5)], "cumulative").grow()
    assert (grown.apart, len(grown.faults)) == ([], 1)


def test_integers_and_doubles_mix_in_one_series() -> None:
    points = [Number(T0, 0, 1), Number(T0 + SECOND, 0, 1.5), Number(T0 + 2 * SECOND, 0, 3)]
    line = line_of(points, "cumulative", Fraction(1000))
    assert line.quickly() is not None
    assert total(line.grow()) == 2000
    level = line_of(points, "level", Fraction(1, SECOND))
    assert level.quickly() is not None
    assert total(level.grow()) == 2  # 1 s at 1, 1 s at 1.5: the half goes to the even


def test_several_values_at_the_edge_of_128_bits_are_left_to_plain_arithmetic() -> None:
    for value in (2**62, 2.0**62, 5e300, 1e-300, -(2**63)):
        points = [Number(T0, 0, 0), Number(T0 + SECOND, 0, value), Number(T0 + 2 * SECOND, 0, value)]
        for shape in SHAPES:
            line = line_of(points, shape)
            same(line.grow(), grown_plainly(line))


def test_streams_of_one_thing_that_overlap_count_one_at_a_time() -> None:
    agent_a = [Number(T0 + n * SECOND, T0, 10 * n) for n in range(1, 5)]
    agent_b = [Number(T0 + n * SECOND + 1, T0 + 1, 10 * n - 9) for n in range(1, 5)]
    several = line_of([*agent_a, *agent_b], "cumulative")
    assert total(several.grow()) == 40 + 31
    several.single = True
    grown = several.grow()
    assert total(grown) == 40
    assert len(grown.faults) == 1


def test_deltas_of_one_thing_that_overlap_count_one_at_a_time() -> None:
    points = [Number(T0 + n * SECOND, T0 + (n - 1) * SECOND, 10) for n in (1, 2)] + [Number(T0 + SECOND + 5, T0 + 5, 10)]
    line = line_of(points, "delta")
    assert total(line.grow()) == 30
    line.single = True
    assert total(line.grow()) == 20


@given(
    st.lists(st.tuples(*[st.integers(0, 3)] * 4, st.integers(0, 8)), max_size=60),
)
def test_combinations_are_numbered_in_order_of_their_first_points(rows: list[tuple[int, ...]]) -> None:
    one, two, three, four = (array("i", [row[k] for row in rows]) for k in range(4))
    numbers, firsts, faults = combinations(one, two, three, four, array("B", [row[4] for row in rows]))
    expected: dict[tuple[int, ...], int] = {}
    for row in rows:
        expected.setdefault(row[:4], len(expected))
    assert list(numbers) == [expected[row[:4]] for row in rows]
    assert [rows[first][:4] for first in firsts] == list(expected)
    assert list(firsts) == sorted(firsts)
    for row, mask in zip(expected, faults, strict=True):
        assert mask == sum({1 << other[4] for other in rows if other[:4] == row})


def test_many_combinations_make_the_table_grow() -> None:
    n = 5000
    counted = array("i", range(n))
    zeros = array("i", [0] * n)
    numbers, firsts, _ = combinations(zeros, counted, zeros, array("i", [-1] * n), array("B", bytes(n)))
    assert list(numbers) == list(firsts) == list(range(n))


def test_points_with_faults_and_without_a_series_are_left_out() -> None:
    series = Series(
        2,
        array("i", [1, -1]),
        array("i", [0, 0, 1]),
        array("B", [0, 1, 0]),
        array("Q", [0, 0, 0]),
        array("Q", [T0, 0, 0]),
        array("B", [1, 0, 0]),
        array("q", [7, 0, 0]),
    )
    assert (series.size(0), series.size(1)) == (0, 1)
    assert series.points(1) == [(T0, 0, 7)]
    assert series.bounds(0) == (0, 0, 0)


def test_indices_and_values_are_checked() -> None:
    def made(
        *, of_place: int = 0, place: int = 0, time: int = T0, kind: int = 1, bits: int = 0, count: int = 1, short: int = 1
    ) -> Series:
        return Series(
            count,
            array("i", [of_place]),
            array("i", [place]),
            array("B", [0] * short),
            array("Q", [0]),
            array("Q", [time]),
            array("B", [kind]),
            array("q", [bits]),
        )

    made()
    for wrong in (
        {"of_place": 1},
        {"of_place": -2},
        {"place": 1},
        {"place": -1},
        {"time": 0},
        {"time": 2**63},
        {"time": 2**64 - 1},
        {"kind": 0},
        {"kind": 3},
        {"kind": 2, "bits": bits_of(math.inf)[1]},
        {"kind": 2, "bits": bits_of(math.nan)[1]},
        {"count": -1},
        {"short": 0},
    ):
        with pytest.raises(ValueError, match=r"."):
            made(**wrong)
    series = series_of([Number(T0, 0, 1)])
    none = array("q")
    for number in (-1, 1):
        with pytest.raises(IndexError):
            series.points(number)
        with pytest.raises(IndexError):
            series.cumulative(number, 1, SECOND, 1, none)
    for scale, window, longest, besides in (
        (0, SECOND, 1, none),
        (1, 0, 1, none),
        (1, 1 << 61, 1, none),
        (1, SECOND, -1, none),
        (1, SECOND, 1, array("q", [5, 5])),
        (1, SECOND, 1, array("q", [1])),
        (1, SECOND, 1, array("q", [1, 5, 4, 6])),
    ):
        with pytest.raises(ValueError, match=r"."):
            series.delta(0, scale, window, longest, besides)
    with pytest.raises(ValueError, match="negative limit"):
        series.level(0, 1, 1, SECOND, 1, -1, none)
    with pytest.raises(RuntimeError):
        series.__init__(1, array("i"), array("i"), array("B"), array("Q"), array("Q"), array("B"), array("q"))  # type: ignore[misc]
    with pytest.raises(ValueError, match="length"):
        combinations(array("i", [1]), array("i"), array("i"), array("i"), array("B"))


def test_levels_by_task_keep_the_largest_at_a_time() -> None:
    series = series_of([Number(T0, 0, 1), Number(T0 + SECOND, 0, 5)], [Number(T0, 0, 3), Number(T0 + SECOND, 0, 2)])
    line = Line(series, (0, 1), "level", Fraction(1, SECOND), 3600 * SECOND, largest=True)
    assert total(line.grow()) == 3
