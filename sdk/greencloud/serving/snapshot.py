"""A snapshot of the ledger that asks a serving copy first, where the question names accounts. Its answers are the ledger's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from greencloud.ledger import Snapshot
from greencloud.ledger.stop import Stop
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.serving.copy import ServingCopy

__all__ = ["CopiedSnapshot", "with_copy"]


@dataclass(frozen=True, slots=True)
class CopiedSnapshot(Snapshot):
    """As ``Snapshot``; ``copy`` None: nothing but the ledger."""

    copy: ServingCopy | None = None

    def footprint(self, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None) -> list[FootprintRow]:
        """As of the ledger, whichever of the two answers."""
        if self.copy is not None and query.accounts:
            names = self._checked(query)
            rows = self.copy.rows(self.contents, query, names, most, stop or Stop())
            if rows is not None:
                return rows
        return Snapshot.footprint(self, query, most=most, stop=stop)


def with_copy(snapshot: Callable[[int | None], Snapshot], copy: ServingCopy | None) -> Callable[[int | None], Snapshot]:
    """What gives snapshots by version, with a copy to ask where there is one."""
    if copy is None:
        return snapshot

    def copied(version: int | None = None) -> Snapshot:
        found = snapshot(version)
        return CopiedSnapshot(found.root, found.contents, found.objects, found.earlier, copy)

    return copied
