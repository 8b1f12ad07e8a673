"""Building a serving copy, and bringing it up to the ledger's latest version: the same thing, in one transaction.

What changed is found by the paths of segments, and then by batches: compaction moves batches from segment to segment, and of that
nothing is copied. Batches that are not visible any more are deleted, fresh ones come in by COPY; a reader sees the version before
or the one after, and a refresh that dies leaves the one before. Of several who refresh at once one does it and the others wait (an
advisory lock of the transaction) and then find nothing to do. A month's partition is filled first and attached then.

A day is added up into ``day_sum`` once it is whole (24 hours, nothing provisional), or when it lies two days before the last: until
then questions read its postings, and an hour that is posted does not cost a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import ConflictError, NotFoundError
from greencloud.ledger import Ledger, Snapshot
from greencloud.ledger.segments import cached_headers, count_in, gather_headers
from greencloud.objects.objects import Objects
from greencloud.results import BatchSummary
from greencloud.serving.connection import LOCK, database_errors
from greencloud.serving.rows import Source, lines
from greencloud.serving.schema import COLUMNS, FORMAT, SCHEMA, TABLES, attach_sql, create_sql, encoded, partition_name
from greencloud.serving.state import STATE_SQL, CopyState, content_of_version, ledger_of

if TYPE_CHECKING:
    import psycopg

__all__ = ["Refreshed", "drop", "read_state", "refresh"]

_SITE_DAY: Final = "site = %s AND window_start >= %s AND window_start < %s"
_MOST_ROWS: Final = 500_000  # as lines, some 125 MB
_MOST_SEGMENTS: Final = 256
_OTHER: Final = "greencloud ledger copy --drop removes the copy, and the same without --drop builds it anew"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did. ``version`` is what the copy holds now; the counts are of batches, bytes of COPY and added-up days."""

    version: int
    added: int = 0
    removed: int = 0
    bytes: int = 0
    rolled: int = 0


def read_state(connection: psycopg.Connection[Any]) -> CopyState | None:
    """What the copy says of itself; None where there is none. Raises psycopg.Error, ConflictError as ``refresh``."""
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", ["greencloud.copy_state"]).fetchone()
    if not found or not found[0]:
        return None
    form = connection.execute("SELECT format FROM greencloud.copy_state").fetchone()
    if form is None or form[0] != FORMAT:
        raise ConflictError(f"the copy is of format {form and form[0]}, and this greencloud writes format {FORMAT}", advice=_OTHER)
    row = connection.execute(STATE_SQL).fetchone()
    return CopyState.of(row) if row else None


def refresh(
    database: str,
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Refreshed:
    """Make the copy the ledger's latest version, whatever it was before.

    Raises:
        NotFoundError: nothing was ever posted.
        ConflictError: the schema holds a copy of another ledger, or of another release.
        StoreUnavailableError: the database or the object store does not answer, or the role may not write.
        StoreError: a segment cannot be read.
    """
    with database_errors(database), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        snapshot = ledger.snapshot()  # under the lock, so that no copy goes back to a version before
        if snapshot.version < 0:
            raise NotFoundError("nothing was posted yet", advice="allocate first: greencloud allocate --data DIR")
        return _Refresh(connection, snapshot, progress).run(ledger.store.committed)


def drop(database: str, connection: psycopg.Connection[Any]) -> bool:
    """Remove the tables of a copy, of whichever ledger and release, and the schema where it holds nothing else. False: there was no
    copy."""
    with database_errors(database), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", ["greencloud.copy_state"]).fetchone()
        if not found or not found[0]:
            return False
        connection.execute(f"DROP TABLE IF EXISTS {', '.join(f'greencloud.{table}' for table in TABLES)} CASCADE")
        left = connection.execute(
            "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s", [SCHEMA]
        ).fetchone()
        if left and not left[0]:
            connection.execute("DROP SCHEMA greencloud")
        return True


@dataclass(slots=True)
class _Refresh:
    """One transaction. Sites and days are told as the copy has them (``schema.encoded``)."""

    connection: psycopg.Connection[Any]
    snapshot: Snapshot
    progress: Callable[[str], None]
    bytes: int = 0
    _rows: dict[str, int] | None = None

    @property
    def root(self) -> Path:
        return self.snapshot.root

    @property
    def objects(self) -> Objects:
        return self.snapshot.objects

    def run(self, committed: Callable[[int], datetime | None]) -> Refreshed:
        contents = self.snapshot.contents
        state = self._prepare(ledger_of(contents))
        content = content_of_version(contents)
        if state is not None and (state.version, state.content) == (contents.number, content):
            return Refreshed(contents.number)
        known = {path for (path,) in self._ask("SELECT path FROM greencloud.segment")}
        now = set(contents.listing["path"].to_pylist())
        added, gone = sorted(now - known), sorted(known - now)
        fresh, removed = self._batches(added, gone)
        self._remove(removed)
        self._add(fresh)
        days = {(encoded(each.site), each.start.astimezone(UTC).date()) for each, _ in fresh}
        days |= {(site, start.date()) for _, site, start in removed}
        rolled = self._roll(days)
        self.connection.execute(
            "UPDATE greencloud.copy_state SET version = %s, content = %s, committed = %s, refreshed = now()",
            [contents.number, content, committed(contents.number)],
        )
        return Refreshed(contents.number, len(fresh), len(removed), self.bytes, rolled)

    def _prepare(self, ledger: str) -> CopyState | None:
        state = read_state(self.connection)
        if state is None:
            (encoding,) = self._ask("SHOW server_encoding")[0]
            if encoding != "UTF8":
                raise ConflictError(f"the database is in {encoding}", advice="make one in UTF8: createdb --encoding UTF8")
            for statement in create_sql():
                self.connection.execute(statement)
            self.connection.execute(
                "INSERT INTO greencloud.copy_state (format, ledger, version, content) VALUES (%s, %s, -1, '')",
                [FORMAT, ledger],
            )
        elif state.ledger != ledger:
            raise ConflictError(
                f"there is a copy of another ledger ({state.ledger}) in this database, and this one is {ledger}",
                in_force=state.ledger,
                advice=f"take a database of its own for each ledger; {_OTHER}",
            )
        return state

    def _batches(self, added: list[str], gone: list[str]) -> tuple[list[tuple[BatchSummary, str]], list[tuple[str, str, datetime]]]:
        """Batches to copy, with the segment of each; and those to remove, as (segment, site, start). Lists of segments, and where
        batches lie that stay, are brought up to date."""
        before = {
            (id_, created): (segment, site, start.astimezone(UTC))
            for id_, created, segment, site, start in self._ask(
                "SELECT id, created, segment, site, window_start FROM greencloud.batch WHERE segment = ANY(%s)", [gone]
            )
        }
        paths = [self.root / path for path in added]
        gather_headers(paths, self.objects)
        fresh = []
        with self.connection.cursor() as cursor:
            cursor.execute("DELETE FROM greencloud.segment WHERE path = ANY(%s)", [gone])
            cursor.executemany("INSERT INTO greencloud.segment VALUES (%s)", [(path,) for path in added])
            for name, path in zip(added, paths, strict=True):
                for header in cached_headers(path, self.objects):
                    batch = header.summary
                    if before.pop((batch.id, batch.created), None) is None:
                        fresh.append((batch, name))
                    else:
                        place = [name, encoded(batch.site), batch.start]
                        cursor.execute(
                            "UPDATE greencloud.batch SET segment = %s WHERE site = %s AND window_start = %s",
                            place,
                        )
        return fresh, list(before.values())

    def _remove(self, batches: Iterable[tuple[str, str, datetime]]) -> None:
        with self.connection.cursor() as cursor:
            for _, site, start in batches:
                for table in "posting", "batch":
                    cursor.execute(
                        f"DELETE FROM greencloud.{table} WHERE site = %s AND window_start = %s",  # noqa: S608
                        [site, start],
                    )

    def _add(self, fresh: list[tuple[BatchSummary, str]]) -> None:
        ids: dict[str, list[str]] = {}
        by_month: dict[datetime, dict[str, None]] = {}
        for batch, path in fresh:
            ids.setdefault(path, []).append(batch.id)
            by_month.setdefault(_month(batch.start.astimezone(UTC)), {})[path] = None
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO greencloud.batch VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        batch.id,
                        batch.created,
                        encoded(batch.site),
                        batch.start,
                        int((batch.end - batch.start).total_seconds()),
                        batch.provisional,
                        path,
                    )
                    for batch, path in fresh
                ],
            )
        for month, paths in sorted(by_month.items()):
            self.progress(f"postings of {month:%Y-%m}")
            whole = [path for path in paths if len(ids[path]) == count_in(path)]
            sources = [Source(self.root, chunk) for chunk in self._chunks([(path,) for path in whole])]
            sources += [Source(self.root, (path,), tuple(ids[path])) for path in paths if len(ids[path]) < count_in(path)]
            self._load("posting", month, sources)

    def _chunks(self, groups: Iterable[Sequence[str]]) -> Iterator[tuple[str, ...]]:
        """Segments to be read at once, as many as memory allows; what is in one group stays together."""
        if self._rows is None:
            listing = self.snapshot.contents.listing
            self._rows = dict(zip(listing["path"].to_pylist(), listing["rows"].to_pylist(), strict=True))
        chunk: list[str] = []
        count = 0
        for group in groups:
            size = sum(self._rows[path] for path in group)
            if chunk and (count + size > _MOST_ROWS or len(chunk) + len(group) > _MOST_SEGMENTS):
                yield tuple(chunk)
                chunk, count = [], 0
            chunk += group
            count += size
        if chunk:
            yield tuple(chunk)

    def _load(self, table: str, month: datetime, sources: Iterable[Source]) -> None:
        """COPY rows of one month into their partition, which is made and attached where there is none."""
        name = partition_name(table, month)
        new = self._ask("SELECT to_regclass(%s) IS NULL", [f"greencloud.{name}"])[0][0]
        if new:
            self.connection.execute(f"CREATE TABLE greencloud.{name} (LIKE greencloud.{table} INCLUDING COMMENTS)")
        for source in sources:
            sql = f"COPY greencloud.{name} ({', '.join(COLUMNS[table])}) FROM STDIN"
            with self.connection.cursor() as cursor, cursor.copy(sql) as into:
                for block in lines(table, source, self.objects):
                    into.write(block)
                    self.bytes += len(block)
        if new:
            self.connection.execute(attach_sql(table, month))
            self.connection.execute(f"ANALYZE greencloud.{name}")

    def _roll(self, days: Iterable[tuple[str, date]]) -> int:
        """Take sums out of force of days that changed, and add up all that are due."""
        with self.connection.cursor() as cursor:
            for site, day in sorted(days):
                there = cursor.execute(
                    f"SELECT 1 FROM greencloud.batch WHERE {_SITE_DAY} LIMIT 1",  # noqa: S608
                    _bounds(site, day),
                ).fetchone()
                cursor.execute("DELETE FROM greencloud.day_sum WHERE site = %s AND day = %s", [site, day])
                cursor.execute("DELETE FROM greencloud.day WHERE site = %s AND day = %s", [site, day])
                if there:
                    cursor.execute("INSERT INTO greencloud.day VALUES (%s, %s, false)", [site, day])
        due = self._ask(
            "UPDATE greencloud.day d SET rolled = true WHERE NOT rolled AND "
            "(day <= (SELECT max(day) FROM greencloud.day) - 2 OR (SELECT sum(window_s) = 86400 AND NOT bool_or(provisional) "
            "FROM greencloud.batch b WHERE b.site = d.site AND b.window_start >= d.day::timestamp AT TIME ZONE 'UTC' "
            "AND b.window_start < (d.day + 1)::timestamp AT TIME ZONE 'UTC')) RETURNING site, day"
        )
        by_month: dict[datetime, list[list[str]]] = {}
        for site, day in sorted(due, key=lambda each: (each[1], each[0])):
            paths = self._ask(f"SELECT DISTINCT segment FROM greencloud.batch WHERE {_SITE_DAY} ORDER BY 1", _bounds(site, day))  # noqa: S608
            by_month.setdefault(_month(day), []).append([path for (path,) in paths])
        for month, groups in sorted(by_month.items()):
            self.progress(f"days of {month:%Y-%m}")
            self._load("day_sum", month, [Source(self.root, chunk) for chunk in self._chunks(groups)])
        return len(due)

    def _ask(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()


def _month(day: date) -> datetime:
    return datetime(day.year, day.month, 1, tzinfo=UTC)


def _bounds(site: str, day: date) -> list[Any]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [site, start, start + timedelta(days=1)]
