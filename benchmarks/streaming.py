"""StreamFootprint against pages of proto rows, and against the same segments sent as Parquet files, in the same run.

    python benchmarks/streaming.py --folder DIR [--hours 36] [--rounds 5] [--json FILE]

Server and client are two processes of one machine, over loopback, with a token and without TLS. Every way ends with an Arrow table
in the client, of which the energy is added up and compared with the others. What is measured is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ledger_data import MONTH, ROWS, Hours, windows

from greencloud.client.streaming import batches
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.streamed_postings import STREAMED_POSTINGS
from greencloud.server import Intake, KeyStore, Services, build_server
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.wire import instant_to_message

CHUNK = 1 << 20
TEXTS = [field.name for field in STREAMED_POSTINGS if pa.types.is_dictionary(field.type)]
OPTIONS = [("grpc.max_receive_message_length", 16 << 20)]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve(folder: Path, pipe: Connection) -> None:
    """The process of the server: tells its addresses, then its CPU seconds whenever it is asked."""
    ledger = Ledger(folder / "ledger")
    keys = KeyStore(folder / "keys")

    def unused(*_: Any, **__: Any) -> Any:
        raise NotImplementedError

    services = Services(ledger.snapshot, unused, unused, unused, unused, unused, unused)
    server = build_server(services, Intake(unused), keys, listen="127.0.0.1:0", clock=lambda: datetime.now(UTC))
    files = grpc.server(ThreadPoolExecutor(2))

    def download(_: bytes, __: Any) -> Iterator[bytes]:
        for segment in ledger.snapshot().contents.segments():
            content = (ledger.root / segment.path).read_bytes()
            yield b""  # a file begins
            for at in range(0, len(content), CHUNK):
                yield content[at : at + CHUNK]

    handler: Any = grpc.unary_stream_rpc_method_handler(download)
    files.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("files", {"Get": handler}),))
    port = files.add_insecure_port("127.0.0.1:0")
    files.start()
    token = keys.issue("provider", "", ttl=timedelta(hours=8), now=datetime.now(UTC))
    pipe.send((server.target, f"127.0.0.1:{port}", token))
    while pipe.recv():
        pipe.send(cpu())
    server.stop(0)
    files.stop(0)


class Ways:
    """Each gives an Arrow table, and how many bytes came."""

    def __init__(self, target: str, files: str, token: str, hours: int) -> None:
        self.channel = grpc.insecure_channel(target, options=OPTIONS)
        self.stub = stubs.FootprintServiceStub(self.channel)
        self.files = grpc.insecure_channel(files, options=OPTIONS)
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.start, self.end = MONTH, MONTH + timedelta(hours=hours)

    def stream(self, **fields: Any) -> tuple[pa.Table, int]:
        size = 0

        def opened(request: footprint.StreamFootprintRequest) -> Iterator[Any]:
            nonlocal size
            for message in self.stub.StreamFootprint(request, metadata=self.metadata):
                size += len(message.arrow_ipc)
                yield message

        times: dict[str, Any] = {"start_time": instant_to_message(self.start), "end_time": instant_to_message(self.end)}
        return pa.Table.from_batches(batches(opened, footprint.StreamFootprintRequest(**times, **fields))), size

    def parquet(self) -> tuple[pa.Table, int]:
        parts: list[list[bytes]] = []
        get: Any = self.files.unary_stream("/files/Get")
        for chunk in get(b""):
            if chunk:
                parts[-1].append(chunk)
            else:
                parts.append([])
        whole = [b"".join(part) for part in parts]
        tables = [pq.read_table(pa.BufferReader(each), read_dictionary=TEXTS, partitioning=None) for each in whole]
        return pa.concat_tables(tables), sum(map(len, whole))

    def pages(self) -> tuple[pa.Table, int]:
        """One hour by account and service: 80,000 rows, below what an answer may have."""
        request = footprint.QueryFootprintRequest(
            start_time=instant_to_message(self.start),
            end_time=instant_to_message(self.start + timedelta(hours=1)),
            group_by=["account", "service"],
            page_size=10_000,
        )
        columns: dict[str, list[Any]] = {"account": [], "service": [], "energy_mj": []}
        size = 0
        while True:
            page = self.stub.QueryFootprint(request, metadata=self.metadata)
            size += page.ByteSize()
            for row in page.rows:
                for name in ("account", "service"):
                    columns[name].append(row.dimensions[name])
                columns["energy_mj"].append(row.energy.megajoules * 10**9 + row.energy.millijoules)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return pa.table(columns), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--hours", type=int, default=36)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compact", action="store_true", help="put the hours of a day into one segment first")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    prepare(given)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(given.folder, theirs))
    process.start()
    target, files, token = ours.recv()
    ways = Ways(target, files, token, given.hours)
    postings = {"content": footprint.STREAM_CONTENT_POSTINGS}
    cases: dict[str, Callable[[], tuple[pa.Table, int]]] = {
        "postings": lambda: ways.stream(**postings),
        "postings, lz4": lambda: ways.stream(**postings, compression=footprint.STREAM_COMPRESSION_LZ4),
        "postings, zstd": lambda: ways.stream(**postings, compression=footprint.STREAM_COMPRESSION_ZSTD),
        "one account's postings": lambda: ways.stream(**postings, filter={"accounts": ["account-00042"]}),
        "rows by account, service, hour": lambda: ways.stream(
            group_by=["account", "service"], granularity=footprint.GRANULARITY_HOUR
        ),
        "parquet files": ways.parquet,
        "pages of proto rows, one hour": ways.pages,
    }

    def server_cpu() -> float:
        ours.send(True)
        return float(ours.recv())

    found: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for _ in range(given.rounds):
        for name, case in cases.items():
            before, own, started = server_cpu(), cpu(), time.perf_counter()
            table, size = case()
            wall = time.perf_counter() - started
            found[name].append(
                {
                    "rows": table.num_rows,
                    "energy": int(pc.sum(pc.cast(table["energy_mj"], pa.decimal128(38))).as_py()),
                    "wall_s": wall,
                    "client_cpu_s": cpu() - own,
                    "server_cpu_s": server_cpu() - before,
                    "bytes": size,
                }
            )
            del table
    ours.send(False)
    process.join()
    whole = {found[name][0]["energy"] for name in cases if "one" not in name}  # those of everything
    assert len(whole) == 1, f"the ways differ: {whole}"
    print(f"{'way':34} {'rows':>10} {'M rows/s':>9} {'best':>6} {'bytes a row':>12} {'client CPU s':>13} {'server CPU s':>13}")
    for name, rounds in found.items():
        rows = rounds[0]["rows"]
        walls = [each["wall_s"] for each in rounds]
        own, server = (statistics.median(each[key] for each in rounds) for key in ("client_cpu_s", "server_cpu_s"))
        speed, best = rows / statistics.median(walls) / 1e6, rows / min(walls) / 1e6
        print(f"{name:34} {rows:10,} {speed:9.2f} {best:6.2f} {rounds[0]['bytes'] / max(rows, 1):12.1f} {own:13.2f} {server:13.2f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


def prepare(given: argparse.Namespace) -> None:
    ledger = Ledger(given.folder / "ledger")
    if ledger.snapshot().version >= 0:
        return
    data = Hours(rows=given.rows)
    for window in windows(MONTH, given.hours):
        ledger.post(data.batch(window))
    if given.compact:
        compact(ledger, MONTH + timedelta(days=60))


if __name__ == "__main__":
    main()
