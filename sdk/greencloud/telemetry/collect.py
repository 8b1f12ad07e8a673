"""From the log to usage: a pure function of a set of records.

Whatever the order, the splitting into requests or the repeats of what was sent, the same telemetry gives the same tables, bit for
bit: records are decoded into a pool, copies of a span (same account, trace id and span id) become one, series are put in
order of time, and only then is anything summed. Copies that contradict each other leave the one whose canonical text is
smallest, and are counted.

Whose it is: a tenant's record is its account's, whatever the payload says; a provider's span is the account's that its resource
names. What cannot be counted becomes a dead letter with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from greencloud.errors import DecodeError
from greencloud.facility import Facility
from greencloud.telemetry import semconv
from greencloud.telemetry.admission import account_fault, span_fault
from greencloud.telemetry.deadletter import DeadLetter, DeadLetters
from greencloud.telemetry.meters import wanted
from greencloud.telemetry.metrics import OwnedPoint, add_metrics
from greencloud.telemetry.otlp import Resource, Span, points, spans
from greencloud.telemetry.place import Places
from greencloud.telemetry.record import Record
from greencloud.telemetry.spans import OwnedSpan, add_spans
from greencloud.telemetry.tally import Tally
from greencloud.usage import Usage

__all__ = ["Collected", "collect"]


@dataclass(frozen=True, slots=True)
class Collected:
    """Usage, and what became of the rest. ``duplicate_count``: copies of spans that were dropped."""

    usage: Usage
    dead_letters: tuple[DeadLetter, ...]
    span_count: int
    duplicate_count: int


def collect(records: Iterable[Record], facility: Facility) -> Collected:
    """All usage that the records tell of, in the facility's windows."""
    dead = DeadLetters()
    pool = _Pool(dead)
    found: list[OwnedPoint] = []
    for record in records:
        try:
            if record.signal == "traces":
                for span in spans(record.payload):
                    pool.add(record, span)
            else:
                for point in points(record.payload, wanted(record.role)):
                    _note_other_account(record, point.resource, dead)
                    found.append(OwnedPoint(record.role, record.account, point))
        except DecodeError:
            dead.add("a record that is not OTLP", f"{record.signal} of {record.account or 'the provider'}")
    tally = Tally(facility.window_seconds)
    places = Places(facility)
    told = add_spans(pool.owned(), facility, places, tally, dead)
    add_metrics(found, facility, places, tally, dead, told=told)
    return Collected(tally.usage(dead), dead.counted(), len(pool.kept), pool.duplicates)


@dataclass(slots=True)
class _Pool:
    """Distinct spans by account, trace id and span id."""

    dead: DeadLetters
    kept: dict[tuple[str, bytes, bytes], Span] = field(default_factory=dict)
    duplicates: int = 0

    def add(self, record: Record, span: Span) -> None:
        account = record.account
        if record.role == "provider":
            account = span.resource.text(semconv.ACCOUNT_ID)
        else:
            _note_other_account(record, span.resource, self.dead)
        fault = span_fault(span) or account_fault(account)
        if fault:
            self.dead.add(f"a span cannot be counted: {fault}", f"account {account or '(nobody)'}, span {span.span_id.hex()[:32]}")
            return
        key = (account, span.trace_id, span.span_id)
        known = self.kept.setdefault(key, span)
        if known is not span:
            self.duplicates += 1
            if known.content() != span.content():
                self.dead.add("copies of a span contradict each other", f"account {account}, span {span.span_id.hex()}")
                self.kept[key] = min(known, span, key=Span.content)

    def owned(self) -> list[OwnedSpan]:
        return [OwnedSpan(account, span) for (account, _, _), span in self.kept.items()]


def _note_other_account(record: Record, resource: Resource, dead: DeadLetters) -> None:
    named = resource.text(semconv.ACCOUNT_ID)
    if record.role == "tenant" and named and named != record.account:
        dead.add("a tenant's resource names another account: ignored", f"account {record.account} named {named[:128]}")
