"""The lease: one writer at a time works out what the ledger is to say, and one that lost it cannot count.

Leases are numbered; each is a file that only one writer can make. Who holds the highest is the writer, until it expires, lets go,
or is known to be dead. Clocks may differ and step, so expiry alone proves nothing: two may come to believe that they hold the
lease. That is what the number is for. Every commit carries it, and the table refuses one whose number is lower than the highest
that it has seen (``greencloud.ledger.store``): a fencing token. The table is asked too when a lease is taken, so that a folder
that was lost, or came back from an old backup, does not begin below it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from greencloud.durable import replace_file, sync_directory
from greencloud.errors import LeaseLostError, StoreError
from greencloud.units import format_instant, parse_instant

__all__ = ["TERM", "Held", "Lease", "Leases"]

TERM: Final = timedelta(minutes=2)
"""How long a lease holds that nobody renews."""


@dataclass(frozen=True, slots=True)
class Lease:
    number: int
    holder: str
    expires: datetime


class Held:
    """A lease that is held, and renewed when half of its term has passed at the time that it is kept or its number asked for."""

    def __init__(self, leases: Leases, lease: Lease, clock: Callable[[], datetime]) -> None:
        self._leases = leases
        self._lease = lease
        self._clock = clock

    @property
    def number(self) -> int:
        """Raises LeaseLostError where another writer holds a later one."""
        self.keep()
        return self._lease.number

    def keep(self) -> None:
        """For whoever works for long before they write. Raises LeaseLostError where another writer holds a later one."""
        now = self._clock()
        if self._lease.expires - now < TERM / 2:
            self._lease = self._leases.renew(self._lease, now)

    def release(self) -> None:
        self._leases.release(self._lease, self._clock())


class Leases:
    """The leases in a folder, which the first one makes. ``seen``: the highest number that the table has seen, or 0."""

    def __init__(self, folder: Path, seen: Callable[[], int] = lambda: 0) -> None:
        self.folder = folder
        self._seen = seen

    def latest(self) -> Lease | None:
        """The lease of the highest number, expired or not."""
        numbers = [int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit()]
        if not numbers:
            return None
        number = max(numbers)
        path = self._path(number)
        try:
            told = json.loads(path.read_text())
            return Lease(number, str(told["holder"]), parse_instant(told["expires"]))
        except (ValueError, KeyError, TypeError):
            # Its writer died before it was whole; nobody holds it.
            return Lease(number, "", datetime.fromtimestamp(0, UTC))

    def take(self, holder: str, now: datetime, *, over_host: str = "") -> Lease:
        """Take the next lease. ``holder`` is ``HOST/PROCESS``.

        ``over_host``: a machine on which no holder is alive, as its caller knows; a lease from there need not expire.

        Raises:
            StoreError: somebody else holds it, or the table cannot be read.
        """
        held = self.latest()
        if held and held.expires > now and held.holder.partition("/")[0] != (over_host or None):
            raise StoreError(
                f"{self.folder}: {held.holder} is at work on this ledger until {format_instant(held.expires)}",
                path=str(self.folder),
                advice="wait for its end; if it is dead, its lease passes on then",
            )
        lease = Lease(max(held.number if held else 0, self._seen()) + 1, holder, now + TERM)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(self._path(lease.number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            raise StoreError(
                f"{self.folder}: another writer was first", path=str(self.folder), advice="wait for its end, then try again"
            ) from None
        with os.fdopen(file, "w") as opened:
            opened.write(_content(lease))
            opened.flush()
            os.fsync(opened.fileno())
        sync_directory(self.folder)
        return lease

    def renew(self, lease: Lease, now: datetime) -> Lease:
        """The same lease for a full term from now.

        Raises:
            LeaseLostError: another writer holds a later one.
        """
        self._check(lease)
        renewed = Lease(lease.number, lease.holder, now + TERM)
        replace_file(self._path(lease.number), _content(renewed))
        return renewed

    def release(self, lease: Lease, now: datetime) -> None:
        """Let go, so that the next need not wait. Older leases are tidied away; the number goes on."""
        latest = self.latest()
        if latest and latest.number == lease.number:
            replace_file(self._path(lease.number), _content(Lease(lease.number, lease.holder, now)))
            for path in self.folder.glob("*.json"):
                if path.stem.isdigit() and int(path.stem) < lease.number:
                    path.unlink(missing_ok=True)

    def _check(self, lease: Lease) -> None:
        latest = self.latest()
        if not latest or latest.number != lease.number:
            holder = f"{latest.holder} holds {latest.number}" if latest else "it is gone"
            raise LeaseLostError(f"{self.folder}: lease {lease.number} of {lease.holder} has passed on; {holder}")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}.json"


def _content(lease: Lease) -> str:
    return json.dumps({"holder": lease.holder, "expires": format_instant(lease.expires)}, sort_keys=True) + "\n"
