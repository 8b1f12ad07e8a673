"""A month of usage on every engine, with plain Spark SQL over the same lake as the peer.

    python -m benchmarks.engines                                  # 20 million rows; Spark wants Java: some twenty minutes
    python -m benchmarks.engines --hours 24 --engines processes   # a day, without Spark
    python -m benchmarks.engines --commits                        # commit time as the table grows to 100,000 files

Seconds of the whole run over a lake, from an empty ledger to the last commit. ``work_s`` is what workers say of reading, allocating
and writing, added up, over the number of workers: what the kernels and the files cost. ``over_%`` is what the engine and the driver
add to it. ``peak`` is the most memory of any worker, ``all`` of all processes at once. Every engine must leave the same bits.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from benchmarks import engines_lake, engines_sql
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.partition import Made, Partition
from greencloud.engine.pool import ProcessPool
from greencloud.engine.runner import Runner
from greencloud.ledger.segments import content_in
from greencloud.ledger.version import Commit, Segment

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class Watched:
    """A runner, and what its workers said."""

    runner: Runner
    made: list[Made] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.runner.name

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        for made in self.runner.map(parts, place):
            self.made.append(made)
            yield made


@contextmanager
def memory_watched(found: dict[str, int]) -> Iterator[None]:
    """The most that this process and all below it have at once."""
    ended = threading.Event()

    def watch() -> None:
        own = psutil.Process()
        while not ended.wait(0.2):
            total = 0
            for each in (own, *own.children(recursive=True)):
                try:
                    total += each.memory_info().rss
                except psutil.Error:
                    continue
            found["all"] = max(found.get("all", 0), total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def bits(data: DataDirectory) -> str:
    """A digest of every visible segment's content and bytes."""
    root = data.ledger.store.root
    segments = sorted(data.ledger.snapshot().contents.segments(), key=lambda segment: content_in(segment.path))
    digest = sha256()
    for segment in segments:
        digest.update(content_in(segment.path).encode())
        digest.update(sha256((root / segment.path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def engine_run(folder: Path, name: str, runner: Runner, workers: int) -> dict[str, Any]:
    data = DataDirectory.open(folder / name, create=True)
    data.apply_facility(folder / "facility.toml")
    watched, memory = Watched(runner), dict[str, int]()
    with memory_watched(memory):
        began = time.perf_counter()
        run = run_allocation(data, now=NOW, lake=str(folder / "lake"), runner=watched)
        seconds = time.perf_counter() - began
    assert not run.refused, run.refused[0]
    rows = sum(made.usage_rows for made in watched.made)
    work = sum(made.read_s + made.allocate_s + made.write_s for made in watched.made) / workers
    found = {
        "engine": name,
        "s": round(seconds, 1),
        "rows/s": round(rows / seconds),
        "windows": len(watched.made),
        "work_s": round(work, 1),
        "over_%": round(100 * (seconds - work) / work, 1),
        "ms a window": round(1000 * (seconds - work) / len(watched.made), 1),
        "read/allocate/write": " / ".join(
            f"{sum(getattr(made, part) for made in watched.made):.0f}" for part in ("read_s", "allocate_s", "write_s")
        ),
        "peak MB": max(made.peak_bytes for made in watched.made) >> 20,
        "all MB": memory["all"] >> 20,
        "postings": sum(made.rows for made in watched.made),
        "segment MB": sum(made.size for made in watched.made) >> 20,
        "inputs MB": sum(path.stat().st_size for path in (folder / name / "inputs").rglob("*.arrows")) >> 20,
        "energy": sum(batch.metered_energy.millijoules for batch in run.posted),
        "bits": bits(data),
    }
    shutil.rmtree(folder / name)
    return found


def spark_runs(folder: Path, master: str, name: str, *, sql: bool) -> Iterator[dict[str, Any]]:
    """The run on a warm session; then, with ``sql``, the same in Spark SQL."""
    from greencloud.engine.spark import SparkRunner
    from greencloud.engine.spark_session import spark_session

    began = time.perf_counter()
    with spark_session(master, conf={"spark.sql.shuffle.partitions": "16", "spark.sql.session.timeZone": "UTC"}) as session:
        session.range(10).count()
        started = time.perf_counter() - began
        found = engine_run(folder, name, SparkRunner(session, cores=2), 2)
        yield found | {"start s": round(started, 1)}
        if sql:
            memory = dict[str, int]()
            with memory_watched(memory):
                began = time.perf_counter()
                postings, energy = engines_sql.run(session, folder / "lake", folder / "sql")
                seconds = time.perf_counter() - began
            yield {
                "engine": f"{name}: plain SQL",
                "s": round(seconds, 1),
                "postings": postings,
                "energy": energy,
                "all MB": memory["all"] >> 20,
            }
            shutil.rmtree(folder / "sql")


def commit_times(folder: Path) -> Iterator[dict[str, Any]]:
    """How long a commit of one day (24 segments) takes in a table of so many files. Files that are named need not be there."""
    data = DataDirectory.open(folder / "commits", create=True)
    ledger = data.ledger
    ledger.store.prepare()
    number = 0

    def commit(count: int) -> float:
        nonlocal number
        added = []
        for _ in range(count):
            start = engines_lake.START + timedelta(hours=number % 8760)
            added.append(Segment(f"segments/{number:064x}-1-x.parquet", f"s{number // 8760}", start, start, 3600, 1_000))
            number += 1
        states = {segment.path: (50_000, 0) for segment in added}
        began = time.perf_counter()
        assert ledger.store.commit(ledger.store.read(), Commit(added, states=states), NOW)
        return time.perf_counter() - began

    for files in (1_000, 10_000, 30_000, 100_000):
        while number < files - 24 * 5:
            commit(min(1_000, files - 24 * 5 - number))
        times = sorted(commit(24) for _ in range(5))
        yield {"files": files, "commit of a day ms": round(1000 * times[2], 1), "worst": round(1000 * times[-1], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--hosts", type=int, default=250, help="of each site")
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--per-host", type=int, default=28, help="usage rows of a host and hour")
    parser.add_argument("--engines", default="processes,local-cluster,sql", help="and spark://HOST:PORT")
    parser.add_argument("--commits", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the lake is made; a temporary one by default")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []

    def tell(line: dict[str, Any]) -> None:
        found.append(line)
        print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)

    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if asked.commits:
            for line in commit_times(folder):
                tell(line)
        else:
            if not (folder / "lake").exists():
                engines_lake.book(folder, asked.sites, asked.hosts)
                sizes = {"sites": asked.sites, "hosts": asked.hosts, "hours": asked.hours, "per_host": asked.per_host}
                rows, size = engines_lake.lake(folder / "lake", **sizes)
                tell({"lake": "made", "rows": rows, "MB": size >> 20})
            wanted = asked.engines.split(",")
            if "processes" in wanted:
                tell(engine_run(folder, "processes", ProcessPool(2), 2))
            for name in wanted:
                if name == "local-cluster" or name.startswith("spark://"):
                    master = "local-cluster[2,1,1024]" if name == "local-cluster" else name
                    for line in spark_runs(folder, master, name.replace("/", "").replace(":", "-"), sql="sql" in wanted):
                        tell(line)
            told = {line["bits"] for line in found if "bits" in line}
            if len(told) > 1:
                sys.exit("the engines left different bits")
            if len({line["energy"] for line in found if "energy" in line}) > 1:
                sys.exit("plain SQL came to another energy")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
