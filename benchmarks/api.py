"""A month by service of one account over gRPC: one customer, then many at once, beside a bare handler that answers as many bytes.

    python benchmarks/api.py --folder DIR [--hours 720] [--json FILE]

The ledger is that of benchmarks/ledger_data.py, 100 million postings with 720 hours; a folder that has it already is used as it is.
``greencloud serve`` and the bare server are processes of their own, as is what asks: stock grpcio clients, a thread and a channel
for each customer, messages built anew and parsed in each call. Both are asked by turns in one run, so that the ratio holds even
where the machine does other work. Every customer has a token of its own; the bare server looks at none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from ledger_data import MONTH, ROWS, Hours, windows

from greencloud.engine import DataDirectory
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.server import KeyStore
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import instant_to_message

METHOD = "/greencloud.v1.FootprintService/QueryFootprint"
NEXT = datetime(2026, 11, 1, tzinfo=UTC)
LATER = datetime(2027, 2, 1, tzinfo=UTC)
BARE = "/bare.Service/Answer"

Row = dict[str, Any]


def prepared(folder: Path, hours: int, rows: int) -> DataDirectory:
    """The data directory; made where there is none."""
    mark = folder / f"whole-{hours}-{rows}"
    data = DataDirectory.open(folder / "data", create=True)
    if not mark.exists():
        source = Hours(rows=rows)
        for number, window in enumerate(windows(MONTH, hours)):
            data.ledger.post(source.batch(window))
            if number % 24 == 23:
                print(f"  {(number + 1) * rows:,} postings", file=sys.stderr, flush=True)
        compact(data.ledger, LATER)
        Rollups(data.ledger.root).build(data.ledger.snapshot().contents, LATER)
        mark.touch()
    return data


@contextmanager
def served(data: DataDirectory) -> Iterator[str]:
    """``greencloud serve``; its address."""
    command = [sys.executable, "-m", "greencloud", "serve", "--data", str(data.path), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if found := re.search(r"127\.0\.0\.1:\d+", line):
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    yield found[0]
                    break
        finally:
            process.terminate()


@contextmanager
def bare(size: int) -> Iterator[str]:
    """A server in its own process that answers ``size`` bytes and does nothing else."""
    with subprocess.Popen([sys.executable, __file__, "--bare", str(size)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def answer(size: int) -> None:
    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: content)

    content = bytes(size)
    server = grpc.server(futures.ThreadPoolExecutor(32), handlers=[Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def asked(method: Any, token: str, *, parse: bool) -> int:
    """One call, from the fields to the rows. Gives the size of the answer."""
    request = messages.QueryFootprintRequest(
        start_time=instant_to_message(MONTH),
        end_time=instant_to_message(NEXT),
        group_by=["service"],
        granularity=messages.GRANULARITY_MONTH,
    )
    content = method(request.SerializeToString(), metadata=[("authorization", f"Bearer {token}")], timeout=30)
    if parse:
        response = messages.QueryFootprintResponse.FromString(content)
        assert len(response.rows) == 8, len(response.rows)
    return len(content)


def load(target: str, method: str, tokens: list[str], customers: int, seconds: float) -> Row:
    """``customers`` that ask without pause."""
    until = [0.0]
    begin = threading.Barrier(customers + 1)

    def customer(number: int) -> list[float]:
        found = []
        with grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            ask = channel.unary_unary(method)
            own = tokens[number::customers]
            try:
                for token in own[:3]:
                    asked(ask, token, parse=method == METHOD)
            except BaseException:
                begin.abort()
                raise
            begin.wait()
            while (started := time.perf_counter()) < until[0]:
                asked(ask, own[len(found) % len(own)], parse=method == METHOD)
                found.append(time.perf_counter() - started)
        return found

    with futures.ThreadPoolExecutor(customers) as pool:
        waiting = [pool.submit(customer, number) for number in range(customers)]
        until[0] = time.perf_counter() + 3600
        with suppress(threading.BrokenBarrierError):  # whoever broke it says why
            begin.wait()
        started = time.perf_counter()
        until[0] = started + seconds
        times = sorted(each for one in waiting for each in one.result())
    took = time.perf_counter() - started
    return {
        "requests_s": round(len(times) / took),
        "p50_ms": round(times[len(times) // 2] * 1e3, 3),
        "p99_ms": round(times[len(times) * 99 // 100] * 1e3, 3),
    }


def middle(rows: list[Row]) -> Row:
    """The median of each figure."""
    return {key: sorted(row[key] for row in rows)[len(rows) // 2] for key in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="Where the ledger is, or is to be made. A temporary folder by default.")
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--rows", type=int, default=ROWS, help="Postings an hour.")
    parser.add_argument("--seconds", type=float, default=5.0, help="How long each load lasts.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        answer(options.bare)
        return
    with tempfile.TemporaryDirectory() as spare:
        folder = options.folder or Path(spare)
        data = prepared(folder, options.hours, options.rows)
        keys, now = KeyStore(data.keys_directory), datetime.now(UTC)
        tokens = [keys.issue("tenant", f"account-{at * 37:05}", ttl=timedelta(hours=12), now=now) for at in range(256)]
        results: dict[str, Row] = {"postings": {"count": options.hours * options.rows}}
        with served(data) as target:
            with grpc.insecure_channel(target) as channel:
                size = asked(channel.unary_unary(METHOD), tokens[0], parse=True)
            with bare(size) as other:
                for customers in (1, 16):
                    rounds: list[tuple[Row, Row]] = []
                    for _ in range(options.rounds):
                        ours = load(target, METHOD, tokens, customers, options.seconds)
                        rounds.append((ours, load(other, BARE, tokens, customers, options.seconds)))
                    ours, theirs = middle([one for one, _ in rounds]), middle([two for _, two in rounds])
                    ratio = sorted(one["requests_s"] / two["requests_s"] for one, two in rounds)[len(rounds) // 2]
                    results[f"{customers} customers"] = {**ours, "ratio_to_bare": round(ratio, 3)}
                    results[f"{customers} customers, bare handler of {size} bytes"] = theirs
        for name, row in results.items():
            print(f"{name}: {row}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    main()
