"""A version of the ledger: the list of segments that are visible in it, and the step from one version to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

__all__ = ["EMPTY", "Commit", "Segment", "Version", "partition_values", "segment_of", "version_of"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One visible segment, as the table's log describes it. ``path`` is relative to the ledger's folder.

    ``first`` and ``last``: the starts of its first and last window, both on one UTC day; ``window_s``: the shortest window in it.
    """

    path: str
    site: str
    first: datetime
    last: datetime
    window_s: int
    rows: int

    @property
    def day(self) -> date:
        return self.first.date()


@dataclass(frozen=True, slots=True)
class Commit:
    """One step from a version to the next. ``work`` names what is posted to (site and hour), each at most once a commit.

    ``lease``: the number of the lease that the writer holds. ``notes`` go into the log. ``states``: of files that were written on
    another machine, by path, the size in bytes and when they were written, in milliseconds since 1970.
    """

    added: Sequence[Segment]
    removed: Sequence[Segment] = ()
    work: Sequence[str] = ()
    lease: int | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """The segments of one version, as a table of the fields of ``Segment``.

    ``handle`` is what a commit against this version needs, and None before the first.
    """

    number: int
    listing: pa.Table = field(repr=False)
    handle: DeltaTable | None = field(default=None, repr=False, compare=False)

    def segments(
        self, start: datetime | None = None, end: datetime | None = None, sites: Sequence[str] | None = None
    ) -> list[Segment]:
        """Segments with a window that may start in ``[start, end)``, at these sites, in order of window and site."""
        found = self.listing
        instant = pa.timestamp("us", tz="UTC")
        if start is not None:
            found = found.filter(pc.greater_equal(found["last"], pa.scalar(start, instant)))
        if end is not None:
            found = found.filter(pc.less(found["first"], pa.scalar(end, instant)))
        if sites is not None:
            found = found.filter(pc.is_in(found["site"], pa.array(sites, pa.string())))
        rows = found.sort_by([(name, "ascending") for name in ("first", "site", "path")]).to_pylist()
        return [Segment(**row) for row in rows]


_INSTANT: Final = pa.timestamp("us", tz="UTC")
_LISTING: Final = pa.schema(
    {"path": pa.string(), "site": pa.string(), "first": _INSTANT, "last": _INSTANT, "window_s": pa.int32(), "rows": pa.int64()}
)
_ACTIONS: Final = ("path", "partition.site", "min.window_start", "max.window_start", "min.window_s", "num_records")

# Of no batches, since to make an array pyarrow loads pandas where that is installed, which many a verb has no use for.
EMPTY: Final = Version(-1, pa.Table.from_batches([], _LISTING))


def partition_values(segment: Segment) -> dict[str, str | None]:
    return {"site": segment.site, "day": segment.day.isoformat()}


def segment_of(add: Mapping[str, Any]) -> Segment:
    """An add action of the log, in its JSON."""
    stats = json.loads(add["stats"])
    least, most = stats["minValues"], stats["maxValues"]
    first, last = (datetime.fromisoformat(bound["window_start"]) for bound in (least, most))
    return Segment(add["path"], add["partitionValues"]["site"], first, last, int(least["window_s"]), int(stats["numRecords"]))


def version_of(table: DeltaTable) -> Version:
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return Version(table.version(), _LISTING.empty_table(), table)
    columns = [actions[name] for name in _ACTIONS]
    return Version(table.version(), pa.table(columns, names=_LISTING.names).cast(_LISTING), table)
