"""Initiatives that avoid emissions of others ("Scope 3+"), in the provider's books."""

from __future__ import annotations

from dataclasses import replace

from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.goal.initiatives import check_initiative, scope_three_plus
from greencloud.goal.instrument_rules import check_evidence
from greencloud.goal.instrument_state import NONE, InstrumentState, step
from greencloud.inventory import Change, Draft, InventoryBooks
from greencloud.inventory.document import to_document
from greencloud.inventory.state import EMPTY
from greencloud.inventory.state import step as inventory_step
from greencloud.results.instruments import Initiative, ScopeThreePlus
from greencloud.results.inventory import InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["InitiativeBooks"]

_PREFIX = "initiatives/"


class InitiativeBooks(InventoryBooks):
    """A book of its own: no method here reads or writes an entry of the inventory, or a use of an instrument."""

    def create_initiative(self, initiative: Initiative) -> Initiative:
        """Record an initiative; one that is there with the same content is given back.

        Raises:
            GoalError: a field is wrong.
            ConflictError: there is another of that id.
        """

        def decide(changes: list[Change]) -> Draft | None:
            held = self._instruments(changes).initiatives.get(initiative.id)
            if held is not None:
                if _facts(held) != _facts(initiative):
                    raise ConflictError(f"there is another {held.name}", advice="change it: greencloud credits initiative update")
                return None
            return self._put(changes, replace(initiative, revision=1, created_by=self.actor), "")

        self.transact(decide)
        return self.get_initiative(initiative.name)

    def update_initiative(self, initiative: Initiative, *, etag: str = "", reason: str = "") -> Initiative:
        """Say it anew, whole. Anything but further years needs a reason.

        Raises:
            GoalError: a field is wrong, or there is no reason.
            ConflictError: it was changed since ``etag``.
            NotFoundError: there is no such initiative.
        """

        def decide(changes: list[Change]) -> Draft | None:
            held = _of(self._instruments(changes), initiative.name)
            check_etag(etag, held.etag, held.name)
            if _facts(held) == _facts(initiative):
                return None
            longer = replace(_facts(initiative), years=()) == replace(_facts(held), years=()) and set(held.years) <= set(
                initiative.years
            )
            if not longer and not reason.strip():
                raise GoalError("reason: what was said changes", key="reason", advice="say why, for an auditor")
            return self._put(changes, replace(initiative, revision=held.revision + 1, created_by=self.actor), reason)

        self.transact(decide)
        return self.get_initiative(initiative.name)

    def get_initiative(self, name: str) -> Initiative:
        """Raises NotFoundError."""
        return _of(self.fold(NONE, step).latest(), name)

    def list_initiatives(self) -> list[Initiative]:
        """By id."""
        return sorted(self.fold(NONE, step).latest().initiatives.values(), key=lambda each: each.id)

    def get_scope_three_plus(self, *, target: Emissions | None = None, target_year: str = "") -> ScopeThreePlus:
        """The book of avoided emissions, beside its target. Raises QuantityError where the year is none."""
        return scope_three_plus(
            self.list_initiatives(),
            target=target,
            target_year=ReportingYear.parse(target_year) if target_year else None,
            fiscal_year_start_month=self.inventory_state().policy.fiscal_year_start_month,
        )

    def _put(self, changes: list[Change], initiative: Initiative, reason: str) -> Draft:
        check_initiative(initiative, self._inventory_policy(changes).fiscal_year_start_month)
        check_evidence((digest for year in initiative.years for digest in year.evidence), self.journal.has_evidence)
        return Draft("initiative.put", to_document(initiative), reason)

    def _instruments(self, changes: list[Change]) -> InstrumentState:
        return self.fold(NONE, step).after(changes)

    def _inventory_policy(self, changes: list[Change]) -> InventoryPolicy:
        return self.fold(EMPTY, inventory_step).after(changes).policy


def check_etag(given: str, held: str, name: str) -> None:
    """Raises ConflictError where another revision is in force than the one that was read."""
    if given and given != held:
        raise ConflictError(f"{name} was changed since it was read", advice="read it again, then try again")


def _of(state: InstrumentState, name: str) -> Initiative:
    found = state.initiatives.get(name.removeprefix(_PREFIX))
    if found is None:
        raise NotFoundError(
            f"there is no initiative {name[:100]!r}", advice="list what there is: greencloud credits initiative list"
        )
    return found


def _facts(initiative: Initiative) -> Initiative:
    return replace(initiative, revision=1, created_by="", years=tuple(sorted(initiative.years, key=lambda each: each.year)))
