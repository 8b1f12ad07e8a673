"""The allocation pass against the engines that people would use for it, on the same rows in the same process.

    python benchmarks/allocation.py --rows 10_000_000 [--json FILE]

Each engine computes the same seven outputs by group (see ``ext/greencloud/_fleet.pyx``), with two threads where it can; its result
is compared with ours before its time counts. Rounds are interleaved, figures are medians. Ours are exact integers and check every
cell; the peers' are floats and check nothing. ``benchmarks/README.md`` says what each engine is given.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

THREADS = 2
WINDOWS, HOSTS, ACCOUNTS, SERVICES = 282, 1000, 500, 20
GROUPS = ACCOUNTS * SERVICES
USE_WEIGHTS, RESERVED_WEIGHTS = (1.0, 0.05, 0.2, 20.0), (1.0, 0.05)
NAMES = ("cpu", "memory", "disk", "gpu", "reserved_cpu", "reserved_memory")
TOLERANCE = 1e-6
MJ_PER_KWH = 3_600_000_000

Engine = Callable[[], np.ndarray]  # outputs x groups


@dataclass
class Data:
    """Columns and the site's tables. ``key`` is window * HOSTS + host, which only peers with dense keys are given."""

    windows: int
    window: np.ndarray
    host: np.ndarray
    group: np.ndarray
    columns: list[np.ndarray]
    tables: dict[str, np.ndarray]
    key: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    offsets: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return len(self.window)

    @property
    def bytes(self) -> int:
        return sum(column.nbytes for column in (self.window, self.host, self.group, *self.columns))


def make(rows: int, real: type, order: str, seed: int = 1, windows: int = WINDOWS) -> Data:
    """Rows in order "host" (window, then host), "window" (hosts mixed) or "none" (shuffled)."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, windows * HOSTS, rows, dtype=np.int32)
    if order != "none":
        key.sort()
    if order == "window":
        starts = np.searchsorted(key, np.arange(windows + 1) * HOSTS)
        for start, end in pairwise(starts):
            rng.shuffle(key[start:end])
    # A busy few and an idle many, as tenants are.
    group = (GROUPS * rng.random(rows, dtype=np.float32) ** 2).astype(np.int32).clip(0, GROUPS - 1)
    columns = [rng.random(rows, dtype=np.float32).astype(real) * scale for scale in (3600, 14400, 500, 60, 3600, 14400)]
    columns[3][group % 7 != 0] = 0  # most use no GPU
    per_window = rows / windows
    tables = {
        "dynamic_mj": rng.integers(10**8, 10**9, windows * HOSTS),
        "idle_mj": rng.integers(10**8, 4 * 10**8, windows * HOSTS),
        "embodied_ug": rng.integers(10**7, 10**8, windows * HOSTS),
        "overhead_mj": rng.integers(10**11, 2 * 10**11, windows),
        "location_ug_per_kwh": rng.integers(10**7, 5 * 10**8, windows),
        "market_ug_per_kwh": rng.integers(0, 3 * 10**8, windows),
        "capacity": np.full(windows, per_window * 3600.0),
    }
    offsets = np.searchsorted(key, np.arange(windows * HOSTS + 1)).astype(np.int64) if order == "host" else None
    window, host = np.divmod(key, np.int32(HOSTS))
    return Data(windows, window, host, group, [c.astype(real, copy=False) for c in columns], tables, key, offsets)


# --- ours ---------------------------------------------------------------------------------------------------------------------


def ours(data: Data, layout: str, threads: int = THREADS) -> Engine:
    from greencloud.allocation import fleet

    weights = fleet.Weights(USE_WEIGHTS, RESERVED_WEIGHTS)
    use, reserved = tuple(data.columns[:4]), tuple(data.columns[4:])

    def run() -> np.ndarray:
        site = fleet.Site(windows=data.windows, hosts=HOSTS, **data.tables)
        rows = fleet.Rows(data.window, data.host, data.group, use, reserved)
        if layout == "offsets":
            rows = fleet.Prepared(data.offsets, data.group, use, reserved)
        elif layout == "prepare":
            rows = fleet.prepare(rows, windows=data.windows, hosts=HOSTS, threads=threads)
        sums = fleet.allocate(site, rows, groups=GROUPS, weights=weights, threads=threads)
        return np.frombuffer(sums.by_group, np.int64).reshape(7, GROUPS)

    return run


# --- peers --------------------------------------------------------------------------------------------------------------------


def constants(data: Data, reserved: np.ndarray) -> dict[str, np.ndarray]:
    """What one reserved unit and one millijoule of dynamic energy bear in each window: small, and the same for every peer."""
    tables = data.tables
    dynamic, idle, embodied = (
        tables[name].reshape(data.windows, HOSTS).sum(1) for name in ("dynamic_mj", "idle_mj", "embodied_ug")
    )
    sold = np.minimum(reserved / tables["capacity"], 1)
    facility = dynamic + idle + tables["overhead_mj"]
    per_mj = 1 / (dynamic + idle)
    return {
        "idle": idle * sold / reserved,
        "unsold": idle * (1 - sold) / reserved,
        "overhead": tables["overhead_mj"] * per_mj,
        "location": facility * (tables["location_ug_per_kwh"] / MJ_PER_KWH) * per_mj,
        "market": facility * (tables["market_ug_per_kwh"] / MJ_PER_KWH) * per_mj,
        "embodied": embodied / reserved,
    }


def coefficients(data: Data, use: np.ndarray, reserved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P (outputs x host-windows) and Q (outputs x windows): an output of a row is use * P + reserved * Q."""
    each = constants(data, reserved)
    per_use = data.tables["dynamic_mj"] / np.where(use > 0, use, np.inf)
    spread = each["idle"] + each["unsold"]
    p = [
        per_use,
        *(np.zeros((2, len(per_use)))),
        *(per_use * np.repeat(each[k], HOSTS) for k in ("overhead", "location", "market")),
    ]
    q = [
        0 * spread,
        each["idle"],
        each["unsold"],
        *(spread * each[k] for k in ("overhead", "location", "market")),
        each["embodied"],
    ]
    return np.array([*p, np.zeros(len(per_use))]), np.array(q)


def numpy_bincount(data: Data) -> Engine:
    def run() -> np.ndarray:
        use = sum(column * np.float64(weight) for column, weight in zip(data.columns, USE_WEIGHTS, strict=False))
        asked = sum(column * np.float64(weight) for column, weight in zip(data.columns[4:], RESERVED_WEIGHTS, strict=False))
        key = data.window * np.int32(HOSTS) + data.host
        on_host = np.bincount(key, use, data.windows * HOSTS)
        each = constants(data, np.bincount(data.window, asked, data.windows))
        x = use * (data.tables["dynamic_mj"] / np.where(on_host > 0, on_host, np.inf))[key]
        energy = x + asked * (each["idle"] + each["unsold"])[data.window]
        parts = [x, *((asked, k) for k in ("idle", "unsold")), *((energy, k) for k in ("overhead", "location", "market"))]
        parts.append((asked, "embodied"))
        return np.array(
            [
                np.bincount(data.group, part if isinstance(part, np.ndarray) else part[0] * each[part[1]][data.window], GROUPS)
                for part in parts
            ]
        )

    return run


def numba_two_passes(data: Data) -> Engine:
    import numba

    numba.set_num_threads(THREADS)

    @numba.njit(parallel=True, fastmath=True, cache=False)
    def sums(window, host, cpu, memory, disk, gpu, rc, rm, use_weights, reserved_weights, windows, hosts):  # type: ignore[no-untyped-def]
        threads = numba.get_num_threads()
        use = np.zeros((threads, windows * hosts))
        reserved = np.zeros((threads, windows))
        n = len(window)
        for t in numba.prange(threads):
            for i in range(n * t // threads, n * (t + 1) // threads):
                u = cpu[i] * use_weights[0] + memory[i] * use_weights[1] + disk[i] * use_weights[2] + gpu[i] * use_weights[3]
                use[t, window[i] * hosts + host[i]] += u
                reserved[t, window[i]] += rc[i] * reserved_weights[0] + rm[i] * reserved_weights[1]
        return use.sum(axis=0), reserved.sum(axis=0)

    @numba.njit(parallel=True, fastmath=True, cache=False)
    def parts(window, host, group, cpu, memory, disk, gpu, rc, rm, use_weights, reserved_weights, hosts, p, q, groups):  # type: ignore[no-untyped-def]
        threads = numba.get_num_threads()
        out = np.zeros((threads, groups, 8))
        n = len(window)
        for t in numba.prange(threads):
            for i in range(n * t // threads, n * (t + 1) // threads):
                u = cpu[i] * use_weights[0] + memory[i] * use_weights[1] + disk[i] * use_weights[2] + gpu[i] * use_weights[3]
                r = rc[i] * reserved_weights[0] + rm[i] * reserved_weights[1]
                w = window[i]
                k = w * hosts + host[i]
                g = group[i]
                for o in range(7):
                    out[t, g, o] += u * p[k, o] + r * q[w, o]
        return out.sum(axis=0)

    uw, rw = np.array(USE_WEIGHTS), np.array(RESERVED_WEIGHTS)

    def run() -> np.ndarray:
        use, reserved = sums(data.window, data.host, *data.columns, uw, rw, data.windows, HOSTS)
        p, q = coefficients(data, use, reserved)
        p, q = np.ascontiguousarray(p.T), np.ascontiguousarray(q.T)
        return parts(data.window, data.host, data.group, *data.columns, uw, rw, HOSTS, p, q, GROUPS)[:, :7].T

    return run


def pandas_groupby(data: Data) -> Engine:
    import pandas as pd

    frame = pd.DataFrame(
        {"window": data.window, "host": data.host, "group": data.group, **dict(zip(NAMES, data.columns, strict=True))}, copy=False
    )

    def run() -> np.ndarray:
        use = sum(frame[name] * weight for name, weight in zip(NAMES, USE_WEIGHTS, strict=False))
        asked = sum(frame[name] * weight for name, weight in zip(NAMES[4:], RESERVED_WEIGHTS, strict=True))
        work = pd.DataFrame({"window": frame["window"], "host": frame["host"], "use": use, "asked": asked})
        on_host = work.groupby(["window", "host"], sort=False)["use"].transform("sum").to_numpy()
        reserved = np.zeros(data.windows)
        found = work.groupby("window")["asked"].sum()
        reserved[found.index] = found.to_numpy()
        each = constants(data, reserved)
        w = data.window
        energy = data.tables["dynamic_mj"][w * np.int32(HOSTS) + data.host]
        x = use.to_numpy() * energy / np.where(on_host > 0, on_host, np.inf)
        r = asked.to_numpy()
        e = x + r * (each["idle"] + each["unsold"])[w]
        out = pd.DataFrame(
            {"dynamic": x, "idle": r * each["idle"][w], "unsold": r * each["unsold"][w]}
            | {k: e * each[k][w] for k in ("overhead", "location", "market")}
            | {"embodied": r * each["embodied"][w]}
        )
        sums = out.groupby(data.group).sum()
        result = np.zeros((7, GROUPS))
        result[:, sums.index] = sums.to_numpy().T
        return result

    return run


SQL = """
with weighed as (select "window", host, "group", {use} as u, {asked} as r from rows),
on_host as (select "window", host, sum(u) as u from weighed group by all),
in_window as (select "window", sum(r) as r from weighed group by all),
pools as (
  select w."window", w.capacity, w.idle, w.dynamic, w.overhead, w.location, w.market, w.embodied, r,
    least(r / w.capacity, 1) as sold
  from windows w join in_window using ("window")),
each as (
  select "window", idle * sold / r as idle, idle * (1 - sold) / r as unsold, embodied / r as embodied, idle / r as spread,
    overhead / (dynamic + idle) as overhead,
    (dynamic + idle + overhead) * location / 3600000000.0 / (dynamic + idle) as location,
    (dynamic + idle + overhead) * market / 3600000000.0 / (dynamic + idle) as market
  from pools),
per_use as (
  select "window", host, case when u > 0 then hosts.dynamic / u else 0 end as p from hosts join on_host using ("window", host)),
parts as (
  select "group", u * p as x, r * each.idle as i, r * each.unsold as n, r * each.embodied as m,
    (u * p + r * spread) as e, overhead, location, market
  from weighed join per_use using ("window", host) join each using ("window"))
select "group", sum(x), sum(i), sum(n), sum(e * overhead), sum(e * location), sum(e * market), sum(m) from parts group by "group"
"""


def weighed(names: tuple[str, ...], weights: tuple[float, ...]) -> str:
    return " + ".join(f"{name}::double * {weight}::double" for name, weight in zip(names, weights, strict=True))


def duckdb_load(data: Data, rows: object = None, *, dense: bool = False):  # type: ignore[no-untyped-def]
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False})
    if rows is None:
        ids = {"key": data.key} if dense else {"window": data.window, "host": data.host}
        table = pa.table({**ids, "group": data.group, **dict(zip(NAMES, data.columns, strict=True))})
        if dense:
            table = table.append_column("window", pa.array(data.window))
        connection.register("arrow", table)
        connection.execute("create table rows as from arrow")  # its own storage is its fastest
        connection.unregister("arrow")
    else:
        connection.register("rows", rows)
    tables = data.tables
    key = np.arange(data.windows * HOSTS, dtype=np.int32)
    hosts = pa.table({"window": key // HOSTS, "host": key % HOSTS, "dynamic": tables["dynamic_mj"]})
    connection.register("hosts_", hosts)
    connection.execute("create table hosts as from hosts_")
    windows = pa.table(
        {
            "window": np.arange(data.windows, dtype=np.int32),
            "capacity": tables["capacity"],
            "idle": tables["idle_mj"].reshape(-1, HOSTS).sum(1).astype(float),
            "dynamic": tables["dynamic_mj"].reshape(-1, HOSTS).sum(1).astype(float),
            "embodied": tables["embodied_ug"].reshape(-1, HOSTS).sum(1).astype(float),
            "overhead": tables["overhead_mj"].astype(float),
            "location": tables["location_ug_per_kwh"].astype(float),
            "market": tables["market_ug_per_kwh"].astype(float),
        }
    )
    connection.register("windows_", windows)
    connection.execute("create table windows as from windows_")
    return connection


def from_rows(found: dict[str, np.ndarray]) -> np.ndarray:
    columns = [np.ma.filled(column) if isinstance(column, np.ma.MaskedArray) else column for column in found.values()]
    result = np.zeros((7, GROUPS))
    result[:, columns[0]] = columns[1:]
    return result


def duckdb_sql(data: Data, rows: object = None) -> Engine:
    connection = duckdb_load(data, rows)
    query = SQL.format(use=weighed(NAMES[:4], USE_WEIGHTS), asked=weighed(NAMES[4:], RESERVED_WEIGHTS))
    return lambda: from_rows(connection.execute(query).fetchnumpy())


def duckdb_dense(data: Data, rows: object = None) -> Engine:
    """Stored dense keys; coefficients by numpy between two queries, joined by key; two sums a row where they are enough."""
    import pyarrow as pa

    connection = duckdb_load(data, rows, dense=True)
    use, asked = weighed(NAMES[:4], USE_WEIGHTS), weighed(NAMES[4:], RESERVED_WEIGHTS)

    def run() -> np.ndarray:
        found = connection.execute(f'select "key", sum({use}), sum({asked}) from rows group by "key"').fetchnumpy()
        on_host, reserved = np.zeros(data.windows * HOSTS), np.zeros(data.windows * HOSTS)
        key, on, asked_for = found.values()
        on_host[key], reserved[key] = on, asked_for
        p, q = coefficients(data, on_host, reserved.reshape(-1, HOSTS).sum(1))
        q = np.repeat(q, HOSTS, axis=1)
        names = {f"p{k}": p[k] for k in (0, 3, 4, 5)} | {f"q{k}": q[k] for k in range(1, 7)}
        connection.register("each", pa.table({"key": np.arange(data.windows * HOSTS, dtype=np.int32), **names}))
        terms = {0: "u * p0", **{k: f"r * q{k}" for k in (1, 2, 6)}, **{k: f"u * p{k} + r * q{k}" for k in (3, 4, 5)}}
        found = connection.execute(
            f'select "group", {", ".join(f"sum({terms[k]})" for k in range(7))} from '
            f'(select "key", "group", {use} as u, {asked} as r from rows) join each using ("key") group by "group"'
        ).fetchnumpy()
        connection.unregister("each")
        return from_rows(found)

    return run


def duckdb_pairs(data: Data) -> Engine:
    """Our own way in SQL: two sums for each window and group, and only then seven outputs."""
    import pyarrow as pa

    connection = duckdb_load(data, dense=True)
    use, asked = weighed(NAMES[:4], USE_WEIGHTS), weighed(NAMES[4:], RESERVED_WEIGHTS)

    def run() -> np.ndarray:
        found = connection.execute(f'select "key", sum({use}), sum({asked}) from rows group by "key"').fetchnumpy()
        on_host, reserved = np.zeros(data.windows * HOSTS), np.zeros(data.windows * HOSTS)
        key, on, asked_for = found.values()
        on_host[key], reserved[key] = on, asked_for
        each = constants(data, reserved.reshape(-1, HOSTS).sum(1))
        per_use = data.tables["dynamic_mj"] / np.where(on_host > 0, on_host, np.inf)
        connection.register("per_use", pa.table({"key": np.arange(len(per_use), dtype=np.int32), "p": per_use}))
        found = connection.execute(
            f'select "window", "group", sum(({use}) * p) as x, sum({asked}) as y from rows join per_use using ("key") group by all'
        ).fetchnumpy()
        connection.unregister("per_use")
        w, g, x, y = found.values()
        e = x + y * (each["idle"] + each["unsold"])[w]
        terms = [x, *(y * each[k][w] for k in ("idle", "unsold"))]
        terms += [*(e * each[k][w] for k in ("overhead", "location", "market")), y * each["embodied"][w]]
        return np.array([np.bincount(g, term, GROUPS) for term in terms])

    return run


def polars_engine(data: Data, engine: str) -> Engine:
    import polars as pl

    frame = pl.DataFrame(
        {"window": data.window, "host": data.host, "group": data.group, **dict(zip(NAMES, data.columns, strict=True))}
    )
    key = np.arange(data.windows * HOSTS, dtype=np.int32)
    hosts = pl.DataFrame({"window": key // HOSTS, "host": key % HOSTS, "dynamic": data.tables["dynamic_mj"].astype(float)}).lazy()

    def total(names: tuple[str, ...], weights: tuple[float, ...]) -> pl.Expr:
        return pl.sum_horizontal(*(pl.col(name).cast(pl.Float64) * weight for name, weight in zip(names, weights, strict=True)))

    def run() -> np.ndarray:
        rows = frame.lazy().select("window", "host", "group", u=total(NAMES[:4], USE_WEIGHTS), r=total(NAMES[4:], RESERVED_WEIGHTS))
        on_host = rows.group_by("window", "host").agg(pl.col("u").sum(), pl.col("r").sum()).collect(engine=engine)
        by_window = on_host.group_by("window").agg(pl.col("r").sum())
        reserved = np.zeros(data.windows)
        reserved[by_window["window"].to_numpy()] = by_window["r"].to_numpy()
        each = pl.DataFrame({"window": np.arange(data.windows, dtype=np.int32), **constants(data, reserved)}).lazy()
        per_use = hosts.join(on_host.lazy().select("window", "host", w="u"), on=["window", "host"]).join(each, on="window")
        per_use = per_use.with_columns(p=pl.when(pl.col("w") > 0).then(pl.col("dynamic") / pl.col("w")).otherwise(0.0))
        parts = rows.join(per_use.drop("dynamic", "w"), on=["window", "host"])
        x, r = pl.col("u") * pl.col("p"), pl.col("r")
        e = x + r * (pl.col("idle") + pl.col("unsold"))
        terms = {"x": x, "i": r * pl.col("idle"), "n": r * pl.col("unsold")}
        terms |= {k: e * pl.col(k) for k in ("overhead", "location", "market")} | {"m": r * pl.col("embodied")}
        sums = parts.group_by("group").agg(**{k: term.sum() for k, term in terms.items()}).collect(engine=engine)
        return from_rows({name: sums[name].to_numpy() for name in sums.columns})

    return run


LIBRARIES: dict[str, Callable[[Data], Engine]] = {
    "DuckDB, SQL": duckdb_sql,
    "DuckDB, dense stored keys": duckdb_dense,
    "DuckDB, two sums by window": duckdb_pairs,
    "Polars streaming": lambda data: polars_engine(data, "streaming"),
    "pandas": pandas_groupby,
    "NumPy bincount": numpy_bincount,
}
PEERS = LIBRARIES | {"numba, two passes": numba_two_passes}


# --- measuring ----------------------------------------------------------------------------------------------------------------


def agrees(result: np.ndarray, expected: np.ndarray) -> float:
    """The greatest difference, relative to the mean of its output: small groups are a few units, and units are rounded."""
    return float((np.abs(result - expected) / np.maximum(expected, expected.mean(axis=1, keepdims=True))).max())


def measure(engines: dict[str, Engine], rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """Interleaved rounds after one that warms up and is checked; wall and CPU time."""
    expected: np.ndarray | None = None
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for at in range(rounds + 1):
        for name, run in engines.items():
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            result = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if at:
                seconds[name].append((wall, cpu))
                continue
            expected = result if expected is None else expected
            if (off := agrees(result, expected)) > TOLERANCE:
                raise SystemExit(f"{name} differs from ours by {off:.1e}")
    return {
        name: {
            "mrows_s": rows / statistics.median(wall for wall, _ in taken) / 1e6,
            "mrows_cpu_s": rows / statistics.median(cpu for _, cpu in taken) / 1e6,
            "best_mrows_s": rows / min(wall for wall, _ in taken) / 1e6,
        }
        for name, taken in seconds.items()
    }


def bandwidth(threads: int) -> float:
    """GB/s of reading 400 MB: numba's sum over each thread's part, the best of five."""
    import numba

    numba.set_num_threads(threads)

    @numba.njit(parallel=True, fastmath=True)
    def read(values):  # type: ignore[no-untyped-def]
        out = np.zeros(threads * 8)
        for t in numba.prange(threads):
            total = 0.0
            for i in range(len(values) * t // threads, len(values) * (t + 1) // threads):
                total += values[i]
            out[t * 8] = total
        return out.sum()

    values = np.ones(50_000_000)
    read(values)
    best = min(_timed(lambda: read(values)) for _ in range(5))
    numba.set_num_threads(THREADS)
    return values.nbytes / best / 1e9


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def table(title: str, figures: dict[str, dict[str, float]], ours_name: str) -> None:
    print(f"\n{title}\n{'':38}{'M rows/s':>10}{'per CPU-s':>11}{'best':>9}{'x':>8}")
    for name, line in figures.items():
        ratio = figures[ours_name]["mrows_s"] / line["mrows_s"]
        print(f"{name:38}{line['mrows_s']:>10.1f}{line['mrows_cpu_s']:>11.1f}{line['best_mrows_s']:>9.1f}{ratio:>8.1f}")


# --- cases --------------------------------------------------------------------------------------------------------------------


def case_order(rows: int, real: type, order: str, rounds: int, only: list[str]) -> dict[str, dict[str, float]]:
    data = make(rows, real, order)
    mine = {"ours, raw columns": ours(data, "raw")} if order != "none" else {"ours, prepare() and allocate": ours(data, "prepare")}
    if order == "host":
        mine["ours, offsets given"] = ours(data, "offsets")
    peers = {name: build(data) for name, build in PEERS.items() if not only or any(word in name for word in only)}
    figures = measure(mine | peers, rows, rounds)
    kind = "float64" if real is np.float64 else "float32"
    table(f"{rows / 1e6:g} M rows, {kind}, sorted by {order}", figures, next(iter(mine)))
    return figures


def peak(engine: str, rows: int, real: str, order: str) -> None:
    """In a process of its own: memory beyond the input at its highest, while the engine runs once."""
    data = make(rows, np.dtype(real).type, order)
    build = {"raw": lambda d: ours(d, "raw"), "offsets": lambda d: ours(d, "offsets"), "prepare": lambda d: ours(d, "prepare")}
    run = (build | PEERS)[engine](data)
    small = make(10_000, np.dtype(real).type, order)
    (build | PEERS)[engine](small)()  # libraries' own start-up and compiling are not the work's memory
    del small
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # starts the high-water mark again from now
    before = _status("VmRSS")
    run()
    print(json.dumps({"peak_mb": (_status("VmHWM") - before) / 1e3, "input_mb": data.bytes / 1e6}))


def _status(field_name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field_name))
    return float(line.split()[1]) * 1.024


def case_memory(rows: int, real: str, engines: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    found = {}
    print(f"\n{rows / 1e6:g} M rows, {real}: peak memory beyond the input\n{'':38}{'MB':>10}{'% of input':>12}")
    for engine, order in engines:
        command = [sys.executable, __file__, "--peak", engine, "--rows", str(rows), "--real", real, "--order", order]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        line = json.loads(done.stdout)
        found[engine] = line
        print(f"{engine:38}{line['peak_mb']:>10.0f}{100 * line['peak_mb'] / line['input_mb']:>12.1f}")
    return found


def case_growth(sizes: list[int], rounds: int) -> dict[str, dict[str, float]]:
    """Ours alone, float32, windows growing with rows, as time does."""
    figures = {}
    for rows in sizes:
        data = make(rows, np.float32, "host", windows=max(1, rows // 35_461))
        line = measure({"ours, offsets given": ours(data, "offsets"), "ours, raw columns": ours(data, "raw")}, rows, rounds)
        figures |= {f"{name}, {rows / 1e6:g} M": figure for name, figure in line.items()}
        del data
    table("growth, float32, sorted by host", figures, next(iter(figures)))
    return figures


def case_segments(rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """From files at rest to sums: ours from a fleet segment, DuckDB from the same mapped columns and from the same rows as Parquet.

    DuckDB is given the dictionaries' codes as plain int32 columns, without copies, so that it groups by integers and decodes no
    text; Parquet is read with its own reader. Files are in the page cache.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from greencloud.allocation import fleet
    from greencloud.usage.fleet import FLEET_MEASURES, read_fleet_segment, write_fleet_segment

    data = make(rows, np.float32, "host")
    starts = pa.array(np.arange(data.windows) * 3_600_000_000, pa.timestamp("us", "UTC"))
    host_names = pa.array([f"host-{h:04}" for h in range(HOSTS)])
    accounts, services = (
        pa.array([f"{word}-{k:03}" for k in range(n)]) for word, n in (("account", ACCOUNTS), ("service", SERVICES))
    )
    per_host = np.arange(data.windows * HOSTS, dtype=np.int32)
    tables = {name: pa.array(values) for name, values in data.tables.items()}
    windows = pa.table({"window_start": starts} | {k: v for k, v in tables.items() if len(v) == data.windows})
    hosts = pa.table(
        {"window_start": starts.take(per_host // HOSTS), "host": host_names.take(per_host % HOSTS)}
        | {k: v for k, v in tables.items() if len(v) == len(per_host)}
    )
    with tempfile.TemporaryDirectory() as directory:
        segment, parquet = Path(directory, "fleet.arrow"), Path(directory, "fleet.parquet")
        ids = {
            "window_start": pa.DictionaryArray.from_arrays(data.window, starts),
            "host": pa.DictionaryArray.from_arrays(data.host, host_names),
            "account": pa.DictionaryArray.from_arrays(data.group // SERVICES, accounts),
            "service": pa.DictionaryArray.from_arrays(data.group % SERVICES, services),
        }
        write_fleet_segment(segment, pa.table(ids | dict(zip(FLEET_MEASURES, data.columns, strict=True))))
        batch = read_fleet_segment(segment).rows
        codes = {name: batch[name].indices for name in ("window", "host", "group")}
        mapped = pa.table(codes | {name: batch[column] for name, column in zip(NAMES, FLEET_MEASURES, strict=True)})
        assert len(batch["group"].dictionary) == GROUPS, "every group has rows, so that codes are the same for all"
        pq.write_table(mapped, parquet)

        def mine() -> np.ndarray:
            weights = fleet.Weights(USE_WEIGHTS, RESERVED_WEIGHTS)
            sums = fleet.allocate_segments([segment], windows, hosts, weights=weights, threads=THREADS)
            return np.array([sums.by_group[name].to_numpy() for name in fleet.OUTPUTS])

        connection = duckdb_load(data, mapped)
        query = SQL.format(use=weighed(NAMES[:4], USE_WEIGHTS), asked=weighed(NAMES[4:], RESERVED_WEIGHTS))
        engines: dict[str, Engine] = {
            "ours, segment": mine,
            "DuckDB, mapped Arrow columns": lambda: from_rows(connection.execute(query).fetchnumpy()),
            "DuckDB, Parquet": lambda: from_rows(
                connection.execute(query.replace("from rows)", f"from read_parquet('{parquet}'))", 1)).fetchnumpy()
            ),
        }
        figures = measure(engines, rows, rounds)
    table(f"{rows / 1e6:g} M rows at rest to sums, float32", figures, "ours, segment")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", action="append", choices=["window", "host", "shuffled", "memory", "growth", "segments"])
    parser.add_argument("--real", choices=["float32", "float64"], action="append")
    parser.add_argument("--peers", action="append", default=[], help="a word in the names of the peers to run; all by default")
    parser.add_argument("--growth", type=int, nargs="*", default=[1_000_000, 10_000_000, 50_000_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--order", default="window", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    if asked.peak:
        peak(asked.peak, asked.rows, asked.real[0], asked.order)
        return
    reals = [np.dtype(real).type for real in asked.real or ["float64", "float32"]]
    cases = asked.case or ["window", "host", "shuffled", "memory", "growth", "segments"]
    found: dict[str, object] = {"rows": asked.rows, "read_gb_s": {str(n): bandwidth(n) for n in (1, THREADS)}}
    print(f"memory read: {found['read_gb_s']} GB/s; load {os.getloadavg()[0]:.1f}")
    for case in ("window", "host", "shuffled"):
        if case in cases:
            order = "none" if case == "shuffled" else case
            for real in reals:
                found[f"{case} {real.__name__}"] = case_order(asked.rows, real, order, asked.rounds, asked.peers)
    if "memory" in cases:
        engines = [("raw", "window"), ("offsets", "host"), ("prepare", "none"), *((name, "window") for name in PEERS)]
        found["memory"] = case_memory(asked.rows, "float64", engines)
    if "growth" in cases:
        found["growth"] = case_growth(asked.growth, asked.rounds)
    if "segments" in cases:
        found["segments"] = case_segments(asked.rows, asked.rounds)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
