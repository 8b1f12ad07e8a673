"""A run whose windows are worked on elsewhere: the driver hands out partitions, and commits what comes back in one place.

Workers write segments that nobody sees (``work``); here each is posted with the rest of its site's day, through the same ledger,
lease and checks as of a run in one process. So engines differ in where the work is done and in nothing that a reader can see, and
a driver that dies leaves what it had posted, and files that no version names, which the vacuum removes.

The lease is kept by a thread of its own while the driver waits. If another writer takes it over, the next post says so.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final, TypeAlias

from greencloud.engine.data import DataDirectory
from greencloud.engine.partition import Made, Partition
from greencloud.engine.run_state import RunState
from greencloud.engine.runner import Runner
from greencloud.errors import GreencloudError, StorageFullError, StoreError, StoreUnavailableError
from greencloud.ledger.header import decode_headers
from greencloud.ledger.lease import TERM, Held
from greencloud.ledger.version import Segment
from greencloud.ledger.written import WrittenBatch

__all__ = ["Progress", "distribute", "place_of", "silent"]

_LOG: Final = logging.getLogger("greencloud.engine")

Progress: TypeAlias = Callable[[int, int], object]
"""Told how many windows are done, and of how many."""


def silent(_done: int, _all: int) -> None:
    """Nobody looks."""


def place_of(data: DataDirectory) -> str:
    """Where workers find what a data directory holds: its path, on a file system that they share, or the URI of its store."""
    return data.objects.uri or str(data.path.absolute())


def distribute(state: RunState, runner: Runner, parts: Iterable[Partition], count: int, progress: Progress = silent) -> None:
    """Have partitions worked on, and post what comes of them by site and day. They come by day; ``count``: at most so many.

    Raises:
        StoreError: a worker could not read or write, or the engine gave up. What is posted until then stands, and a run that is
            begun again goes on from there.
        LeaseLostError: another writer has taken over.
    """
    held = state.held
    assert held is not None, "workers write"
    handed = _Handed(parts)
    found: dict[tuple[date, str], list[WrittenBatch]] = defaultdict(list)
    done: Counter[tuple[date, str]] = Counter()
    with _kept(held):
        for number, made in enumerate(runner.map(handed, place_of(state.data)), 1):
            day = made.window.start.date(), made.site
            done[day] += 1
            if batch := _taken(state, made):
                found[day].append(batch)
            progress(number, count)
            for whole in [each for each in done if handed.whole(each, done[each])]:
                del done[whole]
                state.post(found.pop(whole, []))
        for batches in found.values():
            state.post(batches)
    progress(count, count)


class _Handed:
    """Partitions as they are handed out, counted by day and site, so that it is known when all of a day are done."""

    def __init__(self, parts: Iterable[Partition]) -> None:
        self._parts = parts
        self._counts: Counter[tuple[date, str]] = Counter()
        self._last: tuple[date, str] | None = None
        self._ended = False

    def __iter__(self) -> Iterator[Partition]:
        for part in self._parts:
            self._last = part.window.start.date(), part.site
            self._counts[self._last] += 1
            yield part
        self._ended = True

    def whole(self, day: tuple[date, str], done: int) -> bool:
        """Whether none of that day will be handed out any more, and so many were all."""
        return (self._ended or day != self._last) and self._counts[day] == done


def _taken(state: RunState, made: Made) -> WrittenBatch | None:
    """The batch that a worker wrote; None where there is none to post. Raises what the worker could not do."""
    if made.result == "unchanged":
        state.outcome.unchanged += 1
    elif made.result == "refused":
        state.outcome.refuse_for(made.site, made.window, made.message, made.reason)
    elif made.result == "failed":
        raise _failure(made)
    else:
        ledger = state.ledger
        (header,) = decode_headers(f'{{"format":2,"batches":[{made.header}]}}'.encode(), path=made.segment)
        segment = Segment(made.segment, made.site, made.window.start, made.window.start, made.seconds, made.rows)
        return WrittenBatch(header, segment, made.size, made.modified_ms, ledger.store.root, ledger.store.objects)
    return None


def _failure(made: Made) -> GreencloudError:
    text = f"a worker at {made.site} {made.window}: {made.message}"
    known = {kind.reason: kind for kind in (StorageFullError, StoreUnavailableError)}
    return known.get(made.reason, StoreError)(text, advice="what was posted until then stands; begin the run again to go on")


@contextmanager
def _kept(held: Held) -> Iterator[None]:
    """Keep the lease while the block waits for workers."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(TERM.total_seconds() / 8):
            try:
                held.keep()
            except GreencloudError as error:  # the next post meets it, and raises
                _LOG.warning("the lease could not be kept: %s", error.message)

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
