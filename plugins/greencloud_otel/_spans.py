"""From a span to its tally, and from a tally to attributes.

The tally lives on the SDK's span object itself: no table to look up, nothing to clean, and no span processor, so that it
does not matter whether the application makes its tracer provider before or after the plugin is switched on.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from greencloud_otel import _quality
from greencloud_otel._owner import CLOSED, FREE_THREADED, SLOT, Plain, Tally, bind_spans, close, owner_here, process
from greencloud_otel._semconv import CPU_TIME, QUALITY

__all__ = ["PLAIN", "SPAN_KEY", "close_span", "open_tally"]

# The key is private, but what it keys is not: a context with a span and nothing else has just this one.
SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))

_KIND: Final[type] = getattr(sdk, "_Span", Span)

PLAIN: Final = Plain(_KIND, BoundedAttributes, _quality.watched, _quality.EXACT, CPU_TIME, QUALITY)


def open_tally(span: object, stale: Tally | None) -> Tally | None:
    era = process.era
    # The kind that the SDK makes is told at once; asking an abstract class takes longer than all the rest here.
    if era is None or (type(span) is not _KIND and not isinstance(span, Span)) or (stale is not None and stale.era is CLOSED):
        return None
    if not span.is_recording():  # type: ignore[attr-defined]
        return None
    quality = _quality.here()
    # No tally yet, or one that was inherited through a fork: what the parent process was charged stays there.
    fresh = Tally(era, quality)
    # Two threads may make the span current at the same moment; there is no call in between, so one of them wins. Going through
    # the span's __dict__ instead would make that of every span, and all of the SDK's own work on it slower.
    if span._greencloud_tally is stale:  # type: ignore[attr-defined]
        span._greencloud_tally = fresh  # type: ignore[attr-defined]
    else:
        fresh = span._greencloud_tally  # type: ignore[attr-defined]
    if quality != _quality.EXACT:
        # Whoever runs on this thread shares it with what cannot be seen.
        owner = owner_here()
        if owner is not None:
            owner.quality = _quality.worst(owner.quality, quality)
    if (span.start_time or 0) < process.began_ns:  # type: ignore[attr-defined]
        fresh.quality = _quality.NONE  # only a part of it was seen
    return fresh


def close_span(span: Span) -> None:
    """Closes the span's tally and writes what it came to on the span, while that can still be written to."""
    tally: Tally | None = getattr(span, SLOT, None)
    if tally is not None and tally.era is process.era:
        _write(span, close(tally), tally.quality)
    elif process.era is not None and span.is_recording() and (tally is None or tally.era is not CLOSED):
        # Never current in this process, and by definition it used nothing of its own here.
        if tally is not None:
            tally.era = CLOSED
        _write(span, 0, _quality.NONE if (span.start_time or 0) < process.began_ns else _quality.here())


def _write(span: Span, spent: int, quality: str) -> None:
    if quality == _quality.NONE:
        span.set_attribute(QUALITY, quality)
    elif FREE_THREADED or not _store(span, spent, quality):
        span.set_attribute(CPU_TIME, spent)
        span.set_attribute(QUALITY, quality)


def _store(span: Span, spent: int, quality: str) -> bool:
    """Stores both values as ``set_attribute`` does with values that it need not clean, at a third of its cost; without it, half of
    what a span costs would be that. Declines whenever an inside is not as known, or a limit may apply.
    """
    try:
        with span._lock:
            bounded = span._attributes
            if (
                type(bounded) is not BoundedAttributes
                or bounded._immutable
                or span._end_time is not None
                or bounded.max_value_len is not None
                or (bounded.maxlen is not None and len(bounded._dict) + 2 > bounded.maxlen)
            ):
                return False
            kept = bounded._dict
            kept[CPU_TIME] = spent
            kept[QUALITY] = quality
    except AttributeError:
        return False
    return True


def _reserve() -> None:
    """Gives our attribute a place among the SDK's own. CPython lets the instances of a class share one table of names, and takes no
    more names after some thirty instances: a span that gets one too many pays for a dictionary of its own, about 5 µs.
    """
    setattr(object.__new__(_KIND), SLOT, None)


bind_spans(SPAN_KEY, open_tally, PLAIN)
_reserve()
