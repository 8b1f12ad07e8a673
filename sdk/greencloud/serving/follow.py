"""Keeping a serving copy at the ledger's latest version, beside a server: a thread that looks for a new version every few seconds,
and at once when it is woken (after a run of the allocation).

Several servers may follow for one copy: the first does the work, and the others find it done. A failure is told in the log once a
minute, and tried again after a pause that grows to a minute. A role that may only read follows nothing, and says so once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from greencloud.errors import GreencloudError, NotFoundError, StoreUnavailableError
from greencloud.ledger import Ledger
from greencloud.serving.connection import WRITER, Session, address_of, connect, database_errors, is_refused
from greencloud.serving.refresh import Refreshed, refresh

__all__ = ["following"]

_LOG: Final = logging.getLogger("greencloud.serving")
_LOOK_S: Final = 2.0
_LONGEST_S: Final = 60.0


@contextmanager
def following(database: str, ledger: Ledger, *, seconds: float = _LOOK_S) -> Iterator[Callable[[], None]]:
    """Keep the copy up to date while the block lasts; gives what wakes the thread. An end cuts a refresh short, and nothing is
    lost by that."""
    follower = _Follower(database, ledger, seconds)
    follower.thread.start()
    try:
        yield follower.woken.set
    finally:
        follower.end()


class _Follower:
    def __init__(self, database: str, ledger: Ledger, seconds: float) -> None:
        self.woken = threading.Event()
        self.thread = threading.Thread(target=self._follow, name="greencloud-copy", daemon=True)
        self._database = database
        self._ledger = ledger
        self._seconds = seconds
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._session: Session | None = None

    def end(self) -> None:
        self._ended.set()
        self.woken.set()
        with self._lock:
            if self._session:
                self._session.cut()
        self.thread.join(10)

    def _follow(self) -> None:
        pause, last = self._seconds, ""
        try:
            while not self._ended.is_set():
                try:
                    done = self._refresh()
                except NotFoundError:
                    pause = self._seconds  # nothing was posted yet
                except GreencloudError as error:
                    if self._ended.is_set():
                        return
                    if is_refused(error):
                        _LOG.warning("serving copy: this role may not write, somebody else has to refresh it: %s", error.message)
                        return
                    if error.message != last or pause >= _LONGEST_S:
                        _LOG.warning("serving copy not refreshed: %s", error.message)
                    pause, last = min(_LONGEST_S, pause * 2), error.message
                except Exception:
                    if self._ended.is_set():
                        return
                    _LOG.exception("serving copy not refreshed")  # the next may well be; a silent end would not be seen
                    pause = min(_LONGEST_S, pause * 2)
                else:
                    pause, last = self._seconds, ""
                    if done.added or done.removed:
                        _LOG.info("serving copy: version %d, %d batches in, %d out", done.version, done.added, done.removed)
                self.woken.wait(pause)
                self.woken.clear()
        finally:
            self._let_go()

    def _refresh(self) -> Refreshed:
        try:
            with database_errors(self._database):
                connection = self._connected()
            return refresh(self._database, connection, self._ledger)
        except BaseException:
            self._let_go()
            raise

    def _connected(self) -> Any:
        with self._lock:
            if self._ended.is_set():
                raise StoreUnavailableError("the server is about to stop")
            if self._session is None:
                self._session = Session(connect(self._database, **WRITER))
                _LOG.info("serving copy: %s", address_of(self._database))
            return self._session.connection

    def _let_go(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session:
            session.close()
