"""A whole fleet at once: usage columns of many windows, hosts and groups to exact integers by group, at memory speed.

The rule is ``reserved_and_used`` for one site's shared hosts. Where the ledger posts every window with its flags and operations,
this answers what a site's accounts and services bear over a year, a what-if or a check of the ledger, from the columns at rest.
Sums are seven outputs (``OUTPUTS``) for each group, a dense code of (account, service); what no group bears is in ``unattributed``
(energy of hosts without use) and ``unsold`` (capacity that nobody reserved, where it is kept or has no one to go to). All three
together are the integer totals of the site's tables, output by output. How that is computed, and why neither threads nor the
order of rows can change a bit, is told in ``ext/greencloud/_fleet.pyx``.

Columns are whatever has the buffer protocol: ``array``, ``memoryview``, numpy arrays; ``view`` gives the buffer of an Arrow array
without a copy. Rows come sorted by window (``Rows``), or by window and host with offsets (``Prepared``); ``prepare`` makes the
latter of rows in any order. Every row is checked in the same pass; nothing is returned from a call that refuses one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from greencloud import _fleet
from greencloud._fleet import Site
from greencloud.errors import UsageDataError
from greencloud.usage.fleet import FLEET_RESERVED, FLEET_USE, read_fleet_segment

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "OUTPUTS",
    "FleetSums",
    "Prepared",
    "Rows",
    "SegmentSums",
    "Site",
    "Weights",
    "allocate",
    "allocate_segments",
    "prepare",
    "view",
]

OUTPUTS: Final = ("dynamic_mj", "idle_mj", "unsold_mj", "overhead_mj", "location_ug", "market_ug", "embodied_ug")

_OF_WINDOWS: Final = ("capacity", "overhead_mj", "location_ug_per_kwh", "market_ug_per_kwh")
_OF_HOSTS: Final = ("dynamic_mj", "idle_mj", "embodied_ug")

_T = TypeVar("_T")

_BLOCKS = 16  # pieces of work for each thread: a late one costs a sixteenth


@dataclass(frozen=True, slots=True)
class Weights:
    """Relative power of a unit of each column of use, and of each reserved column."""

    use: tuple[float, ...]
    reserved: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns sorted by window; hosts in any order. Codes are int32, the others all float32 or all float64."""

    window: Buffer
    host: Buffer
    group: Buffer
    use: tuple[Buffer, ...]
    reserved: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Columns in order of window and host: ``offsets[w * hosts + h]`` is the first row of host h in window w, int64."""

    offsets: Buffer
    group: Buffer
    use: tuple[Buffer, ...]
    reserved: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class FleetSums:
    """``by_group``: seven outputs one after another, each for all groups."""

    groups: int
    by_group: array[int]
    unattributed: tuple[int, ...]
    unsold: tuple[int, ...]

    def output(self, name: str) -> memoryview[int]:
        """One output of all groups, in order of their codes."""
        at = OUTPUTS.index(name) * self.groups
        return memoryview(self.by_group)[at : at + self.groups]

    def table(self) -> pa.Table:
        """A column for each output, a row for each group; the memory is shared."""
        return pa.table(
            {name: pa.Array.from_buffers(pa.int64(), self.groups, [None, pa.py_buffer(self.output(name))]) for name in OUTPUTS}
        )


def allocate(site: Site, rows: Rows | Prepared, *, groups: int, weights: Weights, threads: int = 1) -> FleetSums:
    """Allocate the site's totals to the groups of the rows.

    Raises:
        UsageDataError: the first row that cannot be taken: a code out of range, windows out of order, a number that is negative,
            infinite, none or beyond 2**440 when weighed; or columns whose lengths differ.
        ValueError: buffers of another type or offsets that do not fit.
    """
    if threads < 1:
        raise ValueError(f"{threads} threads")
    columns = _fleet.Columns(
        group=rows.group,
        groups=groups,
        use=rows.use,
        use_weights=weights.use,
        reserved=rows.reserved,
        reserved_weights=weights.reserved,
    )
    take: Callable[[_fleet.Worker, int, int], None]
    if isinstance(rows, Prepared):
        offsets = rows.offsets

        def take(worker: _fleet.Worker, first: int, last: int) -> None:
            worker.by_host_window(offsets, first, last)
    else:
        window, host, bounds = rows.window, rows.host, _fleet.bounds_of(rows.window, site.windows)

        def take(worker: _fleet.Worker, first: int, last: int) -> None:
            worker.by_window(window, host, bounds, first, last)

    step = max(1, -(-site.windows // (_BLOCKS * threads)))
    blocks = iter(range(0, site.windows, step))  # drawn from by all threads: the interpreter hands each out once, in order

    def work() -> _fleet.Worker:
        worker = _fleet.Worker(site, columns)
        for first in blocks:
            take(worker, first, min(first + step, site.windows))
        return worker

    by_group = array("q", bytes(8 * len(OUTPUTS) * groups))
    unattributed, unsold = array("q", bytes(8 * len(OUTPUTS))), array("q", bytes(8 * len(OUTPUTS)))
    for worker in _together([work] * threads, threads):
        worker.add_to(by_group, unattributed, unsold)
    return FleetSums(groups, by_group, tuple(unattributed), tuple(unsold))


def prepare(rows: Rows, *, windows: int, hosts: int, threads: int = 1) -> Prepared:
    """Rows in any order as columns in order of window and host: one counting sort, column by column.

    Raises:
        UsageDataError: a code of a window or host out of range, with its row; or columns whose lengths differ.
    """
    offsets = _fleet.offsets_of(rows.window, rows.host, windows, hosts)
    by_window = offsets[::hosts] if hosts else array("q", bytes(8))
    in_windows = _fleet.sorted_codes(rows.window)

    def to_windows(column: memoryview[Any]) -> memoryview[Any]:
        return column if in_windows else _ordered(column, rows.window, by_window, windows)

    host = to_windows(memoryview(rows.host))

    def in_order(column: Buffer) -> memoryview[Any]:
        return _ordered(to_windows(memoryview(column)), host, offsets, hosts)

    columns = (rows.group, *rows.use, *rows.reserved)
    group, *others = _together([partial(in_order, column) for column in columns], threads)
    return Prepared(offsets, group, tuple(others[: len(rows.use)]), tuple(others[len(rows.use) :]))


def _ordered(column: memoryview[Any], codes: Buffer, offsets: Buffer, width: int) -> memoryview[Any]:
    out = memoryview(bytearray(column.nbytes))
    _fleet.order(column.cast("B"), out, codes, offsets, width)
    form: Any = column.format  # mypy takes literals only
    return out.cast(form)


def _together(jobs: Sequence[Callable[[], _T]], threads: int) -> list[_T]:
    """What the jobs return, in order. Where any refuses a row, the refusal of the first row: that never depends on the threads."""
    if threads == 1:
        return [job() for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(job) for job in jobs]
    refusals = [error for future in futures if isinstance(error := future.exception(), UsageDataError)]
    if refusals:
        raise min(refusals, key=lambda error: error.row)
    return [future.result() for future in futures]


@dataclass(frozen=True, slots=True)
class SegmentSums:
    """``by_group``: account, service and the outputs, in order of the former two."""

    by_group: pa.Table
    unattributed: tuple[int, ...]
    unsold: tuple[int, ...]


def allocate_segments(
    paths: Sequence[Path], windows: pa.Table, hosts: pa.Table, *, weights: Weights, keep_unsold: bool = False, threads: int = 1
) -> SegmentSums:
    """Allocate a site's tables to the accounts and services of its fleet segments, read where they lie.

    Args:
        paths: fleet segments of one site (``usage.write_fleet_segment``); a window lies in one of them, or in none.
        windows: window_start, capacity (weighed as reservations are), overhead_mj, location_ug_per_kwh, market_ug_per_kwh.
        hosts: window_start, host, dynamic_mj, idle_mj, embodied_ug: every host of the site in every window.

    Raises:
        UsageDataError: a row that cannot be taken, a window in two segments, a window or host that the tables do not have, or
            tables that cannot be: a column is missing, an amount negative, the totals of a window 2**52 or more.
        StoreError: a file that is no fleet segment.
    """
    _check_columns("windows", windows, ("window_start", *_OF_WINDOWS))
    _check_columns("hosts", hosts, ("window_start", "host", *_OF_HOSTS))
    left = pc.unique(windows["window_start"])
    names = pc.unique(hosts["host"])
    found, unattributed, unsold = [], [0] * len(OUTPUTS), [0] * len(OUTPUTS)

    def add(sums: FleetSums, groups: pa.StructArray) -> None:
        keys = pa.table({"account": groups.field("account"), "service": groups.field("service")})
        found.append(pa.table([*keys.columns, *sums.table().columns], names=[*keys.column_names, *OUTPUTS]))
        for k in range(len(OUTPUTS)):
            unattributed[k] += sums.unattributed[k]
            unsold[k] += sums.unsold[k]

    for path in paths:
        segment = read_fleet_segment(path)
        if not pc.all(pc.is_in(segment.windows, value_set=left)).as_py():
            said = "a window is not in the site's tables, or in two segments"
            raise UsageDataError(said, path=str(path), advice="write each window to one segment, and give the tables of all")
        if not pc.all(pc.is_in(segment.hosts, value_set=names)).as_py():
            raise UsageDataError("a host is not in the site's tables", path=str(path), advice="give the tables of all hosts")
        left = left.filter(pc.invert(pc.is_in(left, value_set=segment.windows)))
        others = names.filter(pc.invert(pc.is_in(names, value_set=segment.hosts)))
        site = _site(windows, hosts, segment.windows, pa.concat_arrays([segment.hosts, others]), keep_unsold)
        columns = segment.rows
        rows = Rows(
            view(columns["window"]),
            view(columns["host"]),
            view(columns["group"]),
            tuple(view(columns[name]) for name in FLEET_USE),
            tuple(view(columns[name]) for name in FLEET_RESERVED),
        )
        add(allocate(site, rows, groups=len(segment.groups), weights=weights, threads=threads), segment.groups)
    # What the site took in windows of which no segment tells is nobody's, and is not lost.
    silent = Rows(array("i"), array("i"), array("i"), (array("f"),) * len(FLEET_USE), (array("f"),) * len(FLEET_RESERVED))
    nobody = pa.StructArray.from_arrays([pa.array([], pa.string())] * 2, names=["account", "service"])
    if len(left) or not paths:
        add(allocate(_site(windows, hosts, left, names, keep_unsold), silent, groups=0, weights=weights), nobody)
    together = pa.concat_tables(found).group_by(["account", "service"]).aggregate([(name, "sum") for name in OUTPUTS])
    together = together.rename_columns(["account", "service", *OUTPUTS])
    return SegmentSums(together.sort_by([("account", "ascending"), ("service", "ascending")]), tuple(unattributed), tuple(unsold))


def _site(windows: pa.Table, hosts: pa.Table, starts: pa.Array, names: pa.Array, keep_unsold: bool) -> Site:
    """Dense tables in order of a segment's codes."""
    of_windows = _in_order(windows, pc.index_in(windows["window_start"], value_set=starts), len(starts))
    window, host = pc.index_in(hosts["window_start"], value_set=starts), pc.index_in(hosts["host"], value_set=names)
    at = pc.add(pc.multiply(window.cast(pa.int64()), len(names)), host.cast(pa.int64()))
    of_hosts = _in_order(hosts, at, len(starts) * len(names))
    try:
        return Site(
            windows=len(starts),
            hosts=len(names),
            **{name: view(of_hosts[name]) for name in _OF_HOSTS},
            **{name: view(of_windows[name]) for name in _OF_WINDOWS},
            keep_unsold=keep_unsold,
        )
    except UsageDataError:
        raise
    except ValueError as error:
        raise UsageDataError(f"the site's tables: {error}", advice="an index counts windows, or hosts within windows") from error


def _check_columns(what: str, table: pa.Table, names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in table.column_names]:
        raise UsageDataError(f"{what} have no column {', '.join(missing)}", advice=f"give {', '.join(names)}")


def _in_order(table: pa.Table, at: pa.ChunkedArray, n: int) -> pa.Table:
    if at.null_count:  # of other windows
        kept = pc.is_valid(at)
        at, table = at.filter(kept), table.filter(kept)
    at = at.combine_chunks()
    if not _ascending(at):
        order = pc.sort_indices(at)
        at, table = at.take(order), table.take(order)
    if len(at) != n or not _ascending(at):
        raise UsageDataError(
            f"the site's tables have {len(at)} rows where {n} are asked for",
            advice="give each window once, and each host once in every window",
        )
    return table.combine_chunks()


def _ascending(at: pa.Array) -> bool:
    return len(at) < 2 or bool(pc.all(pc.less(at.slice(0, len(at) - 1), at.slice(1))).as_py())


def view(column: pa.Array | pa.ChunkedArray) -> memoryview[Any]:
    """The values of an Arrow column of one chunk, without a copy; of a dictionary, the codes.

    Raises:
        UsageDataError: nulls, or more chunks than one.
    """
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks > 1:
            raise UsageDataError(
                f"a column comes in {column.num_chunks} chunks", advice="combine_chunks() first, or one call for each"
            )
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if column.null_count:
        raise UsageDataError("a column has nulls", advice="what is not known is left out as a row, never as a cell")
    if pa.types.is_dictionary(column.type):
        column = column.indices
    form: Any = {pa.int32(): "i", pa.int64(): "q", pa.float32(): "f", pa.float64(): "d"}.get(column.type)
    if form is None:
        raise UsageDataError(f"a column is {column.type}", advice="codes are int32, amounts int64, the others float32 or float64")
    buffer = column.buffers()[1]
    values: memoryview[Any] = memoryview(buffer if buffer is not None else b"").cast(form)
    return values[column.offset : column.offset + len(column)]
