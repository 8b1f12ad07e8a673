"""Spans are charged for their own work and for nobody else's, however work is spread over threads and tasks.

Truth is the CPU clock read by the work itself. Two bounds hold without any tolerance: a span has at least its own work,
and all spans together have at most what the process used. In between, half of the spans may be off by 5 % at the most.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Traced

TOLERANCE = 0.05

needs_eager_tasks = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")


def test_a_child_is_not_part_of_its_parent(traced: Traced) -> None:
    truth = {"parent": 0, "child": 0}
    with traced.tracer.start_as_current_span("parent"):
        truth["parent"] += traced.work(15)
        for _ in range(2):
            with traced.tracer.start_as_current_span("grandchild-free"):
                pass
        with traced.tracer.start_as_current_span("child"):
            truth["child"] += traced.work(30)
        truth["parent"] += traced.work(15)

    assert statistics.median(traced.excess(truth)) <= TOLERANCE
    assert traced.quality("parent") == traced.quality("child") == "exact"


def test_threads_are_charged_apart(traced: Traced) -> None:
    truth: dict[str, int] = {}

    def request(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            truth[name] = sum(traced.work(4) for _ in range(8))

    before = time.process_time_ns()
    threads = [threading.Thread(target=request, args=(f"request-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statistics.median(traced.excess(truth)) <= TOLERANCE
    assert traced.total() <= time.process_time_ns() - before


async def serve(traced: Traced, truth: dict[str, int], number: int) -> None:
    """A request that gives way to the others between its pieces of work; late ones have more to do."""
    name = f"request-{number}"
    with traced.tracer.start_as_current_span(name):
        own = 0
        for _ in range(10):
            own += traced.work(2 + number / 6)
            await asyncio.sleep(0)
        truth[name] = own


def test_interleaved_requests_of_one_loop_are_charged_apart(traced: Traced) -> None:
    truth: dict[str, int] = {}

    async def main() -> None:
        await asyncio.gather(*(serve(traced, truth, number) for number in range(12)))

    before = time.process_time_ns()
    asyncio.run(main())

    assert len(truth) == 12
    assert statistics.median(traced.excess(truth)) <= TOLERANCE
    assert traced.total() <= time.process_time_ns() - before
    assert {traced.quality(name) for name in truth} == {"exact"}


def test_callbacks_and_subtasks_are_charged_to_the_span_they_were_made_under(traced: Traced) -> None:
    truth = {"outer": 0, "other": 0}

    def callback(name: str) -> None:
        truth[name] += traced.work(12)

    async def under(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            asyncio.get_running_loop().call_soon(callback, name)
            asyncio.get_running_loop().call_later(0.001, callback, name)
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.002, future.set_result, None)
            await future

    async def main() -> None:
        await asyncio.gather(under("outer"), under("other"))

    asyncio.run(main())

    assert statistics.median(traced.excess(truth)) <= TOLERANCE


def start_tasks_eagerly() -> None:
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)


@needs_eager_tasks
def test_eager_tasks_give_the_clock_back_to_the_task_that_started_them(traced: Traced) -> None:
    truth: dict[str, int] = {}

    async def main() -> None:
        start_tasks_eagerly()
        with traced.tracer.start_as_current_span("starter"):
            own = traced.work(30)
            tasks = []
            for number in range(12):
                # The first step runs here, inside of create_task, and suspends with its own span current.
                tasks.append(asyncio.create_task(serve(traced, truth, number)))
                own += traced.work(3)
            await asyncio.gather(*tasks)
            truth["starter"] = own

    before = time.process_time_ns()
    asyncio.run(main())

    assert len(truth) == 13
    assert statistics.median(traced.excess(truth)) <= TOLERANCE
    # Making twelve tasks and exporting twelve spans is the starter's as well.
    assert traced.excess({"starter": truth["starter"]})[0] <= 3 * TOLERANCE
    assert traced.total() <= time.process_time_ns() - before


@needs_eager_tasks
def test_an_eager_task_under_a_context_of_its_own_is_charged_there(traced: Traced) -> None:
    truth: dict[str, int] = {}
    empty = contextvars.Context()

    async def background() -> None:
        traced.work(20)

    async def main() -> None:
        start_tasks_eagerly()
        with traced.tracer.start_as_current_span("starter"):
            task = asyncio.get_running_loop().create_task(background(), context=empty)
            truth["starter"] = traced.work(20)
            await task

    asyncio.run(main())

    assert traced.excess(truth)[0] <= 5 * TOLERANCE, "the background work was charged to the span that was current outside"


def ways_into_a_pool(pool: ThreadPoolExecutor) -> dict[str, Callable[[Callable[[], int]], object]]:
    return {
        "submit-run": lambda job: pool.submit(contextvars.copy_context().run, job).result(),
        "submit-partial": lambda job: pool.submit(functools.partial(contextvars.copy_context().run, job)).result(),
        "submit-handed": lambda job: pool.submit(lambda run, inner: run(inner), contextvars.copy_context().run, job).result(),
    }


@pytest.mark.parametrize("way", ["submit-run", "submit-partial", "submit-handed"])
def test_work_in_a_pool_under_a_copied_context_is_charged_to_its_span(traced: Traced, way: str) -> None:
    truth: dict[str, int] = {}
    with ThreadPoolExecutor(1) as pool:
        with traced.tracer.start_as_current_span("caller"):
            own = traced.work(5)
            truth["caller"] = own + ways_into_a_pool(pool)[way](lambda: traced.work(25))  # type: ignore[operator]
        pool.submit(traced.work, 10).result()  # of nobody

    assert traced.excess(truth)[0] <= 2 * TOLERANCE


def test_to_thread_is_charged_to_the_task_that_awaits_it(traced: Traced) -> None:
    truth: dict[str, int] = {}

    async def request(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            own = traced.work(2)
            for _ in range(3):
                own += await asyncio.to_thread(traced.work, 8)
            truth[name] = own

    async def main() -> None:
        await asyncio.gather(*(request(f"request-{n}") for n in range(6)))

    before = time.process_time_ns()
    asyncio.run(main())

    # Handing over to another thread is work too, and counts as the span's.
    assert statistics.median(traced.excess(truth)) <= 2 * TOLERANCE
    assert traced.total() <= time.process_time_ns() - before


def test_threads_of_anyio_are_charged_to_the_task_that_awaits_them(traced: Traced) -> None:
    to_thread = pytest.importorskip("anyio.to_thread", reason="anyio is not installed")
    truth: dict[str, int] = {}

    async def request(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            truth[name] = await to_thread.run_sync(traced.work, 20)

    async def main() -> None:
        await asyncio.gather(*(request(f"request-{n}") for n in range(4)))

    asyncio.run(main())

    assert statistics.median(traced.excess(truth)) <= 2 * TOLERANCE


@pytest.mark.parametrize("way", ["target", "partial", "handed"])
def test_a_thread_that_enters_a_copied_context_is_charged_to_its_span(traced: Traced, way: str) -> None:
    truth: dict[str, int] = {}

    def job() -> None:
        truth["caller"] += traced.work(25)

    with traced.tracer.start_as_current_span("caller"):
        truth["caller"] = traced.work(5)
        run = contextvars.copy_context().run
        thread = {
            "target": threading.Thread(target=run, args=(job,)),
            "partial": threading.Thread(target=functools.partial(run, job)),
            "handed": threading.Thread(target=lambda run, inner: run(inner), args=(run, job)),
        }[way]
        thread.start()
        thread.join()

    assert traced.excess(truth)[0] <= 2 * TOLERANCE


def test_a_pool_thread_under_no_context_is_nobodys(traced: Traced) -> None:
    with ThreadPoolExecutor(1) as pool, traced.tracer.start_as_current_span("caller"):
        elsewhere = pool.submit(traced.work, 20).result()

    assert traced.cpu("caller") < elsewhere / 2


def test_one_span_on_several_threads_gets_the_sum(traced: Traced) -> None:
    done: list[int] = []

    def job() -> None:
        for _ in range(200):
            with traced.tracer.start_as_current_span("step", attributes={"ignored": True}):
                pass
        done.append(traced.work(10))

    with ThreadPoolExecutor(4) as pool, traced.tracer.start_as_current_span("shared"):
        for future in [pool.submit(contextvars.copy_context().run, job) for _ in range(4)]:
            future.result()

    assert traced.cpu("shared") >= sum(done)
