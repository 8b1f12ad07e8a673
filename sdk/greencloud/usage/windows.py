"""Usage and windows: which there are, what is in one, and finer ones summed into coarser.

Rebinning conserves every measure: finer windows nest in the coarser one and are added up in integers. It never divides a window,
because how the use lay within it is not known; and it never adds a window to its own parts, because that would count twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import UsageDataError
from greencloud.units import INT64_MAX, WINDOW_SECONDS, Window, microseconds_of
from greencloud.usage.cells import first_row
from greencloud.usage.columns import KEY, MEASURES, READING_KEY, READINGS, ROWS, Usage
from greencloud.usage.merge import canonical, same_as_before

__all__ = ["bad_window", "by_window", "check_windows", "rebin", "select", "site_windows"]

_SECOND_US: Final = 1_000_000
_HOUR: Final = 3600
_FIRST_US: Final = microseconds_of(datetime(1, 1, 1, tzinfo=UTC))
_END_US: Final = microseconds_of(datetime(9999, 1, 1, tzinfo=UTC))  # a window must have an end, too
_WIDE: Final = pa.decimal128(38, 0)  # sums of int64 cannot wrap in it
_READING_SUMS: Final = ("energy_mj", "covered_us", "busy_cpu_ns", "memory_byte_s")


def check_windows(table: pa.Table, *, path: str = "") -> None:
    """Every row of rows or readings is of a whole window that this calendar has.

    Raises:
        UsageDataError: a length that does not divide the hour, a start that is not a multiple of it, or a year beyond all.
    """
    seconds = table["window_s"].cast(pa.int64())
    for length in pc.unique(seconds).to_pylist():
        if length <= 0 or _HOUR % length:
            raise bad_window(seconds, int(pc.index(seconds, length).as_py()), path)
    start = table["window_start"].cast(pa.int64())
    beyond = first_row(pc.or_(pc.less(start, _FIRST_US), pc.greater_equal(start, _END_US)))
    if beyond >= 0:
        advice = "choose another year; a time in milliseconds that was taken for seconds looks like this"
        raise UsageDataError("window_start lies outside the years 1 to 9998", path=path, row=beyond, advice=advice)
    step = pc.multiply(seconds, _SECOND_US)
    unaligned = first_row(pc.not_equal(pc.multiply(pc.divide(start, step), step), start))
    if unaligned >= 0:
        when, length = table["window_start"][unaligned].cast(pa.string()).as_py(), seconds[unaligned].as_py()
        advice = "windows are aligned to their own length, counted from midnight UTC"
        raise UsageDataError(f"window_start {when} is not a multiple of {length} s", path=path, row=unaligned, advice=advice)


def bad_window(seconds: pa.ChunkedArray, row: int, path: str) -> UsageDataError:
    """The error for a length of window at that row."""
    return UsageDataError(
        f"window_s {seconds[row].as_py()} does not divide the hour",
        path=path,
        row=row,
        advice="use a divisor of 3600, as 60, 300 or 3600",
    )


def rebin(usage: Usage, window_seconds: int) -> Usage:
    """The usage in windows of that length.

    A reading of which one part is not known is not known as a whole; it is modelled when one part is.

    Raises:
        UsageDataError: a row's window is coarser or does not nest, overlaps another of the same key, or a sum exceeds int64.
    """
    if window_seconds not in WINDOW_SECONDS:
        raise UsageDataError(f"no window of {window_seconds} s", advice=f"use one of {', '.join(map(str, WINDOW_SECONDS))}")
    return Usage(
        _rebinned(usage.rows, ROWS, KEY, MEASURES, window_seconds),
        _rebinned(usage.readings, READINGS, READING_KEY, _READING_SUMS, window_seconds),
    )


def by_window(usage: Usage) -> dict[tuple[str, Window], Usage]:
    """What lies in each site and window, at the cost of one pass, where ``select`` takes one for each window.

    Raises:
        UsageDataError: as ``site_windows``.
    """
    keys = site_windows(usage)
    rows, readings = _runs(usage.rows), _runs(usage.readings)
    return {key: Usage(rows.get(key, usage.rows.slice(0, 0)), readings.get(key, usage.readings.slice(0, 0))) for key in keys}


def site_windows(usage: Usage) -> list[tuple[str, Window]]:
    """Every site and window with rows or readings, sorted.

    Raises:
        UsageDataError: a window is of a length that only rows on their way in may have; ``rebin`` first.
    """
    found = set()
    for table in (usage.rows, usage.readings):
        places = table.select(["site", "window_start", "window_s"]).group_by(["site", "window_start", "window_s"]).aggregate([])
        starts = places["window_start"].cast(pa.int64()).to_pylist()
        found |= set(zip(places["site"].to_pylist(), starts, places["window_s"].to_pylist(), strict=True))
    for _, _, seconds in found:
        if seconds not in WINDOW_SECONDS:
            raise UsageDataError(f"usage has windows of {seconds} s", advice="rebin it to the facility book's window first")
    return [(site, Window.of_us(start, seconds)) for site, start, seconds in sorted(found)]


def select(usage: Usage, site: str, window: Window) -> Usage:
    """What lies in one window of one site.

    Raises:
        UsageDataError: a row of the site shares time with the window and is not of it; leaving it out would lose it.
    """
    return Usage(_selected(usage.rows, site, window), _selected(usage.readings, site, window))


def _runs(table: pa.Table) -> dict[tuple[str, Window], pa.Table]:
    """Canonical order begins with window and site, so that what belongs together lies together."""
    if not table.num_rows:
        return {}
    places = table.select(["window_start", "window_s", "site"]).combine_chunks()
    changes = pc.indices_nonzero(pc.invert(same_as_before(places, places.column_names)))
    starts = [0, *(at + 1 for at in changes.to_pylist())]
    found = {}
    for first, last in zip(starts, [*starts[1:], table.num_rows], strict=True):
        (place,) = places.slice(first, 1).to_pylist()
        found[place["site"], Window(place["window_start"].astimezone(UTC), place["window_s"])] = table.slice(first, last - first)
    return found


def _selected(table: pa.Table, site: str, window: Window) -> pa.Table:
    start = table["window_start"].cast(pa.int64())
    end = pc.add(start, pc.multiply(table["window_s"].cast(pa.int64()), _SECOND_US))
    shares = pc.and_(pc.less(start, window.end_us), pc.greater(end, window.start_us))
    found = table.filter(pc.and_(shares, pc.equal(table["site"], site)))
    if found.num_rows and pc.any(pc.not_equal(found["window_s"], window.seconds)).as_py():
        raise UsageDataError(
            f"site {site!r} has rows of other lengths in {window}", advice="rebin the usage to the window's length first"
        )
    return found


def _rebinned(table: pa.Table, schema: pa.Schema, key: tuple[str, ...], sums: tuple[str, ...], seconds: int) -> pa.Table:
    if not table.num_rows:
        return schema.empty_table()
    lengths = pc.unique(table["window_s"]).to_pylist()
    if lengths == [seconds]:
        return canonical(table, key)
    for length in lengths:
        if seconds % length:
            raise UsageDataError(
                f"usage in windows of {length} s does not nest in windows of {seconds} s",
                advice="report finer windows, or use a coarser window in the facility book",
            )
    if len(lengths) > 1:
        _refuse_overlap(table, key)
    coarse = pa.table(
        {
            "window_start": pc.floor_temporal(table["window_start"], seconds, "second"),
            "window_s": pa.repeat(pa.scalar(seconds, pa.int32()), table.num_rows),
        }
        | {name: table[name] for name in key[2:]}
        | {name: table[name].cast(_WIDE) for name in sums}
        | ({"quality": table["quality"]} if "quality" not in key else {})
    )
    return canonical(_summed(coarse, schema, key, sums), key)


def _summed(coarse: pa.Table, schema: pa.Schema, key: tuple[str, ...], sums: tuple[str, ...]) -> pa.Table:
    whole = pc.ScalarAggregateOptions(skip_nulls=False)
    wanted = [(name, "sum", whole) for name in sums]
    if "quality" not in key:
        wanted.append(("quality", "max", whole))  # "modelled" sorts after "measured"
    grouped = coarse.group_by(list(key)).aggregate(wanted)
    columns = {name: grouped[name] for name in key}
    for name in sums:
        try:
            columns[name] = grouped[f"{name}_sum"].cast(pa.int64())
        except pa.ArrowInvalid as error:
            at = first_row(pc.greater(grouped[f"{name}_sum"], pa.scalar(INT64_MAX, _WIDE)))
            told = {column: grouped[column][at].as_py() for column in key if column in {"site", "host", "account", "service"}}
            whose = ", ".join(f"{column}={value}" for column, value in told.items() if value)
            raise UsageDataError(
                f"{name} adds up to more than int64 holds for {whose}", advice="use a finer window in the facility book"
            ) from error
    if "quality" not in key:
        columns["quality"] = grouped["quality_max"]
    return pa.table({field.name: columns[field.name].cast(field.type) for field in schema}, schema=schema)


def _refuse_overlap(table: pa.Table, key: tuple[str, ...]) -> None:
    """Sorted by start within each key, windows overlap anywhere only if two neighbours do."""
    who = key[2:]
    order = [*((name, "ascending") for name in who), ("window_start", "ascending"), ("window_s", "ascending")]
    table = table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks()
    start = table["window_start"].cast(pa.int64())
    end = pc.add(start, pc.multiply(table["window_s"].cast(pa.int64()), _SECOND_US))
    clash = pc.and_(same_as_before(table, who), pc.less(start.slice(1), end.slice(0, table.num_rows - 1)))
    row = first_row(clash)
    if row >= 0:
        pair = table.slice(row, 2)
        named = ", ".join(f"{name}={pair[name][0].as_py()}" for name in who if pair[name][0].as_py() not in {"", "{}"})
        when = [text.as_py() for text in pair["window_start"].cast(pa.string())]
        raise UsageDataError(
            f"windows overlap for {named}: {when[0]} of {pair['window_s'][0]} s and {when[1]} of {pair['window_s'][1]} s",
            advice="keep one length of window for each key, or the same use counts twice",
        )
