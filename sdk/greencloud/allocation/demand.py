"""Demand: how much of a site's shared hosts each account used in each slice of a window, as the provider measured it.

It is what the rules that share capacity by use look at. A slice is as long as the finest of the provider's rows, from a minute
to the whole window; a longer row is spread evenly over the slices that it spans, so that nothing is lost or invented. What the
provider saw the hosts do and cannot tell whose it was is a player too, "(unattributed)", spread over the window: else everybody
would pay for it.

Tenants' rows never enter (law 4).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import gcd

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation.setting import Amounts, Setting
from greencloud.facility import POOL_UNATTRIBUTED
from greencloud.units import accrued
from greencloud.usage import MEASURES

__all__ = ["Demand", "demand_from", "demand_of", "seconds_of", "slice_seconds", "use_in_slices"]

_SHORTEST_S = 60
_LARGEST = 1 << 60
"""No slice of all accounts together is above this, so that sums fit into int64; weights of a larger site lose their last bits."""


@dataclass(frozen=True, slots=True)
class Demand:
    """``values[i * slices + t]``: account i's power-weighted use in slice t, in core-nanosecond equivalents (shifted, if huge)."""

    accounts: tuple[str, ...]
    slices: int
    values: array[int]

    @property
    def matrix(self) -> memoryview:
        """int64[accounts, slices]; at least one account."""
        return memoryview(self.values).cast("B").cast("q", shape=[len(self.accounts), self.slices])

    def totals(self) -> dict[str, int]:
        """Each account's use in the window."""
        return {name: sum(self.values[i * self.slices : (i + 1) * self.slices]) for i, name in enumerate(self.accounts)}


def demand_of(setting: Setting, rows: pa.Table, unmeasured: int, memory_known: Iterable[str]) -> Demand:
    """Demand from the provider's rows, which may be of windows within; ``unmeasured`` is the shared hosts' use beyond them."""
    length = slice_seconds(setting, seconds_of(setting, rows))
    return demand_from(setting, [use_in_slices(setting, rows, length, memory_known)], unmeasured, length)


def seconds_of(setting: Setting, rows: pa.Table) -> set[int]:
    """The lengths of the provider's rows on shared hosts."""
    on_shared = pc.is_in(rows["host"], pa.array(_shared(setting), pa.string()))
    found = rows["window_s"].filter(pc.and_(pc.equal(rows["source"], "provider"), on_shared))
    return set(pc.unique(found).to_pylist())


def slice_seconds(setting: Setting, seconds: Iterable[int]) -> int:
    """How long a slice is, where rows are of those lengths."""
    return max(gcd(setting.window.seconds, *seconds), _SHORTEST_S)


def use_in_slices(setting: Setting, rows: pa.Table, length: int, memory_known: Iterable[str]) -> dict[str, list[int]]:
    """What the provider measured on shared hosts, by account, in each slice of that length; what parts of the rows come to adds up,
    where no host is in two parts.
    """
    ids = _shared(setting)
    known = set(memory_known)
    sums: dict[tuple[str, str, int, int], list[int]] = {}
    rows = rows.filter(pc.equal(rows["source"], "provider"))
    starts = rows["window_start"].cast(pa.int64()).to_pylist()
    columns = [rows[name].to_pylist() for name in ("window_s", "host", "account", *MEASURES)]
    for start, seconds, name, account, *amounts in zip(starts, *columns, strict=True):
        host = ids.get(name)
        if host is not None:
            key = (account, host, start, seconds)
            held = sums.get(key)
            sums[key] = amounts if held is None else [one + more for one, more in zip(held, amounts, strict=True)]
    found: dict[str, list[int]] = {}
    for (account, host, start, seconds), amounts in sums.items():
        weight = setting.weight(host, Amounts(*amounts), memory_known=host in known)
        own = found.setdefault(account, [0] * (setting.window.seconds // length))
        _spread(own, weight, (start - setting.window.start_us) // 1_000_000, seconds, length)
    return found


def demand_from(setting: Setting, measured: Iterable[Mapping[str, list[int]]], unmeasured: int, length: int) -> Demand:
    """Demand from the parts that ``use_in_slices`` finds."""
    count = setting.window.seconds // length
    demand: dict[str, list[int]] = defaultdict(lambda: [0] * count)
    for part in measured:
        for account, slices in part.items():
            demand[account] = [one + more for one, more in zip(demand[account], slices, strict=True)]
    if unmeasured:
        _spread(demand[POOL_UNATTRIBUTED], unmeasured, 0, setting.window.seconds, length)
    accounts = tuple(sorted(account for account, slices in demand.items() if any(slices)))
    peak = max((sum(column) for column in zip(*(demand[account] for account in accounts), strict=True)), default=0)
    shift = max(0, peak.bit_length() - _LARGEST.bit_length() + 1)
    return Demand(accounts, count, array("q", [value >> shift for account in accounts for value in demand[account]]))


def _shared(setting: Setting) -> dict[str, str]:
    """Every name of a shared host, to its id."""
    shared = {host.id for host in setting.hosts if not host.dedicated_to}
    return {name: host for name, host in setting.host_ids().items() if host in shared}


def _spread(slices: list[int], weight: int, start_s: int, seconds: int, length: int) -> None:
    """Add a row's weight to the slices that it spans."""
    for index in range(start_s // length, (start_s + seconds - 1) // length + 1):
        slices[index] += accrued(weight, start_s, start_s + seconds, index * length, (index + 1) * length)
