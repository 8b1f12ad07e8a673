"""Schedulers beside the standard library's: each in a process of its own, as an application has it, patches and all.

The same bounds as in ``test_plugin_accuracy``: a span has at least its own work, all spans together at most what the process used,
and in between half of the spans may be off by 5 % at the most. Only what passes them may call itself exact.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BEFORE = textwrap.dedent("""
    import asyncio, contextvars, json, sys, threading, time
    clock, process_clock = time.thread_time_ns, time.process_time_ns

    def work(ms):
        begin = clock()
        while (now := clock()) < begin + ms * 1_000_000: sum(range(200))
        return now - begin

    def begin():
        global tracer, exporter, truth, before
        from greencloud_otel import GreencloudInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter, truth = InMemorySpanExporter(), {}
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("schedulers")
        GreencloudInstrumentor().instrument()
        before = process_clock()

    def end():
        used = process_clock() - before
        spans = {span.name: span.attributes for span in exporter.get_finished_spans()}
        print(json.dumps({
            "truth": truth, "used": used,
            "cpu": {name: kept.get("greencloud.cpu.time") for name, kept in spans.items()},
            "quality": {name: kept["greencloud.quality"] for name, kept in spans.items()},
        }))

    async def request(number, pause):
        name = f"request-{number}"
        with tracer.start_as_current_span(name):
            own = 0
            for _ in range(10):
                own += work(2 + number / 6)
                await pause(0)
            truth[name] = own
""")


@dataclass(frozen=True)
class Seen:
    """What a process measured, beside what its work measured itself."""

    truth: dict[str, int]
    cpu: dict[str, int]
    quality: dict[str, str]
    used: int

    def check(self, *, tolerance: float = 0.05, quality: str = "exact") -> None:
        assert set(self.quality.values()) == {quality}
        assert sum(self.cpu.values()) <= self.used
        assert not {name: cpu for name, cpu in self.cpu.items() if cpu < self.truth.get(name, 0)}
        assert statistics.median((self.cpu[name] - true) / true for name, true in self.truth.items()) <= tolerance


@pytest.fixture
def scheduled(run_python: Callable[..., str]) -> Callable[[str], Seen]:
    def run(script: str) -> Seen:
        printed = run_python("-W", "ignore", "-c", BEFORE + textwrap.dedent(script))
        return Seen(**json.loads(printed[printed.index("{") :]))

    return run


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_eager_tasks = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")


@needs("uvloop")
@pytest.mark.parametrize("first", ["uvloop", "plugin"])
def test_interleaved_requests_of_uvloop_are_charged_apart(scheduled: Callable[[str], Seen], first: str) -> None:
    seen = scheduled(f"""
        if {first!r} == "uvloop": import uvloop
        begin()
        import uvloop
        async def main():
            await asyncio.gather(*(request(number, asyncio.sleep) for number in range(12)))
        uvloop.run(main())
        end()
    """)

    assert len(seen.truth) == 12
    seen.check()


@needs("uvloop")
def test_callbacks_of_uvloop_are_charged_to_the_span_they_were_made_under(scheduled: Callable[[str], Seen]) -> None:
    scheduled("""
        begin()
        import socket, uvloop

        def callback(name, ms=8):
            truth[name] = truth.get(name, 0) + work(ms)

        async def under(name):
            loop = asyncio.get_running_loop()
            ours, theirs = socket.socketpair()
            with tracer.start_as_current_span(name):
                read, done = loop.create_future(), loop.create_future()
                loop.call_soon(callback, name)
                loop.call_later(0.001, callback, name)
                loop.call_at(loop.time() + 0.001, callback, name)
                threading.Thread(target=loop.call_soon_threadsafe, args=(callback, "nobody")).start()
                def readable(sock):
                    callback(name)
                    loop.remove_reader(sock)
                    read.set_result(None)
                loop.add_reader(ours, readable, ours)
                theirs.send(b"x")
                await read
                truth[name] += await asyncio.to_thread(work, 8)
                loop.call_later(0.003, done.set_result, None)
                await done

        async def main():
            await asyncio.gather(under("outer"), under("other"))
        uvloop.run(main())
        truth.pop("nobody")
        end()
    """).check(tolerance=0.1)


@needs("uvloop")
@needs_eager_tasks
def test_eager_tasks_on_uvloop_give_the_clock_back(scheduled: Callable[[str], Seen]) -> None:
    seen = scheduled("""
        begin()
        import uvloop
        async def main():
            # asyncio.eager_task_factory of Python 3.13.0 does not take what uvloop 0.23 hands to it.
            def factory(loop, coro, name=None, context=None, **_):
                return asyncio.Task(coro, loop=loop, name=name, context=context, eager_start=True)
            asyncio.get_running_loop().set_task_factory(factory)
            with tracer.start_as_current_span("starter"):
                own, tasks = work(30), []
                for number in range(12):
                    tasks.append(asyncio.create_task(request(number, asyncio.sleep)))
                    own += work(3)
                await asyncio.gather(*tasks)
                truth["starter"] = own
        uvloop.run(main())
        end()
    """)

    seen.check()
    assert seen.cpu["starter"] <= 1.15 * seen.truth["starter"]


@needs("uvloop")
def test_a_span_around_a_run_of_uvloop_has_what_is_left(scheduled: Callable[[str], Seen]) -> None:
    seen = scheduled("""
        begin()
        import uvloop
        async def main():
            await asyncio.gather(*(request(number, asyncio.sleep) for number in range(4)))
        with tracer.start_as_current_span("around"):
            truth["around"] = work(20)
            uvloop.run(main())
        end()
    """)

    seen.check()


JOB = """
    def job(number, pause):
        name = f"request-{number}"
        with tracer.start_as_current_span(name):
            own = 0
            for _ in range(10):
                own += work(2 + number / 6)
                pause(0)
            truth[name] = own
"""


@needs("gevent")
@pytest.mark.parametrize("first", ["gevent", "plugin"])
def test_greenlets_of_gevent_are_charged_apart(scheduled: Callable[[str], Seen], first: str) -> None:
    seen = scheduled(
        JOB
        + f"""
    if {first!r} == "gevent":
        from gevent import monkey; monkey.patch_all()
    begin()
    if {first!r} == "plugin":
        from gevent import monkey; monkey.patch_all()
    import gevent
    with tracer.start_as_current_span("around"):
        truth["around"] = work(20)
        gevent.joinall([gevent.spawn(job, number, gevent.sleep) for number in range(6)])
        threads = [threading.Thread(target=job, args=(number, time.sleep)) for number in range(6, 12)]  # greenlets, too
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        truth["around"] += work(20)
    end()
    """
    )

    assert len(seen.truth) == 13
    seen.check()


@needs("gevent")
def test_greenlets_on_other_threads_are_charged_apart_and_tracers_of_others_go_on(scheduled: Callable[[str], Seen]) -> None:
    scheduled(
        JOB
        + """
    import gevent, greenlet
    heard = []
    greenlet.settrace(lambda event, args: heard.append(event))
    begin()
    def thread(first):
        gevent.joinall([gevent.spawn(job, first + number, gevent.sleep) for number in range(3)])
    threads = [threading.Thread(target=thread, args=(first,)) for first in (0, 3)]
    for each in threads: each.start()
    for each in threads: each.join()
    job(6, gevent.sleep)
    assert heard
    end()
    """
    ).check()


@needs("eventlet")
@pytest.mark.parametrize("patched", [False, True])
def test_greenlets_of_eventlet_are_charged_apart(scheduled: Callable[[str], Seen], patched: bool) -> None:
    seen = scheduled(
        JOB
        + f"""
    begin()
    import eventlet
    if {patched}: eventlet.monkey_patch()
    with tracer.start_as_current_span("around"):
        truth["around"] = work(20)
        pool = eventlet.GreenPool()
        for number in range(6): pool.spawn_n(job, number, eventlet.sleep)
        pool.waitall()
        truth["around"] += work(20)
    end()
    """
    )

    assert len(seen.truth) == 7
    seen.check(tolerance=0.1)  # each switch goes by way of eventlet's hub, which is the span's own and more on a busy machine


@needs("greenlet")
def test_switching_off_and_on_leaves_one_tracing_function(scheduled: Callable[[str], Seen]) -> None:
    scheduled("""
        import greenlet
        heard = []
        theirs = lambda event, args: heard.append(event)
        greenlet.settrace(theirs)
        begin()
        from greencloud_otel import GreencloudInstrumentor
        for _ in range(3):
            GreencloudInstrumentor().uninstrument()
            GreencloudInstrumentor().instrument()
        assert greenlet.gettrace().then is theirs
        with tracer.start_as_current_span("job"):
            truth["job"] = work(20)
            greenlet.greenlet(lambda: work(20)).switch()
        assert heard == ["switch", "switch"]
        end()
    """).check()


@needs("greenlet")
def test_bare_greenlets_are_charged_apart(scheduled: Callable[[str], Seen]) -> None:
    scheduled("""
        import greenlet
        begin()
        def job(name):
            with tracer.start_as_current_span(name):
                own = 0
                for _ in range(10):
                    own += work(3)
                    main.switch()
                truth[name] = own
        main = greenlet.getcurrent()
        with tracer.start_as_current_span("main"):
            own = 0
            both = [greenlet.greenlet(job), greenlet.greenlet(job)]
            for number, each in enumerate(both): each.switch(f"job-{number}")
            while any(both):
                own += work(2)
                for each in both:
                    if each: each.switch()
            truth["main"] = own
        end()
    """).check()


@needs("trio")
@pytest.mark.parametrize("first", ["trio", "plugin"])
def test_tasks_of_trio_are_charged_apart(scheduled: Callable[[str], Seen], first: str) -> None:
    seen = scheduled(f"""
        if {first!r} == "trio": import trio
        begin()
        import trio
        async def in_a_thread(name):
            with tracer.start_as_current_span(name):
                own = work(5)
                truth[name] = own + await trio.to_thread.run_sync(work, 25)
        async def main():
            async with trio.open_nursery() as nursery:
                for number in range(12): nursery.start_soon(request, number, trio.sleep)
                nursery.start_soon(in_a_thread, "threaded")
        with tracer.start_as_current_span("around"):
            truth["around"] = work(20)
            trio.run(main)
        end()
    """)

    assert len(seen.truth) == 14
    seen.check()


@needs("trio", "anyio")
def test_threads_of_anyio_on_trio_are_charged_to_the_task_that_awaits_them(scheduled: Callable[[str], Seen]) -> None:
    scheduled("""
        begin()
        import anyio, anyio.to_thread
        async def job(name):
            with tracer.start_as_current_span(name):
                truth[name] = await anyio.to_thread.run_sync(work, 20)
        async def main():
            async with anyio.create_task_group() as group:
                for number in range(4): group.start_soon(job, f"job-{number}")
        anyio.run(main, backend="trio")
        end()
    """).check(tolerance=0.1)


@needs("twisted")
def test_a_reactor_of_twisted_is_not_called_exact(scheduled: Callable[[str], Seen]) -> None:
    seen = scheduled("""
        begin()
        import twisted.internet.reactor
        with tracer.start_as_current_span("job"):
            truth["job"] = work(5)
        end()
    """)

    assert seen.quality == {"job": "thread"}
