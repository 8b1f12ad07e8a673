"""Schedulers beside the standard library's, each hooked into once somebody imports it.

=======  ==================================================================================================
uvloop   its callbacks are C: they are scheduled inside of ``run_here``, which looks into the context when it is run
trio     an instrument of every run is told before and after a task's step
gevent   and eventlet, and all on greenlets: each has a context of its own, and ``greenlet.settrace`` tells of every switch
anyio    has threads of its own: ``to_thread.run_sync``
=======  ==================================================================================================
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from wrapt import register_post_import_hook

from greencloud_otel._owner import Handover, owner_here, switch
from greencloud_otel._quality import watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from greencloud_otel._patches import Patches

__all__ = ["await_imports"]

# Where the callback is among the arguments.
_UVLOOP = {
    "call_soon": 0,
    "call_soon_threadsafe": 0,
    "call_later": 1,
    "call_at": 1,
    "add_reader": 1,
    "add_writer": 1,
    "add_signal_handler": 1,
}


def await_imports(patches: Patches, handover: Handover, fault: Callable[[str], None], *, watching: bool) -> None:
    """Hooks into each scheduler that is imported, now or later. ``watching``: those that enter contexts are seen already."""

    def arrived(name: str, hook: Callable[[Patches, Handover, Any], None], module: Any) -> None:
        if patches.undone:
            return
        try:
            hook(patches, handover, module)
        except Exception:  # raised here it would break the application's import
            fault(f"import of {name}")

    schedulers = dict(_GREENLETS)
    if watching:
        watched.trio = lambda: True
    else:
        schedulers |= {**_LOOPS, "trio": functools.partial(_hook_trio, fault=fault)}
    for name, hook in schedulers.items():
        register_post_import_hook(functools.partial(arrived, name, hook), name)


def _hook_uvloop(patches: Patches, handover: Handover, module: Any) -> None:
    loop = module.Loop
    for name, place in _UVLOOP.items():
        patches.apply(loop, name, _callback_hook(getattr(loop, name), place, handover.run_here))
    patches.apply(loop, "create_task", _outer_hook(loop.create_task))
    watched.loops = (*watched.loops, loop)


def _callback_hook(original: Callable[..., Any], place: int, run_here: Callable[..., Any]) -> Callable[..., Any]:
    if place == 0:

        @functools.wraps(original)
        def call(loop: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
            return original(loop, run_here, callback, *args, **kwargs)

        return call

    @functools.wraps(original)
    def call_with(loop: Any, first: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
        if callback is run_here:  # call_at calls call_later
            return original(loop, first, callback, *args, **kwargs)
        return original(loop, first, run_here, callback, *args, **kwargs)

    return call_with


def _outer_hook(original: Callable[..., Any]) -> Callable[..., Any]:
    """The first step of an eager task runs inside of the call."""

    @functools.wraps(original)
    def create_task(loop: Any, *args: Any, **kwargs: Any) -> Any:
        outer = owner_here()
        try:
            return original(loop, *args, **kwargs)
        finally:
            switch(outer)

    return create_task


def _hook_anyio(patches: Patches, handover: Handover, module: Any) -> None:
    patches.apply(module, "run_sync", _to_thread_hook(module.run_sync, handover.run_here))


def _to_thread_hook(original: Callable[..., Any], run_here: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run_sync(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(run_here, func, *args, **kwargs)

    return run_sync


class Greenlets:
    """Hears of every switch between greenlets, thread by thread: a tracing function is the thread's own."""

    def __init__(self, handover: Handover, module: Any) -> None:
        self._resume = handover.resume
        self._module = module

    def seen_here(self) -> bool:
        """Whether every switch on this thread was seen since its present owner took over; from now on they are."""
        found = self._module.gettrace()
        if found is self._resume or (isinstance(found, _Chained) and found.resume is self._resume):
            return True
        if isinstance(found, _Chained):  # of an earlier time that the plugin was on
            found = found.then
        elif isinstance(getattr(found, "__self__", None), Handover):
            found = None
        self._module.settrace(self._resume if found is None else _Chained(self._resume, found))
        return owner_here() is None


class _Chained:
    """A tracing function before another one's."""

    __slots__ = ("resume", "then")

    def __init__(self, resume: Callable[..., None], then: Callable[..., None]) -> None:
        self.resume = resume
        self.then = then

    def __call__(self, event: str, greenlets: tuple[object, object]) -> None:
        self.resume()
        self.then(event, greenlets)


def _hook_greenlet(_: Patches, handover: Handover, module: Any) -> None:
    greenlets = Greenlets(handover, module)
    greenlets.seen_here()
    watched.greenlets = greenlets.seen_here


def _hook_gevent(patches: Patches, _: Handover, module: Any) -> None:
    original = module.Hub.__init__

    @functools.wraps(original)
    def init(hub: Any, *args: Any, **kwargs: Any) -> None:
        # A thread's hub comes before its first switch; spans may have been opened elsewhere.
        original(hub, *args, **kwargs)
        if not patches.undone and watched.greenlets is not None:
            watched.greenlets()

    patches.apply(module.Hub, "__init__", init)


class _Steps:
    """An instrument of trio. It is told before and after each step of a task, on the thread of the run."""

    def __init__(self, handover: Handover, runs: threading.local, fault: Callable[[str], None]) -> None:
        self._handover = handover
        self._runs = runs
        self._fault = fault

    def before_run(self) -> None:
        self._runs.seen = True
        self._runs.outer = None

    def after_run(self) -> None:
        self._runs.seen = False

    def before_task_step(self, task: Any) -> None:
        self._runs.outer = owner_here()
        try:
            self._handover.switch_to(task.context)
        except Exception:  # raised here trio would do without the instrument from then on
            self._fault("step of trio")

    def after_task_step(self, task: Any) -> None:
        switch(self._runs.outer)
        self._runs.outer = None


def _hook_trio(patches: Patches, handover: Handover, module: Any, fault: Callable[[str], None]) -> None:
    runs = threading.local()
    steps = _Steps(handover, runs, fault)

    def instrumented(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def run(*args: Any, instruments: Any = (), **kwargs: Any) -> Any:
            return original(*args, instruments=(*instruments, steps), **kwargs)

        return run

    patches.apply(module, "run", instrumented(module.run))
    patches.apply(module.lowlevel, "start_guest_run", instrumented(module.lowlevel.start_guest_run))
    patches.apply(module.to_thread, "run_sync", _to_thread_hook(module.to_thread.run_sync, handover.run_here))
    watched.trio = lambda: getattr(runs, "seen", False)


_LOOPS: dict[str, Callable[[Patches, Handover, Any], None]] = {"uvloop": _hook_uvloop, "anyio.to_thread": _hook_anyio}
_GREENLETS: dict[str, Callable[[Patches, Handover, Any], None]] = {"greenlet": _hook_greenlet, "gevent.hub": _hook_gevent}
