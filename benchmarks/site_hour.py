"""An hour of one site, end to end: usage at rest to a posted batch, with every step timed.

    python benchmarks/site_hour.py                 # 1,000 hosts, 50,000 rows of the provider, 20,000 of tenants
    python benchmarks/site_hour.py --hosts 100 --json hour.json

The peer is DuckDB, which adds the same rows up to the same dynamic and idle energy by account and service, in floats: what is left
out is identity by evidence, division by tenants' own rows, overhead and emissions, exactness, quality, the balance check
and the ledger. It says what the sums alone cost.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from greencloud.allocation import RULES, allocate_window, intervals, with_uncertainties
from greencloud.engine.collector import collector_paused
from greencloud.facility import FOREVER, Facility, Factor, FactorKind, Hardware, Host, Reservation, Site
from greencloud.ledger import Ledger, make_batch
from greencloud.units import Window
from greencloud.usage import READINGS, ROWS, SegmentStore, Usage, digest

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
WINDOW = Window(START, 3600)
HOUR_US = 3_600_000_000
WATT_HOUR = 3_600_000


def book(hosts: int, accounts: int, rand: random.Random) -> Facility:
    """A site of equal hosts, metered, with a reservation for every account."""
    always = datetime(2020, 1, 1, tzinfo=UTC)
    factors = {FactorKind.LOCATION: 400, FactorKind.RESIDUAL: 500, FactorKind.UPSTREAM: 50}
    return Facility(
        revision="benchmark",
        window_seconds=3600,
        accounts={},
        sites={"hall": Site("hall", "eu", "DE", Fraction(6, 5), scope1_declared_none=True)},
        hosts={
            ("hall", f"h{i:05}"): Host(f"h{i:05}", "hall", Fraction(64), 256 << 30, idle_watts=Fraction(150)) for i in range(hosts)
        },
        curves={},
        reservations=tuple(
            Reservation(f"a{i:04}", "hall", Fraction(rand.randint(1, 200)), rand.randint(1, 800) << 30, always, FOREVER)
            for i in range(accounts)
        ),
        factors=tuple(Factor("DE", kind, always, FOREVER, Fraction(g * 1_000_000), "made up") for kind, g in factors.items()),
        hardware=tuple(Hardware(f"hw{i}", "hall", 10**12, date(2026, 1, 1), 1460, "made up", f"h{i:05}") for i in range(hosts)),
    )


def usage(hosts: int, accounts: int, per_host: int, told: int, rand: random.Random) -> Usage:
    """``per_host`` rows of the provider on every host, and ``told`` rows that tenants report of operations of the same."""
    blank: dict[str, Any] = {
        "window_start": START,
        "window_s": 3600,
        "site": "hall",
        "sku": "",
        "labels": "{}",
        "caller_account": "",
    }
    blank |= dict.fromkeys(ROWS.names[12:], 0)
    rows = {}
    for i in range(hosts):
        for _ in range(per_host):
            account, service = f"a{rand.randrange(accounts):04}", f"s{rand.randrange(20):02}"
            amounts = {"cpu_ns": rand.randrange(10**9, 10**12), "memory_byte_s": rand.randrange(10**12, 10**14)}
            key = {"host": f"h{i:05}", "account": account, "service": service, "operation": ""}
            rows[tuple(key.values())] = blank | key | amounts | {"source": "provider", "quality": "measured"}
    measured = list(rows.values())
    for number in range(told):
        whole = rand.choice(measured)
        key = {name: whole[name] for name in ("host", "account", "service")} | {"operation": f"GET /{number % 7}"}
        amounts = {"cpu_ns": whole["cpu_ns"] // 3, "count": 100}
        rows[tuple(key.values())] = blank | key | amounts | {"source": "tenant", "quality": "exact"}
    read = [
        {"window_start": START, "window_s": 3600, "site": "hall", "host": f"h{i:05}", "covered_us": HOUR_US, "quality": "measured"}
        | {"energy_mj": rand.randrange(200, 400) * WATT_HOUR, "busy_cpu_ns": 10**14, "memory_byte_s": 10**16}
        for i in range(hosts)
    ]
    return Usage(pa.Table.from_pylist(list(rows.values()), schema=ROWS), pa.Table.from_pylist(read, schema=READINGS))


SQL = """
with used as (
  select host, account, service, sum(cpu_ns + 0.05 * memory_byte_s * 1e9 / 1073741824) as w
  from rows where source = 'provider' group by all
), busy as (select host, sum(w) as w from used group by host)
select u.account, u.service, sum(r.dynamic * u.w / b.w) as dynamic
from used u join busy b using (host) join readings r using (host) group by all
"""


def measured(steps: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    start = time.process_time()
    found = work()
    steps[name] = min(steps.get(name, float("inf")), time.process_time() - start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--per-host", type=int, default=50, help="rows of the provider")
    parser.add_argument("--told", type=int, default=20_000, help="rows of tenants")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", action="store_true", help="every rule, not the default alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rand = random.Random(7)
    facility = book(options.hosts, options.accounts, rand)
    made = usage(options.hosts, options.accounts, options.per_host, options.told, rand)
    steps: dict[str, float] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            store = SegmentStore(Path(folder, "usage"))
            store.write(made)
            read = measured(steps, "read the segment", store.read)
            revision = measured(steps, "digest", lambda: digest(read))  # noqa: B023 - called at once
            with collector_paused():
                found = measured(steps, "allocate", lambda: allocate_window(facility, read, "hall", WINDOW))  # noqa: B023
                sure = measured(steps, "half-widths", lambda: with_uncertainties(found))  # noqa: B023
            batch = measured(
                steps,
                "make the batch",
                lambda: make_batch(replace(found, postings=sure), usage_revision=revision, provisional=False, created=START),  # noqa: B023
            )
            measured(steps, "post it", lambda: Ledger(Path(folder, "ledger")).post(batch))  # noqa: B023
            measured(steps, "(intervals by account)", lambda: intervals([found], ("account",)))  # noqa: B023
        for rule in RULES[1:] if options.rules else ():
            with collector_paused():
                measured(steps, f"(allocate by {rule})", lambda: allocate_window(facility, made, "hall", WINDOW, rule=rule))  # noqa: B023
        rows, readings = made.rows, made.readings.append_column("dynamic", made.readings["energy_mj"].cast(pa.float64()))
        connection = duckdb.connect()
        connection.register("rows", rows)
        connection.register("readings", readings)
        measured(steps, "(DuckDB: dynamic energy in floats)", lambda: connection.execute(SQL).fetchall())  # noqa: B023
    whole = sum(seconds for name, seconds in steps.items() if not name.startswith("("))
    count = made.rows.num_rows
    print(f"{options.hosts:,} hosts, {options.accounts:,} accounts, {count:,} usage rows -> {found.postings.num_rows:,} postings")
    for name, seconds in steps.items():
        print(f"{name:36} {seconds:8.3f} CPU s")
    print(f"{'end to end':36} {whole:8.3f} CPU s  {count / whole:,.0f} rows/s; {3600 / whole:,.0f} such hours in an hour")
    if options.json:
        options.json.write_text(json.dumps({"rows": count, "postings": found.postings.num_rows, "cpu_s": steps}, indent=2) + "\n")


if __name__ == "__main__":
    main()
