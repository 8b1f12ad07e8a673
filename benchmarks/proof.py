"""Closing a period of many accounts, making a statement, and verifying it.

    python benchmarks/proof.py                                # a million accounts, of 1 line and of 8
    python benchmarks/proof.py --accounts 100_000 --json proof.json

``cpu_s`` is CPU seconds of one process, making the accounts aside; a busy machine changes it less than ``build_s``, wall time.
``peak_mib`` is the process's peak memory above what it had before, the mapped files (which the kernel may drop) included. The peer
is a plain Merkle tree, without sums, of as many leaves of the same length as there are shares (pymerkle; one proof, timed once).
Its leaves are made beforehand and not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from greencloud.proof import AccountLines, Line, Period, Signer, SumTree, build, canonical, close_entry, key_entry, verify

PERIOD = Period("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
CLOSED = datetime(2026, 12, 2, tzinfo=UTC)
KEY = Signer.from_seed(bytes(32))


def accounts(count: int, lines: int) -> Iterator[AccountLines]:
    """Accounts with amounts of up to 48 bits; making them is cheap beside closing them, and is measured by itself."""
    rand = random.Random(7)
    pool = [tuple(rand.randrange(1 << 48) for _ in range(7)) for _ in range(4096)]
    dimensions = [{"service": f"service-{at}", "region": "eu-1", "sku": f"sku-{at}"} for at in range(lines)]
    for at in range(count):
        yield AccountLines(f"account-{at:07}", [Line(dimensions[k], pool[(at * 7 + k) % 4096]) for k in range(lines)])


def close(count: int, lines: int) -> dict[str, Any]:
    started = time.process_time()
    for _ in accounts(count, lines):
        pass
    made = time.process_time() - started
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    tree = build(PERIOD, accounts(count, lines), secret=sha256(b"benchmark").digest())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    folder = Path(tempfile.mkdtemp()) / "close"
    writing = time.perf_counter()
    tree.write(folder)
    writing = time.perf_counter() - writing
    opening = time.perf_counter()
    opened = SumTree.open(folder)
    opening = time.perf_counter() - opening
    result = {
        "accounts": count,
        "lines": lines,
        "depth": tree.depth,
        "build_s": wall - made,
        "cpu_s": cpu - made,
        "peak_mib": peak / 1024,
        "write_s": writing,
        "on_disk_mib": sum(path.stat().st_size for path in folder.iterdir()) / (1 << 20),
        "open_ms": opening * 1e3,
        **statements(opened, count),
    }
    shutil.rmtree(folder.parent)
    return result


def statements(tree: SumTree, count: int) -> dict[str, float]:
    log = [key_entry([], KEY.public, KEY, CLOSED)]
    body = tree.body(ledger_version="1", batches=bytes(32), methodology_versions=["benchmark"])
    root = close_entry(log, body, KEY, CLOSED)
    rand = random.Random(11)
    made, verified, sizes = [], [], []
    for _ in range(200):
        account = f"account-{rand.randrange(count):07}"
        started = time.perf_counter()
        statement = tree.statement(account, root)
        made.append(time.perf_counter() - started)
        content = canonical(statement)
        sizes.append(len(content))
        started = time.perf_counter()
        findings = verify(statement, root)
        verified.append(time.perf_counter() - started)
        assert not any(finding.status == "fault" for finding in findings)
    return {
        "statement_p50_ms": sorted(made)[100] * 1e3,
        "verify_p50_ms": sorted(verified)[100] * 1e3,
        "verify_best_ms": min(verified) * 1e3,
        "statement_bytes": sum(sizes) / len(sizes),
    }


def plain(count: int) -> dict[str, Any]:
    from pymerkle import InmemoryTree

    leaves = [at.to_bytes(163) for at in range(2 * count)]
    started = time.process_time()
    tree = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)
    root = tree.get_state()
    built = time.process_time() - started
    started = time.process_time()
    proof = tree.prove_inclusion(7)
    made = time.process_time() - started
    started = time.process_time()
    from pymerkle import verify_inclusion

    verify_inclusion(tree.get_leaf(7), root, proof)
    return {
        "accounts": count,
        "peer": "pymerkle",
        "cpu_s": built,
        "proof_ms": made * 1e3,
        "verify_ms": 1e3 * (time.process_time() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for task, arguments in [
        (close, (options.accounts, 1)),
        (close, (options.accounts, 8)),
        (close, (100_000, 1)),
        (plain, (100_000,)),
    ]:
        # A process for each, so that peaks are its own.
        with get_context("spawn").Pool(1) as pool:
            try:
                rows.append(pool.apply(task, arguments))
            except ModuleNotFoundError as error:
                print(f"left out: {error}")
                continue
        print(
            "  ".join(f"{name}={value:,.3f}" if isinstance(value, float) else f"{name}={value}" for name, value in rows[-1].items())
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
