"""The sums of a window's entries: int64 amounts, a mask and a count for each key (see ``ext/greencloud/_entries.pyx``).

Not for several threads at once.
"""

from array import array
from collections.abc import Sequence

Key = tuple[str, ...]

class EntrySums:
    """Sums by key, each of ``lines`` amounts."""

    full: int
    """The first line of which a sum is beyond int64, so that it could not be added; -1: there is none."""

    def __init__(self, lines: int) -> None: ...
    def __len__(self) -> int: ...
    def add(self, key: Key, amounts: Sequence[int], mask: int = 0, count: int = 0) -> None:
        """Add to the sums of a key. Nothing (no amount and no count) leaves no trace.

        Raises:
            ValueError: another number of amounts; a negative count.
            OverflowError: an amount outside int64.
        """

    def add_leaves(
        self,
        leaves: Sequence[tuple[object, ...]],
        claims: array[int],
        components: list[str],
        masks: array[int],
        counted: array[int],
        parts: memoryview,
        first: int,
        mask_of: dict[frozenset[str], int],
    ) -> None:
        """Add ``parts[k, i]``, what leaf i gets of line ``first + k``, to the key of the leaf's five names and the component of its
        claim: n leaves of ``greencloud.allocation.leaves.Leaf``, int64[n], m components, int64[m], int64[m], int64[K, n].

        A leaf brings the mask of its claim and of its own flags, where it gets anything or is counted; its operations are counted
        where ``counted`` of its claim is not 0.

        Raises:
            ValueError: shapes that do not fit, or a claim out of range; nothing is added then.
            KeyError: flags that have no mask.
        """

    def keys(self) -> list[Key]:
        """In the order in which they came."""

    def amounts_of(self, key: Key) -> list[int]:
        """Raises KeyError."""

    def mask_of(self, key: Key) -> int:
        """Raises KeyError."""

    def count_of(self, key: Key) -> int:
        """Raises KeyError."""

    def line(self, line: int) -> array[int]:
        """One amount of every key, in the order of ``keys``."""

    def masks(self) -> array[int]: ...
    def counts(self) -> array[int]: ...
