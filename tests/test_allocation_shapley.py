"""Shapley shares against exact rationals over all coalitions, and the laws that a fair share must obey."""

from __future__ import annotations

import sys
from array import array
from fractions import Fraction
from itertools import combinations, permutations
from math import comb, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from greencloud import _sampling, _shapley
from greencloud.allocation.shapley import (
    MOST_WORKLOADS,
    exact,
    exact_weights,
    sampled,
    sampled_weights,
    temporal,
    temporal_weights,
)
from greencloud.errors import QuantityError
from greencloud.units import INT64_MAX
from profiles import examples

Rows = list[list[int]]
Demand = NDArray[Any]

amounts = st.one_of(st.integers(0, 5), st.integers(0, 10**6), st.integers(0, 1 << 50))
floats = st.floats(0, sys.float_info.max, allow_subnormal=True)

few = settings(max_examples=examples(20))  # the oracles are slow


def tables(items: st.SearchStrategy[Any], *, most_rows: int = 6, most_columns: int = 7) -> st.SearchStrategy[Any]:
    shapes = st.tuples(st.integers(1, most_rows), st.integers(1, most_columns))
    return shapes.flatmap(lambda s: st.lists(st.lists(items, min_size=s[1], max_size=s[1]), min_size=s[0], max_size=s[0]))


def q(rows: Rows) -> Demand:
    return np.array(rows, dtype=np.int64)


def d(rows: Rows | list[list[float]]) -> Demand:
    return np.array(rows, dtype=np.float64)


def peak(rows: Rows) -> int:
    return max((sum(column) for column in zip(*rows, strict=True)), default=0)


def by_coalitions(rows: Rows) -> list[Fraction]:
    """The oracle: the definition, over all coalitions."""
    n = len(rows)
    values = [Fraction(0)] * n
    for i in range(n):
        others = [row for j, row in enumerate(rows) if j != i]
        for size in range(n):
            for group in combinations(others, size):
                values[i] += Fraction(peak([*group, rows[i]]) - peak(list(group)), n * comb(n - 1, size))
    return values


def by_orders(rows: Rows) -> list[Fraction]:
    """A second oracle: the definition, over all orders of arrival."""
    n = len(rows)
    values = [0] * n
    count = 0
    for order in permutations(range(n)):
        count += 1
        for k, i in enumerate(order):
            before = [rows[j] for j in order[:k]]
            values[i] += peak([*before, rows[i]]) - peak(before)
    return [Fraction(value, count) for value in values]


def of_the_airport(rows: Rows) -> list[Fraction]:
    """Slices as players, over all of their coalitions; then a price for each unit of demand."""
    totals = [sum(column) for column in zip(*rows, strict=True)]
    prices = [Fraction(0)] * len(totals)
    for t, total in enumerate(totals):
        others = totals[:t] + totals[t + 1 :]
        for size in range(len(totals)):
            for group in combinations(others, size):
                grown = max([*group, total]) - max(group, default=0)
                prices[t] += Fraction(grown, len(totals) * comb(len(totals) - 1, size))
    return [sum((price * amount for price, amount in zip(prices, row, strict=True)), Fraction(0)) for row in rows]


def fractions(values: list[Any]) -> list[Fraction]:
    whole = sum(values)
    return [Fraction(value) / whole for value in values]


def numbers(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def distance(a: Any, b: Any) -> float:
    """Total variation."""
    return float(np.abs(numbers(a) - numbers(b)).sum() / 2)


@given(tables(amounts, most_rows=5, most_columns=5))
@few
def test_the_two_definitions_of_the_oracle_agree(rows: Rows) -> None:
    assert by_coalitions(rows) == by_orders(rows)
    assert sum(by_coalitions(rows)) == peak(rows)


@given(tables(amounts))
@example([[1, 1], [1, 1]])
@example([[(1 << 56) - 1]])
@few
def test_exact_weights_are_the_values_themselves(rows: Rows) -> None:
    weights = exact_weights(q(rows))
    if not any(map(any, rows)):
        assert weights == [0] * len(rows)
        return
    assert max(weights) < 1 << 62
    if max(map(max, rows)) <= 10**6:  # small enough that nothing is cut off
        assert fractions(weights) == fractions(by_coalitions(rows))
    for weight, value in zip(fractions(weights), fractions(by_coalitions(rows)), strict=True):
        assert abs(weight - value) < Fraction(len(rows), 1 << 60)


@pytest.mark.parametrize("n", [9, 10, 12, 13])
@pytest.mark.parametrize("slices", [1, 33, 70, 600])
def test_exact_holds_where_the_walk_has_a_head_and_a_table(n: int, slices: int) -> None:
    """Workloads that never meet have their own peaks as values, and equal workloads share; a walk that mixes them up shows."""
    rng = np.random.default_rng(n * slices)
    demand = rng.integers(0, 1 << 20, (n, slices))
    weights = exact_weights(demand)
    perm = rng.permutation(n)
    assert exact_weights(np.ascontiguousarray(demand[perm])) == [weights[i] for i in perm]
    assert exact_weights(np.ascontiguousarray(demand[:, rng.permutation(slices)])) == weights

    every, members = _shapley.coalitions(array("q", demand.ravel().tolist()), n)
    sums = np.zeros((1, slices), dtype=np.int64)
    sizes = np.zeros(1, dtype=np.int64)
    for row in demand:  # doubling: all coalitions with and without each
        sums = np.concatenate([sums, sums + row])
        sizes = np.concatenate([sizes, sizes + 1])
    values = sums.max(axis=1)
    assert every == [int(values[sizes == size].sum()) for size in range(n + 1)]
    inside = np.arange(1 << n)
    for i in range(n):
        has = (inside >> i & 1).astype(bool)
        assert members[i] == [int(values[has & (sizes == size)].sum()) for size in range(n + 1)]


@given(tables(amounts))
@few
def test_shares_of_floats_are_those_of_the_same_integers(rows: Rows) -> None:
    if any(map(any, rows)):
        expected = fractions(by_coalitions(rows))
        assert numbers(exact(d(rows))) == pytest.approx([float(share) for share in expected], abs=1e-12)


@given(tables(amounts), st.data())
@few
def test_equal_workloads_pay_alike_and_idle_ones_nothing(rows: Rows, data: st.DataObject) -> None:
    if not any(map(any, rows)):
        return
    rows = [*rows, rows[data.draw(st.integers(0, len(rows) - 1))], [0] * len(rows[0])]
    twin = rows.index(rows[-2])
    for weights in (exact_weights(q(rows)), temporal_weights(q(rows))):
        assert weights[twin] == weights[-2]
        assert weights[-1] == 0
    shares, errors = sampled(d(rows), 8, 1)
    assert (shares[-1], errors[-1]) == (0, 0)


@given(tables(floats, most_rows=9, most_columns=40))
@example([[5e-324]])
@example([[5e-324, 0], [0, 1e308]])
@example([[sys.float_info.max] * 3] * 9)
@example([[0.1, 0.2], [0.3, 0.4]])
@few
def test_shares_of_any_demand_sum_to_one(rows: list[list[float]]) -> None:
    demand = d(rows)
    if not demand.any():
        return
    for shares in (exact(demand), temporal(demand), sampled(demand, 4, 5)[0]):
        assert isinstance(shares, array)
        assert len(shares) == len(rows)
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(1, abs=1e-14)


@given(tables(floats), st.integers(-900, 900))
@few
def test_a_unit_of_another_power_of_two_changes_no_bit(rows: list[list[float]], power: int) -> None:
    demand = np.where(d(rows) < 1e-10, 0, np.minimum(d(rows), 1e10))  # so that no power leaves the range of a double
    other = np.ldexp(demand, power)
    if demand.any():
        assert exact(demand) == exact(other)
        assert temporal(demand) == temporal(other)
        assert sampled(demand, 6, 2) == sampled(other, 6, 2)


@given(tables(st.integers(0, INT64_MAX)))
@example([[INT64_MAX] * 3] * 6)
@few
def test_no_integer_demand_is_too_large(rows: Rows) -> None:
    demand = q(rows)
    if not demand.any():
        return
    for weights, expected in (
        (exact_weights(demand), by_coalitions(rows)),
        (temporal_weights(demand), of_the_airport(rows)),
    ):
        assert [float(w) for w in fractions(weights)] == pytest.approx([float(w) for w in fractions(expected)], abs=1e-12)
    assert min(sampled_weights(demand, 4, 0)) >= 0


def test_one_permutation_pair_adds_what_the_peak_grows_by() -> None:
    """Sampled weights are sums of exact marginals, so they add up to the peak, exactly, once for each permutation."""
    rng = np.random.default_rng(8)
    for n, slices in ((1, 1), (2, 31), (7, 32), (8, 33), (40, 65), (17, 200)):
        demand = rng.integers(0, 1000, (n, slices))
        assert sum(sampled_weights(demand, 36, 4)) == 36 * int(demand.sum(axis=0).max())


def test_all_orders_come_up_alike() -> None:
    """Three workloads that never meet: the one in the middle adds nothing, neither in an order nor in its reverse."""
    tiles = _sampling.Tiles(array("q", [1, 0, 0, 0, 1, 0, 0, 0, 1]), 3)
    assert tiles.n == 3
    middles = [tiles.marginals(11, pair, pair + 1)[0].index(0) for pair in range(6000)]
    chi_square = sum((middles.count(i) - 2000) ** 2 / 2000 for i in range(3))
    assert chi_square < 13.8  # 2 degrees of freedom, 0.1 %


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_number_of_threads_changes_no_bit(seed: int) -> None:
    demand = np.random.default_rng(3).random((60, 50))
    one = sampled(demand, 222, seed)
    for threads in (2, 3, 8, 500):
        assert sampled(demand, 222, seed, threads=threads) == one
    assert sampled_weights(demand.view(np.int64) >> 4, 222, seed, threads=3) == sampled_weights(
        demand.view(np.int64) >> 4, 222, seed
    )
    assert sampled(demand, 222, seed ^ 1) != one


def orders_of(seed: int, pair: int, n: int) -> list[int]:
    """The documented generator, in Python: SplitMix64 with a stream for each pair, and Fisher-Yates."""
    whole = (1 << 64) - 1
    gamma = 0x9E3779B97F4A7C15

    def mixed(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & whole
        x = (x ^ x >> 27) * 0x94D049BB133111EB & whole
        return x ^ x >> 31

    state = mixed((mixed((seed + gamma) & whole) + (pair + 1) * gamma) & whole)
    order = list(range(n))
    for k in range(n - 1, 0, -1):
        state = (state + gamma) & whole
        place = mixed(state) * (k + 1) >> 64
        order[k], order[place] = order[place], order[k]
    return order


@given(tables(amounts, most_rows=9, most_columns=70), st.integers(0, 2**64 - 1))
@few
def test_sampled_weights_are_marginals_of_the_documented_orders(rows: Rows, seed: int) -> None:
    """Which orders a seed stands for is part of what is promised: a restatement finds the same figures."""
    rows = [[amount & 0xFFFFFF for amount in row] for row in rows]
    weights = [0] * len(rows)
    for pair in range(11):
        order = orders_of(seed, pair, len(rows))
        for arrivals in (order, order[::-1]):
            sums = [0] * len(rows[0])
            before = 0
            for i in arrivals:
                sums = [a + b for a, b in zip(sums, rows[i], strict=True)]
                weights[i] += max(sums) - before
                before = max(sums)
    assert sampled_weights(q(rows), 22, seed) == weights


def test_sampling_is_pinned() -> None:
    demand = (np.arange(30, dtype=np.int64) * 7919 % 101).reshape(5, 6)
    assert sampled_weights(demand, 10, 42) == [413, 449, 518, 551, 599]


@pytest.mark.parametrize("kind", ["flat", "diurnal"])
def test_sampling_comes_within_its_own_error(kind: str) -> None:
    demand = random_demand(14, 24, kind)
    truth = numbers(exact(demand))
    shares, errors = (numbers(part) for part in sampled(demand, 4000, 9))
    assert (np.abs(shares - truth) <= 4 * errors).all()
    # and that is neither idle nor a boast: over many runs, about 95 % of 95 % intervals hold the truth
    hits = []
    for seed in range(100):
        shares, errors = (numbers(part) for part in sampled(demand, 1000, seed))
        hits.append(np.abs(shares - truth) <= 1.96 * errors)
    assert 0.92 < np.mean(hits) < 0.98


def random_demand(n: int, slices: int, kind: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(n + slices)
    size = rng.lognormal(0, 1, (n, 1))
    if kind == "flat":
        return np.asarray(size * rng.random((n, slices)))
    phase = rng.normal(0, 0.12, (n, 1)) + np.linspace(0, 1, slices)
    return np.asarray(size * (1.2 + np.sin(2 * np.pi * phase) + 0.2 * rng.random((n, slices))))


def test_antithetic_orders_have_the_lower_error() -> None:
    demand = random_demand(12, 24, "diurnal")
    truth = numbers(exact(demand))
    rng = np.random.default_rng(0)
    plain = []
    for _ in range(40):
        shares = np.zeros(12)
        for _ in range(40):
            order = rng.permutation(12)
            peaks = demand[order].cumsum(axis=0).max(axis=1)
            shares[order] += np.diff(peaks, prepend=0)
        plain.append(distance(shares / shares.sum(), truth))
    ours = [distance(sampled(demand, 40, seed)[0], truth) for seed in range(40)]
    assert np.mean(ours) < np.mean(plain) / 1.1


@given(tables(amounts))
@example([[3, 1, 4, 1, 5, 9, 2, 6]])
def test_temporal_weights_are_the_airport_game(rows: Rows) -> None:
    weights = temporal_weights(q(rows))
    if not any(map(any, rows)):
        assert weights == [0] * len(rows)
        return
    for weight, value in zip(fractions(weights), fractions(of_the_airport(rows)), strict=True):
        assert abs(weight - value) < Fraction(len(rows), 1 << 60)
    if max(map(max, rows)) <= 10**6:
        assert fractions(weights) == fractions(of_the_airport(rows))


@given(tables(st.integers(0, 10**6)), st.data())
def test_splitting_a_tenant_does_not_change_its_bill(rows: Rows, data: st.DataObject) -> None:
    if not any(map(any, rows)):
        return
    part = [data.draw(st.integers(0, amount)) for amount in rows[0]]
    rest = [amount - less for amount, less in zip(rows[0], part, strict=True)]
    whole = fractions(temporal_weights(q(rows)))
    split = fractions(temporal_weights(q([part, rest, *rows[1:]])))
    assert [split[0] + split[1], *split[2:]] == whole
    shares = temporal(d([part, rest, *rows[1:]]))
    assert shares[0] + shares[1] == pytest.approx(float(whole[0]), abs=1e-14)


@pytest.mark.parametrize("slices", [1, 24, 288, 289, 2000])
def test_temporal_takes_long_periods(slices: int) -> None:
    rng = np.random.default_rng(slices)
    demand = rng.random((7, slices))
    totals = demand.sum(axis=0)
    order = np.argsort(totals)
    steps = np.diff(totals[order], prepend=0) / np.arange(slices, 0, -1)
    prices = np.empty(slices)
    prices[order] = np.cumsum(steps)
    expected = demand @ prices
    assert numbers(temporal(demand)) == pytest.approx(expected / expected.sum(), abs=1e-12)


@given(tables(st.integers(0, 3), most_rows=4, most_columns=9))
def test_dominated_slices_change_nothing(rows: Rows) -> None:
    flat = array("q", [amount for row in rows for amount in row])
    kept = _shapley.pruned(flat, len(rows))
    columns = set(zip(*rows, strict=True))
    left = [tuple(kept[i :: len(kept) // len(rows)]) for i in range(len(kept) // len(rows))]
    assert len(left) == len(set(left))
    undominated = {c for c in columns if not any(o != c and all(x <= y for x, y in zip(c, o, strict=True)) for o in columns)}
    assert set(left) == undominated


def refused(call: Any, match: str) -> None:
    with pytest.raises(QuantityError, match=match):
        call()


@pytest.mark.parametrize(
    ("value", "match"),
    [(-1.0, "-1.0 at row 1, column 2 is not a finite"), (float("nan"), "nan at row 1"), (float("inf"), "inf at row 1, column 2")],
)
def test_amounts_that_are_none_are_refused(value: float, match: str) -> None:
    demand = d([[0.0, 1.0, 2.0], [3.0, 4.0, value]])
    for call in (lambda: exact(demand), lambda: temporal(demand), lambda: sampled(demand, 4, 0)):
        refused(call, match)


def test_negative_integers_are_refused() -> None:
    demand = q([[1, 2], [-3, 4]])
    for call in (lambda: exact_weights(demand), lambda: temporal_weights(demand), lambda: sampled_weights(demand, 4, 0)):
        refused(call, "-3 at row 1, column 0 is negative")


@pytest.mark.parametrize(
    "demand",
    [
        [[1.0]],
        np.zeros(3),
        np.zeros((2, 2, 2)),
        np.zeros((4, 4))[:, ::2],
        np.zeros((4, 3)).T,
        np.zeros((2, 2), dtype=np.float32),
        np.zeros((2, 2), dtype=np.uint64),
        np.zeros((2, 2), dtype=">f8"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(demand: Any) -> None:
    for call in (exact, temporal, exact_weights, temporal_weights):
        refused(lambda call=call: call(demand), "ascontiguousarray|not a buffer")


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1), (3, 2)])
def test_no_demand_has_no_shares_and_weights_of_zero(shape: tuple[int, int]) -> None:
    for call in (lambda: exact(np.zeros(shape)), lambda: temporal(np.zeros(shape)), lambda: sampled(np.zeros(shape), 4, 0)):
        refused(call, "no demand above zero")
    whole = np.zeros(shape, dtype=np.int64)
    assert exact_weights(whole) == temporal_weights(whole) == sampled_weights(whole, 4, 0) == [0] * shape[0]


def test_parameters_out_of_range_are_refused() -> None:
    demand = np.ones((MOST_WORKLOADS + 1, 1))
    refused(lambda: exact(demand), "27 workloads .*\n?.*sampled")
    for count in (-2, 0, 1, 2, 3, 5, 1 << 32):
        refused(lambda count=count: sampled(demand, count, 0), "permutations")
    for seed in (-1, 1 << 64):
        refused(lambda seed=seed: sampled(demand, 4, seed), "seed")
    refused(lambda: sampled(demand, 4, 0, threads=0), "threads")


def test_the_kernel_refuses_what_its_face_never_sends() -> None:
    flat = array("q", [1, 2, 3, 4])
    for call in (
        lambda: _shapley.coalitions(flat, 3),
        lambda: _shapley.coalitions(flat, 0),
        lambda: _shapley.coalitions(flat, -1),
        lambda: _shapley.coalitions(array("q"), 2),
        lambda: _shapley.coalitions(array("q", [1 << 55, 1 << 55]), 2),
        lambda: _shapley.coalitions(array("q", range(27)), 27),
        lambda: _shapley.pruned(array("q"), 1),
        lambda: _shapley.slice_totals(array("q", [1 << 56]), 1),
        lambda: _shapley.priced(flat, 2, array("q", [1])),
        lambda: _shapley.priced(flat, 2, array("q", [1, -1])),
        lambda: _shapley.priced(flat, 2, array("q", [1 << 40, 1])),
        lambda: _shapley.priced(array("q", [1 << 56]), 1, array("q", [1])),
        lambda: _sampling.Tiles(array("q", [1 << 31]), 1),
        lambda: _sampling.Tiles(flat, 3),
        lambda: _sampling.Tiles(flat, 2).marginals(0, 2, 1),
        lambda: _sampling.Tiles(flat, 2).marginals(0, -1, 1),
        lambda: _sampling.Tiles(flat, 2).marginals(0, 0, 1 << 31),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            call()
    for amount in (-1, INT64_MAX):  # negative amounts look huge to it
        with pytest.raises(ValueError, match="sums to"):
            _shapley.coalitions(array("q", [amount]), 1)


def test_read_only_and_plain_buffers_do() -> None:
    demand = np.array([[1.0, 2.0], [3.0, 1.0]])
    demand.flags.writeable = False
    plain = memoryview(demand.tobytes()).cast("d", (2, 2))
    assert exact(demand) == exact(plain)
    assert numbers(exact(demand)).sum() == pytest.approx(1)
    assert sqrt(sum(sampled(plain, 4, 0)[1])) >= 0
