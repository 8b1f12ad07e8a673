"""Rules side by side on what a data directory knows, with nothing posted.

A window that any of the rules cannot allocate is left out for all of them, and told: else the rules would not be compared on the
same energy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from greencloud.allocation import (
    Comparison,
    WindowAllocation,
    allocate_window,
    check_dimensions,
    check_rules,
    comparison_of,
    rule_named,
)
from greencloud.engine.data import DataDirectory
from greencloud.engine.gathering import due_windows, gather
from greencloud.engine.posting import REFUSALS
from greencloud.engine.slices import slices_of
from greencloud.results import RefusedWindow
from greencloud.usage import merge

__all__ = ["compare_rules"]


def compare_rules(
    data: DataDirectory,
    *,
    rules: Iterable[str],
    by: Sequence[str],
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[Comparison, list[RefusedWindow]]:
    """Allocate every site-window that starts in ``[start, end)`` by each rule.

    Raises:
        QuantityError, AllocationError: as ``greencloud.allocation.compare``; what concerns one window is among the refused.
    """
    rules = check_rules(rules)
    check_dimensions(by)
    known = gather(data)
    slices = slices_of(data, known.facility) if any(rule_named(rule).needs_slices for rule in rules) else None
    allocated: dict[str, list[WindowAllocation]] = {rule: [] for rule in rules}
    refused = []
    for (site, window), parts in due_windows(known).items():
        if (start and window.start < start) or (end and window.start >= end):
            continue
        try:
            known.check(site, window)
            usage = merge(parts)
            within = slices.within(site, window) if slices else None
            found = [
                allocate_window(
                    known.facility, usage, site, window, rule=rule, slices=within if rule_named(rule).needs_slices else None
                )
                for rule in rules
            ]
        except REFUSALS as error:
            refused.append(RefusedWindow(site, window.start, window.end, str(error), error.reason))
            continue
        for rule, one in zip(rules, found, strict=True):
            allocated[rule].append(one)
    return comparison_of(allocated, by), refused
