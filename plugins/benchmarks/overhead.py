"""What the plugin costs, and how near it comes. Run: ``python plugins/benchmarks/overhead.py``

Costs are CPU nanoseconds per operation, the best of many rounds: the bare SDK and the plugin take turns in one process, so
that both meet the same noise. Each core has a process of its own, and so has *naive*: a span processor that reads the thread's
clock when a span starts and ends, which is what most tools do. Accuracy is against CPU read by the work itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from greencloud_otel import GreencloudInstrumentor, _owner

ROUNDS, LOOPS = 100, 200  # short ones, so that some of them are not interrupted by others that use the machine
KINDS = ("naive", "python", "compiled")

provider = TracerProvider(shutdown_on_exit=False)
exporter = InMemorySpanExporter()
tracer = provider.get_tracer("overhead")


class Naive(SpanProcessor):
    """The thread's clock at the start and at the end: right for one span on one thread, and for nothing else."""

    def __init__(self) -> None:
        self.on = False
        self.began: dict[int, int] = {}
        self.cpu: dict[str, int] = {}

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        if self.on:
            self.began[span.context.span_id] = time.thread_time_ns()

    def on_end(self, span: ReadableSpan) -> None:
        if self.on:
            self.cpu[span.name] = time.thread_time_ns() - self.began.pop(span.context.span_id)


naive = Naive()


def switch(kind: str, *, on: bool) -> None:
    if kind == "naive":
        naive.on = on
    elif on:
        GreencloudInstrumentor().instrument()
    else:
        GreencloudInstrumentor().uninstrument()


def current_span() -> None:
    for _ in range(LOOPS):
        with tracer.start_as_current_span("s"):
            pass


def started_span() -> None:
    for _ in range(LOOPS):
        tracer.start_span("s").end()


def attach_nothing() -> None:
    empty = context.Context()
    for _ in range(LOOPS):
        context.detach(context.attach(empty))


def attach_span() -> None:
    span = tracer.start_span("s")
    under = trace.set_span_in_context(span)
    for _ in range(LOOPS):
        context.detach(context.attach(under))
    span.end()


async def steps() -> None:
    for _ in range(LOOPS):
        await asyncio.sleep(0)


def loop_step() -> None:
    asyncio.run(steps())


def loop_step_in_span() -> None:
    async def main() -> None:
        with tracer.start_as_current_span("s"):
            await steps()

    asyncio.run(main())


def read_clock() -> None:
    for _ in range(LOOPS):
        time.thread_time_ns()


def cost(job: Callable[[], None]) -> float:
    job()  # the interpreter specialises anew after every patch
    begin = time.thread_time_ns()
    job()
    return (time.thread_time_ns() - begin) / LOOPS


OPERATIONS = {
    "a span as current, start to end": current_span,
    "`start_span().end()`": started_span,
    "attach and detach, no span": attach_nothing,
    "attach and detach of a span": attach_span,
    "loop step, no span in the context": loop_step,
    "loop step inside a span": loop_step_in_span,
    "(reading the clock once)": read_clock,
}


def costs(kind: str) -> dict[str, tuple[float, float]]:
    """Of each operation the SDK's own, and what is added to it, ns."""
    found = {}
    for name, job in OPERATIONS.items():
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(cost(job))
            switch(kind, on=True)
            ours.append(cost(job))
            switch(kind, on=False)
        found[name] = (min(bare), min(ours) - min(bare))
    return found


def work(milliseconds: float) -> int:
    begin = time.thread_time_ns()
    while (now := time.thread_time_ns()) < begin + milliseconds * 1e6:
        sum(range(200))
    return now - begin


async def request(truth: dict[str, int], number: int) -> None:
    with tracer.start_as_current_span(f"{number}"):
        own = 0
        for _ in range(10):
            own += work(2 + number / 6)
            await asyncio.sleep(0)
        truth[f"{number}"] = own


async def requests(truth: dict[str, int]) -> None:
    await asyncio.gather(*(request(truth, number) for number in range(12)))


def interleaved(truth: dict[str, int]) -> None:
    asyncio.run(requests(truth))


def eager(truth: dict[str, int]) -> None:
    async def main() -> None:
        if sys.version_info >= (3, 12):
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await requests(truth)

    asyncio.run(main())


def on_uvloop(truth: dict[str, int]) -> None:
    import uvloop

    uvloop.run(requests(truth))


def on_gevent(truth: dict[str, int]) -> None:
    import gevent

    def job(number: int) -> None:
        with tracer.start_as_current_span(f"{number}"):
            own = 0
            for _ in range(10):
                own += work(2 + number / 6)
                gevent.sleep(0)
            truth[f"{number}"] = own

    gevent.joinall([gevent.spawn(job, number) for number in range(12)])


def on_trio(truth: dict[str, int]) -> None:
    import trio

    async def job(number: int) -> None:
        with tracer.start_as_current_span(f"{number}"):
            own = 0
            for _ in range(10):
                own += work(2 + number / 6)
                await trio.sleep(0)
            truth[f"{number}"] = own

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(job, number)

    trio.run(main)


def threads(truth: dict[str, int]) -> None:
    def job(name: str) -> None:
        with tracer.start_as_current_span(name):
            truth[name] = sum(work(4) for _ in range(8))

    running = [threading.Thread(target=job, args=(f"{number}",)) for number in range(6)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def to_thread(truth: dict[str, int]) -> None:
    async def job(name: str) -> None:
        with tracer.start_as_current_span(name):
            truth[name] = sum([await asyncio.to_thread(work, 8) for _ in range(3)])

    async def main() -> None:
        await asyncio.gather(*(job(f"{number}") for number in range(6)))

    asyncio.run(main())


LOADS = {
    "6 threads": threads,
    "12 interleaved asyncio requests": interleaved,
    "12 eager tasks": eager,
    "`asyncio.to_thread`": to_thread,
    "12 requests on uvloop": on_uvloop,
    "12 greenlets of gevent": on_gevent,
    "12 tasks of trio": on_trio,
}


def errors(kind: str) -> dict[str, tuple[float, float, float]]:
    """Of each load the median and the largest error in %, and the spans' share of the process' CPU at the most."""
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    switch(kind, on=True)
    found = {}
    for name, run in LOADS.items():
        if run is eager and sys.version_info < (3, 12):
            continue
        off, shares = [], []
        try:
            for _ in range(5):
                exporter.clear()
                naive.cpu.clear()
                truth: dict[str, int] = {}
                before = time.process_time_ns()
                run(truth)
                used = time.process_time_ns() - before
                measured = dict(naive.cpu)
                if kind != "naive":
                    spans = exporter.get_finished_spans()
                    measured = {span.name: int(str((span.attributes or {})["greencloud.cpu.time"])) for span in spans}
                off += [100 * abs(measured[each] - true) / true for each, true in truth.items()]
                shares.append(sum(measured.values()) / used)
        except ImportError:
            continue
        found[name] = (statistics.median(off), max(off), max(shares))
    return found


def one(kind: str) -> None:
    assert kind in {"naive", _owner.CORE}, "the compiled core was not built"
    provider.add_span_processor(naive) if kind == "naive" else None
    print(json.dumps([costs(kind), errors(kind)]))


def main() -> None:
    found = {}
    for kind in KINDS:
        environment = {**os.environ, "OTEL_PYTHON_GREENCLOUD_CORE": kind.replace("naive", "python")}
        done = subprocess.run([sys.executable, __file__, kind], capture_output=True, text=True, check=True, env=environment)
        found[kind] = json.loads(done.stdout)
    print(f"Python {sys.version.split()[0]}\n\n| CPU ns | SDK alone | " + " | ".join(f"{kind}, added" for kind in KINDS) + " |")
    print("| --- " * (len(KINDS) + 2) + "|")
    for name in OPERATIONS:
        alone = min(found[kind][0][name][0] for kind in KINDS)
        print(f"| {name} | {alone:,.0f} | " + " | ".join(f"{found[kind][0][name][1]:,.0f}" for kind in KINDS) + " |")
    print("\n| error: median, largest, sum of spans / process | " + " | ".join(KINDS) + " |")
    print("| --- " * (len(KINDS) + 1) + "|")
    for name in LOADS:
        if name in found["python"][1]:
            cells = (found[kind][1][name] for kind in KINDS)
            print(f"| {name} | " + " | ".join(f"{median:,.1f} %, {top:,.1f} %, {share:.2f}" for median, top, share in cells) + " |")


if __name__ == "__main__":
    one(sys.argv[1]) if len(sys.argv) > 1 else main()
