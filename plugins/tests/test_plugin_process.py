"""The plugin as a process meets it: loaded without a change to the application, forked, switched off and on."""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import opentelemetry.context as context_api
import pytest
from opentelemetry.context.context import Context, _RuntimeContext
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from greencloud_otel import GreencloudInstrumentor, GreencloudResourceDetector, _detector, _metrics, _owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Traced

# The interpreter tells of every switch of contexts: there is nothing to patch, and no loop that is not seen.
WATCHED = sys.version_info >= (3, 14) and _owner.CORE == "compiled"

APPLICATION = textwrap.dedent("""
    from opentelemetry import trace
    with trace.get_tracer("application").start_as_current_span("job"):
        sum(range(1_000_000))
""")
AUTO = ("-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()")
QUIET = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def hooked() -> list[object]:
    return [
        Span.end,
        asyncio.Handle._run,
        asyncio.BaseEventLoop.create_task,
        ThreadPoolExecutor.submit,
        threading.Thread.run,
        context_api._RUNTIME_CONTEXT,
    ]


@pytest.fixture
def application(tmp_path: Path) -> str:
    pytest.importorskip("opentelemetry.distro", reason="opentelemetry-distro sets the SDK up")
    path = tmp_path / "application.py"
    path.write_text(APPLICATION)
    return str(path)


def run_instrumented(run_python: Callable[..., str], application: str, *flags: str, **environment: str) -> dict[str, object]:
    output = run_python(*AUTO, *flags, sys.executable, application, **{**QUIET, **environment})
    attributes = json.loads(output[output.index("{") : output.rindex("}") + 1])["attributes"]
    assert isinstance(attributes, dict)
    return attributes


def test_opentelemetry_instrument_finds_the_plugin_by_itself(run_python: Callable[..., str], application: str) -> None:
    attributes = run_instrumented(run_python, application)

    assert attributes["greencloud.quality"] == "exact"
    cpu = attributes["greencloud.cpu.time"]
    assert type(cpu) is int
    assert cpu > 1_000_000


def test_a_flag_or_a_variable_switches_the_plugin_off(run_python: Callable[..., str], application: str) -> None:
    assert run_instrumented(run_python, application, "--greencloud_enabled", "false") == {}
    assert run_instrumented(run_python, application, OTEL_PYTHON_GREENCLOUD_ENABLED="False") == {}


def test_a_disabled_sdk_is_not_hooked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hooked()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    GreencloudInstrumentor().instrument()
    try:
        assert hooked() == before
    finally:
        GreencloudInstrumentor().uninstrument()


FORK = textwrap.dedent("""
    import json, os, time
    from greencloud_otel import GreencloudInstrumentor, _owner
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    def work(ms):
        begin = time.thread_time_ns()
        while (now := time.thread_time_ns()) < begin + ms * 1_000_000: sum(range(200))
        return now - begin

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("fork")
    GreencloudInstrumentor().instrument()

    truth = {}
    read, write = os.pipe()
    with tracer.start_as_current_span("inherited"):
        truth["inherited"] = work(40)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            truth["inherited"] = work(10)
            with tracer.start_as_current_span("in the child"):
                truth["in the child"] = work(20)
        truth["inherited"] += work(10)
    cpu = {span.name: span.attributes["greencloud.cpu.time"] for span in exporter.get_finished_spans()}
    result = {"truth": truth, "cpu": cpu, "charged": _owner.process.charged, "process": time.process_time_ns()}
    if child:
        os.close(write)
        print(json.dumps({"parent": result, "child": json.loads(os.read(read, 65536))}))
    else:
        os.write(write, json.dumps(result).encode())
        os._exit(0)
""")


def test_a_fork_divides_a_span_into_what_each_process_used(run_python: Callable[..., str]) -> None:
    both = json.loads(run_python("-c", FORK))

    assert set(both["parent"]["cpu"]) == {"inherited"}
    assert set(both["child"]["cpu"]) == {"inherited", "in the child"}
    for result in both.values():
        for name, true in result["truth"].items():
            # Pages that the child touches first are copied on its account: some ms where the machine is busy.
            assert true <= result["cpu"][name] <= 1.2 * true + 10_000_000
        assert sum(result["cpu"].values()) == result["charged"] <= result["process"]


@pytest.mark.parametrize("first", ["provider", "plugin"])
def test_the_order_of_provider_and_plugin_does_not_matter(first: str) -> None:
    exporter = InMemorySpanExporter()
    if first == "plugin":
        GreencloudInstrumentor().instrument()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    if first == "provider":
        GreencloudInstrumentor().instrument()
    try:
        with provider.get_tracer("tests").start_as_current_span("job"):
            pass
    finally:
        GreencloudInstrumentor().uninstrument()

    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {})["greencloud.quality"] == "exact"


def test_uninstrument_puts_everything_back() -> None:
    before = hooked()
    GreencloudInstrumentor().instrument()
    during = hooked()
    GreencloudInstrumentor().uninstrument()

    assert hooked() == before
    assert during[0] is not before[0]
    assert WATCHED or during[1] is not before[1]


def test_uninstrument_leaves_the_patches_of_others_alone(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Span.end

    def theirs(span: Span, end_time: int | None = None) -> None:
        span.set_attribute("theirs", True)
        ours(span, end_time)

    monkeypatch.setattr(Span, "end", theirs)
    GreencloudInstrumentor().uninstrument()
    try:
        assert Span.end is theirs
        with traced.tracer.start_as_current_span("job"):
            pass
        assert traced.attributes("job") == {"theirs": True}, "what is left of ours does nothing any more"
    finally:
        GreencloudInstrumentor().instrument()
        # The fixture takes the second layer off; the first is under theirs, which monkeypatch takes off.


def test_a_span_from_before_the_plugin_is_not_given_half_a_number() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("early"):
        GreencloudInstrumentor().instrument()
        with provider.get_tracer("tests").start_as_current_span("later"):
            pass
    GreencloudInstrumentor().uninstrument()

    later, early = exporter.get_finished_spans()
    assert dict(later.attributes or {})["greencloud.quality"] == "exact"
    assert dict(early.attributes or {}) == {"greencloud.quality": "none"}


@pytest.mark.skipif(WATCHED, reason="callbacks need no hook")
def test_an_sdk_that_cannot_be_hooked_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(asyncio.Handle, "_run")
    before = [Span.end, context_api._RUNTIME_CONTEXT]
    GreencloudInstrumentor().instrument()
    GreencloudInstrumentor().uninstrument()

    assert [Span.end, context_api._RUNTIME_CONTEXT] == before
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# A loop that is not built on the standard library's, as uvloop's is not. Only its class is ever looked at.
UNSEEN_LOOP = cast("asyncio.AbstractEventLoop", object())


@pytest.mark.parametrize("sign", ["twisted", "loop"])
def test_what_shares_a_thread_unseen_lowers_the_quality(traced: Traced, monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    if sign == "loop":
        asyncio._set_running_loop(UNSEEN_LOOP)
    else:
        monkeypatch.setitem(sys.modules, "twisted.internet.reactor", asyncio)
    try:
        with traced.tracer.start_as_current_span("job"):
            pass
    finally:
        asyncio._set_running_loop(None)

    assert traced.quality("job") == ("exact" if WATCHED and sign == "loop" else "thread")


def test_a_loop_that_switches_unseen_taints_the_span_around_it(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("around"):
        asyncio._set_running_loop(UNSEEN_LOOP)
        try:
            with traced.tracer.start_as_current_span("inside"):
                pass
        finally:
            asyncio._set_running_loop(None)

    assert traced.quality("around") == ("exact" if WATCHED else "thread")


class ThreadContext(_RuntimeContext):
    """A runtime context that is kept in thread-locals, where no callback's own can be looked up."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def attach(self, context: Context) -> object:  # type: ignore[override]
        before, self._kept.context = self.get_current(), context
        return before

    def get_current(self) -> Context:
        context = getattr(self._kept, "context", None)
        return context if isinstance(context, Context) else Context()

    def detach(self, token: object) -> None:
        self._kept.context = token


def test_under_another_runtime_context_threads_are_exact_and_loops_say_that_they_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", ThreadContext())
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")

    async def request() -> None:
        with tracer.start_as_current_span("in a loop"):
            pass

    GreencloudInstrumentor().instrument()
    try:
        with tracer.start_as_current_span("in a thread"):
            pass
        asyncio.run(request())
    finally:
        GreencloudInstrumentor().uninstrument()

    quality = {span.name: dict(span.attributes or {})["greencloud.quality"] for span in exporter.get_finished_spans()}
    assert quality == {"in a thread": "exact", "in a loop": "thread"}


def test_the_two_counters_of_a_process_are_its_whole_cpu(traced: Traced) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    _metrics.observe(provider)

    def read() -> dict[str, float]:
        data = reader.get_metrics_data()
        assert data is not None
        metrics = next(scope.metrics for scope in data.resource_metrics[0].scope_metrics if scope.scope.name == "greencloud_otel")
        return {metric.name.rpartition(".")[2]: metric.data.data_points[0].value for metric in metrics}  # type: ignore[union-attr]

    low = time.process_time_ns()
    first = read()
    traced.work(20)
    with traced.tracer.start_as_current_span("job"):
        spent = traced.work(20)
    second = read()
    provider.shutdown()

    assert second["attributed"] - first["attributed"] >= spent / 1e9
    assert second["unattributed"] - first["unattributed"] >= 0.02
    assert low / 1e9 <= first["attributed"] + first["unattributed"]
    assert second["attributed"] + second["unattributed"] <= time.process_time_ns() / 1e9


def test_a_slice_that_is_still_open_makes_no_counter_go_down() -> None:
    process = _owner.Process()
    cpu = _metrics.ProcessCpu(process)
    seen = [cpu.parts(10)]
    seen.append(cpu.parts(110))  # a span has run for 100 and was not charged yet
    process.charged = 100
    seen.append(cpu.parts(120))
    process.charged = 300
    seen.append(cpu.parts(420))

    assert seen == [(0, 10), (0, 110), (10, 110), (300, 120)]


def test_the_detector_names_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine_id = tmp_path / "machine-id"
    monkeypatch.setattr(_detector, "_MACHINE_ID", (tmp_path / "none", machine_id))
    machine_id.write_text("uninitialized\n")
    assert set(GreencloudResourceDetector().detect().attributes) == {"host.name"}
    machine_id.write_text("0123456789abcdef0123456789abcdef\n")
    assert GreencloudResourceDetector().detect().attributes["host.id"] == "0123456789abcdef0123456789abcdef"


def test_resource_attributes_by_hand_override_the_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "greencloud")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=rack-7")
    resource = Resource.create()

    assert resource.attributes["host.name"] == "rack-7"
    assert "host.name" not in GreencloudResourceDetector().detect().attributes
