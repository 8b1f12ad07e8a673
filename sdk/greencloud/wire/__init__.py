"""Values to ``greencloud.v1`` messages and back: total and inverse, so that a figure is the same on both sides of the wire."""

from greencloud.wire.batches import batch_from_message, batch_to_message, refused_from_message, refused_to_message
from greencloud.wire.catalogue import (
    availability_from_message,
    availability_to_message,
    dimension_value_from_message,
    dimension_value_to_message,
)
from greencloud.wire.comparison import (
    comparison_from_messages,
    comparison_to_message,
    rule_row_from_message,
    rule_row_to_message,
)
from greencloud.wire.explanation import explained_page_from_message, explained_page_to_message
from greencloud.wire.facility_books import (
    FACILITY_BOOKS,
    applied_book_from_message,
    applied_book_to_message,
    facility_book_from_message,
    facility_book_to_message,
    facility_change_from_message,
    facility_change_to_message,
)
from greencloud.wire.footprint import GRANULARITIES, row_from_message, row_to_message
from greencloud.wire.goal import (
    business_metric_from_message,
    business_metric_to_message,
    goal_from_message,
    goal_progress_from_message,
    goal_progress_to_message,
    goal_to_message,
)
from greencloud.wire.identity import (
    audit_entry_from_message,
    audit_entry_to_message,
    identity_from_message,
    identity_to_message,
)
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)
from greencloud.wire.restatements import restatement_from_message, restatement_line_to_message, restatement_to_message
from greencloud.wire.statements import (
    log_entry_from_message,
    log_entry_to_message,
    statement_from_message,
    statement_to_message,
)

__all__ = [
    "FACILITY_BOOKS",
    "GRANULARITIES",
    "applied_book_from_message",
    "applied_book_to_message",
    "audit_entry_from_message",
    "audit_entry_to_message",
    "availability_from_message",
    "availability_to_message",
    "batch_from_message",
    "batch_to_message",
    "business_metric_from_message",
    "business_metric_to_message",
    "comparison_from_messages",
    "comparison_to_message",
    "dimension_value_from_message",
    "dimension_value_to_message",
    "emissions_from_message",
    "emissions_to_message",
    "energy_from_message",
    "energy_to_message",
    "explained_page_from_message",
    "explained_page_to_message",
    "facility_book_from_message",
    "facility_book_to_message",
    "facility_change_from_message",
    "facility_change_to_message",
    "goal_from_message",
    "goal_progress_from_message",
    "goal_progress_to_message",
    "goal_to_message",
    "identity_from_message",
    "identity_to_message",
    "instant_from_message",
    "instant_to_message",
    "log_entry_from_message",
    "log_entry_to_message",
    "refused_from_message",
    "refused_to_message",
    "restatement_from_message",
    "restatement_line_to_message",
    "restatement_to_message",
    "row_from_message",
    "row_to_message",
    "rule_row_from_message",
    "rule_row_to_message",
    "statement_from_message",
    "statement_to_message",
]
