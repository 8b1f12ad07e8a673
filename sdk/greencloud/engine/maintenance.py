"""Maintenance of a data directory's ledger: days compacted, roll-ups made, files that nobody needs removed, by one writer at a
time.

It changes no figure: what was visible is visible, and of what was superseded every final batch stays that the policy keeps, with
the inputs that it was made from. On a full disk nothing is compacted, and all the same what nobody needs is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greencloud.engine.data import DataDirectory
from greencloud.errors import StorageFullError
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.vacuum import GRACE, Vacuumed, effective_grace, kept_revisions, vacuum

__all__ = ["SETTLING", "Maintained", "maintain"]

SETTLING: Final = timedelta(days=1)
"""A day is compacted so long after its end: late data would cut it open again."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """How many days were compacted and roll-ups made, and what was removed."""

    days: int
    rollups: int
    removed: Vacuumed
    inputs: int


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
        StoreError: another run holds the directory, or a segment is damaged.
        StorageFullError: no room to compact or to roll up; what nobody needs was removed.
    """
    rollups = Rollups(data.ledger.root, objects=data.ledger.store.objects)
    with data.allocating(), data.writing() as held:
        try:
            progress("compacting days")
            days = compact(data.ledger, now - SETTLING, lease=held.number)
            progress("rolling up days and months")
            made = rollups.build(data.ledger.snapshot().contents, now - SETTLING)
        except StorageFullError as full:
            progress("no room; removing what nobody needs")
            removed, inputs = _remove(data, rollups, now, grace=grace, keep_superseded=keep_superseded, lease=held.number)
            if removed.files or inputs:
                full.advice = f"{removed.files + inputs:,} files that nobody needs were removed; run it again"
            raise
        progress("removing what nobody needs")
        removed, inputs = _remove(data, rollups, now, grace=grace, keep_superseded=keep_superseded, lease=held.number)
    return Maintained(days, made, removed, inputs)


def _remove(
    data: DataDirectory, rollups: Rollups, now: datetime, *, grace: timedelta, keep_superseded: timedelta | None, lease: int
) -> tuple[Vacuumed, int]:
    removed = vacuum(data.ledger, now, grace=grace, keep_superseded=keep_superseded, lease=lease)
    grace = effective_grace(data.ledger, grace)
    stale = [each for each in rollups.stored_unreferenced([data.ledger.snapshot().contents]) if now - each.modified >= grace]
    for each in stale:
        data.ledger.store.objects.remove(each.path)
    inputs = data.inputs.remove_unreferenced(kept_revisions(data.ledger), now - grace)
    return Vacuumed(removed.files + len(stale), removed.bytes + sum(each.size for each in stale)), inputs
