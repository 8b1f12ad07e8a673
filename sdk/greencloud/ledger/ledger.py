"""The ledger: append-only batches of postings, of which one per (site, window) is visible.

Posting checks that each batch balances, writes its segment, and makes all of them visible by one commit, which also takes the
earlier batches of those sites and windows out of sight. A process that dies on the way leaves the old state or the new one; at
worst files that no version names, and not even those where it lives on (a full disk). What was replaced stays readable in the
version before; and where it was final, the difference is kept beside the ledger before the commit
(``greencloud.ledger.restatement_files``).

Where an earlier batch lies in a segment with others, the others are written anew without it; that touches no batch, only where it
lies.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from greencloud.errors import GreencloudError, NotFoundError, QuantityError, StoreError, UnbalancedError
from greencloud.ledger.audit import examine
from greencloud.ledger.batch import AnyBatch, Batch
from greencloud.ledger.checks import check_batch
from greencloud.ledger.faults import storage_errors
from greencloud.ledger.header import Header
from greencloud.ledger.placing import Placed, placed
from greencloud.ledger.posting import Posting
from greencloud.ledger.repair import notes_of, repaired
from greencloud.ledger.restatement import Because
from greencloud.ledger.restatement_files import RestatementFiles
from greencloud.ledger.segments import rows_of, write_segment
from greencloud.ledger.snapshot import Snapshot
from greencloud.ledger.store import Store
from greencloud.ledger.version import EMPTY, Commit, Segment, Version
from greencloud.ledger.written import WrittenBatch
from greencloud.objects.objects import LOCAL, Objects
from greencloud.results import BatchSummary
from greencloud.units import format_instant

__all__ = ["Ledger"]

# Each failed try means that another writer's commit was made, so there is always progress; this only ends a hopeless race.
_TRIES: Final = 200


def _pass(step: str) -> None:
    """What happens between the steps of a post: nothing."""


@dataclass(slots=True)
class _Written:
    """What a post has written so far: segments by what is in them, and restatements by name, with whether they are new.

    ``states``: of segments that were written elsewhere, by their path, the size and when they were written.
    """

    segments: dict[object, Segment] = field(default_factory=dict)
    links: dict[str, bool] = field(default_factory=dict)
    states: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def elsewhere(cls, batches: Sequence[AnyBatch]) -> _Written:
        """What workers have written of these batches."""
        found = cls()
        for batch in batches:
            if isinstance(batch, WrittenBatch):
                told = batch.header.summary
                found.segments[told.id, told.supersedes, told.causes] = batch.segment
                found.states[batch.segment.path] = batch.size, batch.modified_ms
        return found


class Ledger:
    """The ledger in the folder ``root``, which the first post creates.

    Any number of processes and threads may read and post at once; start processes by ``spawn``, since Delta's runtime does not
    outlive a fork. ``token`` makes file names unique; ``clock`` stamps commits; ``checkpoint`` is called
    with the name of each step of a post when it is done (checked, segment_written, segment_synced, segment_renamed,
    segment_durable, committed); a restatement adds restatement_written, restatement_synced and restatement_durable before
    the commit. ``closed`` says whether the period of a batch is closed: then what takes its place is a restatement even where it is
    provisional. ``objects``: where the truth lies, if not in that folder (``greencloud.objects.bucket``).
    """

    def __init__(
        self,
        root: Path,
        *,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        checkpoint: Callable[[str], None] = _pass,
        closed: Callable[[BatchSummary], bool] = lambda _: False,
        objects: Objects = LOCAL,
    ) -> None:
        self.root = root
        self.store = Store(root, objects)
        self.clock = clock
        self.checkpoint = checkpoint
        self.closed = closed
        self.restatements = RestatementFiles(self.store.root, objects)
        self._token = token
        self._latest = EMPTY

    def post(self, batch: AnyBatch, *, lease: int | None = None, because: Because | None = None) -> BatchSummary | None:
        """Make a batch visible in place of the earlier one of its site and window, and return its header as posted.

        None: the very same batch is visible already, and nothing was done. Raises as ``post_all``.
        """
        posted = self.post_all([batch], lease=lease, because=because)
        return posted[0] if posted else None

    def post_all(
        self, batches: Sequence[AnyBatch], *, lease: int | None = None, because: Because | None = None
    ) -> list[BatchSummary]:
        """Make batches visible in one step, and return the headers as posted of those that were not visible already.

        ``lease`` is the number of the lease that the caller holds (``greencloud.ledger.lease``). ``because`` is what the
        caller knows of restatements among them.

        Raises:
            UnbalancedError: the postings of one do not add up; nothing was posted.
            AllocationError: a site has a window of another length at that time, and both would count; or a restatement changes
                more than ``because`` allows.
            LeaseLostError: another writer holds a later lease; nothing was posted.
            StorageFullError: no room; nothing was posted.
            StoreError: a batch is malformed, two are of one site and window, a segment is damaged of which batches would have to
                stay, or the folder cannot be written.
            StoreUnavailableError: the object store does not answer. Posting the same again is right in any case.
        """
        for batch in batches:
            if isinstance(batch, Batch):
                check_batch(batch)
        self.checkpoint("checked")
        with storage_errors(self.root), self.store.writing():
            return self._post_checked(batches, because, lease)

    def _post_checked(self, batches: Sequence[AnyBatch], because: Because | None, lease: int | None) -> list[BatchSummary]:
        written = _Written.elsewhere(batches)
        for _ in range(_TRIES):
            base = self.store.read()
            try:
                posted = self._post_to(base, batches, because, lease, written)
            except BaseException:
                links = [self.restatements.folder / name for name, fresh in written.links.items() if fresh]
                own = [segment.path for segment in written.segments.values() if segment.path not in written.states]
                self.store.discard(base, [*(self.store.root / path for path in own), *links])
                raise
            if posted is not None:
                return posted
        raise StoreError(f"{self.root}: other writers were first {_TRIES} times", path=str(self.root), advice="post it again")

    def _post_to(
        self, base: Version, batches: Sequence[AnyBatch], because: Because | None, lease: int | None, written: _Written
    ) -> list[BatchSummary] | None:
        """One try, with what earlier ones have written; None when another writer was first."""
        posting = Posting.of(self.store.root, base, batches, self.store.objects)
        for _, error in posting.refused:
            raise error
        if not posting.fresh:
            return []
        restated = self._placed(base, posting, because)
        summaries = [each.summary for each in restated]
        for each in restated:
            if each.refusal:
                raise each.refusal
        added = []
        for batch, summary in zip(posting.fresh, summaries, strict=True):
            written_as = (summary.id, summary.supersedes, summary.causes)
            if written_as not in written.segments:
                written.segments[written_as] = self.write([Header(summary, batch.totals)], rows_of(summary, batch.postings))
            added.append(written.segments[written_as])
        for path, headers, rows in posting.remainders():
            left = (path, *(header.summary.id for header in headers))
            if left not in written.segments:
                written.segments[left] = self.write(headers, rows)
            added.append(written.segments[left])
        self.store.put([segment for segment in added if segment.path not in written.states])
        self.checkpoint("segment_durable")
        links = [each.link for each in restated if each.link]
        for link in links:
            if link.name not in written.links:
                fresh = not (self.restatements.folder / link.name).exists()
                self.restatements.write(link, token=self._token(), checkpoint=self.checkpoint)
                written.links[link.name] = fresh
        notes = {"greencloud.work": "post", **notes_of(links)}
        commit = Commit(added, posting.removed, posting.work, lease, notes, written.states)
        if not self.store.commit(base, commit, self.clock()):
            return None
        self.checkpoint("committed")
        return summaries

    def preview(self, batches: Sequence[AnyBatch], *, because: Because | None = None) -> list[Placed]:
        """What ``post_all`` would post now, with the restatements that would come; nothing is written.

        What it would refuse is among it, each with the reason. Raises as it does for all else.
        """
        refused: list[tuple[AnyBatch, GreencloudError]] = []
        sound = []
        for batch in batches:
            try:
                if isinstance(batch, Batch):
                    check_batch(batch)
                sound.append(batch)
            except (UnbalancedError, StoreError) as error:
                refused.append((batch, error))
        base = self.store.read()
        posting = Posting.of(self.store.root, base, sound, self.store.objects)
        refused += posting.refused
        return [
            *self._placed(base, posting, because),
            *(Placed(batch, batch.summary, refusal=error) for batch, error in refused),
        ]

    def _placed(self, base: Version, posting: Posting, because: Because | None) -> list[Placed]:
        return [
            repaired(batch, self.store, base.number, self.restatements)
            if posting.repairs(batch)
            else placed(posting, batch, because or Because(), self.restatements, self.closed)
            for batch in posting.fresh
        ]

    def snapshot(self, version: int | None = None, *, as_of: datetime | None = None) -> Snapshot:
        """The latest version, an earlier one by number (-1 is the empty ledger before the first post), or that of a moment.

        Raises:
            NotFoundError: there is no such version, or it is not settled yet which one the moment means.
            StoreError: the table's log cannot be read.
        """
        if as_of is not None:
            if version is not None:
                raise QuantityError("a snapshot is of a version or as of a time, not both")
            version = self.version_at(as_of)
        if version is not None:
            contents = self.store.read(version)
            return Snapshot(self.store.root, contents, self.store.objects, earlier=not self.store.is_latest(contents))
        if self._latest is EMPTY or not self.store.is_latest(self._latest):
            self._latest = self.store.read()
        return Snapshot(self.store.root, self._latest, self.store.objects)

    def version_at(self, moment: datetime) -> int:
        """The version that was the latest at a moment; -1 before the first commit. It is the same one whenever it is asked for.

        Raises:
            NotFoundError: nothing was committed after the moment, so that a commit may yet be stamped with it.
        """
        if moment.tzinfo is None:
            raise QuantityError("the time of a snapshot needs an offset from UTC", advice="write 2026-11-23T14:00:00Z")
        latest = self.store.read().number
        newest = self.store.committed(latest)
        if latest == EMPTY.number or (newest and moment >= newest):
            raise NotFoundError(
                f"{self.root}: nothing was committed after {format_instant(moment)}, so it is not settled what there was then",
                advice=f"name the version by its number: {latest} is the latest",
            )
        found = self.store.latest_by(moment)
        if found > EMPTY.number and self.store.committed(found) is None:
            raise NotFoundError(
                f"{self.root}: version {found} says nothing of when it was committed, so none can be found for "
                f"{format_instant(moment)}",
                advice="name the version by its number",
            )
        return found

    def verify(self) -> list[str]:
        """Read every visible segment whole and say what is wrong, one sentence a finding; empty when all is well."""
        return examine(self.store.root, self.store.read(), self.store.objects)

    def write(self, headers: Sequence[Header], rows: pa.Table) -> Segment:
        """Write a segment of batches of one site and day, visible to nobody yet. ``rows``: in the columns of ``SEGMENT``."""
        ordered = sorted(headers, key=lambda header: header.summary.start)
        with storage_errors(self.root):
            self.store.prepare()
            path = write_segment(self.store.folder, ordered, rows, token=self._token(), checkpoint=self.checkpoint)
        first, last = ordered[0].summary, ordered[-1].summary
        shortest = min(int((header.summary.end - header.summary.start).total_seconds()) for header in ordered)
        return Segment(path.relative_to(self.store.root).as_posix(), first.site, first.start, last.start, shortest, rows.num_rows)
