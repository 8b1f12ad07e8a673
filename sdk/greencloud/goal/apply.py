"""Applying a goal file: its metrics and goals, and the inventory that it names, go into the provider's books.

Everything is checked before anything is written. Then the inventory comes first, metrics next, goals last, each as a change of its
own; a file that is applied again changes nothing. What is there with other content is updated, except for inventory entries: a
booked figure changes by a restatement alone, which needs a cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from greencloud.errors import GoalError, NotFoundError
from greencloud.goal.actual import Booked, actual_of, lacking_in
from greencloud.goal.checks import check_path
from greencloud.goal.reader import GoalFile, read_goals
from greencloud.results.goals import BusinessMetric, Goal, GoalKind
from greencloud.results.inventory import EntryImport, InventoryEntry, InventoryPolicy, RestatementCause

__all__ = ["Applied", "ApplyingBooks", "apply_goals"]


class ApplyingBooks(Protocol):
    """The part of the books, or of a client, that applying needs."""

    def get_goal(self, name: str = ...) -> Goal: ...

    def create_goal(self, goal: Goal, *, reason: str = ...) -> Goal: ...

    def update_goal(self, goal: Goal, *, etag: str = ..., reason: str = ...) -> Goal: ...

    def get_business_metric(self, name: str) -> BusinessMetric: ...

    def create_business_metric(self, metric: BusinessMetric, *, reason: str = ...) -> BusinessMetric: ...

    def update_business_metric(self, metric: BusinessMetric, *, etag: str = ..., reason: str = ...) -> BusinessMetric: ...

    def import_inventory_entries(
        self,
        content: bytes,
        *,
        file_name: str,
        reason: str = ...,
        restate: RestatementCause | None = ...,
        validate_only: bool = ...,
    ) -> EntryImport: ...


@dataclass(frozen=True, slots=True)
class Applied:
    """What is in force now, and what became of the inventory files."""

    goals: tuple[Goal, ...]
    metrics: tuple[BusinessMetric, ...]
    imports: tuple[EntryImport, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """``Booked`` once the files are imported, as far as it is known."""

    entries: Mapping[str, InventoryEntry]
    policy: InventoryPolicy


def apply_goals(
    books: ApplyingBooks,
    source: str | Path,
    *,
    inventories: Iterable[Path] | None = None,
    reason: str = "",
    restate: RestatementCause | None = None,
) -> Applied:
    """Apply a goal file. ``inventories`` stand in for the files that it names.

    Raises:
        GoalError: a file is wrong, they do not go together, or the inventory changes what is booked and no cause and reason are
            given; nothing was written.
        ConflictError: others changed a goal or a metric meanwhile; apply it again.
    """
    file = read_goals(source)
    if inventories is not None:
        file = replace(file, inventories=tuple(inventories))
    contents = [(path.name, _content(path)) for path in file.inventories]
    trials = [
        books.import_inventory_entries(content, file_name=name, reason=reason, restate=restate, validate_only=True)
        for name, content in contents
    ]
    _check(file, trials, books)
    imports = [
        books.import_inventory_entries(content, file_name=name, reason=reason, restate=restate) for name, content in contents
    ]
    metrics = [
        _put(metric, books.get_business_metric, books.create_business_metric, books.update_business_metric, reason)
        for metric in file.metrics
    ]
    goals = [_put(goal, books.get_goal, books.create_goal, books.update_goal, reason) for goal in file.goals]
    return Applied(tuple(goals), tuple(metrics), tuple(imports))


def _put(value: Any, get: Any, create: Any, update: Any, reason: str) -> Any:
    try:
        known = get(value.name)
    except NotFoundError:
        return create(value, reason=reason)
    return update(value, etag=known.etag, reason=reason)


def _check(file: GoalFile, trials: Iterable[EntryImport], books: ApplyingBooks) -> None:
    """Raises GoalError where a file is wrong, where a goal's base year is booked nowhere, or where its path would go up from it.

    What is booked behind a server is not at hand: there a base year that the files do not have is left to the server.
    """
    entries: dict[str, InventoryEntry] = {}
    state: Callable[[], Booked] | None = getattr(books, "inventory_state", None)
    before = None if state is None else state()
    if before is not None:
        entries |= before.entries
    for trial in trials:
        _refuse(trial, file.path)
        entries |= {entry.id: entry for entry in trial.added}
    booked = _Known(entries, before.policy if before is not None else InventoryPolicy())
    for goal in file.goals:
        try:
            _check_base(goal, booked, whole=before is not None)
        except GoalError as error:
            raise GoalError(error.message, path=str(file.path), key=error.key, advice=error.advice) from error


def _check_base(goal: Goal, booked: Booked, *, whole: bool) -> None:
    base = actual_of(goal, booked, goal.base_year)
    if base is None:
        lacking = ", ".join(lacking_in(goal, booked, goal.base_year))
        if whole:
            raise GoalError(
                f"the inventory books nothing for {lacking} in the base year {goal.base_year}",
                key="base_year",
                advice=f"add lines of {goal.base_year} for {lacking} to the inventory",
            )
    elif goal.kind is not GoalKind.INTENSITY:
        check_path(goal, Fraction(base.micrograms), booked.policy.fiscal_year_start_month)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GoalError(f"the inventory cannot be read: {error.strerror}", path=str(path), key="inventory") from error


def _refuse(found: EntryImport, path: Path) -> None:
    if found.errors:
        first = found.errors[0]
        more = f", and {len(found.errors) - 1} more" if len(found.errors) > 1 else ""
        raise GoalError(
            f"the inventory has a mistake in row {first.row}, column {first.column}: {first.message}{more}",
            path=str(path),
            key="inventory",
            advice=first.advice or "greencloud inventory import --validate-only shows all of them",
        )
