"""Spans to rows: the kernel does what the slow oracle does, its result is a function of the set of spans and local in time, amounts
are conserved, and no shape of a trace costs more than its size."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import spans_oracle
from greencloud._otlp import Traces
from greencloud._spans import Weighing, pairs_of
from greencloud.facility import Facility
from greencloud.telemetry import spans as room
from greencloud.telemetry.deadletter import DeadLetter, DeadLetters
from greencloud.telemetry.place import Owner, Places
from greencloud.telemetry.spans import MAX_OPERATIONS, OTHER_OPERATIONS, OTHER_SERVICES, Told, add_spans
from greencloud.telemetry.tally import MEASURE_LIMIT, RowKey, Tally
from greencloud.usage import ROWS
from profiles import examples
from telemetry_world import HOUR_NS, SECOND, T0, TRACE, book, pairs, span

MAX = 2**64 - 1
Sent = tuple[Owner, bytes]
BOOKS = {(seconds, site): book(window_seconds=seconds, default_site=site) for seconds in (300, 3600) for site in ("dc1", "")}
BOOK = BOOKS[3600, "dc1"]
EXAMPLES = settings(max_examples=examples(30), deadline=None)
MEASURES = ("cpu_ns", "memory_byte_s", "disk_bytes", "gpu_ns", "count")
KEYS = ("site", "host", "account", "service", "sku", "operation", "labels", "caller_account", "quality")


@dataclass(frozen=True)
class Outcome:
    rows: pa.Table
    letters: tuple[DeadLetter, ...]
    told: Told

    def found(self, **where: str) -> list[dict[str, Any]]:
        return [row for row in self.rows.to_pylist() if all(row[key] == value for key, value in where.items())]

    def reasons(self) -> dict[str, int]:
        return {letter.reason: letter.count for letter in self.letters}


def outcome(sent: Sequence[Sent], facility: Facility = BOOK, *, first: int = 0, until: int = MAX, load: bool = False) -> Outcome:
    """Of spans from requests; ``load``: only those that the rule of locality needs are loaded."""
    traces = Traces(first_ns=first - HOUR_NS, until_ns=until) if load else Traces()
    owners = sorted({owner for owner, _ in sent})
    for owner, payload in sent:
        traces.append(payload, owners.index(owner))
    tally, dead = Tally(facility.window_seconds), DeadLetters()
    told = add_spans(traces, owners, facility, Places(facility), tally, dead, first_ns=first, until_ns=until)
    return Outcome(tally.usage(dead).rows, dead.counted(), told)


def request(fields: dict[str, Any], resource: dict[str, Any]) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(pairs(resource))
    group.scope_spans.add().spans.add(**fields)
    return message.SerializeToString()


@st.composite
def sents(draw: st.DrawFn) -> Sent:
    """A span of some account; ids and times are few, so that copies, contradictions, cycles, overlaps and cuts occur."""
    start = draw(
        st.sampled_from([T0, T0 + HOUR_NS, T0 + HOUR_NS - 1, T0 - 3 * HOUR_NS, T0 + 1800 * SECOND])
        | st.integers(T0 - 3 * HOUR_NS, T0 + 3 * HOUR_NS)
    )
    length = draw(st.sampled_from([0, 1, SECOND, 300 * SECOND, HOUR_NS, 6 * HOUR_NS]) | st.integers(0, 3 * HOUR_NS))
    attributes: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "greencloud.cpu.time": st.integers(-1, 10**13) | st.sampled_from([0.5, "1", True, 2**63 - 1]),
                "greencloud.memory.byte_seconds": st.integers(0, 10**9) | st.sampled_from([-5, 2**62]),
                "greencloud.io.bytes": st.integers(0, 10**9) | st.just("many"),
                "greencloud.gpu.time": st.integers(0, 10**9) | st.just(False),
                "greencloud.quality": st.sampled_from(["exact", "thread", "none", "odd", 1]),
                "greencloud.caller.account": st.sampled_from(["alice", "zoe", "(bad)", "", 7]),
            },
        )
    )
    fields = span(
        draw(st.integers(1, 4)),
        start,
        start + length,
        parent=draw(st.integers(0, 4)),
        name=draw(st.sampled_from(["", "GET /", "POST /", "x" * 300, "x" * 255 + "…", OTHER_OPERATIONS])),
        trace=draw(st.sampled_from([TRACE, TRACE, TRACE, TRACE[::-1]])),
        attributes=attributes,
    )
    fields["flags"] = draw(st.sampled_from([0, 0x100, 0x300]))
    shop = {"service.name": "shop", "host.name": "h1"}
    resource = dict(
        draw(
            st.sampled_from([shop, shop, shop, shop | {"service.instance.id": "2"}])
            | st.fixed_dictionaries(
                {},
                optional={
                    "service.name": st.sampled_from(["shop", "stock"]),
                    "host.name": st.sampled_from(["h1", "h2", "nowhere"]),
                    "greencloud.label.team": st.sampled_from(["a", "b"]),
                    "greencloud.sku": st.just("m7g"),
                },
            )
        )
    )
    account = draw(st.sampled_from(["alice", "alice", "bob", "queue", "db"]))
    named = draw(st.sampled_from(["", "", "", account, "bob", "(bad)"]))
    if named:
        resource["cloud.account.id"] = named
    return Owner("provider", "") if draw(st.integers(0, 4)) == 0 else Owner("tenant", account), request(fields, resource)


many = st.lists(sents(), max_size=14)
books = st.sampled_from(sorted(BOOKS)).map(BOOKS.__getitem__)


def table_of(found: spans_oracle.Found, window_seconds: int) -> list[tuple[Any, ...]]:
    return [
        (key[0] * window_seconds, *key[1:], *(sums.get(measure, 0) for measure in MEASURES))
        for key, sums in sorted(found.rows.items())
    ]


def rows_of(result: Outcome) -> list[tuple[Any, ...]]:
    return [
        (int(row["window_start"].timestamp()), *(row[key] for key in KEYS), *(row[measure] for measure in MEASURES))
        for row in result.rows.to_pylist()
    ]


@given(many, books, st.sampled_from([(0, MAX), (T0, T0 + HOUR_NS), (T0 - HOUR_NS, MAX), (0, T0)]))
@EXAMPLES
def test_the_kernel_agrees_with_the_oracle(sent: list[Sent], facility: Facility, time: tuple[int, int]) -> None:
    first, until = time
    expected = spans_oracle.weigh(sent, facility, first_ns=first, until_ns=until)
    result = outcome(sent, facility, first=first, until=until)
    assert rows_of(result) == table_of(expected, facility.window_seconds)
    assert result.told == Told(expected.told, expected.span_count, expected.duplicate_count)
    assert result.reasons() == expected.letters()


@given(many, books, st.data())
@EXAMPLES
def test_order_splitting_and_repeats_change_nothing(sent: list[Sent], facility: Facility, data: st.DataObject) -> None:
    one = outcome(sent, facility)
    repeated = sent + data.draw(st.lists(st.sampled_from(sent), max_size=5)) if sent else sent
    other = outcome(data.draw(st.permutations(repeated)), facility)
    assert (one.rows, one.letters, one.told.cpu) == (other.rows, other.letters, other.told.cpu)
    assert one.told.span_count == other.told.span_count


@given(many, books, st.integers(-4, 4))
@EXAMPLES
def test_rows_of_an_hour_follow_from_the_spans_of_two_hours(sent: list[Sent], facility: Facility, number: int) -> None:
    first = T0 + number * HOUR_NS
    everything = outcome(sent, facility)
    near = outcome(sent, facility, first=first, until=first + HOUR_NS, load=True)
    begin = everything.rows["window_start"].cast(pa.int64())
    inside = pa.compute.and_(pa.compute.greater_equal(begin, first // 1000), pa.compute.less(begin, (first + HOUR_NS) // 1000))
    assert near.rows == everything.rows.filter(inside).combine_chunks()
    assert near.told.cpu == {
        (process, window)
        for process, window in everything.told.cpu
        if 0 <= window * facility.window_seconds - first // SECOND < 3600
    }


@given(many, books)
@EXAMPLES
def test_the_parts_of_a_time_add_up(sent: list[Sent], facility: Facility) -> None:
    whole = outcome(sent, facility)
    cuts = [0, T0 - HOUR_NS, T0, T0 + 2 * HOUR_NS, MAX]
    parts = [outcome(sent, facility, first=a, until=b) for a, b in pairwise(cuts)]
    assert pa.concat_tables([part.rows for part in parts]).combine_chunks() == whole.rows
    assert sum(part.told.span_count for part in parts) == whole.told.span_count
    assert sum(part.told.duplicate_count for part in parts) == whole.told.duplicate_count
    assert set().union(*(part.told.cpu for part in parts)) == whole.told.cpu


@given(st.integers(T0, T0 + HOUR_NS), st.integers(0, 7 * 24 * HOUR_NS), st.integers(0, 10**15), st.sampled_from([300, 3600]))
@EXAMPLES
def test_cutting_conserves_the_amount(start: int, length: int, amount: int, seconds: int) -> None:
    attributes = {"greencloud.cpu.time": min(amount, length), "greencloud.memory.byte_seconds": min(amount, length * 999)}
    sent = [alone(span(1, start, start + length, attributes=attributes))]
    found = outcome(sent, BOOKS[seconds, "dc1"]).found()
    assert sum(row["cpu_ns"] for row in found) == min(amount, length)
    assert sum(row["memory_byte_s"] for row in found) == min(amount, length * 999)
    assert [row["count"] for row in found] == [1] + [0] * (len(found) - 1)


# --- examples: one treatment each ---------------------------------------------------------------------------------------------


def alone(fields: dict[str, Any], account: str = "alice", service: str = "shop", **resource: str) -> Sent:
    return Owner("tenant", account), request(fields, {"service.name": service, "host.name": "h1", **resource})


def cpu(result: Outcome, operation: str) -> list[int]:
    return [row["cpu_ns"] for row in result.found(operation=operation)]


PARENT = span(1, T0 + 10 * SECOND, T0 + 20 * SECOND, name="parent")


def child(number: int, start: int, end: int, *, flags: int = 0) -> dict[str, Any]:
    return {**span(number, T0 + start * SECOND, T0 + end * SECOND, parent=1, name="child"), "flags": flags}


@pytest.mark.parametrize(
    ("children", "own", "theirs"),
    [
        ([child(2, 11, 14)], 7, 3),
        ([child(2, 11, 14), child(3, 13, 16)], 5, 6),  # overlapping: their union comes off once, both count for themselves
        ([child(2, 18, 30)], 8, 12),  # outlives its parent
        ([child(2, 5, 12)], 8, 7),  # starts before its parent: a clock is skewed
        ([child(2, 0, 60)], 0, 60),  # covers it
        ([child(2, 30, 40)], 10, 10),  # wholly after it
        ([child(2, 12, 12)], 10, 0),  # of no length
        ([child(2, 11, 14, flags=0x300)], 10, 3),  # says that its parent is remote
        ([child(2, 11, 14, flags=0x100)], 7, 3),  # says that it is not
    ],
)
def test_children_take_off_what_they_cover(children: list[dict[str, Any]], own: int, theirs: int) -> None:
    for order in (1, -1):  # a parent may come before its children or late
        result = outcome([alone(fields) for fields in [PARENT, *children][::order]])
        assert cpu(result, "parent") == [own * SECOND]
        assert sum(cpu(result, "child")) == theirs * SECOND


def test_an_orphan_counts_for_itself() -> None:
    result = outcome([alone(child(2, 11, 14))])
    assert cpu(result, "child") == [3 * SECOND]
    assert result.letters == ()


def test_a_child_in_another_process_takes_nothing_off() -> None:
    for other in (alone(child(2, 11, 14), service="stock"), alone(child(2, 11, 14), **{"service.instance.id": "2"})):
        assert cpu(outcome([alone(PARENT), other]), "parent") == [10 * SECOND]
    assert cpu(outcome([alone(PARENT), alone(child(2, 11, 14), "bob")]), "parent") == [10 * SECOND]


def test_self_wall_time_stays_in_the_window_in_which_it_was() -> None:
    parent = span(1, T0, T0 + 2 * HOUR_NS, name="parent")
    inner = span(2, T0 + 600 * SECOND, T0 + HOUR_NS, parent=1, name="child")
    assert cpu(outcome([alone(parent), alone(inner)]), "parent") == [600 * SECOND, HOUR_NS]


def test_a_span_of_no_length_is_counted_and_has_used_what_it_says() -> None:
    (row,) = outcome([alone(span(1, T0, T0))]).found()
    assert (row["cpu_ns"], row["count"], row["quality"]) == (0, 1, "estimated")
    (row,) = outcome([alone(span(1, T0, T0, attributes={"greencloud.cpu.time": 900}))]).found()
    assert (row["cpu_ns"], row["count"], row["quality"]) == (900, 1, "exact")


def test_of_copies_that_differ_the_longest_holds() -> None:
    result = outcome([alone(span(1, T0, T0 + n * SECOND)) for n in (3, 5, 2, 5)])
    assert [row["cpu_ns"] for row in result.found()] == [5 * SECOND]
    assert (result.told.span_count, result.told.duplicate_count) == (1, 3)
    assert result.reasons() == {"copies of a span contradict each other": 1}
    assert result.letters[0].example == "account alice, span 0000000000000001"


def test_ids_used_again_with_another_start_are_two_spans() -> None:
    result = outcome([alone(span(1, T0 + n * SECOND, T0 + (n + 1) * SECOND)) for n in (0, 5)])
    assert [(row["cpu_ns"], row["count"]) for row in result.found()] == [(2 * SECOND, 2)]
    assert result.reasons() == {"ids used again with another start": 1}


def test_texts_of_copies_are_compared_as_texts_in_whatever_order_they_came() -> None:
    copies = [alone(span(1, T0, T0 + SECOND, name=name)) for name in ("b", "a", "c")]
    for order in (copies, copies[::-1]):
        assert [row["operation"] for row in outcome(order).found()] == ["a"]


def test_faults_are_told_with_their_number() -> None:
    bad = [
        span(1, T0, T0 - 1),
        span(1, T0, T0 - 1),
        span(2, T0, T0 + 8 * 24 * HOUR_NS),
        {**span(3, T0, T0), "trace_id": bytes(16)},
    ]
    sent = [alone(fields) for fields in bad] + [(Owner("provider", ""), request(span(4, T0, T0 + 1), {}))]
    result = outcome(sent)
    assert result.found() == []
    assert result.reasons() == {
        f"a span cannot be counted: {fault}": 1
        for fault in (
            "the end is before the start, a negative duration",
            "it lasts longer than 7 days",
            "trace_id is not 16 bytes with one that is not zero",
            "no cloud.account.id",
        )
    }


WORK = span(9, T0 + HOUR_NS + 5 * SECOND, T0 + HOUR_NS + 10 * SECOND, parent=8, name="work")


@pytest.mark.parametrize(("end", "caller"), [(T0 + HOUR_NS + 1, "bob"), (T0 + 1, "bob"), (T0, ""), (T0 - HOUR_NS, "")])
def test_an_ancestor_counts_if_it_lasted_into_the_hour_before(end: int, caller: str) -> None:
    edge = alone(span(8, T0 - 2 * HOUR_NS, end), "bob")
    (row,) = outcome([edge, alone(WORK, "queue")]).found(account="queue")
    assert row["caller_account"] == caller


def test_the_hours_of_a_long_internal_span_have_callers_of_their_own() -> None:
    edge = alone(span(8, T0, T0 + SECOND), "bob")
    long = alone(span(9, T0, T0 + 3 * HOUR_NS, parent=8, name="work"), "queue")
    assert [row["caller_account"] for row in outcome([edge, long]).found(account="queue")] == ["bob", "bob", ""]


# --- bounds -------------------------------------------------------------------------------------------------------------------


def test_the_least_of_too_many_operations_are_added_up() -> None:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(pairs({"service.name": "shop", "host.name": "h1"}))
    scope = group.scope_spans.add()
    for number in range(1, MAX_OPERATIONS + 501):
        scope.spans.add(**span(number, T0, T0 + (number // 2 + 1) * 1000, name=f"op {number:05}"))
    sent = [(Owner("tenant", "alice"), message.SerializeToString()), alone(span(1, T0, T0 + SECOND), "bob")]
    result = outcome(sent)
    expected = spans_oracle.weigh(sent[:1], BOOK)
    assert [row for row in rows_of(result) if row[3] == "alice"] == table_of(expected, 3600)
    found = result.found(account="alice")
    assert len(found) == MAX_OPERATIONS + 1
    (other,) = result.found(operation=OTHER_OPERATIONS)
    assert other["count"] == 500
    assert sum(row["cpu_ns"] for row in found) == sum((number // 2 + 1) * 1000 for number in range(1, MAX_OPERATIONS + 501))
    (letter,) = result.letters
    assert (letter.count, letter.example) == (1, "account alice, site dc1, host h1")


@given(many, st.integers(1, 3))
@settings(max_examples=examples(40), deadline=None)
def test_folding_agrees_with_the_oracle_and_bounds_the_rows(sent: list[Sent], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "MAX_OPERATIONS", most)
        result = outcome(sent)
    expected = spans_oracle.weigh(sent, BOOK, most_rows=most)
    assert rows_of(result) == table_of(expected, 3600)
    apart = [row[:4] for row in rows_of(result) if row[6] != OTHER_OPERATIONS]
    assert all(apart.count(crowd) <= most for crowd in apart)
    folded = [row[:4] for row in rows_of(result) if row[6] == OTHER_OPERATIONS and row[4] != OTHER_SERVICES]
    assert all(folded.count(crowd) <= most + 1 for crowd in folded)
    whole = outcome(sent)
    for measure in MEASURES:
        assert sum(row[measure] for row in result.found()) == sum(row[measure] for row in whole.found())


def test_sums_beyond_64_bits_are_left_out_alone() -> None:
    week = 7 * 24 * HOUR_NS
    held = {"greencloud.memory.byte_seconds": (1 << 63) - 1}
    sent = [alone(span(number, T0, T0 + week, attributes=held)) for number in range(1, 200)]
    result = outcome([*sent, alone(span(1, T0, T0 + SECOND), "bob")])
    assert result.reasons() == {"a sum too large to be use of a machine": 1}
    assert [row["account"] for row in result.found()] == ["bob"]


def test_rows_of_spans_and_of_metrics_with_one_key_are_one() -> None:
    owner, payload = alone(span(1, T0, T0 + SECOND, name=""))
    traces = Traces()
    traces.append(payload)
    tally, dead, places = Tally(3600), DeadLetters(), Places(BOOK)
    add_spans(traces, [owner], BOOK, places, tally, dead)
    key = RowKey(T0 // HOUR_NS, "dc1", "h1", "alice", "shop", "", "", "{}", "", "tenant", "estimated")
    tally.add(key, "cpu_ns", 5)
    tally.add(key._replace(account="aaa"), "cpu_ns", 7)
    tally.add(key._replace(account="zoe"), "network_bytes", MEASURE_LIMIT + 1)
    tally.add(key._replace(account="yan"), "cpu_ns", 0)
    rows = tally.usage(dead).rows
    assert rows.schema == ROWS
    assert [(row["account"], row["cpu_ns"], row["count"]) for row in rows.to_pylist()] == [("aaa", 7, 0), ("alice", SECOND + 5, 1)]
    assert [letter.example for letter in dead.counted()] == ["account zoe, service shop"]


# --- hostile shapes: the work grows as the number of spans does -----------------------------------------------------------------

KINDS = {
    "name": "i", "caller": "i", "trace_id": "B", "span_id": "Q", "parent_id": "Q", "start_ns": "Q", "end_ns": "Q", "cpu_ns": "q",
    "memory_byte_s": "q", "io_bytes": "q", "gpu_ns": "q", "quality": "B", "marks": "H", "fault": "B",
}  # fmt: skip


Value = int | Callable[[int], int]


def columns(count: int, **given_: Value) -> SimpleNamespace:
    """Spans of one trace, by constants or functions of their number."""
    values: dict[str, Value] = {**dict.fromkeys(KINDS, 0), "caller": -1, "start_ns": T0, "end_ns": T0 + SECOND, **given_}
    found = {
        name: array(kind, [value]) * count if isinstance(value, int) else array(kind, map(value, range(count)))
        for (name, kind), value in ((item, values[item[0]]) for item in KINDS.items())
    }
    return SimpleNamespace(**{**found, "trace_id": array("B", TRACE * count)})


def weighing(spans: SimpleNamespace, *, pair: array[int] | None = None, **changed: Any) -> Weighing:
    """Two pairs: a tenant's and an internal account's."""
    one, two = array("i", [0]), array("i", [0, 1])
    arguments: dict[str, Any] = {
        "pair_account": two, "pair_process": two, "pair_place": two, "pair_identity": two, "pair_internal": array("B", [0, 1]),
        "pair_fault": array("B", [0, 0]), "name_order": one, "name_operation": one, "name_cut": array("B", [0]),
        "caller_order": array("i"), "caller_account": array("i"), "place_order": two, "place_labels": array("i", [0, 0]),
        "place_bound": two, "place_other": two, "other_operation": 1, "most_rows": 2000, "most_sum": 1 << 60,
        "window_ns": HOUR_NS, "first_ns": 0, "until_ns": MAX, **changed,
    }  # fmt: skip
    return Weighing(spans, pair if pair is not None else array("i", [0]) * len(spans.span_id), **arguments)


def up(i: int) -> int:
    return i + 1


def half(i: int) -> int:
    return int(i % 2 == 0)


def one_or_own(i: int) -> int:
    return 1 if i % 2 else i + 2


SHAPES: dict[str, tuple[int, dict[str, Value]]] = {
    "children of one": (0, {"span_id": up, "parent_id": lambda i: int(i > 0)}),
    "gaps between the children of one": (
        0,
        {
            "span_id": up,
            "parent_id": lambda i: int(i > 0),
            "start_ns": lambda i: T0 + 9 * i,
            "end_ns": lambda i: T0 + 9 * i + 5 if i else T0 + HOUR_NS,
        },
    ),
    "children of many of one id": (
        0,
        {"span_id": one_or_own, "parent_id": half, "start_ns": lambda i: T0 + 9 * i, "end_ns": lambda i: T0 + 9 * i + 5},
    ),
    "a chain": (1, {"span_id": up, "parent_id": lambda i: i}),
    "a chain backwards": (1, {"span_id": up, "parent_id": lambda i: i + 2}),
    "one circle": (1, {"span_id": up, "parent_id": lambda i: i or 8000}),
    "many of one id, asked in as many hours": (
        1,
        {
            "span_id": one_or_own,
            "parent_id": half,
            "start_ns": lambda i: T0 + (i // 2) * HOUR_NS,
            "end_ns": lambda i: T0 + (i // 2) * HOUR_NS + 5,
        },
    ),
    "copies": (0, {"span_id": 1}),
    "copies that contradict": (0, {"span_id": 1, "cpu_ns": lambda i: i * 7919 % 100_003, "marks": 2}),
    "one id, many starts": (1, {"span_id": 1, "parent_id": 1, "start_ns": lambda i: T0 + i}),
    "its own parent": (1, {"span_id": up, "parent_id": up}),
    "ids that differ in high bits": (0, {"span_id": lambda i: i + 1 << 40, "parent_id": lambda i: i << 40}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_a_trace_costs_more_than_its_size(shape: str) -> None:
    internal, given_ = SHAPES[shape]
    work = [weighing(columns(count, **given_), pair=array("i", [internal]) * count).work / count for count in (1000, 8000)]
    assert work[1] < 2 * work[0] + 30


def test_work_on_many_traces_and_rows_grows_with_their_number() -> None:
    work = []
    for count in (20_000, 80_000):  # more than a bucket
        spans = columns(count, span_id=lambda i: i % 8 + 1, parent_id=lambda i: i % 8, name=lambda i: i)
        spans.trace_id = array("B", b"".join((i // 8).to_bytes(16, "little") for i in range(count)))
        names = array("i", range(count))
        weighed = weighing(spans, name_order=names, name_operation=names, name_cut=array("B", bytes(count)), other_operation=count)
        assert (weighed.span_count, sum(weighed.count), len(weighed.count)) == (count, count, MAX_OPERATIONS + 1)
        work.append(weighed.work / count)
    assert work[1] < 2 * work[0]


# --- what the kernel refuses before it reads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", 1), ("name", -1), ("caller", 0), ("caller", -2), ("fault", 9), ("end_ns", T0 - 1), ("end_ns", T0 + 200 * HOUR_NS),
        ("end_ns", MAX), ("start_ns", 1),
    ],
)  # fmt: skip
def test_a_span_out_of_range_is_refused(column: str, value: int) -> None:
    spans = columns(3, span_id=lambda i: i + 1)
    getattr(spans, column)[1] = value
    with pytest.raises(ValueError, match="span 1 has an index out of range"):
        weighing(spans)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pair_account": array("i", [0, -1])}, "pair 1"),
        ({"pair_place": array("i", [2, 0])}, "pair 0"),
        ({"pair_fault": array("B", [0, 11])}, "pair 1"),
        ({"pair_process": array("i", [0])}, "pairs differ in length"),
        ({"name_operation": array("i", [-1])}, "name 0"),
        ({"name_cut": array("B")}, "names or 0 callers"),
        ({"caller_order": array("i", [0]), "caller_account": array("i", [-2])}, "caller 0"),
        ({"place_other": array("i", [0, 2])}, "place 1"),
        ({"place_labels": array("i", [1 << 30, 0])}, "place 0"),
        ({"place_bound": array("i", [0])}, "places differ in length"),
        ({"pair": array("i", [0, 2, 0])}, "span 1 has an index"),
        ({"pair": array("i", [0, 0])}, "columns of 2 spans differ"),
        ({"window_ns": 0}, "do not divide the hour"),
        ({"window_ns": 7 * SECOND}, "do not divide the hour"),
        ({"most_rows": 0}, "0 rows"),
        ({"name_operation": array("q", [0])}, "dtype mismatch"),
    ],
)
def test_what_the_columns_point_at_is_checked_first(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weighing(columns(3, span_id=lambda i: i + 1), **changed)


def test_pairs_are_numbered_by_first_sight() -> None:
    found = pairs_of(array("i", [0, 0, 1, 0, 1]), array("i", [5, 5, 5, 4, 5]))
    assert [list(items) for items in found] == [[0, 0, 1, 2, 1], [0, 1, 0], [5, 5, 4]]
    assert [list(items) for items in pairs_of(array("i"), array("i"))] == [[], [], []]
    with pytest.raises(ValueError, match="1 owners and 0 resources"):
        pairs_of(array("i", [0]), array("i"))


def test_nothing_gives_nothing() -> None:
    result = outcome([])
    assert (result.rows.num_rows, result.rows.schema, result.letters) == (0, ROWS, ())
    assert result.told == Told(set(), 0, 0)
