"""What was accepted and cannot be counted, by reason: nothing that is left out is left out in silence.

A reason counts distinct subjects (a span, a series, a host), not arrivals, so that a request sent twice changes no count.
"""

from __future__ import annotations

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

    def add(self, reason: str, subject: str) -> None:
        self._subjects.setdefault(reason, set()).add(subject)

    def counted(self) -> tuple[DeadLetter, ...]:
        return tuple(DeadLetter(reason, len(found), _printable(min(found))) for reason, found in sorted(self._subjects.items()))


def _printable(text: str) -> str:
    """Examples hold names that senders chose, and end on an operator's terminal, to which none of them may speak."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
