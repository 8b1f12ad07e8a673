"""The Shapley kernel: marginals of random orders (see ``ext/greencloud/_sampling.pyx``)."""

from array import array

SAMPLE_BITS: int

class Tiles:
    """Flat row-major demand of ``n`` workloads, laid out for sampling. Never changes; threads share it.

    Raises:
        ValueError: no demand, rows of unequal length, or a slice that sums to ``2**SAMPLE_BITS`` or more.
    """

    n: int
    def __init__(self, demand: array[int], n: int) -> None: ...
    def marginals(self, seed: int, first: int, last: int) -> tuple[list[int], list[int]]:
        """For each workload, the sum over pairs ``first`` to ``last`` (exclusive) of its marginals in an order and in its reverse
        together, and the sum of their squares. Releases the interpreter lock.

        Raises:
            ValueError: pairs outside 0 to 2**31.
            OverflowError: a seed outside 0 to 2**64.
        """
