"""From an allocated window to the batch that is posted, and to the one that is compared with it when it is computed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from greencloud.allocation import WindowAllocation, with_uncertainties
from greencloud.ledger import Batch, make_batch

__all__ = ["batch_of"]


def batch_of(allocated: WindowAllocation, *, usage_revision: str, provisional: bool, created: datetime) -> Batch:
    """The batch of an allocated window, each posting with the half-width of its interval."""
    sure = replace(allocated, postings=with_uncertainties(allocated))
    return make_batch(sure, usage_revision=usage_revision, provisional=provisional, created=created)
