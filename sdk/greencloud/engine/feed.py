"""What feeds a ledger in object storage: the shared logs that its telemetry comes by, and the facility book of its batches.

Several data directories may write to one ledger. Two that know different things restate each other without end, each figure as
right as the other: one that follows the shared log and one that does not, or two whose books differ. So who allocates notes it
beside the ledger, under the lease, and whoever knows something else is refused until somebody decides::

    ledger/feed/000000000001.json      {"logs": [NAME], "book": REVISION, "since": TIME, "by": DIRECTORY, "token": ...}, and so on

The last record counts. A log, once noted, is the only one; the first run with ``--log`` notes it. (A region with a log of its own,
whose sites no other one tells of, is let in beside it on purpose.) **A later book succeeds an
earlier one by itself**, and an earlier one that is put in force again, after the later one, is the later one from then on: what
counts is when it was put in force in its directory. Of books whose time is not known the history of the directory tells which
came first. To feed the ledger by another log (``follow``), or by a book that is not the later one (``take_over``), is done on
purpose.

A store has one line of books for all of its directories (``applied_books``), so there nothing is noted of books; and a ledger in a
folder is one directory's, where there is nothing to note.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from greencloud.engine.applied_books import AppliedBooks
from greencloud.engine.data import DataDirectory
from greencloud.engine.leasing import holder_of
from greencloud.errors import StoreError
from greencloud.facility import starter_facility
from greencloud.objects.records import Records
from greencloud.units import format_instant, parse_instant

__all__ = ["Fed", "Feed"]

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Fed:
    """``logs``: the names of shared logs, none where there is none. ``book``: a revision, "" where none was noted, in force
    ``since`` then. ``by``: the directory that noted it, as its leases call it."""

    logs: tuple[str, ...] = ()
    book: str = ""
    since: datetime = _LONG_AGO
    by: str = ""


class Feed:
    """What feeds the ledger of a data directory. All of it raises StoreUnavailableError where the store does not answer."""

    def __init__(self, data: DataDirectory) -> None:
        store = data.ledger.store
        self._data = data
        self._where = store.where
        self._books = AppliedBooks(data)
        self._records = Records(store.root / "feed", store.objects) if store.objects.remote else None

    def current(self) -> Fed:
        """What was noted last. Raises StoreError: it cannot be read."""
        return self._last()[1]

    def check(self, log: str) -> None:
        """For who takes telemetry by that log, or into its own where it is "", and for who is about to allocate it.

        Raises:
            StoreError: another log feeds the ledger.
        """
        self._check_log(self.current(), log)

    def check_book(self) -> None:
        """For who wants to know whether a run would be refused for the book in force. Raises StoreError: a later one feeds the
        ledger."""
        fed = self.current()
        if fed.book and fed.book != self._books.in_force:
            self._succeeding(fed)

    def note(self, log: str | None, now: datetime) -> None:
        """For a run that holds the lease: by ``log`` and the book in force it posts from now on. None: by usage from elsewhere.

        Raises:
            StoreError: another log feeds the ledger, or a later book.
        """
        if self._records is None:
            return
        while True:
            number, fed = self._last()
            if log is not None:
                self._check_log(fed, log)
            wanted = replace(fed, logs=fed.logs or ((log,) if log else ()))
            if not self._data.objects.remote and fed.book != (book := self._books.in_force):
                wanted = replace(wanted, book=book, since=self._succeeding(fed) or max(now, fed.since))
            if wanted == fed or self._add(number, wanted):
                return

    def follow(self, log: str, *, beside: bool = False) -> None:
        """From now on the ledger is fed by that log, "" for none, or by it ``beside`` the others: on purpose. Nothing for a ledger
        in a folder."""
        while self._records is not None:
            number, fed = self._last()
            named = (log,) if log else ()
            logs = tuple(sorted({*fed.logs, *named})) if beside else named
            if fed.logs == logs or self._add(number, replace(fed, logs=logs)):
                return

    def take_over(self, now: datetime) -> None:
        """From now on the ledger is fed by the book in force here, later than all others: on purpose. Nothing where there is one
        line of books."""
        while self._records is not None and not self._data.objects.remote:
            number, fed = self._last()
            since = max(now, fed.since + timedelta(microseconds=1))  # whatever clock the other one had
            if fed.book == (book := self._books.in_force) or self._add(number, replace(fed, book=book, since=since)):
                return

    def _last(self) -> tuple[int, Fed]:
        number = self._records.latest() if self._records else 0
        return number, self._records.read(number, _parsed) if self._records and number else Fed()

    def _add(self, number: int, fed: Fed) -> bool:
        assert self._records is not None, "whoever asks has looked"
        said = {"logs": fed.logs, "book": fed.book, "since": format_instant(fed.since), "by": holder_of(self._data)}
        content = json.dumps(said | {"token": secrets.token_hex(8)}, sort_keys=True)
        return self._records.create(number + 1, content.encode())

    def _check_log(self, fed: Fed, log: str) -> None:
        if not fed.logs or log in fed.logs:
            return
        raise StoreError(
            f"the shared log {', '.join(fed.logs)} feeds the ledger at {self._where}, and {self._data.path} "
            + (f"is to follow {log}" if log else "was given no log: it knows less"),
            path=self._where,
            advice="name that log: --log URI, or GREENCLOUD_LOG_URI; to feed the ledger by another one from now on, or by none: "
            "greencloud ledger feed --set with --log URI, or --no-log",
        )

    def _succeeding(self, fed: Fed) -> datetime | None:
        """When the book in force here was put in force, if after the one that was noted; None where nobody knows when.

        Raises:
            StoreError: it was not.
        """
        current = self._books.current
        applied = parse_instant(current["applied"]) if current and "applied" in current else None
        if not fed.book or (applied and applied > fed.since):
            return applied
        if current and not applied and fed.book in {each.revision for each in self._books.all()[:-1]}:
            return None
        here = f"{(current or {}).get('revision', starter_facility().revision)[:12]}, put in force " + (
            format_instant(applied) if applied else "at no known time" if current else "by nobody: the starter"
        )
        raise StoreError(
            f"the ledger at {self._where} has batches of the facility book {fed.book[:12]}, put in force "
            f"{format_instant(fed.since)} by {fed.by}; the one of {self._data.path} is {here}",
            path=self._where,
            advice="put that book in force here, too (greencloud serve --facility, or ingest --facility); to go on with this one: "
            "greencloud ledger feed --set",
        )


def _parsed(number: int, content: bytes) -> Fed:
    try:
        told = json.loads(content)
        return Fed(tuple(map(str, told["logs"])), str(told["book"]), parse_instant(told["since"]), str(told["by"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"what feeds the ledger (record {number}) cannot be read: {error}", advice="restore it from a backup"
        ) from error
