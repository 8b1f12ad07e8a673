"""The core in pure Python: who owns each thread's CPU clock, what each owner was charged, and how the clock is handed over.

On every thread the CPU clock runs on, and at each moment at most one tally owns it: the tally of the span that is
current there, or nobody's. ``switch`` hands the clock over and charges what passed since the last hand-over to the owner
until then. So no nanosecond is charged twice, and the sum of all tallies can never exceed what the process used.

Reading the clock is a system call and nearly all of the cost: it is read only when the owner really changes.

Charging comes after the reading of the clock, with no call in between: there the interpreter's lock is never given away, so
that several threads may charge one tally, and one thread may close what another one owns.

``_compiled`` is the same in Cython. A change here is a change there; a property test compares them.
"""

from __future__ import annotations

import functools
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from _thread import _local as local
    from _thread import get_native_id
    from collections.abc import Callable, Mapping
    from contextvars import Context, ContextVar
else:
    # gevent's thread-locals belong to greenlets. Two greenlets that both believe to own their thread's clock would be
    # charged the same nanoseconds, so take the real ones even when gevent came first.
    _monkey = sys.modules.get("gevent.monkey")
    if _monkey is None:
        from _thread import _local as local
        from _thread import get_native_id
    else:
        local, get_native_id = _monkey.get_original("_thread", ["_local", "get_native_id"])

__all__ = [
    "CLOSED",
    "CORE",
    "SLOT",
    "Era",
    "Handover",
    "Plain",
    "Process",
    "Tally",
    "bind_spans",
    "close",
    "end_hook",
    "owner_here",
    "process",
    "restart",
    "restart_in_child",
    "set_clock",
    "switch",
    "tally_of",
]

CORE: Final = "python"

SLOT: Final = "_greencloud_tally"
"""The attribute of a span that holds its tally."""


class Era:
    """A stretch of measuring in one process. Switching off, switching on and forking each end an era, and with it the
    validity of every tally made in it, without having to find them.
    """

    __slots__ = ()


CLOSED: Final = Era()
"""The era of a tally whose span has ended: what still arrives for it is nobody's."""


class Process:
    """What holds for the whole process: the era (``None``: switched off) and the CPU charged in it so far."""

    __slots__ = ("began_ns", "charged", "era", "forks")

    def __init__(self) -> None:
        self.era: Era | None = None
        self.charged = 0
        self.forks = 0  # between the process that was started and this one
        self.began_ns = 0  # wall clock, to be compared with the start of spans


class Thread:
    """The owner of one thread's clock, and what that clock said when it was handed over.

    ``clock_id`` lets other threads read this clock; ``None`` where the system has no such thing.
    """

    __slots__ = ("clock_id", "owner", "since")

    def __init__(self) -> None:
        self.owner: Tally | None = None
        self.since = 0
        self.clock_id = _clock_id_here()


class Tally:
    """What one span has been charged in one process, and the thread that it was handed last."""

    __slots__ = ("era", "ns", "quality", "thread")

    def __init__(self, era: Era, quality: str) -> None:
        self.era = era
        self.ns = 0
        self.quality = quality
        self.thread: Thread | None = None


def _clock_id_here() -> int | None:
    # What pthread_getcpuclockid returns (CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED), without its crash should threads be greenlets.
    # Once the thread is gone reading its clock is an error, and nothing worse.
    return ~get_native_id() << 3 | 6 if sys.platform == "linux" else None


class _Here(local):
    def __init__(self) -> None:
        super().__init__()
        self.thread = Thread()


process: Final = Process()
_here: Final = _Here()
_clock: Callable[[], int] = time.thread_time_ns
_clock_is_real = True


def set_clock(clock: Callable[[], int] | None) -> None:
    """Puts ``clock`` (ns of the calling thread) in place of the threads' own; ``None`` puts theirs back."""
    global _clock, _clock_is_real
    _clock, _clock_is_real = (time.thread_time_ns, True) if clock is None else (clock, False)


def owner_here() -> Tally | None:
    return _here.thread.owner


def switch(new: Tally | None) -> None:
    """Hands this thread's clock over to ``new``; ``None`` is nobody."""
    thread = _here.thread
    owner = thread.owner
    if owner is new:
        return
    now = 0  # nobody has nothing to be charged
    if owner is not None:
        now = _clock()
        if owner.era is process.era:
            spent = now - thread.since
            owner.ns += spent
            process.charged += spent
    elif new is not None:
        now = _clock()
    if new is not None:
        new.thread = thread
    thread.owner = new
    thread.since = now


def close(tally: Tally) -> int:
    """Ends the charging of ``tally`` and returns what it came to, with the slice that is open on this thread, or on the
    thread that it was handed last. What it uses on yet another one by then is nobody's.
    """
    here = _here.thread
    there = tally.thread
    if here.owner is tally:
        now = _clock()
        if tally.era is process.era:
            spent = now - here.since
            tally.ns += spent
            process.charged += spent
            tally.era = CLOSED
        here.owner = None
    elif there is not None and there is not here and there.owner is tally:
        elsewhere = _read(there)
        if elsewhere is not None and tally.era is process.era and there.owner is tally:
            spent = max(elsewhere - there.since, 0)  # below 0: handed over and back since the clock was read
            tally.ns += spent
            process.charged += spent
            tally.era = CLOSED
    tally.era = CLOSED
    tally.thread = None
    return tally.ns


def _read(thread: Thread) -> int | None:
    if not _clock_is_real:
        return _clock()
    if thread.clock_id is None:
        return None
    try:
        return time.clock_gettime_ns(thread.clock_id)
    except OSError:  # it is gone
        return None


def restart(*, on: bool) -> None:
    """Begins a new era, or none."""
    process.era = Era() if on else None
    _here.thread.owner = None
    _here.thread = Thread()


def restart_in_child() -> None:
    """Begins the era of a forked child, whose clocks begin at zero again."""
    process.charged = 0
    process.forks += 1
    restart(on=process.era is not None)


def _opens_nothing(_span: object, _stale: Tally | None) -> Tally | None:
    return None


_span_key = ""
_open_tally: Callable[[object, Tally | None], Tally | None] = _opens_nothing


class Plain(NamedTuple):
    """What nearly every span is like, so that a compiled core can do at once what ``_spans`` does with any."""

    kind: type
    attributes: type
    watched: object
    quality: str
    cpu_time_key: str
    quality_key: str


def bind_spans(key: str, open_tally: Callable[[object, Tally | None], Tally | None], _plain: Plain | None = None) -> None:
    """Tells where in a context the span is, and what opens the tally of a span that has none in this era."""
    global _span_key, _open_tally
    _span_key, _open_tally = key, open_tally


def end_hook(original: Callable[..., None], close_span: Callable[[Any], None], fault: Callable[[str], None]) -> Callable[..., None]:
    """In place of ``Span.end``: the SDK freezes attributes before any processor sees the end."""

    @functools.wraps(original)
    def end(span: Any, end_time: int | None = None) -> None:
        try:
            close_span(span)
        except Exception:
            fault("Span.end")
        original(span, end_time)

    return end


def tally_of(context: Mapping[str, object] | None) -> Tally | None:
    """The tally to charge while ``context`` is the current one."""
    if context is None:
        return None
    span = context.get(_span_key)
    if span is None:
        return None
    tally: Tally | None = getattr(span, SLOT, None)
    if tally is not None and tally.era is process.era:
        return tally
    return _open_tally(span, tally)


class Handover:
    """What is done at the places where the running context changes: hand the clock over, call on, give it back.

    ``attach``, ``detach`` and ``get_current`` are the runtime context's own; ``current`` is the variable that it keeps its
    contexts in, ``None`` if it is of another kind. ``fault(place)`` is called from an ``except`` and does not raise.
    """

    __slots__ = ("_attach", "_current", "_detach", "_fault", "_get_current")

    def __init__(
        self,
        attach: Callable[[Any], Any],
        detach: Callable[[Any], None],
        get_current: Callable[[], Any],
        current: ContextVar[Any] | None,
        fault: Callable[[str], None],
    ) -> None:
        self._attach = attach
        self._detach = detach
        self._get_current = get_current
        self._current = current
        self._fault = fault

    def get_current(self) -> Any:
        return self._get_current()

    def attach(self, context: Any) -> Any:
        token = self._attach(context)
        try:
            switch(tally_of(context))
        except Exception:
            self._fault("attach")
        return token

    def detach(self, token: Any) -> None:
        # A token of another context raises here: nothing has changed then, and the owner stays.
        self._detach(token)
        try:
            switch(tally_of(self._get_current()))
        except Exception:
            self._fault("detach")

    def run_here(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``fn(...)``, charged to the span of the context that this is called in."""
        outer = owner_here()
        try:
            switch(tally_of(self._get_current()))
        except Exception:
            self._fault("work under a context")
        try:
            return fn(*args, **kwargs)
        finally:
            switch(outer)

    def run_under(self, context: Context, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``fn(...)``, charged to the span of ``context``, which ``fn`` is going to enter."""
        outer = owner_here()
        try:
            self.switch_to(context)
        except Exception:
            self._fault("work under a copied context")
        try:
            return fn(*args, **kwargs)
        finally:
            switch(outer)

    def switch_to(self, context: Context) -> None:
        """Hands over to the span of ``context``."""
        if self._current is not None:
            switch(tally_of(context.get(self._current)))

    def resume(self, *_: object) -> None:
        """Hands over to the span of the running context, which has just changed."""
        try:
            switch(tally_of(self._get_current()))
        except Exception:
            self._fault("switch of greenlets")

    def handle_hook(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        """In place of ``asyncio.Handle._run``."""
        current, fault = self._current, self._fault
        assert current is not None

        @functools.wraps(original)
        def _run(handle: Any) -> None:
            outer = owner_here()
            try:
                switch(tally_of(handle._context.get(current)))
            except Exception:
                fault("asyncio.Handle._run")
            try:
                original(handle)
            finally:
                switch(outer)

        return _run

    def watch(self) -> bool:
        """Whether the interpreter tells of every change of the running context from now on. To C only, and from 3.14 on."""
        return False

    def unwatch(self) -> None:
        """Hears no more of it."""
