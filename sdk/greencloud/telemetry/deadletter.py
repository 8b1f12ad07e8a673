"""What was accepted and cannot be counted, by reason: nothing that is left out is left out in silence.

A reason counts distinct subjects (a span, a series, a host), not arrivals, so that a request sent twice changes no count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["DeadLetter", "DeadLetters"]


@dataclass(frozen=True, slots=True, order=True)
class DeadLetter:
    """``count`` things were left out for ``reason``; ``example`` is the first of them in canonical order."""

    reason: str
    count: int
    example: str


@dataclass(slots=True)
class DeadLetters:
    """Collects them."""

    _subjects: dict[str, set[str]] = field(default_factory=dict)
    _counts: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, reason: str, subject: str) -> None:
        self._subjects.setdefault(reason, set()).add(subject)

    def add_many(self, reason: str, count: int, example: str) -> None:
        """So many distinct subjects that nobody else adds, the first of them as the example."""
        before, first = self._counts.get(reason, (0, example))
        self._counts[reason] = (before + count, min(first, example))

    def absorb(self, letters: Iterable[DeadLetter]) -> None:
        """Add what was counted elsewhere, of other subjects."""
        for letter in letters:
            self.add_many(letter.reason, letter.count, letter.example)

    def subjects(self) -> Iterator[tuple[str, str]]:
        """Reason and subject of everything that was added by itself, in order."""
        for reason, subjects in sorted(self._subjects.items()):
            yield from ((reason, subject) for subject in sorted(subjects))

    def counts(self) -> tuple[DeadLetter, ...]:
        """What was added as a count."""
        return tuple(DeadLetter(reason, *counted) for reason, counted in sorted(self._counts.items()))

    def counted(self) -> tuple[DeadLetter, ...]:
        found = {reason: [(len(subjects), min(subjects))] for reason, subjects in self._subjects.items()}
        for reason, counted in self._counts.items():
            found.setdefault(reason, []).append(counted)
        return tuple(
            DeadLetter(reason, sum(count for count, _ in parts), _printable(min(example for _, example in parts)))
            for reason, parts in sorted(found.items())
        )


def _printable(text: str) -> str:
    """Examples hold names that senders chose, and end on an operator's terminal, to which none of them may speak."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
