"""The inventory in the provider's books."""

from __future__ import annotations

import tempfile
from pathlib import Path

from greencloud.errors import ConflictError
from greencloud.inventory.books import Books
from greencloud.inventory.document import to_document
from greencloud.inventory.journal import Change, Draft
from greencloud.inventory.reader import read_inventory
from greencloud.inventory.state import EMPTY, InventoryState, step
from greencloud.results.inventory import EntryImport, InventoryEntry, RestatementCause
from greencloud.results.reporting_year import ReportingYear

__all__ = ["InventoryBooks"]


class InventoryBooks(Books):
    """Entries, years, policy, structural changes and evidence."""

    def inventory_state(self) -> InventoryState:
        return self.fold(EMPTY, step).latest()

    def import_inventory_entries(
        self,
        content: bytes,
        *,
        file_name: str,
        reason: str = "",
        restate: RestatementCause | None = None,
        validate_only: bool = False,
    ) -> EntryImport:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "inventory.csv"
            path.write_bytes(content)
            book = read_inventory(path)
        entries = [
            InventoryEntry(
                f"{entry.year}-{entry.scope.replace('_', '-')}-{entry.category or 0}",
                ReportingYear(entry.year),
                entry.scope,
                entry.category,
                entry.emissions,
                entry.source,
            )
            for entry in book.entries
        ]

        def decide(changes: list[Change]) -> Draft | None:
            known = self.fold(EMPTY, step).after(changes).entries
            for entry in entries:
                if entry.id in known and known[entry.id] != entry and restate is None:
                    raise ConflictError(f"{entry.name} is booked with another amount", advice="restate it, with the cause")
            fresh = [entry for entry in entries if known.get(entry.id) != entry]
            return Draft("inventory.entries", to_document(fresh), reason) if fresh and not validate_only else None

        known = self.inventory_state().entries
        fresh = tuple(entry for entry in entries if known.get(entry.id) != entry)
        self.transact(decide)
        return EntryImport(added=fresh, validate_only=validate_only)
