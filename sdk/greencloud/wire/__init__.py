"""Values to ``greencloud.v1`` messages and back: total and inverse, so that a figure is the same on both sides of the wire."""

from greencloud.wire.batches import batch_from_message, batch_to_message, refused_from_message, refused_to_message
from greencloud.wire.explanation import explained_page_from_message, explained_page_to_message
from greencloud.wire.footprint import GRANULARITIES, row_from_message, row_to_message
from greencloud.wire.goal import goal_from_message, goal_to_message
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
    "GRANULARITIES",
    "audit_entry_from_message",
    "audit_entry_to_message",
    "batch_from_message",
    "batch_to_message",
    "emissions_from_message",
    "emissions_to_message",
    "energy_from_message",
    "energy_to_message",
    "explained_page_from_message",
    "explained_page_to_message",
    "goal_from_message",
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
    "statement_from_message",
    "statement_to_message",
]
