"""Sums by group over dictionary-encoded columns (see ``ext/greencloud/_sums.pyx``).

Columns are contiguous buffers of one length; an Arrow buffer of codes is one after ``memoryview(buffer).cast("i")``. They are
held, not copied, as long as the object lives.
"""

from array import array
from collections.abc import Sequence

class Columns:
    """``codes``: a column of int32 for each dimension, each below the ``sizes`` of it; ``measures``: columns of int64; ``flags``:
    bytes that are united; ``posted``: int64, of which the largest counts. At most 16 dimensions and 16 measures.

    Raises:
        ValueError: columns of different lengths or of another type, sizes that do not fit.
    """

    rows: int

    def __init__(
        self,
        codes: Sequence[memoryview | array[int]],
        sizes: Sequence[int],
        measures: Sequence[memoryview | array[int]],
        flags: memoryview | bytes,
        posted: memoryview | array[int],
    ) -> None: ...
    def sums(
        self, by: Sequence[int], masks: Sequence[tuple[int, bytes]], bounds: memoryview | array[int], most: int = ...
    ) -> list[tuple[tuple[int, ...], int, int, tuple[int, ...]]]:
        """For each combination of codes in the dimensions ``by`` that occurs: codes, flags, the largest ``posted``, and the exact
        sum of each measure; in the order of their first rows.

        Rows are those of the ranges ``[bounds[2k], bounds[2k + 1])``, which ascend, and of which each mask (a dimension, a byte for
        each of its codes) has a byte that is not zero.

        Raises:
            ValueError: a dimension that is not there, a mask of another length, bounds out of order or out of range, or a row whose
                code is not below its dimension's size.
            OverflowError: sizes ``by`` whose product is 2**63 or more, or more than ``most`` combinations that occur.
        """
