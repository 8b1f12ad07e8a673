"""Goals and inventories that tests are about, made of a few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from greencloud.results.goals import Goal, GoalKind, Milestone
from greencloud.results.inventory import EntryState, InventoryEntry, InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["Books", "booked", "entry", "goal_of", "goals_with_base", "year"]

year = ReportingYear.parse


@dataclass(frozen=True)
class Books:
    """What goals read of an inventory."""

    entries: Mapping[str, InventoryEntry] = field(default_factory=dict)
    policy: InventoryPolicy = InventoryPolicy()


def entry(reporting_year: str, scope: str, micrograms: int, category: int | None = None, **more: Any) -> InventoryEntry:
    values = {"state": EntryState.APPROVED} | more
    name = "-".join([reporting_year, scope, str(category), *(str(value) for value in more.values())])
    return InventoryEntry(name, year(reporting_year), scope, category, Emissions(micrograms), "s", **values)


def booked(*entries: InventoryEntry, month: int = 1) -> Books:
    return Books({each.id: each for each in entries}, InventoryPolicy(fiscal_year_start_month=month))


def goal_of(**changes: Any) -> Goal:
    values: dict[str, Any] = {
        "id": "g",
        "display_name": "G",
        "kind": GoalKind.ABSOLUTE,
        "scopes": ("scope1",),
        "base_year": year("2020"),
        "target_year": year("2030"),
    }
    return Goal(**(values | changes))


@st.composite
def goals_with_base(draw: st.DrawFn, *, milestones: bool = True) -> tuple[Goal, Fraction, int]:
    """A goal whose path goes down, its base, and the month that fiscal years begin with."""
    base = draw(st.integers(0, 10**22))
    month = draw(st.integers(1, 12))
    span = draw(st.integers(2, 40))
    kinds = st.booleans()
    first, last = ReportingYear(2020, draw(kinds)), ReportingYear(2020 + span, draw(kinds))
    years = first.years_until(last, month)
    target: dict[str, Any] = draw(
        st.one_of(
            st.fractions(0, 1, max_denominator=10**6).map(lambda share: {"target_share": share}),
            st.integers(0, base).map(lambda amount: {"target": Emissions(amount)}),
            st.fractions(0, 1, max_denominator=10**6).map(lambda part: {"rate_per_year": part / years}),
        )
    )
    stones: tuple[Milestone, ...] = ()
    if milestones:
        at = sorted(draw(st.sets(st.integers(2022, 2019 + span), max_size=4))) if span > 2 else []
        amounts = sorted(draw(st.lists(st.integers(0, base), min_size=len(at), max_size=len(at))), reverse=True)
        target = {"target": Emissions(draw(st.integers(0, min([base, *amounts]))))} if at else target
        stones = tuple(Milestone(ReportingYear(y), emissions=Emissions(amount)) for y, amount in zip(at, amounts, strict=True))
        stones = tuple(s for s in stones if s.year.years_until(last, month) > 0 and first.years_until(s.year, month) > 0)
    return goal_of(base_year=first, target_year=last, milestones=stones, **target), Fraction(base), month
