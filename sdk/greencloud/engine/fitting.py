"""Usage of files in the windows of the book, where not all of it goes into them.

A file is taken before anybody knows which windows a later book will have, so that a row may be of a longer window, or overlap a
finer one of the same key, or add up beyond 64 bits. Such a row is told with the windows that it touches, and holds up no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pyarrow as pa

from greencloud.errors import UsageDataError
from greencloud.units import Window
from greencloud.usage import Usage, empty_usage, merge, rebin

__all__ = ["SiteWindow", "in_windows"]

SiteWindow: TypeAlias = tuple[str, Window]

_Places: TypeAlias = dict[SiteWindow, list[int]]


def in_windows(usage: Usage, seconds: int) -> tuple[Usage, dict[SiteWindow, UsageDataError]]:
    """What goes into windows of that length, and the windows of which some does not, each with the reason."""
    try:
        return rebin(usage, seconds), {}
    except UsageDataError:
        pass  # told below, for the windows that it is about
    unfit: dict[SiteWindow, UsageDataError] = {}
    kept = [empty_usage()]
    nothing = empty_usage()
    rows, readings = _places(usage.rows, seconds), _places(usage.readings, seconds)
    for key in sorted(rows.keys() | readings.keys(), key=lambda key: (key[1], key[0])):
        part = Usage(
            usage.rows.take(rows[key]) if key in rows else nothing.rows,
            usage.readings.take(readings[key]) if key in readings else nothing.readings,
        )
        try:
            kept.append(rebin(part, seconds))
        except UsageDataError as error:
            unfit[key] = error
    return merge(kept), unfit


def _places(table: pa.Table, seconds: int) -> dict[SiteWindow, pa.Array]:
    """The rows that touch each window of each site."""
    found: _Places = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("site", "window_start", "window_s"))
    for index, (site, start, length) in enumerate(zip(*columns, strict=True)):
        for window in _touched(start.astimezone(UTC), length, seconds):
            found[site, window].append(index)
    return {key: pa.array(indices, pa.int64()) for key, indices in found.items()}


def _touched(start: datetime, length: int, seconds: int) -> Iterator[Window]:
    window = Window.at(start, seconds)
    while window.start < start + timedelta(seconds=length):
        yield window
        window = Window(window.end, seconds)
