"""The provider's books in a directory, and entries at random."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from greencloud.inventory import InventoryBooks, Journal
from greencloud.results.inventory import INVENTORY_SCOPES, DataQuality, InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

NOW = datetime(2026, 4, 1, tzinfo=UTC)
TONNE = 10**12


def books(directory: Path, actor: str = "amy", clock: Callable[[], datetime] = lambda: NOW) -> InventoryBooks:
    return InventoryBooks(Journal(directory), actor=actor, clock=clock)


def entry(scope: str = "scope1", tonnes: int | str = 1, year: str = "2020", **more: Any) -> InventoryEntry:
    micrograms = int(Fraction(tonnes) * TONNE)
    return InventoryEntry(
        id=more.pop("id", ""),
        year=ReportingYear.parse(year),
        scope=scope,
        category=more.pop("category", None),
        emissions=Emissions(micrograms),
        source=more.pop("source", "meter 7"),
        **more,
    )


@st.composite
def entry_sets(draw: st.DrawFn, *, most: int = 12) -> list[InventoryEntry]:
    """Entries that go together: calendar years, Scope 3 by category, an id each."""
    count = draw(st.integers(1, most))
    return [
        InventoryEntry(
            id=f"entry-{number}",
            year=ReportingYear(draw(st.integers(2019, 2022))),
            scope=(scope := draw(st.sampled_from(INVENTORY_SCOPES))),
            category=draw(st.integers(1, 15)) if scope == "scope3" else None,
            emissions=Emissions(draw(st.integers(0, 10**20))),
            source=draw(st.sampled_from(("meter", "invoice", "model 4, run 7"))),
            site=draw(st.sampled_from(("", "hall", "yard"))),
            business=draw(st.sampled_from(("", "cloud"))),
            uncertainty=draw(st.none() | st.fractions(0, 2, max_denominator=1000)),
            data_quality=draw(st.none() | st.sampled_from(DataQuality)),
            biogenic=draw(st.booleans()),
        )
        for number in range(count)
    ]
