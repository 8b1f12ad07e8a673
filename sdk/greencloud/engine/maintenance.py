"""Maintenance of a data directory's ledger: days compacted, roll-ups made, files that nobody needs removed, by one writer at a
time.

It changes no figure: what was visible is visible, and of what was superseded every final batch stays that the policy keeps, with
the inputs that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greencloud.engine.data import DataDirectory
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
    """
    with data.allocating(), data.writing() as held:
        progress("compacting days")
        days = compact(data.ledger, now - SETTLING, lease=held.number)
        progress("rolling up days and months")
        objects = data.ledger.store.objects
        rollups = Rollups(data.ledger.root, objects=objects)
        made = rollups.build(data.ledger.snapshot().contents, now - SETTLING)
        progress("removing what nobody needs")
        removed = vacuum(data.ledger, now, grace=grace, keep_superseded=keep_superseded, lease=held.number)
        grace = effective_grace(data.ledger, grace)
        stale = [each for each in rollups.stored_unreferenced([data.ledger.snapshot().contents]) if now - each.modified >= grace]
        for each in stale:
            objects.remove(each.path)
        inputs = data.inputs.remove_unreferenced(kept_revisions(data.ledger), now - grace)
    return Maintained(days, made, Vacuumed(removed.files + len(stale), removed.bytes + sum(each.size for each in stale)), inputs)
