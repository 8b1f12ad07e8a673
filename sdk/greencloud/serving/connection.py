"""Connections to the database of a serving copy, and what a failure there is to those who call.

A database is named by a connection string of libpq (a URI or ``key=value`` pairs). A password belongs into a password file
(PGPASSFILE) or, with the rest, into the variable ``GREENCLOUD_SERVING_COPY``: arguments of a command can be read by every user of
the machine. What is told of a database is its host, port and name and nothing else (``address_of``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import GreencloudError, MissingExtraError, QuantityError, StoreUnavailableError

if TYPE_CHECKING:
    import psycopg

__all__ = [
    "LOCK",
    "VARIABLE",
    "WRITER",
    "Session",
    "Watchdog",
    "address_of",
    "checked",
    "connect",
    "database_errors",
    "is_refused",
]

VARIABLE: Final = "GREENCLOUD_SERVING_COPY"
LOCK: Final = 0x67_63_63_6F_70_79
"""The advisory lock of those who refresh: "gccopy"."""

WRITER: Final = {
    "default_transaction_isolation": "read committed",  # what is seen under the lock is what the one before left
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
    "statement_timeout": "0",
}
"""Settings of a session that refreshes: it takes as long as it takes."""

_CONNECT_S: Final = 3
_KEPT_ALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}


def checked(database: str, *, said_by_option: bool) -> str:
    """The connection string, once it is known to be one.

    Raises:
        QuantityError: it is none, or has a password and was an argument of the command.
        MissingExtraError: psycopg is not installed.
    """
    psycopg = _psycopg()
    try:
        told = psycopg.conninfo.conninfo_to_dict(database)
    except psycopg.Error:  # whose text may repeat the string, password and all
        raise QuantityError("that is no connection string of PostgreSQL", advice="write postgresql://USER@HOST/DATABASE") from None
    if said_by_option and "password" in told:
        raise QuantityError(
            "a password among the arguments of a command can be read by everybody on the machine",
            advice=f"put it into a password file (PGPASSFILE), or the whole string into {VARIABLE}",
        )
    return database


def address_of(database: str) -> str:
    """HOST:PORT/DATABASE, to be told to people. Never the user or the password."""
    told = _psycopg().conninfo.conninfo_to_dict(database)
    host = told.get("host") or os.environ.get("PGHOST", "localhost")
    port = told.get("port") or os.environ.get("PGPORT", "5432")
    return f"{host}:{port}/{told.get('dbname') or os.environ.get('PGDATABASE', '')}"


def connect(database: str, **settings: str) -> psycopg.Connection[Any]:
    """A connection in autocommit mode, with these settings of the session. Raises psycopg.Error."""
    connection: psycopg.Connection[Any] = _psycopg().connect(
        database, autocommit=True, connect_timeout=_CONNECT_S, application_name="greencloud", client_encoding="UTF8", **_KEPT_ALIVE
    )
    try:
        chosen = {"TimeZone": "UTC", "DateStyle": "ISO", **settings}
        connection.execute("SELECT " + ", ".join(["set_config(%s, %s, false)"] * len(chosen)), sum(chosen.items(), ()))
        connection.adapters.register_loader("numeric", _integer_loader())
    except BaseException:
        connection.close()
        raise
    return connection


class Session:
    """A connection that can be ended from any thread and at once, so that whoever waits for its answer gets an error. A cancel
    request would have to connect first; and of a server that stands still nothing else is heard.

    ``until``: the moment by which it has to answer, None while nobody waits.
    """

    __slots__ = ("_socket", "connection", "until", "used", "was_cut")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.used = False
        self.was_cut = False
        self.until: float | None = None
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))

    @property
    def usable(self) -> bool:
        return not (self.connection.closed or self.was_cut)

    def cut(self) -> None:
        self.was_cut = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()
        self.connection.close()


class Watchdog:
    """Cuts sessions that are past their ``until``: one thread for all of them, that looks every ``seconds``."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sessions: set[Session] = set()
        self._ended = Event()
        self._thread = Thread(target=self._look, name="greencloud-serving-copy", daemon=True)
        self._thread.start()

    @contextmanager
    def bounded(self, session: Session, seconds: float) -> Iterator[None]:
        """While this is open, the session answers within so many seconds (and as long as it takes to look) or is cut."""
        session.until = self._clock() + seconds
        self._sessions.add(session)
        try:
            yield
        finally:
            session.until = None
            self._sessions.discard(session)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._seconds):
            now = self._clock()
            for session in tuple(self._sessions):
                if (until := session.until) is not None and until < now:
                    session.cut()


@contextmanager
def database_errors(database: str) -> Iterator[None]:
    """What the database says is told in our words.

    Raises:
        StoreUnavailableError: the database does not answer, or refuses.
    """
    psycopg = _psycopg()
    try:
        yield
    except psycopg.Error as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise StoreUnavailableError(
            f"{address_of(database)}: {said[0]}",
            path=address_of(database),
            advice="see to the database; the ledger has everything that is in it",
        ) from error


def is_refused(error: GreencloudError) -> bool:
    """Whether the role may not write."""
    psycopg = _psycopg()
    return isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction)


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtraError("a serving copy", extra="postgres") from error
    return psycopg


def _integer_loader() -> Any:
    """Amounts are integers, whatever PostgreSQL keeps them in."""
    from psycopg.adapt import Loader

    class Integer(Loader):
        def load(self, data: Any) -> int:
            return int(bytes(data))

    return Integer
