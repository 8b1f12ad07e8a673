"""Usage columns: who used what, where and when, and what the meters said of the hosts."""

from greencloud.usage.columns import KEY, MEASURES, QUALITIES, READING_KEY, READING_QUALITIES, READINGS, ROWS, SOURCES, Usage
from greencloud.usage.digest import digest
from greencloud.usage.files import read_usage
from greencloud.usage.intake import usage_from
from greencloud.usage.merge import add_up, empty_usage, merge, without_keys_of
from greencloud.usage.segments import SegmentStore
from greencloud.usage.windows import by_window, check_windows, rebin, select, site_windows

__all__ = [
    "KEY",
    "MEASURES",
    "QUALITIES",
    "READINGS",
    "READING_KEY",
    "READING_QUALITIES",
    "ROWS",
    "SOURCES",
    "SegmentStore",
    "Usage",
    "add_up",
    "by_window",
    "check_windows",
    "digest",
    "empty_usage",
    "merge",
    "read_usage",
    "rebin",
    "select",
    "site_windows",
    "usage_from",
    "without_keys_of",
]
