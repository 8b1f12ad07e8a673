"""Shapley shares: cost against straightforward implementations, and deviation from the exact answer.

    python -m benchmarks.shapley [--scenarios 300] [--json FILE]

Times are CPU seconds of one thread, the best of a few runs. The peers are what one would write first: a loop over coalitions, all
coalitions at once in NumPy, and permutations in NumPy. What a peer would take too long or too much memory for is extrapolated from
the largest that it did, and says so. benchmarks/README.md explains the columns.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from greencloud.allocation.shapley import exact, sampled, temporal

Floats = NDArray[np.float64]
Row = dict[str, Any]
T = TypeVar("T")
P = ParamSpec("P")

EXACT_UP_TO = 20  # workloads that the default fair rule walks; more are sampled


def measured(runs: int, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[float, T]:
    """CPU seconds of the best run, and what it returned."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        result = call(*args, **kwargs)
        best = min(best, time.process_time() - start)
    return best, result


def floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)


def loop_over_coalitions(demand: Floats) -> Floats:
    """The definition, a coalition at a time."""
    n = len(demand)
    groups = [[i for i in range(n) if mask >> i & 1] for mask in range(1 << n)]
    values = [float(demand[group].sum(axis=0).max()) if group else 0.0 for group in groups]
    shares = np.zeros(n)
    for i in range(n):
        for mask in range(1 << n):
            if not mask >> i & 1:
                shares[i] += (values[mask | 1 << i] - values[mask]) / (n * comb(n - 1, mask.bit_count()))
    return floats(shares / shares.sum())


def numpy_coalitions(demand: Floats) -> Floats:
    """All coalitions at once: 2**n rows of sums."""
    n, slices = demand.shape
    sums = np.zeros((1, slices))
    sizes = np.zeros(1, dtype=np.int64)
    for row in demand:
        sums = np.concatenate([sums, sums + row])
        sizes = np.concatenate([sizes, sizes + 1])
    values = sums.max(axis=1)
    chance = np.array([1 / (n * comb(n - 1, size)) for size in range(n)])
    masks = np.arange(1 << n)
    shares = np.empty(n)
    for i in range(n):
        without = masks[masks >> i & 1 == 0]
        shares[i] = ((values[without | 1 << i] - values[without]) * chance[sizes[without]]).sum()
    return floats(shares / shares.sum())


def numpy_permutations(demand: Floats, permutations: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    shares = np.zeros(len(demand))
    for _ in range(permutations):
        order = rng.permutation(len(demand))
        shares[order] += np.diff(demand[order].cumsum(axis=0).max(axis=1), prepend=0)
    return floats(shares / shares.sum())


def distance(a: Any, b: Any) -> float:
    """Total variation, in percent."""
    return float(50 * np.abs(floats(a) - floats(b)).sum())


def exact_rows(rng: np.random.Generator) -> list[Row]:
    rows: list[Row] = []
    for n, slices in ((20, 8), (24, 8), (26, 8), (24, 288)):
        demand = rng.random((n, slices))
        ours, shares = measured(3, exact, demand)
        small = demand[:14]
        loop, expected = measured(1, loop_over_coalitions, small)
        assert distance(exact(small), expected) < 1e-9
        loop *= 2 ** (n - 14) * n / 14
        row: Row = {"n": n, "slices": slices, "greencloud_s": ours, "loop_s": loop, "loop_note": "extrapolated from n = 14"}
        if n == 20:
            row["numpy_s"], expected = measured(1, numpy_coalitions, demand)
            row["numpy_note"] = "measured"
            assert distance(shares, expected) < 1e-9
        else:
            row["numpy_s"] = None
            row["numpy_note"] = f"skipped: {(1 << n) * slices * 16 / 1e9:.1f} GB of sums"
        rows.append(row)
    return rows


def demand_of(kind: str, rng: np.random.Generator, n: int = 1000, slices: int = 288) -> Floats:
    """Workloads of log-normal size, by day and night in about the same phase, or without a rhythm."""
    size = rng.lognormal(0, 1, (n, 1))
    noise = rng.random((n, slices))
    if kind == "stationary":
        return floats(size * noise)
    phase = np.linspace(0, 1, slices, endpoint=False) + rng.normal(0, 0.08, (n, 1))
    return floats(size * (1 + 0.6 * np.sin(2 * np.pi * phase) + 0.3 * noise))


def sampled_rows(rng: np.random.Generator, truth_permutations: int, threads: int) -> list[Row]:
    rows: list[Row] = []
    for kind in ("diurnal", "stationary"):
        demand = demand_of(kind, rng)
        truth, errors = sampled(demand, truth_permutations, 2**32, threads)
        for permutations in (1000, 4000, 16000):
            ours, (shares, _) = measured(2, sampled, demand, permutations, 1)
            row: Row = {
                "demand": kind,
                "permutations": permutations,
                "greencloud_s": ours,
                "us_per_permutation": ours / permutations * 1e6,
                "greencloud_tv_%": distance(shares, truth),
                "truth_tv_error_%": 50 * sum(errors) * 0.8,  # of a normal error, the mean is 0.8 standard errors
            }
            if permutations == 1000:
                row["numpy_s"], peer = measured(1, numpy_permutations, demand, permutations, 1)
                row["numpy_tv_%"] = distance(peer, truth)
            rows.append(row)
    return rows


def scenario(rng: np.random.Generator, factor: int, most: int) -> Floats:
    """Random demand after Fair-CO2's published Monte Carlo set-up.

    4 to 9 slices, in each 1 to 5 workloads at a time (times ``factor``), of 8 to 96 CPUs; one that runs goes on with probability
    1/2, for three slices at most, else another takes its place.
    """
    while True:
        slices = int(rng.integers(4, 10))
        rows: list[Floats] = []
        running: list[int] = []
        for t in range(slices):
            following: list[int] = []
            rng.shuffle(running)
            for place in range(int(rng.integers(factor, 5 * factor + 1))):
                if place < len(running):
                    i = running[place]
                    if np.count_nonzero(rows[i]) < 3 and rng.random() < 0.5:
                        rows[i][t] = rows[i].max()
                        following.append(i)
                        continue
                row = np.zeros(slices)
                row[t] = rng.choice([8, 16, 32, 48, 64, 80, 96])
                following.append(len(rows))
                rows.append(row)
            running = following
        if 2 <= len(rows) <= most:
            return np.stack(rows)


def fair(demand: Floats, permutations: int) -> Floats:
    """The default fair rule."""
    return floats(exact(demand) if len(demand) <= EXACT_UP_TO else sampled(demand, permutations, 7)[0])


def accuracy_rows(rng: np.random.Generator, scenarios: int, permutations: int, truth_permutations: int, threads: int) -> list[Row]:
    rows: list[Row] = []
    for factor, most, count in ((1, 22, scenarios), (8, 150, max(scenarios // 10, 3)), (80, 1500, max(scenarios // 30, 3))):
        deviations: dict[str, list[Floats]] = {}
        distances: dict[str, list[float]] = {}
        sizes = []
        for _ in range(count):
            demand = scenario(rng, factor, most)
            sizes.append(len(demand))
            truth = floats(exact(demand) if factor == 1 else sampled(demand, truth_permutations, 2**33, threads)[0])
            shares = {
                "use-proportional": demand.sum(axis=1) / demand.sum(),
                "demand-weighted": demand @ demand.sum(axis=0) / (demand.sum(axis=0) ** 2).sum(),
                "temporal": floats(temporal(demand)),
                f"sampled, m = {permutations}": floats(sampled(demand, permutations, 7)[0]),
                "default fair rule": fair(demand, permutations),
            }
            for rule, found in shares.items():
                deviations.setdefault(rule, []).append(100 * np.abs(found / truth - 1))
                distances.setdefault(rule, []).append(distance(found, truth))
        for rule, found_deviations in deviations.items():
            rows.append(
                {
                    "n": f"{min(sizes)}..{max(sizes)}",
                    "scenarios": count,
                    "truth": "exact" if factor == 1 else f"sampled, m = {truth_permutations}",
                    "rule": rule,
                    "average_%": float(np.mean([deviation.mean() for deviation in found_deviations])),
                    "mean_worst_%": float(np.mean([deviation.max() for deviation in found_deviations])),
                    "max_%": float(max(deviation.max() for deviation in found_deviations)),
                    "tv_%": float(np.mean(distances[rule])),
                }
            )
    return rows


def show(title: str, rows: list[Row]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [
        ["-" if row.get(c) is None else f"{row[c]:.4g}" if isinstance(row[c], float) else str(row[c]) for c in columns]
        for row in rows
    ]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Shapley shares: cost and accuracy")
    parser.add_argument("--scenarios", type=int, default=300, help="random scenarios of 2 to 22 workloads (default %(default)s)")
    parser.add_argument("--permutations", type=int, default=20_000, help="of the default fair rule (default %(default)s)")
    parser.add_argument(
        "--truth", type=int, default=400_000, help="permutations of the truth where exact cannot be (default %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="for the truth; nothing else (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)

    results = {"exact": exact_rows(rng)}
    show("Exact, CPU seconds", results["exact"])
    results["sampled"] = sampled_rows(rng, options.truth, options.threads)
    show("Sampled, 1,000 workloads x 288 slices", results["sampled"])
    results["accuracy"] = accuracy_rows(rng, options.scenarios, options.permutations, options.truth, options.threads)
    show("Deviation from the exact share of each workload, random scenarios", results["accuracy"])
    if options.json:
        settings = {key: value for key, value in vars(options).items() if key != "json"}
        options.json.write_text(json.dumps({"settings": settings, **results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
