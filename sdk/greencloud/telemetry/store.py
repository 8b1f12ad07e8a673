"""The telemetry of a data directory: the log, and what is worked out from it.

::

    wal/                raw OTLP, appended before it is acknowledged
    telemetry/
      index.json        which hours each segment tells of (``index``); worked out from the log
      hours/            rows of spans by the hour (``hours``); worked out from the log
      handed-over/      what was taken before a log was shared (``handing_over``); nobody reads it, it may be deleted
      dead-letters/     what came too late to be counted (``lateness``)
      settled.json      up to where hours are settled, and the segments of usage that hold them
      settled/          those segments
      shared-log.json   how far shared logs were followed (``followed``), where there are any
      archive/          segments of the log that only tell of settled hours: nobody reads them, they may be deleted

**Settling** keeps a run's work from growing with the log, for those who ask for it. Live items count for a horizon after they
began, and a silence of a counter for as long; so hours that are older than all that came within the last two horizons get nothing
new any more. Their usage is kept as it stands, in the windows and at the sites of the book in force, and their segments go to the
archive. Without settling every hour can be worked out again under another book.

What is done here is done under the lock of the run that allocates; other readers see the state before or after.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from greencloud._otlp import Metrics, Traces
from greencloud.durable import replace_file, sync_directory
from greencloud.errors import DecodeError, StoreError
from greencloud.facility import Facility
from greencloud.telemetry.admission import HORIZON_NS, decoded, record_bounds
from greencloud.telemetry.collect import Collected
from greencloud.telemetry.deadletter import DeadLetter, DeadLetters
from greencloud.telemetry.followed import Followed
from greencloud.telemetry.hours import HourOfSpans, HourStore, fingerprint_of, hour_of_spans
from greencloud.telemetry.index import HOUR_NS, LogIndex, Settled
from greencloud.telemetry.lateness import dead_letter_files, write_late
from greencloud.telemetry.metrics import add_metrics
from greencloud.telemetry.place import Places, Process
from greencloud.telemetry.pool import Pool
from greencloud.telemetry.record import Record
from greencloud.telemetry.tally import Tally
from greencloud.telemetry.wal import move_segment
from greencloud.usage import SegmentStore, Usage, add_up, empty_usage

__all__ = ["SHORTEST", "TelemetryState", "TelemetryStore"]

Progress: TypeAlias = Callable[[int, int], object]

_DAY_NS: Final = 24 * HOUR_NS
_FAR_NS: Final = 8_000 * 366 * _DAY_NS

SHORTEST: Final = timedelta(microseconds=2 * HORIZON_NS // 1000)
"""Of live items and of silences each may reach back by a horizon."""


@dataclass(frozen=True, slots=True)
class TelemetryState:
    """What ``doctor`` tells: bytes of the archive, dead-letter files, and in how many hours there are spans in the log."""

    settled_ns: int
    archive_bytes: int
    late_files: tuple[Path, ...]
    hours: int


@dataclass(slots=True)
class TelemetryStore:
    """``log`` is the folder of the log's segments, ``path`` that of what is worked out from it."""

    log: Path
    path: Path
    _hours: HourStore = field(init=False)

    def __post_init__(self) -> None:
        self._hours = HourStore(self.path / "hours")

    @property
    def settled_ns(self) -> int:
        """Hours before it are settled; a multiple of a day, 0 where none is."""
        return self._settled()[0].through_ns

    @property
    def followed(self) -> Followed:
        """How far shared logs were followed."""
        return Followed(self.log, self.path)

    def settled_usage(self) -> Usage:
        """The usage of settled hours."""
        _, names = self._settled()
        return self._segments().read_only(names)

    def collect(self, facility: Facility, *, keep: bool = False, progress: Progress = lambda _done, _all: None) -> Collected:
        """The usage of every hour that is not settled, in the facility's windows; ``progress`` is told hours done and all.

        With ``keep``, which is for the holder of the lock, the index and the hours are kept, and what came too late gets its
        files. Without, nothing is written.

        Raises:
            StoreError: the log is damaged or cannot be read.
        """
        index = self._index()
        found = self._collected(index, facility, progress, keep=keep)
        if keep:
            with suppress(OSError):  # a full disk stops no reader; the next run writes them
                for late in index.late():
                    write_late(late, self.path / "dead-letters", self.settled_ns)
                index.forget_late()
            index.save()
        dead = DeadLetters()
        dead.absorb((*found.dead_letters, *self._late()))
        return replace(found, dead_letters=dead.counted())

    def _collected(self, index: LogIndex, facility: Facility, progress: Progress, *, keep: bool) -> Collected:
        settled_ns = self.settled_ns
        first = settled_ns // HOUR_NS
        wanted = [hour for hour in index.hours() if hour >= first]
        dead = DeadLetters()
        parts: list[Usage] = []
        told: set[tuple[Process, int]] = set()
        spans = duplicates = 0
        nothing = empty_usage().readings
        for done, hour in enumerate(wanted):
            progress(done, len(wanted))
            found = self._hour(hour, index, facility, keep=keep)
            parts.append(Usage(found.rows, nothing))
            told |= found.told.cpu
            spans += found.told.span_count
            duplicates += found.told.duplicate_count
            dead.absorb(found.dead)
        measured, points = self._measured(index, facility, settled_ns, told)
        dead.absorb(points)
        parts.append(measured)
        return Collected(add_up(parts), dead.counted(), spans, duplicates)

    def metrics_only(self, facility: Facility) -> Usage:
        """What number points alone tell of hours that are not settled."""
        return self._measured(self._index(), facility, self.settled_ns, set())[0]

    def settle(self, facility: Facility, now_ns: int, after: timedelta = SHORTEST) -> bool:
        """Settle the hours of which nothing came for so long, and not less than ``SHORTEST``; gives whether there were any.

        Raises:
            StoreError: the log is damaged, or the disk does not take it; nothing is settled then.
        """
        index = self._index()
        settled, names = self._settled()
        through_ns = self._quiet_since(index, now_ns, max(after, SHORTEST) // timedelta(microseconds=1) * 1000)
        fresh = any(summary.first_ns < through_ns for summary in index.segments.values())
        if through_ns <= settled.through_ns or not fresh:
            return False
        # From the same index, so that a record that comes meanwhile is found to be too late, and not taken for counted.
        collected = self._collected(index, facility, lambda _done, _all: None, keep=True)
        usage = _within(collected.usage, settled.through_ns, through_ns)
        self._forget_unfinished(names)
        kept = self._segments().write(usage).name
        ends = {name: summary.end for name, summary in index.segments.items()}
        document = {"through_ns": through_ns, "segments": sorted({*names, kept}), "ends": ends}
        try:
            replace_file(self.path / "settled.json", json.dumps(document))
            self._archive(index, through_ns)
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror}", path=str(self.path), advice="make room, and see that the folder may be written"
            ) from error
        self._hours.forget_before(through_ns // HOUR_NS)
        return True

    def state(self) -> TelemetryState:
        archive = self.path / "archive"
        size = sum(path.stat().st_size for path in archive.glob("*.wal")) if archive.exists() else 0
        late = tuple(dead_letter_files(self.path / "dead-letters"))
        return TelemetryState(self.settled_ns, size, late, len(self._index().hours()))

    def _segments(self) -> SegmentStore:
        return SegmentStore(self.path / "settled")

    def _settled(self) -> tuple[Settled, list[str]]:
        path = self.path / "settled.json"
        try:
            found = json.loads(path.read_text())
            return Settled(found["through_ns"], dict(found["ends"])), list(found["segments"])
        except FileNotFoundError:
            return Settled(), []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} cannot be read", path=str(path), advice="restore it from a backup") from error

    def _index(self) -> LogIndex:
        index = LogIndex(self.log, self.path / "index.json")
        index.update(_times, self._settled()[0])
        return index

    def _forget_unfinished(self, names: list[str]) -> None:
        """Remove segments of a settling that did not come to its end: what they hold is still in the log."""
        for path in self._segments().paths():
            if path.name not in names:
                path.unlink()

    def _hour(self, hour: int, index: LogIndex, facility: Facility, *, keep: bool) -> HourOfSpans:
        fingerprint = fingerprint_of(index.evidence(hour - 1, hour + 1), facility)
        found = self._hours.get(hour, fingerprint)
        if found is None:
            found = hour_of_spans(hour, index.spans((hour - 1) * HOUR_NS, (hour + 1) * HOUR_NS), facility)
            if keep:
                self._hours.put(hour, fingerprint, found)
        return found

    def _measured(
        self, index: LogIndex, facility: Facility, settled_ns: int, told: set[tuple[Process, int]]
    ) -> tuple[Usage, tuple[DeadLetter, ...]]:
        """What number points tell. A counter's growth since its last point of settled hours counts for the hours after them."""
        dead = DeadLetters()
        since_ns = max(0, settled_ns - HORIZON_NS)
        pool = Pool(dead, since_ns)
        pool.add(index.points(since_ns))
        tally = Tally(facility.window_seconds)
        add_metrics(pool.metrics, pool.owners, facility, Places(facility), tally, dead, told=told)
        return _within(tally.usage(dead), settled_ns, _FAR_NS), dead.counted()

    def _late(self) -> list[DeadLetter]:
        directory = self.path / "dead-letters"
        reasons = Counter(path.parent.parent.name for path in dead_letter_files(directory))
        return [
            DeadLetter(f"requests with items {reason.replace('-', ' ')}", count, f"see {directory / reason}")
            for reason, count in reasons.items()
        ]

    def _quiet_since(self, index: LogIndex, now_ns: int, quiet_ns: int) -> int:
        """The day before which nothing came in that time, nor can reach back to."""
        young = [summary for summary in index.segments.values() if summary.received_ns >= now_ns - quiet_ns]
        bounds = [now_ns - quiet_ns]
        bounds += [summary.first_ns - HOUR_NS for summary in young]
        bounds += [summary.points_first_ns - HORIZON_NS for summary in young]
        return max(0, min(bounds) // _DAY_NS * _DAY_NS)

    def _archive(self, index: LogIndex, through_ns: int) -> None:
        archive = self.path / "archive"
        self.followed.note_found()
        for name, summary in index.segments.items():
            if summary.records and summary.last_ns < through_ns - HORIZON_NS - HOUR_NS:
                archive.mkdir(parents=True, exist_ok=True)
                move_segment(self.log / name, archive)
        if archive.exists():
            sync_directory(archive)
            sync_directory(self.log)


def _within(usage: Usage, first_ns: int, until_ns: int) -> Usage:
    """The windows that start in ``[first_ns, until_ns)``."""

    def part(table: pa.Table) -> pa.Table:
        start = table["window_start"].cast(pa.int64())
        return table.filter(pc.and_(pc.greater_equal(start, first_ns // 1000), pc.less(start, until_ns // 1000)))

    return Usage(part(usage.rows), part(usage.readings))


def _times(record: Record) -> tuple[int, int, Iterable[int]]:
    """The bounds of a record's items that count, and the hours that they are of."""
    columns = Traces() if record.signal == "traces" else Metrics()
    try:
        decoded(columns, record.signal, record.payload, record_bounds(record))
    except DecodeError:
        return 1, 0, ()
    first_ns, last_ns = columns.bounds()
    hours: set[int] = set()
    starts = columns.start_ns if isinstance(columns, Traces) else columns.time_ns
    ends = columns.end_ns if isinstance(columns, Traces) else columns.time_ns
    for start_ns, end_ns, fault in zip(starts, ends, columns.fault, strict=True):
        if not fault:
            hours.update(range(start_ns // HOUR_NS, end_ns // HOUR_NS + 1))
    return first_ns, last_ns, hours
