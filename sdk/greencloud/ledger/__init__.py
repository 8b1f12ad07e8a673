"""The ledger: balanced batches of postings, visible whole or not at all, never overwritten."""

from greencloud.ledger.batch import Allocated, Batch, make_batch
from greencloud.ledger.checks import check_batch
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.placing import Placed
from greencloud.ledger.restatement import CAUSES, Because
from greencloud.ledger.snapshot import Snapshot

__all__ = ["CAUSES", "Allocated", "Batch", "Because", "Ledger", "Placed", "Snapshot", "check_batch", "make_batch"]
