"""The lease to write to a data directory's ledger: what the directory is called among its holders, and how it is taken and let go.

A ledger in a folder has holders by machine; of one in object storage each directory of a machine is a holder of its own.

A lease passes on when it has expired, by the clock of whoever asks. One whose holder died with a clock that was far ahead would
hold everybody up until then: ``release`` lets go of it, safely whether it is dead or not. It takes the next lease and fences the
table with its number, so that nothing that was begun under the old one can be committed any more.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from greencloud.errors import ConflictError
from greencloud.ledger.keeping import kept
from greencloud.ledger.lease import Held, Lease, Leases, StoredLeases

if TYPE_CHECKING:
    from greencloud.engine.data import DataDirectory

__all__ = ["holder_of", "leases_of", "release", "writing"]


def holder_of(data: DataDirectory) -> str:
    """The name of a directory among the holders of its ledger's lease, without that of the process."""
    host = socket.gethostname()
    if not data.ledger.store.objects.remote:
        return host
    return f"{host}:{sha256(os.fsencode(_ledger(data).resolve())).hexdigest()[:16]}"


def leases_of(data: DataDirectory) -> Leases:
    """The leases of a directory's ledger, wherever it lies."""
    store, folder, term = data.ledger.store, _ledger(data) / "leases", data.leasing.term
    return StoredLeases(folder, store.objects, store.lease, term) if store.objects.remote else Leases(folder, store.lease, term)


@contextmanager
def writing(data: DataDirectory, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Held]:
    """Hold the lease. As ``DataDirectory.writing``, which says more."""
    leases, host, store = leases_of(data), holder_of(data), data.ledger.store
    held = Held(leases, leases.take(f"{host}/{os.getpid()}", clock(), over_host=host), clock)
    try:
        if store.objects.remote and held.over:  # who held it may be about to commit what it worked out before
            store.fence(held.number, clock())
        data.leasing.holds = held.number
        with kept(held):
            yield held
    finally:
        data.leasing.holds = 0
        held.release()


def release(data: DataDirectory, number: int, now: datetime) -> Lease:
    """Let go of the lease of that number, whoever holds it, and give the one that took its place. For whoever holds
    ``data.allocating()``.

    Raises:
        ConflictError: another one is the latest: the holder is alive and has renewed it, say.
        StoreError: another writer was first just now, or the table cannot be read.
        StoreUnavailableError: the object store does not answer.
    """
    leases, latest = leases_of(data), leases_of(data).latest()
    if latest is None or latest.number != number:
        raise ConflictError(
            f"{leases.where}: lease {number} is not the latest, which is "
            + (f"{latest.number}, of {latest.holder or 'nobody'}" if latest else "none"),
            in_force=str(latest.number) if latest else "",
            advice="look at it again: greencloud ledger lease; one that is renewed has a holder that is alive",
        )
    taken = leases.take(f"{holder_of(data)}/{os.getpid()}", now, over_host=latest.holder.partition("/")[0])
    data.ledger.store.fence(taken.number, now)
    leases.release(taken, now)
    return taken


def _ledger(data: DataDirectory) -> Path:
    return (data.path / "ledger").absolute()
