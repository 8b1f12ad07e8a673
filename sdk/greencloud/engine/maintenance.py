"""Maintenance of a data directory's ledger: days compacted, files that nobody needs removed, by one writer at a time.

It changes no figure: what was visible is visible, and of what was superseded every final batch stays that the policy keeps.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greencloud.engine.data import DataDirectory
from greencloud.ledger.compaction import compact
from greencloud.ledger.lease import Lease
from greencloud.ledger.vacuum import GRACE, Vacuumed, vacuum

__all__ = ["SETTLING", "Maintained", "leased", "maintain"]

SETTLING: Final = timedelta(days=1)
"""A day is compacted so long after its end: late data would cut it open again."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """How many days were compacted, and what was removed."""

    days: int
    removed: Vacuumed


def maintain(
    data: DataDirectory,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    keep_superseded: timedelta | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Maintained:
    """Compact what has settled, then remove what is not needed. ``progress`` is told of each step.

    Raises:
        StoreError: another run holds the directory, or a segment is damaged.
    """
    with leased(data, now) as lease:
        progress("compacting days")
        days = compact(data.ledger, now - SETTLING, lease=lease.number)
        progress("removing what nobody needs")
        removed = vacuum(data.ledger, now, grace=grace, keep_superseded=keep_superseded)
    return Maintained(days, removed)


@contextmanager
def leased(data: DataDirectory, now: datetime) -> Iterator[Lease]:
    """Hold the directory's one place for a run, and the ledger's lease.

    The lock shows that no run of this machine is alive, so the lease of one that died here need not expire.
    """
    holder = socket.gethostname()
    with data.allocating():
        lease = data.leases.take(f"{holder}/{os.getpid()}", now, over_host=holder)
        try:
            yield lease
        finally:
            data.leases.release(lease, now)
