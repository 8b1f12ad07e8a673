"""What the demo says at the end, as text, and whether all is well. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from greencloud.results import BatchSummary, FootprintRow, RunSummary
from greencloud.units import Energy, format_instant, round_half_even

__all__ = ["conservation", "next_commands", "operation_costs", "problems"]


def operation_costs(rows: Sequence[FootprintRow], *, most: int) -> str:
    """What one operation costs, location-based: over the whole account, and by kind with what was allocated to it by name.

    The first includes what no operation was seen to use (idle processes, shared services); the others do not.
    """
    counted = sorted(
        (row for row in rows if row.operation_count),
        key=lambda row: (-row.operation_count, row.dimensions.get("service", ""), row.dimensions.get("operation", "")),
    )
    if not counted:
        return "  no operation was counted\n"
    count = sum(row.operation_count for row in counted)
    micrograms = sum(row.total_location_based.micrograms for row in rows)
    lines = [(f"{count:,}", _milligrams(micrograms, count), "all operations, with everything that the account bears")]
    for row in counted[:most]:
        name = f"{row.dimensions.get('service', '')} {row.dimensions.get('operation', '')}".strip()
        cost = _milligrams(row.total_location_based.micrograms, row.operation_count)
        lines.append((f"{row.operation_count:,}", cost, name))
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    left_out = f"  and {len(counted) - most} more\n" if len(counted) > most else ""
    return "".join(f"  {many:>{widths[0]}} x {cost:>{widths[1]}} mg  {name}\n" for many, cost, name in lines) + left_out


def _milligrams(micrograms: int, count: int) -> str:
    each = round_half_even(Fraction(micrograms * 10, count))
    return f"{each // 10_000:,}.{each % 10_000:04d}"


def conservation(batches: Sequence[BatchSummary]) -> str:
    """One exact line for every site and window, and one for all: meter total = accounts + pools, and the difference."""
    lines = [_line(f"{batch.site} {format_instant(batch.start)} to {format_instant(batch.end)}", [batch]) for batch in batches]
    return "".join(f"{line}\n" for line in [*lines, _line("total", batches)])


def _line(name: str, batches: Sequence[BatchSummary]) -> str:
    pools = sorted({pool for batch in batches for pool in batch.pool_energy})
    parts = [("accounts", _sum(batch.account_energy for batch in batches))]
    parts += [(pool, _sum(batch.pool_energy.get(pool, Energy()) for batch in batches)) for pool in pools]
    meter = _sum(batch.metered_energy for batch in batches)
    charged = " + ".join(f"{part} {energy.millijoules:,}" for part, energy in parts)
    difference = _sum(batch.difference for batch in batches)
    return f"{name}: meter total {meter.millijoules:,} mJ = {charged}; difference {difference.millijoules:,}"


def _sum(energies: Iterable[Energy]) -> Energy:
    return sum(energies, Energy())


def problems(run: RunSummary, batches: Sequence[BatchSummary], rows: Mapping[str, Sequence[FootprintRow]]) -> list[str]:
    """What is wrong; empty when all is well.

    That is: a batch was posted, no window was refused, each balances and counts once, every account has a footprint.
    """
    found = []
    if not run.posted:
        found.append("the run posted no batch")
    found += [
        f"{window.site} {format_instant(window.start)} was refused ({window.reason}): {window.message}" for window in run.refused
    ]
    found += [
        f"{batch.site} {format_instant(batch.start)} does not balance: {batch.difference.millijoules:,} mJ"
        for batch in sorted({each.id: each for each in (*run.posted, *batches)}.values(), key=lambda each: (each.start, each.site))
        if batch.difference.millijoules
    ]
    seen = Counter((batch.start, batch.site) for batch in batches)
    found += [
        f"{site} {format_instant(start)} is counted {times} times" for (start, site), times in sorted(seen.items()) if times > 1
    ]
    found += [f"account {account} has no footprint" for account, own in rows.items() if not own]
    return found


def next_commands(data: str, account: str) -> str:
    """Three commands to go on with."""
    quoted = shlex.quote(data)
    return (
        f"  greencloud report --data {quoted} --account {account} --group-by operation\n"
        f"  greencloud goal status --data {quoted}\n"
        f"  greencloud serve --data {quoted}\n"
    )
