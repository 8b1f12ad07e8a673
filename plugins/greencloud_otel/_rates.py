"""What a second of CPU emits: from what the ledger charges operations and from what they use here.

The server tells emissions and counts by operation (span name) and keeps no CPU time in its ledger. The process knows the mean CPU
time of each operation that it has run, and takes the mean for that of every process of the service:

    rate = sum over o of emissions(o) / sum over o of count(o) x mean CPU time(o)

over the operations o that both know. It holds as far as the processes of the service do the same work on the same kind of host,
and as the next hours are like the last. What the ledger charges to the service without an operation is on no span, and not in
the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LEAST_SHARE", "MAX_OPERATIONS", "Answer", "Charged", "Means", "Rate", "rate_of"]

MAX_OPERATIONS: Final = 2_000
"""As many as a server keeps apart of one account on one host."""

LEAST_SHARE: Final = 0.5
"""Of the emissions of all operations, what those that the process knows must have for a rate to be told."""


class Charged(NamedTuple):
    """What the ledger has of one operation: micrograms CO2e, and how many times it ran."""

    operation: str
    micrograms: int
    times: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger has of a service by operation; ``source`` says of which time and by which method."""

    charged: Sequence[Charged]
    source: str


@dataclass(frozen=True, slots=True)
class Rate:
    """``micrograms`` per second of CPU; ``share`` of the operations' emissions that it rests on, 0 to 1."""

    micrograms: float
    share: float

    def emissions(self, cpu_ns: int) -> int:
        """Micrograms for this much CPU."""
        return round(self.micrograms * cpu_ns / 1e9)


class Means:
    """Sums of CPU time by operation, in nanoseconds. Several threads add; one that reads may miss what is being added."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, operation: str, cpu_ns: int) -> None:
        found = self._sums.get(operation)
        if found is not None:
            self._sums[operation] = (found[0] + cpu_ns, found[1] + 1)
        elif len(self._sums) < MAX_OPERATIONS:
            self._sums[operation] = (cpu_ns, 1)

    def all(self) -> dict[str, float]:
        """Mean nanoseconds by operation."""
        return {operation: cpu / count for operation, (cpu, count) in self._sums.copy().items()}


def rate_of(charged: Iterable[Charged], means: Mapping[str, float]) -> Rate | None:
    """The rate, or None where too little is known."""
    everything = known = 0
    seconds = 0.0
    for operation, micrograms, times in charged:
        if not operation or times <= 0:
            continue
        everything += micrograms
        mean = means.get(operation)
        if mean is not None:
            known += micrograms
            seconds += times * mean / 1e9
    if everything <= 0 or seconds <= 0 or known < LEAST_SHARE * everything:
        return None
    return Rate(known / seconds, known / everything)
