"""The index of the log: which hours each segment tells of, so that a reader opens those that matter and no others.

An hour is a number, counted from 1970-01-01 UTC. For every segment the index holds how far it was read (a segment grows while its
writer lives), for each hour the end of the last frame with spans of it, the bounds of its number points, and the places of
records with items that came too late. It is worked out from the log alone, and only what was written since is read for it; so the
file that keeps it may be lost. What is read for it is checked against its checksums, so that damage is found where it is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from greencloud.durable import replace_file
from greencloud.telemetry.record import EVER_NS, Head, Record, record_at
from greencloud.telemetry.segment import HEADER_SIZE, Frame, Segment, read_segment
from greencloud.telemetry.wal import segment_paths

__all__ = ["HOUR_NS", "Late", "LogIndex", "SegmentSummary", "Settled", "Times"]

HOUR_NS: Final = 3600 * 10**9
_FORMAT: Final = 1

_WIDE_NS: Final = 200 * HOUR_NS
"""Beyond the longest span and some: the hours between the bounds of a record are then not all hours that it tells of."""

Times: TypeAlias = Callable[[Record], tuple[int, int, Iterable[int]]]
"""The bounds of a record's items, and the hours that they are of; first after last where nothing in it counts."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled (``store``): hours before ``through_ns``, from segments up to ``ends``."""

    through_ns: int = 0
    ends: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class SegmentSummary:
    """What a segment tells of, up to byte ``end``. Times are nanoseconds; ``first_ns`` and ``last_ns`` are of all its items."""

    end: int = HEADER_SIZE
    records: int = 0
    first_ns: int = EVER_NS
    last_ns: int = 0
    received_ns: int = 0
    points_first_ns: int = EVER_NS
    points_last_ns: int = 0
    hours: dict[int, int] = field(default_factory=dict)
    late: list[tuple[int, int]] = field(default_factory=list)  # (frame, record in it) not yet in a dead-letter file


@dataclass(frozen=True, slots=True)
class Late:
    """A record with items that came too late, and its place in the log."""

    segment: str
    frame: int
    number: int
    record: Record


class LogIndex:
    """The index of the log in ``directory``, kept in ``path``."""

    def __init__(self, directory: Path, path: Path) -> None:
        self._directory = directory
        self._path = path
        self.segments: dict[str, SegmentSummary] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            self._load(json.loads(path.read_text()))

    def update(self, times: Times, settled: Settled) -> None:
        """Read what was written since. ``times`` is asked of records that do not bound theirs; what is of settled hours and was
        not there when they were comes too late.

        Raises:
            StoreError: the log cannot be read, or is damaged.
        """
        paths = segment_paths(self._directory)
        present = {path.name for path in paths}
        self.segments = {name: summary for name, summary in self.segments.items() if name in present}
        for path in paths:
            summary = self.segments.get(path.name)
            size = path.stat().st_size
            if summary is None or size < summary.end:
                summary = self.segments[path.name] = SegmentSummary()
            if size > summary.end:
                self._extend(path, summary, times, settled)

    def save(self) -> None:
        """Keep it for the next reader, where the folder may be written."""
        kept = {name: asdict(summary) for name, summary in self.segments.items()}
        with suppress(OSError):
            replace_file(self._path, json.dumps({"format": _FORMAT, "segments": kept}))

    def hours(self) -> list[int]:
        """Every hour that spans are of, in order."""
        return sorted({hour for summary in self.segments.values() for hour in summary.hours})

    def evidence(self, first_hour: int, until_hour: int) -> list[tuple[str, int]]:
        """What the spans of those hours are known from: segments, and how far each tells of them."""
        found = []
        for name, summary in sorted(self.segments.items()):
            ends = [summary.hours[hour] for hour in range(first_hour, until_hour) if hour in summary.hours]
            if ends:
                found.append((name, max(ends)))
        return found

    def spans(self, first_ns: int, until_ns: int) -> Iterator[Record]:
        """Records with spans of ``[first_ns, until_ns)``."""
        hours = range(first_ns // HOUR_NS, -(-until_ns // HOUR_NS))
        return self._records(
            lambda summary: any(hour in summary.hours for hour in hours),
            lambda head: head.signal == "traces" and head.overlaps(first_ns, until_ns),
        )

    def points(self, first_ns: int) -> Iterator[Record]:
        """Records with number points of ``first_ns`` or later."""
        return self._records(
            lambda summary: summary.points_last_ns >= first_ns,
            lambda head: head.signal == "metrics" and head.overlaps(first_ns, EVER_NS),
        )

    def late(self) -> Iterator[Late]:
        """Records with items that came too late and are in no dead-letter file yet; ``forget_late`` when they are."""
        for name, summary in sorted(self.segments.items()):
            places = set(summary.late)
            if places:
                for (frame, number), found, head in _numbered(read_segment(self._directory / name)):
                    if (frame, number) in places:
                        yield Late(name, frame, number, record_at(found.body, head))

    def forget_late(self) -> None:
        """All of them are in dead-letter files."""
        for summary in self.segments.values():
            summary.late.clear()

    def _records(self, wanted: Callable[[SegmentSummary], bool], keep: Callable[[Head], bool]) -> Iterator[Record]:
        for name, summary in sorted(self.segments.items()):
            if wanted(summary):
                segment = read_segment(self._directory / name, keep=keep)
                for found, head in segment.heads():
                    if found.at < summary.end and keep(head):  # what is newer is not in the evidence
                        yield record_at(found.body, head)

    def _extend(self, path: Path, summary: SegmentSummary, times: Times, settled: Settled) -> None:
        segment = read_segment(path, summary.end)
        for (frame, number), found, head in _numbered(segment):
            first_ns, last_ns = head.first_ns, head.last_ns
            hours: Iterable[int] = range(first_ns // HOUR_NS, last_ns // HOUR_NS + 1)
            if last_ns - first_ns > _WIDE_NS:
                first_ns, last_ns, hours = times(record_at(found.body, head))
            counts = first_ns <= last_ns
            if head.late or (counts and first_ns < settled.through_ns and frame >= settled.ends.get(path.name, 0)):
                summary.late.append((frame, number))
            summary.records += 1
            summary.received_ns = max(summary.received_ns, head.received_ns)
            if counts:
                summary.first_ns = min(summary.first_ns, first_ns)
                summary.last_ns = max(summary.last_ns, last_ns)
            if counts and head.signal == "metrics":
                summary.points_first_ns = min(summary.points_first_ns, first_ns)
                summary.points_last_ns = max(summary.points_last_ns, last_ns)
            elif counts:
                summary.hours |= dict.fromkeys(hours, found.end)
        summary.end = max(summary.end, segment.end)

    def _load(self, kept: dict[str, Any]) -> None:
        if kept["format"] == _FORMAT:
            for name, values in kept["segments"].items():
                hours = {int(hour): end for hour, end in values.pop("hours").items()}
                late = [(frame, number) for frame, number in values.pop("late")]
                self.segments[name] = SegmentSummary(**values, hours=hours, late=late)


def _numbered(segment: Segment) -> Iterator[tuple[tuple[int, int], Frame, Head]]:
    """Every record with its place: where its frame begins, and which of the frame's it is."""
    before, number = -1, 0
    for found, head in segment.heads():
        number = number + 1 if found.at == before else 0
        before = found.at
        yield (found.at, number), found, head
