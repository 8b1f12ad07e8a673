"""From a span to its tally, and from a tally to attributes.

The tally lives on the SDK's span object itself: no table to look up, nothing to clean, and no span processor, so that it
does not matter whether the application makes its tracer provider before or after the plugin is switched on.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from greencloud_otel import _quality
from greencloud_otel._owner import CLOSED, SLOT, Tally, bind_spans, close, owner_here, process
from greencloud_otel._semconv import CPU_TIME, QUALITY

__all__ = ["close_span"]

# The key is private, but what it keys is not: a context with a span and nothing else has just this one.
_SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))


def _open_tally(span: object, stale: Tally | None) -> Tally | None:
    era = process.era
    if era is None or not isinstance(span, Span) or not span.is_recording():
        return None
    quality = _quality.here()
    fresh = Tally(era, quality)
    if stale is None:
        # Two threads may make the span current at the same moment: setdefault lets one of them win.
        fresh = span.__dict__.setdefault(SLOT, fresh)
    elif stale.era is CLOSED:
        return None
    else:
        # Inherited through a fork. What the parent process was charged stays there.
        span.__dict__[SLOT] = fresh
    if quality != _quality.EXACT:
        # Whoever runs on this thread shares it with what cannot be seen.
        owner = owner_here()
        if owner is not None:
            owner.quality = _quality.worst(owner.quality, quality)
    return fresh


def close_span(span: Span) -> None:
    """Closes the span's tally and writes what it came to on the span, while that can still be written to."""
    started = span.start_time
    if process.era is None or started is None or not span.is_recording():
        return
    tally: Tally | None = getattr(span, SLOT, None)
    if tally is None:
        # Never current: by definition it used nothing of its own.
        spent, quality = 0, _quality.here()
    elif tally.era is process.era:
        spent, quality = close(tally), tally.quality
    elif tally.era is CLOSED:
        return  # written already, and about to be ended by somebody else
    else:
        # Current in the parent process only, if not in an earlier era: the start tells.
        tally.era = CLOSED
        spent, quality = 0, _quality.here()
    if started < process.began_ns:
        quality = _quality.NONE
    if quality == _quality.NONE:
        span.set_attribute(QUALITY, quality)
    else:
        # Both at once: each call takes the SDK's locks anew.
        span.set_attributes({CPU_TIME: max(spent, 0), QUALITY: quality})


bind_spans(_SPAN_KEY, _open_tally)
