"""What posting batches changes in a version: which are new, what they take the place of, and what is left of segments cut open.

Worked out from one fresh version, and valid for a commit against that version only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import AllocationError, StoreError
from greencloud.ledger.batch import Batch
from greencloud.ledger.columns import SEGMENT
from greencloud.ledger.header import Header
from greencloud.ledger.objects import LOCAL, Objects
from greencloud.ledger.segments import cached_headers, content_in, count_in, read_encoded, read_headers
from greencloud.ledger.store import Segment, Version
from greencloud.units import Window

__all__ = ["Posting", "windows_in"]


@dataclass(slots=True)
class Posting:
    """``fresh``: batches that are not visible as they are. ``removed``: segments that go. ``work``: the hours that are posted
    to."""

    root: Path
    objects: Objects = LOCAL
    fresh: list[Batch] = field(default_factory=list)
    removed: list[Segment] = field(default_factory=list)
    work: list[str] = field(default_factory=list)
    _superseded: dict[tuple[str, Window], str] = field(default_factory=dict)
    _read: dict[Path, pa.Table] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, root: Path, base: Version, batches: Sequence[Batch], objects: Objects = LOCAL) -> Posting:
        """Raises AllocationError where windows of different length would both count, StoreError for two batches of one window."""
        found = cls(root, objects)
        ends: dict[str, list[Window]] = {}
        for batch in sorted(batches, key=lambda each: (each.summary.site, each.summary.start)):
            own = ends.setdefault(batch.summary.site, [])
            if own and own[-1].end > batch.window.start:
                raise StoreError(f"two batches of {batch.summary.site} at {batch.window}", advice="post the one that counts")
            own.append(batch.window)
            found._add(base, batch)
        return found

    def superseded(self, batch: Batch) -> str:
        """The id of the batch that this one takes the place of; "" where there is none."""
        return self._superseded.get((batch.summary.site, batch.window), "")

    def repairs(self, batch: Batch) -> bool:
        """Whether the same batch is visible already, in a segment that is lost or torn."""
        return self._superseded.get((batch.summary.site, batch.window)) == ""

    def replaced(self, batch: Batch) -> Header:
        """The header of the batch that this one takes the place of. Raises StoreError: its segment is lost or torn."""
        return self._held(batch)[1]

    def replaced_rows(self, batch: Batch) -> pa.Table:
        """Its postings, in the columns of ``SEGMENT``. Raises StoreError: its segment is lost or torn."""
        return self._rows(self._held(batch)[0], [batch.window]).cast(SEGMENT)

    def _rows(self, path: Path, windows: Sequence[Window]) -> pa.Table:
        """The rows of some windows of a segment, which is read once; a window starts when no other does there."""
        rows = self._read.get(path)
        if rows is None:
            rows = self._read[path] = read_encoded(path, self.objects)
        starts = pa.array([window.start for window in windows], rows.schema.field("window_start").type)
        return rows.filter(pc.is_in(rows["window_start"], starts))

    def _held(self, batch: Batch) -> tuple[Path, Header]:
        wanted = self.superseded(batch)
        for segment in self.removed:
            if segment.site == batch.summary.site and segment.first <= batch.window.start <= segment.last:
                path = self.root / segment.path
                for header in cached_headers(path, self.objects):
                    if header.summary.id == wanted and window_of(header) == batch.window:
                        return path, header
        raise StoreError(f"{self.root}: batch {wanted} is in no segment", path=str(self.root))

    def remainders(self) -> Iterator[tuple[str, list[Header], pa.Table]]:
        """For each removed segment that holds batches that stay: its path, their headers and their rows."""
        gone = set(self._superseded)
        for segment in self.removed:
            if count_in(segment.path) == 1:
                continue
            path = self.root / segment.path
            left = [header for header in cached_headers(path, self.objects) if (header.summary.site, window_of(header)) not in gone]
            if left:
                yield segment.path, left, self._rows(path, [window_of(header) for header in left])

    def _add(self, base: Version, batch: Batch) -> None:
        site, window = batch.summary.site, batch.window
        hour = Window.at(window.start, 3600)
        for segment in base.segments(hour.start, hour.end, (site,)):
            for held, batch_id in windows_in(self.root, segment, self.objects).items():
                if held == window:
                    if batch_id == batch.summary.id and self._readable(segment, batch_id):
                        return
                    self._superseded[site, window] = "" if batch_id == batch.summary.id else batch_id
                    if segment not in self.removed:
                        self.removed.append(segment)
                elif held.start < window.end and window.start < held.end:
                    raise AllocationError(
                        f"{site} has a batch of {held} already, which {window} overlaps",
                        site=site,
                        window=str(window),
                        advice="keep the length of windows for the time that was posted, or allocate into a new data directory",
                    )
        self.fresh.append(batch)
        self.work.append(f"post/{site}/{hour}")

    def _readable(self, segment: Segment, batch_id: str) -> bool:
        try:
            path = self.root / segment.path
            return any(header.summary.id == batch_id for header in read_headers(path, self.objects)) and (
                not self.objects.remote or not self.objects.missing([path])
            )
        except StoreError:
            return False  # lost or torn: posting it again repairs it


def windows_in(root: Path, segment: Segment, objects: Objects = LOCAL) -> dict[Window, str]:
    """The windows of a segment, each with its batch's id; of one batch by the table's log alone."""
    if count_in(segment.path) == 1:
        return {Window(segment.first, segment.window_s): content_in(segment.path)}
    return {window_of(header): header.summary.id for header in cached_headers(root / segment.path, objects)}


def window_of(header: Header) -> Window:
    """The window of a header."""
    return Window(header.summary.start, int((header.summary.end - header.summary.start).total_seconds()))
