"""The allocation kernel: largest remainder over int64, exact (see ``ext/greencloud/_apportion.pyx``).

Buffers are contiguous int64; an Arrow buffer is one after ``memoryview(buffer).cast("q")``. No other thread may write to a
buffer during a call.
"""

from array import array
from collections.abc import Iterable

def apportion(total: int, weights: memoryview | Iterable[int]) -> array[int]:
    """Integer parts of ``total`` in proportion to ``weights``, in their order; ties go to the lower index.

    Raises:
        ValueError: a negative total, a negative weight (with its index), or nothing positive for a positive total to go to; or a
            buffer whose items are not int64.
        BufferError: a buffer with gaps between its items.
        OverflowError: a total or weight outside int64.
    """

def apportion_groups(
    totals: memoryview | array[int],
    offsets: memoryview | array[int],
    weights: memoryview | array[int],
    out: memoryview | array[int],
) -> None:
    """Apportion ``totals[g]`` over ``weights[offsets[g]:offsets[g + 1]]`` into the same places of ``out``, for every group g.

    Everything is checked before anything is written.

    Raises:
        ValueError: as ``apportion``, with the index; or offsets that do not run from 0 to the number of weights without
            going back, or an ``out`` of another length or sharing memory with an input.
    """
