"""The ledger: balanced batches of postings, visible whole or not at all, never overwritten."""

from greencloud.ledger.availability import data_availability
from greencloud.ledger.batch import Allocated, Batch, make_batch
from greencloud.ledger.checks import check_batch
from greencloud.ledger.dimension_values import LABEL_KEYS, dimension_values
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.placing import Placed
from greencloud.ledger.restatement import CAUSES, Because
from greencloud.ledger.snapshot import Snapshot

__all__ = [
    "CAUSES",
    "LABEL_KEYS",
    "Allocated",
    "Batch",
    "Because",
    "Ledger",
    "Placed",
    "Snapshot",
    "check_batch",
    "data_availability",
    "dimension_values",
    "make_batch",
]
