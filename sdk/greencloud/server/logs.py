"""Where a server's intake keeps what it takes: its own write-ahead log, or a shared log that this or other servers follow.

With a shared log, intake answers when the broker has a record, and one process of the directory follows the log into the
write-ahead log in the background. A broker that is away when the server starts is waited for: intake turns senders away until then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from greencloud.errors import LogUnavailableError, StoreUnavailableError

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory
    from greencloud.server.settings import Settings
    from greencloud.telemetry.follower import Follower
    from greencloud.telemetry.shared_log import SharedLog
    from greencloud.telemetry.wal import WriteAheadLog

__all__ = ["Logs", "logs_of"]

_LOG: Final = logging.getLogger("greencloud.server")


@dataclass(frozen=True, slots=True)
class Logs:
    """``shared`` is None without a shared log, ``follower`` where this process does not follow it."""

    own: WriteAheadLog
    shared: SharedLog | None = None
    follower: Follower | None = None

    @property
    def intake(self) -> WriteAheadLog | SharedLog:
        """Where what is taken is kept before it is acknowledged."""
        return self.shared or self.own


@contextmanager
def logs_of(settings: Settings, data: DataDirectory) -> Iterator[Logs]:
    """Open the logs of a server's process while the block lasts.

    Raises:
        StoreError: the directory follows a shared log, and none was named, or another one feeds its ledger.
        ConfigError, MissingExtraError: the shared log cannot be used.
    """
    from greencloud.engine.feed import Feed
    from greencloud.engine.following import check_followed
    from greencloud.telemetry.follower import Follower
    from greencloud.telemetry.log_uri import open_log
    from greencloud.telemetry.record import PLACED_FORMAT
    from greencloud.telemetry.wal import WriteAheadLog

    with ExitStack() as stack:
        if not settings.log:
            with _store_may_be_away():
                check_followed(data)
            own = WriteAheadLog(data.wal_directory)
            stack.callback(own.close)
            yield Logs(own)
            return
        own = WriteAheadLog(data.wal_directory, version=PLACED_FORMAT)
        stack.callback(own.close)
        shared = open_log(settings.log)
        stack.callback(shared.close)
        try:
            _LOG.info("what is taken goes to the shared log %s", shared.name)
            with _store_may_be_away():
                feed = Feed(data)
                if settings.log_from >= 0 and shared.name not in feed.current().logs:  # on purpose
                    feed.follow(shared.name)
                feed.check(shared.name)
        except LogUnavailableError as error:
            _LOG.warning("%s; nothing is taken until it answers", error.message)
        follower = None
        if settings.follow:
            skip_to = settings.log_from if settings.log_from >= 0 else None
            follower = stack.enter_context(Follower(shared, data.telemetry.followed, own, skip_to=skip_to))
        yield Logs(own, shared, follower)


@contextmanager
def _store_may_be_away() -> Iterator[None]:
    """Telemetry is taken all the same then; every run asks again what feeds the ledger."""
    try:
        yield
    except StoreUnavailableError as error:
        _LOG.warning("whether another log feeds the ledger is not known: %s", error.message)
