"""A broker that is a list in memory: the least that does what a shared log asks of one. Its messages hold little, so that records
go in parts, and the answer to any message can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from greencloud.errors import LogUnavailableError
from greencloud.telemetry.shared_log import Bounds

__all__ = ["ListBroker"]


@dataclass(slots=True)
class ListBroker:
    name: str = "list/1"
    part_bytes: int = 200
    batch: int = 3
    messages: list[bytes] = field(default_factory=list)
    gone: int = 0
    """Messages up to that position are not there any more."""
    missed: set[int] = field(default_factory=set)
    """Positions that get lost once on the way to a reader."""
    lost_answers: int = 0
    numbers: dict[str, int] = field(default_factory=dict)

    def put(self, message: bytes, number: str) -> int:
        if number not in self.numbers:
            self.messages.append(message)
            self.numbers[number] = len(self.messages)
        if self.lost_answers:
            self.lost_answers -= 1
            raise LogUnavailableError("no answer in time")
        return self.numbers[number]

    def get(self, position: int) -> bytes | None:
        return self.messages[position - 1] if self.gone < position <= len(self.messages) else None

    def bounds(self) -> Bounds:
        return Bounds(self.gone + 1, len(self.messages))

    def read(self, after: int) -> Iterator[list[tuple[int, bytes]]]:
        while True:
            places = range(max(after, self.gone) + 1, min(len(self.messages), max(after, self.gone) + self.batch) + 1)
            missed = self.missed & set(places)
            self.missed -= missed
            found = [(place, self.messages[place - 1]) for place in places if place not in missed]
            yield found
            after = found[-1][0] if found else after

    def close(self) -> None:
        pass
