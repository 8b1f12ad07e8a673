"""What posting batches changes in a version: which are new, what they take the place of, and what is left of segments cut open.

Worked out from one fresh version, and valid for a commit against that version only.

A segment of several batches that is lost or torn can be replaced as a whole and not in part, since nobody can write what is left
of it. What it held is known all the same: every batch was visible in a segment of its own before, so the table's log has its
window and id, and the name of the damaged segment is the digest of those ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import AllocationError, StoreError
from greencloud.ledger.batch import AnyBatch
from greencloud.ledger.columns import SEGMENT
from greencloud.ledger.header import Header
from greencloud.ledger.segments import cached_headers, content_in, content_of, count_in, read_encoded, read_headers
from greencloud.ledger.store import Store
from greencloud.ledger.version import Segment, Version
from greencloud.objects.objects import LOCAL, Objects
from greencloud.units import Window

__all__ = ["Posting", "windows_in"]

SiteWindow = tuple[str, Window]


@dataclass(slots=True)
class Posting:
    """``fresh``: batches that are not visible as they are. ``refused``: those that may not be posted, each with the reason; the
    rest may be without them."""

    root: Path
    base: Version
    objects: Objects = LOCAL
    fresh: list[AnyBatch] = field(default_factory=list)
    refused: list[tuple[AnyBatch, AllocationError | StoreError]] = field(default_factory=list)
    _replaced: dict[SiteWindow, tuple[Segment, str]] = field(default_factory=dict)
    _windows: dict[Segment, dict[Window, str]] = field(default_factory=dict, repr=False)
    _read: dict[Path, pa.Table] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, root: Path, base: Version, batches: Sequence[AnyBatch], objects: Objects = LOCAL) -> Posting:
        """A batch is refused where windows of different length would both count, or where what is left of a segment cannot be read.

        Raises:
            StoreError: two batches are of one site and window.
        """
        found = cls(root, base, objects)
        ends: dict[str, list[Window]] = {}
        for batch in sorted(batches, key=lambda each: (each.summary.site, each.summary.start)):
            own = ends.setdefault(batch.summary.site, [])
            if own and own[-1].end > batch.window.start:
                raise StoreError(f"two batches of {batch.summary.site} at {batch.window}", advice="post the one that counts")
            own.append(batch.window)
            try:
                found._add(batch)
            except (AllocationError, StoreError) as error:
                found.refused.append((batch, error))
        for segment in found.removed:
            found._check_left(segment)
        return found

    @property
    def removed(self) -> list[Segment]:
        """The segments that go."""
        return list(dict.fromkeys(segment for segment, _ in self._replaced.values()))

    @property
    def work(self) -> list[str]:
        """The hours that are posted to."""
        return [f"post/{batch.summary.site}/{Window.at(batch.window.start, 3600)}" for batch in self.fresh]

    def superseded(self, batch: AnyBatch) -> str:
        """The id of the batch that this one takes the place of; "" where there is none."""
        old = self._replaced.get(_place_of(batch))
        return old[1] if old and old[1] != batch.summary.id else ""

    def repairs(self, batch: AnyBatch) -> bool:
        """Whether the same batch is visible already, in a segment that is lost or torn."""
        old = self._replaced.get(_place_of(batch))
        return old is not None and old[1] == batch.summary.id

    def replaced(self, batch: AnyBatch) -> Header:
        """The header of the batch that this one takes the place of. Raises StoreError: its segment is lost or torn."""
        return self._held(batch)[1]

    def replaced_rows(self, batch: AnyBatch) -> pa.Table:
        """Its postings, in the columns of ``SEGMENT``. Raises StoreError: its segment is lost or torn."""
        return self._rows(self._held(batch)[0], [batch.window]).cast(SEGMENT)

    def remainders(self) -> Iterator[tuple[str, list[Header], pa.Table]]:
        """For each removed segment that holds batches that stay: its path, their headers and their rows."""
        for segment in self.removed:
            if left := self._left(segment):
                path = self.root / segment.path
                yield (
                    segment.path,
                    [each for each in cached_headers(path, self.objects) if window_of(each) in left],
                    self._rows(path, left),
                )

    def _rows(self, path: Path, windows: Sequence[Window]) -> pa.Table:
        """The rows of some windows of a segment, which is read once; a window starts when no other does there."""
        rows = self._whole(path)
        starts = pa.array([window.start for window in windows], rows.schema.field("window_start").type)
        return rows.filter(pc.is_in(rows["window_start"], starts))

    def _whole(self, path: Path) -> pa.Table:
        rows = self._read.get(path)
        if rows is None:
            rows = self._read[path] = read_encoded(path, self.objects)
        return rows

    def _held(self, batch: AnyBatch) -> tuple[Path, Header]:
        segment, wanted = self._replaced[_place_of(batch)]
        path = self.root / segment.path
        for header in cached_headers(path, self.objects):
            if header.summary.id == wanted and window_of(header) == batch.window:
                return path, header
        raise StoreError(f"{path}: batch {wanted} is not in it", path=str(path))

    def _left(self, segment: Segment) -> list[Window]:
        return [window for window in self._windows[segment] if (segment.site, window) not in self._replaced]

    def _add(self, batch: AnyBatch) -> None:
        site, window = batch.summary.site, batch.window
        hour = Window.at(window.start, 3600)
        replaced: tuple[Segment, str] | None = None
        for segment in self.base.segments(hour.start, hour.end, (site,)):
            if segment not in self._windows:
                self._windows[segment] = windows_in(self.root, segment, self.base, self.objects)
            for held, batch_id in self._windows[segment].items():
                if held == window:
                    if batch_id == batch.summary.id and self._readable(segment, batch_id):
                        return
                    replaced = segment, batch_id
                elif held.start < window.end and window.start < held.end:
                    raise AllocationError(
                        f"{site} has a batch of {held} already, which {window} overlaps",
                        site=site,
                        window=str(window),
                        advice="keep the length of windows for the time that was posted, or allocate into a new data directory",
                    )
        if replaced:
            self._replaced[site, window] = replaced
        self.fresh.append(batch)

    def _check_left(self, segment: Segment) -> None:
        """Refuse what would cut open a segment of which the rest cannot be read."""
        if not (left := self._left(segment)):
            return
        path = self.root / segment.path
        try:
            read_headers(path, self.objects)
            self._whole(path)
        except StoreError as error:
            why = StoreError(
                f"{error.message}; {len(left)} more of its {count_in(segment.path)} batches would be lost",
                path=str(path),
                advice="restore the file from a backup, or move it away and allocate all windows of that day in one run",
            )
            kept = []
            for batch in self.fresh:
                if self._replaced.get(_place_of(batch), (None, ""))[0] == segment:
                    self.refused.append((batch, why))
                    del self._replaced[_place_of(batch)]
                else:
                    kept.append(batch)
            self.fresh = kept

    def _readable(self, segment: Segment, batch_id: str) -> bool:
        try:
            path = self.root / segment.path
            return any(header.summary.id == batch_id for header in read_headers(path, self.objects)) and (
                not self.objects.remote or not self.objects.missing([path])
            )
        except StoreError:
            return False  # lost or torn: posting it again repairs it


def windows_in(root: Path, segment: Segment, version: Version, objects: Objects = LOCAL) -> dict[Window, str]:
    """The windows of a segment that is visible in a version, each with its batch's id; of one batch by its name alone.

    Raises:
        StoreError: the segment cannot be read, and the table's log does not tell what is in it.
    """
    if count_in(segment.path) == 1:
        return {Window(segment.first, segment.window_s): content_in(segment.path)}
    try:
        return {window_of(header): header.summary.id for header in cached_headers(root / segment.path, objects)}
    except StoreError:
        if (told := _told(root, segment, version, objects)) is None:
            raise
        return told


def _told(root: Path, segment: Segment, version: Version, objects: Objects) -> dict[Window, str] | None:
    """What the table's log tells of a segment of several; None where that is not what its name stands for."""
    latest: dict[Window, str] = {}
    try:
        for each in Store(root, objects).added(version.number):
            if (each.site, each.day) == (segment.site, segment.day) and count_in(each.path) == 1:
                latest[Window(each.first, each.window_s)] = each.path
    except StoreError:
        return None
    alone = {each.path for each in version.segments(sites=(segment.site,))}
    held = {
        window: content_in(path)
        for window, path in sorted(latest.items(), key=lambda item: item[0].start)
        if path not in alone and segment.first <= window.start <= segment.last
    }
    return held if content_of(held.values()) == content_in(segment.path) else None


def window_of(header: Header) -> Window:
    """The window of a header."""
    return Window(header.summary.start, int((header.summary.end - header.summary.start).total_seconds()))


def _place_of(batch: AnyBatch) -> SiteWindow:
    return batch.summary.site, batch.window
