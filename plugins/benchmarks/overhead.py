"""What the plugin costs, and how near it comes. Run: ``python plugins/benchmarks/overhead.py``

Costs are CPU nanoseconds per operation, the best of many rounds: the bare SDK and the plugin take turns in one process, so
that both meet the same noise. Accuracy is against CPU read by the work itself.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from greencloud_otel import GreencloudInstrumentor

ROUNDS, LOOPS = 25, 1000

provider = TracerProvider(shutdown_on_exit=False)
exporter = InMemorySpanExporter()
tracer = provider.get_tracer("overhead")


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


def cost(job: Callable[[], None]) -> float:
    begin = time.thread_time_ns()
    job()
    return (time.thread_time_ns() - begin) / LOOPS


def overhead() -> None:
    print(f"{'CPU ns':<44}{'SDK alone':>12}{'plugin':>12}{'added':>12}")
    for name, job in {
        "a span as current": current_span,
        "start_span().end()": started_span,
        "attach and detach, no span": attach_nothing,
        "attach and detach of a span": attach_span,
        "loop step, no span in the context": loop_step,
        "loop step inside a span": loop_step_in_span,
    }.items():
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(cost(job))
            GreencloudInstrumentor().instrument()
            ours.append(cost(job))
            GreencloudInstrumentor().uninstrument()
        print(f"{name:<44}{min(bare):>12,.0f}{min(ours):>12,.0f}{min(ours) - min(bare):>12,.0f}")


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


def accuracy() -> None:
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    GreencloudInstrumentor().instrument()
    print(f"\n{'error, %':<44}{'median':>12}{'largest':>12}{'sum/process':>12}")
    for run in (threads, interleaved, eager, to_thread):
        if run is eager and sys.version_info < (3, 12):
            continue
        errors, shares = [], []
        for _ in range(5):
            exporter.clear()
            truth: dict[str, int] = {}
            before = time.process_time_ns()
            run(truth)
            used = time.process_time_ns() - before
            measured = {
                span.name: int(str((span.attributes or {})["greencloud.cpu.time"])) for span in exporter.get_finished_spans()
            }
            errors += [100 * abs(measured[name] - true) / true for name, true in truth.items()]
            shares.append(sum(measured.values()) / used)
        print(f"{run.__name__:<44}{statistics.median(errors):>12.2f}{max(errors):>12.2f}{max(shares):>12.3f}")


if __name__ == "__main__":
    print(sys.version.split()[0])
    overhead()
    accuracy()
