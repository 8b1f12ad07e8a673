"""Books with instruments, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from greencloud.client import Client
from greencloud.goal import ProviderBooks
from greencloud.inventory import Draft, Journal
from greencloud.inventory.document import to_document
from greencloud.results.instruments import Instrument, InstrumentKind, Retirement
from greencloud.results.inventory import InventoryEntry, InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.server import Intake, KeyStore, Services, Taken, build_server
from greencloud.units import Emissions

__all__ = ["NOW", "RETIREMENT", "TONNE", "Served", "book", "books", "certificate", "credit", "policy", "removal", "serving_books"]

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


@dataclass(frozen=True)
class Served:
    """A server whose books are ``folder``."""

    target: str
    keys: KeyStore
    folder: Path

    def token(self, role: str = "provider.admin", account: str = "") -> str:
        return self.keys.issue(role, account, ttl=timedelta(hours=1), now=NOW)

    def client(self, role: str = "provider.admin", account: str = "") -> Client:
        return Client(self.target, token=self.token(role, account))


@contextmanager
def serving_books(folder: Path, kept: Path | None = None) -> Iterator[Served]:
    """A real server with books and nothing else; its clock stands still."""
    keys, kept = KeyStore(folder / "keys"), kept or folder / "books"
    nothing: Any = None
    services = Services(nothing, nothing, nothing, nothing, nothing, nothing, nothing, books=books(kept).by)
    server = build_server(services, Intake(lambda *_: Taken(0, "")), keys, listen="127.0.0.1:0", clock=lambda: NOW, threads=4)
    try:
        yield Served(server.target, keys, kept)
    finally:
        server.stop(0)
