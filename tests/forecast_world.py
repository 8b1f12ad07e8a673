"""A provider's books with an inventory, a goal and measures, for tests of forecasts and plans."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from greencloud.goal import ProviderBooks
from greencloud.inventory import Draft, Journal
from greencloud.inventory.document import to_document
from greencloud.results.forecasts import Measure
from greencloud.results.goals import Goal, GoalKind
from greencloud.results.inventory import InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TONNE = 10**12
GOAL = Goal(
    "half",
    "Half by 2030",
    GoalKind.ABSOLUTE,
    ("scope2_market_based", "scope3"),
    ReportingYear(2020),
    ReportingYear(2030),
    target_share=Fraction(1, 2),
)
SOLAR = Measure(
    "solar",
    "Solar on roofs",
    ("scope2_market_based",),
    ReportingYear(2026),
    Emissions(100 * TONNE),
    capital_cost=Fraction(5_000),
    annual_cost=Fraction(100),
    currency="CNY",
)


def opened(path: Path, actor: str = "ann") -> ProviderBooks:
    return ProviderBooks(Journal(path / "books"), actor=actor, clock=lambda: NOW)


def book(books: ProviderBooks, *entries: tuple[str, str, int | None, int]) -> None:
    """Entries as (year, scope, category, tonnes)."""
    made = [
        InventoryEntry(
            f"{year}-{scope}-{category or 0}".lower().replace("_", "-"),
            ReportingYear.parse(year),
            scope,
            category,
            Emissions(tonnes * TONNE),
            "the books of the provider",
        )
        for year, scope, category, tonnes in entries
    ]
    books.transact(lambda _: Draft("inventory.book", {"entries": [to_document(entry) for entry in made]}))


def history(books: ProviderBooks, *totals: int, first: int = 2020) -> None:
    """Years with Scope 2 and Scope 3 of that many tonnes each."""
    for place, tonnes in enumerate(totals):
        book(books, (str(first + place), "scope2_market_based", None, tonnes), (str(first + place), "scope3", 1, tonnes))
