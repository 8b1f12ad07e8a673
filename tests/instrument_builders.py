"""Books with instruments, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from greencloud.goal import ProviderBooks
from greencloud.inventory import Draft, Journal
from greencloud.inventory.document import to_document
from greencloud.results.instruments import Instrument, InstrumentKind, Retirement
from greencloud.results.inventory import InventoryEntry, InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["NOW", "RETIREMENT", "TONNE", "book", "books", "certificate", "credit", "policy", "removal"]

NOW = datetime(2026, 4, 1, tzinfo=UTC)
TONNE = 10**12
RETIREMENT = Retirement(date(2025, 2, 1), "Example Cloud", "RET-1")


def books(folder: Path, *, actor: str = "amy") -> ProviderBooks:
    return ProviderBooks(Journal(folder), actor=actor, clock=lambda: NOW)


def policy(kept: ProviderBooks, **fields: Any) -> None:
    kept.transact(lambda _: Draft("inventory.policy", to_document(InventoryPolicy(**fields))))


def book(kept: ProviderBooks, year: str, tonnes: Mapping[str, int], **fields: Any) -> None:
    """Entries of a year, by scope."""
    entries = [
        InventoryEntry(
            f"{year}-{scope}-{amount}".lower(),
            ReportingYear.parse(year),
            scope,
            None,
            Emissions(amount * TONNE),
            "report",
            **fields,
        )
        for scope, amount in tonnes.items()
    ]
    kept.transact(lambda _: Draft("inventory.book", {"entries": to_document(entries)}))


def removal(first: int = 1, last: int = 100, *, durability: int = 1_000, **fields: Any) -> Instrument:
    made = Instrument(
        "",
        InstrumentKind.REMOVAL,
        "Puro.earth",
        "Mineral storage",
        "PURO-",
        first,
        last,
        date(2024, 1, 1),
        date(2024, 12, 31),
        "IS",
        durability_years=durability,
        retirement=RETIREMENT,
    )
    return replace(made, **fields)


def credit(first: int = 1, last: int = 100, **fields: Any) -> Instrument:
    made = Instrument(
        "",
        InstrumentKind.OFFSET_CREDIT,
        "Gold Standard",
        "Cookstoves",
        "GS1-KE-",
        first,
        last,
        date(2023, 1, 1),
        date(2023, 12, 31),
        "KE",
        retirement=RETIREMENT,
    )
    return replace(made, **fields)


def certificate(first: int = 1, last: int = 100, **fields: Any) -> Instrument:
    made = Instrument(
        "",
        InstrumentKind.ENERGY_CERTIFICATE,
        "EECS",
        "Wind farm",
        "GO-",
        first,
        last,
        date(2024, 3, 1),
        date(2024, 3, 31),
        "DE-LU",
        retirement=RETIREMENT,
    )
    return replace(made, **fields)
