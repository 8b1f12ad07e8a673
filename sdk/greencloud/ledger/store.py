"""The Delta table that says which segments are visible: one atomic commit replaces a segment, and readers see all or nothing.

A version of the table is a list of segments; a reader takes one version's list and never looks into the folder, where segments
that no version names may lie (a process died before its commit). Nothing is ever deleted, so every version stays readable.

**The double count.** Two writers that both find a new (site, window) empty would both add a segment, and Delta would take both:
appends do not conflict. So each commit carries an application transaction. Delta refuses the second of two concurrent commits
with the same one; and since it compares concurrent commits only, what a commit removes is worked out from the same fresh version
that it commits against. The application transaction is named for site and *hour*: windows divide the hour, so this also
catches writers of different window lengths that would overlap. The first commit of all makes the table, which Delta does not
keep others from doing at the same moment (the second becomes version 1, and nothing conflicts); so it is made under a lock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction, create_table_with_add_actions

from greencloud.errors import NotFoundError, StorageFullError, StoreError
from greencloud.ledger.segments import SEGMENT, sync
from greencloud.units import Window

__all__ = ["EMPTY", "Segment", "Store", "Version", "storage_errors"]

SEGMENTS: Final = "segments"

_PARTITION: Final = ["site", "window_start", "window_s"]
_SCHEMA: Final = Schema.from_arrow(SEGMENT)
_CONFIGURATION: Final = {
    # Law 3: no version is forgotten. By default Delta drops log entries after 30 days.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    # Opening replays the log since the last checkpoint, at some 0.3 ms an entry.
    "delta.checkpointInterval": "20",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One visible segment, as the table's log describes it. ``path`` is relative to the ledger's folder."""

    path: str
    site: str
    window: Window


@dataclass(frozen=True, slots=True)
class Version:
    """The segments of one version, as a table of path, site, window_start and window_s.

    ``handle`` is what a commit against this version needs, and None before the first.
    """

    number: int
    listing: pa.Table = field(repr=False)
    handle: DeltaTable | None = field(default=None, repr=False, compare=False)

    def segments(
        self, start: datetime | None = None, end: datetime | None = None, sites: tuple[str, ...] | None = None
    ) -> list[Segment]:
        """Segments whose window starts in ``[start, end)``, at these sites, in order of window and site."""
        found = self.listing
        instant = pa.timestamp("us", tz="UTC")
        if start is not None:
            found = found.filter(pc.greater_equal(found["window_start"], pa.scalar(start, instant)))
        if end is not None:
            found = found.filter(pc.less(found["window_start"], pa.scalar(end, instant)))
        if sites is not None:
            found = found.filter(pc.is_in(found["site"], pa.array(sites, pa.string())))
        rows = found.sort_by([(name, "ascending") for name in ("window_start", "window_s", "site", "path")]).to_pylist()
        return [Segment(row["path"], row["site"], Window(row["window_start"], row["window_s"])) for row in rows]


_LISTING: Final = pa.schema([("path", pa.string()), *((name, SEGMENT.field(name).type) for name in _PARTITION)])

EMPTY: Final = Version(-1, _LISTING.empty_table())


class Store:
    """The table in the folder ``root``. Every call opens it afresh: a handle that is kept is a version that has passed."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        if unquote(str(self.root)) != str(self.root):
            # Delta's kernel decodes the path once too often and would then look in another folder.
            raise StoreError(
                f"{self.root}: a ledger cannot lie under a name with %XX in it", path=str(root), advice="rename the folder"
            )

    @property
    def folder(self) -> Path:
        """Where segments lie."""
        return self.root / SEGMENTS

    def read(self, number: int | None = None) -> Version:
        """The latest version, or an earlier one; ``EMPTY`` where nothing was ever posted.

        Raises:
            NotFoundError: there is no such version.
            StoreError: the log cannot be read.
        """
        with storage_errors(self.root):
            table = self._open()
            latest = table.version() if table else EMPTY.number
            if number is not None and not EMPTY.number <= number <= latest:
                raise NotFoundError(f"{self.root}: there is no version {number}", advice=f"versions go from 0 to {latest}")
            if table is None or number == EMPTY.number:
                return EMPTY
            if number not in {None, latest}:
                table.load_as_version(number if number is not None else latest)
            return _version(table)

    def is_latest(self, version: Version) -> bool:
        """Whether no later version exists. One look at the folder: versions are created in order, each as one file."""
        return not self._entry(version.number + 1).exists() and (version.number < 0 or self._entry(version.number).exists())

    def prepare(self) -> None:
        """Make the folders, durably."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync(self.root)
            sync(self.root.parent)

    def commit(self, base: Version, segment: Segment, replaced: list[Segment]) -> bool:
        """Make ``segment`` visible and ``replaced`` invisible in one step, against ``base``, which must be fresh.

        Returns False, with nothing changed, when another writer was first.
        """
        with storage_errors(self.root):
            try:
                self._commit(base, segment, replaced)
            except (DeltaError, OSError) as error:
                # What counts is the log, not what the call says of it: a commit may have been made before something failed.
                now = self.read()
                if segment.path not in now.listing["path"].to_pylist():
                    if isinstance(error, CommitFailedError) and not _is_full(error):
                        return False
                    if base.handle is None and now.number >= 0:
                        return False
                    raise
            self._sync_log(base.number + 1)
        return True

    def _commit(self, base: Version, segment: Segment, replaced: list[Segment]) -> None:
        path = self.root / segment.path
        add = AddAction(
            path=segment.path,
            size=path.stat().st_size,
            partition_values=_partition_values(segment),
            modification_time=path.stat().st_mtime_ns // 1_000_000,
            data_change=True,
            stats=json.dumps({}),
        )
        if base.handle is None:
            with self._alone():
                if self._open() is not None:
                    raise CommitFailedError("another writer made the table")
                create_table_with_add_actions(
                    str(self.root), _SCHEMA, [add], partition_by=_PARTITION, name="greencloud ledger", configuration=_CONFIGURATION
                )
            return
        work = f"post/{segment.site}/{Window.at(segment.window.start, 3600)}"
        base.handle.create_write_transaction(
            [
                add,
                *(RemoveAction(old.path, True, add.modification_time, partition_values=_partition_values(old)) for old in replaced),
            ],
            mode="append",
            schema=_SCHEMA,
            partition_by=_PARTITION,
            commit_properties=CommitProperties(
                app_transactions=[Transaction(work, (base.handle.transaction_version(work) or 0) + 1)],
            ),
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A lock on the folder, which the system releases should this process die."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(str(self.root))
        except TableNotFoundError:
            return None

    def _entry(self, number: int) -> Path:
        return self.root / "_delta_log" / f"{number:020}.json"

    def _sync_log(self, number: int) -> None:
        # Delta does not sync what it writes; an answer that a loss of power could take back would be no answer.
        while (entry := self._entry(number)).exists():
            sync(entry)
            number += 1
        sync(entry.parent)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system and Delta raise into StorageFullError and StoreError."""
    try:
        yield
    except (DeltaError, OSError) as error:
        if _is_full(error):
            raise StorageFullError(
                f"{path}: there is no room left; nothing was posted",
                path=str(path),
                advice="free some space on that volume and try again; what was posted before is whole",
            ) from error
        raise StoreError(f"{path}: {_plain(error)}", path=str(path), advice="greencloud doctor examines the folder") from error


def _is_full(error: Exception) -> bool:
    # Delta passes the system's error on as text.
    return getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or any(
        sign in str(error) for sign in ("No space left on device", f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}")
    )


def _plain(error: Exception) -> str:
    # Delta's text is in several lines with colours for a terminal.
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", "", str(error)).split())


def _partition_values(segment: Segment) -> dict[str, str | None]:
    start = f"{segment.window.start:%Y-%m-%dT%H:%M:%S}.000000Z"
    return {"site": segment.site, "window_start": start, "window_s": str(segment.window.seconds)}


def _version(table: DeltaTable) -> Version:
    actions = pa.table(table.get_add_actions(flatten=True))
    columns = [actions["path"], *(actions[f"partition.{name}"] for name in _PARTITION)]
    return Version(table.version(), pa.table(columns, names=_LISTING.names).cast(_LISTING), table)
