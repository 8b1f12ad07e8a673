"""What ``greencloud doctor`` tells of a directory that is one of several: how far it follows the shared log, what feeds the ledger,
and who holds the lease."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.cli._finding import Finding
from greencloud.cli._log import shared_log
from greencloud.units import format_instant

__all__ = ["feed_findings", "lease_findings", "shared_log_findings"]

_FAR: Final = timedelta(hours=1)
"""No term of a lease is so long, unless the holder's clock is ahead."""


def shared_log_findings(path: Path, uri: str) -> Iterator[Finding]:
    """Nothing for a directory that follows no shared log. Raises GreencloudError: the broker does not answer, a file is damaged."""
    from greencloud.engine import DataDirectory

    directory = DataDirectory.open(path, create=False)
    noted = directory.telemetry.followed.find().logs
    for name, (position, _) in sorted(noted.items()):
        yield Finding("shared log", "ok", f"{name} was followed up to {position:,}")
    with shared_log(uri) as log:
        if log is not None:
            bounds = log.bounds()
            position = noted.get(log.name, (0, 0))[0]
            text = f"{log.name} holds {bounds.first:,} to {bounds.last:,}; {max(0, bounds.last - position):,} are not here yet"
            if position > bounds.last or bounds.first > position + 1:
                remedy = "see the server's log; docs/several-servers.md, When messages are gone"
                yield Finding("shared log", "fault", text, remedy)
            elif noted and log.name not in noted:
                remedy = "name the log that was followed, or see docs/several-servers.md, Another log"
                yield Finding("shared log", "fault", f"{log.name} is not the log that was followed", remedy)
            else:
                yield Finding("shared log", "ok", text)


def feed_findings(path: Path) -> Iterator[Finding]:
    """Nothing for a ledger of which nothing is noted. Raises as ``lease_findings``; and where a run would be refused."""
    from greencloud.engine import DataDirectory
    from greencloud.engine.feed import Feed

    directory = DataDirectory.open(path, create=False)
    fed = Feed(directory).current()
    parts = [f"the shared log {', '.join(fed.logs)}"] if fed.logs else []
    parts += [f"the facility book {fed.book[:12]}, in force since {format_instant(fed.since)} ({fed.by})"] if fed.book else []
    if parts:
        yield Finding("feed", "ok", f"the ledger is fed by {' and '.join(parts)}")
    if fed.logs and not set(fed.logs) & directory.telemetry.followed.noted().logs.keys():
        remedy = "name that log to whatever allocates here, or takes telemetry: --log URI, or GREENCLOUD_LOG_URI"
        yield Finding("feed", "note", "this directory has followed nothing of it yet", remedy)
    Feed(directory).check_book()


def lease_findings(path: Path) -> Iterator[Finding]:
    """Nothing for a ledger that was never written under a lease. Raises GreencloudError: the store does not answer."""
    from greencloud.engine import DataDirectory

    held, ours = DataDirectory.open(path, create=False).lease()
    if held is not None:
        alive = held.expires > datetime.now(UTC) and not held.let_go
        state = f"until {format_instant(held.expires)}" if alive else "let go" if held.let_go else "expired"
        text = f"{held.number}, {state}, {'of this directory' if ours else 'of another'} ({held.holder})"
        far = alive and held.expires - datetime.now(UTC) > _FAR
        remedy = f"if its holder is dead (its clock was ahead): greencloud ledger lease --release {held.number}" if far else ""
        yield Finding("lease", "note" if far else "ok", text, remedy)
