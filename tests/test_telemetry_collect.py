"""Collecting is a function of the set of what was sent, conserves what it cuts, and lets nobody touch another's rows."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from greencloud.telemetry import Collected, Record, admit, collect
from greencloud.telemetry.split import covered, split, union
from greencloud.usage import KEY, MEASURES, ROWS
from profiles import examples
from telemetry_world import DELTA, HOUR_NS, SECOND, T0, TRACE, book, metrics, point, provider, span, span_id, tenant, traces

BOOK = book()
ACCOUNTS = ("alice", "bob", "queue", "db")


def rows(collected: Collected, **where: str) -> list[dict[str, Any]]:
    return [row for row in collected.usage.rows.to_pylist() if all(row[key] == value for key, value in where.items())]


def reasons(collected: Collected) -> dict[str, int]:
    return {letter.reason: letter.count for letter in collected.dead_letters}


@st.composite
def sent_spans(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A span of some account; ids are few, so that parents, copies, contradictions and cycles occur."""
    start = T0 + draw(st.integers(0, 2 * 3600)) * SECOND
    attributes: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "greencloud.cpu.time": st.integers(-1, 10**12),
                "greencloud.memory.byte_seconds": st.integers(0, 10**9),
                "greencloud.quality": st.sampled_from(["exact", "thread", "none", "odd"]),
                "greencloud.caller.account": st.sampled_from(["alice", "bob", "(bad)"]),
            },
        )
    )
    made = span(
        draw(st.integers(1, 8)),
        start,
        start + draw(st.integers(0, 7200 * SECOND)),
        parent=draw(st.integers(0, 8)),
        name=draw(st.sampled_from(["GET /", "POST /", "x" * 300])),
        attributes=attributes,
    )
    return draw(st.sampled_from(ACCOUNTS)), made


@st.composite
def sent_points(draw: st.DrawFn) -> Record:
    role = draw(st.sampled_from(["provider", "tenant"]))
    name = draw(
        st.sampled_from(
            [
                "hw.host.energy",
                "hw.host.power",
                "system.cpu.time",
                "system.memory.usage",
                "process.cpu.time",
                "container.cpu.time",
                "k8s.pod.cpu.time",
                "process.memory.usage",
                "hw.energy",
            ]
        )
    )
    time = T0 + draw(st.integers(1, 30)) * 600 * SECOND
    attributes = draw(
        st.sampled_from([{}, {"cpu.mode": "user"}, {"cpu.mode": "idle"}, {"state": "used"}, {"cloud.account.id": "bob"}])
    )
    made = point(time, draw(st.integers(0, 5)), start=draw(st.sampled_from([0, T0, T0 + HOUR_NS])), attributes=attributes)
    resource = draw(
        st.sampled_from([{"host.name": "h1"}, {"host.id": "h2", "cloud.account.id": "alice"}, {"k8s.node.name": "nowhere"}])
    )
    gauge = name.endswith((".power", ".usage"))
    payload = metrics(name, [made], gauge=gauge, resource=resource, temporality=draw(st.sampled_from([1, 2])))
    return Record("metrics", role, draw(st.sampled_from(ACCOUNTS)) if role == "tenant" else "", T0, payload)


def records_of(found: list[tuple[str, dict[str, Any]]]) -> list[Record]:
    return [tenant(traces([made]), account) for account, made in found]


@given(st.lists(sent_spans(), max_size=12), st.lists(sent_points(), max_size=12), st.data())
@settings(max_examples=examples(40), deadline=None)
def test_order_splitting_and_repeats_change_nothing(
    found: list[tuple[str, dict[str, Any]]], measured: list[Record], data: st.DataObject
) -> None:
    together = [tenant(traces([made for owner, made in found if owner == account]), account) for account in ACCOUNTS]
    apart = [*records_of(found), *measured]
    repeated = apart + data.draw(st.lists(st.sampled_from(apart), max_size=6)) if apart else apart
    shuffled = data.draw(st.permutations(repeated))
    one = collect([*together, *measured], BOOK)
    other = collect(shuffled, BOOK)
    assert one.usage.rows.equals(other.usage.rows)
    assert one.usage.readings.equals(other.usage.readings)
    assert one.dead_letters == other.dead_letters
    assert one.span_count == other.span_count


@given(st.lists(sent_spans(), max_size=10), st.lists(sent_points(), max_size=10), st.sampled_from(ACCOUNTS))
@settings(max_examples=examples(40), deadline=None)
def test_what_another_tenant_sends_changes_no_row_of_an_account_that_is_not_internal(
    found: list[tuple[str, dict[str, Any]]], measured: list[Record], other: str
) -> None:
    everything = collect([*records_of(found), *measured], BOOK)
    without = collect(
        [*records_of([sent for sent in found if sent[0] != other]), *[record for record in measured if record.account != other]],
        BOOK,
    )
    for account in {"alice", "bob"} - {other}:
        assert rows(everything, account=account) == rows(without, account=account)
    assert everything.usage.readings.equals(without.usage.readings)


@given(st.lists(sent_spans(), max_size=12))
@settings(max_examples=examples(30), deadline=None)
def test_tables_have_the_schema_canonical_order_distinct_keys_and_no_negative_amount(
    found: list[tuple[str, dict[str, Any]]],
) -> None:
    table = collect(records_of(found), BOOK).usage.rows
    assert table.schema == ROWS
    keys = [tuple(row[name] for name in KEY) for row in table.to_pylist()]
    assert keys == sorted(set(keys))
    assert all(row[measure] >= 0 for row in table.to_pylist() for measure in MEASURES)


@given(st.lists(sent_spans(), max_size=12))
@settings(max_examples=examples(25), deadline=None)
def test_every_span_is_counted_once(found: list[tuple[str, dict[str, Any]]]) -> None:
    collected = collect(records_of(found), BOOK)
    assert sum(row["count"] for row in rows(collected)) == collected.span_count
    assert collected.span_count + collected.duplicate_count == len(found)


@given(st.integers(0, 10**18), st.integers(0, 10**5), st.integers(0, 10**5), st.integers(1, 10**4))
def test_cutting_at_windows_conserves_amounts(amount: int, start: int, length: int, window: int) -> None:
    parts = list(split(amount, start, start + length, window))
    assert sum(part for _, part in parts) == amount
    assert all(part >= 0 for _, part in parts)
    assert [number for number, _ in parts] == list(range(start // window, max(start, start + length - 1) // window + 1))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8), st.integers(1, 20))
def test_coverage_counts_each_instant_once(intervals: list[tuple[int, int]], window: int) -> None:
    expected = Counter(instant // window for instant in {i for start, end in intervals for i in range(start, end)})
    assert covered(intervals, window) == dict(expected)
    found = union(intervals)
    assert all(before[1] < after[0] for before, after in pairwise(found))


@st.composite
def trees(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A tree of spans in which children lie within their parent and apart from each other."""
    made = [span(1, T0, T0 + draw(st.integers(1, 5 * HOUR_NS)))]

    def grow(parent: dict[str, Any], depth: int) -> None:
        start, end = parent["start_time_unix_nano"], parent["end_time_unix_nano"]
        cuts = sorted(draw(st.lists(st.integers(start, end), max_size=6 if depth else 0)))
        for low, high in zip(cuts[::2], cuts[1::2], strict=False):
            child = span(len(made) + 1, low, high, parent=int.from_bytes(parent["span_id"], "big"))
            made.append(child)
            grow(child, depth - 1)

    grow(made[0], 3)
    return made


@given(trees())
@settings(max_examples=examples(30), deadline=None)
def test_self_times_of_a_tree_add_up_to_the_root(made: list[dict[str, Any]]) -> None:
    collected = collect([tenant(traces(made))], BOOK)
    root = made[0]["end_time_unix_nano"] - made[0]["start_time_unix_nano"]
    assert sum(row["cpu_ns"] for row in rows(collected)) == root
    assert {row["quality"] for row in rows(collected)} == {"estimated"}


def test_overlapping_children_and_children_that_outlive_their_parent_take_off_their_union_only() -> None:
    made = [
        span(1, T0, T0 + 10 * SECOND, name="parent"),
        span(2, T0 + 2 * SECOND, T0 + 6 * SECOND, parent=1, name="child"),
        span(3, T0 + 4 * SECOND, T0 + 30 * SECOND, parent=1, name="child"),
    ]
    (parent,) = rows(collect([tenant(traces(made))], BOOK), operation="parent")
    assert parent["cpu_ns"] == 2 * SECOND


def test_a_child_in_another_process_takes_nothing_off() -> None:
    made = [
        tenant(traces([span(1, T0, T0 + 10 * SECOND)], {"service.name": "shop"})),
        tenant(traces([span(2, T0, T0 + 9 * SECOND, parent=1)], {"service.name": "stock"})),
    ]
    (shop,) = rows(collect(made, BOOK), service="shop")
    assert shop["cpu_ns"] == 10 * SECOND


@pytest.mark.parametrize(("word", "quality"), [(None, "exact"), ("exact", "exact"), ("thread", "measured"), ("none", "estimated")])
def test_cpu_time_of_a_span_is_taken_with_its_quality(word: str | None, quality: str) -> None:
    attributes: dict[str, Any] = {
        "greencloud.cpu.time": 123,
        "greencloud.memory.byte_seconds": 7,
        "greencloud.io.bytes": 8,
        "greencloud.gpu.time": 9,
    }
    if word:
        attributes["greencloud.quality"] = word
    (row,) = rows(collect([tenant(traces([span(1, T0, T0 + SECOND, attributes=attributes)]))], BOOK))
    assert (row["cpu_ns"], row["memory_byte_s"], row["disk_bytes"], row["gpu_ns"], row["count"]) == (123, 7, 8, 9, 1)
    assert (row["quality"], row["source"], row["site"], row["host"]) == (quality, "tenant", "dc1", "h1")


@pytest.mark.parametrize("value", [-1, 4096 * SECOND + 1, 0.5, "1", True])
def test_cpu_time_that_cannot_be_is_refused_and_the_wall_time_is_used(value: Any) -> None:
    made = traces([span(1, T0, T0 + SECOND, attributes={"greencloud.cpu.time": value})])
    collected = collect([tenant(made)], BOOK)
    (row,) = rows(collected)
    assert (row["cpu_ns"], row["quality"]) == (SECOND, "estimated")
    (letter,) = collected.dead_letters
    assert "greencloud.cpu.time" in letter.reason


def test_a_span_over_two_windows_is_cut_by_time_and_counted_at_its_start() -> None:
    made = traces([span(1, T0 + HOUR_NS - SECOND, T0 + HOUR_NS + 3 * SECOND, attributes={"greencloud.cpu.time": 1001})])
    first, second = rows(collect([tenant(made)], BOOK))
    assert (first["cpu_ns"], first["count"]) == (250, 1)
    assert (second["cpu_ns"], second["count"]) == (751, 0)


def test_a_row_too_large_for_its_column_is_left_out_alone() -> None:
    spans = [span(n, T0, T0 + HOUR_NS, attributes={"greencloud.memory.byte_seconds": HOUR_NS << 16}) for n in range(1, 7)]
    collected = collect([tenant(traces(spans)), tenant(traces([span(1, T0, T0 + SECOND)]), "bob")], BOOK)
    assert "a sum too large to be use of a machine" in reasons(collected)
    assert rows(collected, account="bob")[0]["cpu_ns"] == SECOND


def test_dimensions_come_from_the_resource() -> None:
    resource = {
        "service.name": "s" * 300,
        "host.id": "i-unknown",
        "k8s.node.name": "node-1",
        "greencloud.sku": "m7g.large",
        "greencloud.label.team": "b",
        "greencloud.label.env": "prod",
        "cloud.account.id": "bob",
    }
    collected = collect([tenant(traces([span(1, T0, T0 + SECOND)], resource))], BOOK)
    (row,) = rows(collected)
    assert (row["account"], row["host"], row["sku"]) == ("alice", "h1", "m7g.large")
    assert row["labels"] == '{"env":"prod","team":"b"}'
    assert row["service"] == "s" * 255 + "…"
    assert reasons(collected) == {"a tenant's resource names another account: ignored": 1}


def test_an_unlisted_host_is_booked_at_the_default_site_and_without_one_nowhere() -> None:
    made = [tenant(traces([span(1, T0, T0 + SECOND)], {"service.name": "shop", "host.name": "laptop"}))]
    (row,) = rows(collect(made, BOOK))
    assert (row["site"], row["host"]) == ("dc1", "")
    collected = collect(made, book(default_site=""))
    assert rows(collected) == []
    assert reasons(collected) == {"no site": 1}
    assert collected.span_count == 1


def test_a_providers_span_belongs_to_the_account_of_its_resource() -> None:
    payload = traces([span(1, T0, T0 + SECOND)], {"service.name": "shop", "cloud.account.id": "bob"})
    collected = collect([Record("traces", "provider", "", T0, payload), tenant(payload, "bob")], BOOK)
    (row,) = rows(collected)
    assert (row["account"], row["source"], row["count"]) == ("bob", "tenant", 1)
    assert collected.duplicate_count == 1


def test_contradicting_copies_leave_one_and_are_counted() -> None:
    copies = [tenant(traces([span(1, T0, T0 + n * SECOND)])) for n in (3, 2, 3, 5)]
    collected = collect(copies, BOOK)
    assert [row["cpu_ns"] for row in rows(collected)] == [5 * SECOND]
    assert (collected.span_count, collected.duplicate_count) == (1, 3)
    assert reasons(collected) == {"copies of a span contradict each other": 1}


def test_a_record_that_does_not_decode_is_a_dead_letter() -> None:
    assert reasons(collect([tenant(b"\xff\xff")], BOOK)) == {"a record that is not OTLP": 1}


def caller_of(spans_: list[tuple[str, dict[str, Any]]]) -> str:
    """The caller of the one span of queue with id 9."""
    (row,) = [row for row in rows(collect(records_of(spans_), BOOK), account="queue") if row["operation"] == "work"]
    return str(row["caller_account"])


WORK = span(9, T0, T0 + SECOND, parent=8, name="work")


def test_an_internal_service_works_for_its_nearest_ancestor_that_is_not_internal() -> None:
    chain = [
        ("bob", span(6, T0, T0 + SECOND)),
        ("alice", span(7, T0, T0 + SECOND, parent=6)),
        ("db", span(8, T0, T0 + SECOND, parent=7)),
        ("queue", WORK),
    ]
    assert caller_of(chain) == "alice"


def test_the_account_that_a_trusted_edge_named_goes_before_the_trace() -> None:
    named = span(9, T0, T0 + SECOND, parent=8, name="work", attributes={"greencloud.caller.account": "bob"})
    assert caller_of([("alice", span(8, T0, T0 + SECOND)), ("queue", named)]) == "bob"


def test_a_parent_that_two_accounts_claim_decides_nothing() -> None:
    assert caller_of([("alice", span(8, T0, T0 + SECOND)), ("bob", span(8, T0, T0 + SECOND)), ("queue", WORK)]) == ""


def test_parents_that_nobody_sent_of_another_trace_or_in_a_circle_decide_nothing() -> None:
    assert caller_of([("queue", WORK)]) == ""
    assert caller_of([("alice", span(8, T0, T0 + SECOND, trace=TRACE[::-1])), ("queue", WORK)]) == ""
    assert caller_of([("db", span(8, T0, T0 + SECOND, parent=9)), ("queue", WORK)]) == ""


def test_an_account_that_is_not_internal_has_no_caller() -> None:
    made = span(2, T0, T0 + SECOND, parent=1, attributes={"greencloud.caller.account": "bob"})
    found = rows(collect(records_of([("bob", span(1, T0, T0 + SECOND)), ("alice", made)]), BOOK), account="alice")
    assert [row["caller_account"] for row in found] == [""]


def test_a_chain_of_ten_thousand_internal_spans_is_walked_once() -> None:
    chain = [span(n, T0, T0 + 1000, parent=n - 1) for n in range(2, 10_001)]
    collected = collect([tenant(traces([span(1, T0, T0 + 1000)])), tenant(traces(chain), "queue")], BOOK)
    assert {row["caller_account"] for row in rows(collected, account="queue")} == {"alice"}


def test_spans_of_the_real_sdk_are_understood() -> None:
    exporter = InMemorySpanExporter()
    tracing = TracerProvider(resource=Resource.create({"service.name": "shop", "host.name": "node-1"}))
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = tracing.get_tracer("test")
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner") as inner:
        inner.set_attribute("greencloud.cpu.time", 42)
    payload = encode_spans(exporter.get_finished_spans()).SerializeToString()
    tracing.shutdown()
    admission = admit("traces", payload, role="tenant", account="alice")
    assert (admission.rejected, admission.message) == (0, "")
    collected = collect([tenant(payload)], BOOK)
    (found,) = rows(collected, operation="inner")
    assert (found["cpu_ns"], found["quality"], found["host"], found["service"]) == (42, "exact", "h1", "shop")
    (outer,) = rows(collected, operation="outer")
    assert outer["quality"] == "estimated"
    assert collected.span_count == 2


def test_a_tenants_cpu_metrics_give_way_to_spans_of_the_same_process_in_the_same_window() -> None:
    resource = {"service.name": "shop", "service.instance.id": "1", "host.name": "h1"}
    cpu = [point(T0 + n * 1800 * SECOND, 1, start=T0 + (n - 1) * 1800 * SECOND) for n in (1, 2, 3)]
    measured = tenant(metrics("process.cpu.time", cpu, temporality=DELTA, resource=resource, unit="s"), signal="metrics")
    assert [(r["source"], r["operation"], r["cpu_ns"]) for r in rows(collect([measured], BOOK))] == [
        ("tenant", "", 2 * SECOND),
        ("tenant", "", SECOND),
    ]
    both = collect([measured, tenant(traces([span(1, T0, T0 + SECOND)], resource))], BOOK)
    assert [(r["operation"], r["cpu_ns"]) for r in rows(both)] == [("GET /", SECOND), ("", SECOND)]
    assert "a process's CPU metrics that its spans tell of already" in reasons(both)
    beside = collect([measured, tenant(traces([span(1, T0, T0 + SECOND)], {**resource, "service.instance.id": "2"}))], BOOK)
    assert sum(row["cpu_ns"] for row in rows(beside)) == 4 * SECOND


def test_what_no_span_of_a_process_tells_counts_beside_its_spans() -> None:
    resource = {"service.name": "shop", "service.instance.id": "1", "host.name": "h1"}

    def cpu(name: str, seconds: int) -> Record:
        of = [point(T0 + 1800 * SECOND, seconds, start=T0)]
        return tenant(metrics(name, of, temporality=DELTA, resource=resource, unit="s"), signal="metrics")

    whole, rest = cpu("process.cpu.time", 10), cpu("greencloud.process.cpu.unattributed", 9)
    sampled = tenant(traces([span(1, T0, T0 + SECOND, attributes={"greencloud.cpu.time": SECOND})], resource))

    def used(*records: Record) -> dict[str, int]:
        return {row["operation"]: row["cpu_ns"] // SECOND for row in rows(collect(list(records), BOOK))}

    assert used(sampled, rest) == {"GET /": 1, "": 9}
    assert used(sampled, rest, whole) == {"GET /": 1, "": 9}
    assert used(rest, whole) == {"": 10}
    assert used(rest) == {"": 9}

    named = {**resource, "cloud.account.id": "alice"}
    of = [point(T0 + 1800 * SECOND, 9, start=T0)]
    agents = metrics("greencloud.process.cpu.unattributed", of, temporality=DELTA, resource=named, unit="s")
    assert used(provider(agents, signal="metrics")) == {}, "a part of a process is no measurement of it"


def test_span_ids_of_two_accounts_do_not_meet() -> None:
    collected = collect([tenant(traces([span(1, T0, T0 + SECOND)]), account) for account in ("alice", "bob")], BOOK)
    assert (collected.span_count, collected.duplicate_count) == (2, 0)
    assert span_id(1) != span_id(2)


def test_nothing_gives_empty_tables() -> None:
    collected = collect([], BOOK)
    assert (collected.usage.rows.num_rows, collected.usage.readings.num_rows, collected.dead_letters) == (0, 0, ())
    assert collected.usage.rows.schema == ROWS


def test_five_minute_windows_are_used_when_the_book_says_so() -> None:
    collected = collect(
        [provider(metrics("hw.host.energy", [point(T0, 1.0), point(T0 + 600 * SECOND, 3.0)]))], book(window_seconds=300)
    )
    assert [(r["window_s"], r["energy_mj"], r["covered_us"]) for r in collected.usage.readings.to_pylist()] == [
        (300, 1000, 300_000_000)
    ] * 2
