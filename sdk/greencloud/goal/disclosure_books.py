"""What disclosures need of the provider's books, gathered for a reporting year; and product footprints of the ledger.

Nothing is written here. What a goal or a claim lacks (a base year that is not booked, a metric) leaves it without progress in the
disclosure, and does not keep the other figures from being told.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, cast

from greencloud.errors import GoalError, NotFoundError, QuantityError
from greencloud.goal.goal_books import GoalBooks
from greencloud.goal.instrument_books import InstrumentBooks
from greencloud.goal.product_footprints import ProductLedger, RegionZones, ledger_energy, product_footprints
from greencloud.inventory import BridgeBooks
from greencloud.results.disclosures import DisclosureInputs, DisclosureStandard, LedgerEnergy
from greencloud.results.goals import Goal, GoalKind, GoalProgress
from greencloud.results.instruments import Neutrality
from greencloud.results.inventory import InventoryTotals
from greencloud.results.product_footprints import ProductFootprint
from greencloud.results.reporting_year import ReportingYear

__all__ = ["DisclosureBooks"]

_MOST_YEARS: Final = 20


class DisclosureBooks(InstrumentBooks, GoalBooks, BridgeBooks):
    """Disclosures, as far as they are of the books."""

    def disclosure_inputs(self, year: str, standard: DisclosureStandard | None = None) -> DisclosureInputs:
        """All that a disclosure of the year is made of; with ``standard`` what that one needs.

        Raises:
            QuantityError: ``year`` is no reporting year.
            StoreError: the books or the ledger cannot be read.
        """
        of = ReportingYear.parse(year)
        policy = self.get_inventory_policy()
        inventory = self.get_inventory(year)
        # Of the books, not of the clock: the same books give the same bytes.
        created = changes[-1].time if (changes := self.journal.changes()) else self.clock()
        if standard is DisclosureStandard.PACT:
            products = tuple(self.list_product_footprints(year=year))
            return DisclosureInputs(inventory=inventory, created=created, policy=policy, products=products)
        base = policy.base_year
        base_inventory = self.get_inventory(str(base)) if base and base != of else inventory if base else None
        years = {str(of), *([str(base)] if base else [])}
        return DisclosureInputs(
            inventory=inventory,
            created=created,
            policy=policy,
            base_inventory=base_inventory if base_inventory and base_inventory.lines else None,
            entries=tuple(entry for each in sorted(years) for entry in self.list_inventory_entries(year=each)),
            restatements=tuple(found for each in sorted(years) for found in self.list_inventory_restatements(year=each)),
            structural_changes=tuple(self.list_structural_changes()),
            goals=tuple((goal, self._progress(goal)) for goal in self.list_goals()),
            neutrality=tuple(self._claims(year)),
            instruments=tuple(self.list_instruments()),
            ledger_energy=self._energy(inventory),
            products=tuple(self.list_product_footprints(year=year)) if standard is None else (),
        )

    def list_product_footprints(self, *, year: str = "", ledger_version: int | None = None) -> list[ProductFootprint]:
        """Of a reporting year, by default of the latest 20 that the ledger holds; in order of period, SKU and region.
        ``ledger_version`` None is the latest.

        Raises:
            QuantityError: ``year`` is no reporting year.
        """
        asked = ReportingYear.parse(year) if year else None
        if self.ledger is None:
            return []
        ledger = cast("ProductLedger", self.ledger(ledger_version))
        month = self.get_inventory_policy().fiscal_year_start_month
        zones = self._zones()
        years = [asked] if asked else _years_of(ledger, month)
        return [found for each in years for found in product_footprints(ledger, each.start(month), each.end(month), zones)]

    def _zones(self) -> Mapping[str, tuple[str, ...]]:
        book = self.hardware("")
        return book.grid_zones() if isinstance(book, RegionZones) else {}

    def _energy(self, inventory: InventoryTotals) -> LedgerEnergy | None:
        if self.ledger is None:
            return None
        return ledger_energy(self.ledger(None), inventory.start, inventory.end)

    def _progress(self, goal: Goal) -> GoalProgress | None:
        with suppress(GoalError, NotFoundError, QuantityError):
            return self.get_goal_progress(goal.name)
        return None

    def _claims(self, year: str) -> list[Neutrality]:
        """What each goal of neutrality comes to in the year."""
        found = []
        for goal in self.list_goals():
            if goal.kind is GoalKind.NEUTRALITY:
                with suppress(GoalError, NotFoundError, QuantityError):
                    found.append(self.get_neutrality(year, goal=goal.name))
        return found


def _years_of(ledger: ProductLedger, month: int) -> list[ReportingYear]:
    """The reporting years that a site has batches in, the latest 20 of them, in order."""
    lives = ledger.lives().values()
    if not lives:
        return []
    first: datetime = min(start for start, _ in lives)
    last: datetime = max(end for _, end in lives)
    fiscal = month != 1
    found = [ReportingYear(number, fiscal) for number in range(first.year, last.year + 2)]
    return [each for each in found if each.start(month) < last and first < each.end(month)][-_MOST_YEARS:]
