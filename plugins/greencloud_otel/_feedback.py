"""Emissions shown back on local root spans, as an estimate; off unless a server is named.

A daemon thread asks the server for the last final hours of the service, at intervals, and keeps the rate that follows (``_rates``).
A span is never kept waiting: without a rate, or with one that has expired, nothing is written. The thread begins with the first
local root that ends, so that the parent of pre-forked workers, which serves nothing, opens no channel; a forked child begins one of
its own. A channel lives for the length of one question. What the thread does makes no spans.
"""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from greencloud_otel._complaint import complain
from greencloud_otel._rates import Answer, Means, Rate, rate_of
from greencloud_otel._semconv import CPU_TIME, EMISSIONS, EMISSIONS_SOURCE, SERVICE_NAME
from greencloud_otel.environment_variables import (
    OTEL_PYTHON_GREENCLOUD_CERTIFICATE,
    OTEL_PYTHON_GREENCLOUD_SERVER,
    OTEL_PYTHON_GREENCLOUD_TOKEN_FILE,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from greencloud_otel._local_root import Place

__all__ = ["EXPIRY_S", "INTERVAL_S", "Feedback", "feedback_of"]

INTERVAL_S: Final = 900.0
"""Between two questions, give or take a tenth, so that the processes of a service do not ask together."""

FIRST_S: Final = 20.0
"""From the first span to the first question, at the most: there are no means to speak of before."""

EXPIRY_S: Final = 6 * 3600.0
"""How old an answer may be."""


@dataclass(frozen=True, slots=True)
class _Shown:
    rate: Rate
    source: str
    until: float


class Feedback:
    """Follows spans and writes what they emit. ``ask(service)`` may take its time and may raise; ``clock`` counts seconds."""

    def __init__(
        self,
        ask: Callable[[str], Answer],
        *,
        clock: Callable[[], float] = time.monotonic,
        first_s: float = FIRST_S,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._first_s = first_s
        self._interval_s = interval_s
        self._means = Means()
        self._service = ""
        self._shown: _Shown | None = None
        self._stopped = threading.Event()
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            forget = weakref.WeakMethod(self._begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := forget()) and again())

    def _begin_anew(self) -> None:
        # A child inherits no thread, and perhaps locks that nobody there will ever release.
        stopped, self._stopped = self._stopped.is_set(), threading.Event()
        if stopped:
            self._stopped.set()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> str:
        """In words, for the self-check."""
        shown = self._current()
        if shown is not None:
            return f"{shown.rate.micrograms:,.0f} µg CO2e a second of CPU; {shown.source}"
        return "asking, no rate so far" if self._thread is not None else "no span so far"

    def started(self, span: Span, place: Place, context: Context) -> None:
        """Nothing is to be done at a start."""

    def ending(self, span: Span, place: Place) -> None:
        cpu = (span.attributes or {}).get(CPU_TIME)
        if not isinstance(cpu, int):
            return  # not measured, so neither is what it emitted
        service = span.resource.attributes.get(SERVICE_NAME)
        if not self._service and isinstance(service, str):
            self._service = service
        if service != self._service:
            return
        place.root.add_cpu(cpu)
        self._means.add(span.name, cpu)
        if place.first:
            if self._thread is None:
                self._start_thread()
            shown = self._current()
            if shown is not None:
                span.set_attribute(EMISSIONS, shown.rate.emissions(place.root.cpu_ns))
                span.set_attribute(EMISSIONS_SOURCE, shown.source)

    def stop(self) -> None:
        self._stopped.set()
        self._shown = None

    def look(self) -> None:
        """One question and what follows from it."""
        try:
            answer = self._ask(self._service)
            rate = rate_of(answer.charged, self._means.all())
        except Exception as error:
            complain("What a second of CPU emits could not be asked for: %s", error)
            return
        if rate is not None and not self._stopped.is_set():
            source = f"estimate: {answer.source}, {rate.share:.0%} of operations"
            self._shown = _Shown(rate, source, self._clock() + EXPIRY_S)

    def _current(self) -> _Shown | None:
        shown = self._shown
        return shown if shown is not None and self._clock() < shown.until else None

    def _start_thread(self) -> None:
        if self._stopped.is_set() or not self._starting.acquire(blocking=False):
            return  # it is being started, or was
        thread = threading.Thread(target=self._run, args=(self._stopped,), name="greencloud-feedback", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter is ending, or there are too many
            complain("No thread for feedback: %s", error)

    def _run(self, stopped: threading.Event) -> None:
        spread = random.Random()  # noqa: S311  not a secret
        pause = self._first_s * spread.uniform(0.5, 1.0)
        with suppress_instrumentation():
            while not stopped.wait(pause):
                self.look()
                pause = self._interval_s * spread.uniform(0.9, 1.1)


def feedback_of(environment: Mapping[str, str]) -> Feedback | None:
    """What the variables ask for; None where they name no server."""
    server = environment.get(OTEL_PYTHON_GREENCLOUD_SERVER, "").strip()
    if not server:
        return None
    from greencloud_otel._ledger import Ledger

    token_file = environment.get(OTEL_PYTHON_GREENCLOUD_TOKEN_FILE, "").strip()
    certificate = environment.get(OTEL_PYTHON_GREENCLOUD_CERTIFICATE, "").strip()
    return Feedback(Ledger(server, token_file=token_file, certificate=certificate).ask)
