"""Allocation: pure functions from facility book and usage to balanced postings."""

from greencloud.allocation.postings import COMPONENTS, DIMENSIONS, EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS

__all__ = ["COMPONENTS", "DIMENSIONS", "EMISSION_LINES", "FLAGS", "POSTINGS", "POSTING_MEASURES"]
