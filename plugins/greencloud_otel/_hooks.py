"""The places where the running context changes, and the hand-over of the thread's clock at each.

==============================  ==========================================================================
a span becomes current or not   ``attach`` and ``detach`` of OpenTelemetry's runtime context
the loop runs a callback        ``asyncio.Handle._run``: hand over to the span of the callback's own context
an eager task's first step      ``BaseEventLoop.create_task`` (3.12+): it runs inside of the call
work under a copied context     ``ThreadPoolExecutor.submit``: ``asyncio.to_thread`` and the like; anyio has threads of
                                its own, so ``anyio.to_thread.run_sync`` too, once somebody imports it
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
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any, Final

import opentelemetry.context as context_api
from opentelemetry.context.context import _RuntimeContext
from opentelemetry.sdk.trace import Span
from wrapt import register_post_import_hook

from greencloud_otel import _quality
from greencloud_otel._owner import owner_here, restart_in_child, switch
from greencloud_otel._patches import Patches
from greencloud_otel._spans import close_span, tally_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

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


class MeteredContext(_RuntimeContext):
    """Delegates to the runtime context that was there, and hands the clock over when the current span changes."""

    def __init__(self, inner: _RuntimeContext) -> None:
        self._inner = inner
        # The most frequent call of the API; nothing changes in it, so nothing may be added to it.
        self.__dict__["get_current"] = inner.get_current

    def attach(self, context: context_api.Context) -> Token[context_api.Context]:
        token = self._inner.attach(context)
        try:
            switch(tally_of(context))
        except Exception:
            fault("attach")
        return token

    def get_current(self) -> context_api.Context:
        return self._inner.get_current()

    def detach(self, token: Token[context_api.Context]) -> None:
        # A token of another context raises here: nothing has changed then, and the owner stays.
        self._inner.detach(token)
        try:
            switch(tally_of(self._inner.get_current()))
        except Exception:
            fault("detach")

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # not set yet: do not look for it in itself
            raise AttributeError(name)
        return getattr(self._inner, name)


def install() -> Patches:
    """Puts all hooks in place, or none of them."""
    patches = Patches()
    try:
        runtime = context_api._RUNTIME_CONTEXT
        current = getattr(runtime, "_current_context", None)
        patches.apply(Span, "end", _end_hook(Span.end))
        if isinstance(current, ContextVar):
            patches.apply(asyncio.Handle, "_run", _handle_hook(asyncio.Handle._run, current))
            if sys.version_info >= (3, 12):
                patches.apply(asyncio.BaseEventLoop, "create_task", _create_task_hook(asyncio.BaseEventLoop.create_task, current))
            patches.apply(ThreadPoolExecutor, "submit", _submit_hook(ThreadPoolExecutor.submit, current))
        # A runtime context of another kind cannot be looked into from outside: loops go unwatched, and spans in them say so.
        _quality.watch_loops(isinstance(current, ContextVar))
        patches.apply(context_api, "_RUNTIME_CONTEXT", MeteredContext(runtime))
        register_post_import_hook(functools.partial(_hook_anyio, patches), "anyio.to_thread")
    except Exception:
        patches.undo()
        raise
    return patches


def _end_hook(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def end(span: Span, *args: Any, **kwargs: Any) -> None:
        try:
            close_span(span)
        except Exception:
            fault("Span.end")
        original(span, *args, **kwargs)

    return end


def _handle_hook(original: Callable[[Any], None], current: ContextVar[Any]) -> Callable[[Any], None]:
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


def _create_task_hook(original: Callable[..., Any], current: ContextVar[Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_task(loop: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(loop, "_task_factory", None) is None and not kwargs.get("eager_start"):
            return original(loop, *args, **kwargs)
        outer = owner_here()
        try:
            context = kwargs.get("context")
            if context is not None:
                switch(tally_of(context.get(current)))
        except Exception:
            fault("create_task")
        try:
            return original(loop, *args, **kwargs)
        finally:
            switch(outer)

    return create_task


def _submit_hook(original: Callable[..., Any], current: ContextVar[Any]) -> Callable[..., Any]:
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
        return original(pool, _run_under, context, current, fn, *args, **kwargs)

    return submit


def _run_under(context: Context, current: ContextVar[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    outer = owner_here()
    try:
        switch(tally_of(context.get(current)))
    except Exception:
        fault("work in a thread pool")
    try:
        return fn(*args, **kwargs)
    finally:
        switch(outer)


def _hook_anyio(patches: Patches, module: Any) -> None:
    if patches.undone:
        return
    try:
        patches.apply(module, "run_sync", _run_sync_hook(module.run_sync))
    except Exception:  # raised here it would break the application's import
        fault("import of anyio.to_thread")


def _run_sync_hook(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run_sync(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(_run_here, func, *args, **kwargs)

    return run_sync


def _run_here(fn: Callable[..., Any], /, *args: Any) -> Any:
    """``fn(*args)``, charged to the span of the context that this is called in."""
    outer = owner_here()
    try:
        switch(tally_of(context_api.get_current()))
    except Exception:
        fault("work in a thread of anyio")
    try:
        return fn(*args)
    finally:
        switch(outer)


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
