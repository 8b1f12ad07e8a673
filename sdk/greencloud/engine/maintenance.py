"""Maintenance of a data directory's ledger: days compacted, roll-ups made, files that nobody needs removed, by one writer at a
time.

It changes no figure: what was visible is visible, and of what was superseded every final batch stays that the policy keeps, with
the inputs that it was made from. On a full disk nothing is compacted, and all the same what nobody needs is removed.

A segment that is lost or torn holds up its own day, which stays as it is, and the removal of inputs, since nobody knows which ones
it needs; everything else goes on, and what was left is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from greencloud.engine.data import DataDirectory
from greencloud.errors import ProofError, StorageFullError, StoreError
from greencloud.ledger.compaction import compact
from greencloud.ledger.periods import Day
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.vacuum import GRACE, Vacuumed, effective_grace, kept_revisions, vacuum

__all__ = ["SETTLING", "Maintained", "maintain"]

SETTLING: Final = timedelta(days=1)
"""A day is compacted so long after its end: late data would cut it open again."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """How many days were compacted and roll-ups made, what was removed (``trees``: of closes that were killed), and, a sentence
    each, what was ``left`` and why."""

    days: int
    rollups: int
    removed: Vacuumed
    inputs: int
    trees: int
    left: tuple[str, ...] = ()


def maintain(
    data: DataDirectory,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    keep_superseded: timedelta | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Maintained:
    """Compact what has settled, then remove what is not needed. ``progress`` is told of each step.

    Raises:
        StoreError: another run holds the directory, or the table's log cannot be read.
        StorageFullError: no room to compact or to roll up; what nobody needs was removed.
    """
    left: dict[tuple[str, str], str] = {}

    def day_left(site: str, day: date, error: StoreError) -> None:
        left.setdefault((site, day.isoformat()), f"{site} {day.isoformat()} stays as it is: {error}")

    def rollup_left(day: Day, error: StoreError) -> None:
        left.setdefault((day.site, day.name), f"{day.site} {day.name} is not rolled up: {error}")

    rollups = Rollups(data.ledger.root, objects=data.ledger.store.objects)
    with data.allocating(), data.writing() as held:

        def remove() -> tuple[Vacuumed, int]:
            removed = _remove(data, rollups, now, grace=grace, keep_superseded=keep_superseded, lease=held.number)
            try:
                inputs = _remove_inputs(data, now - effective_grace(data.ledger, grace), lease=held.number)
            except StoreError as error:
                left["", ""] = f"no inputs are removed: {error}"
                inputs = 0
            return removed, inputs

        try:
            progress("compacting days")
            days = compact(data.ledger, now - SETTLING, lease=held.number, left=day_left)
            progress("rolling up days and months")
            made = rollups.build(data.ledger.snapshot().contents, now - SETTLING, left=rollup_left)
        except StorageFullError as full:
            progress("no room; removing what nobody needs")
            removed, inputs = remove()
            if removed.files or inputs:
                full.advice = f"{removed.files + inputs:,} files that nobody needs were removed; run it again"
            raise
        progress("removing what nobody needs")
        removed, inputs = remove()
        try:
            trees = data.closes.remove_left_over(now - effective_grace(data.ledger, grace))
        except ProofError as error:
            left["", "closes"] = f"no trees of closes are removed: {error}"
            trees = 0
    return Maintained(days, made, removed, inputs, trees, tuple(left.values()))


def _remove(
    data: DataDirectory, rollups: Rollups, now: datetime, *, grace: timedelta, keep_superseded: timedelta | None, lease: int
) -> Vacuumed:
    removed = vacuum(data.ledger, now, grace=grace, keep_superseded=keep_superseded, lease=lease)
    grace = effective_grace(data.ledger, grace)
    stale = [each for each in rollups.stored_unreferenced([data.ledger.snapshot().contents]) if now - each.modified >= grace]
    for each in stale:
        data.ledger.store.objects.remove(each.path)
    return Vacuumed(removed.files + len(stale), removed.bytes + sum(each.size for each in stale))


def _remove_inputs(data: DataDirectory, older_than: datetime, *, lease: int) -> int:
    store = data.ledger.store
    if data.objects.remote and data.inputs.unreferenced(kept_revisions(data.ledger)):
        # A writer that lost its lease and does not know it may be about to post what rests on these.
        store.fence(lease, data.ledger.clock())
    return data.inputs.remove_unreferenced(kept_revisions(data.ledger), older_than)
