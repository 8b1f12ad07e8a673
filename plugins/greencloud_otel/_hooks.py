"""The places where the running context changes, and the hand-over of the thread's clock at each.

==============================  ==========================================================================
a span becomes current or not   ``attach`` and ``detach`` of OpenTelemetry's runtime context
the loop runs a callback        ``asyncio.Handle._run``: hand over to the span of the callback's own context
an eager task's first step      ``BaseEventLoop.create_task`` (3.12+): it runs inside of the call
work under a copied context     ``ThreadPoolExecutor.submit`` (``asyncio.to_thread`` and the like), ``Thread.run``
other schedulers                ``_schedulers``, once somebody imports one of them
a span ends                     ``Span.end``: the SDK freezes attributes before any processor sees the end
==============================  ==========================================================================

Afterwards each gives the clock back to the *outer* owner, which need not be the span of any context at hand.
The hooks are made once; no closure is made per callback, span or task. What goes wrong in them is reported once and
costs the span at hand its figure, never the application its call.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar
from types import BuiltinMethodType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import opentelemetry.context as context_api
from opentelemetry.context import contextvars_context
from opentelemetry.context.context import _RuntimeContext
from opentelemetry.sdk.trace import Span

from greencloud_otel import _quality, _schedulers
from greencloud_otel._owner import SLOT, Handover, end_hook, owner_here, restart_in_child, switch, tally_of
from greencloud_otel._patches import Patches
from greencloud_otel._spans import close_span

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install", "register_fork_hook"]

_log: Final = logging.getLogger("greencloud_otel")
_faults: Final[set[str]] = set()
_fork_hooks: Final[list[object]] = []


def fault(place: str) -> None:
    """Called from an ``except``: what was being charged cannot be told any more, so say so on the span and go on."""
    owner = owner_here()
    if owner is not None:
        owner.quality = _quality.NONE
        switch(None)
    if place not in _faults:
        _faults.add(place)
        _log.warning("CPU time of some spans is missing: %s failed. Reported once.", place, exc_info=True)


class MeteredContext(Handover, _RuntimeContext):
    """Stands for the runtime context that was there, and hands the clock over when the current span changes.

    The three most frequent calls of the API are the hand-over's own methods: no frame of ours is in between.
    """

    def __init__(
        self,
        attach: Callable[[Any], Any],
        detach: Callable[[Any], None],
        get_current: Callable[[], Any],
        current: ContextVar[Any] | None,
    ) -> None:
        super().__init__(attach, detach, get_current, current, fault)
        self.__dict__["get_current"] = get_current
        if current is not None:
            self._current_context = current  # where others, and this when it is put in place again, look for it


class DelegatingContext(MeteredContext):
    """The same for a runtime context that may have more to it. Looking for it makes every call of the API slower."""

    def __init__(self, inner: _RuntimeContext, current: ContextVar[Any] | None) -> None:
        super().__init__(inner.attach, inner.detach, inner.get_current, current)
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # not set yet: do not look for it in itself
            raise AttributeError(name)
        return getattr(self._inner, name)


def install() -> Patches:
    """Puts all hooks in place, or none of them."""
    patches = Patches()
    try:
        runtime = context_api._RUNTIME_CONTEXT
        variable = getattr(runtime, "_current_context", None)
        current: ContextVar[Any] | None = variable if isinstance(variable, ContextVar) else None
        handover: MeteredContext
        if current is not None and _is_stock(runtime):
            handover = MeteredContext(current.set, current.reset, current.get, current)
        else:
            handover = DelegatingContext(runtime, current)
        _quality.watched.forget()
        patches.apply(Span, SLOT, None)
        patches.apply(Span, "end", end_hook(Span.end, close_span, fault))
        watching = handover.watch()
        if watching:
            patches.afterwards(handover.unwatch)
            # Whatever the loop, it cannot run anything under another context unseen.
            _quality.watched.loops = (object,)
        elif current is not None:
            patches.apply(asyncio.Handle, "_run", handover.handle_hook(asyncio.Handle._run))
            if sys.version_info >= (3, 12):
                hook = _create_task_hook(asyncio.BaseEventLoop.create_task, handover)
                patches.apply(asyncio.BaseEventLoop, "create_task", hook)
            patches.apply(ThreadPoolExecutor, "submit", _submit_hook(ThreadPoolExecutor.submit, handover))
            patches.apply(threading.Thread, "run", _thread_hook(threading.Thread.run, handover))
            # A runtime context of another kind cannot be looked into from outside: loops go unwatched, and spans in them say so.
            _quality.watched.loops = (asyncio.BaseEventLoop,)
        patches.apply(context_api, "_RUNTIME_CONTEXT", handover)
        _schedulers.await_imports(patches, handover, fault, watching=watching)
    except Exception:
        patches.undo()
        raise
    return patches


def _is_stock(runtime: _RuntimeContext) -> bool:
    """Whether attaching is setting a variable and nothing else: neither a subclass nor somebody's patch is passed over."""
    kind = type(runtime)
    return kind is contextvars_context.ContextVarsRuntimeContext and all(
        isinstance(method := kind.__dict__.get(name), FunctionType) and method.__code__.co_filename == contextvars_context.__file__
        for name in ("attach", "detach", "get_current")
    )


def _create_task_hook(original: Callable[..., Any], handover: Handover) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_task(loop: Any, *args: Any, **kwargs: Any) -> Any:
        if loop.get_task_factory() is None and not kwargs.get("eager_start"):
            return original(loop, *args, **kwargs)
        outer = owner_here()
        try:
            context = kwargs.get("context")
            if context is not None:
                handover.switch_to(context)
        except Exception:
            fault("create_task")
        try:
            return original(loop, *args, **kwargs)
        finally:
            switch(outer)

    return create_task


def _submit_hook(original: Callable[..., Any], handover: Handover) -> Callable[..., Any]:
    @functools.wraps(original)
    def submit(pool: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        # A pool runs work under no context but the one that the work brings along.
        context = None
        try:
            context = _context_within(fn, args)
        except Exception:
            fault("ThreadPoolExecutor.submit")
        if context is None:
            return original(pool, fn, *args, **kwargs)
        return original(pool, handover.run_under, context, fn, *args, **kwargs)

    return submit


def _thread_hook(original: Callable[[threading.Thread], None], handover: Handover) -> Callable[[threading.Thread], None]:
    @functools.wraps(original)
    def run(thread: threading.Thread) -> None:
        context = None
        try:
            context = _context_within(getattr(thread, "_target", None), getattr(thread, "_args", ()))
        except Exception:
            fault("Thread.run")
        if context is None:
            handover.run_here(original, thread)  # from 3.14 on a thread may have a context from its start
        else:
            handover.run_under(context, original, thread)

    return run


def _context_within(fn: object, args: tuple[object, ...]) -> Context | None:
    """The context that ``fn(*args)`` will enter, if it is plain to see: ``context.run`` as the callable or handed to it,
    bare (``pool.submit(context.run, work)``) or in a partial (``asyncio.to_thread``, asgiref's ``sync_to_async``).
    """
    parts: tuple[object, ...] = (fn, *args)
    if isinstance(fn, functools.partial):
        parts = (fn.func, *fn.args, *args)
    for part in parts:
        if isinstance(part, BuiltinMethodType) and part.__name__ == "run" and isinstance(part.__self__, Context):
            return part.__self__
    return None


def register_fork_hook() -> None:
    """Makes a forked child begin anew. Such a hook cannot be taken back, so there is one for the life of the process."""
    if not _fork_hooks and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork_in_child)
        _fork_hooks.append(_after_fork_in_child)


def _after_fork_in_child() -> None:
    try:
        restart_in_child()
        # The child goes on under the context of its parent: from here on the span is charged for the child's work only.
        switch(tally_of(context_api.get_current()))
    except Exception:
        fault("fork")
