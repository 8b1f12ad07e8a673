"""The columns of the ledger: what a posting is once it is in a batch, and what a segment adds for those who read it.

To the allocation's ``POSTINGS`` come the relative half-widths of the 95 % intervals of energy and of both totals, in parts per
million (``UNKNOWN`` where nobody worked them out: that is not zero). They are ratios because all postings of an account and
component in a window share them, so that they cost next to nothing at rest; in sums the half-width of each posting is
``ceil(amount * ppm / 10**6)``.

A segment repeats on every row what a query needs to know of the batch behind it; columns that are constant in a batch take no room
in Parquet.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from greencloud.allocation import DIMENSIONS, POSTING_MEASURES, POSTINGS, UNCERTAINTIES

__all__ = ["BATCH_COLUMNS", "KEY", "MEASURES", "PPM", "ROWS", "SEGMENT", "SEGMENT_ORDER", "UNCERTAINTIES", "UNKNOWN"]

PPM: Final = 1_000_000
UNKNOWN: Final = -1
MEASURES: Final = POSTING_MEASURES

ROWS: Final = pa.schema([*POSTINGS, *(pa.field(name, pa.int32(), nullable=False) for name in UNCERTAINTIES)])
"""A posting of a batch."""

BATCH_COLUMNS: Final = ("batch_id", "provisional", "methodology_version", "posted")

SEGMENT: Final = pa.schema(
    [
        *ROWS,
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("provisional", pa.bool_(), nullable=False),
        pa.field("methodology_version", pa.string(), nullable=False),
        pa.field("posted", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)

SEGMENT_ORDER: Final = (
    "account",
    "window_start",
    "window_s",
    *(name for name in DIMENSIONS if name not in {"account", "window_start", "window_s"}),
)
"""Accounts first: nearly every question is about one account, whose rows then lie together in a file."""

KEY: Final = (*DIMENSIONS, "quality")
"""What two rows of a batch may not share: canonical order is by SEGMENT_ORDER and then by the rest."""
