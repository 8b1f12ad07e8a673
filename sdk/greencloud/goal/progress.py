"""Where the provider stands: the path and the inventory year by year, and the ledger against the path.

The ledger is compared over the seconds that it covers and no others: the path allows ``path(year) * covered / seconds of the
year``, exactly, rounded once. The answer is *unknown* where there is nothing to compare, and also where the ledger sees only a
part of what the base counts: below the path, that says nothing; above it, it is off track whatever the rest may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from greencloud.goal.book import Goal
from greencloud.goal.ledger_year import LedgerYear, seconds_of
from greencloud.inventory import Inventory
from greencloud.results import GoalProgress, GoalStatus, GoalYear
from greencloud.units import Emissions

__all__ = ["progress"]

_LEDGER_CATEGORIES = frozenset({2, 3})


def progress(goal: Goal, inventory: Inventory, ledger: LedgerYear, now: datetime) -> GoalProgress:
    """Compare the path with the inventory and with the ledger's year.

    Raises:
        GoalError: the inventory does not book the base year, or the target is above it.
    """
    base = goal.base(inventory)
    covered = Fraction(ledger.covered_seconds, seconds_of(ledger.year))
    path = goal.allowed(base, ledger.year, covered)
    actual = sum((ledger.emissions[scope] for scope in goal.scopes), Emissions()) if ledger.covered_seconds else Emissions()
    blind = _blind_categories(goal, inventory)
    status, reasons = _status(goal, ledger, path, actual, blind)
    notes = [_coverage_note(ledger, covered), *reasons, *_inventory_notes(goal, inventory, blind, now)]
    if goal.kind == "neutrality":
        notes.append(
            "Neutrality is claimed on the residual, which removals and credits must balance; none of them are recorded yet, and "
            "they would never reduce the figures above."
        )
    return GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind=goal.kind,
        scopes=goal.scopes,
        base_year=goal.base_year,
        base_emissions=base,
        target_year=goal.target_year,
        target_emissions=_path(goal, base, goal.target_year),
        years=tuple(
            GoalYear(year, _path(goal, base, year), inventory.total(year, goal.scopes))
            for year in range(goal.base_year, goal.target_year + 1)
        ),
        ledger_year=ledger.year,
        ledger_covered_seconds=ledger.covered_seconds,
        ledger_emissions=actual,
        path_emissions=path or Emissions(),
        status=status,
        as_of=now,
        notes=tuple(notes),
    )


def _path(goal: Goal, base: Emissions, year: int) -> Emissions:
    allowed = goal.allowed(base, year)
    assert allowed is not None, "years of a path begin with its base year"
    return allowed


def _status(
    goal: Goal, ledger: LedgerYear, path: Emissions | None, actual: Emissions, blind: list[str]
) -> tuple[GoalStatus, list[str]]:
    if not ledger.covered_seconds:
        return GoalStatus.UNKNOWN, []
    if path is None:
        return GoalStatus.UNKNOWN, [f"The path begins in {goal.base_year}: there is none to compare {ledger.year} with."]
    if actual > path:
        return GoalStatus.OFF_TRACK, []
    if blind:
        return GoalStatus.UNKNOWN, ["The ledger is within the path, but sees only a part of what the base counts (below)."]
    if ledger.partial:
        return GoalStatus.UNKNOWN, ["The ledger is within the path, but its meters cover only a part of every window (below)."]
    if goal.kind == "neutrality" and ledger.year >= goal.target_year and actual.micrograms > 0:
        return GoalStatus.UNKNOWN, [f"From {goal.target_year} on the residual must be balanced, and nothing is recorded that does."]
    return GoalStatus.ON_TRACK, []


def _blind_categories(goal: Goal, inventory: Inventory) -> list[str]:
    """Parts of the base that no ledger holds: the ledger knows Scope 3 categories 2 and 3 alone."""
    booked = {entry.category for entry in inventory.entries_of(goal.base_year, goal.scopes) if entry.scope == "scope3"}
    whole = ["Scope 3 as a whole, without categories"] if None in booked else []
    return whole + [f"category {number}" for number in sorted(n for n in booked if n is not None and n not in _LEDGER_CATEGORIES)]


def _coverage_note(ledger: LedgerYear, covered: Fraction) -> str:
    if not ledger.covered_seconds:
        return f"The ledger covers nothing of {ledger.year}, so nothing is compared."
    hundredths = int(covered * 10_000)
    percent = f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths else "under 0.01"
    note = (
        f"The ledger covers {ledger.covered_seconds:,} of {seconds_of(ledger.year):,} seconds of {ledger.year} ({percent} %); "
        "the path is taken for the same seconds, in proportion to time."
    )
    if ledger.partial:
        note += " The meters cover only a part of every window: its energy is a lower bound."
    elif ledger.left_out_seconds:
        note += f" Windows of another {ledger.left_out_seconds:,} s are left out, because their meters cover only a part of them."
    return note + (" Some windows are provisional and may still change." if ledger.provisional else "")


def _inventory_notes(goal: Goal, inventory: Inventory, blind: list[str], now: datetime) -> list[str]:
    notes = []
    ended = range(goal.base_year, min(now.year, goal.target_year + 1))
    missing = [year for year in ended if inventory.total(year, goal.scopes) is None]
    if missing:
        notes.append(
            f"No inventory of {', '.join(goal.scopes)} is booked for {_spans(missing)}; those years are unknown, not zero."
        )
    if blind:
        notes.append(f"The base counts {', '.join(blind)}; the ledger holds Scope 3 categories 2 and 3 only.")
    if "scope3" in goal.scopes:
        notes.append(
            "The ledger books category 2 (capital goods) evenly over service life; a corporate inventory books it in the year of "
            "purchase (GHG Protocol Scope 3 Standard, box 5.4)."
        )
    return notes


def _spans(years: Iterable[int]) -> str:
    """``2021-2023, 2025``."""
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
