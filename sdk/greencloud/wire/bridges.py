"""The bridge from customers' statements to the inventory."""

from __future__ import annotations

from greencloud.results.bridges import BookedLines, Bridge, BridgeLine, BridgeSection
from greencloud.results.reporting_year import ReportingYear
from greencloud.v1 import bridge_pb2
from greencloud.wire.quantities import emissions_from_message, emissions_to_message

__all__ = ["booked_lines_from_message", "booked_lines_to_message", "bridge_from_message", "bridge_to_message"]


def bridge_to_message(bridge: Bridge) -> bridge_pb2.Bridge:
    return bridge_pb2.Bridge(
        name=f"inventoryYears/{bridge.year}",
        ledger_version=bridge.ledger_version,
        covered_seconds=bridge.covered_seconds,
        year_seconds=bridge.year_seconds,
        sections=[_section_to_message(section) for section in bridge.sections],
        closes=bridge.closes,
        notes=bridge.notes,
    )


def bridge_from_message(message: bridge_pb2.Bridge) -> Bridge:
    return Bridge(
        year=ReportingYear.parse(message.name.removeprefix("inventoryYears/")),
        ledger_version=message.ledger_version,
        covered_seconds=message.covered_seconds,
        year_seconds=message.year_seconds,
        sections=tuple(_section_from_message(section) for section in message.sections),
        notes=tuple(message.notes),
    )


def _section_to_message(section: BridgeSection) -> bridge_pb2.BridgeSection:
    return bridge_pb2.BridgeSection(
        scope=section.scope,
        category=section.category or 0,
        lines=[
            bridge_pb2.BridgeLine(
                kind=line.kind, display_name=line.label, emissions=emissions_to_message(line.emissions), evidence=line.evidence
            )
            for line in section.lines
        ],
        ledger=emissions_to_message(section.ledger),
        inventory=None if section.inventory is None else emissions_to_message(section.inventory),
        difference=emissions_to_message(section.difference),
        finding=section.finding,
    )


def _section_from_message(message: bridge_pb2.BridgeSection) -> BridgeSection:
    return BridgeSection(
        scope=message.scope,
        category=message.category or None,
        lines=tuple(
            BridgeLine(line.kind, line.display_name, emissions_from_message(line.emissions), tuple(line.evidence))
            for line in message.lines
        ),
        ledger=emissions_from_message(message.ledger),
        inventory=emissions_from_message(message.inventory) if message.HasField("inventory") else None,
        difference=emissions_from_message(message.difference),
        finding=message.finding,
    )


def booked_lines_to_message(booked: BookedLines) -> bridge_pb2.BookLedgerEntriesResponse:
    return bridge_pb2.BookLedgerEntriesResponse(added=booked.added, restated=booked.restated, unchanged=booked.unchanged)


def booked_lines_from_message(message: bridge_pb2.BookLedgerEntriesResponse) -> BookedLines:
    return BookedLines(tuple(message.added), tuple(message.restated), tuple(message.unchanged))
