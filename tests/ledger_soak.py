"""One writer and several readers of a ledger for as long as one likes: no torn read, no stale handle, no growing memory.

    python tests/ledger_soak.py [--minutes 10] [--readers 3]

The writer moves energy between two accounts of random windows, compacts and rolls up and removes now and then; what all accounts
have together never changes. Each reader asks for it again and again, of one ledger that it keeps open: by account, by day, by
month, and of the version that it saw a moment ago; every answer must have the same sum, versions must never go back, and the
latest must be seen. Memory of every process is taken half-way and at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.vacuum import vacuum
from greencloud.results import Granularity
from ledger_builders import EVER, batch, hour

HOURS, EACH = 96, 1_000_000
LATER = datetime(2026, 6, 1, tzinfo=UTC)
GRACE = timedelta(seconds=5)
CALM = 0.5  # of the time, before memory is taken for the first time: caches have filled by then


def resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def write(root: Path, seconds: float) -> Counter[str]:
    draw, told = random.Random(5), Counter[str]()
    ledger = Ledger(root)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        hours = draw.sample(range(HOURS), draw.choice((1, 1, 1, 24)))
        moved = {at: draw.randrange(EACH + 1) for at in hours}
        ledger.post_all([batch({"a": part, "b": EACH - part}, window=hour(at)) for at, part in moved.items()])
        told["posts"] += 1
        if draw.random() < 0.05:
            told["compacted"] += compact(ledger, LATER)
            told["rolled up"] += Rollups(root).build(ledger.snapshot().contents, LATER)
        if draw.random() < 0.02:
            told["removed"] += vacuum(ledger, datetime.now(UTC), grace=GRACE, keep_superseded=GRACE).files
        if not told["first_kib"] and time.monotonic() > ends - seconds * (1 - CALM):
            told["first_kib"] = resident_kib()
    told["last_kib"] = resident_kib()
    return told


def read(root: Path, seconds: float, seed: int) -> Counter[str]:
    draw, told = random.Random(seed), Counter[str]()
    ledger = Ledger(root)
    ends = time.monotonic() + seconds
    version = -1
    seen = set()
    while time.monotonic() < ends:
        snapshot = ledger.snapshot()
        assert snapshot.version >= version, "a version went back"
        version = snapshot.version
        seen.add(version)
        query = replace(
            EVER,
            group_by=draw.choice((("account",), (), ("account", "service"))),
            granularity=draw.choice((Granularity.ALL, Granularity.DAY, Granularity.MONTH, Granularity.HOUR)),
        )
        total = sum(row.energy.millijoules for row in snapshot.footprint(query))
        assert total == HOURS * EACH, f"torn: {total}"
        assert sum(each.account_energy.millijoules for each in snapshot.batches()) == HOURS * EACH
        told["reads"] += 1
        if not told["first_kib"] and time.monotonic() > ends - seconds * (1 - CALM):
            told["first_kib"] = resident_kib()
    told["versions"] = len(seen)
    told["last_version"] = version
    told["last_kib"] = resident_kib()
    return told


def run(minutes: float, readers: int) -> dict[str, Any]:
    """Raises AssertionError where a process ended badly or grew."""
    with tempfile.TemporaryDirectory(prefix="greencloud-soak-") as folder:
        root = Path(folder) / "ledger"
        Ledger(root).post_all([batch({"a": EACH, "b": 0}, window=hour(at)) for at in range(HOURS)])
        parts = ["write", *(f"read-{number}" for number in range(readers))]
        command = [sys.executable, __file__, "--minutes", str(minutes), "--root", str(root), "--part"]
        children = [subprocess.Popen([*command, part], stdout=subprocess.PIPE, text=True) for part in parts]
        told = {part: json.loads(child.communicate()[0] or "{}") for part, child in zip(parts, children, strict=True)}
        assert [child.returncode for child in children] == [0] * len(children), told
        latest = Ledger(root).snapshot()
        assert Ledger(root).verify() == []
        told["ledger"] = {"version": latest.version}
        for part in parts[1:]:
            assert told[part]["versions"] > 1
        for part in parts:
            growth = told[part]["last_kib"] - told[part]["first_kib"]
            # Each version is kept for a while, and allocators keep some; what would fill a server in a day grows by far more.
            assert growth < 64 << 10, f"{part} grew by {growth} KiB"
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description="One writer, several readers.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seconds = options.minutes * 60
    if options.part:
        done = write(options.root, seconds) if options.part == "write" else read(options.root, seconds, len(options.part))
        print(json.dumps(done))
    else:
        for part, told in run(options.minutes, options.readers).items():
            print(part, told)


if __name__ == "__main__":
    main()
