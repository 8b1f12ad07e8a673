"""Goals and where the provider stands with them: tables for people, documents for programs.

Document of progress (``greencloud.goal/1``): ``schema name display_name kind scopes metric base target years latest milestones
ledger status alerts as_of notes``. ``years[].inventory`` is null where nothing is booked, ``years[].metric`` where there is none or
it is not known, and ``ledger`` is null where it covers nothing of the year. Amounts are as in ``greencloud.report.documents``;
shares and metrics are exact, as ``1/10``.

In the table each difference is that of the figures beside it as they are printed, so that a reader who checks it finds it right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.documents import emissions_document
from greencloud.report.sheet import Column, Sheet
from greencloud.report.tables import table_text
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalProgress, GoalStatus, GoalYear, Milestone
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, format_instant, round_half_even

__all__ = [
    "goal_document",
    "goal_resource_document",
    "goal_table",
    "goal_text",
    "goals_table",
    "metric_document",
    "metrics_table",
    "number_text",
]

_STATUS: Final = {
    GoalStatus.ON_TRACK: "on track: at or below the path",
    GoalStatus.OFF_TRACK: "OFF TRACK: above the path",
    GoalStatus.UNKNOWN: "unknown",
}
_SCHEMA: Final = "greencloud.goal/1"


def goal_table(progress: GoalProgress) -> str:
    """The path beside the inventory, the ledger against the path, the status, alerts, and what a reader should know."""
    amounts = [progress.base_emissions.micrograms, *(year.actual.micrograms for year in progress.years if year.actual is not None)]
    scale = scale_for([*amounts, *(year.path.micrograms for year in progress.years)], EMISSION_UNITS)
    stones = {stone.year for stone in progress.milestones}
    marks = {year.reporting_year: _marks(year, stones) for year in progress.years}
    columns = [
        Column(("year",)),
        Column(("path", scale.unit), numeric=True),
        Column(("inventory", scale.unit), numeric=True),
        Column(("above path", scale.unit), numeric=True),
    ]
    columns += [Column((progress.metric.partition("/")[2],), numeric=True)] if progress.metric else []
    columns += [Column(("",))] if any(marks.values()) else []
    body = []
    for year in progress.years:
        cells = [str(year.reporting_year), scale.show(year.path.micrograms), *_actual_cells(year, scale)]
        cells += [number_text(year.metric) if year.metric is not None else "not known"] if progress.metric else []
        cells += [marks[year.reporting_year]] if any(marks.values()) else []
        body.append(tuple(cells))
    base = ReportingYear(progress.base_year, progress.base_fiscal)
    target = ReportingYear(progress.target_year, progress.target_fiscal)
    lines = [
        f"{progress.display_name} ({progress.name})",
        f"{progress.kind}, {', '.join(progress.scopes)}" + (f", by {progress.metric}" if progress.metric else ""),
        f"base {base}: {progress.base_emissions}; target {target}: {progress.target_emissions} of CO2e",
        "",
        *table_text(Sheet(tuple(columns), tuple(body))),
        "",
        f"Status: {_STATUS[progress.status]}",
        *_latest_line(progress),
        *_ledger_line(progress),
    ]
    for alert in progress.alerts:
        lines += [f"! {alert.message}", f"  {alert.advice}"]
    lines += [f"- {note}" for note in progress.notes]
    return "\n".join([*lines, f"As of {format_instant(progress.as_of)}."]) + "\n"


def goals_table(goals: Iterable[Goal]) -> str:
    """One line a goal."""
    columns = ("name", "kind", "scopes", "base", "target", "may remain", "revision", "display name")
    body = tuple(
        (
            goal.name,
            goal.kind.value,
            ", ".join(goal.scopes),
            str(goal.base_year),
            str(goal.target_year),
            _remaining(goal),
            str(goal.revision),
            goal.display_name,
        )
        for goal in goals
    )
    return "\n".join(table_text(Sheet(tuple(Column((name,)) for name in columns), body))) + "\n"


def goal_text(goal: Goal) -> str:
    """A goal as it is booked, a line for each thing that is said."""
    stones = ", ".join(f"{stone.year} {_milestone_text(stone)}" for stone in goal.milestones)
    said = {
        "kind": goal.kind.value,
        "scopes": ", ".join(goal.scopes),
        "categories": ", ".join(map(str, goal.categories)),
        "sites": ", ".join(goal.sites),
        "businesses": ", ".join(goal.businesses),
        "business metric": goal.metric,
        "base year": str(goal.base_year),
        "target year": str(goal.target_year),
        "path": goal.path.value,
        "may remain": _remaining(goal),
        "milestones": stones,
        "source": goal.source,
        "revision": str(goal.revision),
        "booked by": goal.created_by,
        "changed": "" if goal.updated is None else format_instant(goal.updated),
    }
    width = max(len(label) for label in said)
    lines = [f"{label:<{width}}  {text}" for label, text in said.items() if text]
    return "\n".join([f"{goal.display_name} ({goal.name})", *lines]) + "\n"


def metrics_table(metrics: Sequence[BusinessMetric]) -> str:
    """One line a value."""
    columns = (Column(("name",)), Column(("year",)), Column(("value",), numeric=True), Column(("unit",)), Column(("source",)))
    body = tuple(
        (metric.name, str(year), number_text(value), metric.unit, metric.source)
        for metric in metrics
        for year, value in metric.values
    )
    return "\n".join(table_text(Sheet(columns, body))) + "\n"


def goal_document(progress: GoalProgress) -> dict[str, Any]:
    """Where the provider stands."""
    ledger = {
        "year": progress.ledger_year,
        "covered_seconds": progress.ledger_covered_seconds,
        "emissions": emissions_document(progress.ledger_emissions),
        "path": emissions_document(progress.path_emissions),
        "gap": emissions_document(progress.gap),
    }
    return {
        "schema": _SCHEMA,
        "name": progress.name,
        "display_name": progress.display_name,
        "kind": progress.kind,
        "scopes": list(progress.scopes),
        "metric": progress.metric or None,
        "base": _point(progress.base_year, progress.base_fiscal, progress.base_emissions),
        "target": _point(progress.target_year, progress.target_fiscal, progress.target_emissions),
        "years": [
            {
                "year": year.year,
                "reporting_year": str(year.reporting_year),
                "path": emissions_document(year.path),
                "inventory": None if year.actual is None else emissions_document(year.actual),
                "draft": year.draft,
                "metric": None if year.metric is None else str(year.metric),
            }
            for year in progress.years
        ],
        "latest": None
        if progress.latest_year is None
        else {"reporting_year": str(progress.latest_year), "status": progress.latest_status.value},
        "milestones": [_milestone(stone) for stone in progress.milestones],
        "ledger": ledger if progress.ledger_covered_seconds else None,
        "status": progress.status.value,
        "alerts": [
            {
                "kind": alert.kind,
                "reporting_year": str(alert.year),
                "message": alert.message,
                "advice": alert.advice,
                "emissions": None if alert.emissions is None else emissions_document(alert.emissions),
            }
            for alert in progress.alerts
        ],
        "as_of": format_instant(progress.as_of),
        "notes": list(progress.notes),
    }


def goal_resource_document(goal: Goal) -> dict[str, Any]:
    """A goal as it is booked."""
    return {
        "name": goal.name,
        "display_name": goal.display_name,
        "kind": goal.kind.value,
        "scopes": list(goal.scopes),
        "base_year": str(goal.base_year),
        "target_year": str(goal.target_year),
        "path": goal.path.value,
        "target_share": _exact(goal.target_share),
        "target": None if goal.target is None else emissions_document(goal.target),
        "rate_per_year": _exact(goal.rate_per_year),
        "categories": list(goal.categories),
        "sites": list(goal.sites),
        "businesses": list(goal.businesses),
        "metric": goal.metric or None,
        "milestones": [_milestone(stone) for stone in goal.milestones],
        "source": goal.source,
        "etag": goal.etag,
        "created_by": goal.created_by,
        "updated": None if goal.updated is None else format_instant(goal.updated),
    }


def metric_document(metric: BusinessMetric) -> dict[str, Any]:
    """A business metric as it is booked."""
    return {
        "name": metric.name,
        "display_name": metric.display_name,
        "unit": metric.unit,
        "values": {str(year): str(value) for year, value in metric.values},
        "source": metric.source,
        "etag": metric.etag,
        "created_by": metric.created_by,
    }


def number_text(value: Fraction, places: int = 6) -> str:
    """A number as a decimal without needless zeros; rounded at the last place, half to even, where it has no end."""
    scaled = round_half_even(value * 10**places)
    sign, (whole, part) = "-" if scaled < 0 else "", divmod(abs(scaled), 10**places)
    digits = f"{part:0{places}d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{digits}" if digits else "")


def _actual_cells(year: GoalYear, scale: Scale) -> tuple[str, str]:
    if year.actual is None:
        return "not known", ""
    step = Fraction(scale.size, 10**scale.places)
    shown = [round_half_even(amount.micrograms / step) for amount in (year.actual, year.path)]
    return scale.show(year.actual.micrograms), scale.show(round_half_even((shown[0] - shown[1]) * step))


def _marks(year: GoalYear, stones: set[ReportingYear]) -> str:
    marks = ["milestone"] if year.reporting_year in stones else []
    return ", ".join([*marks, "draft"] if year.draft else marks)


def _latest_line(progress: GoalProgress) -> list[str]:
    found = next((year for year in progress.years if year.reporting_year == progress.latest_year), None)
    if found is None or found.actual is None or progress.latest_status is GoalStatus.UNKNOWN:
        return []
    where = _side(found.actual - found.path)
    return [f"Inventory {found.reporting_year}: {found.actual} CO2e; the path allows {found.path}, so it is {where}."]


def _ledger_line(progress: GoalProgress) -> list[str]:
    if not progress.ledger_covered_seconds:
        return []
    return [
        (
            f"Ledger {progress.ledger_year}: {progress.ledger_emissions} CO2e in {progress.ledger_covered_seconds:,} s; "
            f"the path allows {progress.path_emissions} for the same time, so it is {_side(progress.gap)}."
        )
    ]


def _side(gap: Emissions) -> str:
    if not gap.micrograms:
        return "on it exactly"
    return f"{Emissions(abs(gap.micrograms))} {'above' if gap.micrograms > 0 else 'below'}"


def _remaining(goal: Goal) -> str:
    if goal.target is not None:
        return str(goal.target)
    if goal.target_share is not None:
        return f"{number_text(goal.target_share * 100)} % of the base"
    if goal.rate_per_year is not None:
        return f"{number_text(goal.rate_per_year * 100)} % of the base less a year"
    return "nothing" if goal.kind is GoalKind.NEUTRALITY and goal.path == "linear" else "4.2 % of the base less a year"


def _point(year: int, fiscal: bool, emissions: Emissions) -> dict[str, Any]:
    return {"year": year, "reporting_year": str(ReportingYear(year, fiscal)), "emissions": emissions_document(emissions)}


def _milestone(stone: Milestone) -> dict[str, Any]:
    return {
        "reporting_year": str(stone.year),
        "share": _exact(stone.share),
        "emissions": None if stone.emissions is None else emissions_document(stone.emissions),
    }


def _milestone_text(stone: Milestone) -> str:
    return f"{number_text((stone.share or Fraction(0)) * 100)} %" if stone.emissions is None else str(stone.emissions)


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
