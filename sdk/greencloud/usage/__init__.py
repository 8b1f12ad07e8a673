"""Usage columns: who used what, where and when, and what the meters said of the hosts."""

from greencloud.usage.columns import KEY, MEASURES, QUALITIES, READING_KEY, READINGS, ROWS, SOURCES, Usage

__all__ = ["KEY", "MEASURES", "QUALITIES", "READINGS", "READING_KEY", "ROWS", "SOURCES", "Usage"]
