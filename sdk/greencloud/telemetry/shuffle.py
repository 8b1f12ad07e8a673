"""Telemetry worked out in parts that never meet in one place: pieces of it dealt by keys, and what becomes of all pieces of a key.

What must come together:

* **spans**: those of a trace, for copies, children and callers; of the traces of a day, some (``spans/DAY/BUCKET``). Rows of an
  hour follow from the spans of it and of the hour before (``spans``), so a span goes to the days that it, or the hour after, is of.
* **points**: those of one thing (a host's meters, a GPU, a metric of a container), over all time (``points/BUCKET``).
* **uses**: what the points of an account's service sum up to in a day, since wider metrics hold others, and the processes whose CPU
  its spans tell of (``uses/DAY/BUCKET``).
* **rows**: everything of one site and window, where sums are whole, and the least rows of an account are added up
  (``rows/START/SITE``).

So there are three rounds of ``reduced`` after ``dealt``: of spans and points, of uses, of rows. In each, pieces that are not its
own pass. What each works out is a function of the set of its pieces: neither their order, nor the number of buckets, nor how
records lay in files changes a bit of the usage that ``collect`` would give. Counts of dead letters are the same, too; they are by
the hour for spans, so their subjects travel with the hour as their ``scope``.

A piece is a key and bytes, so that any engine that can group by a text can carry it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from greencloud._otlp import Metrics, Traces
from greencloud.errors import DecodeError, UsageDataError
from greencloud.facility import Facility
from greencloud.telemetry.admission import decoded, record_bounds
from greencloud.telemetry.index import HOUR_NS
from greencloud.telemetry.items import Points, Spans, compacted, from_bytes, joined, point_table, span_table, to_bytes
from greencloud.telemetry.lateness import BEYOND_HORIZON
from greencloud.telemetry.metrics import sum_metrics, things_of
from greencloud.telemetry.place import Owner, Place, Places, Process
from greencloud.telemetry.record import Record
from greencloud.telemetry.spans import add_spans
from greencloud.telemetry.tally import Tally
from greencloud.telemetry.tidings import Tidings
from greencloud.telemetry.whole import whole_rows
from greencloud.telemetry.workloads import Sums, Use, WorkloadRows
from greencloud.units import INT64_MAX, Window
from greencloud.usage import READINGS, ROWS, Usage, add_up
from greencloud.usage.merge import same_as_before

__all__ = ["ROUNDS", "Dealing", "Piece", "Put", "dealt", "reduced"]

Piece: TypeAlias = tuple[str, bytes]
Put: TypeAlias = Callable[[str, Window, Usage], object]
"""What is done with the usage of a site and window."""

ROUNDS: Final = (("spans", "points"), ("uses",), ("rows",))
"""The kinds of keys that each round reduces."""

_DAY_NS: Final = 24 * HOUR_NS
_DAY, _HOUR, _INSTANT = (pa.scalar(number, pa.uint64()) for number in (_DAY_NS, HOUR_NS, 1))
_AT_ONCE: Final = 250_000  # items decoded before they are dealt
_MIX: Final = pa.scalar(0x9E37_79B9_7F4A_7C15, pa.uint64())
_USES: Final = pa.schema(
    [(name, pa.string()) for name in ("account", "source", *Place.__slots__, "measure")]
    + [(name, pa.int64()) for name in ("rank", "window", "amount")]
)
_TOLD: Final = pa.schema([*((name, pa.string()) for name in Process._fields), ("window", pa.int64())])


@dataclass(frozen=True, slots=True)
class Dealing:
    """``buckets``: into how many parts a day's traces, and all things, are dealt. ``first_us``, ``until_us``: windows that begin
    between them are made. ``most_bytes``: of items that one worker takes at once.
    """

    facility: Facility
    buckets: int = 1
    first_us: int = -INT64_MAX
    until_us: int = INT64_MAX
    most_bytes: int = 4 << 30


def dealt(records: Iterable[Record], dealing: Dealing) -> Iterator[Piece]:
    """The pieces of records."""
    tidings = Tidings()
    places = Places(dealing.facility)
    traces, metrics = Traces(), Metrics()
    spanned: list[tuple[Owner, Record]] = []
    owners: dict[Owner, int] = {}
    for record in records:
        owner = Owner(record.role, record.account)
        if record.late:
            tidings.dead("").add_many(
                f"requests with items {BEYOND_HORIZON.replace('-', ' ')}", 1, f"of {record.account or 'the provider'}"
            )
        try:
            if record.signal == "traces":
                decoded(traces, "traces", record.payload, record_bounds(record), len(spanned))
                spanned.append((owner, record))
            else:
                decoded(metrics, "metrics", record.payload, record_bounds(record), owners.setdefault(owner, len(owners)))
        except DecodeError:
            tidings.dead("").add("a record that is not OTLP", f"{record.signal} of {record.account or 'the provider'}")
        if len(traces) >= _AT_ONCE:
            yield from _dealt_spans(traces, spanned, dealing)
            traces.clear()
            spanned.clear()
        if len(metrics) >= _AT_ONCE:
            yield from _dealt_points(metrics, list(owners), places, dealing)
            metrics.clear()
    yield from _dealt_spans(traces, spanned, dealing)
    yield from _dealt_points(metrics, list(owners), places, dealing)
    yield from tidings.pieces()


def reduced(number: int, key: str, contents: Sequence[bytes], dealing: Dealing, put: Put) -> Iterator[Piece]:
    """What becomes of all pieces of a key in that round; in the last, usage is ``put``.

    Raises:
        UsageDataError: they are more than one worker takes; the message says whose is the largest part.
    """
    kind, _, rest = key.partition("/")
    if kind == Tidings.KEY:
        yield from Tidings.of(contents).pieces()
    elif kind not in ROUNDS[number]:
        yield from ((key, content) for content in contents)
    elif kind == "spans":
        yield from _rows_of_spans(int(rest.partition("/")[0]), contents, dealing)
    elif kind == "points":
        yield from _sums_of_points(contents, dealing)
    elif kind == "uses":
        yield from _rows_of_uses(contents, dealing)
    else:
        start, _, site = rest.partition("/")
        yield from _usage(site, Window.of_us(int(start), dealing.facility.window_seconds), contents, put)


def _dealt_spans(traces: Traces, spanned: Sequence[tuple[Owner, Record]], dealing: Dealing) -> Iterator[Piece]:
    if not len(traces):
        return
    table = span_table(traces, [owner for owner, _ in spanned])
    start, end = table["start_ns"], table["end_ns"]
    sound = pc.equal(table["fault"], 0)
    last_ns = pc.if_else(pc.greater(end, start), pc.subtract(end, _INSTANT), start)
    first = pc.divide(start, _DAY).cast(pa.int64())
    last = pc.if_else(sound, pc.divide(pc.add(last_ns, _HOUR), _DAY).cast(pa.int64()), first)
    if not pc.all(sound).as_py():
        # Of what cannot be counted is told where its hour is worked out because of others in its record.
        near = [
            not fault or _near(spanned[record][1], at)
            for fault, record, at in zip(traces.fault, traces.owner, traces.start_ns, strict=True)
        ]
        last = pc.if_else(pa.array(near), last, -1)
    low = pc.list_element(pa.FixedSizeListArray.from_arrays(_words(table["trace_id"]), 2), 1)
    bucket = _spread(low, dealing.buckets)
    longest = pc.max(pc.subtract(last, first)).as_py()
    rows, days = [], []
    for more in range(longest + 1):
        there = pc.indices_nonzero(pc.less_equal(pc.add(first, more), last))
        rows.append(there)
        days.append(pc.add(first.take(there), more))
    where = pa.table(
        {
            "row": pa.chunked_array(rows, pa.uint64()),
            "day": pa.chunked_array([chunk for day in days for chunk in day.chunks], pa.int64()),
        }
    )
    where = where.append_column("bucket", pa.chunked_array([bucket]).take(where["row"]))
    for part in _runs(where, ("day", "bucket")):
        key = f"spans/{part['day'][0]}/{part['bucket'][0]}"
        yield key, to_bytes(compacted(table.take(part["row"]).combine_chunks()))


def _near(record: Record, at_ns: int) -> bool:
    hour = at_ns // HOUR_NS
    return record.first_ns < (hour + 1) * HOUR_NS and record.last_ns >= (hour - 1) * HOUR_NS


def _dealt_points(metrics: Metrics, owners: Sequence[Owner], places: Places, dealing: Dealing) -> Iterator[Piece]:
    if not len(metrics):
        return
    numbers, things = things_of(metrics, owners, places)
    buckets = pa.array([_bucket(thing, dealing.buckets) if thing else -1 for thing in things], pa.int64())
    of_point = buckets.take(pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)]))
    table = point_table(metrics, owners)
    row = pa.array(range(len(numbers)), pa.int64())
    for part in _runs(pa.table({"row": row, "bucket": of_point}), ("bucket",)):
        if (bucket := part["bucket"][0].as_py()) >= 0:
            yield f"points/{bucket}", to_bytes(compacted(table.take(part["row"]).combine_chunks()))


def _rows_of_spans(day: int, contents: Sequence[bytes], dealing: Dealing) -> Iterator[Piece]:
    table = joined(map(from_bytes, contents))
    _check_size(table, dealing, "trace_id", "spans of a day fall to one worker")
    start, end = table["start_ns"], table["end_ns"]
    lasting = pc.greater(end, start)
    places = Places(dealing.facility)
    tidings = Tidings()
    told: list[tuple[Process, int]] = []
    for hour in range(24 * day, 24 * day + 24):
        until_ns = (hour + 1) * HOUR_NS

        def within(first_ns: int, until_ns: int = until_ns) -> pa.ChunkedArray:
            began = pc.less(start, until_ns)
            return pc.and_(began, pc.if_else(lasting, pc.greater(end, first_ns), pc.greater_equal(start, first_ns)))

        if not pc.any(within(hour * HOUR_NS)).as_py():
            continue
        spans = Spans.of(table.filter(within((hour - 1) * HOUR_NS)).combine_chunks())
        tally = Tally(dealing.facility.window_seconds)
        dead = tidings.dead(str(hour))
        found = add_spans(
            spans, spans.owners, dealing.facility, places, tally, dead, first_ns=hour * HOUR_NS, until_ns=until_ns, partial=True
        )
        tidings.add("spans", found.span_count)
        tidings.add("duplicates", found.duplicate_count)
        yield from _placed(tally.partial(), "spans", dealing)
        told += found.cpu
    by_bucket: dict[int, list[tuple[Process, int]]] = {}
    for process, window in told:
        by_bucket.setdefault(_bucket((process.account, process.service), dealing.buckets), []).append((process, window))
    for bucket, some in by_bucket.items():
        yield f"uses/{day}/{bucket}", to_bytes(_table([(*process, window) for process, window in some], _TOLD))
    yield from tidings.pieces()


def _sums_of_points(contents: Sequence[bytes], dealing: Dealing) -> Iterator[Piece]:
    table = joined(map(from_bytes, contents))
    _check_size(table, dealing, "resource", "number points fall to one worker")
    points = Points.of(table)
    tally = Tally(dealing.facility.window_seconds)
    tidings = Tidings()
    dead = tidings.dead("")
    sums = sum_metrics(points, points.owners, dealing.facility, Places(dealing.facility), tally, dead)
    yield from _placed(tally.partial(), "metrics", dealing)
    tally.rows.clear()
    yield from _placed(tally.usage(dead).readings, "readings", dealing)
    day_windows = _DAY_NS // tally.window_ns
    uses: dict[tuple[int, int], list[tuple[object, ...]]] = {}
    for use, windows in sums.items():
        place = tuple(getattr(use.place, name) for name in Place.__slots__)
        bucket = _bucket((use.account, use.place.service), dealing.buckets)
        for window, amount in windows.items():
            row = (use.account, use.source, *place, use.measure, use.rank, window, min(amount, INT64_MAX))
            uses.setdefault((window // day_windows, bucket), []).append(row)
    for (day, bucket), rows in uses.items():
        yield f"uses/{day}/{bucket}", to_bytes(_table(rows, _USES))
    yield from tidings.pieces()


def _rows_of_uses(contents: Sequence[bytes], dealing: Dealing) -> Iterator[Piece]:
    sums: Sums = {}
    told: set[tuple[Process, int]] = set()
    for table in map(from_bytes, contents):
        columns = [column.to_pylist() for column in table.columns]
        if table.schema.names == _TOLD.names:
            told.update((Process(*process), window) for *process, window in zip(*columns, strict=True))
            continue
        for account, source, *place, measure, rank, window, amount in zip(*columns, strict=True):
            windows = sums.setdefault(Use(account, source, Place(*place), measure, rank), {})
            windows[window] = windows.get(window, 0) + amount
    tally = Tally(dealing.facility.window_seconds)
    tidings = Tidings()
    WorkloadRows(tally, tidings.dead(""), told).book(sums)
    yield from _placed(tally.partial(), "metrics", dealing)
    yield from tidings.pieces()


def _usage(site: str, window: Window, contents: Sequence[bytes], put: Put) -> Iterator[Piece]:
    parts: dict[str, list[pa.Table]] = {"spans": [], "metrics": [], "readings": []}
    for table in map(from_bytes, contents):
        parts[table.schema.metadata[b"of"].decode()].append(table.replace_schema_metadata(None))
    tidings = Tidings()
    of_hour = tidings.dead(str(window.start_us * 1000 // HOUR_NS))
    nothing = READINGS.empty_table()
    usage = add_up(
        [
            Usage(whole_rows(parts["spans"], of_hour, of_spans=True), nothing),
            Usage(whole_rows(parts["metrics"], tidings.dead(""), of_spans=False), nothing),
            *(Usage(ROWS.empty_table(), readings) for readings in parts["readings"]),
        ]
    )
    if usage.rows.num_rows or usage.readings.num_rows:
        put(site, window, usage)
        tidings.put(site, window.start_us, usage.rows.num_rows, usage.readings.num_rows)
    yield from tidings.pieces()


def _placed(table: pa.Table, of: str, dealing: Dealing) -> Iterator[Piece]:
    """Rows or readings by site and window, of the windows that are wanted."""
    start = table["window_start"].cast(pa.int64())
    table = table.filter(pc.and_(pc.greater_equal(start, dealing.first_us), pc.less(start, dealing.until_us)))
    for part in _runs(table, ("window_start", "site")):
        key = f"rows/{part['window_start'].cast(pa.int64())[0]}/{part['site'][0]}"
        yield key, to_bytes(part.replace_schema_metadata({"of": of}))


def _runs(table: pa.Table, names: tuple[str, ...]) -> Iterator[pa.Table]:
    """The rows of each combination of columns."""
    if not table.num_rows:
        return
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])).combine_chunks()
    changes = pc.indices_nonzero(pc.invert(same_as_before(table, names))).to_pylist() if table.num_rows > 1 else []
    starts = [0, *(at + 1 for at in changes)]
    for first, last in zip(starts, [*starts[1:], table.num_rows], strict=True):
        yield table.slice(first, last - first)


def _words(ids: pa.ChunkedArray) -> pa.Array:
    """16 bytes each as two numbers."""
    (chunk,) = ids.chunks
    return pa.Array.from_buffers(pa.uint64(), 2 * len(chunk), [None, chunk.buffers()[1]])


def _spread(numbers: pa.Array, buckets: int) -> pa.Array:
    """A bucket for each number, by its high bits after mixing."""
    mixed = pc.shift_right(pc.multiply(numbers, _MIX), pa.scalar(40, pa.uint64())).cast(pa.int64())
    return pc.shift_right(pc.multiply(mixed, buckets), 24)


def _bucket(thing: tuple[str, ...], buckets: int) -> int:
    return int.from_bytes(blake2b("\0".join(thing).encode(), digest_size=8).digest()) % buckets


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)


def _check_size(table: pa.Table, dealing: Dealing, name: str, what: str) -> None:
    if table.nbytes <= dealing.most_bytes:
        return
    column = table[name].combine_chunks()
    counts = pc.value_counts(column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column)
    largest = pc.max(counts.field("counts")).as_py()
    raise UsageDataError(
        f"{table.num_rows} {what}, {table.nbytes >> 20} MiB; {largest} of them are of one {name.removesuffix('_id')}",
        advice="take more buckets, or give each worker more memory; what is of one trace or one resource cannot be divided",
    )
