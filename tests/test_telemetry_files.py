"""OTLP files of every usual kind give the same records, and what is no OTLP is named by line or byte."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.errors import DecodeError, GreencloudError, NotFoundError
from greencloud.telemetry import Record, collect, records_from_file
from profiles import examples
from telemetry_world import SECOND, T0, TRACE, book, metrics, point, span, span_id, traces

SPANS = traces([span(1, T0, T0 + SECOND, parent=2)])
MORE = traces([span(n, T0, T0 + SECOND) for n in range(3, 9)])
METRICS = metrics("hw.host.energy", [point(T0, 1), point(T0 + SECOND, 2)])


def read(path: Path) -> list[Record]:
    return list(records_from_file(path, role="tenant", account="alice", received_ns=7))


def otlp_json(*, upper: bool = False) -> dict[str, Any]:
    """The spans as OTLP JSON: ids in hex, 64-bit integers as strings."""
    document: dict[str, Any] = json_format.MessageToDict(ExportTraceServiceRequest.FromString(SPANS))
    (made,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    made |= {"traceId": TRACE.hex(), "spanId": span_id(1).hex(), "parentSpanId": span_id(2).hex(), "kind": 2}
    if upper:
        made |= {key: made[key].upper() for key in ("traceId", "spanId", "parentSpanId")}
    return document


@pytest.mark.parametrize("suffix", [".binpb", ".pb", ".otlp", ".binpb.gz"])
@pytest.mark.parametrize(("payload", "signal"), [(SPANS, "traces"), (METRICS, "metrics")])
def test_one_protobuf_request_is_one_record(tmp_path: Path, suffix: str, payload: bytes, signal: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(payload) if suffix.endswith(".gz") else payload)
    assert read(path) == [Record(signal, "tenant", "alice", 7, payload)]


def varint(length: int) -> bytes:
    return bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80]) + varint(length >> 7)


@pytest.mark.parametrize("prefix", [varint, lambda length: length.to_bytes(4, "big")])
def test_requests_after_their_lengths_are_several_records(tmp_path: Path, prefix: Any) -> None:
    path = tmp_path / "x.binpb"
    path.write_bytes(b"".join(prefix(len(part)) + part for part in (SPANS, MORE, METRICS)))
    assert [(r.signal, r.payload) for r in read(path)] == [("traces", SPANS), ("traces", MORE), ("metrics", METRICS)]


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(("name", "indent"), [("x.jsonl", None), ("x.json", None), ("x.json", 2)])
def test_json_gives_the_same_usage_as_protobuf(tmp_path: Path, upper: bool, name: str, indent: int | None) -> None:
    document = otlp_json(upper=upper)
    document["resourceSpans"][0]["invented"] = {"unknown": 1}
    path = tmp_path / name
    path.write_text(json.dumps(document, indent=indent) + "\n\n")
    expected = collect([Record("traces", "tenant", "alice", 7, SPANS)], book())
    assert collect(read(path), book()).usage.rows.equals(expected.usage.rows)


def test_lines_of_several_signals_are_read_and_logs_passed_over(tmp_path: Path) -> None:
    lines = [json.dumps(otlp_json()), '{"resourceLogs":[]}', '{"resourceMetrics":[]}', "{}"]
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert [record.signal for record in read(path)] == ["traces", "metrics"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("[1]", "no OTLP export request"),
        ('{"spans":[]}', "no OTLP export request"),
        ('{"resourceSpans":7}', "not an OTLP traces export request"),
        ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', "not an OTLP traces export request"),
        ('{"resourceMetrics":[{"scopeMetrics":"no"}]}', "not an OTLP metrics export request"),
    ],
)
def test_a_line_that_is_no_request_is_named_by_number(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(otlp_json()) + "\n\n" + line + "\n")
    with pytest.raises(DecodeError) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}:3: ")
    assert what in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize("name", ["x.txt", "x", "x.gz", "x.csv.gz"])
def test_an_unknown_extension_is_refused_with_those_that_are_known(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SPANS)
    with pytest.raises(DecodeError, match=r"extension[\s\S]*\.jsonl"):
        read(tmp_path / name)


def test_a_message_that_is_none_among_others_is_named_by_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.binpb"
    path.write_bytes(varint(len(SPANS)) + SPANS + b"\x03abc")
    with pytest.raises(DecodeError, match=f"byte {len(varint(len(SPANS))) + len(SPANS) + 1} "):
        read(path)


def test_an_empty_envelope_among_others_is_passed_over(tmp_path: Path) -> None:
    envelope = b"\x0a\x02\x0a\x00"  # a resource without anything, as k6 sends it first
    path = tmp_path / "x.binpb"
    path.write_bytes(varint(len(envelope)) + envelope + varint(len(SPANS)) + SPANS)
    (record,) = read(path)
    assert record.payload == SPANS


def test_a_file_that_is_missing_or_torn_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere\.jsonl"):
        read(tmp_path / "nowhere.jsonl")
    torn = tmp_path / "x.jsonl.gz"
    torn.write_bytes(gzip.compress(b"{}" * 100)[:-9])
    with pytest.raises(DecodeError, match=r"x\.jsonl\.gz"):
        read(torn)


@given(st.binary(max_size=200), st.sampled_from([".json", ".jsonl", ".binpb", ".jsonl.gz"]))
@settings(max_examples=examples(60), deadline=None)
def test_arbitrary_files_are_read_or_refused_by_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    path.write_bytes(data)
    message = ""
    try:
        read(path)
    except GreencloudError as error:
        message = error.message
    assert not message or str(path) in message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resource",
                    "scopeSpans",
                    "spans",
                    "traceId",
                    "attributes",
                    "key",
                    "value",
                    "intValue",
                    "kind",
                    "startTimeUnixNano",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(json_values)
@settings(max_examples=examples(80), deadline=None)
def test_json_of_any_shape_is_read_or_refused_by_one_of_our_errors(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "shape.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [value]}]}]}))
    message = ""
    try:
        collect(read(path), book())
    except DecodeError as error:
        message = error.message
    assert not message or f"{path}:1: " in message
