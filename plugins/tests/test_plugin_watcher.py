"""From Python 3.14 on the interpreter tells the compiled core of every context that is entered: also where no patch can be."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import ctypes
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from greencloud_otel import GreencloudInstrumentor, _owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Traced

WATCHED = sys.version_info >= (3, 14) and _owner.CORE == "compiled"
pytestmark = pytest.mark.skipif(not WATCHED, reason="needs Python 3.14 and the compiled core")

TOLERANCE = 0.1


def test_a_task_that_is_made_eager_by_hand_gives_the_clock_back(traced: Traced) -> None:
    truth = {"starter": 0, "inner": 0}

    async def inner() -> None:
        with traced.tracer.start_as_current_span("inner"):
            truth["inner"] += traced.work(15)
            await asyncio.sleep(0)
            truth["inner"] += traced.work(15)

    async def main() -> None:
        with traced.tracer.start_as_current_span("starter"):
            make: Any = asyncio.Task
            task = make(inner(), eager_start=True, loop=asyncio.get_running_loop())
            truth["starter"] += traced.work(30)
            await task

    asyncio.run(main())

    assert statistics.median(traced.excess(truth)) <= TOLERANCE


def test_a_context_entered_in_the_middle_of_other_work_is_charged_apart(traced: Traced) -> None:
    truth = {"outer": 0, "other": 0}
    other = contextvars.copy_context()
    span = traced.tracer.start_as_current_span("other")

    def work(name: str) -> None:
        truth[name] += traced.work(15)

    def fails() -> None:
        work("other")
        raise ValueError

    other.run(span.__enter__)
    with traced.tracer.start_as_current_span("outer"):
        work("outer")
        other.run(work, "other")
        work("outer")
        with pytest.raises(ValueError, match=r"^$"):
            other.run(fails)
        work("outer")
    other.run(span.__exit__, None, None, None)

    assert traced.excess(truth)[-1] <= TOLERANCE
    assert {traced.quality(name) for name in truth} == {"exact"}


def test_a_bare_thread_under_a_copied_context_is_charged_to_its_span(traced: Traced) -> None:
    truth = {"caller": 0}
    done = threading.Event()

    def job() -> None:
        truth["caller"] += traced.work(25)

    def thread(context: contextvars.Context) -> None:
        context.run(job)
        done.set()

    with traced.tracer.start_as_current_span("caller"):
        _thread.start_new_thread(thread, (contextvars.copy_context(),))
        assert done.wait(30)

    assert traced.excess(truth)[0] <= TOLERANCE


def test_nothing_of_the_loop_is_patched_and_nothing_stays_behind() -> None:
    run, submit = asyncio.Handle._run, threading.Thread.run
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    for _ in range(20):  # an interpreter has places for eight
        GreencloudInstrumentor().instrument()
        assert asyncio.Handle._run is run
        assert threading.Thread.run is submit
        GreencloudInstrumentor().uninstrument()
    with tracer.start_as_current_span("later") as span:
        contextvars.copy_context().run(int)
        assert _owner.owner_here() is None
    assert "greencloud.cpu.time" not in (getattr(span, "attributes", None) or {})


@pytest.fixture
def all_places_taken() -> Iterator[None]:
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    ignore = kind(lambda _event, _context: 0)
    taken = []
    try:
        while True:
            taken.append(ctypes.pythonapi.PyContext_AddWatcher(ignore))
    except RuntimeError:
        yield
    finally:
        for place in taken:
            ctypes.pythonapi.PyContext_ClearWatcher(place)


@pytest.mark.usefixtures("all_places_taken")
def test_where_all_places_are_taken_the_patches_do_it(request: pytest.FixtureRequest) -> None:
    traced: Traced = request.getfixturevalue("traced")
    truth: dict[str, int] = {}

    async def job(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            own = 0
            for _ in range(5):
                own += traced.work(3)
                await asyncio.sleep(0)
            truth[name] = own

    async def main() -> None:
        await asyncio.gather(*(job(f"{number}") for number in range(6)))

    before = time.process_time_ns()
    asyncio.run(main())

    assert hasattr(asyncio.Handle._run, "__wrapped__")
    assert statistics.median(traced.excess(truth)) <= TOLERANCE
    assert traced.total() <= time.process_time_ns() - before
