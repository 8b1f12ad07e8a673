"""Runners: where the partitions of a run are worked on. Each is a small adapter to an engine that others operate.

A runner has no say in what comes out: it carries documents to ``greencloud.engine.work.run_partition`` and back, in any order, and
may do a partition twice. What is posted is decided by the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from greencloud.engine.partition import Made, Partition
from greencloud.engine.work import run_partition

__all__ = ["InProcess", "Runner"]


class Runner(Protocol):
    """``name``: what a user calls it."""

    @property
    def name(self) -> str: ...

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        """What came of each partition, in any order.

        Raises:
            StoreError: the engine gave up; what was made until then is given first.
        """
        ...


class InProcess:
    """In this process, one after the other: the same steps without any engine."""

    name = "local"

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        for part in parts:
            yield run_partition(place, part)
