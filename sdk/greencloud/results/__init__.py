"""What a question about the ledger gives back, the same value whether it was asked of a data directory or of a server.

The ledger makes these values, ``greencloud.wire`` carries them over gRPC without loss, the SDK returns them and the reports show
them. Amounts are unbounded integers (micrograms, millijoules); times are UTC; a row is for the half-open period
``[start, end)``.
"""

from greencloud.results.batches import BatchSummary, RefusedWindow, RunSummary
from greencloud.results.catalogue import DataAvailability, DimensionValue, SiteDataAvailability
from greencloud.results.comparison import RuleComparison, RuleRow
from greencloud.results.facility_books import AppliedFacilityBook, FacilityBook
from greencloud.results.footprint import GROUPABLE, FootprintQuery, FootprintRow, Granularity
from greencloud.results.goals import GoalProgress, GoalStatus, GoalYear
from greencloud.results.identity import AuditEntry, CallerIdentity
from greencloud.results.proofs import RootLogEntry, Statement
from greencloud.results.restatements import RESTATED_MEASURES, BookChange, Restatement, RestatementLine

__all__ = [
    "GROUPABLE",
    "RESTATED_MEASURES",
    "AppliedFacilityBook",
    "AuditEntry",
    "BatchSummary",
    "BookChange",
    "CallerIdentity",
    "DataAvailability",
    "DimensionValue",
    "FacilityBook",
    "FootprintQuery",
    "FootprintRow",
    "GoalProgress",
    "GoalStatus",
    "GoalYear",
    "Granularity",
    "RefusedWindow",
    "Restatement",
    "RestatementLine",
    "RootLogEntry",
    "RuleComparison",
    "RuleRow",
    "RunSummary",
    "SiteDataAvailability",
    "Statement",
]
