"""Memory and time of allocating one site and window, step by step, as its usage rows grow.

    python -m benchmarks.window_memory --rows 100_000 1_000_000 [--part-rows 250_000] [--json FILE]

A host has 240 rows of 20 accounts: for each, 2 rows of the provider and 10 that the tenant reports of operations. Every size runs
in a process of its own; a step's memory is the highest resident size (VmHWM) while it ran, above that of the interpreter with its
imports. With ``--part-rows`` the window is allocated in parts as well, one after another, and must come to the same batch.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from benchmarks.site_hour import HOUR_US, START, WATT_HOUR, WINDOW, book

from greencloud.allocation import DEFAULT_RULE, allocate_window, rule_named
from greencloud.allocation.joined import join_parts
from greencloud.allocation.parts import PartInputs, WholeWindow, allocate_part, on_hosts, plan_parts, split_hosts, survey_part
from greencloud.engine.batch import batch_of
from greencloud.engine.collector import collector_paused
from greencloud.ledger import Batch, make_batch
from greencloud.ledger.header import Header
from greencloud.ledger.segments import rows_of, write_segment
from greencloud.usage import READINGS, ROWS, Usage, digest, merge
from greencloud.usage.digest import Digest

PER_HOST = 240
ON_HOST = 20  # accounts
PROVIDER = 2  # rows of an account on a host


def usage(rows: int, accounts: int, seed: int = 1) -> Usage:
    """Rows whose keys are distinct by construction."""
    rng = np.random.default_rng(seed)
    hosts = rows // PER_HOST
    count = hosts * PER_HOST
    at = np.arange(count)
    host, within = np.divmod(at, PER_HOST)
    which, row = np.divmod(within, PER_HOST // ON_HOST)
    start = rng.integers(0, accounts, hosts)
    account = (start[host] + which * 7) % accounts
    told = row >= PROVIDER
    service = np.where(told, row % PROVIDER, row)
    operation = np.where(told, 1 + (row + which) % 40, 0)
    label = np.where(told, 1 + account % 5, 0)

    def texts(codes: np.ndarray, names: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names)).cast(pa.string())

    def same(value: object, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), count)

    columns = {
        "window_start": same(START, pa.timestamp("us", tz="UTC")),
        "window_s": same(3600, pa.int32()),
        "site": same("hall", pa.string()),
        "host": texts(host, [f"h{i:05}" for i in range(hosts)]),
        "account": texts(account, [f"a{i:04}" for i in range(accounts)]),
        "service": texts(service + 2 * (account % 10), [f"service-{i:02}" for i in range(20)]),
        "sku": same("", pa.string()),
        "operation": texts(operation, ["", *(f"GET /v1/things/{i}" for i in range(1, 41))]),
        "labels": texts(label, ["{}", *(f'{{"team":"t{i}"}}' for i in range(5))]),
        "caller_account": same("", pa.string()),
        "source": texts(told.astype(int), ["provider", "tenant"]),
        "quality": texts(told.astype(int), ["measured", "exact"]),
    }
    amounts = {
        "cpu_ns": rng.integers(10**9, 10**12, count) // np.where(told, 6, 1),
        "memory_byte_s": np.where(told, 0, rng.integers(10**12, 10**14, count)),
        "count": np.where(told, rng.integers(1, 10**6, count), 0),
    }
    columns |= {name: pa.array(amounts.get(name, np.zeros(count, np.int64))) for name in ROWS.names[12:]}
    read = {
        "window_start": pa.repeat(pa.scalar(START, READINGS.field("window_start").type), hosts),
        "window_s": pa.repeat(pa.scalar(3600, pa.int32()), hosts),
        "site": pa.repeat("hall", hosts),
        "host": [f"h{i:05}" for i in range(hosts)],
        "energy_mj": rng.integers(200, 400, hosts) * WATT_HOUR,
        "covered_us": pa.repeat(HOUR_US, hosts),
        "busy_cpu_ns": pa.repeat(10**14, hosts),
        "memory_byte_s": pa.repeat(10**16, hosts),
        "quality": pa.repeat("measured", hosts),
    }
    return Usage(pa.table(columns, schema=ROWS), pa.table(read, schema=READINGS))


def resident(field: str) -> int:
    """Bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise ValueError(field)


class Steps:
    """What each step took: seconds of the processor, and its highest memory above what there was at the beginning."""

    def __init__(self) -> None:
        self.base = resident("VmRSS")
        self.seconds: dict[str, float] = {}
        self.peak: dict[str, int] = {}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        pa.default_memory_pool().release_unused()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what there is now
        start = time.process_time()
        found = work()
        self.seconds[name] = time.process_time() - start
        self.peak[name] = resident("VmHWM") - self.base
        return found


def whole(folder: Path, accounts: int) -> dict[str, Any]:
    """Allocate the window that lies in the folder."""
    rows, readings = folder / "rows.parquet", folder / "readings.parquet"
    hosts = pq.read_metadata(readings).num_rows
    facility = book(hosts, accounts, random.Random(7))
    steps = Steps()
    parts = [steps.run("read", lambda: Usage(pq.read_table(rows).cast(ROWS), pq.read_table(readings).cast(READINGS)))]
    known = [steps.run("merge", lambda: merge(parts))]
    parts.clear()
    count = known[0].rows.num_rows
    revision = steps.run("digest", lambda: digest(known[0]))
    with collector_paused():
        found = [steps.run("allocate", lambda: allocate_window(facility, known[0], "hall", WINDOW))]
        known.clear()
        batch = steps.run(
            "half-widths and batch",
            lambda: batch_of(found[0], usage_revision=revision, provisional=False, created=START),
        )
        found.clear()
    steps.run("write the segment", lambda: written(folder, batch))
    return {"rows": count, "parts": 1, **told(batch, steps)}


def in_parts(folder: Path, accounts: int, most: int) -> dict[str, Any]:
    """The same with hosts in ranges of at most so many rows, one after another in this process."""
    rows, readings = folder / "rows.parquet", folder / "readings.parquet"
    count = pq.read_metadata(rows).num_rows
    facility = book(pq.read_metadata(readings).num_rows, accounts, random.Random(7))
    steps = Steps()
    read_all = pq.read_table(readings).cast(READINGS)
    whole = WholeWindow(facility, "hall", WINDOW, read_all, rule_named(DEFAULT_RULE))
    split = split_hosts(facility, "hall", lambda host: PER_HOST if host else 0, most)
    stored = ds.dataset(rows)
    total = Digest()

    def read(hosts: Sequence[str]) -> PartInputs:
        wanted = on_hosts(facility, "hall", hosts)
        table = stored.to_table(filter=wanted, batch_size=1 << 16, batch_readahead=1)
        return PartInputs(merge([Usage(table.cast(ROWS), read_all.filter(wanted))]))

    def revision() -> str:
        for hosts in split:
            total.rows(read(hosts).usage.rows)
        total.readings(merge([Usage(ROWS.empty_table(), read_all)]).readings)
        return total.hexdigest()

    digested = steps.run("digest", revision)
    surveys = steps.run("survey", lambda: [survey_part(whole, read(hosts), hosts) for hosts in split])
    plan = plan_parts(whole, surveys)
    with collector_paused():
        parts = steps.run("allocate parts", lambda: [allocate_part(whole, read(hosts), plan, hosts) for hosts in split])
        joined = steps.run("join", lambda: join_parts(whole, plan, parts))
        parts.clear()
        made = steps.run("batch", lambda: make_batch(joined, usage_revision=digested, provisional=False, created=START))
    steps.run("write the segment", lambda: written(folder, made))
    return {"rows": count, "parts": len(split), **told(made, steps)}


def written(folder: Path, batch: Batch) -> Path:
    header = Header(batch.summary, batch.totals)
    return write_segment(folder, [header], rows_of(batch.summary, batch.postings), token="benchmark")


def told(batch: Batch, steps: Steps) -> dict[str, Any]:
    return {"postings": batch.postings.num_rows, "batch": batch.summary.id, "cpu_s": steps.seconds, "peak": steps.peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--part-rows", type=int, default=0, help="allocate in parts of so many rows, too")
    parser.add_argument("--only-parts", action="store_true", help="not in one piece")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work = (
            in_parts(options.child, options.accounts, options.part_rows)
            if options.part_rows
            else whole(options.child, options.accounts)
        )
        print(json.dumps(work))
        return
    found = []
    sizes = ([] if options.only_parts else [0]) + ([options.part_rows] if options.part_rows else [])
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            made = usage(rows, options.accounts)
            pq.write_table(made.rows, Path(folder, "rows.parquet"), row_group_size=1 << 18)
            pq.write_table(made.readings, Path(folder, "readings.parquet"))
            del made
            pa.default_memory_pool().release_unused()
            ids = set()
            for most in sizes:
                child = ["--child", folder, "--accounts", str(options.accounts), "--part-rows", str(most)]
                answer = subprocess.run(
                    [sys.executable, "-m", "benchmarks.window_memory", *child], check=True, stdout=subprocess.PIPE, text=True
                )
                found.append(json.loads(answer.stdout))
                show(found[-1])
                ids.add(found[-1]["batch"])
            if len(ids) > 1:
                raise SystemExit("parts came to another batch than the whole")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def show(found: dict[str, Any]) -> None:
    count = found["rows"]
    print(f"{count:,} rows in {found['parts']} parts -> {found['postings']:,} postings, batch {found['batch'][:12]}")
    for name, peak in found["peak"].items():
        print(
            f"  {name:24} {found['cpu_s'][name]:9.2f} CPU s {peak / 2**20:9,.0f} MiB {peak / count:8,.0f} bytes a row", flush=True
        )


if __name__ == "__main__":
    main()
