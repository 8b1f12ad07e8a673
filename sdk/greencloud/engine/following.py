"""That a run knows all that was taken: of a shared log, what it held when the run began.

Several servers may allocate, each from its own write-ahead log. One that is behind knows less than another knew, and would put
emptier batches in the place of fuller ones. So a run asks here before it takes the lease, that a server which is behind leaves it
to others, and again when it holds it: whoever held it before had read no more than the log holds now. A directory that has ever
followed a shared log is not allocated without it; nor is one whose ledger is fed by a log that others follow (``feed``).
"""

from __future__ import annotations

from collections.abc import Callable

from greencloud.engine.data import DataDirectory
from greencloud.engine.feed import Feed
from greencloud.errors import StoreError
from greencloud.telemetry.follower import catch_up
from greencloud.telemetry.record import PLACED_FORMAT
from greencloud.telemetry.shared_log import SharedLog
from greencloud.telemetry.wal import WriteAheadLog

__all__ = ["check_followed", "make_current"]


def make_current(data: DataDirectory, log: SharedLog | None, waiting: Callable[[], object] = lambda: None) -> None:
    """Return when the directory holds all that its shared log holds now; ``waiting`` is told now and then until then.

    Raises:
        StoreError: the directory follows a shared log, and none was named; or another one feeds the ledger.
        LogUnavailableError: the log's end is not known, or not reached in time.
        LogLostError: what is missing here is gone.
    """
    if log is None:
        check_followed(data)
        return
    Feed(data).check(log.name)
    catch_up(log, data.telemetry.followed, lambda: WriteAheadLog(data.wal_directory, version=PLACED_FORMAT), waiting=waiting)


def check_followed(data: DataDirectory) -> None:
    """Raises StoreError where the directory follows a shared log, or its ledger is fed by one: for those who were given none."""
    logs = data.telemetry.followed.noted().logs
    if logs:
        raise StoreError(
            f"{data.path} follows the shared log {', '.join(sorted(logs))}, which may hold more than is here",
            path=str(data.path),
            advice="name it: --log URI, or GREENCLOUD_LOG_URI; or ask a server",
        )
    Feed(data).check("")
