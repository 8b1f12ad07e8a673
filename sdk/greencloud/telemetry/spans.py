"""Spans to rows: for what an account used its share.

A span that carries ``greencloud.cpu.time`` (the plugin's self time) is weighed by it. Any other is weighed by its **self wall
time**: its duration less the union of its children's intervals in the same process (same account, service and
``service.instance.id``), flagged ``estimated``. Children in other processes take nothing off, since a caller that waits for them
is told apart from one that works only by CPU time. Amounts accrue evenly over the span and are cut at window boundaries; the
operation is counted in the window in which it starts. A value that is negative, no integer, or beyond what 4096 CPUs could do in
the span's time is refused, and the span falls back to its wall time.

**Who an internal service worked for.** Its spans take the account named by ``greencloud.caller.account`` (set by a trusted
edge), else that of the nearest ancestor that is not internal, over all accounts' spans. An id that an internal account has is
that account's, whoever else claims it: the provider's word holds. One that several tenants claim decides nothing, or anyone who
copied an id could move use onto another. For accounts that are not internal the caller is
always "": nothing that others send touches their rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from greencloud.facility import Facility
from greencloud.telemetry import semconv
from greencloud.telemetry.admission import account_fault
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.otlp import Span
from greencloud.telemetry.place import Places, clipped
from greencloud.telemetry.split import Interval, split, union
from greencloud.telemetry.tally import RowKey, Tally

__all__ = ["OwnedSpan", "Process", "add_spans"]

MAX_CPUS: Final = 4096
_MAX_BYTES_PER_NS: Final = 1 << 16  # 64 TiB held, or 65 TB/s moved: beyond any one process
_CLOCK_NS: Final = 1_000  # a span shorter than its clock's step has used something all the same

_QUALITIES: Final = {"exact": "exact", "thread": "measured", "none": "estimated"}


class OwnedSpan(NamedTuple):
    account: str
    span: Span


class Process(NamedTuple):
    """One running copy of a service."""

    account: str
    service: str
    instance: str


class _SpanId(NamedTuple):
    trace_id: bytes
    span_id: bytes


@dataclass(frozen=True, slots=True)
class _Use:
    quality: str
    amounts: dict[str, int]


def add_spans(
    owned: Iterable[OwnedSpan], facility: Facility, places: Places, tally: Tally, dead: DeadLetters
) -> set[tuple[Process, int]]:
    """Add the rows of distinct spans; gives the processes and windows in which spans account for CPU."""
    spans = list(owned)
    children = _children(spans, places)
    callers = _Callers(spans, facility)
    told: set[tuple[Process, int]] = set()
    for account, span in spans:
        place = places.of(span.resource)
        if not place.site:
            dead.add("no site", f"account {account}, service {place.service}: no known host and the book has no default site")
            continue
        process = Process(account, place.service, place.instance)
        use = _use(account, span, children.get((process, span.trace_id, span.span_id), []), dead)
        caller = callers.of(account, span, dead)
        operation = clipped(span.name)
        if operation != span.name:
            dead.add("an operation's name cut to 256 characters", f"account {account}: {operation[:64]}")

        start = span.start_ns // tally.window_ns
        key = RowKey.of(start, place, account, source="tenant", quality=use.quality, operation=operation, caller=caller)
        tally.add(key, "count", 1)
        for measure, amount in use.amounts.items():
            for window, part in split(amount, span.start_ns, span.end_ns, tally.window_ns):
                if part:
                    tally.add(key._replace(window=window), measure, part)
                    if measure == "cpu_ns":
                        told.add((process, window))
    return told


def _children(spans: list[OwnedSpan], places: Places) -> dict[tuple[Process, bytes, bytes], list[Interval]]:
    found: dict[tuple[Process, bytes, bytes], list[Interval]] = {}
    for account, span in spans:
        if span.parent_id:
            place = places.of(span.resource)
            key = (Process(account, place.service, place.instance), span.trace_id, span.parent_id)
            found.setdefault(key, []).append((span.start_ns, span.end_ns))
    return found


def _use(account: str, span: Span, children: list[Interval], dead: DeadLetters) -> _Use:
    duration = max(span.end_ns - span.start_ns, _CLOCK_NS)
    limits = {
        "cpu_ns": (semconv.CPU_TIME, duration * MAX_CPUS),
        "memory_byte_s": (semconv.MEMORY_BYTE_SECONDS, duration * _MAX_BYTES_PER_NS),
        "disk_bytes": (semconv.IO_BYTES, duration * _MAX_BYTES_PER_NS),
        "gpu_ns": (semconv.GPU_TIME, duration * MAX_CPUS),
    }
    amounts: dict[str, int] = {}
    for measure, (name, limit) in limits.items():
        value = span.attributes.get(name)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit:
            amounts[measure] = value
        else:
            dead.add(f"{name} is negative, no integer, or more than the span's time allows", _named(account, span))
    if "cpu_ns" in amounts:
        word = span.attributes.get(semconv.QUALITY, "exact")
        return _Use(_QUALITIES.get(word, "estimated") if isinstance(word, str) else "estimated", amounts)
    return _Use("estimated", {**amounts, "cpu_ns": _self_wall(span, children)})


def _self_wall(span: Span, children: list[Interval]) -> int:
    inside = union((max(start, span.start_ns), min(end, span.end_ns)) for start, end in children)
    return span.end_ns - span.start_ns - sum(end - start for start, end in inside)


class _Callers:
    """Answers for whom an internal account's span worked."""

    def __init__(self, spans: list[OwnedSpan], facility: Facility) -> None:
        self._facility = facility
        self._claims: dict[_SpanId, set[str]] = {}
        self._parents: dict[tuple[str, _SpanId], _SpanId] = {}
        self._known: dict[_SpanId, str] = {}
        if any(facility.is_internal(account) for account in {account for account, _ in spans}):
            for account, span in spans:
                own = _SpanId(span.trace_id, span.span_id)
                self._claims.setdefault(own, set()).add(account)
                if span.parent_id:
                    self._parents[account, own] = _SpanId(span.trace_id, span.parent_id)

    def of(self, account: str, span: Span, dead: DeadLetters) -> str:
        if not self._facility.is_internal(account):
            return ""
        named = span.attributes.get(semconv.CALLER_ACCOUNT)
        if isinstance(named, str) and named:
            if not account_fault(named):
                return named
            dead.add(f"{semconv.CALLER_ACCOUNT} is not an account id", _named(account, span))
        return self._ancestor(_SpanId(span.trace_id, span.parent_id)) if span.parent_id else ""

    def _ancestor(self, at: _SpanId | None) -> str:
        path: list[_SpanId] = []
        walked: set[_SpanId] = set()
        answer = ""
        while at is not None and at not in walked:
            if at in self._known:
                answer = self._known[at]
                break
            path.append(at)
            walked.add(at)
            claims = self._claims.get(at, set())
            claims = {account for account in claims if self._facility.is_internal(account)} or claims
            if len(claims) != 1:
                break
            (account,) = claims
            if not self._facility.is_internal(account):
                answer = account
                break
            at = self._parents.get((account, at))
        for step in path:
            self._known[step] = answer
        return answer


def _named(account: str, span: Span) -> str:
    return f"account {account}, span {span.span_id.hex()}"
