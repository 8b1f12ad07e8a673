"""Reading what requests say of instruments and initiatives. Faults are told by the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from greencloud.results.instruments import Initiative, Instrument, InstrumentPolicy, Retirement
from greencloud.results.reporting_year import ReportingYear
from greencloud.server.inventory_checks import InventoryChecks
from greencloud.units import Emissions
from greencloud.wire.instruments import (
    INSTRUMENT_KINDS,
    INSTRUMENTS,
    instrument_from_message,
    instrument_policy_from_message,
    retirement_from_message,
)
from greencloud.wire.inventory import word_of
from greencloud.wire.neutrality import INITIATIVES, initiative_from_message
from greencloud.wire.quantities import emissions_from_message

__all__ = ["InstrumentChecks"]


class InstrumentChecks(InventoryChecks):
    """``InventoryChecks`` with what requests say of instruments and initiatives."""

    def instrument(self, request: Any, field: str = "instrument") -> Instrument | None:
        """An instrument as a caller may state it: uses and who recorded it are left aside."""
        if not request.HasField("instrument"):
            self.fault(field, "is required")
            return None
        message = request.instrument
        if message.name and not message.name.startswith(INSTRUMENTS):
            self.fault(f"{field}.name", f"must be {INSTRUMENTS}..., or empty")
        found = self._read(field, lambda: instrument_from_message(message))
        return found and replace(found, uses=(), cancelled_uses=(), revision=1, created_by="")

    def retirement(self, request: Any) -> Retirement | None:
        if not request.HasField("retirement"):
            self.fault("retirement", "is required")
            return None
        return self._read("retirement", lambda: retirement_from_message(request.retirement))

    def initiative(self, request: Any) -> Initiative | None:
        if not request.HasField("initiative"):
            self.fault("initiative", "is required")
            return None
        message = request.initiative
        if not message.name.startswith(INITIATIVES):
            self.fault("initiative.name", f"must be {INITIATIVES}...")
        for place, year in enumerate(message.years):
            if not year.HasField("baseline_emissions") or not year.HasField("actual_emissions"):
                self.fault(f"initiative.years[{place}]", "needs baseline_emissions and actual_emissions")
        found = self._read("initiative", lambda: initiative_from_message(message))
        return found and replace(found, revision=1, created_by="")

    def instrument_policy(self, request: Any) -> InstrumentPolicy:
        if not request.HasField("instrument_policy"):
            self.fault("instrument_policy", "is required")
        return replace(instrument_policy_from_message(request.instrument_policy), revision=0, updated_by="")

    def instrument_kind(self, request: Any) -> str:
        """A kind, or "" for all."""
        if not request.kind:
            return ""
        return self._read("kind", lambda: word_of(request.kind, INSTRUMENT_KINDS, "kind")) or ""

    def target(self, request: Any) -> tuple[Emissions | None, str]:
        """``target_emissions`` and ``target_year``, where they are given."""
        if request.target_year:
            self._read("target_year", lambda: ReportingYear.parse(request.target_year))
        if not request.HasField("target_emissions"):
            return None, request.target_year
        return self._read("target_emissions", lambda: emissions_from_message(request.target_emissions)), request.target_year
