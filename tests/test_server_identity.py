"""Who calls, how long an answer may take, and what was done with the provider's credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

import greencloud
from greencloud.errors import AllocationError, StoreError
from greencloud.results import AuditEntry, CallerIdentity, RunSummary
from greencloud.server import auth
from greencloud.server.calls import AUDITED
from greencloud.server.roles import METHODS, Permission, Role, permissions_of, side_of
from greencloud.server.summary import summary_of
from greencloud.units import format_instant
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import allocation_service_pb2_grpc as allocation_stubs
from greencloud.v1 import facility_service_pb2 as facility
from greencloud.v1 import identity_service_pb2 as messages
from greencloud.v1 import identity_service_pb2_grpc as stubs
from greencloud.wire import audit_entry_from_message, audit_entry_to_message, identity_from_message, identity_to_message
from inprocess import NOW, START, World, serving

INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC, microsecond=0))  # noqa: DTZ001
WORDS = st.text(max_size=20)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path) as world:
        yield world


def bearer(world: World, role: str, account: str = "") -> tuple[tuple[str, str], ...]:
    token = world.keys.issue(role, account, ttl=timedelta(hours=1), now=world.now)
    return (("authorization", f"Bearer {token}"), ("x-request-id", "asked-1"))


def trail(world: World) -> list[AuditEntry]:
    assert world.audit
    return world.audit.entries()


@given(
    st.builds(
        CallerIdentity,
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        INSTANTS,
        st.lists(WORDS).map(tuple),
        WORDS,
        INSTANTS,
        st.lists(WORDS).map(tuple),
    )
)
def test_an_identity_is_the_same_on_both_sides_of_the_wire(identity: CallerIdentity) -> None:
    assert identity_from_message(identity_to_message(identity)) == identity


@given(st.builds(AuditEntry, st.integers(0, 2**62), INSTANTS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS))
def test_an_entry_is_the_same_on_both_sides_of_the_wire(entry: AuditEntry) -> None:
    assert audit_entry_from_message(audit_entry_to_message(entry)) == entry


@pytest.mark.parametrize("role", [*(role.value for role in Role), "tenant", "provider"])
def test_everybody_is_told_who_they_are(world: World, role: str) -> None:
    world.members = {"acme": frozenset(f"m{number:04}" for number in range(1_500))}
    now = {"tenant": Role.CUSTOMER_ADMIN, "provider": Role.PROVIDER_ADMIN}.get(role) or Role(role)
    account = "acme" if side_of(now) == "tenant" else ""
    with world.channel() as channel:
        message = stubs.IdentityServiceStub(channel).GetCallerIdentity(
            messages.GetCallerIdentityRequest(), metadata=bearer(world, role, account), timeout=10
        )
    found = identity_from_message(message)

    assert (found.role, found.account, found.issuer) == (now.value, account, "greencloud")
    assert found.permissions == tuple(sorted(permissions_of(now)))
    assert (found.expires, found.server_time) == (NOW + timedelta(hours=1), NOW)
    assert found.server_version == greencloud.__version__
    assert len(found.member_accounts) == (1_000 if account and Permission.FOOTPRINT_READ in permissions_of(now) else 0)


def test_what_is_audited_is_what_changes_something() -> None:
    changing = {Permission.ALLOCATION_RUN, Permission.FACILITY_WRITE, Permission.GOALS_WRITE, Permission.GOALS_APPROVE}

    assert {method: needed for method, needed in METHODS.items() if needed in changing} == AUDITED


def run(world: World, *, role: str = "provider.admin", rule: str = "used") -> grpc.StatusCode:
    request = allocation.RunAllocationRequest(rule=rule, start_time=Timestamp(seconds=int(START.timestamp())))
    with world.channel() as channel:
        ask: Any = allocation_stubs.AllocationServiceStub(channel).RunAllocation
        error = ask.future(request, metadata=bearer(world, role), timeout=10).exception()
        return error.code() if error else grpc.StatusCode.OK


def test_a_run_is_noted_before_it_begins_and_its_end_after(world: World) -> None:
    seen = []

    def allocate(*_: Any) -> RunSummary:
        seen.extend(trail(world))
        return RunSummary()

    world.run_allocation = allocate  # type: ignore[method-assign, assignment]

    assert run(world) is grpc.StatusCode.OK
    (entry,) = trail(world)
    assert (entry.action, entry.role, entry.subject, entry.request_id, entry.outcome) == (
        "RunAllocation",
        "provider.admin",
        "provider.admin",
        "asked-1",
        "OK",
    )
    assert entry.summary == f"start_time={format_instant(START)}; rule=used"
    assert [each.outcome for each in seen] == [""]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(AllocationError("no"), "FAILED_PRECONDITION"), (StoreError("no"), "UNAVAILABLE"), (OSError(), "INTERNAL")],
)
def test_how_a_failed_run_ended_is_noted(world: World, failure: Exception, outcome: str) -> None:
    world.failures = [failure]
    assert run(world).name == outcome
    assert run(world, rule="none").name == "INVALID_ARGUMENT"

    assert [entry.outcome for entry in trail(world)] == [outcome, "INVALID_ARGUMENT"]


def test_who_may_not_leaves_nothing_in_the_trail(world: World) -> None:
    for role in ("provider.analyst", "auditor", "provider.writer"):
        assert run(world, role=role) is grpc.StatusCode.PERMISSION_DENIED

    assert trail(world) == []


def test_what_cannot_be_noted_is_not_done(world: World) -> None:
    (world.folder / "audit.jsonl").write_text("{}\n")

    assert run(world) is grpc.StatusCode.UNAVAILABLE
    assert world.runs == []


def test_the_trail_is_read_page_by_page_and_by_time(world: World) -> None:
    for hour in range(5):
        world.now = NOW + timedelta(hours=hour)
        assert run(world) is grpc.StatusCode.OK
    with world.channel() as channel:
        stub = stubs.IdentityServiceStub(channel)

        def entries(**asked: Any) -> list[AuditEntry]:
            request = messages.ListAuditEntriesRequest(page_size=2, **asked)
            found: list[AuditEntry] = []
            while True:
                answer = stub.ListAuditEntries(request, metadata=bearer(world, "auditor"), timeout=10)
                assert len(answer.entries) <= 2
                found += map(audit_entry_from_message, answer.entries)
                if not answer.next_page_token:
                    return found
                request.page_token = answer.next_page_token

        assert entries() == trail(world)
        assert len(entries()) == 5
        start, end = (Timestamp(seconds=int((NOW + timedelta(hours=hour)).timestamp())) for hour in (1, 3))
        assert [entry.created - NOW for entry in entries(start_time=start, end_time=end)] == [
            timedelta(hours=1),
            timedelta(hours=2),
        ]
        with pytest.raises(grpc.RpcError):
            stub.ListAuditEntries(
                messages.ListAuditEntriesRequest(start_time=end, end_time=start), metadata=bearer(world, "auditor")
            )


def test_a_summary_is_bounded_and_holds_no_content_of_files() -> None:
    secret = b"secret" * 1_000
    request = facility.ApplyFacilityBookRequest()
    field = next((field for field in request.DESCRIPTOR.fields if field.type == field.TYPE_BYTES and not field.is_repeated), None)
    if field:
        setattr(request, field.name, secret)
        assert "secret" not in summary_of(request)
    restate = allocation.RestateRequest(rule="x" * 1_000, reason="a\nb\x00" * 1_000)
    restate.start_time.seconds = 1 << 62
    restate.end_time.nanos = -5
    assert len(summary_of(restate)) <= 500
    assert summary_of(restate).isprintable()
    files = [facility.FacilityFile(path=f"{name}.csv", content=b"secret") for name in "abcdefg"]
    told = summary_of(facility.ApplyFacilityBookRequest(files=files, validate_only=True))
    assert told.startswith("files=[(path=a.csv; content=6 bytes, SHA-256 2bb80d537b1da3e3), ")
    assert "and 2 more" in told
    assert told.endswith("; validate_only=True")


@pytest.mark.parametrize(("given_s", "least", "most"), [(None, 590, 600), (5.0, 1, 5.1)])
def test_a_question_has_a_deadline(world: World, given_s: float | None, least: float, most: float) -> None:
    left: list[float] = []

    def allocate(*_: Any) -> RunSummary:
        left.append(auth.deadline())
        return RunSummary()

    world.run_allocation = allocate  # type: ignore[method-assign, assignment]
    with world.channel() as channel:
        stub = allocation_stubs.AllocationServiceStub(channel)
        stub.RunAllocation(allocation.RunAllocationRequest(), metadata=bearer(world, "provider.admin"), timeout=given_s)

    assert least <= left[0] <= most


def test_the_command_line_is_noted_too(tmp_path: Path) -> None:
    from serving import greencloud as command

    data = tmp_path / "data"
    token = command("token", "--data", data, "--role", "tenant", "--account", "acme").stdout.strip()
    assert command("allocate", "--data", data, check=False).returncode == 0
    assert command("ledger", "close", "--data", data, "2026-11", check=False).returncode != 0
    found = [json.loads(line) for line in (data / "audit.jsonl").read_text().splitlines()]

    assert [each.get("action") or each["outcome"] for each in found] == [
        "token",
        "OK",
        "allocate",
        "OK",
        "ledger close",
        found[-1]["outcome"],
    ]
    assert found[-1]["outcome"] != "OK"
    assert token not in (data / "audit.jsonl").read_text()
    assert command("doctor", "--data", data, check=False).stdout.count("audit trail") == 1
    lines = (data / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (data / "audit.jsonl").write_bytes(b"".join(lines[1:]))
    told = command("doctor", "--data", data, check=False)
    assert told.returncode == 1
    assert "fault  audit trail     line 1: it does not follow" in told.stdout
