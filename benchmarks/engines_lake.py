"""The data of ``engines.py``: a lake of usage with its facility book, made up and the same every time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2026, 7, 1, tzinfo=UTC)
ACCOUNTS, SERVICES = 200, 20
WATT_HOUR = 3_600_000
"""Millijoules."""

FACTORS = {"location": 400, "residual": 500, "upstream": 50}
PUE = "1.2"
IDLE_WATTS = 150


def book(folder: Path, sites: int, hosts: int) -> Path:
    """Sites of equal, metered hosts, with a reservation of each account at each site."""
    lines = ['[facility]\nname = "made up"\n', *(f'[[accounts]]\nid = "a{account:04}"\n' for account in range(ACCOUNTS))]
    for site in range(sites):
        lines.append(f'[[sites]]\nid = "s{site}"\nregion = "eu"\ngrid_zone = "DE"\npue = {PUE}\nscope1 = "none"\n')
        lines += [
            f'[[hosts]]\nid = "s{site}-h{host:05}"\nsite = "s{site}"\nvcpu = 64\nmemory = "256 GiB"\nidle_watts = {IDLE_WATTS}\n'
            for host in range(hosts)
        ]
        lines += [
            f'[[reservations]]\naccount = "a{account:04}"\nsite = "s{site}"\nvcpu = {1 + (account * 7) % 60}\nstart = 2026-01-01\n'
            for account in range(ACCOUNTS)
        ]
    for kind, grams in FACTORS.items():
        lines.append(f'[[factors]]\nzone = "DE"\nkind = "{kind}"\nstart = 2020-01-01\ng_per_kwh = {grams}\nsource = "made up"\n')
    path = folder / "facility.toml"
    path.write_text("\n".join(lines))
    return path


def lake(folder: Path, *, sites: int, hosts: int, hours: int, per_host: int) -> tuple[int, int]:
    """Write it; usage rows and bytes."""
    rand = random.Random(1)
    rows = size = 0
    for site in range(sites):
        for hour in range(hours):
            start = START + timedelta(hours=hour)
            place = f"site=s{site}/window_start={start:%Y-%m-%dT%H%%3A%M%%3A%SZ}"
            used = _rows(rand, site, hosts, per_host)
            read = {
                "host": [f"s{site}-h{host:05}" for host in range(hosts)],
                "energy_mj": [rand.randrange(200, 400) * WATT_HOUR for _ in range(hosts)],
                "covered_us": [3_600_000_000] * hosts,
                "busy_cpu_ns": [64 * 3600 * 10**9] * hosts,
                "quality": ["measured"] * hosts,
            }
            for under, table in ((place, pa.table(used)), (f"readings/{place}", pa.table(read))):
                path = folder / under / "part-0.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, path, compression="zstd")
                size += path.stat().st_size
            rows += len(used["host"])
    return rows, size


def _rows(rand: random.Random, site: int, hosts: int, per_host: int) -> dict[str, list[object]]:
    """What the provider measured: on each host some accounts with some services, each of them once."""
    found: dict[str, list[object]] = {name: [] for name in ("host", "account", "service", "cpu_ns", "source", "quality")}
    for host in range(hosts):
        picked = sorted({(rand.randrange(ACCOUNTS), rand.randrange(SERVICES)) for _ in range(per_host)})
        for account, service in picked:
            names = f"s{site}-h{host:05}", f"a{account:04}", f"s{service:02}"
            values = (*names, rand.randrange(10**9, 10**12), "provider", "measured")
            for name, value in zip(found, values, strict=True):
                found[name].append(value)
    return found
