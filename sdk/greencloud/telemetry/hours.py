"""An hour of spans, and the cache of hours that were computed.

The rows of an hour are a function of the spans that overlap it and the hour before, and of the facility book: a span's amounts are
cut at windows, its self time lies where it lies, and an ancestor that ended earlier decides nothing (``spans``). So an hour is
computed from those spans alone, in memory that does not grow with the log, and again only when evidence of it is new: the
fingerprint of a kept hour names the segments that it was computed from, up to which byte, and the book. The cache is
worked out from the log; it may be deleted, and a file of it that is damaged counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from greencloud.durable import replace_file
from greencloud.facility import Facility
from greencloud.telemetry.deadletter import DeadLetter, DeadLetters
from greencloud.telemetry.index import HOUR_NS
from greencloud.telemetry.place import Places, Process
from greencloud.telemetry.pool import Pool
from greencloud.telemetry.record import Record
from greencloud.telemetry.spans import Told, add_spans
from greencloud.telemetry.tally import Tally
from greencloud.usage import ROWS

__all__ = ["HourOfSpans", "HourStore", "fingerprint_of", "hour_of_spans"]

_VERSION: Final = 1
"""Of the computation: hours that another version computed count for nothing."""

_SEAL_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class HourOfSpans:
    """The rows of an hour, the processes whose CPU they account for, and what became of the rest."""

    rows: pa.Table
    told: Told
    dead: tuple[DeadLetter, ...]


def hour_of_spans(hour: int, records: Iterable[Record], facility: Facility) -> HourOfSpans:
    """Compute an hour from the records with spans of it and of the hour before."""
    dead = DeadLetters()
    first_ns, until_ns = hour * HOUR_NS, (hour + 1) * HOUR_NS
    pool = Pool(dead, first_ns - HOUR_NS, until_ns)
    pool.add(records)
    tally = Tally(facility.window_seconds)
    told = add_spans(pool.traces, pool.owners, facility, Places(facility), tally, dead, first_ns=first_ns, until_ns=until_ns)
    return HourOfSpans(tally.usage(dead).rows, told, dead.counted())


def fingerprint_of(evidence: Iterable[tuple[str, int]], facility: Facility) -> str:
    """What an hour was computed from: segments up to bytes, the book and its windows."""
    parts = [_VERSION, facility.revision, facility.window_seconds, *map(list, evidence)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class HourStore:
    """Hours that were computed, a file each: an Arrow IPC stream, and the digest of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, hour: int, fingerprint: str) -> HourOfSpans | None:
        """The hour, if it was computed from just that."""
        try:
            data = (self._directory / f"{hour}.arrows").read_bytes()
        except OSError:
            return None
        body, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if hashlib.sha256(body).digest() != seal:
            return None
        table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
        about = json.loads(table.schema.metadata[b"greencloud"])
        if about["fingerprint"] != fingerprint:
            return None
        told = {(Process(*process), window) for process, window in about["told"]}
        return HourOfSpans(
            pa.Table.from_arrays(table.columns, schema=ROWS),
            Told(told, about["span_count"], about["duplicate_count"]),
            tuple(DeadLetter(*letter) for letter in about["dead"]),
        )

    def put(self, hour: int, fingerprint: str, found: HourOfSpans) -> None:
        """Keep an hour, where the folder may be written: a reader need not."""
        about = {
            "fingerprint": fingerprint,
            "told": sorted((list(process), window) for process, window in found.told.cpu),
            "span_count": found.told.span_count,
            "duplicate_count": found.told.duplicate_count,
            "dead": [[letter.reason, letter.count, letter.example] for letter in found.dead],
        }
        schema = ROWS.with_metadata({"greencloud": json.dumps(about)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(pa.Table.from_arrays(found.rows.columns, schema=schema))
        body = sink.getvalue().to_pybytes()
        with suppress(OSError):
            replace_file(self._directory / f"{hour}.arrows", body + hashlib.sha256(body).digest())

    def forget_before(self, hour: int) -> None:
        """Remove hours that nobody will ask for again."""
        with suppress(OSError):
            for path in self._directory.glob("*.arrows"):
                if path.stem.isdigit() and int(path.stem) < hour:
                    path.unlink(missing_ok=True)
