"""The bridge as arithmetic: from what customers were told to what the inventory books, in steps that are each known by themselves.

A section is a scope, or a category of Scope 3. Its steps, in order:

1. what the statements of closed periods say, customers only; what the ledger says of those periods now, less that; what it says of
   periods without statements. Together: the customers in the ledger.
2. internal accounts, unsold capacity that the provider keeps, and what nobody was seen to cause. Together with 1: the ledger.
3. capital goods (Scope 3, category 2): out goes what the ledger amortises, in comes what was bought in the year, from the hardware
   records (GHG Protocol Scope 3 Standard, box 5.4: capital goods are not amortised).
4. the inventory's own lines of the ledger may be of an earlier version of it: what they hold, less what the ledger holds now.
5. entries that no ledger knows: other businesses, offices, other categories.

Nothing is the remainder of anything else: what the steps do not explain is the difference, and a finding says where to look. Two
steps are refused rather than taken, so that the difference shows them: an entry stated for a site that the ledger holds (it would
count twice), and an entry that refers to a version of the ledger which says something else or is not kept any more.

The last section leads from Scope 2 location-based to market-based: certificates matched by hour and residual mixes, as the ledger
has them, and the same difference of the entries outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from greencloud.facility.values import POOL_UNATTRIBUTED, POOL_UNSOLD
from greencloud.results import FootprintRow
from greencloud.results.bridges import Bridge, BridgeLine, BridgeSection, ClosedStatements
from greencloud.results.inventory import SCOPE3_CATEGORIES, EntryState, InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["LEDGER_MEASURES", "PURCHASED", "BridgeInputs", "bridge_of", "measure_of"]

PURCHASED: Final = "hardware_purchased"
LEDGER_MEASURES: Final = {
    ("scope1", None): "scope1",
    ("scope2_location_based", None): "scope2_location_based",
    ("scope2_market_based", None): "scope2_market_based",
    ("scope3", 2): "scope3_embodied",
    ("scope3", 3): "scope3_upstream_location_based",
}
"""What the ledger holds of the inventory's sections; category 2 amortised."""

_Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class BridgeInputs:
    """What a bridge is worked out from.

    ``rows``: the ledger's year, one row an account or pool. ``stated``: each closed period within it, and the ledger's rows of the
    same time now. ``purchases``: (asset, mass) of the year; None where there is no facility book. ``entries``: of the year.
    ``referred``: for each entry with a reference, what the ledger says now of the same line, and what it said in that version
    (None: not kept any more).
    """

    year: ReportingYear
    start: datetime
    end: datetime
    ledger_version: int
    covered_seconds: int
    rows: Sequence[FootprintRow]
    stated: Sequence[tuple[ClosedStatements, Sequence[FootprintRow]]]
    internal: Collection[str]
    purchases: Sequence[tuple[str, Emissions]] | None
    entries: Sequence[InventoryEntry]
    referred: Mapping[str, tuple[Emissions, Emissions | None]]
    sites: Collection[str] = field(default_factory=frozenset)


def measure_of(row: FootprintRow, measure: str) -> Emissions:
    """A measure of ``LEDGER_MEASURES`` (or the market-based upstream) of a row."""
    amount = getattr(row, measure)
    assert isinstance(amount, Emissions)
    return amount


def bridge_of(given: BridgeInputs) -> Bridge:
    """All sections, those of the ledger and those that the inventory books."""
    counted = [entry for entry in given.entries if entry.state is not EntryState.WITHDRAWN and not entry.biogenic]
    keys: set[_Key] = {(entry.scope, entry.category) for entry in counted}
    if given.rows:
        keys |= set(LEDGER_MEASURES)
    sections = [_section(given, key, [e for e in counted if (e.scope, e.category) == key]) for key in sorted(keys, key=_order)]
    methods = _methods(sections)
    return Bridge(
        year=given.year,
        ledger_version=given.ledger_version,
        covered_seconds=given.covered_seconds,
        year_seconds=int((given.end - given.start).total_seconds()),
        sections=(*sections, *([methods] if methods else [])),
        notes=tuple(_notes(given)),
    )


def _order(key: _Key) -> tuple[str, int]:
    return (key[0], key[1] or 0)


def _section(given: BridgeInputs, key: _Key, entries: Sequence[InventoryEntry]) -> BridgeSection:
    measure = LEDGER_MEASURES.get(key)
    ledger_lines = _ledger_lines(given, measure) if measure and given.rows else []
    ledger = _sum(line.emissions for line in ledger_lines)
    lines = list(ledger_lines)
    findings: list[str] = []
    if key == ("scope3", 2) and measure and given.rows:
        lines += _capital_goods(given, ledger, findings)
    referring = [entry for entry in entries if entry.reference is not None]
    if measure and given.rows and not referring and lines:
        findings.append(f"the ledger's line is not booked: greencloud inventory book-ledger {given.year}")
    for entry in referring:
        lines += _booked_before(given, entry, findings)
    if len(referring) > 1:
        findings.append("the ledger's line is booked more than once: " + ", ".join(entry.name for entry in referring))
    lines += _outside(given, [entry for entry in entries if entry.reference is None], findings)
    inventory = _sum(entry.emissions for entry in entries) if entries else None
    difference = (inventory or Emissions()) - _sum(line.emissions for line in lines)
    if difference.micrograms and not findings:
        findings.append("the facility book's hardware changed after it was booked" if key == ("scope3", 2) else _UNEXPLAINED)
    finding = "; ".join(findings) if difference.micrograms else ""
    return BridgeSection(key[0], key[1], tuple(lines), ledger, inventory, difference, finding)


_UNEXPLAINED: Final = "an entry that refers to the ledger is for another time or measure"


def _ledger_lines(given: BridgeInputs, measure: str) -> list[BridgeLine]:
    own = {*given.internal, POOL_UNATTRIBUTED, POOL_UNSOLD}
    now = {row.dimensions["account"]: measure_of(row, measure) for row in given.rows}
    customers = _sum(amount for account, amount in now.items() if account not in own)
    said, meanwhile = Emissions(), Emissions()
    for statements, rows in given.stated:
        said += Emissions(sum(totals.get(measure, 0) for account, totals in statements.totals.items() if account not in own))
        meanwhile += _sum(measure_of(row, measure) for row in rows if row.dimensions["account"] not in own)
    periods = tuple(f"statements/{statements.period}" for statements, _ in given.stated)
    lines = [
        BridgeLine("statements", "Customers' statements of closed periods", said, periods),
        BridgeLine("restated_since", "Restated in the ledger since those statements", meanwhile - said, periods),
        BridgeLine("not_stated", "Customers in periods without statements", customers - meanwhile),
        BridgeLine("internal_use", "Internal accounts", _sum(now.get(account, Emissions()) for account in set(given.internal))),
        BridgeLine("unsold", "Unsold capacity that the provider keeps", now.get(POOL_UNSOLD, Emissions())),
        BridgeLine("unattributed", "Use that nobody was seen to cause", now.get(POOL_UNATTRIBUTED, Emissions())),
    ]
    return [line for line in lines if line.emissions.micrograms or line.kind in {"statements", "not_stated"}]


def _capital_goods(given: BridgeInputs, ledger: Emissions, findings: list[str]) -> list[BridgeLine]:
    lines = [BridgeLine("amortised", "Amortised by the ledger over service life", Emissions() - ledger)]
    if given.purchases is None:
        findings.append("there is no facility book to say what was bought")
        return lines
    bought = _sum(mass for _, mass in given.purchases)
    assets = tuple(asset for asset, _ in given.purchases)
    return [*lines, BridgeLine("purchased", "Bought in the year, cradle to gate", bought, assets)]


def _booked_before(given: BridgeInputs, entry: InventoryEntry, findings: list[str]) -> list[BridgeLine]:
    """The step from the ledger now to the version that the entry was booked from; none where that cannot be vouched for."""
    assert entry.reference is not None, "it refers to the ledger"
    now, then = given.referred[entry.id]
    version = entry.reference.ledger_version
    if then is None:
        if entry.emissions != now:
            what = (
                f"facility book {entry.reference.facility_revision[:12]}"
                if entry.reference.measure == PURCHASED
                else f"version {version}"
            )
            findings.append(f"{entry.name} is of {what}, which is not in force any more: book it anew")
        return []
    if then != entry.emissions:
        findings.append(f"{entry.name} says {entry.emissions}, but what it was booked from says {then}: book it anew")
        return []
    if now == then:
        return []
    of = "an earlier facility book" if entry.reference.measure == PURCHASED else f"version {version} of the ledger"
    label = f"Booked from {of}: since then it says something else"
    return [BridgeLine("booked_before", label, then - now, (entry.name,))]


def _outside(given: BridgeInputs, entries: Iterable[InventoryEntry], findings: list[str]) -> list[BridgeLine]:
    by_business: dict[str, list[InventoryEntry]] = {}
    for entry in entries:
        if entry.site in given.sites:
            findings.append(f"{entry.name} is stated for site {entry.site}, which the ledger holds: it would count twice")
            continue
        by_business.setdefault(entry.business, []).append(entry)
    return [
        BridgeLine(
            "outside_ledger",
            f"Outside the ledger: {business}" if business else "Outside the ledger",
            _sum(entry.emissions for entry in found),
            tuple(entry.name for entry in found),
        )
        for business, found in sorted(by_business.items())
    ]


def _methods(sections: Sequence[BridgeSection]) -> BridgeSection | None:
    """From location-based to market-based; None unless the inventory books both."""
    by_scope = {section.scope: section for section in sections}
    location, market = by_scope.get("scope2_location_based"), by_scope.get("scope2_market_based")
    if not location or not market or location.inventory is None or market.inventory is None:
        return None

    def part(section: BridgeSection, *kinds: str) -> Emissions:
        return _sum(line.emissions for line in section.lines if line.kind in kinds)

    ledger = market.ledger - location.ledger + part(market, "booked_before") - part(location, "booked_before")
    outside = part(market, "outside_ledger") - part(location, "outside_ledger")
    lines = [
        BridgeLine("location_based", "Scope 2 of the inventory, location-based", location.inventory),
        BridgeLine("market_instruments", "Certificates by hour, and residual mixes, in the ledger", ledger),
        BridgeLine("market_instruments", "Contracts outside the ledger", outside),
    ]
    difference = market.inventory - _sum(line.emissions for line in lines)
    finding = "one of the two methods does not close above" if difference.micrograms else ""
    return BridgeSection("scope2_methods", None, tuple(lines), Emissions(), market.inventory, difference, finding)


def _notes(given: BridgeInputs) -> list[str]:
    seconds = int((given.end - given.start).total_seconds())
    notes = []
    if given.rows and given.covered_seconds < seconds:
        notes.append(
            f"The ledger covers {given.covered_seconds:,} of {seconds:,} seconds of {given.year}: the rest is not in its lines, "
            "and in the inventory only where an entry states it."
        )
    if any(measure_of(row, "scope3_upstream_market_based") != measure_of(row, LEDGER_MEASURES["scope3", 3]) for row in given.rows):
        notes.append(f"Category 3 ({SCOPE3_CATEGORIES[3]}) is by the location-based method; the ledger holds both.")
    return notes


def _sum(amounts: Iterable[Emissions]) -> Emissions:
    return sum(amounts, Emissions())
