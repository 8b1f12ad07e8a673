"""A snapshot: one version of the ledger, read for as long as one likes. Writers neither wait for it nor change it.

Which segments count was settled when the snapshot was taken. What roll-ups were made of them answers for whole days and months;
the segments of the rest are added up by DuckDB in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa

from greencloud.errors import AmountRangeError, QuantityError, StoreError
from greencloud.ledger.availability import FilledWindow
from greencloud.ledger.columns import MEASURES
from greencloud.ledger.database import fetch, literal, stream, stream_arrow
from greencloud.ledger.earlier import make_again
from greencloud.ledger.parts import Part, Place
from greencloud.ledger.query import compile_query, compile_windows, dimensions_of, partials_of
from greencloud.ledger.restatement_chain import Chains, Record
from greencloud.ledger.restatement_files import RestatementFiles
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.segments import cached_headers, gather_headers
from greencloud.ledger.stop import Stop
from greencloud.ledger.store import Store
from greencloud.ledger.streamed_postings import streamed_postings
from greencloud.ledger.streamed_rows import compile_rows, parts_of
from greencloud.ledger.sums import Rows
from greencloud.ledger.version import Segment, Version
from greencloud.objects.objects import LOCAL, Objects
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, Restatement
from greencloud.units import Window, microseconds_of

__all__ = ["Snapshot"]

T = TypeVar("T")

_STREAMED_ROWS: Final = 4096  # some 250 bytes each


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the ledger in the folder ``root``. ``earlier``: it is not the latest, and housekeeping may have taken away
    segments that it names (``greencloud.ledger.earlier``)."""

    root: Path
    contents: Version
    objects: Objects = LOCAL
    earlier: bool = False

    @property
    def version(self) -> int:
        """The number of the version; -1 where nothing was ever posted."""
        return self.contents.number

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]:
        """The visible batches whose window starts in ``[start, end)``, in order of window, then site."""
        segments = self._segments(start, end)
        gather_headers([self.root / segment.path for segment in segments], self.objects)
        found = [summary for segment in segments for summary in self._summaries(segment)]
        return _between(found, start, end)

    def readable_batches(self) -> list[BatchSummary]:
        """As ``batches``, without those whose segment is lost or torn: posting their windows again repairs them."""
        found: list[BatchSummary] = []
        segments = self.contents.segments()
        gather_headers([self.root / segment.path for segment in segments], self.objects)
        for segment in segments:
            with suppress(StoreError):
                found += self._summaries(segment)
        return _between(found, None, None)

    def find(self, site: str, window: Window) -> BatchSummary | None:
        """The visible batch of one site and window."""
        for segment in self._segments(window.start, window.end, (site,)):
            for summary in self._summaries(segment):
                if (summary.start, summary.end) == (window.start, window.end):
                    return summary
        return None

    def restatements(
        self, start: datetime | None = None, end: datetime | None = None, accounts: Collection[str] | None = None
    ) -> list[Restatement]:
        """Every restatement of the visible batches whose window starts in ``[start, end)``, in the order in which they were made.

        ``accounts``: only the lines of these, and only restatements that have one. Without, also those that changed no amount,
        and those of which the record is lost (``kept`` is False; of what was before them nothing is known).
        """
        found = (record.read(accounts) for record in self.restatement_records(start, end))
        return [each for each in found if accounts is None or each.lines]

    def restatement_records(self, start: datetime | None = None, end: datetime | None = None) -> list[Record]:
        """As ``restatements``, each yet to be read; where that finds no line of an account, nothing changed for it."""
        restated = [summary for summary in self.batches(start, end) if summary.causes]
        if not restated:
            return []
        chains = Chains.of(RestatementFiles(self.root, self.objects))
        found = [record for summary in restated for record in chains.records(summary)]
        return sorted(found, key=lambda each: (each.new.created, each.new.start, each.new.site, each.number))

    def sites(self) -> list[str]:
        """Every site that has a batch, sorted."""
        return sorted(self.contents.listing["site"].unique().to_pylist())

    def lives(self) -> dict[str, tuple[datetime, datetime]]:
        """From when to when each site has batches: the start of its first window, the end of its last."""
        found: dict[str, tuple[datetime, datetime]] = {}
        for row in self.contents.listing.select(["site", "first", "last", "window_s"]).to_pylist():
            end = row["last"] + timedelta(seconds=row["window_s"])
            first, last = found.get(row["site"], (row["first"], end))
            found[row["site"]] = (min(first, row["first"]), max(last, end))
        return found

    def accounts(self) -> list[str]:
        """Every account that was ever charged, sorted; pools are not accounts."""
        if not (files := self._files(self._segments())):
            return []
        sql = "SELECT DISTINCT account FROM read_parquet(?, hive_partitioning = false) WHERE NOT starts_with(account, '(')"
        rows = self.objects.read(files, lambda: fetch(sql, [_literals(files)], root=self.root))
        return sorted(account for (account,) in rows)

    def footprint(self, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None) -> list[FootprintRow]:
        """Add up the postings that a query asks for, in rows ordered by period and then by the dimensions as asked for.

        A window counts when it *starts* in ``[start, end)``. Periods are whole UTC hours, days and calendar months; with
        granularity ALL the one period is the query's own. Where nothing was posted there is no row: unknown is not zero.

        ``accounts=()`` is a reader who may see no account, and gives no rows. In ``group_by``, ``label:<key>`` is "" for
        postings without that label. ``scope`` makes three rows (scope1, scope2, scope3) of each, with the amounts of that scope
        only: energy and what tells of it are on scope2 alone, ``operation_count`` is 0, since an operation belongs to no scope, and
        no half-widths of totals are known.

        Raises:
            QuantityError: an unknown dimension, or bounds without an offset from UTC.
            TooLargeError: there are more than ``most`` rows.
            StoppedError: ``stop`` was set.
            StoreError: a segment is missing or torn.
        """
        names = self._checked(query)
        if query.accounts is not None and not query.accounts:
            return []
        stop = stop or Stop()
        rows = Rows(query, most)
        left = Rollups(self.root, objects=self.objects).answer(self.contents, query, names, rows.add, stop)
        if left:
            self._there(segment for segment in self.contents.segments(query.start, query.end) if segment.path in left)
            files = [self.root / path for path in left]
            statement = compile_query(query, names, _literals(files))

            def added_up() -> Rows:
                part = rows.fresh()  # reading may begin anew
                part.add(partials_of(statement, stream(statement.sql, statement.parameters, root=self.root, stop=stop)))
                return part

            rows.absorb(self.objects.read(files, added_up))
        return rows.finished(names)

    def stream_rows(self, query: FootprintQuery, place: Place, stop: Stop) -> Iterator[Part]:
        """The rows of ``footprint`` after a place, in its order, as record batches (``streamed_rows``).

        Raises as ``footprint``, and AmountRangeError: a sum does not fit int64.
        """
        names = self._checked(query)
        segments = self._segments_of(query)
        files = self._files(segments)
        if not files or (query.accounts is not None and not query.accounts):
            yield from parts_of(iter(()), query, place)
            return
        statement = compile_rows(query, names, _literals(files), place.row)

        def begun() -> Iterator[pa.RecordBatch]:
            return _begun(stream_arrow(statement.sql, statement.parameters, root=self.root, rows=_STREAMED_ROWS, stop=stop))

        try:
            # Every file is read before the first row: the rows are ordered.
            yield from parts_of(self.objects.read(files, begun), query, place)
        except OverflowError as error:
            raise AmountRangeError(
                "a sum of the answer does not fit 64 bits",
                advice="add up over less: a shorter time, shorter periods, more dimensions",
            ) from error

    def stream_postings(self, query: FootprintQuery, place: Place, stop: Stop) -> Iterator[Part]:
        """The postings that a query's filter leaves after a place (``streamed_postings``). How to add up is not looked at. Raises
        as ``footprint``."""
        self._checked(query)
        files = [] if query.accounts is not None and not query.accounts else self._files(self._segments_of(query))
        yield from streamed_postings(files, query, place, self.objects, stop)

    def windows(self, query: FootprintQuery) -> list[FilledWindow]:
        """The windows that hold postings which a query asks for, in order of start, site and region; how it adds up does not count.

        Raises:
            StoreError: a segment is missing or torn.
        """
        segments = self._segments(query.start, query.end, query.sites or None)
        if not segments or (query.accounts is not None and not query.accounts):
            return []
        files = self._files(segments)
        statement = compile_windows(query, _literals(files))
        rows = self.objects.read(files, lambda: fetch(statement.sql, statement.parameters, root=self.root))
        found = (
            FilledWindow(site, region, Window(_EPOCH + timedelta(microseconds=start), seconds), provisional)
            for site, region, start, seconds, provisional in rows
        )
        return sorted(found, key=lambda each: (each.window.start, each.site, each.region, each.window.seconds))

    def sums(self, names: Sequence[str], start: datetime, end: datetime) -> Iterator[tuple[Any, ...]]:
        """The measures of windows that start in ``[start, end)``, added up by these columns, in ascending order of them.

        Values of ``names``, then exact sums in the order of ``MEASURES``; made a few thousand at a time.
        """
        files = self._files(self._segments(start, end))
        if not files:
            return
        listed = ", ".join(f'"{name}"' for name in names)
        sums = ", ".join(f'sum("{name}")' for name in MEASURES)
        sql = (
            f"SELECT {listed}, {sums} FROM read_parquet(?, hive_partitioning = false) "  # noqa: S608 - names of our own
            f"WHERE window_start >= make_timestamptz(?) AND window_start < make_timestamptz(?) GROUP BY {listed} ORDER BY {listed}"
        )
        parameters = [_literals(files), microseconds_of(start), microseconds_of(end)]
        # Every file is read before the first row: the rows are ordered.
        yield from self.objects.read(files, lambda: _begun(stream(sql, parameters, root=self.root)))

    def _checked(self, query: FootprintQuery) -> tuple[str, ...]:
        if query.start.tzinfo is None or query.end.tzinfo is None:
            raise QuantityError("the bounds of a query need an offset from UTC", advice="write 2026-11-23T14:00:00Z")
        return dimensions_of(query)

    def _segments_of(self, query: FootprintQuery) -> list[Segment]:
        return self._segments(query.start, query.end, query.sites or None)

    def _segments(
        self, start: datetime | None = None, end: datetime | None = None, sites: Sequence[str] | None = None
    ) -> list[Segment]:
        """As ``Version.segments``, each of them there to be read."""
        segments = self.contents.segments(start, end, sites)
        self._there(segments)
        return segments

    def _there(self, segments: Iterable[Segment]) -> None:
        if self.earlier:
            make_again(Store(self.root, objects=self.objects), list(segments))

    def _files(self, segments: list[Segment]) -> list[Path]:
        return [self.root / segment.path for segment in segments]

    def _summaries(self, segment: Segment) -> list[BatchSummary]:
        return [header.summary for header in cached_headers(self.root / segment.path, self.objects)]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _literals(files: list[Path]) -> list[str]:
    return [literal(str(file)) for file in files]


def _begun(rows: Iterator[T]) -> Iterator[T]:
    """The same rows, of which the first has been read."""
    return chain(list(islice(rows, 1)), rows)


def _between(found: list[BatchSummary], start: datetime | None, end: datetime | None) -> list[BatchSummary]:
    kept = [each for each in found if (start is None or each.start >= start) and (end is None or each.start < end)]
    return sorted(kept, key=lambda each: (each.start, each.end, each.site))
