"""The self-check: what it says is what is so."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import Span

import greencloud_otel
from greencloud_otel import _check

if TYPE_CHECKING:
    from conftest import Traced

AUTO = ("-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()")
QUIET = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def test_without_the_plugin_it_says_so_and_what_to_do() -> None:
    found = greencloud_otel.check()
    assert not found.active
    assert "not measuring" in found.fact("plugin")
    assert any("opentelemetry-instrument" in one for one in found.advice)


def test_it_names_hooks_and_who_patched_over_them(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    found = greencloud_otel.check()
    assert found.active
    assert "Span.end, " in found.fact("hooks")
    assert "W3CBaggagePropagator.extract" in found.fact("hooks")
    assert found.fact("caller accounts") == "strip"

    monkeypatch.setattr(Span, "end", print)
    assert "Span.end (patched over)" in greencloud_otel.check().fact("hooks")


def test_it_counts_what_spans_were_charged(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("job"):
        traced.work(20)
    charged = greencloud_otel.check().fact("CPU so far").partition(" ")[0]
    assert float(charged) >= 0.02


def test_what_shares_threads_is_named(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gevent", sys)
    assert "gevent" in greencloud_otel.check().fact("schedulers")


def test_the_loop_that_runs_here_is_named(traced: Traced) -> None:
    async def look() -> str:
        return greencloud_otel.check().fact("schedulers")

    assert "EventLoop runs here" in asyncio.run(look())


def test_what_cannot_be_told_spoils_nothing_else(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_check, "get_tracer_provider", lambda: 1 / 0)
    found = greencloud_otel.check()
    assert found.fact("spans") == "cannot be told: ZeroDivisionError: division by zero"
    assert found.fact("opentelemetry").startswith("sdk 1.")


def test_under_opentelemetry_instrument_the_module_prints_it(run_python: Callable[..., str]) -> None:
    pytest.importorskip("opentelemetry.distro", reason="opentelemetry-distro sets the SDK up")
    printed = run_python(*AUTO, sys.executable, "-m", "greencloud_otel", OTEL_SERVICE_NAME="shop", **QUIET)
    lines = {line[:24].strip(): line[24:].strip() for line in printed.splitlines()}
    assert "measuring" in lines["plugin"]
    assert lines["spans"].startswith("ConsoleSpanExporter; sampler ")
    assert "service.name=shop" in lines["resource"]
    assert "! No metric leaves the process" in printed


def test_a_variable_logs_it_once_at_the_start(run_python: Callable[..., str]) -> None:
    pytest.importorskip("opentelemetry.distro", reason="opentelemetry-distro sets the SDK up")
    printed = run_python(*AUTO, sys.executable, "-c", "pass", OTEL_PYTHON_GREENCLOUD_CHECK="1", **QUIET)
    assert printed.count("greencloud-otel at the start of process") == 1
    assert "ConsoleSpanExporter" in printed


def test_without_the_plugin_the_module_ends_with_one(run_python: Callable[..., str]) -> None:
    code = (
        "import runpy\n"
        "try: runpy.run_module('greencloud_otel', run_name='__main__')\n"
        "except SystemExit as end: print('exit', end.code)"
    )
    assert "exit 1" in run_python("-c", code)
