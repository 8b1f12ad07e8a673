"""The OTLP decoder: verdicts and values are protobuf's, on valid requests and on broken ones; and its own promises beyond that."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from greencloud._otlp import Columns, Metrics, OtlpError, Traces, attributes_of, schema
from otlp import SECOND, SpanSpec, counter, metrics_request, trace_request
from otlp_cases import END, I32, LEN, VARINT, group, message, mutated, tag, varint
from otlp_differential import difference, replay
from otlp_oracle import REQUESTS, canonical, parsed, plain, traces_of

CORPUS = Path(__file__).parent / "fuzz/corpus"
NOW = 1_795_000_000 * SECOND
TO_SPAN, TO_ATTRIBUTE = (1, 2, 2), (1, 2, 2, 9)
TO_POINT = (1, 2, 2, 7, 1)


def within(body: bytes, *path: int) -> bytes:
    """The bytes as a message at the end of a path of field numbers."""
    for number in reversed(path):
        body = tag(number, LEN) + varint(len(body)) + body
    return body


def same(data: bytes) -> Counter[bool]:
    """Both signals read the bytes as protobuf does. Gives how often they were taken."""
    verdicts: Counter[bool] = Counter()
    for signal in REQUESTS:
        taken, differs = difference(signal, data)
        assert not differs, differs
        verdicts[taken] += 1
    return verdicts


unsanitised = pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer takes memory of its own")
draws = st.integers(0, 2**64 - 1).map(Random)  # a seed: a difference shows its bytes, and drawing each choice would be too slow
signals = st.sampled_from(sorted(REQUESTS))


# The same as protobuf


@given(draws, signals, st.booleans())
def test_a_request_in_any_form_is_read_as_protobuf_reads_it(draw: Random, signal: str, bounded: bool) -> None:
    _, differs = difference(signal, message(draw, REQUESTS[signal].DESCRIPTOR), bounded=bounded)
    assert not differs, differs


@given(draws, signals)
def test_a_request_with_faults_is_refused_where_protobuf_refuses_it(draw: Random, signal: str) -> None:
    _, differs = difference(signal, message(draw, REQUESTS[signal].DESCRIPTOR, wild=0.02))
    assert not differs, differs


@given(draws, signals)
def test_mutated_bytes_are_read_as_protobuf_reads_them(draw: Random, signal: str) -> None:
    kind = REQUESTS[signal].DESCRIPTOR
    data, other = message(draw, kind), message(draw, kind)
    for _ in range(4):
        _, differs = difference(signal, mutated(draw, data, other))
        assert not differs, differs


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_protobuf_reads_them(data: bytes) -> None:
    same(data)
    same(within(data, *TO_SPAN))
    same(within(data, *TO_ATTRIBUTE))
    same(within(data, *TO_POINT))


def test_five_thousand_requests_at_random_are_read_as_protobuf_reads_them() -> None:
    draw = Random(20261127)
    counts: Counter[bool] = Counter()
    before = b""
    for _ in range(200):
        for signal, kind in REQUESTS.items():
            data = message(draw, kind.DESCRIPTOR, wild=draw.choice((0.0, 0.01)))[:3000]
            for case in (data, *(mutated(draw, data, before) for _ in range(12))):
                taken, differs = difference(signal, case)
                assert not differs, differs
                counts[taken] += 1
            before = data
    assert min(counts[True], counts[False]) > 500


def test_the_corpus_of_the_fuzzer_is_read_as_protobuf_reads_it() -> None:
    found: list[str] = []
    counts = replay(CORPUS, found.append)
    assert not found
    assert min(counts[f"{signal} {verdict}"] for signal in REQUESTS for verdict in ("taken", "refused")) >= 10
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 200_000


@pytest.mark.parametrize("path", [(), (1, 1), TO_SPAN, (*TO_ATTRIBUTE, 2), TO_POINT])
@pytest.mark.parametrize("number", [0, 1, 2, 9, 15, 16, 99, 2**29 - 1, 2**29, 2**32 - 1])
def test_tags_of_every_length_and_wire_type(path: tuple[int, ...], number: int) -> None:
    for wire in range(8):
        for size in (0, 2, 5, 6, 11):
            for body in (
                b"",
                b"\0",
                bytes(8),
                tag(number, END),
                b"\x80" * 9 + b"\x01",
                b"\xff" * 10 + b"\x01",
                b"\x80" * 4 + b"\x10",
            ):
                case = tag(number, wire, size) + body
                same(within(case, *path))
                if path in {(), TO_SPAN}:
                    same(within(group(33, case), *path))


@pytest.mark.parametrize("path", [(), (1,), TO_SPAN, (*TO_ATTRIBUTE, 2)])
def test_groups_nest_as_deep_as_in_protobuf(path: tuple[int, ...]) -> None:
    verdicts: Counter[bool] = Counter()
    for depth in (*range(1, 5), *range(94, 103)):
        for number in (1, 2, 9, 99):
            data = b""
            for _ in range(depth):
                data = group(number, data)
            verdicts += same(within(data, *path))
            verdicts += same(within(data[:-1], *path))
            verdicts += same(within(tag(5, VARINT) + b"\0" + data + tag(5, END), *path))
    assert verdicts[True] > 10
    assert verdicts[False] > 10


@pytest.mark.parametrize("path", [(*TO_ATTRIBUTE, 2), (1, 1, 1, 2), (1, 2, 1, 3, 2), (*TO_SPAN, 11, 3, 2), (*TO_POINT, 7, 2)])
def test_values_nest_as_deep_as_in_protobuf(path: tuple[int, ...]) -> None:
    verdicts: Counter[bool] = Counter()
    for step in ((5, 1), (6, 1, 2)):
        for depth in range(98 // len(step) - 8, 98 // len(step) + 4):
            for inner in (b"", within(b"x", 1), within(b"\xff", 1), group(9, b"")):
                verdicts += same(within(inner, *path, *step * depth))
    assert verdicts[True] > 10
    assert verdicts[False] > 10


@pytest.mark.parametrize("field", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("then", [1, 2, 3, 4, 5, 6, 7, 8])
def test_of_a_value_given_twice_the_last_member_holds(field: int, then: int) -> None:
    wires = {1: LEN, 2: VARINT, 3: VARINT, 4: 1, 5: LEN, 6: LEN, 7: LEN, 8: VARINT}
    bodies = {LEN: b"\x02\x0a\x00", VARINT: b"\x81\x82\x03", 1: struct.pack("<d", 1.5)}
    one, two = (tag(number, wires[number]) + bodies[wires[number]] for number in (field, then))
    key = within(b"greencloud.cpu.time", 1)
    for pair in (
        key + within(one + two, 2),
        key + within(one, 2) + within(two, 2),
        within(one, 2) + key + within(two, 2) + within(b"", 2),
    ):
        assert same(within(pair, *TO_ATTRIBUTE))[True]
        assert canonical(attributes_of(within(pair, 1))) == canonical(plain(Resource.FromString(within(pair, 1)).attributes))


@pytest.mark.parametrize("first", [5, 7, 9, 10, 11, 12])
@pytest.mark.parametrize("second", [5, 7, 9, 10, 11, 12])
def test_of_a_metric_given_twice_the_last_kind_holds(first: int, second: int) -> None:
    point = NumberDataPoint(as_int=-3, time_unix_nano=NOW).SerializeToString()
    bodies = {5: within(point, 1), 7: within(point, 1) + b"\x10\x82\x80\x80\x80\x10\x18\x01"}
    parts = [within(bodies.get(number, b""), number) for number in (first, second, first)]
    for case in (b"".join(parts), b"".join(parts[:2]), parts[0]):
        same(within(case, 1, 2, 2))


def test_a_resource_given_twice_is_merged() -> None:
    parts = [Resource(attributes=[KeyValue(key=key, value=AnyValue(int_value=1))]).SerializeToString() for key in "abc"]
    span = within(within(b"", 2), 2)
    data = within(b"".join(within(part, 1) for part in parts[:1]) + span + b"".join(within(part, 1) for part in parts[1:]), 1)
    assert same(data)[True]
    traces = Traces()
    traces.append(data)
    assert traces.resources == [b"".join(parts)]
    assert attributes_of(traces.resources[0]) == {"a": 1, "b": 1, "c": 1}


@given(st.binary(max_size=12), st.integers(0, 20))
def test_text_is_utf_8_as_protobuf_has_it(data: bytes, before: int) -> None:
    text = b"a" * before + data
    for path in ((*TO_SPAN, 5), (*TO_SPAN, 3), (*TO_ATTRIBUTE, 1), (*TO_ATTRIBUTE, 2, 1), (1, 3), (1, 2, 3), (1, 1, 3, 3)):
        same(within(text, *path))
    same(within(within(text, 1) + within(within(b"x", 1), 2), *TO_ATTRIBUTE))
    same(within(within(b"key", 1) + within(within(text, 1), 2), *TO_ATTRIBUTE))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10), st.sampled_from([1, 2, 5, 9, 127, 200]))
def test_numbers_of_every_length_in_an_attribute(number: int, size: int, width: int) -> None:
    value = tag(3, VARINT) + varint(number, size)
    for key in (b"greencloud.cpu.time", b"k" * width):
        assert same(within(within(key, 1) + within(value, 2), *TO_ATTRIBUTE))[True]


@given(st.binary(max_size=40), draws)
def test_attributes_of_a_resource_are_those_of_protobuf(data: bytes, draw: Random) -> None:
    for case in (data, within(data, 1), message(draw, Resource.DESCRIPTOR), message(draw, Resource.DESCRIPTOR, wild=0.05)):
        expected = parsed(Resource, case)
        if expected is None:
            with pytest.raises(OtlpError):
                attributes_of(case)
        else:
            assert canonical(attributes_of(case)) == canonical(plain(expected.attributes))


# The tables and the descriptors


def kinds(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return "message"
    if field.type == FieldDescriptor.TYPE_STRING:
        return "string"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes"
    if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64}:
        return "fixed64s" if field.is_repeated else "fixed64"
    if field.type == FieldDescriptor.TYPE_FIXED32:
        return "fixed32"
    varints = {
        FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64,
    }  # fmt: skip
    assert field.type in varints, field.full_name
    return "numbers" if field.is_repeated else "number"


def test_the_tables_are_the_descriptors_of_the_installed_opentelemetry_proto() -> None:
    names = ["", "number", "numbers", "fixed64", "fixed64s", "fixed32", "bytes", "string"]
    tables = schema()
    order = list(tables)
    seen: set[str] = set()
    waiting: list[Any] = [kind.DESCRIPTOR for kind in REQUESTS.values()]
    while waiting:
        kind = waiting.pop()
        if kind.name in seen:
            continue
        seen.add(kind.name)
        table = tables[kind.name]
        assert set(table) == {field.number for field in kind.fields}, kind.name
        for field in kind.fields:
            name, inner, number = table[field.number]
            assert (name, inner) == (field.name, field.message_type.name if field.message_type else "")
            if number >= 0:  # the outermost messages have no table, only names
                repeated, number = divmod(number, 0x80)
                found = names[number] if number < len(names) else "message"
                assert (found, bool(repeated)) == (kinds(field), field.is_repeated), field.full_name
                if found == "message":
                    assert order[number - len(names)] == inner
            waiting += [field.message_type] if field.message_type else []
    assert seen == set(tables)


# Errors


SPAN = "resource_spans[0].scope_spans[0].spans[0]"


@pytest.mark.parametrize(
    ("data", "what", "offset", "field"),
    [
        (b"\x0e", "wire type 6", 0, "resource_spans"),
        (b"\x00", "field number 0", 0, ""),
        (b"\xff\xff\xff\xff\xff\x01", "a tag of more than five bytes", 0, ""),
        (b"\x20" + b"\xff" * 11, "a number of more than ten bytes", 1, "4"),
        (within(within(b"", 2) * 3 + within(b"\x0f", 2), 1, 2), "wire type 7", 12, SPAN[:-2] + "3].trace_id"),
        (within(b"\x80", *TO_ATTRIBUTE), "the message ends within a number", 9, SPAN + ".attributes[0]"),
        (within(within(b"", 11) * 2 + within(b"\xff", 11, 2), *TO_SPAN), "not UTF-8", 14, SPAN + ".events[2].name"),
        (within(b"\x0a\x05", 1, 1), "a length beyond the end of the message", 5, "resource_spans[0].resource.attributes[0]"),
        (within(b"\xff", 1, 1, 3, 1), "not UTF-8", 8, "resource_spans[0].resource.entity_refs[0].schema_url"),
        (within(b"\x0b\x14", *TO_SPAN), "the end of another group", 7, SPAN + ".trace_id"),
        (within(b"\x0b", *TO_SPAN), "a group without its end", 7, SPAN + ".trace_id"),
        (within(b"\x0c", *TO_SPAN), "the end of a group that did not begin", 6, SPAN + ".trace_id"),
    ],
)
def test_an_error_says_what_and_where(data: bytes, what: str, offset: int, field: str) -> None:
    with pytest.raises(OtlpError) as caught:
        Traces().append(data)
    error = caught.value
    assert (error.args[0], error.offset, error.field) == (what, offset, field)
    assert str(error) == f"{what} at byte {offset}{', in ' if field else ''}{field}"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.offset, again.field) == (str(error), offset, field)


def test_an_error_in_metrics_says_what_and_where() -> None:
    histogram = within(within(b"\x32\x03abc", 1), 9)
    with pytest.raises(
        OtlpError, match=r"in resource_metrics\[0\]\.scope_metrics\[0\]\.metrics\[1\]\.histogram\.data_points\[0\]\.bucket_counts"
    ):
        Metrics().append(within(within(b"", 2) + within(histogram, 2), 1, 2))


def test_nothing_stays_of_a_refused_request() -> None:
    traces = Traces()
    spans = [
        SpanSpec(1, number, NOW, NOW + SECOND, f"n{number}", attributes={"greencloud.caller.account": f"c{number}"})
        for number in range(1, 200)
    ]
    good, bad = trace_request({"service.name": "a"}, spans[:2]), trace_request({"service.name": "b"}, spans) + b"\x07"
    traces.append(good)
    before = traces_of(traces), traces.names, traces.callers, traces.resources, traces.bounds()
    with pytest.raises(OtlpError):
        traces.append(bad)
    assert (traces_of(traces), traces.names, traces.callers, traces.resources, traces.bounds()) == before
    assert traces.append(bad[:-1]) == 199
    assert len(traces) == 201
    assert traces.names == [span.name for span in spans]


# Limits


def test_of_128_attributes_what_is_read_and_of_more_what_is_checked() -> None:
    filler = [KeyValue(key=f"k{number}", value=AnyValue(bool_value=True)) for number in range(127)]
    ours = KeyValue(key="greencloud.cpu.time", value=AnyValue(int_value=5))
    for attributes, amount in (([*filler, ours], 5), ([*filler, filler[0], ours], 0)):
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.append(Span(attributes=attributes))
        data = request.SerializeToString()
        assert same(data)[True]
        traces = Traces()
        traces.append(data)
        assert list(traces.cpu_ns) == [amount]
    broken = data[: data.rindex(b"greencloud")] + b"\xff" + data[data.rindex(b"greencloud") + 1 :]
    assert same(broken)[True] == 0


@pytest.mark.parametrize(
    ("kind", "data", "what"),
    [
        (Traces, within(b"", 1) * (2**16 + 1), "resources"),
        (Traces, within(within(b"", 2) * (2**16 + 1), 1), "scopes"),
        (Traces, within(within(b"", 2) * (2**20 + 1), 1, 2), "items"),
        (Metrics, within(within(b"", 2) * (2**20 + 1), 1, 2), "items"),
        (Metrics, within(within(b"", 1) * 2**20, 1, 2, 2, 7), "items"),
    ],
    ids=["resources", "scopes", "spans", "metrics", "points"],
)
def test_more_groups_or_items_than_any_sender_has_are_refused(kind: type[Traces | Metrics], data: bytes, what: str) -> None:
    columns = kind()
    with pytest.raises(OtlpError, match=f"more than {2**20 if what == 'items' else 2**16} {what} in a request"):
        columns.append(data)
    assert len(columns) == 0
    columns.clear()


@unsanitised
def test_as_many_as_are_taken() -> None:
    traces, metrics = Traces(), Metrics()
    assert traces.append(within(within(b"", 2) * 2**20, 1, 2)) == 2**20
    assert set(traces.fault) == {1}
    assert metrics.append(within(within(b"", 1) * (2**20 - 1), 1, 2, 2, 7)) == 2**20 - 1


MEMORY = """
import resource, sys
from greencloud._otlp import Metrics, OtlpError, Traces
columns = {"traces": Traces, "metrics": Metrics}[sys.argv[1]]()
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    columns.append(data)
except OtlpError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
LARGEST = 64 << 20


def distinct(count: int, size: int) -> bytes:
    """Points with attributes that are all different, so that each makes an entry in the dictionary."""
    same = within(b"x" * size, 1, 7, 1)[:-8]
    return within(b"".join(same + b"%08x" % number for number in range(count)), 1, 2, 2, 7)


@unsanitised
@pytest.mark.parametrize(
    ("signal", "data"),
    [
        ("traces", lambda: within(bytes.fromhex("1200") * (LARGEST // 2), 1, 2)),
        ("traces", lambda: within(bytes.fromhex("1200") * 2**20, 1, 2)),
        ("traces", lambda: within(within(b"x" * (LARGEST // 2), 1) * 2, 1)),
        ("metrics", lambda: distinct(2**19, 100)),
    ],
    ids=["more than taken", "empty spans", "a resource in two parts", "distinct points"],
)
def test_the_largest_request_takes_bounded_memory(signal: str, data: Callable[[], bytes]) -> None:
    """At most five times the largest message that is taken: the columns of 2**20 items, and texts in a buffer that doubles."""
    done = subprocess.run([sys.executable, "-c", MEMORY, signal], input=data(), capture_output=True, check=True)
    assert int(done.stdout) < 5 * LARGEST // 1024


EXHAUSTED = """
import resource, sys
from greencloud._otlp import Traces
data = sys.stdin.buffer.read()
traces = Traces()
traces.append(data[:0])
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (24 << 20), resource.RLIM_INFINITY))
try:
    traces.append(data)
except MemoryError:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert len(traces) == 0
    assert traces.append(data) == 2**20
    print("MemoryError")
"""


@unsanitised
def test_without_memory_it_is_a_memory_error_and_nothing_is_broken() -> None:
    data = within(within(b"", 2) * 2**20, 1, 2)
    done = subprocess.run([sys.executable, "-c", EXHAUSTED], input=data, capture_output=True, check=True)
    assert done.stdout == b"MemoryError\n", done.stderr


RETURNED = """
import resource, sys
from greencloud._otlp import Traces
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
data = sys.stdin.buffer.read()
traces = Traces()
before = resident()
traces.append(data)
full = resident()
for _ in range(20):
    traces.clear()
    traces.append(data[:0])
print(full - before, resident() - before)
"""


@unsanitised
def test_a_giant_request_is_not_paid_for_ever() -> None:
    data = within(within(b"", 2) * 2**20, 1, 2)
    done = subprocess.run([sys.executable, "-c", RETURNED], input=data, capture_output=True, check=True)
    full, after = map(int, done.stdout.split())
    assert full > 80
    assert after < 10


# Views, and threads


def test_columns_hold_still_while_they_are_looked_at() -> None:
    traces = Traces()
    data = trace_request({"service.name": "a"}, [SpanSpec(1, 2, NOW, NOW + SECOND)])
    traces.append(data)
    view = traces.start_ns
    assert (list(view), view.format, view.readonly) == ([NOW], "Q", True)
    for change in (lambda: traces.append(data), traces.clear, traces.__init__):  # type: ignore[misc]
        with pytest.raises(BufferError, match="a view of a column is out"):
            change()
    owner: Any = view.obj
    with view[:0]:
        pass
    view.release()
    assert traces.append(data) == 1
    with pytest.raises(BufferError, match="the column has changed since"):
        memoryview(owner)
    traces.clear()
    assert (len(traces), list(traces.start_ns), traces.names, traces.resources, traces.bounds()) == (0, [], [], [], (1, 0))


def test_a_payload_may_be_any_buffer() -> None:
    data = trace_request({"service.name": "a"}, [SpanSpec(1, 2, NOW, NOW + SECOND)])
    for payload in (data, bytearray(data), memoryview(data), memoryview(b"xx" + data)[2:]):
        assert Traces().append(payload) == 1
    for wrong in ("text", None, memoryview(b"12345678")[::2]):
        with pytest.raises((TypeError, BufferError)):
            Traces().append(wrong)  # type: ignore[arg-type]


def test_threads_decode_side_by_side_and_no_other_looks_at_moving_columns() -> None:
    """One thread decodes large requests; meanwhile another reads its own, and is refused a look at the first one's columns."""
    data = within(within(b"", 2) * 2**19, 1, 2)
    busy, own = Traces(), Traces()
    small = trace_request({"service.name": "a"}, [SpanSpec(1, 2, NOW, NOW + SECOND)])
    refused = 0
    started, done = threading.Event(), threading.Event()

    def decode() -> None:
        started.set()
        for _ in range(20):
            busy.clear()
            assert busy.append(data) == 2**19
        done.set()

    def look() -> int:
        try:
            return len(busy.names) + len(busy) + busy.bounds()[0]
        except BufferError:  # "another thread is decoding into these columns"
            return -1

    thread = threading.Thread(target=decode)
    thread.start()
    started.wait()
    while not done.is_set():
        refused += look() < 0
        own.clear()
        assert own.append(small) == 1
    thread.join()
    assert refused > 0  # so the lock was free while it decoded


def test_columns_are_of_a_signal() -> None:
    with pytest.raises(TypeError):
        Columns()
    nothing = Traces.__new__(Traces)
    assert (len(nothing), list(nothing.cpu_ns), nothing.names) == (0, [], [])


# What the columns are


def test_the_columns_of_a_span() -> None:
    attributes: dict[str, str | int | float] = {
        "greencloud.cpu.time": 7, "greencloud.memory.byte_seconds": "8", "greencloud.io.bytes": 9, "greencloud.gpu.time": 1.5,
        "greencloud.quality": "thread", "greencloud.caller.account": "acct-1",
    }  # fmt: skip
    data = trace_request({"service.name": "a"}, [SpanSpec(1, 2, NOW, NOW + SECOND, "GET", 3, attributes), SpanSpec(0, 2, NOW, NOW)])
    traces = Traces()
    assert traces.append(data, 4) == 2
    assert (list(traces.owner), list(traces.resource), list(traces.fault)) == ([4, 4], [0, 0], [0, 1])
    assert (list(traces.name), traces.names, list(traces.caller), traces.callers) == ([0, 1], ["GET", "work"], [0, -1], ["acct-1"])
    assert (bytes(traces.trace_id[:16]), list(traces.span_id), list(traces.parent_id)) == (bytes(15) + b"\1", [2, 2], [3, 0])
    amounts = traces.cpu_ns, traces.memory_byte_s, traces.io_bytes, traces.gpu_ns
    assert [column[0] for column in amounts] == [7, 0, 9, 0]
    assert (traces.quality[0], traces.marks[0]) == (2, 2 | 8 | 64 | 256)
    assert traces.bounds() == (NOW, NOW + SECOND)


def test_only_what_is_within_the_window_is_stored_and_all_is_counted() -> None:
    spans = [
        SpanSpec(1, n, NOW + start, NOW + end)
        for n, (start, end) in enumerate([(0, 10), (5, 10), (10, 10), (20, 30), (19, 21), (9, 11)], 1)
    ]
    traces = Traces(first_ns=NOW + 10, until_ns=NOW + 20)
    assert traces.append(trace_request({}, spans)) == 6
    assert list(traces.span_id) == [3, 5, 6]


def test_the_columns_of_points() -> None:
    metrics = Metrics()
    data = metrics_request({"service.name": "a"}, [counter("cpu", "s", [(NOW, 1.5, {"x": 1}), (NOW + 1, -1.0, {"x": 1})], NOW - 5)])
    assert metrics.append(data, 3, 0, NOW) == 2
    assert metrics.metrics == [("cpu", "s", "cumulative", True)]
    assert (list(metrics.owner), list(metrics.metric), list(metrics.attributes), list(metrics.kind)) == (
        [3, 3],
        [0, 0],
        [0, 0],
        [2, 2],
    )
    assert [struct.unpack("<d", struct.pack("<q", bits))[0] for bits in metrics.bits] == [1.5, -1.0]
    assert [attributes_of(found) for found in metrics.attribute_sets] == [{"x": 1}]
    assert (list(metrics.fault), metrics.bounds()) == ([0, 3], (NOW, NOW))


def test_points_without_a_recorded_value_are_not_there() -> None:
    metric = Metric(name="m")
    metric.gauge.data_points.extend(NumberDataPoint(flags=flags, time_unix_nano=NOW, as_int=1) for flags in (1, 0, 3, 2))
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(metric)
    metrics = Metrics()
    assert metrics.append(request.SerializeToString()) == 2
    assert len(metrics) == 2


@settings(max_examples=30)
@given(draws, st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_requests_one_after_another_are_the_rows_of_each(draw: Random, owners: list[int]) -> None:
    traces = Traces()
    expected = []
    for owner in owners:
        data = message(draw, ExportTraceServiceRequest.DESCRIPTOR)
        alone = Traces()
        try:
            assert alone.append(data, owner) == traces.append(data, owner)
        except OtlpError:
            continue
        expected += traces_of(alone)
    assert traces_of(traces) == expected
    assert len(set(traces.names)) == len(traces.names)
    assert len(set(traces.resources)) == len(traces.resources)


def test_arrays_and_empty_values_are_no_attributes() -> None:
    resource = Resource(attributes=[
        KeyValue(key="a", value=AnyValue(string_value="x")), KeyValue(key="a", value=AnyValue(array_value=ArrayValue())),
        KeyValue(key="b"), KeyValue(key="c", value=AnyValue(bytes_value=b"\xff")),
        KeyValue(key="d", value=AnyValue(bool_value=False)),
        KeyValue(key="e", value=AnyValue(double_value=-0.0)), KeyValue(key="f", value=AnyValue(int_value=-1)),
    ])  # fmt: skip
    assert attributes_of(resource.SerializeToString()) == {"a": "x", "c": b"\xff", "d": False, "e": -0.0, "f": -1}


def test_flags_tell_a_remote_parent() -> None:
    for flags, remote in ((0x300, 1), (0x301, 1), (0x100, 0), (0x200, 0), (0, 0)):
        traces = Traces()
        traces.append(within(tag(16, I32) + flags.to_bytes(4, "little"), *TO_SPAN))
        assert list(traces.marks) == [remote]
