"""Claims of neutrality in the provider's books: read, never written. The inventory is what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from greencloud.errors import GoalError
from greencloud.goal.actual import actual_of
from greencloud.goal.goal_books import GoalBooks
from greencloud.goal.initiative_books import InitiativeBooks
from greencloud.goal.instrument_rules import check_use
from greencloud.goal.instrument_state import NONE, InstrumentState, step
from greencloud.goal.neutrality import check_scopes, neutrality
from greencloud.goal.path import path_years
from greencloud.inventory.state import InventoryState
from greencloud.results.goals import BusinessMetric, Goal
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentUse, Neutrality
from greencloud.results.inventory import EntryState, InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["ClaimBooks"]

_WHOLE = ("scope1", "scope2_market_based", "scope3")


@dataclass(frozen=True, slots=True)
class _Part:
    """What a claim is of; an empty field is everything. Categories are of Scope 3, and restrict nothing else."""

    scopes: tuple[str, ...]
    categories: tuple[int, ...] = ()
    sites: tuple[str, ...] = ()
    businesses: tuple[str, ...] = ()

    def total(self, inventory: InventoryState, year: ReportingYear) -> Emissions | None:
        return inventory.totals(year, scopes=self.scopes, categories=self.categories, sites=self.sites, businesses=self.businesses)

    def has(self, entry: InventoryEntry) -> bool:
        return (
            entry.scope in self.scopes
            and not entry.biogenic
            and (not self.categories or entry.scope != "scope3" or entry.category in self.categories)
            and (not self.sites or entry.site in self.sites)
            and (not self.businesses or entry.business in self.businesses)
        )


class ClaimBooks(InitiativeBooks, GoalBooks):
    """What a claim rests on, of a goal or of the whole organisation."""

    def get_neutrality(self, year: str, *, goal: str = "", scopes: Iterable[str] = ()) -> Neutrality:
        """What rests on reduction, removals and offsets in a year.

        Args:
            goal: a goal's resource name: its scopes, categories, sites and businesses, its base and path, and the uses that are
                claimed for it. Empty: the organisation, by the scopes given (all, with Scope 2 market-based) and its base year.

        Raises:
            GoalError: a scope of the year is not booked, both Scope 2 methods are asked for, or scopes beside a goal.
            NotFoundError: there is no such goal.
            QuantityError: the year is none.
        """
        of_year, asked = ReportingYear.parse(year), tuple(dict.fromkeys(scopes))
        then = self.as_of(len(self.journal.changes()))  # one state of all rooms, whoever writes meanwhile
        inventory, instruments = then.inventory_state(), then.fold(NONE, step).latest()
        of = then.get_goal(goal) if goal else None
        if of is not None and asked:
            raise GoalError("scopes: the goal names its own", key="scopes", advice="ask by goal or by scopes")
        wanted = of.scopes if of else asked or _WHOLE
        check_scopes(wanted)
        part = _Part(wanted, of.categories, of.sites, of.businesses) if of else _Part(wanted)
        residual = actual_of(of, inventory, of_year) if of else part.total(inventory, of_year)
        if residual is None:
            raise GoalError(
                f"the inventory of {of_year} does not book every one of {', '.join(wanted)}",
                key="year",
                advice="what is not known is not zero: greencloud inventory totals shows what is booked",
            )
        base = _base_of(of, part, inventory)
        return neutrality(
            year=of_year,
            goal=of.name if of else "",
            scopes=wanted,
            residual=residual,
            instruments=instruments.instruments.values(),
            base=base,
            path=_path_of(of, inventory, then.goal_state().metrics, of_year) if of and base else None,
            problem=lambda instrument, use: _problem(instrument, use, instruments, inventory),
            findings=[
                *_of_drafts(part, inventory, of_year),
                *_of_methods(part, inventory, of_year),
                *_of_certificates(instruments, of_year),
                *_of_claims(instruments, of_year, asked),
            ],
        )


def _path_of(goal: Goal, inventory: InventoryState, metrics: Mapping[str, BusinessMetric], year: ReportingYear) -> Emissions | None:
    """What the goal allows to remain; None for a year that ends before its base year does. Raises GoalError."""
    found = path_years(goal, inventory, metrics, [year])
    return found[0].part() if found else None


def _base_of(goal: Goal | None, part: _Part, inventory: InventoryState) -> Emissions | None:
    if goal is not None:
        return actual_of(goal, inventory, goal.base_year)
    base_year = inventory.policy.base_year
    return None if base_year is None else part.total(inventory, base_year)


def _problem(instrument: Instrument, use: InstrumentUse, state: InstrumentState, inventory: InventoryState) -> str:
    """Why a use holds no longer, as after a change of policy; empty where it does."""
    try:
        check_use(instrument, use.year, policy=state.policy, inventory_policy=inventory.policy, market=use.market)
    except GoalError as error:
        return error.message
    return ""


def _of_drafts(part: _Part, inventory: InventoryState, year: ReportingYear) -> list[str]:
    drafts = sum(entry.state is EntryState.DRAFT and entry.year == year and part.has(entry) for entry in inventory.entries.values())
    return [f"{drafts:,} of the entries of {year} are drafts: the residual may still change"] if drafts else []


def _of_methods(part: _Part, inventory: InventoryState, year: ReportingYear) -> list[str]:
    """Scope 2 is reported by both methods (GHG Protocol Scope 2 Guidance, 7.1)."""
    if "scope2_market_based" not in part.scopes:
        return []
    market = replace(part, scopes=("scope2_market_based",)).total(inventory, year)
    location = replace(part, scopes=("scope2_location_based",)).total(inventory, year)
    if location is None:
        return ["Scope 2 is claimed by the market-based method, and is not booked by the location-based one"]
    if location == market:
        return []
    return [f"Scope 2 is claimed by the market-based method: {market} CO2e; by the location-based one it is {location}"]


def _of_certificates(state: InstrumentState, year: ReportingYear) -> list[str]:
    units = sum(
        use.units
        for each in state.instruments.values()
        if each.kind is InstrumentKind.ENERGY_CERTIFICATE
        for use in each.uses
        if use.year == year
    )
    return [f"{units:,} MWh of energy certificates are used for {year}: they stand for no tonne here"] if units else []


def _of_claims(state: InstrumentState, year: ReportingYear, asked: tuple[str, ...]) -> list[str]:
    if not asked or set(asked) == set(_WHOLE):
        return []
    tonnes = [each for each in state.instruments.values() if each.kind is not InstrumentKind.ENERGY_CERTIFICATE]
    loose = any(use.year == year and not use.goal for each in tonnes for use in each.uses)
    return ["uses that name no goal count whichever scopes are asked for: claim a part by a goal of its own"] if loose else []
