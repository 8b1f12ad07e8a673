"""The lease: one writer at a time works out what the ledger is to say, and one that lost it cannot count.

Leases are numbered; each is a file that only one writer can make. Who holds the highest is the writer, until it expires, lets go,
or is known to be dead. Clocks may differ and step, so expiry alone proves nothing: two may come to believe that they hold the
lease. That is what the number is for. Every commit carries it, and the table refuses one whose number is lower than the highest
that it has seen (``greencloud.ledger.store``): a fencing token. The table is asked too when a lease is taken, so that a folder
that was lost, or came back from an old backup, does not begin below it.

On object storage no file is changed: to renew a lease is to take the next number, and to let go is to leave a next number that has
expired.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from greencloud.durable import NO_ROOM, replace_file, sync_directory
from greencloud.errors import LeaseLostError, StorageFullError, StoreError
from greencloud.objects.objects import Objects
from greencloud.units import format_instant, parse_instant

__all__ = ["TERM", "Held", "Lease", "Leases", "StoredLeases"]

TERM: Final = timedelta(minutes=2)
"""How long a lease holds that nobody renews."""

_TIDY: Final = 64
"""So many old leases stay in an object store: a number that became free while somebody is about to take it would be held twice."""


@dataclass(frozen=True, slots=True)
class Lease:
    number: int
    holder: str
    expires: datetime


class Held:
    """A lease that is held, and renewed when half of its term has passed at the time that it is kept or its number asked for.

    Several threads may share it: one that waits for workers keeps it while another posts.
    """

    def __init__(self, leases: Leases, lease: Lease, clock: Callable[[], datetime]) -> None:
        self._lock = Lock()
        self._leases = leases
        self._lease = lease
        self._clock = clock

    @property
    def number(self) -> int:
        """Raises LeaseLostError where another writer holds a later one, StorageFullError where there is no room to renew it."""
        self.keep()
        return self._lease.number

    def keep(self) -> None:
        """For whoever works for long before they write. Raises as ``number``."""
        with self._lock:
            now = self._clock()
            if self._lease.expires - now < TERM / 2:
                self._lease = self._leases.renew(self._lease, now)

    def release(self) -> None:
        self._leases.release(self._lease, self._clock())


class Leases:
    """The leases in a folder, which the first one makes. ``seen``: the highest number that the table has seen, or 0."""

    def __init__(self, folder: Path, seen: Callable[[], int] = lambda: 0) -> None:
        self.folder = folder
        self.where = str(folder)
        self._seen = seen

    def latest(self) -> Lease | None:
        """The lease of the highest number, expired or not."""
        numbers = self._numbers()
        if not numbers:
            return None
        number = max(numbers)
        try:
            told = json.loads(self._read(number))
            return Lease(number, str(told["holder"]), parse_instant(told["expires"]))
        except (ValueError, KeyError, TypeError):
            # Its writer died before it was whole; nobody holds it.
            return Lease(number, "", datetime.fromtimestamp(0, UTC))

    def take(self, holder: str, now: datetime, *, over_host: str = "") -> Lease:
        """Take the next lease. ``holder`` is ``HOST/PROCESS``.

        ``over_host``: a machine on which no holder is alive, as its caller knows; a lease from there need not expire.

        Raises:
            StoreError: somebody else holds it, or the table cannot be read.
            StorageFullError: no room for its file.
        """
        held = self.latest()
        if held and held.expires > now and held.holder.partition("/")[0] != (over_host or None):
            raise StoreError(
                f"{self.where}: {held.holder} is at work on this ledger until {format_instant(held.expires)}",
                path=self.where,
                advice="wait for its end; if it is dead, its lease passes on then",
            )
        lease = Lease(max(held.number if held else 0, self._seen()) + 1, holder, now + TERM)
        with self._room():
            made = self._create(lease, in_place_of=held)
        if not made:
            raise StoreError(f"{self.where}: another writer was first", path=self.where, advice="wait for its end, then try again")
        return lease

    def renew(self, lease: Lease, now: datetime) -> Lease:
        """The same lease for a full term from now.

        Raises:
            LeaseLostError: another writer holds a later one.
            StorageFullError: no room for its file.
        """
        self._check(lease)
        renewed = Lease(lease.number, lease.holder, now + TERM)
        with self._room():
            replace_file(self._path(lease.number), _content(renewed))
        return renewed

    def release(self, lease: Lease, now: datetime) -> None:
        """Let go, so that the next need not wait. Older leases are tidied away; the number goes on."""
        latest = self.latest()
        if latest and latest.number == lease.number:
            try:
                replace_file(self._path(lease.number), _content(Lease(lease.number, lease.holder, now)))
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                with suppress(OSError):  # it would expire
                    os.truncate(self._path(lease.number), 0)  # which needs no room; an empty one is nobody's
            for path in self.folder.glob("*.json"):
                if path.stem.isdigit() and int(path.stem) < lease.number:
                    path.unlink(missing_ok=True)

    def _check(self, lease: Lease) -> None:
        latest = self.latest()
        if not latest or latest.number != lease.number:
            holder = f"{latest.holder} holds {latest.number}" if latest else "it is gone"
            raise LeaseLostError(f"{self.where}: lease {lease.number} of {lease.holder} has passed on; {holder}")

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit()]

    def _read(self, number: int) -> str:
        return self._path(number).read_text()

    def _create(self, lease: Lease, in_place_of: Lease | None = None) -> bool:
        """Whether nobody else was first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            try:
                self._write(lease)
            except OSError as error:
                if error.errno not in NO_ROOM or in_place_of is None:
                    raise
                os.truncate(self._path(in_place_of.number), 0)  # nobody's any more, and as large: work that makes room can begin
                self._write(lease)
        except FileExistsError:
            return False
        sync_directory(self.folder)
        return True

    def _write(self, lease: Lease) -> None:
        path = self._path(lease.number)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            with os.fdopen(file, "w") as opened:
                opened.write(_content(lease))
                opened.flush()
                os.fsync(opened.fileno())
        except BaseException:
            path.unlink(missing_ok=True)  # no commit carried the number yet
            raise

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise StorageFullError(
                f"{self.where}: there is no room for the lease of a writer; nothing was changed",
                path=self.where,
                advice="free some space on that volume (a few kilobytes are enough for this) and try again",
            ) from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}.json"


class StoredLeases(Leases):
    """The leases under a folder's name in an object store."""

    def __init__(self, folder: Path, objects: Objects, seen: Callable[[], int] = lambda: 0) -> None:
        super().__init__(folder, seen)
        self.where = f"{objects.uri}/{folder.name}"
        self._objects = objects

    def renew(self, lease: Lease, now: datetime) -> Lease:
        self._check(lease)
        renewed = Lease(lease.number + 1, lease.holder, now + TERM)
        if not self._create(renewed):
            raise LeaseLostError(f"{self.where}: lease {lease.number} of {lease.holder} has passed on to who was first just now")
        return renewed

    def release(self, lease: Lease, now: datetime) -> None:
        latest = self.latest()
        if latest and latest.number == lease.number and self._create(Lease(lease.number + 1, lease.holder, now)):
            for number in self._numbers():
                if number <= lease.number - _TIDY:
                    self._objects.remove(self._path(number))

    def _numbers(self) -> list[int]:
        stems = (name.removesuffix(".json") for name in self._objects.names(self.folder))
        return [int(stem) for stem in stems if stem.isdigit()]

    def _read(self, number: int) -> str:
        content = self._objects.content(self._path(number))
        if content is None:
            raise StoreError(f"{self.where}: lease {number} is gone", path=self.where, advice="try again")
        return content.decode()

    def _create(self, lease: Lease, in_place_of: Lease | None = None) -> bool:
        return self._objects.create(self._path(lease.number), _content(lease, secrets.token_hex(8)).encode())


def _content(lease: Lease, token: str = "") -> str:
    """``token``: what makes it unlike any other of that number, holder and time."""
    told = {"holder": lease.holder, "expires": format_instant(lease.expires)} | ({"token": token} if token else {})
    return json.dumps(told, sort_keys=True) + "\n"
