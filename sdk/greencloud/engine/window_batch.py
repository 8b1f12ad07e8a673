"""The batch of one window from its inputs, however large: in one piece, or in parts by host where it has more than ``MOST_ROWS``.

In one piece a row takes kilobytes while its window is allocated; in parts it takes that only while its part is
(``greencloud.allocation.parts``). The batch is the same to the bit, so where the bound lies is nobody's concern but the memory's
(``window_memory``). Rows of a part are slices of the inputs, without a copy: in canonical order a host's rows lie together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation import allocate_window, rule_named
from greencloud.allocation.joined import allocate_in_parts
from greencloud.allocation.parts import PartInputs, WholeWindow, split_hosts
from greencloud.allocation.uses import UNLISTED
from greencloud.engine.batch import batch_of
from greencloud.engine.collector import collector_paused
from greencloud.engine.inputs import BatchInputs
from greencloud.facility import Facility
from greencloud.ledger import Batch, make_batch
from greencloud.units import Window
from greencloud.usage import Usage

__all__ = ["MOST_ROWS", "window_batch"]

MOST_ROWS: Final = 500_000
"""Rows that are allocated at a time: some 800 MB of memory."""


def window_batch(
    facility: Facility,
    inputs: BatchInputs,
    site: str,
    window: Window,
    *,
    rule: str,
    usage_revision: str,
    provisional: bool,
    created: datetime,
    most_rows: int = MOST_ROWS,
) -> Batch:
    """The batch of a site's window.

    Raises:
        AllocationError, UsageDataError, FacilityError, UnbalancedError: as ``allocate_window``.
    """
    rows, readings = inputs.usage.rows, inputs.usage.readings
    with collector_paused():
        if rows.num_rows <= most_rows:
            allocated = allocate_window(facility, inputs.usage, site, window, rule=rule, slices=inputs.slices)
            return batch_of(allocated, usage_revision=usage_revision, provisional=provisional, created=created)
        whole = WholeWindow(facility, site, window, readings, rule_named(rule))
        known = {name: host.id for host in facility.hosts_of(site) for name in (*host.aliases, host.id)}
        by_host = _Rows(rows, known)
        sliced = None if inputs.slices is None else _Rows(inputs.slices, known)

        def read(hosts: Sequence[str]) -> PartInputs:
            return PartInputs(Usage(by_host.of(hosts), readings), None if sliced is None else sliced.of(hosts))

        joined = allocate_in_parts(whole, split_hosts(facility, site, by_host.count, most_rows), read)
        return make_batch(joined, usage_revision=usage_revision, provisional=provisional, created=created)


class _Rows:
    """A table by host, as runs of rows. ``known``: the id of each name of a host."""

    def __init__(self, table: pa.Table, known: dict[str, str]) -> None:
        self._table = table
        self._runs: dict[str, list[tuple[int, int]]] = defaultdict(list)
        first = 0
        for chunk in table["host"].chunks:
            start = first
            runs = pc.run_end_encode(chunk)
            for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
                self._runs[known.get(name, UNLISTED)].append((start, first + end))
                start = first + end
            first += len(chunk)

    def count(self, host: str) -> int:
        """How many rows a host has."""
        return sum(end - start for start, end in self._runs.get(host, ()))

    def of(self, hosts: Sequence[str]) -> pa.Table:
        """The rows of these hosts, in the order of the table."""
        slices: list[tuple[int, int]] = []
        for start, end in sorted(run for host in hosts for run in self._runs.get(host, ())):
            if slices and slices[-1][1] == start:
                slices[-1] = slices[-1][0], end
            else:
                slices.append((start, end))
        if not slices:
            return self._table.slice(0, 0)
        return pa.concat_tables([self._table.slice(start, end - start) for start, end in slices])
