"""Spans that end late, twice, elsewhere or in the wrong order; and insides that are not what was expected."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.sdk.trace import Span, SpanLimits, TracerProvider

from greencloud_otel import GreencloudInstrumentor, _hooks, _owner, _python, _spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Traced

    Clock = Callable[[Callable[[], int]], None]

moves = st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), st.integers(0, 10**9), st.booleans()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
def test_every_nanosecond_goes_to_one_owner_or_to_nobody(fake_clock: Clock, moves: list[tuple[int | None, int, bool]]) -> None:
    now = 0
    fake_clock(lambda: now)
    charged = _owner.process.charged
    era = _owner.process.era
    assert era is not None
    tallies = [_owner.Tally(era, "exact") for _ in range(3)]
    truth = [0, 0, 0]
    for owner, passed, ends in moves:
        _owner.switch(None if owner is None else tallies[owner])
        now += passed
        if owner is None or tallies[owner].era is not era:
            continue
        truth[owner] += passed
        if ends:
            assert _owner.close(tallies[owner]) == truth[owner]
    _owner.switch(None)

    assert [tally.ns for tally in tallies] == truth
    assert _owner.process.charged - charged == sum(truth) <= now


def test_threads_that_charge_one_tally_lose_nothing(fake_clock: Clock) -> None:
    ticks = threading.local()

    def tick() -> int:
        ticks.now = getattr(ticks, "now", 0) + 1
        return int(ticks.now)

    def job() -> None:
        for _ in range(20_000):
            _owner.switch(tally)
            _owner.switch(None)

    fake_clock(tick)
    assert _owner.process.era is not None
    tally = _owner.Tally(_owner.process.era, "exact")
    threads = [threading.Thread(target=job) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert tally.ns == 80_000


def test_a_span_that_ends_while_it_is_current_is_charged_until_then(traced: Traced) -> None:
    span = traced.tracer.start_span("early")
    with trace.use_span(span):
        own = traced.work(20)
        span.end()
        afterwards = traced.work(20)

    assert own <= traced.cpu("early") < own + afterwards / 2


def test_work_after_the_end_is_not_charged_to_the_parent_either(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("parent"):
        own = traced.work(20)
        child = traced.tracer.start_span("child")
        with trace.use_span(child):
            child.end()
            afterwards = traced.work(20)

    assert own <= traced.cpu("parent") < own + afterwards / 2


def test_a_span_that_ends_on_another_thread_keeps_what_it_was_charged(traced: Traced) -> None:
    span = traced.tracer.start_span("moved")
    with trace.use_span(span):
        own = traced.work(20)

    def finish() -> None:
        traced.work(20)
        span.end()

    thread = threading.Thread(target=finish)
    thread.start()
    thread.join()

    assert own <= traced.cpu("moved") < own * 1.5


def test_a_span_that_is_ended_elsewhere_while_it_runs_is_charged_until_then(traced: Traced) -> None:
    span = traced.tracer.start_span("cut")
    with trace.use_span(span):
        own = traced.work(20)
        thread = threading.Thread(target=span.end)
        thread.start()
        thread.join()
        before = _owner.process.charged
        afterwards = traced.work(20)

    assert _owner.process.charged == before
    if sys.platform == "linux":  # elsewhere no thread can read another one's clock: the slice is nobody's
        assert own <= traced.cpu("cut") < own + afterwards / 2


def test_a_thread_that_is_gone_has_no_clock_to_read(traced: Traced) -> None:
    span = traced.tracer.start_span("left current")

    def begin() -> None:
        context.attach(trace.set_span_in_context(span))
        traced.work(5)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    span.end()

    assert traced.quality("left current") == "exact"
    assert traced.cpu("left current") < 20_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="how other systems name a thread's clock is not known")
def test_a_thread_is_known_by_the_clock_that_the_system_says() -> None:
    assert _python.Thread().clock_id == time.pthread_getcpuclockid(threading.get_ident())


def test_ending_twice_writes_once(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    with traced.tracer.start_as_current_span("twice") as span:
        traced.work(5)
        span.end()
        first = traced.cpu("twice")
        traced.work(5)
        span.end()

    assert traced.names() == ["twice"]
    assert traced.cpu("twice") == first
    # The SDK's own remark, once for our call and once for the one that leaves the block; none about attributes.
    assert {record.message for record in caplog.records} == {"Calling end() on an ended span."}


def test_contexts_detached_in_the_wrong_order_leave_the_clock_with_the_current_span(traced: Traced) -> None:
    first, second = traced.tracer.start_span("first"), traced.tracer.start_span("second")
    outer = context.attach(trace.set_span_in_context(first))
    inner = context.attach(trace.set_span_in_context(second))
    context.detach(outer)  # now nothing is current
    nobody = traced.work(10)
    context.detach(inner)  # and now, oddly, the first
    assert trace.get_current_span() is first
    own = traced.work(20)
    context.attach(context.Context())
    first.end()
    second.end()

    assert own <= traced.cpu("first") < own + nobody
    assert traced.cpu("second") < nobody / 2


def test_a_foreign_token_changes_nothing(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    tokens = []
    thread = threading.Thread(target=lambda: tokens.append(context.attach(context.Context())))
    thread.start()
    thread.join()
    with traced.tracer.start_as_current_span("steady"):
        context.detach(tokens[0])
        own = traced.work(20)

    assert "Failed to detach context" in caplog.text
    assert traced.cpu("steady") >= own


def test_a_span_that_was_never_current_used_nothing_of_its_own(traced: Traced) -> None:
    span = traced.tracer.start_span("aside")
    traced.work(5)
    span.end()

    assert traced.attributes("aside") == {"greencloud.cpu.time": 0, "greencloud.quality": "exact"}


def test_no_cpu_is_charged_twice(traced: Traced) -> None:
    before = time.thread_time_ns()
    with traced.tracer.start_as_current_span("a"):
        for number in range(300):
            with traced.tracer.start_as_current_span(f"b{number}"):
                pass

    assert traced.total() <= time.thread_time_ns() - before


class Odd(trace.NonRecordingSpan):
    """A span from somewhere else, that objects to being looked at."""

    def __init__(self) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)

    @property
    def _greencloud_tally(self) -> None:
        raise RuntimeError("do not look")


def test_odd_insides_are_reported_once_and_cost_the_application_nothing(
    traced: Traced, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hooks, "_faults", set())
    with caplog.at_level(logging.WARNING, "greencloud_otel"), traced.tracer.start_as_current_span("around"):
        for _ in range(3):
            with trace.use_span(Odd()):
                traced.work(1)

    reports = [record for record in caplog.records if record.name == "greencloud_otel"]
    assert [record.levelname for record in reports] == ["WARNING"]
    # What was being charged when it happened cannot be told: no number rather than a wrong one.
    assert traced.attributes("around") == {"greencloud.quality": "none"}


def test_spans_that_do_not_record_are_left_alone(traced: Traced) -> None:
    with trace.use_span(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)):
        traced.work(1)
        assert _owner.owner_here() is None


@pytest.mark.parametrize(
    "limits",
    [
        SpanLimits(),
        SpanLimits(max_span_attributes=SpanLimits.UNSET),
        SpanLimits(max_span_attributes=3),
        SpanLimits(max_span_attributes=1),
        SpanLimits(max_span_attributes=0),
        SpanLimits(max_span_attribute_length=3),
    ],
    ids=["default", "none", "room", "one", "nothing", "short"],
)
def test_values_are_stored_as_the_sdk_would(limits: SpanLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = []
    for short_cut in (True, False):
        if not short_cut:
            monkeypatch.setattr(_spans, "_store", lambda *_: False)
            _owner.bind_spans(_spans.SPAN_KEY, _spans.open_tally)
        provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
        GreencloudInstrumentor().instrument()
        try:
            span = provider.get_tracer("tests").start_span("limited", attributes={"own": "value"})
            span.end()
        finally:
            GreencloudInstrumentor().uninstrument()
            _owner.bind_spans(_spans.SPAN_KEY, _spans.open_tally, _spans.PLAIN)
        assert isinstance(span, Span)
        stored.append((list((span.attributes or {}).items()), span.dropped_attributes))

    assert stored[0] == stored[1]
