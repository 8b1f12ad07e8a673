"""The Shapley kernel: demand as integers, the walk over coalitions, prices of slices (see ``ext/greencloud/_shapley.pyx``).

Demand is row-major, a row for each workload; past the first two functions it is flat. No other thread may write to a buffer during
a call. Amounts returned are Python integers, because they outgrow 64 bits.
"""

from array import array

PEAK_BITS: int
PRICE_BITS: int
MOST_WORKLOADS: int

def quantised(demand: memoryview, bits: int) -> array[int]:
    """Two-dimensional float64 demand in units of a power of two, to the nearest: the finest in which slices sum below ``2**bits``
    or, where adding up carries over, the next.

    Raises:
        ValueError: an amount that is negative or not finite, with its row and column; or a buffer of other items.
    """

def scaled(demand: memoryview, bits: int) -> array[int]:
    """Two-dimensional int64 demand as it is, or halved to the nearest until slices sum below ``2**bits``.

    Raises:
        ValueError: a negative amount, with its row and column; or a buffer of other items.
    """

def slice_totals(demand: array[int], n: int) -> array[int]:
    """The demand of all workloads by slice. Raises ValueError as ``coalitions``."""

def pruned(demand: array[int], n: int) -> array[int]:
    """Without slices in which no workload demands more than in a certain other one: they never are the peak. Looking ends after a
    fixed number of comparisons for each entry; what is left then stays. Raises ValueError as ``coalitions``.
    """

def coalitions(demand: array[int], n: int) -> tuple[list[int], list[list[int]]]:
    """By number of members, the summed values of all coalitions, and for each workload of those that it is in.

    Raises:
        ValueError: more than ``MOST_WORKLOADS``, no demand, rows of unequal length, or a slice that sums to ``2**PEAK_BITS`` or
            more.
    """

def priced(demand: array[int], n: int, prices: array[int]) -> list[int]:
    """For each workload, the sum of demand times price over slices.

    Raises:
        ValueError: as ``coalitions``, or a price that is not below ``2**PRICE_BITS``.
    """
