"""Numbers the distinct combinations of columns (see ``ext/greencloud/_combinations.pyx``)."""

from array import array

Column = memoryview | array[int]

def combinations(
    owner: Column, resource: Column, metric: Column, attributes: Column, fault: Column
) -> tuple[array[int], array[int], array[int]]:
    """Number the distinct combinations of the first four columns in order of their first points.

    Gives the number of each point's combination (int32); and of each combination its first point (int64) and the faults that its
    points have, as bits (uint16).

    Raises:
        ValueError: columns of different lengths or other types.
    """
