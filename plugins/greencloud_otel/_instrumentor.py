"""The switch: what ``opentelemetry-instrument`` finds, and what an application may call by hand."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

# Typed packages, but this module of theirs asks type checkers to look away.
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from greencloud_otel import _check, _hooks, _metrics
from greencloud_otel._extras import Extras, observe_resources, put_in_place
from greencloud_otel._owner import process, restart
from greencloud_otel._quality import watched
from greencloud_otel.environment_variables import OTEL_PYTHON_GREENCLOUD_ENABLED

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.metrics import MeterProvider

    from greencloud_otel._patches import Patches

__all__ = ["GreencloudInstrumentor"]

_log: Final = logging.getLogger("greencloud_otel")


class GreencloudInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Puts the exclusive CPU time of every recording span on that span.

    ``instrument(meter_provider=...)`` sends the process' counters elsewhere than to the global meter provider.
    Tracer providers need no mention: spans of all of them are measured, made before or after this call.

    ``instrument(caller_hook=...)`` makes the service an edge that names callers: ``caller_hook(attributes, claimed)`` is given what
    the span of an arriving request starts with and what its baggage claims, and returns an account id or None.
    """

    _patches: Patches | None = None
    _extras: Extras | None = None
    _resources: dict[str, str] | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        if _switched_off():
            return
        # Claims are stripped whether or not CPU can be measured.
        self._extras = put_in_place(kwargs.get("caller_hook"))
        try:
            self._start(kwargs.get("meter_provider"))
        except Exception:
            # An error here would keep the whole application from being instrumented.
            restart(on=False)
            _log.warning("CPU time per span is off: this OpenTelemetry SDK could not be hooked into.", exc_info=True)
        _check.log_if_asked(self)

    def _start(self, meter_provider: MeterProvider | None) -> None:
        if _threads_are_greenlets():
            _log.warning("CPU time per span is off: eventlet replaced the threads. Load greencloud_otel before eventlet.")
            return
        self._patches = _hooks.install()
        _hooks.register_fork_hook()
        process.began_ns = time.time_ns()
        restart(on=True)
        if self._resources is None:  # instruments cannot be taken back: while switched off they observe nothing
            _metrics.observe(meter_provider)
            self._resources = observe_resources(meter_provider)

    def _uninstrument(self, **kwargs: Any) -> None:
        restart(on=False)
        watched.forget()
        if self._patches is not None:
            self._patches.undo()
            self._patches = None
        if self._extras is not None:
            self._extras.undo()
            self._extras = None


def _switched_off() -> bool:
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or os.environ.get(OTEL_PYTHON_GREENCLOUD_ENABLED, "").strip().lower() == "false"


def _threads_are_greenlets() -> bool:
    """eventlet's thread-locals belong to greenlets, and the real ones cannot be had any more."""
    patcher = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("thread"))
