"""Whether a serving copy is what the ledger is: every row of it, by account and day.

Of each account and UTC day of a site the number of rows, the sum of their digests (over every column) and the exact sums of all
amounts are worked out twice: by DuckDB from the segments, and by PostgreSQL from the copy. What differs is told, one sentence a
finding. A site's day is held in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from greencloud.ledger import Ledger
from greencloud.ledger.earlier import make_again
from greencloud.ledger.sums import SUMS
from greencloud.serving.connection import database_errors
from greencloud.serving.refresh import read_state
from greencloud.serving.rows import Source, Tally, digest_sql, tallies
from greencloud.serving.schema import COLUMNS, encoded
from greencloud.serving.state import content_of_version, ledger_of

if TYPE_CHECKING:
    import psycopg

__all__ = ["check"]


def check(database: str, connection: psycopg.Connection[Any], ledger: Ledger) -> Iterator[str]:
    """What is wrong with the copy, one sentence a finding; nothing when all is well. It sees one state of the database.

    Raises:
        ConflictError: it is of another release.
        NotFoundError: the ledger has no such version.
        StoreUnavailableError: the database or the object store does not answer.
        StoreError: a segment cannot be read.
    """
    with database_errors(database), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        state = read_state(connection)
        if state is None:
            yield "there is no copy in this database: build it by the same command without --check"
            return
        snapshot = ledger.snapshot(state.version)
        if (state.ledger, state.content) != (ledger_of(snapshot.contents), content_of_version(snapshot.contents)):
            yield f"the copy is of ledger {state.ledger} and not of this one, or of another history of it"
            return
        days: dict[tuple[str, date], list[str]] = {}
        segments = snapshot.contents.segments()
        if snapshot.earlier:
            make_again(ledger.store, segments)
        for segment in segments:
            days.setdefault((segment.site, segment.first.astimezone(UTC).date()), []).append(segment.path)
        unrolled = set(state.unrolled)
        for table in COLUMNS:
            there = set(connection.execute(f"SELECT DISTINCT site, {_day_sql(table)} FROM greencloud.{table}").fetchall())  # noqa: S608
            wanted = {(encoded(site), day): paths for (site, day), paths in days.items()}
            for site, day in sorted(there | wanted.keys()):
                paths = wanted.get((site, day), ())
                if table == "day_sum" and (site, day) in unrolled:
                    paths = ()
                meant = tallies(table, Source(snapshot.root, tuple(paths)), snapshot.objects) if paths else {}
                found = _found(connection, table, site, day)
                yield from _compared(f"{table}, {site}, {day}", meant, found)


def _day_sql(table: str) -> str:
    return "day" if table == "day_sum" else "(window_start AT TIME ZONE 'UTC')::date"


def _found(connection: psycopg.Connection[Any], table: str, site: str, day: date) -> dict[str, Tally]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    place = "day" if table == "day_sum" else "window_start"
    bounds = [day, day + timedelta(days=1)] if table == "day_sum" else [start, start + timedelta(days=1)]
    rows = connection.execute(
        f"SELECT account, count(*), {digest_sql(table)}, {', '.join(f'sum({name})' for name in SUMS)} "  # noqa: S608
        f"FROM greencloud.{table} WHERE site = %s AND {place} >= %s AND {place} < %s GROUP BY account",
        [site, *bounds],
    )
    return {account: Tally(count, int(digest), tuple(amounts)) for account, count, digest, *amounts in rows}


def _compared(where: str, meant: dict[str, Tally], found: dict[str, Tally]) -> Iterator[str]:
    for account in sorted(meant.keys() | found.keys()):
        ours, theirs = meant.get(account), found.get(account)
        if ours == theirs:
            continue
        if ours is None or theirs is None or ours.rows != theirs.rows:
            counts = (each.rows if each else 0 for each in (theirs, ours))
            yield "{}, account {}: {} rows in the copy, and {} in the ledger".format(where, account, *counts)
            continue
        wrong = [name for name, mine, other in zip(SUMS, ours.amounts, theirs.amounts, strict=True) if mine != other]
        what = f"the sums of {', '.join(wrong)} differ" if wrong else "the sums agree, and a row says something else"
        yield f"{where}, account {account}: {what}"
