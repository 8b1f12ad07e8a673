"""Shapley shares of a peak: who must pay how much of what is installed for everybody's highest demand.

The game: a row of ``demand`` is a workload, a column a slice of time, and a group of workloads is worth its peak, the largest sum
of a column over its rows. Capacity is sized by that, and with it embodied and idle emissions. The Shapley value of a workload is
what it adds to the peak on average over all orders of arrival (L. S. Shapley, 1953).

- ``exact`` over all coalitions: O(2**n T) for n workloads and T slices; n up to ``MOST_WORKLOADS``.
- ``sampled`` over random orders, each with its reverse, with the standard error of each share: any n.
- ``temporal`` is another rule, for any n in O(n T + T log T): slices are the players, as landings are of an airport's runway (S. C.
  Littlechild, G. Owen, 1973; after L. Han and others, Fair-CO2, 2025). With slice totals sorted, D(1) <= ... <= D(T), slice (k) has
  the value phi(k) = sum over j <= k of (D(j) - D(j-1)) / (T - j + 1), and each unit of demand in it pays a price in proportion. A
  workload that is split into several pays the same.

Demand becomes integers first, so everything but the last division is exact, and the same demand gives the same bits on any machine
and number of threads. Slices sum to less than 2**56 units (``sampled``: 2**31), a unit being a power of two; rounding to it moves
no demand by more than half a unit, 2**-55 (2**-30) of the peak. Integers within that bound are taken as they are.

The functions that end in ``_weights`` take int64 and give integers to apportion by. Those of exact and temporal are the values,
brought to a common denominator and in lowest terms; where one exceeds 62 bits, all are scaled down by the same power of two and
floored. Where there is no demand every weight is zero, and apportioning by them is refused there.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import comb, gcd, lcm, sqrt
from typing import Any, TypeAlias

from greencloud._sampling import SAMPLE_BITS, Tiles
from greencloud._shapley import MOST_WORKLOADS, PEAK_BITS, PRICE_BITS, coalitions, priced, pruned, quantised, scaled, slice_totals
from greencloud.errors import QuantityError

__all__ = ["MOST_WORKLOADS", "Demand", "exact", "exact_weights", "sampled", "sampled_weights", "temporal", "temporal_weights"]

# A two-dimensional, C-contiguous buffer, such as a numpy array. Buffer as a type is Python 3.12's, as is numpy's claim to be one.
Demand: TypeAlias = Any

WEIGHT_BITS = 62
DENOMINATOR_BITS = 440  # of the prices of slices: enough for lcm(1, ..., 288), a day of five minutes; of more it may be 2**440


def exact(demand: Demand) -> array[float]:
    """Each workload's share of the peak, over all coalitions.

    Args:
        demand: any two-dimensional, C-contiguous buffer of float64, such as a numpy array: a row for each workload, a column for
            each slice, at most ``MOST_WORKLOADS`` rows.

    Returns:
        A buffer of float64, in the order of the rows, that sums to 1; ``numpy.asarray`` takes it as it is.

    Raises:
        QuantityError: (a ValueError) another shape or type of demand, too many workloads, an amount that is negative or not finite,
            or none above zero.
    """
    return _shares(_exact(*_read(demand, "d", quantised, PEAK_BITS)))


def exact_weights(demand: Demand) -> list[int]:
    """Integers in proportion to the Shapley values of int64 demand. Raises QuantityError as ``exact``, save for no demand."""
    return _lowest(_exact(*_read(demand, "q", scaled, PEAK_BITS)))


def temporal(demand: Demand) -> array[float]:
    """Each workload's share where slices are the players. As ``exact``, of any number of workloads."""
    return _shares(_temporal(*_read(demand, "d", quantised, PEAK_BITS)))


def temporal_weights(demand: Demand) -> list[int]:
    """Integers in proportion to the shares of ``temporal``, of int64 demand.

    Prices are rational, over the least common multiple of 1 to T; where that exceeds 440 bits, as it does for many more slices than
    the 288 of a day of five minutes, over 2**440 and floored. Raises QuantityError as ``exact``, save for no demand.
    """
    return _lowest(_temporal(*_read(demand, "q", scaled, PEAK_BITS)))


def sampled(demand: Demand, permutations: int, seed: int, threads: int = 1) -> tuple[array[float], array[float]]:
    """Each workload's estimated share of the peak, and the standard error of the estimate.

    Args:
        demand: as for ``exact``, of any number of workloads.
        permutations: how many orders to look at, in pairs of an order and its reverse: an even number, four at least. The error
            falls with its square root; below about 1,000 the errors themselves are rough.
        seed: 0 to 2**64 - 1.
        threads: how many to use; the result does not depend on it.

    Returns:
        Shares as ``exact`` does (they sum to 1), and standard errors likewise.

    Raises:
        QuantityError: as ``exact``, or permutations, seed or threads out of their range.
    """
    sums, squares = _sampled(*_read(demand, "d", quantised, SAMPLE_BITS), permutations, seed, threads)
    shares = _shares(sums)
    pairs = permutations // 2
    # A pair is one observation, of its two marginals together: the variance of their mean, over the square of what they all sum to.
    scale = (pairs - 1) * sum(sums) ** 2
    return shares, array("d", [sqrt((pairs * q - s * s) / scale) for s, q in zip(sums, squares, strict=True)])


def sampled_weights(demand: Demand, permutations: int, seed: int, threads: int = 1) -> list[int]:
    """The sums of the marginals of int64 demand over the orders that ``sampled`` looks at.

    Raises QuantityError as it does, save for no demand.
    """
    return _sampled(*_read(demand, "q", scaled, SAMPLE_BITS), permutations, seed, threads)[0]


def _read(demand: Demand, code: str, whole: Callable[[memoryview, int], array[int]], bits: int) -> tuple[array[int], int]:
    """Demand as integers, flat, and its number of rows."""
    kind, formats = ("float64", {"d"}) if code == "d" else ("int64", {"q", "l"})
    advice = f"give a two-dimensional, C-contiguous buffer of {kind}: numpy.ascontiguousarray(demand, dtype=numpy.{kind})"
    try:
        view = memoryview(demand)
    except TypeError as error:
        raise QuantityError(f"demand of type {type(demand).__name__} is not a buffer", advice=advice) from error
    if view.ndim != 2 or not view.c_contiguous or view.itemsize != 8 or view.format not in formats:
        raise QuantityError(f"demand of shape {view.shape}, strides {view.strides} and items {view.format!r}", advice=advice)
    try:
        return whole(view, bits), len(view)
    except ValueError as error:
        raise QuantityError(str(error)) from error


def _shares(weights: list[int]) -> array[float]:
    whole = sum(weights)
    if whole == 0:
        raise QuantityError(
            f"no demand above zero in {len(weights)} rows: a peak of zero has no shares",
            advice="leave such a window out, or allocate it by what is reserved",
        )
    return array("d", [weight / whole for weight in weights])


def _lowest(weights: list[int]) -> list[int]:
    """In lowest terms, within 62 bits."""
    common = gcd(*weights) or 1
    excess = max((max(weights, default=0) // common).bit_length() - WEIGHT_BITS, 0)
    return [weight // common >> excess for weight in weights]


def _exact(demand: array[int], n: int) -> list[int]:
    if n > MOST_WORKLOADS:
        raise QuantityError(
            f"{n} workloads are more than all coalitions can be looked at: {MOST_WORKLOADS} at most",
            advice="use sampled, or temporal",
        )
    if not any(demand):
        return [0] * n
    every, members = coalitions(pruned(demand, n), n)
    # A workload comes to s others with the probability 1 / n, and to each group of s with the same.
    ways = [n * comb(n - 1, s) for s in range(n)]
    common = lcm(*ways)
    # The groups without a workload are the rest of all.
    return [sum((own[s + 1] - (every[s] - own[s])) * (common // ways[s]) for s in range(n)) for own in members]


def _temporal(demand: array[int], n: int) -> list[int]:
    if not any(demand):
        return [0] * n
    totals = slice_totals(demand, n)
    prices = _prices(totals.tolist())
    weights = [0] * n
    digit = 0
    while any(prices):  # a digit of the prices at a time, because products are 128-bit
        digits = array("q", [price & (1 << PRICE_BITS) - 1 for price in prices])
        weights = [weight + (part << digit) for weight, part in zip(weights, priced(demand, n, digits), strict=True)]
        prices = [price >> PRICE_BITS for price in prices]
        digit += PRICE_BITS
    return weights


def _prices(totals: list[int]) -> list[int]:
    """The value of each slice in the airport game, over the common denominator."""
    denominator = 1
    for count in range(2, len(totals) + 1):
        denominator = lcm(denominator, count)
        if denominator.bit_length() > DENOMINATOR_BITS:
            denominator = 1 << DENOMINATOR_BITS
            break
    prices = [0] * len(totals)
    below = price = 0
    for rank, t in enumerate(sorted(range(len(totals)), key=totals.__getitem__)):
        price += (totals[t] - below) * denominator // (len(totals) - rank)
        below = totals[t]
        prices[t] = price
    return prices


def _sampled(demand: array[int], n: int, permutations: int, seed: int, threads: int) -> tuple[list[int], list[int]]:
    if permutations < 4 or permutations % 2 or permutations >> 32:
        raise QuantityError(
            f"{permutations} permutations",
            advice="give an even number, from 4 to 2**32 - 2: they are taken in pairs, and an error needs two",
        )
    if not 0 <= seed < 1 << 64:
        raise QuantityError(f"seed {seed}", advice="give an integer from 0 to 2**64 - 1")
    if threads < 1:
        raise QuantityError(f"{threads} threads", advice="give 1 or more")
    if not any(demand):
        return [0] * n, [0] * n
    tiles = Tiles(pruned(demand, n), n)
    pairs = permutations // 2
    parts = min(threads, pairs)
    bounds = [pairs * part // parts for part in range(parts + 1)]
    if parts == 1:
        return tiles.marginals(seed, 0, pairs)
    with ThreadPoolExecutor(parts) as pool:
        found = list(pool.map(tiles.marginals, [seed] * parts, bounds[:-1], bounds[1:]))
    return [sum(column) for column in zip(*(sums for sums, _ in found), strict=True)], [
        sum(column) for column in zip(*(squares for _, squares in found), strict=True)
    ]
