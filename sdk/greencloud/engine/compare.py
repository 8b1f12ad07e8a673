"""Rules side by side on what a data directory knows, with nothing posted.

A window that any of the rules cannot allocate is left out for all of them, and told: else the rules would not be compared on the
same energy.

A comparison may be made for some accounts: then it holds their rows alone, its time is that of the windows in which they bear
something under any of the rules, and of the windows that were left out only those count in which they were at work or held
capacity. The windows are allocated whole all the same, since what an account bears depends on who else is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation import (
    Comparison,
    WindowAllocation,
    allocate_window,
    check_dimensions,
    check_rules,
    comparison_of,
    methodology_version,
    rule_named,
)
from greencloud.engine.data import DataDirectory
from greencloud.engine.gathering import due_windows, gather
from greencloud.engine.posting import REFUSALS
from greencloud.engine.run import GRACE
from greencloud.engine.slices import slices_of
from greencloud.errors import QuantityError
from greencloud.facility import Facility
from greencloud.results import FootprintRow, RefusedWindow, RuleComparison, RuleRow
from greencloud.units import Emissions, Energy, Window
from greencloud.usage import Usage, merge

__all__ = ["Compared", "compare_rules", "rule_comparison"]


class Compared(NamedTuple):
    """A comparison, and the windows that were left out of it."""

    comparison: Comparison
    refused: list[RefusedWindow]


def compare_rules(
    data: DataDirectory,
    *,
    rules: Iterable[str],
    by: Sequence[str],
    start: datetime | None = None,
    end: datetime | None = None,
    accounts: Collection[str] | None = None,
    most_windows: int | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> Compared:
    """Allocate every site-window that starts in ``[start, end)`` by each rule. ``go_on`` is called before each, and may raise.

    Raises:
        QuantityError: as ``greencloud.allocation.compare``; or there are more than ``most_windows`` of them.
        AllocationError: as ``greencloud.allocation.compare``; what concerns one window is among the refused.
    """
    rules = check_rules(rules)
    check_dimensions(by)
    go_on()
    known = gather(data)
    slices = slices_of(data, known.facility) if any(rule_named(rule).needs_slices for rule in rules) else None
    due = {
        (site, window): parts
        for (site, window), parts in due_windows(known).items()
        if (start is None or window.start >= start) and (end is None or window.start < end)
    }
    if most_windows is not None and len(due) > most_windows:
        raise QuantityError(
            f"in that time there are more than {most_windows:,} site-windows (one window at one site each), too many to compare",
            advice="ask for a shorter time",
        )
    allocated: dict[str, list[WindowAllocation]] = {rule: [] for rule in rules}
    refused = []
    for (site, window), parts in due.items():
        go_on()
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
            if accounts is None or _concerns(known.facility, parts, site, window, accounts):
                refused.append(RefusedWindow(site, window.start, window.end, str(error), error.reason))
            continue
        if accounts is not None:
            found = [_of_accounts(one, accounts) for one in found]
            if not any(one.postings.num_rows for one in found):
                continue
        for rule, one in zip(rules, found, strict=True):
            allocated[rule].append(one)
    return Compared(comparison_of(allocated, by), refused)


def rule_comparison(compared: Compared, *, now: datetime) -> RuleComparison:
    """The same as rows of a footprint. ``now`` tells which windows may still get late data."""
    comparison, left_out = compared.comparison, len(compared.refused)
    if comparison.period is None:
        return RuleComparison((), comparison.rules, notes=comparison.notes, refused_window_count=left_out)
    start, end = (instant.astimezone(UTC) for instant in comparison.period)
    provisional = now < end + GRACE

    def ruled(found: dict[str, Any]) -> RuleRow:
        row = FootprintRow(
            start=start,
            end=end,
            dimensions={name: found[name] for name in comparison.by},
            energy=Energy(int(found["energy_mj"])),
            scope1=Emissions(int(found["scope1_ug"])),
            scope2_location_based=Emissions(int(found["scope2_location_ug"])),
            scope2_market_based=Emissions(int(found["scope2_market_ug"])),
            scope3_upstream_location_based=Emissions(int(found["scope3_upstream_location_ug"])),
            scope3_upstream_market_based=Emissions(int(found["scope3_upstream_market_ug"])),
            scope3_embodied=Emissions(int(found["scope3_embodied_ug"])),
            operation_count=int(found["count"]),
            quality_flags=tuple(flag for flag in found["quality"].split(",") if flag),
            provisional=provisional,
            methodology_versions=(methodology_version(found["rule"]),),
        )
        energy, location, market = (sum(int(found[f"difference_{name}"]) for name in names) for names in _DIFFERENCES)
        return RuleRow(found["rule"], row, Energy(energy), Emissions(location), Emissions(market))

    rows = tuple(ruled(found) for found in comparison.table.to_pylist())
    return RuleComparison(rows, comparison.rules, start, end, comparison.notes, left_out)


_DIFFERENCES = (
    ("energy_mj",),
    ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug"),
    ("scope1_ug", "scope2_market_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"),
)
"""The columns that energy, the location- and the market-based total are made of."""


def _of_accounts(allocation: WindowAllocation, accounts: Collection[str]) -> WindowAllocation:
    chosen = pc.is_in(allocation.postings["account"], pa.array(sorted(accounts), pa.string()))
    return replace(allocation, postings=allocation.postings.filter(chosen), notes=())


def _concerns(facility: Facility, parts: Iterable[Usage], site: str, window: Window, accounts: Collection[str]) -> bool:
    """Whether any of the accounts was at work at that site then, or held capacity there."""
    own = pa.array(sorted(accounts), pa.string())
    if any(pc.any(pc.is_in(part.rows["account"], own)).as_py() for part in parts):
        return True
    return any(
        each.account in accounts and each.site == site and each.start < window.end and window.start < each.end
        for each in facility.reservations
    ) or any(host.dedicated_to in accounts for (where, _), host in facility.hosts.items() if where == site)
