"""A run whose windows are worked on elsewhere: the driver hands out partitions, and commits what comes back in one place.

Workers write segments that nobody sees (``work``); here each is posted with the rest of its site's day, through the same ledger,
lease and checks as of a run in one process. So engines differ in where the work is done and in nothing that a reader can see, and
a driver that dies leaves what it had posted, and files that no version names, which the vacuum removes.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Final, TypeAlias

from greencloud.engine.data import DataDirectory
from greencloud.engine.partition import Made, Partition
from greencloud.engine.run_state import RunState
from greencloud.engine.runner import Runner
from greencloud.errors import GreencloudError, StorageFullError, StoreError, StoreUnavailableError
from greencloud.ledger.header import decode_headers
from greencloud.ledger.version import Segment
from greencloud.ledger.written import WrittenBatch

__all__ = ["Progress", "distribute", "place_of", "silent"]

_LOG: Final = logging.getLogger("greencloud.engine")

Progress: TypeAlias = Callable[[int, int], object]
"""Told how many windows are done, and of how many."""

_Day: TypeAlias = tuple[date, str]
"""Of a site."""


def silent(_done: int, _all: int) -> None:
    """Nobody looks."""


def place_of(data: DataDirectory) -> str:
    """Where workers find what a data directory holds: its path, on a file system that they share, or the URI of its store."""
    return data.objects.uri or str(data.path.absolute())


def distribute(state: RunState, runner: Runner, parts: Iterable[Partition], count: int, progress: Progress = silent) -> None:
    """Have partitions worked on, and post what comes of them by site and day. They come by day; ``count``: at most so many.

    Raises:
        StoreError: a worker could not read or write, or the engine gave up, or left out a window. What is posted until then
            stands, and a run that is begun again goes on from there.
        LeaseLostError: another writer has taken over.
    """
    assert state.held is not None, "workers write"
    handed = _Handed(parts)
    found: dict[_Day, list[WrittenBatch]] = defaultdict(list)
    for made in runner.map(handed, place_of(state.data)):
        if not handed.answered(made):
            continue
        if batch := _taken(state, made):
            found[_day_of(made)].append(batch)
        progress(handed.answers, count)
        for whole in [day for day in found if handed.whole(day)]:
            state.post(found.pop(whole))
    for batches in found.values():
        state.post(batches)
    if missing := handed.missing():
        raise StoreError(
            f"{runner.name} gave no answer for {len(missing)} windows, as {missing[0].site} {missing[0].window}",
            advice="begin the run again, which does what is not done",
        )
    progress(count, count)


class _Handed:
    """Partitions as they are handed out, and which of them are not answered yet, by day and site; so that it is known when all of a
    day are done, that none was lost on its way, and that none counts twice."""

    def __init__(self, parts: Iterable[Partition]) -> None:
        self.answers = 0
        self._parts = parts
        self._open: dict[_Day, dict[int, Partition]] = defaultdict(dict)
        self._last: _Day | None = None
        self._ended = False

    def __iter__(self) -> Iterator[Partition]:
        for part in self._parts:
            self._last = _day_of(part)
            self._open[self._last][part.start_us] = part
            yield part
        self._ended = True

    def answered(self, made: Made) -> bool:
        """Whether it is the first answer for a partition that was handed out."""
        first = self._open[_day_of(made)].pop(made.start_us, None) is not None
        self.answers += first
        return first

    def whole(self, day: _Day) -> bool:
        """Whether none of that day will be handed out any more, and all are answered."""
        return (self._ended or day != self._last) and not self._open[day]

    def missing(self) -> list[Partition]:
        """Those without an answer."""
        return [part for parts in self._open.values() for part in parts.values()]


def _day_of(each: Partition | Made) -> _Day:
    return each.window.start.date(), each.site


def _taken(state: RunState, made: Made) -> WrittenBatch | None:
    """The batch that a worker wrote; None where there is none to post. Raises what the worker could not do."""
    if made.result == "unchanged":
        state.outcome.unchanged += 1
    elif made.result == "refused":
        if made.trace:
            _LOG.error("a worker failed at %s %s, which is refused:\n%s", made.site, made.window, made.trace)
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
