"""A usage lake: usage by site and window, as others lay it out in folders of Parquet. (Draft of the interface.)"""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.units import Window
from greencloud.usage import Usage

__all__ = ["read_partition"]


def read_partition(uri: str, files: Sequence[str], *, site: str, window: Window) -> Usage:
    """The usage that these files of the lake hold, which must be of that site and window."""
    raise NotImplementedError(f"{uri} {files} {site} {window}")
