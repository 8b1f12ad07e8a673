"""What a test server has: two tenants on two sites, measured host by host and hour by hour over two days, the same each time.

``acme`` runs ``shop``, ``till`` and ``search`` and is busy by day, ``globex`` runs ``reports`` and is busy by night; at ``fra1`` is
only ``acme``. Every figure is made up; the book says so.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.testing.server import END, START
from greencloud.units import format_instant
from greencloud.usage import ROWS

__all__ = ["book", "usage"]

_HOUR_S: Final = 3600
_SECOND_NS: Final = 1_000_000_000
_GIB: Final = 1 << 30
# (site, host, account, service, sku, operation, virtual CPUs that are busy by day, by night, operations an hour)
_LOAD: Final = (
    ("osl1", "n1", "acme", "shop", "std-4", "browse", 2_000, 400, 36_000),
    ("osl1", "n1", "acme", "till", "std-2", "checkout", 900, 150, 2_400),
    ("osl1", "n1", "acme", "search", "std-2", "query", 700, 100, 50_000),
    ("osl1", "n1", "globex", "reports", "batch-2", "nightly", 100, 1_600, 12),
    ("fra1", "f1", "acme", "shop", "std-4", "browse", 1_200, 300, 20_000),
)
_HOSTS: Final = (("osl1", "n1", 45_000, 12_000), ("fra1", "f1", 30_000, 9_000))
"""(site, host, milliwatts idle, milliwatts for each busy virtual CPU)"""


def book(folder: Path) -> Path:
    """The facility book as a file in ``folder``, with the readings of the hosts' meters beside it."""
    text = files("greencloud.testing").joinpath("facility.toml").read_text(encoding="utf-8")
    with (folder / "meters.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(_reading(START, *_HOSTS[0])))
        table.writeheader()
        table.writerows(_reading(start, *host) for start in _hours() for host in _HOSTS)
    path = folder / "facility.toml"
    path.write_text(text, encoding="utf-8")
    return path


def usage(folder: Path) -> Path:
    """Usage as a Parquet file in ``folder``."""
    rows = [row for start in _hours() for load in _LOAD for row in _rows(start, load)]
    path = folder / "usage.parquet"
    pq.write_table(pa.Table.from_pylist(rows, ROWS), path)
    return path


def _hours() -> list[datetime]:
    return [START + timedelta(hours=hour) for hour in range(int((END - START).total_seconds()) // _HOUR_S)]


def _millis(load: tuple[Any, ...], start: datetime) -> int:
    """Thousandths of a virtual CPU that are busy in that hour; a little more each hour, so that no two windows are alike."""
    return int(load[6] if 8 <= start.hour < 20 else load[7]) + start.hour + 3 * start.day


def _rows(start: datetime, load: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The provider's measurement of a service, and the tenant's own word of what it was for."""
    site, host, account, service, sku, operation, *_, count = load
    cpu_ns = _millis(load, start) * _HOUR_S * _SECOND_NS // 1000
    common = {
        "window_start": start,
        "window_s": _HOUR_S,
        "site": site,
        "host": host,
        "account": account,
        "service": service,
        "sku": sku,
        "labels": '{"team":"web"}' if service == "shop" else "{}",
        "caller_account": "",
        "cpu_ns": cpu_ns,
        "disk_bytes": 0,
        "network_bytes": 0,
        "gpu_ns": 0,
    }
    measured = {"operation": "", "source": "provider", "quality": "measured", "memory_byte_s": 2 * _GIB * _HOUR_S, "count": 0}
    traced = {"operation": operation, "source": "tenant", "quality": "exact", "memory_byte_s": 0, "count": count}
    return [common | measured, common | traced]


def _reading(start: datetime, site: str, host: str, idle_mw: int, busy_mw: int) -> dict[str, Any]:
    millis = sum(_millis(load, start) for load in _LOAD if load[:2] == (site, host))
    return {
        "window_start": format_instant(start),
        "window_s": _HOUR_S,
        "site": site,
        "host": host,
        "energy_j": (idle_mw + busy_mw * millis // 1000) * _HOUR_S // 1000,
        "busy_cpu_ns": millis * _HOUR_S * _SECOND_NS // 1000,
        "memory_byte_s": 16 * _GIB * _HOUR_S,
    }
