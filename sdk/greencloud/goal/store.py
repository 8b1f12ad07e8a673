"""The goal in force of a data directory: ``goal/goal.toml`` beside ``goal/inventory.csv``, copied there byte for byte.

Goal and inventory are put in place together, as one directory: a goal compared with another goal's inventory would look right
and be wrong. Interrupted between the two renames, the directory has no goal, which every reader says, and applying it again
mends it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from greencloud.errors import NotFoundError, StoreError
from greencloud.goal.book import Goal
from greencloud.goal.ledger_year import LedgerView, latest_year, ledger_year
from greencloud.goal.progress import progress
from greencloud.goal.reader import read_goal
from greencloud.inventory import Inventory, read_inventory
from greencloud.results import GoalProgress

__all__ = ["apply_goal", "current_goal", "goal_progress"]

_GOAL: Final = "goal.toml"
_INVENTORY: Final = "inventory.csv"


def apply_goal(source: str | Path, directory: str | Path) -> Goal:
    """Check a goal file with its inventory, and make it the goal in force.

    Raises:
        GoalError: either is wrong, or they do not go together. The goal in force stays as it was.
        StoreError: the directory cannot be written.
    """
    goal = read_goal(source)
    goal.base(read_inventory(goal.inventory))
    directory = Path(directory)
    fresh, stale = directory.with_name(f".{directory.name}.new"), directory.with_name(f".{directory.name}.old")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (fresh, stale):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir()
        _copy(Path(source), fresh / _GOAL)
        _copy(goal.inventory, fresh / _INVENTORY)
        if directory.exists():
            directory.rename(stale)
        fresh.rename(directory)
        shutil.rmtree(stale, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"the goal cannot be stored in {directory}: {error.strerror}",
            path=str(directory),
            advice="make the data directory writable, then apply the goal again",
        ) from error
    return current_goal(directory)[0]


def current_goal(directory: str | Path) -> tuple[Goal, Inventory]:
    """The goal in force and its inventory.

    Raises:
        NotFoundError: no goal was applied.
        GoalError: the files were damaged after they were applied.
    """
    directory = Path(directory)
    if not (directory / _GOAL).is_file():
        raise NotFoundError(
            f"no goal is in force in {directory.parent}",
            advice=f"apply one: greencloud goal apply --data {directory.parent} goal.toml",
        )
    goal = replace(read_goal(directory / _GOAL), inventory=directory / _INVENTORY)
    return goal, read_inventory(goal.inventory)


def goal_progress(directory: str | Path, snapshot: LedgerView, now: datetime, *, year: int | None = None) -> GoalProgress:
    """The goal in force against the ledger's year: the one asked for, else the latest that the ledger has, else this year.

    Raises:
        NotFoundError: no goal was applied.
        GoalError: goal and inventory do not go together.
    """
    goal, inventory = current_goal(directory)
    if year is None:
        year = latest_year(snapshot)
    return progress(goal, inventory, ledger_year(snapshot, now.year if year is None else year, goal.scopes), now)


def _copy(source: Path, target: Path) -> None:
    with target.open("xb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(file.fileno())
