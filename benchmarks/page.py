"""The live page over a large account: what the first look at each view costs, in questions to a real server and in charts.

    python benchmarks/page.py --folder DIR [--days 731] [--services 500] [--json FILE]

One account with hourly figures of 500 services over two years: two sites in two regions, each service at one of them, two
operations and the idle capacity of each, 26 million postings in 35,000 batches, compacted and rolled up as a server does overnight.
A folder that has the ledger already is used as it is. ``greencloud serve`` is a process of its own; the views are called here with
a client of the account, as the page's process calls them, and each drawing is made, in both widths. V8 is started before, as the
page's process does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from api import served
from ledger_data import Allocated

from greencloud.allocation import POSTING_MEASURES, POSTINGS
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.ledger import Batch, make_batch
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.page.asked import Asked
from greencloud.page.customer import VIEWS
from greencloud.page.file import FileAnswer
from greencloud.page.view import Caller
from greencloud.report.drawing import draw
from greencloud.server import KeyStore
from greencloud.units import Window

START = datetime(2024, 11, 1, tzinfo=UTC)
LATER = datetime(2027, 2, 1, tzinfo=UTC)
SITES = (("hall-a", "eu-north", 30.0), ("hall-b", "eu-central", 350.0))  # site, region, g/kWh
ACCOUNT = "large"
OPERATIONS = 2

Row = dict[str, Any]


class Estate:
    """The postings of one site, an hour at a time, the same in every run."""

    def __init__(self, number: int, services: int) -> None:
        self.site, self.region, self.grams = SITES[number]
        names = [f"service-{at:03}" for at in range(number, services, len(SITES))]
        rows = [(name, f"operation-{at}", "dynamic") for name in names for at in range(OPERATIONS)]
        rows += [(name, "", "idle") for name in names]
        self._rows = [pa.array(column) for column in zip(*rows, strict=True)]
        self._count = len(rows)
        self._scale = np.random.default_rng(number).lognormal(12.0, 1.6, self._count)
        self._operations = np.array([operation != "" for _, operation, _ in rows])

    def batch(self, window: Window) -> Batch:
        hour = window.start_us // 3_600_000_000
        draws = np.random.default_rng(hour)
        energy = np.maximum(1, self._scale * draws.lognormal(0.0, 0.3, self._count)).astype("int64")
        grid = self.grams * (1 + 0.5 * np.sin(hour / 24 * 6.283)) / 3_600  # µg/mJ
        amounts = {"energy_mj": energy} | {
            name: np.floor(energy * ratio).astype("int64")
            for name, ratio in (
                ("scope1_ug", 0),
                ("scope2_location_ug", grid),
                ("scope2_market_ug", grid * 0.4),
                ("scope3_upstream_location_ug", 60 / 3_600),
                ("scope3_upstream_market_ug", 40 / 3_600),
                ("scope3_embodied_ug", 0.002),
            )
        }
        service, operation, component = self._rows
        columns = {
            "window_start": pa.repeat(pa.scalar(window.start, pa.timestamp("us", tz="UTC")), self._count),
            "window_s": pa.repeat(pa.scalar(window.seconds, pa.int32()), self._count),
            **{name: pa.repeat(text, self._count) for name, text in (("site", self.site), ("region", self.region))},
            "account": pa.repeat(ACCOUNT, self._count),
            "service": service,
            "sku": pa.repeat("std-2", self._count),
            "operation": operation,
            "labels": pa.repeat('{"team":"web"}', self._count),
            "component": component,
            "quality": pa.repeat("", self._count),
            "count": pa.array(np.where(self._operations, energy // 1_000 + 1, 0)),
            **{name: pa.array(values) for name, values in amounts.items()},
        }
        postings = pa.table([columns[name] for name in POSTINGS.names], schema=POSTINGS)
        totals = {name: int(amounts[name].sum()) for name in POSTING_MEASURES}
        allocated = Allocated(self.site, window, postings, totals)
        return make_batch(allocated, usage_revision="u" * 64, provisional=False, created=window.end)


def prepared(folder: Path, days: int, services: int) -> DataDirectory:
    """The data directory; made where there is none."""
    mark = folder / f"whole-{days}-{services}"
    data = DataDirectory.open(folder / "data", create=True)
    if not mark.exists():
        estates = [Estate(number, services) for number in range(len(SITES))]
        for day in range(days):
            hours = [Window(START + timedelta(days=day, hours=hour), 3_600) for hour in range(24)]
            data.ledger.post_all([estate.batch(window) for window in hours for estate in estates])
            if day % 30 == 29:
                print(f"  {day + 1} days", file=sys.stderr, flush=True)
        compact(data.ledger, LATER)
        Rollups(data.ledger.root).build(data.ledger.snapshot().contents, LATER)
        mark.touch()
    return data


def looks(days: int, services: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, path and parameters of each look."""
    end = START + timedelta(days=days)
    ever = {"from": START.strftime("%Y-%m-%dT%H:%M:%SZ"), "to": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    month = {"period": (end - timedelta(days=20)).strftime("%Y-%m")}
    service = {"service": f"service-{services // 2:03}"}
    operation = {**service, "operation": "operation-0"}
    yield "overview, all", "/", ever
    yield "overview, a month", "/", month
    yield "service, all", "/service", {**ever, **service}
    yield "operation, all", "/operation", {**ever, **operation}
    yield "windows, a month", "/trace", {**month, **operation}
    yield "by service, all", "/by", ever
    yield "by region and day, all", "/by", {**ever, "dimension": "region", "granularity": "day"}
    yield "hours, a month", "/hours", month
    yield "hours, all", "/hours", ever
    yield "compare, all", "/compare", {**ever, "against": "2024"}
    yield "quality, all", "/quality", ever
    yield "restatements, all", "/restatements", ever
    yield "statements", "/statements", ever
    yield "export, all", "/export", {**ever, "format": "csv", "granularity": "all"}


def look(caller: Caller, path: str, parameters: dict[str, str]) -> Row:
    """Milliseconds of the questions and of the drawings, and of processors: of the server and of this process."""
    view = next(view for view in VIEWS if view.path == path)
    asked = Asked.of(path, parameters, LATER)
    server, here, started = server_seconds(), time.process_time(), time.perf_counter()
    shown = view.show(caller, asked)
    answered, cpu = time.perf_counter(), {"server_cpu_ms": round((server_seconds() - server) * 1e3)}
    if isinstance(shown, FileAnswer):
        cpu["page_cpu_ms"] = round((time.process_time() - here) * 1e3)
        return {"asked_ms": round((answered - started) * 1e3), **cpu, "bytes": len(shown.content)}
    svgs = [svg for section in shown.sections for drawn in section.drawn for svg in drawn]
    done = time.perf_counter()
    cpu["page_cpu_ms"] = round((time.process_time() - here) * 1e3)
    return {
        **cpu,
        "asked_ms": round((answered - started) * 1e3),
        "drawn_ms": round((done - answered) * 1e3),
        "all_ms": round((done - started) * 1e3),
        "drawings": len(svgs),
        "svg_kb": round(sum(map(len, svgs)) / 1e3),
        "rows": sum(len(section.table.rows) for section in shown.sections if section.table),
        "csv_kb": round(sum(len(section.table.link) for section in shown.sections if section.table) / 1e3),
    }


def server_seconds() -> float:
    """Processor time of ``greencloud serve``."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="Where the ledger is, or is to be made. A temporary folder by default.")
    parser.add_argument("--days", type=int, default=731)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--only", default="", help="Looks whose name has this.")
    parser.add_argument("--again", type=int, default=2, help="How often each is looked at.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        data = prepared(options.folder or Path(spare), options.days, options.services)
        token = KeyStore(data.keys_directory).issue("tenant", ACCOUNT, ttl=timedelta(hours=2), now=datetime.now(UTC))
        draw({"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}, "svg")
        results: dict[str, list[Row]] = {}
        for name, path, parameters in looks(options.days, options.services):
            if options.only not in name:
                continue
            with served(data) as target, Client(target, token=token, timeout=120) as client:  # a fresh server: nothing is mapped
                caller = Caller(client, client.get_caller_identity())
                results[name] = [look(caller, path, parameters) for _ in range(options.again)]
            for row in results[name]:
                print(f"{name}: {row}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    main()
