"""For whom a service works: ``greencloud.caller.account``, named at edges that can be trusted, carried on in W3C baggage.

Who pays for an internal service follows from who called it. Anybody can write a baggage header, so what arrives is worth as much
as the least trusted sender that can reach the service. Each service has one of these stances:

==========  =====================================================================================
``strip``   the entry is removed where it arrives; the default
``edge``    removed as well, and named anew from what the service itself knows: one account for
            all, a function of the request, or ``set_caller_account`` after authentication
``trust``   believed. For services that nobody but edges and services behind them can reach
``off``     not looked at
==========  =====================================================================================

Under ``edge`` and ``trust`` every recording span gets the account as an attribute at its end, and calls to others carry it. An
entry that the service's own code puts into the baggage counts for the spans started under it, before that of the local root.

An entry counts as having arrived when it is in the context after a propagator has extracted and was not before.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import create_key, get_current, get_value, set_value
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import get_current_span

from greencloud_otel._complaint import complain
from greencloud_otel._local_root import place_of
from greencloud_otel._semconv import CALLER_ACCOUNT
from greencloud_otel.environment_variables import (
    OTEL_PYTHON_GREENCLOUD_CALLER,
    OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT,
    OTEL_PYTHON_GREENCLOUD_CALLER_HOOK,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from greencloud_otel._local_root import Place
    from greencloud_otel._patches import Patches

__all__ = ["CallerHook", "Callers", "Stance", "set_caller_account", "stance_of", "watch_baggage"]

CallerHook = Callable[[Mapping[str, object], str], "str | None"]
"""``hook(attributes, claimed)``: the account of a request, from the attributes that its span starts with; None where it is not
known. ``claimed`` is what the request says itself, "" if nothing. Attributes that the sender can choose (a Host header, a path) are
claims as well: only what something else vouches for may be returned."""

ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}")
"""What a server takes for an account id."""

_CLAIMED: Final = create_key("greencloud-claimed-caller")
_MODES: Final = ("strip", "edge", "trust", "off")


@dataclass(frozen=True, slots=True)
class Stance:
    """How a service stands to what arrives. ``account`` and ``hook`` are an edge's."""

    mode: str = "strip"
    account: str = ""
    hook: CallerHook | None = None

    @property
    def names_callers(self) -> bool:
        return self.mode in {"edge", "trust"}

    def admit(self, before: Context, after: Context) -> Context:
        """``after`` extraction, with what may stay of an entry that was not there ``before``."""
        claimed = baggage.get_baggage(CALLER_ACCOUNT, after)
        if claimed is not None and claimed is not baggage.get_baggage(CALLER_ACCOUNT, before):
            if self.mode == "trust" and _is_account(claimed):
                return after
            after = baggage.remove_baggage(CALLER_ACCOUNT, after)
            if self.hook is not None:
                after = set_value(_CLAIMED, claimed, after)
        return after


def stance_of(environment: Mapping[str, str] = os.environ, hook: CallerHook | None = None) -> Stance:
    """The stance that the variables give; ``hook`` goes before theirs. What cannot be understood is told, and strips."""

    def text(name: str) -> str:
        return environment.get(name, "").strip()

    account, path = text(OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT), text(OTEL_PYTHON_GREENCLOUD_CALLER_HOOK)
    if account and not _is_account(account):
        complain("%s is not an account id: no caller is named.", OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT)
        account = ""
    if hook is None and path:
        hook = _HookByName(path)
    mode = text(OTEL_PYTHON_GREENCLOUD_CALLER).lower() or ("edge" if account or hook else "strip")
    if mode not in _MODES:
        complain("%s is none of %s: taken as strip.", OTEL_PYTHON_GREENCLOUD_CALLER, ", ".join(_MODES))
        mode = "strip"
    if mode != "edge" and (account or hook):
        complain("%s=%s goes without account and hook, which are an edge's.", OTEL_PYTHON_GREENCLOUD_CALLER, mode)
        account, hook = "", None
    return Stance(mode, account, hook)


def set_caller_account(account: str) -> bool:
    """Names the account that the request at hand is done for, once the application knows it: after authentication.

    It holds for the spans of the request in this process that have not ended yet, and for calls to others from here on. For one
    part of a request (a message of a batch) use ``opentelemetry.baggage.set_baggage("greencloud.caller.account", ...)`` instead.

    Returns whether it was taken: False without a recording span, without an edge's or trusting stance, or if ``account`` is no
    account id. Never raises.
    """
    place = place_of(get_current_span())
    if place is None or not _is_account(account):
        return False
    place.root.account = account
    return True


class Callers:
    """Names on each span whom it is done for."""

    def __init__(self, stance: Stance) -> None:
        self._stance = stance

    def started(self, span: Span, place: Place, context: Context) -> None:
        entry = _account_or_nothing(baggage.get_baggage(CALLER_ACCOUNT, context))
        if place.first:
            place.root.entry = entry
            place.root.account = self._arriving(span, context) or entry
        elif entry:
            # Of the same value as at the arrival it is what the whole request has, which may have been named better since.
            place.account = "" if entry == place.root.entry else entry

    def _arriving(self, span: Span, context: Context) -> str:
        if self._stance.account or self._stance.hook is None:
            return self._stance.account
        claimed = get_value(_CLAIMED, context)
        try:
            account = self._stance.hook(span.attributes or {}, claimed if isinstance(claimed, str) else "")
        except Exception as error:
            complain("The hook for caller accounts failed: the caller is not known.", error=error)
            return ""
        return _checked(account)

    def ending(self, span: Span, place: Place) -> None:
        account = place.account or place.root.account
        # What the application says of a span by its own attribute is the narrower word.
        if account and CALLER_ACCOUNT not in (span.attributes or {}):
            span.set_attribute(CALLER_ACCOUNT, account)

    def outgoing(self, context: Context) -> Context:
        """``context`` with the entry that calls made under it carry."""
        entry = baggage.get_baggage(CALLER_ACCOUNT, context)
        place = place_of(get_current_span(context))
        if entry is not None and (place is None or entry != place.root.entry):
            return context  # believed, or put there by the service's own code
        # Without a recording span all that is known is what holds for the whole service.
        account = self._stance.account if place is None else place.account or place.root.account
        return baggage.set_baggage(CALLER_ACCOUNT, account, context) if account and account != entry else context


def watch_baggage(patches: Patches, stance: Stance, callers: Callers | None) -> None:
    """Puts the hooks into the propagators. Of those that carry baggage in other headers than W3C's, the ones that are used
    through ``CompositePropagator`` are seen, as all are that ``OTEL_PROPAGATORS`` names."""
    if stance.mode == "off":
        return
    for propagator in (W3CBaggagePropagator, CompositePropagator):
        patches.apply(propagator, "extract", _extract_hook(propagator.extract, stance))
    if callers is not None:
        patches.apply(W3CBaggagePropagator, "inject", _inject_hook(W3CBaggagePropagator.inject, callers))


def _extract_hook(original: Callable[..., Context], stance: Stance) -> Callable[..., Context]:
    @functools.wraps(original)
    def extract(propagator: Any, carrier: Any, context: Context | None = None, *args: Any, **kwargs: Any) -> Context:
        before = get_current() if context is None else context
        after = original(propagator, carrier, context, *args, **kwargs)
        try:
            return stance.admit(before, after)
        except Exception as error:
            complain("Baggage that arrived could not be looked at: it was dropped whole.", error=error)
            return baggage.clear(after)

    return extract


def _inject_hook(original: Callable[..., None], callers: Callers) -> Callable[..., None]:
    @functools.wraps(original)
    def inject(propagator: Any, carrier: Any, context: Context | None = None, *args: Any, **kwargs: Any) -> None:
        try:
            context = callers.outgoing(get_current() if context is None else context)
        except Exception as error:
            complain("A call went out without the caller's account.", error=error)
        original(propagator, carrier, context, *args, **kwargs)

    return inject


class _HookByName:
    """A hook that is imported when the first request arrives: the application's modules are not there yet at the start."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._hook: CallerHook | None = None

    def __call__(self, attributes: Mapping[str, object], claimed: str) -> str | None:
        if self._hook is None:
            module, _, name = self.path.partition(":")
            self._hook = getattr(importlib.import_module(module), name)
        return self._hook(attributes, claimed)

    def __repr__(self) -> str:
        return self.path


def _is_account(value: object) -> bool:
    return isinstance(value, str) and ACCOUNT.fullmatch(value) is not None


def _account_or_nothing(value: object) -> str:
    return value if isinstance(value, str) and _is_account(value) else ""


def _checked(account: object) -> str:
    found = _account_or_nothing(account)
    if not found and account:
        complain("The hook for caller accounts gave something that is not an account id.")
    return found
