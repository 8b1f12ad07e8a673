"""Feedback: a rate that follows from the ledger and from what ran here, on local root spans, or nothing at all."""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from greencloud_otel import GreencloudInstrumentor, _complaint, _feedback, _rates
from greencloud_otel._feedback import Feedback, feedback_of
from greencloud_otel._rates import Answer, Charged, Means, rate_of

if TYPE_CHECKING:
    from conftest import Traced

SECOND = 10**9


# The rate


def test_the_rate_of_two_operations_is_their_emissions_over_their_seconds() -> None:
    means = {"cheap": 0.1 * SECOND, "dear": 0.4 * SECOND}
    rate = rate_of([Charged("cheap", 100, 10), Charged("dear", 300, 5)], means)
    assert rate is not None
    assert rate.micrograms == pytest.approx(400 / 3)
    assert (rate.share, rate.emissions(3 * SECOND), rate.emissions(0)) == (1.0, 400, 0)


def test_operations_that_this_process_has_not_run_are_left_out_on_both_sides() -> None:
    rate = rate_of([Charged("here", 600, 2), Charged("elsewhere", 400, 9), Charged("", 5000, 0)], {"here": SECOND})
    assert rate is not None
    assert (rate.micrograms, rate.share) == (300, 0.6)


@pytest.mark.parametrize(
    "charged",
    [[], [Charged("here", 0, 5)], [Charged("here", 49, 1), Charged("elsewhere", 51, 1)], [Charged("", 100, 5)]],
)
def test_too_little_is_no_rate(charged: list[Charged]) -> None:
    assert rate_of(charged, {"here": SECOND}) is None


def test_operations_that_use_no_cpu_have_no_rate() -> None:
    assert rate_of([Charged("idle", 100, 5)], {"idle": 0.0}) is None


operations = st.sampled_from("abcde")
charges = st.lists(st.builds(Charged, operations, st.integers(0, 10**12), st.integers(1, 10**6)), max_size=20)
uses = st.dictionaries(operations, st.integers(1, 10**12).map(float))


@given(charges, uses)
def test_law_the_operations_that_are_known_emit_together_what_they_were_charged(
    charged: list[Charged], means: dict[str, float]
) -> None:
    rate = rate_of(charged, means)
    if rate is not None:
        seconds = sum(one.times * means[one.operation] / 1e9 for one in charged if one.operation in means)
        known = sum(one.micrograms for one in charged if one.operation in means)
        assert rate.micrograms * seconds == pytest.approx(known)
        assert _rates.LEAST_SHARE <= rate.share <= 1


def test_means_are_kept_of_so_many_operations_only() -> None:
    means = Means()
    for number in range(_rates.MAX_OPERATIONS + 10):
        means.add(f"operation {number}", 10)
    means.add("operation 0", 30)
    assert len(means.all()) == _rates.MAX_OPERATIONS
    assert means.all()["operation 0"] == 20


# On spans


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def fed(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Feedback]:
    """Starts the plugin with a feedback that asks what is given, when the test says so."""
    monkeypatch.setattr(_complaint, "_last", [])

    def start(ask: Callable[[str], Answer], clock: Callable[[], float] | None = None) -> Feedback:
        feedback = Feedback(ask, clock=clock or Clock(), first_s=10_000)
        monkeypatch.setattr(_feedback, "feedback_of", lambda _: feedback)
        GreencloudInstrumentor().uninstrument()
        GreencloudInstrumentor().instrument()
        return feedback

    return start


def request(traced: Traced, name: str = "request") -> int:
    """One request of two spans; its CPU, of both."""
    with traced.tracer.start_as_current_span(name):
        traced.work(5)
        with traced.tracer.start_as_current_span(f"in {name}"):
            traced.work(10)
    return traced.cpu(name) + traced.cpu(f"in {name}")


def test_a_local_root_emits_for_all_that_ran_under_it(traced: Traced, fed: Callable[..., Feedback]) -> None:
    asked = []

    def ask(service: str) -> Answer:
        asked.append(service)
        return Answer([Charged("before", 1_000_000, 1), Charged("in before", 2_000_000, 1)], "location-based, then")

    feedback = fed(ask)
    before = request(traced, "before")
    feedback.look()
    cpu = request(traced)

    (service,) = asked
    assert service.startswith("unknown_service"), "what the SDK says where nobody named it"
    root = traced.attributes("request")
    emissions = root["greencloud.emissions"]
    assert isinstance(emissions, int)
    assert emissions == pytest.approx(3_000_000 * cpu / before, abs=1)
    assert root["greencloud.emissions.source"] == "estimate: location-based, then, 100% of operations"
    assert "greencloud.emissions" not in traced.attributes("before"), "nothing was known yet"
    assert "greencloud.emissions" not in traced.attributes("in request"), "its root has it already"
    assert "µg CO2e" in feedback.state


def test_an_answer_expires(traced: Traced, fed: Callable[..., Feedback]) -> None:
    clock = Clock()
    feedback = fed(lambda _: Answer([Charged("first", 1, 1), Charged("in first", 1, 1)], "then"), clock)
    request(traced, "first")
    feedback.look()
    request(traced, "second")
    clock.now += _feedback.EXPIRY_S
    request(traced, "third")

    assert "greencloud.emissions" in traced.attributes("second")
    assert "greencloud.emissions" not in traced.attributes("third")


def test_a_server_that_fails_costs_a_warning_a_minute_and_keeps_the_last_answer(
    traced: Traced, fed: Callable[..., Feedback], caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([Answer([Charged("first", 1, 1), Charged("in first", 1, 1)], "then")])
    feedback = fed(lambda _: next(answers))
    request(traced, "first")
    for _ in range(4):
        feedback.look()
    request(traced)

    assert "greencloud.emissions" in traced.attributes("request")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_thread_is_a_daemon_asks_by_itself_makes_no_spans_and_ends(traced: Traced) -> None:
    asked: list[tuple[str, bool, bool]] = []
    twice = threading.Event()

    def ask(service: str) -> Answer:
        asked.append((threading.current_thread().name, threading.current_thread().daemon, is_instrumentation_enabled()))
        if len(asked) == 2:
            twice.set()
        raise OSError("nobody there")

    feedback = Feedback(ask, first_s=0.01, interval_s=0.01)
    feedback._start_thread()
    feedback._start_thread()
    thread = feedback._thread
    assert thread is not None
    assert twice.wait(20)
    feedback.stop()
    thread.join(20)

    assert not thread.is_alive()
    assert set(asked) == {("greencloud-feedback", True, False)}


FORK = textwrap.dedent("""
    import json, os
    from opentelemetry.sdk.trace import TracerProvider
    from greencloud_otel import GreencloudInstrumentor, _feedback
    from greencloud_otel._rates import Answer
    import greencloud_otel._extras as extras

    feedback = _feedback.Feedback(lambda _: Answer((), ""), first_s=1000)
    extras._feedback.feedback_of = lambda _: feedback
    GreencloudInstrumentor().instrument()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("fork")

    def serve():
        with tracer.start_as_current_span("request"):
            pass
        return feedback._thread is not None and feedback._thread.is_alive()

    said = [feedback._thread is not None, serve()]
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, json.dumps([feedback._thread is not None, serve()]).encode())
        os._exit(0)
    os.wait()
    print(json.dumps(said + json.loads(os.read(read, 99))))
""")


def test_a_thread_begins_with_the_first_request_and_anew_in_a_forked_child(run_python: Callable[..., str]) -> None:
    assert json.loads(run_python("-W", "ignore", "-c", FORK)) == [False, True, False, True]


INHERITED = textwrap.dedent("""
    import json, os, time
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from greencloud_otel import GreencloudInstrumentor, _feedback
    from greencloud_otel._rates import Answer, Charged

    feedback = _feedback.Feedback(lambda _: Answer([Charged("before", 10**9, 1)], "then"), first_s=1000)
    _feedback.feedback_of = lambda _: feedback
    GreencloudInstrumentor().instrument()
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("fork")

    def burn(ms):
        until = time.thread_time_ns() + ms * 1_000_000
        while time.thread_time_ns() < until: sum(range(200))

    with tracer.start_as_current_span("before"):
        burn(10)
    feedback.look()
    read, write = os.pipe()
    with tracer.start_as_current_span("inherited"):
        with tracer.start_as_current_span("in the parent"):
            burn(50)
        child = os.fork()
        with tracer.start_as_current_span("in both"):
            burn(5)
    (root,) = (span for span in exporter.get_finished_spans() if span.name == "inherited")
    emissions = root.attributes["greencloud.emissions"]
    if child == 0:
        os.write(write, str(emissions).encode())
        os._exit(0)
    os.wait()
    print(json.dumps([emissions, int(os.read(read, 99))]))
""")


def test_a_span_that_a_child_inherits_emits_in_each_process_what_was_used_there(run_python: Callable[..., str]) -> None:
    parent, child = json.loads(run_python("-W", "ignore", "-c", INHERITED))
    assert child < parent / 2


def test_without_a_server_there_is_no_feedback() -> None:
    assert feedback_of({}) is None
    assert feedback_of({"OTEL_PYTHON_GREENCLOUD_SERVER": " "}) is None


def test_a_token_file_that_is_not_there_is_a_warning_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    pytest.importorskip("greencloud.client", reason="the extra `feedback` is not installed")
    monkeypatch.setattr(_complaint, "_last", [])
    variables = {"OTEL_PYTHON_GREENCLOUD_SERVER": "127.0.0.1:1", "OTEL_PYTHON_GREENCLOUD_TOKEN_FILE": str(tmp_path / "none")}
    feedback = feedback_of(variables)
    assert feedback is not None
    feedback.look()
    assert "No such file" in caplog.text
    assert feedback.state == "no span so far"
