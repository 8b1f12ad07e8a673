"""How much memory a worker needs for a window, by its rows of usage, so that one that does not fit is refused and not tried.

A window in one piece takes some 1,500 bytes a row and a thousand for each posting. With more than ``MOST_ROWS`` it is allocated in
parts (``window_batch``): then the rows at rest count (read, and merged into canonical order), what is packed of them, and one part
at a time. The line was measured by ``benchmarks/window_memory.py`` (hosts of 240 rows, 20 accounts on each; its table is in
``benchmarks/README.md``) and lies above every point of it; fewer rows for each account on a host take more, more take less.
"""

from __future__ import annotations

from typing import Final

from greencloud.engine.window_batch import MOST_ROWS
from greencloud.errors import AllocationError
from greencloud.units import Window

__all__ = ["check_memory", "memory_of", "most_rows_in"]

_FIXED: Final = 256 << 20
_ROW: Final = 450
_ALLOCATED_ROW: Final = 2_200


def memory_of(rows: int) -> int:
    """Bytes that a process needs for a window of so many rows, with the interpreter and its libraries."""
    return _FIXED + _ROW * rows + _ALLOCATED_ROW * min(rows, MOST_ROWS)


def most_rows_in(memory: int) -> int:
    """The rows of the largest window that goes into so many bytes."""
    left = max(0, memory - _FIXED)
    few = left // (_ROW + _ALLOCATED_ROW)
    return few if few < MOST_ROWS else (left - _ALLOCATED_ROW * MOST_ROWS) // _ROW


def check_memory(site: str, window: Window, rows: int, memory: int) -> None:
    """Whether a window goes into a worker of so many bytes.

    Raises:
        AllocationError: by its rows it does not.
    """
    needs = memory_of(rows)
    if needs > memory:
        most = most_rows_in(memory)
        smaller = (
            f"; or keep windows to {most:,} rows: make them shorter (window in the facility book), or make each hall a site, "
            "with meters of its own"
        )
        raise AllocationError(
            f"site {site!r}, {window}: {rows:,} usage rows need some {_gib(needs)} of memory, and a worker has {_gib(memory)}",
            site=site,
            window=str(window),
            advice=f"give workers {_gib(needs)}{smaller if most else ''}",
        )


def _gib(size: int) -> str:
    return f"{-(-size * 10 >> 30) / 10:.1f} GiB"
