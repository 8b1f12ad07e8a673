"""From a context to the tally of its current span, and from a tally to attributes.

The tally lives on the SDK's span object itself: no table to look up, nothing to clean, and no span processor, so that it
does not matter whether the application makes its tracer provider before or after the plugin is switched on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from greencloud_otel import _quality
from greencloud_otel._owner import CLOSED, Tally, charge_now, owner_here, process, switch
from greencloud_otel._semconv import CPU_TIME, QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["closing_attributes", "tally_of"]

# The key is private, but what it keys is not: a context with a span and nothing else has just this one.
_SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))

_SLOT: Final = "_greencloud_tally"


def tally_of(context: Mapping[str, object] | None) -> Tally | None:
    """The tally to charge while ``context`` is the current one."""
    if context is None:
        return None
    span = context.get(_SPAN_KEY)
    if span is None:
        return None
    tally: Tally | None = getattr(span, _SLOT, None)
    if tally is not None and tally.era is process.era:
        return tally
    return _open_tally(span, tally)


def _open_tally(span: object, stale: Tally | None) -> Tally | None:
    era = process.era
    if era is None or not isinstance(span, Span) or not span.is_recording():
        return None
    quality = _quality.here()
    fresh = Tally(era, quality)
    if stale is None:
        # Two threads may make the span current at the same moment: setdefault lets one of them win.
        fresh = span.__dict__.setdefault(_SLOT, fresh)
    elif stale.era is CLOSED:
        return None
    else:
        # Inherited through a fork. What the parent process was charged stays there.
        span.__dict__[_SLOT] = fresh
    owner = owner_here()
    if owner is not None and quality != _quality.EXACT:
        # Whoever runs on this thread shares it with what cannot be seen.
        owner.quality = _quality.worst(owner.quality, quality)
    return fresh


def closing_attributes(span: Span) -> dict[str, str | int]:
    """Closes the span's tally and says what it came to. Empty when there is nothing to say (any more)."""
    if process.era is None or span.start_time is None or not span.is_recording():
        return {}
    tally: Tally | None = getattr(span, _SLOT, None)
    if tally is not None and tally.era is CLOSED:
        return {}
    if span.start_time < process.began_ns:
        _close(tally)
        return {QUALITY: _quality.NONE}
    quality = _quality.here()
    if tally is None or tally.era is not process.era:
        # Never current in this process: by definition it used nothing of its own.
        _close(tally)
        return {CPU_TIME: 0, QUALITY: quality}
    charge_now(tally)
    _close(tally)
    quality = _quality.worst(tally.quality, quality)
    return {QUALITY: quality} if quality == _quality.NONE else {CPU_TIME: max(tally.ns, 0), QUALITY: quality}


def _close(tally: Tally | None) -> None:
    if tally is None:
        return
    tally.era = CLOSED
    if owner_here() is tally:
        switch(None)
