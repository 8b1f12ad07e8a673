"""Importing a file of entries: all of it or nothing, and every row that is wrong is told at once.

Rows are planned one after the other against the books as they are when the import is written; with any error nothing is. The file
is kept as evidence of every entry that it brings. The same file again changes nothing; a changed amount needs a cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from greencloud.errors import ConflictError, GoalError
from greencloud.inventory.plan import Plan
from greencloud.inventory.rows import MOST_ERRORS, Row, column_of, derived_id
from greencloud.inventory.state import InventoryState
from greencloud.results.inventory import InventoryEntry, RestatementCause, RowError

__all__ = ["plan_import"]


def plan_import(
    state: InventoryState,
    rows: Sequence[Row],
    *,
    cause: RestatementCause | None,
    document: str,
    now: datetime,
    kept: Callable[[str], bool],
) -> tuple[Plan, list[RowError]]:
    """What the rows would do to the books, and what is wrong with them."""
    plan = Plan(state, now=now, kept=kept, cause=cause)
    numbers: dict[str, int] = {}
    places = Counter(_place(row.entry) for row in rows)
    errors: list[RowError] = []
    for row in rows:
        if len(errors) >= MOST_ERRORS:
            break
        entry_id = row.entry.id or derived_id(row.entry)
        try:
            first = numbers.setdefault(entry_id, row.number)
            if first != row.number:
                message = (
                    f"{_what(row.entry)} is booked on row {first} already"
                    if not row.named
                    else f"row {first} has the id {entry_id}"
                )
                raise GoalError(
                    message, key="id" if row.named else "scope", advice="add the two rows up, or give each an id of its own"
                )
            if not row.named and places[_place(row.entry)] > 1:
                message = f"another row is of {_what(row.entry)} too"
                raise GoalError(message, key="id", advice="give this row an id too")
            plan.put(row.entry, document=document)
        except GoalError as error:
            errors.append(RowError(row.number, column_of(error, row), error.message, error.advice))
        except ConflictError as error:
            advice = "import it with a cause and a reason, and it restates what is booked"
            errors.append(RowError(row.number, row.amount_column, error.message, advice))
    return plan, errors


def _place(entry: InventoryEntry) -> tuple[object, ...]:
    return (entry.year, entry.scope, entry.category, entry.site, entry.business, entry.biogenic)


def _what(entry: InventoryEntry) -> str:
    category = f", category {entry.category}" if entry.category else ""
    return f"{entry.scope} of {entry.year}{category}"
