"""What is active in this process, for a person who wonders why a figure is missing.

Looks at the running process and asks nobody: which hooks are in place and whether somebody has patched over them, which SDK,
exporters and sampler there are, what shares threads unseen. What keeps figures from a server is told in words with what to do.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import time
from asyncio import _get_running_loop
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import get_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_tracer_provider

from greencloud_otel import _metrics, _owner, _quality
from greencloud_otel._semconv import HOST_ID, HOST_NAME, SERVICE_NAME
from greencloud_otel._version import __version__
from greencloud_otel.environment_variables import OTEL_PYTHON_GREENCLOUD_CHECK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greencloud_otel._instrumentor import GreencloudInstrumentor

__all__ = ["Check", "check", "log_if_asked"]

_log: Final = logging.getLogger("greencloud_otel")

_SCHEDULERS: Final = ("uvloop", "gevent", "eventlet", "trio", "twisted.internet.reactor", "anyio")
_PACKAGES: Final = ("opentelemetry-sdk", "opentelemetry-api", "opentelemetry-instrumentation")


@dataclass(frozen=True, slots=True)
class Check:
    """``active``: whether spans are being measured. ``facts``: names and what was found. ``advice``: what to do about them."""

    active: bool
    facts: tuple[tuple[str, str], ...]
    advice: tuple[str, ...]

    def fact(self, name: str) -> str:
        """What was found under a name; "" for a name that is not there."""
        return dict(self.facts).get(name, "")

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        lines = [f"{name:<{width}}  {found}" for name, found in self.facts]
        return "\n".join((*lines, *(f"! {one}" for one in self.advice)))


def check() -> Check:
    """A report on this process; never raises."""
    from greencloud_otel._instrumentor import GreencloudInstrumentor

    return _report(GreencloudInstrumentor())


def log_if_asked(plugin: GreencloudInstrumentor) -> None:
    """Logs the report as one warning, the level that shows without set-up, where the variable asks for it. Never raises."""
    if os.environ.get(OTEL_PYTHON_GREENCLOUD_CHECK, "").strip().lower() in {"1", "true"}:
        _log.warning("greencloud-otel at the start of process %d:\n%s", os.getpid(), _report(plugin))


def _report(instrumentor: GreencloudInstrumentor) -> Check:
    look = _Look(instrumentor, [])
    facts: list[tuple[str, str]] = []
    for name, fact in (
        ("plugin", look.plugin),
        ("core", look.core),
        ("hooks", look.hooks),
        ("python", look.python),
        ("opentelemetry", look.versions),
        ("schedulers", look.schedulers),
        ("quality here", look.quality),
        ("spans", look.spans),
        ("metrics", look.metrics),
        ("resource", look.resource),
        ("resources of the process", look.resources),
        ("caller accounts", look.callers),
        ("feedback", look.feedback),
        ("CPU so far", look.cpu),
    ):
        try:
            facts.append((name, fact()))
        except Exception as error:
            # Most of this looks into others' private parts, which may be called otherwise tomorrow.
            facts.append((name, f"cannot be told: {type(error).__name__}: {error}"))
    return Check(_owner.process.era is not None, tuple(facts), tuple(look.advice))


@dataclass(frozen=True, slots=True)
class _Look:
    """Finds one fact after the other, and collects advice on the way."""

    instrumentor: GreencloudInstrumentor
    advice: list[str]

    def plugin(self) -> str:
        if _owner.process.era is not None:
            return f"{__version__}, measuring, process {os.getpid()}"
        if self.instrumentor.is_instrumented_by_opentelemetry:
            self.advice.append(
                "The plugin is loaded and switched off: look for OTEL_PYTHON_GREENCLOUD_ENABLED, OTEL_SDK_DISABLED or a warning."
            )
        else:
            self.advice.append(
                "The plugin is not active: run under opentelemetry-instrument, or call GreencloudInstrumentor().instrument()."
            )
        return f"{__version__}, not measuring"

    def core(self) -> str:
        return "pure Python" if _owner.CORE == "python" else _owner.CORE

    def hooks(self) -> str:
        told = []
        for patches in (self.instrumentor._patches, self.instrumentor._extras and self.instrumentor._extras.patches):
            for patch in patches._applied if patches else ():
                owner = getattr(patch.target, "__qualname__", getattr(patch.target, "__name__", "?")).rpartition(".")[2]
                over = getattr(patch.target, patch.name, None) is not patch.ours
                told.append(f"{owner}.{patch.name}" + (" (patched over)" if over else ""))
        return ", ".join(dict.fromkeys(told)) or "none"

    def python(self) -> str:
        locked = getattr(sys, "_is_gil_enabled", lambda: True)()
        return f"{platform.python_implementation()} {platform.python_version()}" + ("" if locked else ", free-threaded")

    def versions(self) -> str:
        found = {name: metadata.version(name) for name in _PACKAGES}
        return ", ".join(f"{name.removeprefix('opentelemetry-')} {version}" for name, version in found.items())

    def schedulers(self) -> str:
        found = ", ".join(name for name in _SCHEDULERS if name in sys.modules) or "none but asyncio and threads"
        loop = _get_running_loop()
        return found if loop is None else f"{found}; a loop of {type(loop).__module__}.{type(loop).__qualname__} runs here"

    def quality(self) -> str:
        found = _quality.here()
        if found == _quality.THREAD:
            self.advice.append("Something shares threads among spans unseen (see schedulers): spans say quality `thread`.")
        return found

    def spans(self) -> str:
        provider = get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            self.advice.append("No tracer provider of the SDK, so no span records: set one up, or install opentelemetry-distro.")
            return f"no SDK provider ({type(provider).__name__})"
        exporters = [_exporter(processor) for processor in _processors(provider)]
        if not exporters:
            self.advice.append("No span leaves the process: set OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_ENDPOINT.")
        sampler = provider.sampler.get_description()
        if sampler.startswith(("AlwaysOff", "TraceIdRatioBased{0.0}")):
            self.advice.append("The sampler drops every span: set OTEL_TRACES_SAMPLER.")
        return f"{', '.join(exporters) or 'no exporter'}; sampler {sampler}"

    def metrics(self) -> str:
        provider = get_meter_provider()
        readers = _readers(provider)
        if not isinstance(provider, MeterProvider) or not readers:
            self.advice.append(
                "No metric leaves the process: work that no sampled span holds is not told. Set OTEL_METRICS_EXPORTER."
            )
            return f"no reader ({type(provider).__name__})"
        return ", ".join(_named(getattr(reader, "_exporter", reader)) for reader in readers)

    def resource(self) -> str:
        provider = get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            return "none"
        given = provider.resource.attributes
        if str(given.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
            self.advice.append("The service has no name: set OTEL_SERVICE_NAME.")
        if not (given.get(HOST_ID) or given.get(HOST_NAME)):
            self.advice.append(
                "The resource names no host: set OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=greencloud, or host.id by hand."
            )
        shown = (SERVICE_NAME, "service.instance.id", HOST_ID, HOST_NAME)
        return ", ".join(f"{name}={given[name]!s}" for name in shown if name in given) or "no service, no host"

    def resources(self) -> str:
        told = self.instrumentor._resources or {}
        return ", ".join(f"{name}" + (f" ({fault})" if fault else "") for name, fault in told.items()) or "none"

    def callers(self) -> str:
        stance = self.instrumentor._extras.stance if self.instrumentor._extras else None
        if stance is None:
            return "off"
        named = f", account {stance.account}" if stance.account else f", hook {stance.hook!r}" if stance.hook else ""
        return stance.mode + named

    def feedback(self) -> str:
        feedback = self.instrumentor._extras.feedback if self.instrumentor._extras else None
        return feedback.state if feedback else "off"

    def cpu(self) -> str:
        attributed, rest = _metrics.ProcessCpu(_owner.process).parts(time.process_time_ns())
        return f"{attributed / 1e9:.3f} s charged to spans, {rest / 1e9:.3f} s not"


def _processors(provider: TracerProvider) -> Iterator[object]:
    yield from getattr(provider._active_span_processor, "_span_processors", ())


def _exporter(processor: object) -> str:
    for path in (("span_exporter",), ("_exporter",), ("_batch_processor", "_exporter")):
        found: Any = processor
        for name in path:
            found = getattr(found, name, None)
        if found is not None:
            return _named(found)
    return type(processor).__name__


def _named(exporter: object) -> str:
    endpoint = getattr(exporter, "_endpoint", None)
    return type(exporter).__name__ + (f" to {endpoint}" if isinstance(endpoint, str) else "")


def _readers(provider: object) -> list[Any]:
    """The SDK has moved them from its configuration to the provider."""
    config = getattr(provider, "_sdk_config", None)
    found: Any = getattr(provider, "_metric_readers", None) or getattr(config, "metric_readers", ())
    return list(found)
