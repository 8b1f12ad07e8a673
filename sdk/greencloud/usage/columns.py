"""The two tables that allocation reads, as Arrow schemas, and the value that carries them.

``ROWS``: who used what, where and when. One row per key; the key is every column of ``KEY``. A row that the provider measured
(``source`` "provider") says *how much* an account used on a host; a row that the tenant reported (``source`` "tenant") says
*for what*, and can only divide that tenant's own share (law 4).

``READINGS``: what the provider's meters and agents say of whole hosts in a window (host "" is the whole facility). A null is
"not known", never zero.

Units are in the names: ``_ns`` nanoseconds, ``_byte_s`` byte-seconds, ``_mj`` millijoules, ``_us`` microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

__all__ = ["KEY", "MEASURES", "QUALITIES", "READINGS", "READING_KEY", "READING_QUALITIES", "ROWS", "SOURCES", "Usage"]

_TEXT = pa.string()

ROWS: Final = pa.schema(
    [
        pa.field("window_start", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("window_s", pa.int32(), nullable=False),
        pa.field("site", _TEXT, nullable=False),
        pa.field("host", _TEXT, nullable=False),  # "" where the host is not known
        pa.field("account", _TEXT, nullable=False),
        pa.field("service", _TEXT, nullable=False),
        pa.field("sku", _TEXT, nullable=False),
        pa.field("operation", _TEXT, nullable=False),
        pa.field("labels", _TEXT, nullable=False),  # canonical JSON object, keys sorted; "{}" for none
        pa.field("caller_account", _TEXT, nullable=False),  # who an internal service worked for; "" where not known
        pa.field("source", _TEXT, nullable=False),  # provider | tenant
        pa.field("quality", _TEXT, nullable=False),  # exact | measured | estimated
        pa.field("cpu_ns", pa.int64(), nullable=False),
        pa.field("memory_byte_s", pa.int64(), nullable=False),
        pa.field("disk_bytes", pa.int64(), nullable=False),
        pa.field("network_bytes", pa.int64(), nullable=False),
        pa.field("gpu_ns", pa.int64(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),  # operations (spans) in the row; 0 for metrics
    ]
)

KEY: Final = tuple(ROWS.names[:12])
MEASURES: Final = tuple(ROWS.names[12:])
SOURCES: Final = ("provider", "tenant")
QUALITIES: Final = ("exact", "measured", "estimated")
READING_QUALITIES: Final = ("measured", "modelled")

READINGS: Final = pa.schema(
    [
        pa.field("window_start", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("window_s", pa.int32(), nullable=False),
        pa.field("site", _TEXT, nullable=False),
        pa.field("host", _TEXT, nullable=False),
        pa.field("energy_mj", pa.int64(), nullable=True),
        pa.field("covered_us", pa.int64(), nullable=False),
        pa.field("busy_cpu_ns", pa.int64(), nullable=True),
        pa.field("memory_byte_s", pa.int64(), nullable=True),
        pa.field("quality", _TEXT, nullable=False),  # measured | modelled
    ]
)

READING_KEY: Final = ("window_start", "window_s", "site", "host")


@dataclass(frozen=True, slots=True)
class Usage:
    """Rows and host readings, each in canonical order (sorted by key) and without repeats."""

    rows: pa.Table
    readings: pa.Table
