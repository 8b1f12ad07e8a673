"""A serving copy as questions are put to it: rows of a footprint from PostgreSQL where it can give them, else nothing.

It can where the copy is of the very version that was asked for, of that ledger, and of this release's format; where the database is
there and answers in time. In every other case the answer is ``None``, the ledger is asked, and why is counted (``counts``) and told
in the log once a minute. A database that is away is let alone for some seconds, so that not every question waits for it.

Questions may come from any number of threads; each takes a connection for as long as it asks. Names of accounts are bound
parameters, and the accounts are those of the query, which the server has narrowed to what its caller may see.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import GreencloudError
from greencloud.ledger.stop import Stop
from greencloud.ledger.sums import Rows
from greencloud.ledger.version import Version
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.serving.connection import Session, Watchdog, address_of, checked, connect
from greencloud.serving.question import compile_question
from greencloud.serving.schema import FORMAT
from greencloud.serving.state import STATE_SQL, CopyState, content_of_version

if TYPE_CHECKING:
    import psycopg

__all__ = ["CAUSES", "COPY", "ServingCopy"]

COPY: Final = "copy"
CAUSES: Final = ("version", "schema", "slow", "large", "unavailable")
"""Why the ledger answers in the copy's place: the copy is of another version or ledger; of another release, or none is there; takes
too long; has too many sums for one answer, or a label that is no text; or the database does not answer."""

_LOG: Final = logging.getLogger("greencloud.serving")
_MOST_SUMS: Final = 200_000
_AWAY_S: Final = 5.0
_TELL_S: Final = 60.0
_IDLE: Final = 16
_TIMEOUT_S: Final = 2.0
_SLACK_S: Final = 1.0  # after which a database has not even said that time is up


class ServingCopy:
    """The copy in the database of a connection string. ``timeout_s``: how long a statement may take; ``clock`` in seconds.

    Raises:
        QuantityError: it is no connection string.
        MissingExtraError: psycopg is not installed.
    """

    def __init__(self, database: str, *, timeout_s: float = _TIMEOUT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.database = checked(database, said_by_option=False)
        self.counts: Counter[str] = Counter()
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = Lock()
        self._idle: list[Session] = []
        self._watchdog = Watchdog(_SLACK_S / 2, clock)
        self._state: CopyState | None = None
        self._away_until = 0.0
        self._told = -_TELL_S
        self._closed = False

    def rows(
        self, contents: Version, query: FootprintQuery, names: tuple[str, ...], most: int | None, stop: Stop
    ) -> list[FootprintRow] | None:
        """The rows of a query that names accounts, of that version of the ledger; None where the ledger has to be asked.

        Raises:
            TooLargeError: there are more than ``most`` rows.
            StoppedError: ``stop`` was set.
        """
        from psycopg import Error, errors

        cause, said = "unavailable", ""
        if self._clock() >= self._away_until:
            try:
                rows = self._ask(contents, query, names, most, stop)
            except GreencloudError:
                raise
            except errors.QueryCanceled as error:
                cause, said = "slow", str(error)
            except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName) as error:
                cause, said = "schema", str(error)
            except (_NotHereError, ValueError) as error:
                cause, said = getattr(error, "cause", "large"), str(error)
            except (Error, OSError) as error:
                said = str(error)
                self._away_until = self._clock() + _AWAY_S
            else:
                self._count(COPY)
                return rows
        self._count(cause)
        self._tell(cause, said)
        return None

    def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        self._forget()
        self._watchdog.close()

    def _ask(
        self, contents: Version, query: FootprintQuery, names: tuple[str, ...], most: int | None, stop: Stop
    ) -> list[FootprintRow]:
        from psycopg import OperationalError

        session = self._taken()
        try:
            return self._answer(session, contents, query, names, most=most, stop=stop)
        except OperationalError:
            if not session.used or session.usable or session.was_cut:
                raise
            self._forget()  # the database was started anew, and every idle session is of the one before
        finally:
            self._give_back(session)
        session = self._taken()
        try:
            return self._answer(session, contents, query, names, most=most, stop=stop)
        finally:
            self._give_back(session)

    def _answer(
        self, session: Session, contents: Version, query: FootprintQuery, names: tuple[str, ...], *, most: int | None, stop: Stop
    ) -> list[FootprintRow]:
        connection = session.connection
        version, content = contents.number, content_of_version(contents)
        with self._watchdog.bounded(session, self._timeout_s + _SLACK_S), stop.interrupting(session.cut):
            state = self._state
            for again in False, True:
                if again or state is None or (state.version, state.content) != (version, content):
                    state = self._read_state(connection)
                if (state.version, state.content) != (version, content):
                    raise _NotHereError("version", f"it is of version {state.version}, and {version} is asked for")
                asked = compile_question(query, names, state, _MOST_SUMS)
                found = connection.execute(asked.sql, asked.parameters).fetchall()
                if len(found) > _MOST_SUMS:
                    raise _NotHereError("large", f"more than {_MOST_SUMS} sums")
                if any(row[2 + asked.width] is None for row in found):
                    break
            else:
                raise _NotHereError("version", "it is being refreshed")
        rows = Rows(query, most)
        rows.add(asked.partials(found))
        return rows.finished(names)

    def _read_state(self, connection: psycopg.Connection[Any]) -> CopyState:
        row = connection.execute(STATE_SQL).fetchone()
        if row is None or row[0] != FORMAT:
            raise _NotHereError("schema", f"it is of format {row and row[0]}, and this release reads {FORMAT}")
        self._state = state = CopyState.of(row)
        return state

    def _taken(self) -> Session:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        timeout = str(int(self._timeout_s * 1000))
        # Compiling a plan takes longer than the question.
        return Session(connect(self.database, statement_timeout=timeout, default_transaction_read_only="on", jit="off"))

    def _give_back(self, session: Session) -> None:
        session.used = True
        with self._lock:
            keep = session.usable and not self._closed and len(self._idle) < _IDLE
            if keep:
                self._idle.append(session)
        if not keep:
            session.close()

    def _forget(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def _tell(self, cause: str, said: str) -> None:
        with self._lock:
            now = self._clock()
            if now - self._told < _TELL_S:
                return
            self._told = now
        # Of what the database says its first line: it may repeat the statement, and with it names of accounts.
        _LOG.warning(
            "serving copy %s: the ledger answers in its place (%s) %s", address_of(self.database), cause, said.partition("\n")[0]
        )


class _NotHereError(Exception):
    """The ledger has to be asked, and why."""

    def __init__(self, cause: str, said: str) -> None:
        super().__init__(said)
        self.cause = cause
