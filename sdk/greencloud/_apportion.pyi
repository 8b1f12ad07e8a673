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
    totals: memoryview,
    offsets: memoryview | array[int],
    weights: memoryview | array[int],
    out: memoryview,
) -> None:
    """Apportion ``totals[k, g]`` over ``weights[offsets[g]:offsets[g + 1]]`` into the same places of ``out[k]``, for every line k
    and group g: int64[K, G], int64[G + 1], int64[n], int64[K, n]. The lines share their weights in one pass.

    Everything is checked before anything is written.

    Raises:
        ValueError: as ``apportion``, with the index; or offsets that do not run from 0 to the number of weights without
            going back, or an ``out`` of another shape or sharing memory with an input.
    """

def add_at(
    parts: memoryview,
    places: memoryview | array[int],
    flags: memoryview | array[int],
    sums: memoryview,
    marks: memoryview | array[int],
) -> None:
    """Add ``parts[k, i]`` to ``sums[k, places[i]]``, and the bits of ``flags[i]`` to ``marks[places[i]]`` where any part is not
    zero: int64[K, n], int64[n], int64[n], int64[K, E], int64[E].

    Raises:
        ValueError: shapes that do not fit, or a place out of range; nothing is written then.
        OverflowError: a sum is beyond int64; ``sums`` is of no use then.
    """
