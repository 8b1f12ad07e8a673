"""An inventory as it is printed: tonnes of CO2e with three places, so that every sum that a reader may check comes out.

The leaves are the 15 categories of Scope 3 (and what is booked of it as a whole), Scope 1, and Scope 2 by both methods. The
location-based total is rounded first, its scopes by the largest remainder within it, and the categories within Scope 3. The
market-based total is the sum of the printed scopes: two totals that share two of three parts cannot both be rounded first. It is
off by less than 3 kg from the exact sum.

Every standard prints these leaves, and totals of them; so the same figure is the same in all disclosures of a year.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from greencloud.report.rounding import decimal_units, rounded_parts, rounded_total
from greencloud.results.inventory import InventoryTotals, iso_category_of
from greencloud.units import Emissions

__all__ = ["KILOGRAM", "PLACES", "Printed", "printed", "tonnes"]

PLACES: Final = 3
KILOGRAM: Final = 1_000_000_000
"""Micrograms of the last place of a tonne that is printed."""

Key = tuple[str, int | None]
_LOCATION: Final[tuple[str, ...]] = ("scope1", "scope2_location_based", "scope3")


def tonnes(emissions: Emissions | None) -> Decimal | None:
    """One amount that is part of no sum; None stays None."""
    return None if emissions is None else decimal_units(rounded_total([emissions.micrograms], KILOGRAM), PLACES)


@dataclass(frozen=True, slots=True)
class Printed:
    """Whole kilograms by scope, and by (scope, category); what is not booked is not there. ``evidence``: entries by the same."""

    scopes: dict[str, int]
    lines: dict[Key, int]
    evidence: dict[Key, tuple[str, ...]]

    def scope(self, scope: str) -> Decimal | None:
        return _decimal(self.scopes.get(scope))

    def line(self, scope: str, category: int | None) -> Decimal | None:
        return _decimal(self.lines.get((scope, category)))

    def total(self, method: str) -> Decimal | None:
        """Of ``location_based`` or ``market_based``; None where one of its scopes is not booked."""
        found = [self.scopes.get(scope) for scope in ("scope1", f"scope2_{method}", "scope3")]
        return _decimal(sum(each for each in found if each is not None)) if None not in found else None

    def iso_category(self, category: int, method: str) -> Decimal | None:
        """Of ISO 14064-1, with imported energy by ``method``."""
        found = [units for (scope, of), units in self.lines.items() if _in_iso(scope, of, category, method)]
        return _decimal(sum(found)) if found else None

    def entries(self, scopes: Iterable[str], iso: int | None = None, category: int | None = None) -> tuple[str, ...]:
        """Names of the entries behind scopes, or of an ISO category or a category of Scope 3 of theirs."""
        wanted = set(scopes)
        return tuple(
            name
            for (scope, of), names in self.evidence.items()
            if scope in wanted and (iso is None or iso_category_of(scope, of) == iso) and (category is None or of == category)
            for name in names
        )


def printed(inventory: InventoryTotals) -> Printed:
    """The inventory in whole kilograms, all sums kept."""
    amounts: dict[Key, int] = {}
    evidence: dict[Key, tuple[str, ...]] = {}
    for line in inventory.lines:
        key = (line.scope, line.category)
        amounts[key] = amounts.get(key, 0) + line.emissions.micrograms
        evidence[key] = (*evidence.get(key, ()), *line.entries)
    exact: dict[str, int] = {}
    for (scope, _), amount in amounts.items():
        exact[scope] = exact.get(scope, 0) + amount
    together = [scope for scope in _LOCATION if scope in exact]
    scopes = dict(zip(together, rounded_parts([exact[scope] for scope in together], KILOGRAM), strict=True))
    scopes |= {scope: rounded_total([amount], KILOGRAM) for scope, amount in exact.items() if scope not in scopes}
    lines: dict[Key, int] = {}
    for scope, total in scopes.items():
        keys = sorted((key for key in amounts if key[0] == scope), key=lambda key: key[1] or 0)
        lines |= dict(zip(keys, rounded_parts([amounts[key] for key in keys], KILOGRAM, total), strict=True))
    return Printed(scopes, lines, {key: evidence[key] for key in lines})


def _in_iso(scope: str, of: int | None, category: int, method: str) -> bool:
    return iso_category_of(scope, of) == category and (not scope.startswith("scope2_") or scope == f"scope2_{method}")


def _decimal(units: int | None) -> Decimal | None:
    return None if units is None else decimal_units(units, PLACES)
