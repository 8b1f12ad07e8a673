"""Allocation: pure functions from facility book and usage to balanced postings."""

from greencloud.allocation.balance import check_balanced
from greencloud.allocation.comparison import Comparison, check_rules, compare, comparison_of
from greencloud.allocation.half_widths import relative_half_widths, with_uncertainties
from greencloud.allocation.intervals import check_dimensions, intervals
from greencloud.allocation.onward import onward
from greencloud.allocation.postings import COMPONENTS, DIMENSIONS, EMISSION_LINES, FLAGS, POSTING_MEASURES, POSTINGS, UNCERTAINTIES
from greencloud.allocation.rule import DEFAULT_RULE, RULES, Rule, methodology_version, rule_named
from greencloud.allocation.site_windows import Allocation, allocate, allocate_window
from greencloud.allocation.window import WindowAllocation

__all__ = [
    "COMPONENTS",
    "DEFAULT_RULE",
    "DIMENSIONS",
    "EMISSION_LINES",
    "FLAGS",
    "POSTINGS",
    "POSTING_MEASURES",
    "RULES",
    "UNCERTAINTIES",
    "Allocation",
    "Comparison",
    "Rule",
    "WindowAllocation",
    "allocate",
    "allocate_window",
    "check_balanced",
    "check_dimensions",
    "check_rules",
    "compare",
    "comparison_of",
    "intervals",
    "methodology_version",
    "onward",
    "relative_half_widths",
    "rule_named",
    "with_uncertainties",
]
