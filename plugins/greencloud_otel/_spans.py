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
from greencloud_otel._owner import CLOSED, Tally, close, owner_here, process
from greencloud_otel._semconv import CPU_TIME, QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["close_span", "tally_of"]

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


def close_span(span: Span) -> None:
    """Closes the span's tally and writes what it came to on the span, while that can still be written to."""
    started = span.start_time
    if process.era is None or started is None or not span.is_recording():
        return
    tally: Tally | None = getattr(span, _SLOT, None)
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
    if quality != _quality.NONE:
        span.set_attribute(CPU_TIME, max(spent, 0))
    span.set_attribute(QUALITY, quality)
