"""Both cores give the same figures for the same schedule, and either one carries the plugin."""

from __future__ import annotations

import contextvars
import json
import textwrap
import threading
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from greencloud_otel import _python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_compiled: ModuleType = pytest.importorskip("greencloud_otel._compiled", reason="no compiler when the plugin was installed")

SPANS = 4
NOTHING: Mapping[str, Span] = MappingProxyType({})
spans = st.sampled_from([None, *range(SPANS)])


class Span:
    """All that a core asks of a span: attributes."""

    _greencloud_tally: Any


class Side:
    """One core under a clock that is set by hand, with a runtime context of its own and spans that open at first sight."""

    def __init__(self, core: Any, now: Callable[[], int]) -> None:
        self.core = core
        self.current: contextvars.ContextVar[Mapping[str, Span]] = contextvars.ContextVar("current", default=NOTHING)
        self.spans = [Span() for _ in range(SPANS)]
        self.closed: list[int] = []
        self.faults: list[str] = []
        self.tokens: list[Any] = []
        core.set_clock(now)
        core.bind_spans("span", self.open)
        core.restart(on=True)
        self.charged = core.process.charged
        self.over = core.Handover(self.current.set, self.current.reset, self.current.get, self.current, self.faults.append)

    def open(self, span: Span, stale: Any) -> Any:
        if stale is not None and stale.era is self.core.CLOSED:
            return None
        span._greencloud_tally = tally = self.core.Tally(self.core.process.era, "exact")
        return tally

    def context(self, span: int | None) -> dict[str, Span]:
        return {} if span is None else {"span": self.spans[span]}

    def figures(self) -> object:
        tallies = [getattr(span, "_greencloud_tally", None) for span in self.spans]
        owner = self.core.owner_here()
        return (
            [None if tally is None else (tally.ns, tally.era is self.core.process.era) for tally in tallies],
            None if owner is None else tallies.index(owner) if owner in tallies else "of an earlier era",
            self.core.process.charged - self.charged,
            self.closed,
            self.faults,
        )


class Schedules(RuleBasedStateMachine):
    """Random schedules of attach, detach, callbacks, copied contexts, other threads, forks and ends, on both cores at once."""

    @initialize()
    def begin(self) -> None:
        self.clock = 0
        self.reads = [0, 0]
        self.both = [Side(core, self.reader(place)) for place, core in enumerate((_python, _compiled))]

    def reader(self, place: int) -> Callable[[], int]:
        def read() -> int:
            self.reads[place] += 1
            return self.clock

        return read

    @rule(span=spans, passed=st.integers(0, 10**9))
    def attach(self, span: int | None, passed: int) -> None:
        for side in self.both:
            side.tokens.append(side.over.attach(side.context(span)))
        self.clock += passed

    @rule(passed=st.integers(0, 10**9))
    def detach(self, passed: int) -> None:
        for side in self.both:
            if side.tokens:
                side.over.detach(side.tokens.pop())
        self.clock += passed

    @rule(span=spans, inner=spans, passed=st.integers(0, 10**9), way=st.sampled_from(["handle", "under", "here", "resume"]))
    def run(self, span: int | None, inner: int | None, passed: int, way: str) -> None:
        before = self.clock
        for side in self.both:
            self.clock = before
            context = contextvars.Context()
            context.run(side.current.set, side.context(span))
            self.enter(side, context, way, inner, passed)

    def enter(self, side: Side, context: contextvars.Context, way: str, inner: int | None, passed: int) -> None:
        def work() -> None:
            self.clock += passed
            token = side.over.attach(side.context(inner))
            self.clock += passed
            side.over.detach(token)
            self.clock += passed

        if way == "handle":
            side.over.handle_hook(lambda handle: handle._context.run(work))(Handle(context))
        elif way == "under":
            side.over.run_under(context, context.run, work)
        elif way == "here":
            context.run(side.over.run_here, work)
        else:
            context.run(side.over.resume, "switch", ())
            work()

    @rule(span=st.integers(0, SPANS - 1), elsewhere=st.booleans())
    def end(self, span: int, elsewhere: bool) -> None:
        for side in self.both:
            tally = getattr(side.spans[span], "_greencloud_tally", None)
            if tally is None:
                continue
            if elsewhere:
                in_a_thread(lambda side=side, tally=tally: side.closed.append(side.core.close(tally)))  # type: ignore[misc]
            else:
                side.closed.append(side.core.close(tally))

    @rule(span=spans, passed=st.integers(0, 10**9))
    def in_another_thread(self, span: int | None, passed: int) -> None:
        before = self.clock
        for side in self.both:
            self.clock = before
            self.one_thread(side, span, passed)

    def one_thread(self, side: Side, span: int | None, passed: int) -> None:
        def job() -> None:
            token = side.over.attach(side.context(span))
            self.clock += passed
            side.over.detach(token)

        in_a_thread(job)

    @rule(how=st.sampled_from(["fork", "off and on"]))
    def new_era(self, how: str) -> None:
        for side in self.both:
            if how == "fork":
                side.core.restart_in_child()
                side.charged = side.core.process.charged
            else:
                side.core.restart(on=False)
                side.core.restart(on=True)

    @invariant()
    def same_figures(self) -> None:
        first, second = self.both
        assert first.figures() == second.figures()
        assert self.reads[0] == self.reads[1], "one of them reads the clock more often"
        assert not first.faults

    def teardown(self) -> None:
        for side in getattr(self, "both", []):
            while side.tokens:
                side.over.detach(side.tokens.pop())


class Handle:
    """As ``asyncio.Handle`` has it."""

    def __init__(self, context: contextvars.Context) -> None:
        self._context = context


def in_a_thread(job: Callable[[], object]) -> None:
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()


@pytest.fixture
def cores_put_back() -> Any:
    from greencloud_otel import _spans

    charged = [core.process.charged for core in (_python, _compiled)]
    yield
    for core, before in zip((_python, _compiled), charged, strict=True):
        core.set_clock(None)
        core.bind_spans(_spans.SPAN_KEY, _spans.open_tally, _spans.PLAIN)
        core.restart(on=False)
        core.process.charged = before


@pytest.mark.usefixtures("cores_put_back")
def test_both_cores_give_the_same_figures_for_the_same_schedule() -> None:
    run_state_machine_as_test(Schedules)


@given(st.text())
def test_neither_core_knows_a_span_where_there_is_none(key: str) -> None:
    for core in (_python, _compiled):
        assert core.tally_of({key: None}) is core.tally_of({}) is core.tally_of(None) is None


PRINT_CORE = "from greencloud_otel import _owner; print(_owner.CORE)"


def test_a_variable_names_the_core(run_python: Callable[..., str]) -> None:
    assert run_python("-c", PRINT_CORE).strip() == "compiled"
    assert run_python("-c", PRINT_CORE, OTEL_PYTHON_GREENCLOUD_CORE="compiled").strip() == "compiled"
    assert run_python("-c", PRINT_CORE, OTEL_PYTHON_GREENCLOUD_CORE="Python").strip() == "python"
    assert "not auto, compiled or python" in run_python("-c", PRINT_CORE, OTEL_PYTHON_GREENCLOUD_CORE="fast")


WITHOUT = textwrap.dedent("""
    import sys
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "greencloud_otel._compiled":
                raise OSError("another architecture")
    sys.meta_path.insert(0, Broken())
""")


def test_a_compiled_core_that_does_not_load_is_no_error(run_python: Callable[..., str]) -> None:
    assert run_python("-c", WITHOUT + PRINT_CORE).strip() == "python"
    said = run_python("-c", WITHOUT + PRINT_CORE, OTEL_PYTHON_GREENCLOUD_CORE="compiled")
    assert said.startswith("python")
    assert "does not load" in said


THREADS = textwrap.dedent("""
    import gc, json, threading
    from greencloud_otel import _owner

    _owner.restart(on=True)
    tally = _owner.Tally(_owner.process.era, "exact")

    def dies_as_owner():
        _owner.switch(tally)

    for _ in range(50):
        thread = threading.Thread(target=dies_as_owner)
        thread.start()
        thread.join()
    charged = tally.ns
    gc.collect()
    print(json.dumps({"ns": charged, "owner": _owner.owner_here() is None, "closed": _owner.close(tally)}))
""")


@pytest.mark.parametrize("core", ["python", "compiled"])
def test_threads_that_die_as_owners_leave_nothing_behind(run_python: Callable[..., str], core: str) -> None:
    seen = json.loads(run_python("-c", THREADS, OTEL_PYTHON_GREENCLOUD_CORE=core))

    assert seen["owner"] is True
    assert seen["closed"] >= seen["ns"] >= 0


def test_the_plugin_is_as_exact_without_the_compiled_core(run_python: Callable[..., str]) -> None:
    tests = Path(__file__).parent
    chosen = ("-k", "edges or interleaved or to_thread or several_threads or copied_context")
    files = [str(tests / name) for name in ("test_plugin_accuracy.py", "test_plugin_edges.py")]
    output = run_python("-m", "pytest", "-p", "no:cacheprovider", "-q", *chosen, *files, OTEL_PYTHON_GREENCLOUD_CORE="python")

    assert "[100%]" in output
