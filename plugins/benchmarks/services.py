"""What a real service notices of the plugin. Run: ``python plugins/benchmarks/services.py``

Two services answer the same request, aiohttp on an event loop and http.server with a thread for each connection: one server span,
three spans under it, five steps of the loop (or gaps between the threads) and about 0.3 ms of work. *aiohttp, a page* has the same
spans and does what services do, in some 3 ms: a query of SQLite, prices summed, the rows as a page and as JSON. Each runs in a
process of its own, without the plugin and with each of its cores, and is asked over 8 connections that are kept open. The kinds
take turns, and of several rounds the best is shown: requests a second, and CPU of the server a request, which says more where
others use the machine.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import sqlite3
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

CONNECTIONS, REQUESTS, ROUNDS = 8, 25, 25
KINDS = ("SDK alone", "python", "compiled")
REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"

tracer = trace.get_tracer("services")


class Nowhere(SpanExporter):
    """Takes spans as a real exporter does, and sends nothing."""

    def export(self, spans: object) -> SpanExportResult:
        assert isinstance(spans, tuple | list)
        assert all(isinstance(span, ReadableSpan) for span in spans)
        return SpanExportResult.SUCCESS


def work() -> int:
    return sum(n * n for n in range(1000))


ROWS = 300
PAGE = string.Template("<tr><td>$id</td><td>$name</td><td>$price</td></tr>")


class Page:
    """The work of a common request, by span."""

    def __init__(self) -> None:
        self.books = sqlite3.connect(":memory:", check_same_thread=False)
        self.books.execute("create table book (id integer primary key, name text, price integer)")
        self.books.executemany(
            "insert into book (name, price) values (?, ?)", [(f"book {n}", n * 7919 % 9973) for n in range(5000)]
        )
        self.rows: list[tuple[int, str, int]] = []

    def read(self) -> None:
        query = "select id, name, price from book where price % 3 = 0 order by price desc, name limit ?"
        self.rows = self.books.execute(query, (ROWS,)).fetchall()

    def compute(self) -> None:
        self.body = "".join(PAGE.substitute(id=number, name=html.escape(name), price=price) for number, name, price in self.rows)

    def write(self) -> None:
        json.loads(json.dumps({"rows": self.rows, "sum": sum(row[2] for row in self.rows), "page": self.body}))


def serve_page() -> None:
    page = Page()
    serve_aiohttp({"read": page.read, "compute": page.compute, "write": page.write})


def serve_aiohttp(steps: dict[str, Callable[[], object]] | None = None) -> None:
    from aiohttp import web

    steps = steps or dict.fromkeys(("read", "compute", "write"), work)

    async def answer(_: web.Request) -> web.Response:
        with tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER):
            for step, job in steps.items():
                with tracer.start_as_current_span(step):
                    job()
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return web.Response(text="done")

    async def cpu(_: web.Request) -> web.Response:
        return web.Response(text=str(time.process_time_ns()))

    async def main() -> None:
        application = web.Application()
        application.add_routes([web.get("/", answer), web.get("/cpu", cpu)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(main())


def serve_threads() -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections open
        wbufsize = -1  # one packet an answer: two would wait for each other

        def do_GET(self) -> None:
            body = str(time.process_time_ns()).encode()
            if self.path == "/":
                body = self.answer()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self) -> bytes:
            with tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER):
                for step in ("read", "compute", "write"):
                    with tracer.start_as_current_span(step):
                        work()
                    time.sleep(0)
            return b"done"

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


SERVICES: dict[str, Callable[[], None]] = {"aiohttp": serve_aiohttp, "aiohttp, a page": serve_page, "threads": serve_threads}


def serve(service: str, kind: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    if kind != "SDK alone":
        from greencloud_otel import GreencloudInstrumentor, _owner

        assert kind == _owner.CORE, "the compiled core was not built"
        GreencloudInstrumentor().instrument()
    SERVICES[service]()


@contextmanager
def running(service: str, kind: str) -> Iterator[int]:
    """A service of that kind; its port. It ends when its standard input does."""
    environment = {**os.environ, "OTEL_PYTHON_GREENCLOUD_CORE": "compiled" if kind == "compiled" else "python"}
    command = [sys.executable, __file__, service, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: bytes = b"/") -> bytes:
    writer.write(REQUEST % path)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def load(port: int) -> tuple[float, float]:
    """Requests a second, and CPU of the server a request in µs."""

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(REQUESTS):
            await ask(reader, writer)
        writer.close()
        await writer.wait_closed()

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    used, began = int(await ask(reader, writer, b"/cpu")), time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    took = time.perf_counter() - began
    used = int(await ask(reader, writer, b"/cpu")) - used
    writer.close()
    await writer.wait_closed()
    count = CONNECTIONS * REQUESTS
    return count / took, used / count / 1000


def main() -> None:
    print(f"Python {sys.version.split()[0]}\n\n| service | " + " | ".join(KINDS) + " |\n" + "| --- " * (len(KINDS) + 1) + "|")
    for service in SERVICES:
        rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
        with ExitStack() as stack:
            ports = {kind: stack.enter_context(running(service, kind)) for kind in KINDS}
            for _ in range(ROUNDS):
                for kind, port in ports.items():
                    rate, cost = asyncio.run(load(port))
                    rates[kind].append(rate)
                    costs[kind].append(cost)
        print(f"| {service}, requests a second | " + " | ".join(f"{max(rates[kind]):,.0f}" for kind in KINDS) + " |")
        print(f"| {service}, CPU µs a request | " + " | ".join(f"{min(costs[kind]):,.0f}" for kind in KINDS) + " |")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2]) if len(sys.argv) > 1 else main()
