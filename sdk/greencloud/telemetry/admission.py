"""Admission: which items of an export request are kept, decided before it is logged and acknowledged.

Whatever is not in the rejected count is ours for good, because a client must not send it again. So an item is rejected only
where it can never mean anything: a span without ids or with impossible times, a number that is none. What is merely odd is
kept, with a warning (``rejected`` 0 and a message, as the protocol has it). The judgements here hold again when the log is
read, since a log may hold what an older version let in.

What a tenant sends live is of about now. A clock that is years off would open a window, with a batch of its own in the ledger,
for every hour that it passes over, at everybody's cost. So with ``now_ns`` a tenant's items of other times are rejected; the
provider's, and what an operator takes in from files, may be of any.

Names of services and operations are kept as sent; ``collect`` cuts them to 256 characters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from greencloud.errors import DecodeError
from greencloud.facility import ACCOUNT_ID
from greencloud.telemetry import semconv
from greencloud.telemetry.otlp import Point, Resource, Span, sift_points, sift_spans
from greencloud.telemetry.record import ROLES, SIGNALS

__all__ = [
    "EARLY_NS",
    "LATE_NS",
    "MAX_MESSAGE_BYTES",
    "MAX_SPAN_NS",
    "Admission",
    "account_fault",
    "admit",
    "point_fault",
    "span_fault",
]

MAX_MESSAGE_BYTES: Final = 1024
MAX_SPAN_NS: Final = 7 * 86_400 * 10**9
"""The longest span: one that claims years would make a row for every hour of them."""

LATE_NS: Final = 7 * 86_400 * 10**9
"""How long after its end a tenant's item is taken: an outage over a long weekend is."""

EARLY_NS: Final = 86_400 * 10**9
"""How far ahead a tenant's clock may be: it was set to local time."""

_EARLIEST_NS: Final = 946_684_800 * 10**9  # 2000-01-01: before it a clock was not set
_LATEST_NS: Final = 7_258_118_400 * 10**9  # 2200-01-01


@dataclass(frozen=True, slots=True)
class Admission:
    """What to log and what to answer. ``rejected`` spans or points are not in ``payload``; ``message`` may warn of 0 rejected."""

    payload: bytes
    rejected: int = 0
    message: str = ""


@dataclass(slots=True)
class _Tally:
    """Faults with their counts and first examples, in the order in which they were met."""

    kind: str
    seen: int = 0
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    unnamed: int = 0

    def judge(self, fault: str, example: str) -> bool:
        self.seen += 1
        if fault:
            count, first = self.faults.get(fault, (0, example))
            self.faults[fault] = (count + 1, first)
        return not fault

    @property
    def rejected(self) -> int:
        return sum(count for count, _ in self.faults.values())

    def message(self) -> str:
        parts = []
        if self.faults:
            reasons = "; ".join(f"{count}: {fault} (first: {first})" for fault, (count, first) in self.faults.items())
            parts.append(f"rejected {self.rejected} of {self.seen} {self.kind}. {reasons}.")
        if self.unnamed:
            parts.append(
                f"{self.unnamed} {self.kind} come from a resource without service.name and are counted under the service "
                f"{semconv.UNKNOWN_SERVICE!r}; set OTEL_SERVICE_NAME."
            )
        return _at_most(" ".join(parts), MAX_MESSAGE_BYTES)


def admit(signal: str, payload: bytes, *, role: str, account: str, now_ns: int | None = None) -> Admission:
    """Judge a request of a caller whose ``role`` and ``account`` its credential gave, and which came at ``now_ns`` if it is live.

    Raises:
        DecodeError: the bytes are not an OTLP export request of that signal, or a tenant has no account.
    """
    if signal not in SIGNALS or role not in ROLES:
        raise DecodeError(f"nothing is admitted for signal {signal!r} and role {role!r}")
    if role == "tenant" and account_fault(account):
        raise DecodeError(f"a tenant's telemetry needs an account: {account_fault(account)}", advice="issue another token")
    live_ns = now_ns if role == "tenant" else None
    if signal == "traces":
        tally = _Tally("spans")

        def keep_span(span: Span) -> bool:
            fault = span_fault(span) or _owner_fault(span.resource, role) or _time_fault(span.end_ns, live_ns)
            kept = tally.judge(fault, f"span {span.span_id.hex()[:32]}")
            tally.unnamed += kept and role == "tenant" and not span.resource.text(semconv.SERVICE_NAME)
            return kept

        kept = sift_spans(payload, keep_span)
    else:
        tally = _Tally("data points")

        def keep_point(point: Point) -> bool:
            return tally.judge(point_fault(point) or _time_fault(point.time_ns, live_ns), f"metric {_shown(point.metric)}")

        kept = sift_points(payload, keep_point)
    return Admission(kept, tally.rejected, tally.message())


def span_fault(span: Span) -> str:
    """Why a span cannot be counted; "" when it can."""
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return "trace_id is not 16 bytes with one that is not zero"
    if len(span.span_id) != 8 or not any(span.span_id):
        return "span_id is not 8 bytes with one that is not zero"
    if span.start_ns == 0:
        return "no start time"
    if not (_EARLIEST_NS <= span.start_ns < _LATEST_NS and span.end_ns < _LATEST_NS):
        return "a time is before 2000 or after 2199"
    if span.end_ns < span.start_ns:
        return "the end is before the start, a negative duration"
    if span.end_ns - span.start_ns > MAX_SPAN_NS:
        return f"it lasts longer than {MAX_SPAN_NS // (86_400 * 10**9)} days"
    return ""


def point_fault(point: Point) -> str:
    """Why a number point cannot be counted; "" when it can."""
    if point.value is None:
        return "no value"
    if not math.isfinite(point.value):
        return "the value is NaN or infinite"
    if point.monotonic and point.value < 0:
        return "a monotonic sum is negative"
    if point.time_ns == 0:
        return "no time"
    if not _EARLIEST_NS <= point.time_ns < _LATEST_NS:
        return "the time is before 2000 or after 2199"
    return ""


def account_fault(account: str) -> str:
    """Why a text is no account id; "" when it is one."""
    if not account:
        return f"no {semconv.ACCOUNT_ID}"
    if not ACCOUNT_ID.fullmatch(account):
        return f"{semconv.ACCOUNT_ID} is not an account id (letters, digits and ._@:/- up to 128)"
    return ""


def _owner_fault(resource: Resource, role: str) -> str:
    return account_fault(resource.text(semconv.ACCOUNT_ID)) if role == "provider" else ""


def _time_fault(time_ns: int, now_ns: int | None) -> str:
    if now_ns is None or now_ns - LATE_NS <= time_ns <= now_ns + EARLY_NS:
        return ""
    return "it is more than 7 days old, or more than a day ahead; check the sender's clock, or ask the provider to take a file"


def _shown(name: str) -> str:
    return repr(name[:64])


def _at_most(text: str, size: int) -> str:
    data = text.encode()
    return text if len(data) <= size else data[: size - 4].decode(errors="ignore") + " …"
