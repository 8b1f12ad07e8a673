"""The fleet kernel: usage columns to exact sums by group, at memory speed (see ``ext/greencloud/_fleet.pyx``).

Use it through ``greencloud.allocation.fleet``. Buffers are contiguous: codes int32, amounts and offsets int64, columns of use and
of reservations all float32 or all float64. No other thread may write to a buffer during a call.
"""

from array import array
from collections.abc import Sequence

from typing_extensions import Buffer

def wide(choice: bool | None = None) -> bool:
    """Whether the loops for AVX2 are in use; with a choice, use them (where the machine has them) or not. Results are the same."""

def bounds_of(window: Buffer, windows: int) -> array[int]:
    """The first row of each window and the number of rows, of codes sorted by window. A pass finds out if they are not sorted."""

def offsets_of(window: Buffer, host: Buffer, windows: int, hosts: int) -> array[int]:
    """Where each host-window begins once rows are in order of window and host.

    Raises:
        UsageDataError: a code out of range, with its row.
    """

def sorted_codes(codes: Buffer) -> bool:
    """Whether codes never go back."""

def order(source: Buffer, out: Buffer, codes: Buffer, offsets: Buffer, width: int) -> None:
    """Brings a column, as bytes of 4 or 8 an item, in the order of its codes, within parts of ``width`` codes: part p holds rows
    ``offsets[p * width]`` to ``offsets[(p + 1) * width]``, code c of it begins at ``offsets[p * width + c]``. Equal codes keep
    their order."""

class Site:
    """The facility's side, dense by code; amounts of host-windows at ``window * hosts + host``.

    Raises:
        ValueError: a negative amount, a length that differs, a window whose totals reach 2**52.
    """

    windows: int
    hosts: int
    keep_unsold: bool
    def __init__(
        self,
        *,
        windows: int,
        hosts: int,
        dynamic_mj: Buffer,
        idle_mj: Buffer,
        embodied_ug: Buffer,
        overhead_mj: Buffer,
        location_ug_per_kwh: Buffer,
        market_ug_per_kwh: Buffer,
        capacity: Buffer,
        keep_unsold: bool = False,
    ) -> None: ...
    def totals(self) -> list[int]:
        """Dynamic, idle, overhead, location, market and embodied, of all windows together."""

class Columns:
    """The rows' group, use and reservations, with the weights of the latter two. Items are checked as a pass meets them."""

    rows: int
    groups: int
    def __init__(
        self,
        *,
        group: Buffer,
        groups: int,
        use: Sequence[Buffer],
        use_weights: Sequence[float],
        reserved: Sequence[Buffer],
        reserved_weights: Sequence[float],
    ) -> None: ...

class Worker:
    """One thread's sums. Any windows may go to any worker: sums of workers added are the same bits."""

    def __init__(self, site: Site, columns: Columns) -> None: ...
    def by_window(self, window: Buffer, host: Buffer, bounds: Buffer, first: int, last: int) -> None:
        """Takes the rows of windows first to last, hosts in any order. Raises UsageDataError for a row that cannot be taken."""

    def by_host_window(self, offsets: Buffer, first: int, last: int) -> None:
        """The same for rows in order of (window, host), by where each host-window begins."""

    def add_to(self, out: Buffer, unattributed: Buffer, unsold: Buffer) -> None:
        """Adds the sums: seven outputs, in ``out`` each for all groups."""
