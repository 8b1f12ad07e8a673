"""The goal of a data directory from before there were books: ``goal/goal.toml`` beside ``goal/inventory.csv``.

It is taken into the books when they are first opened, once: as soon as the books know anything of goals, theirs counts, and the
folder is left as it is. Its inventory is taken where the books have none: what is booked is not changed by a file of before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from greencloud.goal.apply import apply_goals
from greencloud.goal.goal_books import GoalBooks

__all__ = ["take_over"]

_ACTOR: Final = "greencloud"


def take_over(books: GoalBooks, directory: str | Path) -> bool:
    """Take the goal of ``directory`` into the books, unless they have had a goal; whether it was.

    Raises:
        GoalError: the files were damaged since they were applied.
        StoreError: the books cannot be written.
    """
    file = Path(directory) / "goal.toml"
    if not file.is_file() or any(change.kind.startswith("goal.") for change in books.journal.changes()):
        return False
    inventories = () if books.inventory_state().entries else (Path(directory) / "inventory.csv",)
    apply_goals(books.by(_ACTOR), file, reason="taken over from the folder goal/", inventories=inventories)
    return True
