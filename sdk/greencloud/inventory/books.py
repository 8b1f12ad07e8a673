"""The provider's books, open for one person: the journal, who writes, the time, and the ledger and facility book beside them.

Rooms add what they keep as classes over ``Books`` (inventory, goals, instruments, ...); ``greencloud.goal.ProviderBooks`` is all of
them. Methods are named as the client's, take the same arguments and give the same values, so that whoever asks need not know
whether the books lie in a data directory or behind a server.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

from greencloud.inventory.journal import Change, Draft, Folded, Journal
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow
from greencloud.units import Emissions

__all__ = ["Books", "HardwarePurchases", "LedgerSnapshot"]

S = TypeVar("S")


class LedgerSnapshot(Protocol):
    """The part of a ledger's snapshot that the books read."""

    @property
    def version(self) -> int: ...

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]: ...

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]: ...


class HardwarePurchases(Protocol):
    """What the facility book says of hardware that went into service in ``[start, end)``."""

    @property
    def revision(self) -> str: ...

    def embodied(self, start: datetime, end: datetime) -> Sequence[tuple[str, Emissions]]:
        """(host or building, cradle-to-gate mass) of everything bought then; GHG Protocol Scope 3 Standard, box 5.4."""
        ...

    def internal_accounts(self) -> Iterable[str]: ...


class Books:
    """The books in a journal.

    Args:
        actor: who writes, from the credential or the user of the system; never from a request.
        clock: the time, UTC.
        ledger: the snapshot of a version, None for the latest; None where there is no ledger.
        hardware: the facility book in force; None where there is none.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        actor: str,
        clock: Callable[[], datetime],
        ledger: Callable[[int | None], LedgerSnapshot] | None = None,
        hardware: Callable[[], HardwarePurchases | None] = lambda: None,
    ) -> None:
        self.journal = journal
        self.actor = actor
        self.clock = clock
        self.ledger = ledger
        self.hardware = hardware
        self._folds: dict[Callable[..., Any], Folded[Any]] = {}

    def by(self, actor: str) -> Self:
        """The same books, open for another person."""
        other = copy.copy(self)  # what was folded is shared
        other.actor = actor
        return other

    def as_of(self, number: int) -> Self:
        """The same books as they were after record ``number`` of the journal, to be read: all pages of a list show one state."""
        other = copy.copy(self)
        other.journal = self.journal.until(number)
        other._folds = {step: folded.on(other.journal) for step, folded in dict(self._folds).items()}
        return other

    def fold(self, initial: S, step: Callable[[S, Change], S]) -> Folded[S]:
        """The state that a room keeps; the same for each call with the same step."""
        return self._folds.setdefault(step, Folded(self.journal, initial, step))

    def transact(self, decide: Callable[[list[Change]], Draft | None]) -> Change | None:
        """As ``Journal.transact``, by this person, now."""
        return self.journal.transact(decide, actor=self.actor, now=self.clock())
