"""The local root of a span: the first span of its trace in this process, and what all spans under it have in common.

A request comes in as one span, and more are made under it. Two things belong to the whole of it: for whom it is done
(``_caller``) and how much CPU it took (``_feedback``). So a span remembers its local root on itself, a child takes it over from
its parent, and a span whose parent is in another process, or who has none, begins a new one.

Seen through ``Span.start`` and ``Span.end``. Nothing of this is put in place unless one of the two asks for it. ``Span.end`` here
must lie under the hook that writes the CPU time, which therefore has to be put in place later.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import get_current_span

from greencloud_otel._complaint import complain
from greencloud_otel._owner import process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context

    from greencloud_otel._patches import Patches

__all__ = ["Follower", "LocalRoot", "Place", "place_of", "watch_spans"]

_SLOT: Final = "_greencloud_place"


class LocalRoot:
    """``account``: for whom, "" where that is not known. ``entry``: what the baggage said of it when the root started.
    ``cpu_ns``: of the spans that have ended in this process.
    """

    __slots__ = ("_era", "account", "cpu_ns", "entry")

    def __init__(self) -> None:
        self._era = process.era
        self.account = ""
        self.entry = ""
        self.cpu_ns = 0

    def add_cpu(self, cpu_ns: int) -> None:
        if self._era is not process.era:
            # Inherited through a fork: what the parent process has used is told there.
            self._era, self.cpu_ns = process.era, 0
        self.cpu_ns += cpu_ns


class Place:
    """Where a span stands: under which local root, or as it (``first``). ``account``: if it is done for another than the root."""

    __slots__ = ("account", "first", "root")

    def __init__(self, root: LocalRoot, account: str, *, first: bool) -> None:
        self.root = root
        self.account = account
        self.first = first


class Follower(Protocol):
    """What is told of recording spans. At the end the CPU time is on the span already."""

    def started(self, span: Span, place: Place, context: Context) -> None: ...

    def ending(self, span: Span, place: Place) -> None: ...


def place_of(span: object) -> Place | None:
    found: Place | None = getattr(span, _SLOT, None)
    return found


def watch_spans(patches: Patches, followers: Sequence[Follower]) -> None:
    """Puts the hooks in place."""
    patches.apply(Span, "start", _start_hook(Span.start, tuple(followers)))
    patches.apply(Span, "end", _end_hook(Span.end, tuple(followers)))


def _start_hook(original: Callable[..., None], followers: tuple[Follower, ...]) -> Callable[..., None]:
    @functools.wraps(original)
    def start(span: Span, start_time: int | None = None, parent_context: Context | None = None, **more: Any) -> None:
        try:
            context = get_current() if parent_context is None else parent_context
            if place_of(span) is None:  # else it is started a second time, which the SDK refuses
                above = place_of(get_current_span(context))
                place = Place(LocalRoot(), "", first=True) if above is None else Place(above.root, above.account, first=False)
                span.__dict__[_SLOT] = place
                for follower in followers:
                    follower.started(span, place, context)
        except Exception as error:
            complain("A span is not followed to its local root.", error=error)
        original(span, start_time, parent_context, **more)

    return start


def _end_hook(original: Callable[..., None], followers: tuple[Follower, ...]) -> Callable[..., None]:
    @functools.wraps(original)
    def end(span: Span, *args: Any, **kwargs: Any) -> None:
        try:
            place = place_of(span)
            if place is not None and span.is_recording():
                for follower in followers:
                    follower.ending(span, place)
        except Exception as error:
            complain("What a span has of its local root is missing.", error=error)
        original(span, *args, **kwargs)

    return end
