"""What it costs to ask what there are figures of: availability and values of dimensions, for a provider and for one account.

::

    python -m benchmarks.catalogue --hours 720          # 100 million postings
    python -m benchmarks.catalogue --hours 240 --rows 20000

Milliseconds of the first call of a process that has read nothing yet, and the median of those after it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.ledger_data import ROWS, Hours, windows

from greencloud.ledger import Ledger, data_availability, dimension_values
from greencloud.ledger.availability import EVER
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.results import FootprintQuery

START = datetime(2026, 9, 3, 5, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
TENANT = "account-00007"


def milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--rows", type=int, default=ROWS, help="Postings an hour.")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledger, data = Ledger(Path(folder) / "ledger"), Hours(rows=chosen.rows)
        for window in windows(START, chosen.hours):
            ledger.post(data.batch(window))
        compact(ledger, LATER)
        Rollups(ledger.root).build(ledger.snapshot().contents, LATER)
        found: dict[str, float] = {"postings": chosen.hours * chosen.rows}
        for name, accounts in (("provider", None), ("account", (TENANT,))):
            query = FootprintQuery(*EVER, accounts=accounts)
            calls: dict[str, Callable[[], Any]] = {
                "availability": lambda accounts=accounts: data_availability(ledger.snapshot(), accounts),
                "services": lambda query=query: dimension_values(ledger.snapshot(), "service", query),
                "accounts": lambda query=query: dimension_values(ledger.snapshot(), "account", query),
                "label_keys": lambda query=query: dimension_values(ledger.snapshot(), "label", query),
            }
            for what, call in calls.items():
                found[f"{name}_{what}_first_ms"] = round(milliseconds(call), 1)
                found[f"{name}_{what}_ms"] = round(statistics.median(milliseconds(call) for _ in range(9)), 1)
    print(json.dumps(found, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
