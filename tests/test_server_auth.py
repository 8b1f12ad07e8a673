"""Every method of every service asks who calls before it does anything else."""

from __future__ import annotations

import base64
import importlib
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import GreencloudError
from greencloud.server import KeyStore
from greencloud.server.auth import Authenticator
from greencloud.server.intake import METHODS
from greencloud.server.roles import FORMER_ROLES, Permission, Role
from inprocess import NOW, SERVICES, World, serving

PROTOS = Path(__file__).parents[1] / "proto" / "greencloud" / "v1"
P = Permission
PERMISSIONS: dict[str, Permission | None] = {
    "/greencloud.v1.AllocationService/ListBatches": P.BATCHES_READ,
    "/greencloud.v1.AllocationService/Restate": P.ALLOCATION_RUN,
    "/greencloud.v1.AllocationService/RunAllocation": P.ALLOCATION_RUN,
    "/greencloud.v1.FacilityService/ApplyFacilityBook": P.FACILITY_WRITE,
    "/greencloud.v1.FacilityService/GetFacilityBook": P.FACILITY_READ,
    "/greencloud.v1.FacilityService/ListFacilityBooks": P.FACILITY_READ,
    "/greencloud.v1.FootprintService/CompareRules": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/ExplainFootprint": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/GetDataAvailability": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/GetStatement": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/ListDimensionValues": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/ListRestatements": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/ListRootLogEntries": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/QueryFootprint": P.FOOTPRINT_READ,
    "/greencloud.v1.FootprintService/StreamFootprint": P.FOOTPRINT_READ,
    "/greencloud.v1.GoalService/BookLedgerEntries": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/GetBridge": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetGoalProgress": P.GOALS_READ,
    "/greencloud.v1.GoalService/CreateMeasure": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/DeleteMeasure": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/ForecastGoal": P.GOALS_READ,
    "/greencloud.v1.GoalService/GenerateDisclosure": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetMeasure": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListMeasures": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListProductFootprints": P.GOALS_READ,
    "/greencloud.v1.GoalService/PlanGoal": P.GOALS_READ,
    "/greencloud.v1.GoalService/UpdateMeasure": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CreateBusinessMetric": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CreateGoal": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/DeleteGoal": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/GetBusinessMetric": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetGoal": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListBusinessMetrics": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListGoals": P.GOALS_READ,
    "/greencloud.v1.GoalService/UpdateBusinessMetric": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UpdateGoal": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/ApproveInventoryEntries": P.GOALS_APPROVE,
    "/greencloud.v1.GoalService/AssessBaseYear": P.GOALS_READ,
    "/greencloud.v1.GoalService/CloseInventoryYear": P.GOALS_APPROVE,
    "/greencloud.v1.GoalService/CreateInventoryEntry": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CreateStructuralChange": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/GetEvidence": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetInventory": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetInventoryEntry": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetInventoryPolicy": P.GOALS_READ,
    "/greencloud.v1.GoalService/ImportInventoryEntries": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/ListBookRecords": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInventoryEntries": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInventoryEntryRevisions": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInventoryRestatements": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInventoryYears": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListStructuralChanges": P.GOALS_READ,
    "/greencloud.v1.GoalService/RecalculateBaseYear": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/RestateInventoryEntry": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/SubmitInventoryYear": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UpdateInventoryPolicy": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UploadEvidence": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/VerifyInventoryEntries": P.GOALS_APPROVE,
    "/greencloud.v1.GoalService/WithdrawInventoryEntry": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/BatchCreateInstruments": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CancelInstrumentUse": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CreateInitiative": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/CreateInstrument": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/DeleteInstrument": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/GetInitiative": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetInstrument": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetInstrumentPolicy": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetNeutrality": P.GOALS_READ,
    "/greencloud.v1.GoalService/GetScopeThreePlus": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInitiatives": P.GOALS_READ,
    "/greencloud.v1.GoalService/ListInstruments": P.GOALS_READ,
    "/greencloud.v1.GoalService/RetireInstrument": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UpdateInitiative": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UpdateInstrumentPolicy": P.GOALS_WRITE,
    "/greencloud.v1.GoalService/UseInstrument": P.GOALS_WRITE,
    "/greencloud.v1.IdentityService/GetCallerIdentity": None,  # whoever is somebody
    "/greencloud.v1.IdentityService/ListAuditEntries": P.AUDIT_READ,
    **{f"/{service}/Export": P.TELEMETRY_WRITE for service in METHODS},
}
"""What it takes to call each method. Restated here on purpose; a method that is not in the table fails the test below."""

ROLES = {
    "customer.viewer": {P.FOOTPRINT_READ},
    "customer.admin": {P.FOOTPRINT_READ, P.TELEMETRY_WRITE},
    "customer.writer": {P.TELEMETRY_WRITE},
    "provider.analyst": {P.FOOTPRINT_READ, P.BATCHES_READ, P.FACILITY_READ, P.GOALS_READ, P.GOALS_WRITE},
    "provider.admin": set(P),
    "provider.writer": {P.TELEMETRY_WRITE},
    "auditor": {P.FOOTPRINT_READ, P.BATCHES_READ, P.FACILITY_READ, P.GOALS_READ, P.AUDIT_READ},
    "tenant": {P.FOOTPRINT_READ, P.TELEMETRY_WRITE},
    "provider": set(P),
}
NOT_A_MESSAGE = b"\xff\xff"
OF_CUSTOMERS = {"customer.viewer", "customer.admin", "customer.writer", "tenant"}


def all_methods() -> list[str]:
    """From the descriptors, so that a method that is added later is in the matrix."""
    found = []
    for path in sorted(PROTOS.glob("*_service.proto")):
        module = importlib.import_module(f"greencloud.v1.{path.stem}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            found += [f"/{service.full_name}/{method.name}" for method in service.methods]
    return [*found, *(f"/{service}/Export" for service in METHODS)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("auth")) as world:
        yield world


def call(world: World, method: str, *authorization: str, body: bytes = b"") -> grpc.Call | None:
    """The error of a raw call, None on success."""
    with world.channel() as channel:
        ask: Any = channel.unary_unary(method)
        answer = ask.future(body, metadata=tuple(("authorization", value) for value in authorization), timeout=10)
        error = answer.exception()
        assert error is None or isinstance(error, grpc.Call)
        return error


def code_of(error: grpc.Call | None) -> grpc.StatusCode:
    return grpc.StatusCode.OK if error is None else error.code()


def bad_tokens(world: World) -> dict[str, str]:
    good = world.token("acme")
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    stranger = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
    foreign = KeyStore(world.folder / "foreign").issue("provider", "", ttl=timedelta(hours=1), now=NOW)
    elevated = base64.urlsafe_b64encode(json.dumps(claims | {"role": "provider", "account": ""}).encode()).rstrip(b"=").decode()
    parts = good.split(".")
    return {
        "garbage": "Bearer garbage",
        "empty": "Bearer ",
        "no scheme": good,
        "basic": f"Basic {good}",
        "expired": "Bearer " + world.keys.issue("tenant", "acme", ttl=timedelta(seconds=1), now=NOW - timedelta(hours=1)),
        "wrong key": f"Bearer {stranger}",
        "other installation": f"Bearer {foreign}",
        "alg none": "Bearer " + jwt.encode(claims, "", algorithm="none", headers={"kid": header["kid"]}),
        "elevated": f"Bearer {parts[0]}.{elevated}.{parts[2]}",
        "very long": "Bearer " + "a" * 5_000,
    }


def test_every_method_of_the_protos_is_in_the_table() -> None:
    assert sorted(PERMISSIONS) == sorted(all_methods())
    assert set(ROLES) == {*(role.value for role in Role), *FORMER_ROLES}


def test_the_descriptors_hold_every_service_of_the_protos() -> None:
    declared = {
        line.split()[1] for path in PROTOS.glob("*.proto") for line in path.read_text().splitlines() if line.startswith("service ")
    }

    assert {method.split("/")[1].rpartition(".")[2] for method in all_methods()} - {
        name.rpartition(".")[2] for name in METHODS
    } == declared


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_what_the_table_says_and_nothing_else(world: World, role: str) -> None:
    token = f"Bearer {world.keys.issue(role, 'acme' if role in OF_CUSTOMERS else '', ttl=timedelta(hours=1), now=NOW)}"
    codes = {method: code_of(call(world, method, token, body=NOT_A_MESSAGE)) for method in sorted(PERMISSIONS)}
    served = {method: code for method, code in codes.items() if code is not grpc.StatusCode.UNIMPLEMENTED}

    denied = {method for method, code in served.items() if code is grpc.StatusCode.PERMISSION_DENIED}
    assert denied == {method for method in served if (needed := PERMISSIONS[method]) and needed not in ROLES[role]}
    assert len(served) >= 14


@pytest.mark.parametrize("method", [*all_methods(), "/greencloud.v1.FootprintService/NoSuchMethod", "/no.Service/Method"])
def test_without_a_credential_that_holds_every_method_answers_alike(world: World, method: str) -> None:
    answers = {name: call(world, method, value) for name, value in bad_tokens(world).items()}
    answers |= {"none": call(world, method), "two": call(world, method, f"Bearer {world.token()}", f"Bearer {world.token()}")}

    assert dict.fromkeys(answers, grpc.StatusCode.UNAUTHENTICATED) == {name: code_of(error) for name, error in answers.items()}
    assert len({error.details() for error in answers.values() if error}) == 1


def test_a_method_that_is_not_there_is_unimplemented_for_those_who_may_ask(world: World) -> None:
    error = call(world, "/greencloud.v1.FootprintService/NoSuchMethod", f"Bearer {world.token()}")

    assert code_of(error) is grpc.StatusCode.UNIMPLEMENTED


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=60), st.sampled_from(sorted(PERMISSIONS)))
def test_the_message_is_looked_at_after_the_caller(world: World, body: bytes, method: str) -> None:
    assert code_of(call(world, method, body=body)) is grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_without_credential_is_answered_before_it_sends_a_message(world: World) -> None:
    answered = threading.Event()

    def messages() -> Iterator[bytes]:
        answered.wait(10)
        yield b""

    with world.channel() as channel:
        ask: Any = channel.stream_unary("/greencloud.v1.FootprintService/QueryFootprint")
        error = ask.future(messages(), timeout=5).exception()
        answered.set()

    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_read_without_regard_to_case(world: World, scheme: str) -> None:
    method = f"/{next(iter(METHODS))}/Export"

    assert code_of(call(world, method, f"{scheme} {world.token('acme')}")) is grpc.StatusCode.OK


def test_a_token_that_was_used_is_refused_once_it_has_expired(tmp_path: Path) -> None:
    method = f"/{next(iter(METHODS))}/Export"
    with serving(tmp_path) as world:
        bearer = f"Bearer {world.token('acme', ttl=timedelta(minutes=5))}"
        before = code_of(call(world, method, bearer))
        world.now += timedelta(minutes=7)

        assert (before, code_of(call(world, method, bearer))) == (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED)


def test_the_refusal_says_what_to_do_in_details(world: World) -> None:
    error = call(world, all_methods()[0])

    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("UNAUTHENTICATED", "greencloud")
    assert "greencloud token" in info.metadata["advice"]


def test_health_is_open_and_serving(world: World) -> None:
    with world.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES, *METHODS):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(iter(watch)).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()


def test_reflection_needs_a_credential_and_lists_the_services(world: World) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with world.channel() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(stub.ServerReflectionInfo(iter([request]), timeout=10)))
        answer = next(iter(stub.ServerReflectionInfo(iter([request]), timeout=10, metadata=world.bearer("acme"))))

    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert set(SERVICES) <= {service.name for service in answer.list_services_response.service}


def test_each_call_leaves_one_line_with_the_principal_and_never_the_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="greencloud.server"), serving(tmp_path) as world:
        token = world.token("acme")
        with world.channel() as channel:
            ask: Any = channel.unary_unary("/greencloud.v1.FootprintService/QueryFootprint")
            ask.future(b"", metadata=(("authorization", f"Bearer {token}"), ("x-request-id", "asked-1")), timeout=10).exception()
        call(world, "/greencloud.v1.FootprintService/QueryFootprint", f"Bearer {token}x")
        call(world, "/no.Service/Method?\N{SNOWMAN}".encode("ascii", "replace").decode(), f"Bearer {token}")

    # Streams of servers of other tests may come to their end meanwhile.
    told = [record.getMessage() for record in caplog.records]
    lines = [line for line in told if line.startswith("rpc ") and "ServerReflection" not in line]
    assert len(lines) == 3
    assert "role=tenant account=acme code=INVALID_ARGUMENT" in lines[0]
    assert "request=asked-1" in lines[0]
    assert "role=- account=- code=UNAUTHENTICATED" in lines[1]
    assert token.split(".")[1] not in caplog.text


def test_a_flood_of_forged_tokens_is_not_verified_and_known_callers_come_through(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys")
    authenticator = Authenticator(keys, clock=lambda: NOW)
    known = (("authorization", f"Bearer {keys.issue('tenant', 'acme', ttl=timedelta(hours=1), now=NOW)}"),)
    assert authenticator.principal(known).account == "acme"
    refusals: Counter[str] = Counter()
    for number in range(5_000):
        with pytest.raises(GreencloudError) as caught:
            authenticator.principal((("authorization", f"Bearer {number}.forged"),))
        refusals[type(caught.value).__name__] += 1

    assert refusals["UnauthenticatedError"] >= 2_000
    assert refusals["BusyError"] >= 1_000
    assert authenticator.principal(known).account == "acme"
