"""What the parts of a shuffle tell beside their results: counts, dead letters by scope, and the windows that were made.

Within a scope (an hour of spans; everything, for metrics) a subject counts once, however many parts tell of it; scopes add up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from greencloud.telemetry.deadletter import DeadLetter, DeadLetters

__all__ = ["Tidings"]


@dataclass(slots=True)
class Tidings:
    """``counts``: sums by name. ``windows``: rows and readings by site and start, in microseconds."""

    KEY: ClassVar = "tidings"

    counts: Counter[str] = field(default_factory=Counter)
    windows: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    _dead: dict[str, DeadLetters] = field(default_factory=dict)

    def add(self, name: str, count: int) -> None:
        self.counts[name] += count

    def put(self, site: str, start_us: int, rows: int, readings: int) -> None:
        self.windows[site, start_us] = (rows, readings)

    def dead(self, scope: str) -> DeadLetters:
        return self._dead.setdefault(scope, DeadLetters())

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        total = DeadLetters()
        for _, dead in sorted(self._dead.items()):
            total.absorb(dead.counted())
        return total.counted()

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Itself, to be carried; nothing where there is nothing to tell."""
        scopes = {
            scope: [list(dead.subjects()), [[letter.reason, letter.count, letter.example] for letter in dead.counts()]]
            for scope, dead in self._dead.items()
        }
        windows = [[*key, *value] for key, value in self.windows.items()]
        if +self.counts or windows or any(any(told) for told in scopes.values()):
            yield self.KEY, json.dumps({"counts": self.counts, "windows": windows, "dead": scopes}).encode()

    @classmethod
    def of(cls, contents: Iterable[bytes]) -> Tidings:
        """Those of several parts together."""
        made = cls()
        for content in contents:
            told = json.loads(content)
            made.counts.update(told["counts"])
            for site, start_us, rows, readings in told["windows"]:
                made.put(site, start_us, rows, readings)
            for scope, (subjects, counts) in told["dead"].items():
                dead = made.dead(scope)
                for reason, subject in subjects:
                    dead.add(reason, subject)
                dead.absorb(DeadLetter(*letter) for letter in counts)
        return made
