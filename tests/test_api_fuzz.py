"""Whatever a request holds, every method answers with a status that is documented, and never with a fault of its own.

Requests are made from the descriptors. ``GREENCLOUD_FUZZ`` takes another number of requests of each method.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from api_messages import Pool, filled, methods, served
from api_world import PERIOD, TENANTS, Answer, Api, book_of, data_of, serving
from greencloud.allocation import COMPONENTS, POSTING_MEASURES, RULES
from greencloud.results import GROUPABLE
from test_api_descriptors import comment_of

EXAMPLES = int(os.environ.get("GREENCLOUD_FUZZ", "25"))
METHODS = [method for method in methods() if served(method)]
DOCUMENTED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
}

odd = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    [
        "\0",
        "\u202e",
        "é" * 300,
        "a" * 5000,
        "'; --",
        "../../etc/passwd",
        "/etc/passwd",
        "%s",
        "label:",
        "label:\0",
        "\ud7ff\U0010ffff",
    ]
)
extreme = st.builds(
    Timestamp,
    seconds=st.sampled_from([0, -1, 1_795_000_000, 253_402_300_799, 253_402_300_800, -62_135_596_800, -(2**63), 2**63 - 1])
    | st.integers(-(2**63), 2**63 - 1),
    nanos=st.sampled_from([0, 1, 999_999_999, -1, 2**31 - 1, -(2**31)]),
)
likely = st.builds(Timestamp, seconds=st.integers(1_795_440_000, 1_795_460_000))
BOOK = book_of(TENANTS)
contents = st.binary(max_size=60) | st.sampled_from(
    [
        BOOK.encode(),
        BOOK.replace("vcpu = 8", 'vcpu = "1e99999999"').encode(),
        BOOK.replace("pue = 1.5", "pue = 1e999999999999999999999").encode(),
        (BOOK + "\n[files]\nmeters = '/etc/passwd'\n").encode(),
        (BOOK + "\n[files]\nmeters = ['a\\u0000b', '../../x.csv', 7]\n").encode(),
        (BOOK + '\n[files]\nmeters = "m.csv.gz"\n').encode(),
        b"x = " + b"[" * 5000,
        b"x = " + b"9" * 5000,
        b"\xff\xfe",
    ]
)
ENTRIES = st.binary(max_size=60) | st.sampled_from(
    [
        b"year,scope,category,t_co2e,source\n2020,scope1,,5,report\n",
        b"year,scope,category,t_co2e,source\n2020,scope3,16,-1e9999,\n1,scope9,x,,\n",
        b"year,scope,category,source,activity_amount,activity_unit,factor,factor_unit,factor_source\n2020,scope1,,r,5,kWh,1/3,g/L,x\n",
        b"PK\x03\x04",
    ]
)
POOL = Pool(
    texts=odd,
    instants=extreme | likely,
    by_name={
        "start_time": likely | extreme,
        "end_time": likely.map(lambda time: Timestamp(seconds=time.seconds + 40_000)) | extreme,
        "granularity": st.sampled_from([0, 1, 2, 3, 4, 5, 6, 99, -1]),
        "group_by": st.sampled_from([*GROUPABLE, "labels", "label:x"]) | odd,
        "dimension": st.sampled_from([*GROUPABLE, "labels", "label", "label:x"]) | odd,
        "components": st.sampled_from(COMPONENTS) | odd,
        "measures": st.sampled_from(POSTING_MEASURES) | odd,
        "rules": st.sampled_from(RULES) | odd,
        "rule": st.sampled_from(RULES) | odd,
        "account": st.sampled_from([tenant.account for tenant in TENANTS]) | odd,
        "period": st.just(PERIOD) | odd,
        "name": st.sampled_from(
            [
                *("goals/-", "facilityBooks/-", f"facilityBooks/{'0' * 64}", "facilityBooks/../.."),
                *("inventoryEntries/2020-scope1", "inventoryEntries/", f"evidence/{'0' * 64}", "structuralChanges/bought"),
                *("goals/g", "businessMetrics/m"),
            ]
        )
        | odd,
        "names": st.just("inventoryEntries/2020-scope1") | odd,
        "year": st.sampled_from(["2020", "FY2021", "1900"]) | odd,
        "base_year": st.sampled_from(["2020", "FY2021"]) | odd,
        "target_year": st.sampled_from(["2030", "FY2031"]) | odd,
        "scopes": st.sampled_from(["scope1", "scope3"]) | odd,
        "Goal.name": st.sampled_from(["goals/g", "goals/-"]) | odd,
        "Goal.kind": st.sampled_from([1, 2, 3, 99, -1]),
        "Goal.path": st.sampled_from([0, 1, 2, 99]),
        "BusinessMetric.name": st.just("businessMetrics/m") | odd,
        "goal_id": st.just("g") | odd,
        "business_metric_id": st.just("m") | odd,
        "Goal.business_metric": st.just("businessMetrics/m") | odd,
        "target_share": st.sampled_from(["", "1/2", "0.1", "1/0", "1e99"]) | odd,
        "rate_per_year": st.sampled_from(["", "0.042"]) | odd,
        "share": st.sampled_from(["", "0.5"]) | odd,
        "value": st.sampled_from(["1", "0", "-1/3", "1e99"]) | odd,
        "scope": st.sampled_from(["scope1", "scope2_market_based", "scope3"]) | odd,
        "uncertainty": st.sampled_from(["0.05", "1/20", "1/0", "1e99"]) | odd,
        "significance_threshold": st.sampled_from(["0.05", "1/20", "-1"]) | odd,
        "file_name": st.sampled_from(["a.csv", "a.xlsx"]) | odd,
        "reason": st.just("because") | odd,
        "etag": st.sampled_from(["", "1-draft"]) | odd,
        "ActivityData.amount": st.sampled_from(["12.5", "-1", "1/3"]) | odd,
        "factor": st.sampled_from(["0.4", "1e30", "0"]) | odd,
        "unit": st.sampled_from(["kWh", "L", "kg", "degC", "1/0"]) | odd,
        "factor_unit": st.sampled_from(["kgCO2e/kWh", "kg/L", "kg"]) | odd,
        "gas": st.sampled_from(["CO2e", "CH4", "SF6"]) | odd,
        "ImportInventoryEntriesRequest.content": ENTRIES,
        "path": st.sampled_from(["facility.toml", "a/facility.toml", "m.csv", "m.csv.gz", "a", "facility.toml/x"]) | odd,
        "FacilityFile.content": contents,
    },
    numbers=st.sampled_from([0, 1, 2, -1, 10_001, 2**31 - 1, -(2**31)]) | st.integers(-(2**63), 2**63 - 1),
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(data_of(tmp_path_factory.mktemp("fuzz"), TENANTS)) as api:
        yield api


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_request_of_any_content_has_a_documented_answer(method: MethodDescriptor, api: Api) -> None:
    @settings(max_examples=EXAMPLES)
    @given(filled(method.input_type, POOL), st.sampled_from(["", TENANTS[0].account]))
    def law(request: Message, account: str) -> None:
        answer = api.call(method, request, account)
        assert answer.code in DOCUMENTED, answer
        assert len(answer.text.encode()) < 8192

    law()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_bytes_that_are_no_request_have_one_too(method: MethodDescriptor, api: Api) -> None:
    @settings(max_examples=max(5, EXAMPLES // 5))
    @given(st.binary(max_size=80))
    def law(raw: bytes) -> None:
        assert api.call(method, raw).code in DOCUMENTED

    law()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_request_that_says_nothing_is_told_what_is_required(method: MethodDescriptor, api: Api) -> None:
    required = {field.name for field in method.input_type.fields if comment_of(field).startswith(("Required.", "The account"))}
    answer = api.call(method, b"")
    assert answer.code in (DOCUMENTED - {grpc.StatusCode.OK} if required else DOCUMENTED)
    if required:
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        assert {violation.field for violation in violations(answer)} == required


def violations(answer: Answer) -> list[error_details_pb2.BadRequest.FieldViolation]:
    status = status_pb2.Status.FromString(dict(answer.trailers)["grpc-status-details-bin"])
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return list(bad.field_violations)


def test_a_method_of_the_api_takes_no_more_than_it_says(api: Api) -> None:
    for method in METHODS:
        most = 33 << 20 if method.name == "ApplyFacilityBook" else 1 << 20
        unknown_field = b"\xfa\xff\x7f"  # of a later release: length-delimited
        assert api.call(method, unknown_field + bytes([0x80 | (most & 0x7F)]) + b"\x80\x80\x10" + bytes(most)).code in DOCUMENTED
