"""A small data directory as this release writes it, with all that a directory can hold, to be read by every release after.

    python tests/frozen.py tests/golden/data-2

Made once for each format and then never again: what ``test_upgrade`` reads must be what was written then. ``expected.json`` beside
it is what it said of itself when it was made.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from explained_world import NOW, explained_world
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.closes import period_named
from greencloud.engine.maintenance import maintain
from greencloud.report import footprint_document
from greencloud.results import FootprintQuery, Granularity
from greencloud.telemetry import Record, WriteAheadLog
from otlp import SECOND, SpanSpec, trace_request
from test_allocation_recomputed import BOOK, START

DAY = f"{START:%Y-%m-%d}"
LATER = NOW + timedelta(days=3)
QUERY = FootprintQuery(
    datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2030, 1, 1, tzinfo=UTC),
    group_by=("account", "component"),
    granularity=Granularity.MONTH,
)


def said(data: DataDirectory) -> dict[str, Any]:
    """What a directory says of itself, in plain JSON."""
    snapshot = data.ledger.snapshot()
    first = snapshot.footprint(QUERY)
    document = footprint_document(
        first,
        account=None,
        period=(QUERY.start, QUERY.end),
        group_by=QUERY.group_by,
        granularity="month",
        batches=snapshot.batches(),
    )
    restated = [
        {
            "site": each.site,
            "start": each.start.isoformat(),
            "causes": each.causes,
            "by": each.requested_by,
            "lines": len(each.lines),
        }
        for each in snapshot.restatements(QUERY.start, QUERY.end)
    ]
    closed = {name: entry["body"]["root"] for name, entry in data.closes.in_force().items()}
    found = {"footprint": document, "restatements": restated, "closes": closed, "version": snapshot.version}
    return dict(json.loads(json.dumps(found, default=str)))


def make(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        data = explained_world(work)
        start_ns = int(START.timestamp()) * SECOND
        span = SpanSpec(1, 1, start_ns, start_ns + SECOND, "GET /", attributes={"greencloud.cpu.time": 5})
        with WriteAheadLog(data.wal_directory) as log:
            log.append(Record("traces", "tenant", "acme", start_ns, trace_request({"service.name": "web"}, [span])))
        (work / "second").mkdir()
        book = BOOK.replace("mwh = ", "mwh = 0.0000001 # ").replace("g_per_kwh = 4", "g_per_kwh = 5", 1)
        (work / "second" / "facility.toml").write_text(book, encoding="utf-8")
        data.apply_facility(work / "second" / "facility.toml")
        run_allocation(data, now=LATER, requested_by="an operator", reason="the publisher corrected a factor")
        with data.allocating(), data.writing():
            data.closes.close(data.ledger, period_named(DAY), LATER, allow_gaps=True)
        maintain(data, LATER)
        shutil.copytree(data.path, folder / "data")
        (folder / "expected.json").write_text(json.dumps(said(data), sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
