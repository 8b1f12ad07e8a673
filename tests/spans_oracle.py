"""What spans mean, once more and slowly: plain Python, one rule after the other, no index, no shared state.

The rules are those of ``greencloud.telemetry.spans``; the kernel must give the same rows and dead letters for every input.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.facility import Facility
from greencloud.telemetry import otlp, semconv
from greencloud.telemetry.admission import SPAN_FAULTS, account_fault
from greencloud.telemetry.otlp import Attributes, Resource
from greencloud.telemetry.place import Owner, Place, Places, Process, clipped
from greencloud.telemetry.split import split, union

HOUR = 3600 * 10**9
MEASURES = {
    "cpu_ns": (semconv.CPU_TIME, 4096),
    "memory_byte_s": (semconv.MEMORY_BYTE_SECONDS, 1 << 16),
    "disk_bytes": (semconv.IO_BYTES, 1 << 16),
    "gpu_ns": (semconv.GPU_TIME, 4096),
}


@dataclass(frozen=True)
class Span:
    """As protobuf reads it."""

    resource: Resource
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes


def _attributes(pairs: Any) -> Attributes:
    found: Attributes = {}
    for pair in islice(pairs, 128):
        kind = pair.value.WhichOneof("value")
        if kind in {"string_value", "int_value", "double_value", "bool_value", "bytes_value"}:
            found[pair.key] = getattr(pair.value, kind)
    return found


def _resource(group: Any) -> Resource:
    attributes = _attributes(group.resource.attributes)
    return Resource(attributes, otlp.identity(attributes))


def _span(resource: Resource, message: Any) -> Span:
    return Span(
        resource,
        message.trace_id,
        message.span_id,
        message.parent_span_id,
        message.name,
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        _attributes(message.attributes),
    )


def span_fault(span: Span) -> str:
    """Why a span cannot be counted, whenever it came; "" when it can."""
    code = 0
    if len(span.trace_id) != 16 or not any(span.trace_id):
        code = 1
    elif len(span.span_id) != 8 or not any(span.span_id):
        code = 2
    elif span.start_ns == 0:
        code = 3
    elif not 946_684_800 * 10**9 <= span.start_ns < 7_258_118_400 * 10**9 or span.end_ns >= 7_258_118_400 * 10**9:
        code = 4
    elif span.end_ns < span.start_ns:
        code = 5
    elif span.end_ns - span.start_ns > 7 * 86_400 * 10**9:
        code = 6
    return SPAN_FAULTS[code] if code else ""


class Identity(NamedTuple):
    account: str
    trace_id: bytes
    span_id: bytes
    start_ns: int


@dataclass(frozen=True)
class Copy:
    """A span as it came."""

    account: str
    span: Span
    remote: bool

    @property
    def identity(self) -> Identity:
        return Identity(self.account, self.span.trace_id, self.span.span_id, self.span.start_ns)

    @property
    def named_caller(self) -> str:
        value = self.span.attributes.get(semconv.CALLER_ACCOUNT, "")
        return value if isinstance(value, str) else ""

    def content(self) -> tuple[object, ...]:
        """All that is used of it, in the order in which copies are compared: the smallest holds."""
        span = self.span
        word = span.attributes.get(semconv.QUALITY)
        quality = 0 if word is None else {"exact": 1, "thread": 2, "none": 3}.get(word, 4) if isinstance(word, str) else 4
        marks, amounts = int(self.remote), []
        for k, (name, _) in enumerate(MEASURES.values()):
            value = span.attributes.get(name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            marks |= 0 if value is None else (2 if whole else 32) << k
            amounts.append(value if whole else 0)
        return (-span.end_ns, span.parent_id, span.name, span.resource.identity, self.named_caller, quality, marks, *amounts)

    def overlaps(self, first: int, until: int) -> bool:
        span = self.span
        return span.start_ns < until and (span.end_ns > first or span.start_ns == span.end_ns >= first)


RowKey = tuple[int, str, str, str, str, str, str, str, str, str]


@dataclass
class Found:
    """Rows: (window, site, host, account, service, sku, operation, labels, caller, quality) to sums by measure."""

    rows: dict[RowKey, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    notes: dict[str, set[tuple[object, ...]]] = field(default_factory=lambda: defaultdict(set))
    told: set[tuple[Process, int]] = field(default_factory=set)
    span_count: int = 0
    duplicate_count: int = 0

    def letters(self) -> dict[str, int]:
        return {reason: len(subjects) for reason, subjects in self.notes.items()}


def decoded(owner: Owner, payload: bytes) -> Iterable[Copy]:
    for group in ExportTraceServiceRequest.FromString(payload).resource_spans:
        resource = _resource(group)
        account = resource.text(semconv.ACCOUNT_ID) if owner.role == "provider" else owner.account
        for scope in group.scope_spans:
            for message in scope.spans:
                span = _span(resource, message)
                if len(span.parent_id) != 8 or not any(span.parent_id):
                    span = replace(span, parent_id=b"")
                yield Copy(account, span, message.flags & 0x300 == 0x300)


def weigh(
    sent: Iterable[tuple[Owner, bytes]],
    facility: Facility,
    *,
    first_ns: int = 0,
    until_ns: int = 2**64 - 1,
    most_rows: int = 2_000,
) -> Found:
    window_ns = facility.window_seconds * 10**9
    found = Found()
    places = Places(facility)

    def inside(window: int) -> bool:
        return first_ns <= window * window_ns < until_ns

    copies: dict[Identity, list[Copy]] = defaultdict(list)
    for owner, payload in sent:
        for copy in decoded(owner, payload):
            fault = span_fault(copy.span) or account_fault(copy.account)
            named = copy.span.resource.text(semconv.ACCOUNT_ID)
            if owner.role == "tenant" and named not in {"", owner.account} and inside(copy.span.start_ns // window_ns):
                found.notes["a tenant's resource names another account: ignored"].add((owner.account, named))
            if not fault:
                copies[copy.identity].append(copy)
            elif inside(copy.span.start_ns // window_ns):
                found.notes[f"a span cannot be counted: {fault}"].add(copy.identity)

    spans = {identity: min(group, key=Copy.content) for identity, group in copies.items()}
    for identity, group in copies.items():
        if inside(identity.start_ns // window_ns):
            found.span_count += 1
            found.duplicate_count += len(group) - 1
            if len({copy.content() for copy in group}) > 1:
                found.notes["copies of a span contradict each other"].add(identity)
            if any(other[:3] == identity[:3] and other.start_ns < identity.start_ns for other in copies):
                found.notes["ids used again with another start"].add(identity)

    for identity, copy in spans.items():
        span, place = copy.span, places.of(copy.span.resource)
        start = span.start_ns // window_ns
        if not place.site:
            if inside(start):
                found.notes["no site"].add((copy.account, place.service))
            continue
        process = Process(copy.account, place.service, place.instance)
        amounts = _given(copy, found if inside(start) else Found())
        if clipped(span.name) != span.name and inside(start):
            found.notes["an operation's name cut to 256 characters"].add(identity)
        if facility.is_internal(copy.account) and account_fault(copy.named_caller) and copy.named_caller and inside(start):
            found.notes["greencloud.caller.account is not an account id"].add(identity)
        parts = {measure: dict(split(amount, span.start_ns, span.end_ns, window_ns)) for measure, amount in amounts.items()}
        quality = "estimated"
        if "cpu_ns" in amounts:
            word = span.attributes.get(semconv.QUALITY, "exact")
            quality = {"exact": "exact", "thread": "measured"}.get(word, "estimated") if isinstance(word, str) else "estimated"
        else:
            children = [
                (child.span.start_ns, child.span.end_ns)
                for child in spans.values()
                if child.span.trace_id == span.trace_id
                and child.span.parent_id == span.span_id
                and not child.remote
                and _process(child, places.of(child.span.resource)) == process
            ]
            parts["cpu_ns"] = {
                window: _alone(span, children, window * window_ns, (window + 1) * window_ns)
                for window, _ in split(0, span.start_ns, span.end_ns, window_ns)
            }
        for window in sorted({start, *(window for part in parts.values() for window in part)}):
            if not inside(window):
                continue
            caller = _caller(copy, window * window_ns // HOUR * HOUR, spans.values(), facility)
            key = (
                window,
                place.site,
                place.host,
                copy.account,
                place.service,
                place.sku,
                clipped(span.name),
                place.labels,
                caller,
                quality,
            )
            row = found.rows[key]
            row["count"] += window == start
            for measure, part in parts.items():
                row[measure] += part.get(window, 0)
            if parts["cpu_ns"].get(window, 0) > 0:
                found.told.add((process, window))
    _fold(found, most_rows)
    found.rows = {key: dict(sums) for key, sums in found.rows.items() if any(sums.values())}
    return found


def _process(copy: Copy, place: Place) -> Process:
    return Process(copy.account, place.service, place.instance)


def _given(copy: Copy, found: Found) -> dict[str, int]:
    amounts = {}
    length = max(copy.span.end_ns - copy.span.start_ns, 1000)
    for measure, (name, most) in MEASURES.items():
        value = copy.span.attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= length * most:
            amounts[measure] = value
        elif value is not None:
            found.notes[f"{name} is negative, no integer, or more than the span's time allows"].add(copy.identity)
    return amounts


def _alone(span: Span, children: list[tuple[int, int]], first: int, until: int) -> int:
    """The span's time in a window less what its children cover of it."""
    low, high = max(span.start_ns, first), min(span.end_ns, until)
    if high <= low:
        return 0
    return high - low - sum(end - start for start, end in union((max(a, low), min(b, high)) for a, b in children))


def _caller(copy: Copy, hour: int, spans: Iterable[Copy], facility: Facility) -> str:
    """For whom an internal account's span worked in an hour."""
    if not facility.is_internal(copy.account):
        return ""
    if copy.named_caller and not account_fault(copy.named_caller):
        return copy.named_caller
    near = [other for other in spans if other.span.trace_id == copy.span.trace_id and other.overlaps(hour - HOUR, hour + HOUR)]
    at, walked = copy.span.parent_id, {b""}
    while at not in walked:
        walked.add(at)
        holders = [other for other in near if other.span.span_id == at]
        inner = [other for other in holders if facility.is_internal(other.account)]
        claims = {other.account for other in inner or holders}
        if len(claims) != 1:
            return ""
        if not inner:
            return claims.pop()
        at = min(inner, key=lambda other: other.span.start_ns).span.parent_id
    return ""


def _fold(found: Found, most: int) -> None:
    """What is too much of an account on a host in a window goes to other operations, then to other services."""
    for again in (False, True):
        crowds: dict[tuple[int, str, str, str], list[RowKey]] = defaultdict(list)
        for key, sums in found.rows.items():
            if any(sums.values()) and (not again or key[6] == "(other operations)"):
                crowds[key[:4]].append(key)
        for (_, site, host, account), keys in crowds.items():
            for key in sorted(sorted(keys), key=lambda key: -found.rows[key]["cpu_ns"])[most:]:
                window, _, _, _, service, sku, _, labels, caller, quality = key
                moved = found.rows.pop(key)
                if again:
                    service, sku, labels = "(other services)", "", "{}"
                into = (window, site, host, account, service, sku, "(other operations)", labels, caller, quality)
                for measure, amount in moved.items():
                    found.rows[into][measure] += amount
                found.notes["folded"].add((site, host, account))
