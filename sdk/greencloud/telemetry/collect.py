"""From records to usage: a pure function of a set of records.

Whatever the order, the splitting into requests or the repeats of what was sent, the same telemetry gives the same tables, bit for
bit: records are decoded into a pool, copies become one, series are put in order of time, and only then is anything summed. What
cannot be counted becomes a dead letter with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from greencloud.facility import Facility
from greencloud.telemetry.deadletter import DeadLetter, DeadLetters
from greencloud.telemetry.metrics import add_metrics
from greencloud.telemetry.place import Places
from greencloud.telemetry.pool import Pool
from greencloud.telemetry.record import Record
from greencloud.telemetry.spans import add_spans
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
    pool = Pool(dead)
    pool.add(records)
    tally = Tally(facility.window_seconds)
    places = Places(facility)
    told = add_spans(pool.traces, pool.owners, facility, places, tally, dead)
    add_metrics(pool.metrics, pool.owners, facility, places, tally, dead, told=told.cpu)
    return Collected(tally.usage(dead), dead.counted(), told.span_count, told.duplicate_count)
