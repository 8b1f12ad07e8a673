"""Following a shared log into the write-ahead log of a data directory, which allocation reads and nothing else.

One process follows for a directory, at a time; the system takes its turn from one that died. Where the broker does not answer or
the disk is full it tries again; where messages are lost it stops, and says so, and whoever would allocate is refused.

**The danger** is a run on a server that is behind: it would put emptier batches in the place of fuller ones. So a run asks
``catch_up`` first, which asks the broker where the log ends, and returns when the directory holds all up to there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from greencloud.errors import GreencloudError, LogLostError, LogUnavailableError, StorageFullError, StoreError
from greencloud.telemetry.followed import Followed, Places
from greencloud.telemetry.handing_over import hand_over
from greencloud.telemetry.record import placed
from greencloud.telemetry.shared_log import Passage, SharedLog
from greencloud.telemetry.wal import WriteAheadLog

__all__ = ["PATIENCE_S", "Follower", "catch_up", "follow"]

_LOG: Final = logging.getLogger("greencloud.telemetry")

PATIENCE_S: Final = 30.0
"""How long a run waits for what is missing."""

_NOTED_S: Final = 1.0
_PAUSES_S: Final = (0.2, 5.0)  # the first, and the longest


def follow(
    log: SharedLog, followed: Followed, wal: WriteAheadLog, go_on: Callable[[Passage], bool], *, skip_to: int | None = None
) -> bool:
    """Follow while ``go_on``, which is told of each passage when it is durable; False where another process has the turn.

    ``wal`` is of format ``PLACED_FORMAT``. ``skip_to``: what is lost up to there is left out.

    Raises:
        LogLostError: the log does not go on where it was left, or is another one.
        LogUnavailableError: the broker does not answer.
        StoreError: the write-ahead log is damaged or cannot be written, or a message is damaged.
    """
    with followed.turn() as mine:
        if not mine:
            return False
        name = log.name
        places = followed.find()
        if name not in places.logs:
            _begin(log, places, followed, skip_to)
        places.reach(name, skip_to or 0)
        followed.note(places)
        position, seal = places.logs[name]
        noted_at, noted = time.monotonic(), position
        try:
            for passage in log.follow(position, seal or None):
                if passage.records:
                    wal.append_packed([piece for at, packed in passage.records for piece in placed(name, at, packed)])
                if passage.position > position:
                    position = passage.position
                    places.reach(name, position, passage.seal)
                idle = not passage.records
                if position > noted and (idle or time.monotonic() - noted_at > _NOTED_S):
                    followed.note(places)
                    noted_at, noted = time.monotonic(), position
                if not go_on(passage):
                    break
        finally:
            if position > noted:
                followed.note(places)
    return True


def _begin(log: SharedLog, places: Places, followed: Followed, skip_to: int | None) -> None:
    """See to it that nothing is left out where a log is followed for the first time."""
    name = log.name
    if skip_to is not None:
        return
    if places.logs:
        raise _other(followed, places.logs, name)
    count = hand_over(log, followed.wal, followed.folder)
    if count:
        _LOG.info("%d requests that were taken before are handed over to %s", count, name)


def _other(followed: Followed, logs: Mapping[str, tuple[int, int]], name: str) -> LogLostError:
    others = ", ".join(f"{other} up to {position}" for other, (position, _) in logs.items())
    return LogLostError(
        f"{followed.path.parent.parent} has followed {others}; {name} is another log",
        path=str(followed.path),
        advice="name the log that was followed; or start once with --log-from 0, if what is left of that one is all here",
    )


def catch_up(
    log: SharedLog,
    followed: Followed,
    wal: Callable[[], WriteAheadLog],
    *,
    patience_s: float | None = None,
    waiting: Callable[[], object] = lambda: None,
) -> None:
    """Return when the directory holds all that the shared log held when this was called; ``waiting`` is told now and then.

    Where no process follows for the directory, this does.

    Raises:
        LogUnavailableError: the broker does not answer, or the log was not followed up to its end in that time.
        LogLostError, StoreError: as ``follow``. The first also where another process follows, and another log.
    """
    name, end = log.name, -1
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    pause = threading.Event()

    def go_on(passage: Passage) -> bool:
        waiting()
        return passage.position < end and time.monotonic() < until

    while True:
        place = followed.noted().logs.get(name)
        if place and end < 0:  # not before: to begin is to hand over what the directory has, too
            end = log.bounds().last
        if place and place[0] >= end:
            return
        own = wal()
        try:
            alone = follow(log, followed, own, go_on)
        finally:
            own.close()
        waiting()
        if time.monotonic() >= until:
            if not place and (others := followed.noted().logs):
                raise _other(followed, others, name)
            here = place[0] if place else 0
            raise LogUnavailableError(
                f"{name} was followed up to {here:,} of {log.bounds().last:,}; nothing is allocated before all of it is here",
                advice="see that a server with --log runs on this directory, and greencloud doctor for what holds it up",
            )
        if not alone:
            pause.wait(0.1)


class Follower:
    """A thread that follows for as long as it is open. ``position`` and ``end`` are of now, ``behind_s`` is how long ago it was at
    the end; ``failure`` says why it stands still, if it does."""

    def __init__(
        self,
        log: SharedLog,
        followed: Followed,
        wal: WriteAheadLog,
        *,
        skip_to: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.position = 0
        self.end = 0
        self.failure: GreencloudError | None = None
        self._log = log
        self._followed = followed
        self._wal = wal
        self._skip_to = skip_to
        self._clock = clock
        self._at_end = clock()
        self._looked = self._at_end - _NOTED_S
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_round, name="greencloud-follower")

    @property
    def behind(self) -> int:
        """How many messages."""
        return max(0, self.end - self.position)

    @property
    def behind_s(self) -> float:
        return self._clock() - self._at_end if self.behind or self.failure else 0.0

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _go_round(self) -> None:
        first, longest = _PAUSES_S
        pause = first
        while not self._ended.is_set():
            try:
                if follow(self._log, self._followed, self._wal, self._passed, skip_to=self._skip_to):
                    continue
                pause = first  # another process of this directory follows
                self._look()
            except (LogUnavailableError, StorageFullError, StoreError) as error:
                self._told(error)
                pause = min(longest, pause * 2)
            except Exception:  # to end in silence would be to fall behind in silence
                _LOG.exception("following the shared log failed")
                pause = longest
            self._ended.wait(pause)

    def _passed(self, passage: Passage) -> bool:
        if self.failure is not None:
            _LOG.info("the shared log is followed again, from %d", passage.position)
        self.failure = None
        self.position = passage.position
        if not passage.records and self._clock() - self._looked > _NOTED_S:
            self._look()
        return not self._ended.is_set()

    def _look(self) -> None:
        self._looked = self._clock()
        self.end = self._log.bounds().last
        if self.position < self.end:
            self.position = max(self.position, self._followed.noted().logs.get(self._log.name, (0, 0))[0])
        if self.position >= self.end:
            self._at_end = self._clock()

    def _told(self, error: GreencloudError) -> None:
        if self.failure is None or self.failure.message != error.message:
            _LOG.warning("the shared log is not followed: %s", error)
        self.failure = error
