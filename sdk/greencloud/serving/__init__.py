"""A serving copy: the ledger's postings in PostgreSQL, for look-ups by account. Optional, rebuilt at any time, never the truth."""

from greencloud.serving.copy import ServingCopy
from greencloud.serving.refresh import Refreshed, drop, refresh
from greencloud.serving.snapshot import CopiedSnapshot, with_copy

__all__ = ["CopiedSnapshot", "Refreshed", "ServingCopy", "drop", "refresh", "with_copy"]
