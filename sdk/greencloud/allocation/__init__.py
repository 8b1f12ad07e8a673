"""Allocation: pure functions from facility book and usage to balanced postings."""

from greencloud.allocation.balance import check_balanced
from greencloud.allocation.onward import onward
from greencloud.allocation.postings import COMPONENTS, DIMENSIONS, EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS
from greencloud.allocation.rules import RULES, Allocation, allocate, allocate_window, methodology_version
from greencloud.allocation.window import WindowAllocation

__all__ = [
    "COMPONENTS",
    "DIMENSIONS",
    "EMISSION_LINES",
    "FLAGS",
    "POSTINGS",
    "POSTING_MEASURES",
    "RULES",
    "Allocation",
    "WindowAllocation",
    "allocate",
    "allocate_window",
    "check_balanced",
    "methodology_version",
    "onward",
]
