"""The hardware that the provider bought, by the facility book: what capital goods (category 2) are in the year of purchase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greencloud.facility import AccountKind, Facility
from greencloud.units import Emissions

__all__ = ["BookHardware"]


@dataclass(frozen=True, slots=True)
class BookHardware:
    """``HardwarePurchases`` of a facility book."""

    book: Facility

    @classmethod
    def of(cls, book: Facility | None) -> BookHardware | None:
        return None if book is None else cls(book)

    @property
    def revision(self) -> str:
        return self.book.revision

    def embodied(self, start: datetime, end: datetime) -> list[tuple[str, Emissions]]:
        """(asset, cradle-to-gate mass) of each that went into service on a day of ``[start, end)``, in the book's order."""
        return [
            (f"hardware/{asset.id}", Emissions(asset.embodied_micrograms))
            for asset in self.book.hardware
            if start.date() <= asset.in_service < end.date()
        ]

    def sites(self) -> list[str]:
        return list(self.book.sites)

    def internal_accounts(self) -> list[str]:
        """Accounts that work for others or for the provider itself."""
        return [account.id for account in self.book.accounts.values() if account.kind is AccountKind.INTERNAL]

    def grid_zones(self) -> dict[str, tuple[str, ...]]:
        """The grid zones of each region, sorted."""
        found: dict[str, set[str]] = {}
        for site in self.book.sites.values():
            found.setdefault(site.region, set()).add(site.grid_zone)
        return {region: tuple(sorted(zones)) for region, zones in found.items()}
