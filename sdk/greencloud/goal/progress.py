"""Where the provider stands: the path beside the inventory year by year, and the ledger against the path.

The **inventory** is compared by whole years: the latest that is booked after the base year is on track where it is at or below its
path. The **ledger** is compared over the seconds that it covers and no others: the path allows ``path(year) * covered / seconds of
the year``, exactly, rounded once. The ledger is *unknown* where there is nothing to compare, and also where it sees only a part of
what the base counts: below the path, that says nothing; above it, it is off track whatever the rest may be.

The status is that of the later of the two that says something: of the ledger where its year ends after the latest booked year, else
of the inventory. An inventory of long ago, after which two more years have ended, can say off track but not on track.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Final

from greencloud.goal.actual import Booked, actual_of, entries_of, years_of
from greencloud.goal.checks import check_path
from greencloud.goal.ledger_year import LedgerYear, seconds_of
from greencloud.goal.path import PathYear, base_of, path_years
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalProgress, GoalStatus, GoalYear
from greencloud.results.inventory import EntryState
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["progress"]

_LEDGER_CATEGORIES: Final = frozenset({2, 3})
_UNBALANCED: Final = "From {} on the residual must be balanced by removals and credits, which this does not look at."


def progress(goal: Goal, booked: Booked, metrics: Mapping[str, BusinessMetric], ledger: LedgerYear, now: datetime) -> GoalProgress:
    """Compare the path with the inventory and with the ledger's year; without alerts (``greencloud.goal.alerts``).

    Raises:
        GoalError: the inventory does not book the base year, an intensity goal's metric has no value of it, or the path goes up.
    """
    month = booked.policy.fiscal_year_start_month
    check_path(goal, base_of(goal, booked, metrics), month)
    years = tuple(_year(goal, booked, each) for each in path_years(goal, booked, metrics, years_of(goal, booked)))
    by_year = {year.reporting_year: year for year in years}
    latest = max((year for year in by_year if by_year[year].actual is not None), key=lambda year: year.end(month))
    covered = Fraction(ledger.covered_seconds, seconds_of(ledger.year))
    whole = next(iter(path_years(goal, booked, metrics, [ReportingYear(ledger.year)])), None)
    actual = sum((ledger.emissions[scope] for scope in goal.scopes), Emissions()) if ledger.covered_seconds else Emissions()
    blind = _blind_categories(goal, booked)
    of_ledger, why = _ledger_status(goal, ledger, whole, actual, blind)
    of_latest = _latest_status(goal, by_year[latest])
    of_inventory, more = _inventory_status(goal, latest, of_latest, month, now)
    by_ledger = of_ledger is not GoalStatus.UNKNOWN and ReportingYear(ledger.year).end(month) > latest.end(month)
    return GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind=goal.kind.value,
        scopes=goal.scopes,
        base_year=goal.base_year.year,
        base_emissions=by_year[goal.base_year].path,
        target_year=goal.target_year.year,
        target_emissions=by_year[goal.target_year].path,
        years=years,
        ledger_year=ledger.year,
        ledger_covered_seconds=ledger.covered_seconds,
        ledger_emissions=actual,
        path_emissions=Emissions() if whole is None else whole.part(covered),
        status=of_ledger if by_ledger else of_inventory,
        as_of=now,
        notes=(
            _coverage_note(goal, ledger, covered),
            *why,
            *(() if by_ledger else more),
            *_inventory_notes(goal, years, month, now),
            *_scope3_notes(goal, blind),
        ),
        latest_year=latest,
        milestones=goal.milestones,
        latest_status=of_latest,
        base_fiscal=goal.base_year.fiscal,
        target_fiscal=goal.target_year.fiscal,
        metric=goal.metric,
        fiscal_year_start_month=month,
    )


def _year(goal: Goal, booked: Booked, of: PathYear) -> GoalYear:
    return GoalYear(
        year=of.year.year,
        path=of.part(),
        actual=actual_of(goal, booked, of.year),
        fiscal=of.year.fiscal,
        draft=any(entry.state is EntryState.DRAFT for entry in entries_of(goal, booked, of.year)),
        metric=of.metric,
    )


def _ledger_status(
    goal: Goal, ledger: LedgerYear, whole: PathYear | None, actual: Emissions, blind: list[str]
) -> tuple[GoalStatus, list[str]]:
    if not ledger.covered_seconds:
        return GoalStatus.UNKNOWN, []
    if whole is None:
        return GoalStatus.UNKNOWN, [f"The path begins in {goal.base_year}: there is none to compare {ledger.year} with."]
    if goal.metric and whole.metric is None:
        return GoalStatus.UNKNOWN, [f"{goal.metric} has no value of {ledger.year}, so the ledger is compared with no path."]
    if actual > whole.part(Fraction(ledger.covered_seconds, seconds_of(ledger.year))):
        return GoalStatus.OFF_TRACK, []
    if blind:
        return GoalStatus.UNKNOWN, ["The ledger is within the path, but sees only a part of what the base counts (below)."]
    if ledger.partial:
        return GoalStatus.UNKNOWN, ["The ledger is within the path, but its meters cover only a part of every window (below)."]
    if goal.kind is GoalKind.NEUTRALITY and ledger.year >= goal.target_year.year and actual.micrograms > 0:
        return GoalStatus.UNKNOWN, [_UNBALANCED.format(goal.target_year)]
    return GoalStatus.ON_TRACK, []


def _latest_status(goal: Goal, year: GoalYear) -> GoalStatus:
    if year.reporting_year == goal.base_year or (goal.metric and year.metric is None) or year.actual is None:
        return GoalStatus.UNKNOWN
    return GoalStatus.OFF_TRACK if year.actual > year.path else GoalStatus.ON_TRACK


def _inventory_status(
    goal: Goal, latest: ReportingYear, status: GoalStatus, month: int, now: datetime
) -> tuple[GoalStatus, list[str]]:
    if status is not GoalStatus.ON_TRACK:
        return status, []
    if ReportingYear(latest.year + 2, latest.fiscal).end(month) <= now:
        text = f"The inventory was within the path in {latest}, but two years have ended since that it does not book."
        return GoalStatus.UNKNOWN, [text]
    if goal.kind is GoalKind.NEUTRALITY and latest.end(month) >= goal.target_year.end(month):
        return GoalStatus.UNKNOWN, [_UNBALANCED.format(goal.target_year)]
    return status, []


def _blind_categories(goal: Goal, booked: Booked) -> list[str]:
    """Parts of the base that no ledger holds: the ledger knows Scope 3 categories 2 and 3 alone."""
    found = {entry.category for entry in entries_of(goal, booked, goal.base_year) if entry.scope == "scope3"}
    whole = ["Scope 3 as a whole, without categories"] if None in found else []
    return whole + [f"category {number}" for number in sorted(n for n in found if n is not None and n not in _LEDGER_CATEGORIES)]


def _coverage_note(goal: Goal, ledger: LedgerYear, covered: Fraction) -> str:
    if goal.businesses:
        return "The ledger knows no businesses, so it is not compared."
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


def _inventory_notes(goal: Goal, years: Iterable[GoalYear], month: int, now: datetime) -> list[str]:
    notes = []
    missing = [year.reporting_year for year in years if year.actual is None and year.reporting_year.end(month) <= now]
    if missing:
        notes.append(
            f"No inventory of {', '.join(goal.scopes)} is booked for {_spans(missing)}; those years are unknown, not zero."
        )
    guessed = [year.reporting_year for year in years if year.metric is None] if goal.metric else []
    if guessed:
        notes.append(
            f"{goal.metric} has no value of {_spans(guessed)}; the path of those years stands on the latest value before them."
        )
    if goal.kind is GoalKind.NEUTRALITY:
        notes.append(
            "Neutrality is claimed on the residual, which removals and credits must balance; they are told beside the figures "
            "above and never reduce them."
        )
    return notes


def _scope3_notes(goal: Goal, blind: list[str]) -> list[str]:
    notes = []
    if blind:
        notes.append(f"The base counts {', '.join(blind)}; the ledger holds Scope 3 categories 2 and 3 only.")
    if "scope3" in goal.scopes and (not goal.categories or 2 in goal.categories):
        notes.append(
            "The ledger books category 2 (capital goods) evenly over service life; a corporate inventory books it in the year of "
            "purchase (GHG Protocol Scope 3 Standard, box 5.4)."
        )
    return notes


def _spans(years: Iterable[ReportingYear]) -> str:
    """``2021-2023, FY2025``."""
    runs: list[list[ReportingYear]] = []
    for year in years:
        if runs and year == ReportingYear(runs[-1][-1].year + 1, runs[-1][-1].fiscal):
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
