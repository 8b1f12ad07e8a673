"""Rules side by side, row by row, and a page of rows with what holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.results import RuleComparison, RuleRow
from greencloud.v1 import footprint_service_pb2
from greencloud.wire.footprint import row_from_message, row_to_message
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = ["comparison_from_messages", "comparison_to_message", "rule_row_from_message", "rule_row_to_message"]


def rule_row_to_message(row: RuleRow) -> footprint_service_pb2.RuleRow:
    return footprint_service_pb2.RuleRow(
        rule=row.rule,
        row=row_to_message(row.row),
        energy_difference=energy_to_message(row.energy_difference),
        total_location_based_difference=emissions_to_message(row.total_location_based_difference),
        total_market_based_difference=emissions_to_message(row.total_market_based_difference),
    )


def rule_row_from_message(message: footprint_service_pb2.RuleRow) -> RuleRow:
    return RuleRow(
        rule=message.rule,
        row=row_from_message(message.row),
        energy_difference=energy_from_message(message.energy_difference),
        total_location_based_difference=emissions_from_message(message.total_location_based_difference),
        total_market_based_difference=emissions_from_message(message.total_market_based_difference),
    )


def comparison_to_message(
    found: RuleComparison, rows: Sequence[footprint_service_pb2.RuleRow] | None = None
) -> footprint_service_pb2.CompareRulesResponse:
    """A page of a comparison: with these rows of it, or with all of them."""
    return footprint_service_pb2.CompareRulesResponse(
        rows=[rule_row_to_message(row) for row in found.rows] if rows is None else rows,
        rules=found.rules,
        start_time=found.start and instant_to_message(found.start),
        end_time=found.end and instant_to_message(found.end),
        notes=found.notes,
        refused_window_count=found.refused_window_count,
    )


def comparison_from_messages(pages: Sequence[footprint_service_pb2.CompareRulesResponse]) -> RuleComparison:
    """The comparison in all of its pages, of which there is one at least."""
    first = pages[0]
    return RuleComparison(
        rows=tuple(rule_row_from_message(row) for page in pages for row in page.rows),
        rules=tuple(first.rules),
        start=instant_from_message(first.start_time) if first.HasField("start_time") else None,
        end=instant_from_message(first.end_time) if first.HasField("end_time") else None,
        notes=tuple(first.notes),
        refused_window_count=first.refused_window_count,
    )
