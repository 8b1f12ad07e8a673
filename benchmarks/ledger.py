"""The ledger against DuckDB on Parquet, SQLite and PostgreSQL, holding the same postings in the same run.

    python benchmarks/ledger.py --folder DIR [--hours 720] [--peers duckdb,sqlite,postgres] [--json FILE]

720 hours are 100 million postings (benchmarks/ledger_data.py); eleven more months with one hour of each give the year its
roll-ups. What is measured is in benchmarks/README.md. Times are wall clock of one client on a machine that should do nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from ledger_data import ACCOUNTS, MONTH, ROWS, Hours, windows

from greencloud.engine.closes import Closes, period_named
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import Window

NEXT = datetime(2026, 11, 1, tzinfo=UTC)
YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
LATER = datetime(2027, 2, 1, tzinfo=UTC)
LINES = ("scope1", "scope2_location", "scope2_market", "scope3_upstream_location", "scope3_upstream_market", "scope3_embodied")
SUMS = ", ".join(["sum(energy_mj)", *(f"sum({line}_ug)" for line in LINES)])
COLUMNS = ("account", "window_start", "service", "component", "energy_mj", *(f"{line}_ug" for line in LINES))
OF_YEAR = "WHERE window_start >= ? AND window_start < ?"
OF_ACCOUNT = f"{OF_YEAR} AND account = ?"
POSTGRES = Path("/usr/lib/postgresql/15/bin")

Row = dict[str, Any]


def timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def percentiles(calls: list[Callable[[], Any]]) -> Row:
    """Milliseconds."""
    found = sorted(timed(call) * 1000 for call in calls)
    return {"p50_ms": round(found[len(found) // 2], 3), "p99_ms": round(found[min(len(found) - 1, len(found) * 99 // 100)], 3)}


def size_of(*paths: Path) -> int:
    return sum(file.stat().st_size for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def accounts(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [f"account-{draw.randrange(ACCOUNTS):05}" for _ in range(count)]


class Ours:
    """greencloud's ledger in a folder."""

    def __init__(self, folder: Path, hours: int, rows: int) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger")
        self.hours = hours
        self.data = Hours(rows=rows)
        self.postings = 0

    def load(self) -> Row:
        started = time.perf_counter()
        months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13) if month != MONTH.month]
        for window in [*windows(MONTH, self.hours), *(Window(month, 3600) for month in months)]:
            self.ledger.post(self.data.batch(window))
            self.postings += self.data.rows
            if self.postings // self.data.rows % 24 == 0:
                print(f"  {self.postings:,} postings", file=sys.stderr, flush=True)
        loaded = time.perf_counter()
        days = compact(self.ledger, LATER)
        compacted = time.perf_counter()
        made = Rollups(self.ledger.root).build(self.ledger.snapshot().contents, LATER)
        rolled = time.perf_counter()
        segments = [self.ledger.root / each.path for each in self.ledger.snapshot().contents.segments()]
        return {
            "postings": self.postings,
            "load_s": round(loaded - started, 1),
            "compact_s": round(compacted - loaded, 1),
            "days": days,
            "roll_up_s": round(rolled - compacted, 1),
            "roll_ups": made,
            "bytes_a_posting": round(size_of(*segments) / self.postings, 2),
            "roll_up_mb": round(size_of(self.ledger.root / "rollups") / 1e6, 1),
        }

    def close(self) -> Row:
        closes = Closes(self.folder / "closes", self.folder / "keys")
        seconds = timed(lambda: closes.close(self.ledger, period_named("2026-10"), LATER, allow_gaps=True))
        return {"close_month_s": round(seconds, 1)}

    def account_month(self, account: str) -> Any:
        query = FootprintQuery(MONTH, NEXT, accounts=(account,), group_by=("service",))
        return self.ledger.snapshot().footprint(query)

    def year(self) -> Any:
        return self.ledger.snapshot().footprint(FootprintQuery(*YEAR, granularity=Granularity.MONTH))

    @contextmanager
    def without_rollups(self) -> Iterator[None]:
        """Read postings: roll-ups are out of the way, and a fresh process would find none."""
        hidden = self.folder / "hidden"
        (self.ledger.root / "rollups").rename(hidden)
        try:
            yield
        finally:
            hidden.rename(self.ledger.root / "rollups")

    def restate_day(self) -> Row:
        first = MONTH + timedelta(days=min(3, self.hours // 24 - 1))
        other = Hours(rows=self.data.rows)
        other._scale = other._scale * 1.01  # a corrected meter
        batches = [other.batch(window) for window in windows(first, 24)]
        posted = timed(lambda: self.ledger.post_all(batches))
        rolled = timed(lambda: Rollups(self.ledger.root).build(self.ledger.snapshot().contents, LATER))
        return {"restate_day_s": round(posted, 2), "roll_up_again_s": round(rolled, 2)}

    @contextmanager
    def writer(self) -> Iterator[None]:
        """A process that posts hours of a new month, one after the other."""
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from pathlib import Path; from ledger_data import *; from greencloud.ledger import Ledger\n"
            "ledger, data = Ledger(Path(sys.argv[2])), Hours(rows=int(sys.argv[3]))\n"
            "for window in windows(datetime(2026, 12, 2, tzinfo=UTC), 10_000):\n"
            "    ledger.post(data.batch(window)); print('posted', flush=True)\n"
        )
        command = [sys.executable, "-c", code, str(Path(__file__).parent), str(self.ledger.root), str(self.data.rows)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            try:
                yield
            finally:
                process.kill()


class DuckParquet:
    """One sorted Parquet file, and DuckDB without anything of ours."""

    name = "duckdb_parquet"

    def __init__(self, ours: Ours, folder: Path) -> None:
        self.file = folder / "plain.parquet"
        self.database = duckdb.connect()
        self.load_s = timed(
            lambda: self.database.execute(
                f"COPY ({rows_of(ours)} ORDER BY account, window_start) TO '{self.file}' (FORMAT parquet, COMPRESSION zstd)"
            )
        )

    def size(self) -> int:
        return size_of(self.file)

    def account_month(self, account: str) -> Any:
        sql = f"SELECT service, {SUMS} FROM read_parquet('{self.file}') {OF_ACCOUNT} GROUP BY 1"
        return self.database.execute(sql, [MONTH, NEXT, account]).fetchall()

    def year(self) -> Any:
        sql = f"SELECT date_trunc('month', window_start), {SUMS} FROM read_parquet('{self.file}') {OF_YEAR} GROUP BY 1"
        return self.database.execute(sql, list(YEAR)).fetchall()


class Sqlite:
    """A table in primary-key order (account, time, service, component)."""

    name = "sqlite"

    def __init__(self, ours: Ours, folder: Path) -> None:
        self.file = folder / "plain.sqlite"
        self.connection = sqlite3.connect(self.file)
        self.load_s = timed(lambda: self._load(ours))

    def _load(self, ours: Ours) -> None:
        self.connection.execute("PRAGMA journal_mode=WAL")
        numbers = ", ".join(f"{name} INTEGER" for name in COLUMNS[4:])
        key = "account, window_start, service, component"
        self.connection.execute(
            f"CREATE TABLE postings (account TEXT, window_start INTEGER, service TEXT, component TEXT, {numbers}, "
            f"PRIMARY KEY ({key})) WITHOUT ROWID"
        )
        cursor = duckdb.connect().execute(
            f"SELECT account, epoch(window_start)::BIGINT, service, component, {', '.join(COLUMNS[4:])} "
            f"FROM ({rows_of(ours)}) ORDER BY 1, 2, 3, 4"
        )
        insert = f"INSERT INTO postings VALUES ({', '.join('?' * len(COLUMNS))})"
        with self.connection:
            while rows := cursor.fetchmany(100_000):
                self.connection.executemany(insert, rows)
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        return size_of(self.file)

    def account_month(self, account: str) -> Any:
        sql = f"SELECT service, {SUMS} FROM postings {OF_ACCOUNT} GROUP BY 1"
        return self.connection.execute(sql, (int(MONTH.timestamp()), int(NEXT.timestamp()), account)).fetchall()

    def year(self) -> Any:
        sql = f"SELECT strftime('%m', window_start, 'unixepoch'), {SUMS} FROM postings {OF_YEAR} GROUP BY 1"
        return self.connection.execute(sql, tuple(int(at.timestamp()) for at in YEAR)).fetchall()


class Postgres:
    """A cluster of its own, loaded by COPY in (account, time) order, with a B-tree on (account, window_start)."""

    name = "postgres"

    def __init__(self, ours: Ours, folder: Path) -> None:
        import psycopg

        self.folder = folder / "pg"
        self.folder.mkdir()
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
            for parent in (folder, *folder.parents):
                parent.chmod(parent.stat().st_mode | 0o011)
        self._run("initdb", "-D", str(self.folder), "-U", "bench", "-A", "trust", "--no-sync")
        options = f"-k {self.folder} -c listen_addresses='' -c shared_buffers=4GB -c maintenance_work_mem=1GB -c max_wal_size=8GB"
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-o", options, "-l", str(self.folder / "log"), "start")
        self.connection = psycopg.connect(host=str(self.folder), user="bench", dbname="postgres", autocommit=True)
        self.load_s = timed(lambda: self._load(ours))

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([*self.user, str(POSTGRES / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _load(self, ours: Ours) -> None:
        numbers = ", ".join(f"{name} bigint" for name in COLUMNS[4:])
        self.connection.execute(
            f"CREATE TABLE postings (account text, window_start timestamptz, service text, component text, {numbers})"
        )
        pipe = self.folder / "rows.csv"
        os.mkfifo(pipe)
        chosen = f"SELECT {', '.join(COLUMNS)} FROM ({rows_of(ours)}) ORDER BY account, window_start"
        copy = f"COPY ({chosen}) TO '{pipe}' (FORMAT csv, HEADER false)"
        code = f"import duckdb; duckdb.connect().execute({copy!r})"
        with subprocess.Popen([sys.executable, "-c", code]) as source, pipe.open("rb") as rows:
            with self.connection.cursor().copy("COPY postings FROM STDIN (FORMAT csv)") as into:
                while block := rows.read(1 << 20):
                    into.write(block)
            assert source.wait() == 0
        self.connection.execute("CREATE INDEX ON postings (account, window_start)")
        self.connection.execute("VACUUM ANALYZE postings")

    def size(self) -> int:
        found = self.connection.execute("SELECT pg_total_relation_size('postings')").fetchone()
        return int(found[0]) if found else 0

    def account_month(self, account: str) -> Any:
        sql = f"SELECT service, {SUMS} FROM postings {OF_ACCOUNT} GROUP BY 1".replace("?", "%s")
        return self.connection.execute(sql, (MONTH, NEXT, account)).fetchall()

    def year(self) -> Any:
        sql = f"SELECT date_trunc('month', window_start), {SUMS} FROM postings {OF_YEAR} GROUP BY 1".replace("?", "%s")
        return self.connection.execute(sql, YEAR).fetchall()

    def stop(self) -> None:
        self.connection.close()
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop")


PEERS: dict[str, Any] = {"duckdb": DuckParquet, "sqlite": Sqlite, "postgres": Postgres}


def rows_of(ours: Ours) -> str:
    """SQL for the postings that are visible."""
    files = [str(ours.ledger.root / each.path) for each in ours.ledger.snapshot().contents.segments()]
    return f"SELECT {', '.join(COLUMNS)} FROM read_parquet({files!r}, hive_partitioning = false)"


def same(ours: Ours, peer: Any) -> None:
    """The peer's sums are ours, to the microgram."""
    for account in accounts(3, 5):
        mine = {
            row.dimensions["service"]: (row.energy.millijoules, row.scope2_market_based.micrograms)
            for row in ours.account_month(account)
        }
        assert mine == {row[0]: (int(row[1]), int(row[4])) for row in peer.account_month(account)}, peer.name


def in_fresh_process(ours: Ours, count: int) -> Row:
    """The first query of a process, modules loaded: nothing is mapped, nothing kept."""
    code = (
        "import sys, time; from datetime import datetime; from pathlib import Path\n"
        "from greencloud.ledger import Ledger; from greencloud.results import FootprintQuery\n"
        "started = time.perf_counter()\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "start, end = (datetime.fromisoformat(text) for text in sys.argv[3:5])\n"
        "ledger.snapshot().footprint(FootprintQuery(start, end, accounts=(sys.argv[2],), group_by=('service',)))\n"
        "print(time.perf_counter() - started)\n"
    )
    found = []
    for account in accounts(count, 9):
        command = [sys.executable, "-c", code, str(ours.ledger.root), account, MONTH.isoformat(), NEXT.isoformat()]
        found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 1000)
    return {"cold_p50_ms": round(sorted(found)[len(found) // 2], 1)}


def queries(store: Any, count: int, years: int) -> Row:
    for account in accounts(20, 3):
        store.account_month(account)
    month = percentiles([lambda account=account: store.account_month(account) for account in accounts(count, 4)])
    store.year()
    year = percentiles([store.year] * years)
    return {f"account_month_{name}": value for name, value in month.items()} | {"year_p50_ms": year["p50_ms"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="Where to; some 25 GB for all of it. A temporary folder by default.")
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--rows", type=int, default=ROWS, help="Postings an hour.")
    parser.add_argument("--peers", default="duckdb,sqlite,postgres")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Row] = {}

    def tell(name: str, row: Row) -> None:
        results.setdefault(name, {}).update(row)
        print(f"{name}: {row}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=2))

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        ours = Ours(folder, options.hours, options.rows)
        tell("greencloud", ours.load())
        tell("greencloud", in_fresh_process(ours, 9))
        tell("greencloud", queries(ours, options.queries, 50))
        with ours.writer():
            busy = queries(ours, options.queries, 20)
            tell("greencloud", {f"busy_{key}": value for key, value in busy.items()})
        with ours.without_rollups():
            fresh = Ours(folder, options.hours, options.rows)
            slow = queries(fresh, 50, 3)
            tell("greencloud", {f"postings_{key}": value for key, value in slow.items()})
        tell("greencloud", ours.close())
        tell("greencloud", ours.restate_day())
        for wanted in filter(None, options.peers.split(",")):
            peer = PEERS[wanted](ours, folder)
            same(ours, peer)
            tell(peer.name, {"load_s": round(peer.load_s, 1), "bytes_a_posting": round(peer.size() / ours.postings, 2)})
            tell(peer.name, queries(peer, min(500, options.queries), 3))
            if hasattr(peer, "stop"):
                peer.stop()


if __name__ == "__main__":
    main()
