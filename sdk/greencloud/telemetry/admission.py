"""Admission: which items of an export request are kept, decided before it is logged and acknowledged.

Whatever is not in the rejected count is ours for good, because a client must not send it again. So an item is rejected only
where it can never mean anything: a span without ids or with impossible times, a number that is none. What is merely odd is
kept, with a warning (``rejected`` 0 and a message, as the protocol has it). The payload is logged as it came, rejected items and
all: they are judged again, equally, when the log is read, since all that a judgement needs is in the record.

What is sent live is of about now. A clock that is days ahead would open a window, with a batch of its own in the ledger, for
every hour that it passes over, at everybody's cost: a tenant's items of that kind are rejected. What is **late** beyond the
horizon is kept, in a dead-letter file with the reason, and not counted: hours so old may be settled. What an operator takes in
from files may be of any time.

Names of services and operations are kept as sent; rows cut them to 256 characters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from greencloud._otlp import Metrics, OtlpError, Traces
from greencloud.errors import DecodeError
from greencloud.facility import ACCOUNT_ID
from greencloud.telemetry import semconv
from greencloud.telemetry.otlp import resource_of
from greencloud.telemetry.record import ROLES, SIGNALS, Record

__all__ = [
    "EARLY_NS",
    "HORIZON_NS",
    "MAX_MESSAGE_BYTES",
    "POINT_FAULTS",
    "SPAN_FAULTS",
    "TOO_OLD",
    "Admission",
    "account_fault",
    "admit",
    "bounds_of",
    "decoded",
    "record_bounds",
]

MAX_MESSAGE_BYTES: Final = 1024

HORIZON_NS: Final = 7 * 86_400 * 10**9
"""How long after it began an item is counted: an outage over a long weekend is."""

EARLY_NS: Final = 86_400 * 10**9
"""How far ahead a tenant's clock may be: it was set to local time."""

TOO_OLD: Final = 7
_TIMES: Final = {TOO_OLD: "it began more than 7 days before it came", 8: "it is more than a day ahead; check the sender's clock"}

SPAN_FAULTS: Final = {
    1: "trace_id is not 16 bytes with one that is not zero",
    2: "span_id is not 8 bytes with one that is not zero",
    3: "no start time",
    4: "a time is before 2000 or after 2199",
    5: "the end is before the start, a negative duration",
    6: "it lasts longer than 7 days",
} | _TIMES
"""Why a span cannot be counted, by the code that the decoder gives."""

POINT_FAULTS: Final = {
    1: "no value",
    2: "the value is NaN or infinite",
    3: "a monotonic sum is negative",
    4: "no time",
    5: "the time is before 2000 or after 2199",
} | _TIMES

_SMALL_BYTES: Final = 4096
_ANY_TIME: Final = (1 << 64) - 1
_scratch = threading.local()


@dataclass(frozen=True, slots=True)
class Admission:
    """What to answer, and what the record says of the request.

    ``rejected`` of ``count`` items are not ours; ``late`` ones are, for a dead-letter file. ``message`` may warn of 0 rejected.
    The times of the others lie in ``[first_ns, last_ns]``; the first is after the last where there are none.
    """

    count: int = 0
    rejected: int = 0
    late: int = 0
    message: str = ""
    first_ns: int = 1
    last_ns: int = 0

    @property
    def kept(self) -> bool:
        """Whether there is anything to log."""
        return self.count > self.rejected


def admit(signal: str, payload: bytes, *, role: str, account: str, received_ns: int = 0, live: bool = False) -> Admission:
    """Judge a request of a caller whose ``role`` and ``account`` its credential gave.

    Raises:
        DecodeError: the bytes are not an OTLP export request of that signal (names byte and field), or a tenant has no account.
    """
    if signal not in SIGNALS or role not in ROLES:
        raise DecodeError(f"nothing is admitted for signal {signal!r} and role {role!r}")
    if role == "tenant" and account_fault(account):
        raise DecodeError(f"a tenant's telemetry needs an account: {account_fault(account)}", advice="issue another token")
    found = _scratch_of(signal)
    try:
        count = decoded(found, signal, payload, bounds_of(role, received_ns, live=live))
        return _judged(found, count, role)
    finally:
        found.clear()


def bounds_of(role: str, received_ns: int, *, live: bool) -> tuple[int, int]:
    """The earliest start and the latest end that an item may have."""
    if not live:
        return 0, _ANY_TIME
    return max(0, received_ns - HORIZON_NS), received_ns + EARLY_NS if role == "tenant" else _ANY_TIME


def decoded(found: Traces | Metrics, signal: str, payload: bytes, bounds: tuple[int, int], owner: int = 0) -> int:
    """Append a request to the columns; gives the number of its items.

    Raises:
        DecodeError: the bytes are not an export request of that signal.
    """
    try:
        return found.append(payload, owner, *bounds)
    except OtlpError as error:
        raise DecodeError(
            f"{len(payload)} bytes are not an OTLP {signal} export request: {error}",
            advice="send protobuf of the opentelemetry.proto.collector services; check compression and the signal's path",
        ) from None


def record_bounds(record: Record) -> tuple[int, int]:
    """The bounds that hold for the items of a record."""
    return bounds_of(record.role, record.received_ns, live=record.live)


def account_fault(account: str) -> str:
    """Why a text is no account id; "" when it is one."""
    if not account:
        return f"no {semconv.ACCOUNT_ID}"
    if not ACCOUNT_ID.fullmatch(account):
        return f"{semconv.ACCOUNT_ID} is not an account id (letters, digits and ._@:/- up to 128)"
    return ""


def _scratch_of(signal: str) -> Traces | Metrics:
    """Columns of this thread, whose memory is used again and again."""
    found: Traces | Metrics | None = getattr(_scratch, signal, None)
    if found is None:
        found = Traces() if signal == "traces" else Metrics()
        setattr(_scratch, signal, found)
    return found


def _judged(found: Traces | Metrics, count: int, role: str) -> Admission:
    first_ns, last_ns = found.bounds()
    faults = bytes(found.fault)
    spans = isinstance(found, Traces)
    strangers = _among(found, faults, _nobodys, {0, *_TIMES}) if spans and role == "provider" else []
    unnamed = _among(found, faults, _nameless, {0}) if spans and role == "tenant" else []
    sound = faults.count(0) == len(faults)
    admission = Admission(count=count, first_ns=first_ns, last_ns=last_ns)
    return admission if sound and not strangers and not unnamed else _told(found, admission, faults, strangers, len(unnamed))


def _told(found: Traces | Metrics, admission: Admission, faults: bytes, strangers: list[int], unnamed: int) -> Admission:
    """The admission with what is to be said of it."""
    spans = isinstance(found, Traces)
    kind, texts = ("spans", SPAN_FAULTS) if spans else ("data points", POINT_FAULTS)
    judged = bytearray(faults)
    for index in strangers:
        judged[index] = 255
    reasons = {code: text for code, text in texts.items() if code in judged and code != TOO_OLD}
    if strangers:
        reasons[255] = account_fault(resource_of(found.resources[found.resource[strangers[0]]]).text(semconv.ACCOUNT_ID))
    counts = {code: judged.count(code) for code in reasons}
    rejected, late = sum(counts.values()), judged.count(TOO_OLD)
    parts = []
    if rejected:
        listed = "; ".join(
            f"{counts[code]}: {text} (first: {_shown(found, judged.index(code))})"
            for code, text in sorted(reasons.items(), key=lambda item: judged.index(item[0]))
        )
        parts.append(f"rejected {rejected} of {admission.count} {kind}. {listed}.")
    if late:
        parts.append(
            f"{_some(late, kind)} began more than 7 days before receipt, kept in a dead-letter file and not counted; "
            f"ask the provider to take it in."
        )
    if unnamed:
        parts.append(
            f"{_some(unnamed, kind)} from a resource without service.name, counted under the service "
            f"{semconv.UNKNOWN_SERVICE!r}; set OTEL_SERVICE_NAME."
        )
    return replace(admission, rejected=rejected, late=late, message=_at_most(" ".join(parts), MAX_MESSAGE_BYTES))


def _among(found: Traces | Metrics, faults: bytes, odd: Callable[[bytes], bool], codes: set[int]) -> list[int]:
    """The items with one of those codes whose resource is odd."""
    resources = {number for number, resource in enumerate(found.resources) if odd(resource)}
    if not resources:
        return []
    column = found.resource.tolist()
    return [index for index, fault in enumerate(faults) if column[index] in resources and fault in codes]


def _remembered(judge: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """The judgement of small resources is remembered: a sender's is the same in each of its requests."""
    known = lru_cache(maxsize=4096)(judge)
    return lambda resource: known(resource) if len(resource) <= _SMALL_BYTES else judge(resource)


@_remembered
def _nobodys(resource: bytes) -> bool:
    return bool(account_fault(resource_of(resource).text(semconv.ACCOUNT_ID)))


@_remembered
def _nameless(resource: bytes) -> bool:
    return not resource_of(resource).text(semconv.SERVICE_NAME)


def _shown(found: Traces | Metrics, index: int) -> str:
    if isinstance(found, Traces):
        number = found.span_id[index]
        return f"span {number:016x}" if number else f"a span named {found.names[found.name[index]][:64]!r}"
    return f"metric {found.metrics[found.metric[index]][0][:64]!r}"


def _some(count: int, kind: str) -> str:
    return f"{count} {kind if count != 1 else kind.removesuffix('s')}"


def _at_most(text: str, size: int) -> str:
    data = text.encode()
    return text if len(data) <= size else data[: size - 4].decode(errors="ignore") + " …"
