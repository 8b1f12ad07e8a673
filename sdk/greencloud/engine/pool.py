"""A pool of processes on this machine: the default engine of a run that is large enough.

Processes are spawned, since Delta's runtime does not outlive a fork. One that dies (out of memory, mostly) takes the pool with it:
a new one does what was not done, and a partition that was under way in two dead pools is blamed.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from greencloud.engine.partition import Made, Partition
from greencloud.engine.work import run_partition
from greencloud.errors import StoreError

__all__ = ["ProcessPool"]

_AHEAD: Final = 4  # partitions that wait for each process: enough that none is idle, and few enough to stop at once
_DEATHS: Final = 3


class ProcessPool:
    """``workers``: processes; by default one for each core."""

    name = "processes"

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        left = iter(parts)
        again: list[Partition] = []
        deaths: Counter[Partition] = Counter()
        while True:
            pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"))
            running: dict[Future[Made], Partition] = {}
            try:
                while self._fill(pool, running, again, left, place):
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        made = future.result()
                        del running[future]
                        yield made
                return
            except BrokenProcessPool as error:
                again += running.values()
                deaths.update(running.values())
                self._check(deaths, error)
            finally:
                pool.shutdown(cancel_futures=True)

    def _fill(
        self,
        pool: ProcessPoolExecutor,
        running: dict[Future[Made], Partition],
        again: list[Partition],
        left: Iterator[Partition],
        place: str,
    ) -> bool:
        """Keep every process busy; whether anything is under way."""
        while len(running) < self.workers * _AHEAD:
            part = again.pop() if again else next(left, None)
            if part is None:
                break
            try:
                running[pool.submit(run_partition, place, part)] = part
            except BrokenProcessPool:
                again.append(part)
                raise
        return bool(running)

    def _check(self, deaths: Counter[Partition], error: BaseException) -> None:
        part, times = deaths.most_common(1)[0] if deaths else (None, 0)
        if part is not None and times >= _DEATHS:
            raise StoreError(
                f"worker processes died {times} times while {part.site} {part.window} was under way",
                advice="most often memory: run fewer --workers, or see docs/scale.md for windows that are too large",
            ) from error
