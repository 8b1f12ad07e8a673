"""Admission rejects what can mean nothing, says so, and what is rejected counts nowhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.errors import DecodeError
from greencloud.telemetry import admit, collect
from profiles import examples
from telemetry_world import SECOND, T0, book, metrics, pairs, point, provider, span, tenant, traces

BAD_SPANS: list[tuple[dict[str, Any], str]] = [
    (span(1, T0, T0 + 1, trace=bytes(16)), "trace_id"),
    (span(1, T0, T0 + 1, trace=b"short"), "trace_id"),
    ({**span(1, T0, T0 + 1), "span_id": bytes(8)}, "span_id"),
    ({**span(1, T0, T0 + 1), "span_id": b"123456789"}, "span_id"),
    (span(1, T0 + 1, T0), "negative duration"),
    (span(1, 0, T0), "no start time"),
    (span(1, 5, T0), "before 2000"),
    (span(1, 2**63, 2**64 - 1), "after 2199"),
    (span(1, T0, T0 + 8 * 86_400 * SECOND), "longer than 7 days"),
]
BAD_POINTS: list[tuple[dict[str, Any], str]] = [
    (point(T0, math.nan), "NaN"),
    (point(T0, -math.inf), "infinite"),
    (point(T0, -1), "negative"),
    (point(0, 1), "no time"),
    ({"time_unix_nano": T0}, "no value"),
]


@given(st.binary(max_size=300), st.sampled_from(["traces", "metrics"]), st.sampled_from(["provider", "tenant"]))
@settings(max_examples=examples(150), deadline=None)
def test_arbitrary_bytes_are_admitted_or_are_a_decode_error(data: bytes, signal: str, role: str) -> None:
    try:
        admission = admit(signal, data, role=role, account="alice")
    except DecodeError:
        return
    assert 0 <= admission.rejected <= admission.count
    assert admission.kept == (admission.rejected < admission.count)


@given(data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_a_damaged_request_never_breaks_admission_or_collection(data: st.DataObject) -> None:
    whole = bytearray(traces([span(n, T0, T0 + n * SECOND, parent=n // 2) for n in range(1, 5)]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        admission = admit("traces", bytes(whole), role="tenant", account="alice")
    except DecodeError:
        return
    collected = collect([tenant(bytes(whole))], book())
    assert collected.span_count + collected.duplicate_count == admission.count - admission.rejected


@given(st.lists(st.one_of(st.none(), st.sampled_from(BAD_SPANS)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_rejected_and_kept_spans_add_up(kinds: list[tuple[dict[str, Any], str] | None]) -> None:
    payload = traces([span(9, T0, T0 + SECOND) if kind is None else kind[0] for kind in kinds])
    admission = admit("traces", payload, role="tenant", account="alice")
    assert admission.rejected == sum(kind is not None for kind in kinds)
    assert admission.count == len(kinds)
    assert admission.kept == (None in kinds)
    assert (admission.first_ns, admission.last_ns) == ((T0, T0 + SECOND) if admission.kept else (1, 0))
    collected = collect([tenant(payload)], book())
    assert collected.span_count + collected.duplicate_count == len(kinds) - admission.rejected
    assert bool(admission.message) == bool(admission.rejected)


@pytest.mark.parametrize(("bad", "reason"), BAD_SPANS)
def test_the_message_names_the_reason_the_count_and_the_first_span(bad: dict[str, Any], reason: str) -> None:
    admission = admit("traces", traces([span(7, T0, T0 + 1), bad]), role="tenant", account="alice")
    assert admission.rejected == 1
    assert admission.message.startswith("rejected 1 of 2 spans. 1: ")
    assert reason in admission.message
    assert (bad["span_id"].hex() if reason != "span_id" else "'GET /'") in admission.message


@pytest.mark.parametrize(("bad", "reason"), BAD_POINTS)
def test_numbers_that_are_none_are_rejected_by_name_of_the_metric(bad: dict[str, Any], reason: str) -> None:
    payload = metrics("process.cpu.time", [point(T0, 1.5), bad], unit="s")
    admission = admit("metrics", payload, role="tenant", account="alice")
    assert admission.rejected == 1
    assert reason in admission.message
    assert "'process.cpu.time'" in admission.message
    assert (admission.count, admission.first_ns, admission.last_ns) == (2, T0, T0)


def test_a_point_flagged_as_without_a_value_is_no_error() -> None:
    admission = admit("metrics", metrics("x", [{"flags": 1}]), role="tenant", account="alice")
    assert (admission.rejected, admission.message) == (0, "")


def test_a_level_may_be_negative() -> None:
    assert admit("metrics", metrics("x", [point(T0, -1)], gauge=True), role="tenant", account="alice").rejected == 0


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize("role", ["provider", "tenant"])
def test_an_empty_request_succeeds(signal: str, role: str) -> None:
    admission = admit(signal, b"", role=role, account="alice")
    assert (admission.kept, admission.rejected, admission.message) == (False, 0, "")


def test_a_tenants_span_without_a_service_is_kept_with_a_warning() -> None:
    payload = traces([span(1, T0, T0 + SECOND)], resource={})
    admission = admit("traces", payload, role="tenant", account="alice")
    assert (admission.kept, admission.rejected) == (True, 0)
    assert "unknown_service" in admission.message
    rows = collect([tenant(payload)], book()).usage.rows
    assert rows["service"].to_pylist() == ["unknown_service"]


def test_a_request_whose_resource_is_not_set_at_all_is_kept_with_a_warning() -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(**span(1, T0, T0 + SECOND))
    admission = admit("traces", request.SerializeToString(), role="tenant", account="alice")
    assert admission.rejected == 0
    assert "unknown_service" in admission.message


@pytest.mark.parametrize("account", ["", "(unsold)", "a b", "x" * 129])
def test_a_providers_span_needs_an_account(account: str) -> None:
    resource = {"service.name": "shop", "cloud.account.id": account} if account else {"service.name": "shop"}
    admission = admit("traces", traces([span(1, T0, T0 + 1), span(2, T0, T0 + 1)], resource), role="provider", account="")
    assert admission.rejected == 2
    assert "cloud.account.id" in admission.message
    assert not admission.kept


def test_the_message_stays_within_a_kibibyte() -> None:
    payload = metrics("é" * 5000, [bad for bad, _ in BAD_POINTS])
    admission = admit("metrics", payload, role="tenant", account="alice")
    assert admission.rejected == 5
    assert len(admission.message.encode()) <= 1024


def test_histograms_count_for_nothing() -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="process.cpu.time")
    metric.exponential_histogram.data_points.add(count=3)
    payload = request.SerializeToString()
    admission = admit("metrics", payload, role="tenant", account="alice")
    assert (admission.count, admission.rejected, admission.message) == (0, 0, "")
    assert collect([provider(payload)], book()).usage.rows.num_rows == 0


def test_unknown_fields_are_ignored() -> None:
    payload = traces([span(1, T0, T0 + 1)]) + b"\xfa\x07\x03new"  # field 127, three bytes
    assert admit("traces", payload, role="tenant", account="alice").kept
    assert collect([tenant(payload)], book()).span_count == 1


def test_a_tenant_without_an_account_is_refused() -> None:
    with pytest.raises(DecodeError, match="needs an account"):
        admit("traces", b"", role="tenant", account="")


def test_of_repeated_attribute_keys_the_last_holds_and_the_129th_is_not_read() -> None:
    twice = span(1, T0, T0 + SECOND)
    twice["attributes"] = pairs({"greencloud.cpu.time": 5}) + pairs({"greencloud.cpu.time": 7})
    assert collect([tenant(traces([twice]))], book()).usage.rows["cpu_ns"].to_pylist() == [7]
    many = span(1, T0, T0 + SECOND, attributes={**{f"k{n}": n for n in range(128)}, "greencloud.cpu.time": 7})
    assert collect([tenant(traces([many]))], book()).usage.rows["cpu_ns"].to_pylist() == [SECOND]


def nested(*tags: int, content: bytes) -> bytes:
    """Messages in messages by their tags, the outermost first."""
    for tag in reversed(tags):
        length, size = len(content), b""
        while length > 0x7F:
            size += bytes([length & 0x7F | 0x80])
            length >>= 7
        content = bytes([tag]) + size + bytes([length]) + content
    return content


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize(
    ("tags", "count", "what"),
    [((), 1 << 16, "resources"), ((0x0A,), 1 << 16, "scopes"), ((0x0A, 0x12), 1 << 20, "items")],
)
def test_a_request_of_more_empty_messages_than_any_sender_has_is_refused_whole(
    signal: str, tags: tuple[int, ...], count: int, what: str
) -> None:
    empty = b"\x12\x00" if tags else b"\x0a\x00"
    admit(signal, nested(*tags, content=empty * (count // 64)), role="tenant", account="alice")
    with pytest.raises(DecodeError, match=f"more than {count} {what}"):
        admit(signal, nested(*tags, content=empty * (count + 1)), role="tenant", account="alice")


def test_a_request_of_too_many_points_in_one_metric_is_refused_whole() -> None:
    points_of_one_sum = nested(0x0A, 0x12, 0x12, 0x3A, content=b"\x0a\x00" * ((1 << 20) + 1))
    with pytest.raises(DecodeError, match="items"):
        admit("metrics", points_of_one_sum, role="tenant", account="alice")


DAY = 86_400 * SECOND


@given(hours=st.integers(-24 * 40, 24 * 40), role=st.sampled_from(["provider", "tenant"]), live=st.booleans())
@settings(max_examples=100, deadline=None)
def test_live_items_are_of_about_now_and_those_of_files_of_any_time(hours: int, role: str, live: bool) -> None:
    end = T0 + hours * 3600 * SECOND
    sent = {
        "traces": traces([span(1, end, end)], {"service.name": "s", "cloud.account.id": "alice"}),
        "metrics": metrics("process.cpu.time", [point(end, 1.5)], unit="s"),
    }
    for signal, payload in sent.items():
        account = "alice" if role == "tenant" else ""
        admission = admit(signal, payload, role=role, account=account, received_ns=T0, live=live)
        assert admission.rejected == (role == "tenant" and live and hours > 24)
        assert admission.late == (live and hours < -7 * 24)
        assert ("7 days" in admission.message) == bool(admission.late)


def test_a_span_as_long_as_spans_may_be_is_taken_when_it_ends() -> None:
    payload = traces([span(1, T0 - 7 * DAY, T0)])
    admission = admit("traces", payload, role="tenant", account="alice", received_ns=T0, live=True)
    assert (admission.rejected, admission.late) == (0, 0)
