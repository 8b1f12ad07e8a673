"""The inventory behind a real server: who may, what a caller may say of an entry and what not, pages, files and documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import grpc
import pytest

from api_world import NOW, Api, serving
from greencloud.client import Client
from greencloud.client.errors import error_from
from greencloud.client.retry import Retry
from greencloud.engine import DataDirectory
from greencloud.errors import (
    ConflictError,
    FailedPreconditionError,
    GreencloudError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from greencloud.inventory.document import canonical
from greencloud.results.inventory import (
    ActivityData,
    EntryState,
    InventoryEntry,
    LedgerReference,
    RestatementCause,
    StructuralChange,
    StructuralEffect,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.server.roles import METHODS, Permission, Role
from greencloud.units import Emissions, format_instant
from greencloud.v1 import goal_service_pb2, goal_service_pb2_grpc
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.inventory import entry_to_message

TONNE = 10**12
SOURCE = "Annual report 2020, table 3"
CSV = f"""year,scope,category,t_co2e,source
2020,scope1,,510000,"{SOURCE}"
2020,scope2_location_based,,3710000,"{SOURCE}"
2020,scope2_market_based,,3600000,"{SOURCE}"
2020,scope3,1,5294000,"{SOURCE}"
"""
READS = {"Get", "List", "Assess"}
METHOD_NAMES = sorted(
    method.name
    for method in goal_service_pb2.DESCRIPTOR.services_by_name["GoalService"].methods
    if method.input_type.file.name.endswith("/inventory.proto")
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(DataDirectory.open(tmp_path / "data", create=True)) as api:
        yield api


@contextmanager
def client(api: Api, role: str = "provider.admin", subject: str = "") -> Iterator[Client]:
    with Client(api.target, token=api.token(role, subject=subject), retry=Retry.off(), timeout=20) as client:
        yield client


def entry(tonnes: int = 1, scope: str = "scope1", category: int | None = None, **more: Any) -> InventoryEntry:
    return InventoryEntry("", ReportingYear(2020), scope, category, Emissions(tonnes * TONNE), SOURCE, **more)


def raw(api: Api, method: str, request: Any, role: str = "provider.admin") -> Any:
    ask = getattr(goal_service_pb2_grpc.GoalServiceStub(api.channel), method)
    try:
        return ask(request, metadata=(("authorization", f"Bearer {api.token(role)}"),), timeout=20)
    except grpc.RpcError as error:
        raise error_from(error, "") from error


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_an_auditor_reads_everything_and_writes_nothing_and_a_customer_neither(method: str, api: Api) -> None:
    request = getattr(messages, f"{method}Request")()
    read = method.startswith(tuple(READS))
    for role in Role:
        account = "acme" if role.startswith("customer.") else ""
        metadata = (("authorization", f"Bearer {api.token(role, account)}"),)
        call = getattr(goal_service_pb2_grpc.GoalServiceStub(api.channel), method).future(request, metadata=metadata, timeout=20)
        denied = isinstance(call.exception(), grpc.RpcError) and call.code() is grpc.StatusCode.PERMISSION_DENIED
        readers = {Role.PROVIDER_ANALYST, Role.PROVIDER_ADMIN, Role.AUDITOR}
        approves = METHODS[f"/greencloud.v1.GoalService/{method}"] is Permission.GOALS_APPROVE
        writers = {Role.PROVIDER_ADMIN} if approves else {Role.PROVIDER_ANALYST, Role.PROVIDER_ADMIN}
        assert denied == (role not in (readers if read else writers)), role


def test_there_is_a_method_for_all_that_the_books_do() -> None:
    assert len(METHOD_NAMES) == 23


def test_a_year_from_its_file_to_its_close(api: Api) -> None:
    with client(api, "provider.analyst") as analyst, client(api) as admin, client(api, "auditor") as auditor:
        assert analyst.import_inventory_entries(CSV.encode(), file_name="2020.csv", validate_only=True).validate_only
        assert auditor.list_inventory_entries().to_list() == []
        done = analyst.import_inventory_entries(CSV.encode(), file_name="2020.csv")
        assert (len(done.added), done.errors) == (4, ())
        assert auditor.get_evidence(done.evidence) == CSV.encode()
        again = analyst.import_inventory_entries(CSV.encode(), file_name="2020.csv")
        assert (again.added, again.unchanged) == ((), 4)

        booked = auditor.list_inventory_entries(year="2020").to_list()
        assert {each.created_by for each in booked} == {"provider.analyst"}
        with pytest.raises(PermissionDeniedError):
            analyst.approve_inventory_entries(year="2020")
        assert {each.approved_by for each in admin.approve_inventory_entries(year="2020")} == {"provider.admin"}
        verified = admin.verify_inventory_entries(
            [booked[0].name], verified_by="Assurance Ltd", assurance="limited", evidence=[done.evidence]
        )
        assert [(each.state, each.verified_by) for each in verified] == [(EntryState.VERIFIED, "Assurance Ltd")]

        with client(api, "provider.analyst", "ann") as ann, client(api, subject="ben") as ben, client(api, subject="Ann") as same:
            assert analyst.submit_inventory_year("2020").state is YearState.SUBMITTED
            with pytest.raises(GreencloudError, match=r"'provider\.analyst' names no person"):
                ben.close_inventory_year("2020")
            assert ann.submit_inventory_year("2020").submitted_by == "ann"
            with pytest.raises(GreencloudError, match=r"'provider\.admin' names no person"):
                admin.close_inventory_year("2020")
            with pytest.raises(GreencloudError, match="ann submitted 2020"):
                same.close_inventory_year("2020")
            closed = ben.close_inventory_year("2020", reason="complete")
        assert (closed.state, closed.submitted_by, closed.closed_by) == (YearState.CLOSED, "ann", "ben")
        assert auditor.list_inventory_years().to_list() == [closed]

        totals = auditor.get_inventory("2020")
        assert totals.total_location_based == Emissions((510_000 + 3_710_000 + 5_294_000) * TONNE)
        assert totals.total_market_based == Emissions((510_000 + 3_600_000 + 5_294_000) * TONNE)

        with pytest.raises(GreencloudError):
            analyst.create_inventory_entry(entry(7, "scope3", 6))
        before = totals.as_of
        found = auditor.get_inventory_entry(booked[0].name)
        analyst.restate_inventory_entry(
            found.name, replace(found, emissions=Emissions(511_000 * TONNE)), cause=RestatementCause.ERROR, reason="two meters"
        )
        restated = auditor.list_inventory_restatements(year="2020").to_list()
        assert [(each.difference, each.reason, each.restated_by) for each in restated] == [
            (Emissions(1_000 * TONNE), "two meters", "provider.analyst")
        ]
        assert auditor.get_inventory("2020", as_of=before) == replace(totals, as_of=before)
        assert [each.revision for each in auditor.list_inventory_entry_revisions(found.name)] == [1, 2]


def test_what_is_wrong_with_a_file_comes_row_by_row(api: Api) -> None:
    text = "year,scope,category,t_co2e,source\n2020,scope9,,1,x\n2020,scope3,16,many,\n"
    with client(api) as admin:
        done = admin.import_inventory_entries(text.encode(), file_name="x.csv")
        assert {(each.row, each.column) for each in done.errors} >= {(2, "scope"), (3, "category"), (3, "t_co2e"), (3, "source")}
        assert all(each.message for each in done.errors)
        assert admin.list_inventory_entries().to_list() == []
        with pytest.raises(InvalidArgumentError, match=r"must end in .csv or .xlsx"):
            admin.import_inventory_entries(b"x", file_name="x.pdf")


def test_who_made_and_approved_an_entry_is_never_what_a_caller_says(api: Api) -> None:
    forged = entry(
        5,
        state=EntryState.VERIFIED,
        revision=9,
        created_by="mallory",
        created=NOW,
        approved_by="boss",
        verified_by="x",
        assurance="x",
    )
    with client(api) as admin:
        booked = admin.create_inventory_entry(forged)
        assert (booked.state, booked.revision, booked.created_by, booked.created) == (EntryState.DRAFT, 1, "provider.admin", NOW)
        assert (booked.approved_by, booked.verified_by, booked.assurance) == ("", "", "")
        change = StructuralChange(
            "", "acquisition", NOW, "bought", (StructuralEffect("scope1", None, Emissions(1)),), (), True, "m"
        )
        made = admin.create_structural_change(change)
        assert (made.applied, made.created_by) == (False, "provider.admin")
        assert admin.list_structural_changes().to_list() == [made]


def test_figures_of_the_ledger_are_never_typed_in(api: Api) -> None:
    reference = LedgerReference("scope1", NOW - timedelta(days=1), NOW, 1, 86_400)
    with client(api) as admin:
        with pytest.raises(InvalidArgumentError, match="read from the ledger"):
            admin.create_inventory_entry(entry(reference=reference))
        booked = admin.create_inventory_entry(entry())
        with pytest.raises(InvalidArgumentError, match="read from the ledger"):
            admin.restate_inventory_entry(booked.name, entry(reference=reference), cause=RestatementCause.LEDGER, reason="x")


def test_what_is_not_known_is_not_booked_and_what_is_calculated_follows(api: Api) -> None:
    unknown = entry_to_message(entry())
    unknown.ClearField("emissions")
    with pytest.raises(InvalidArgumentError) as caught:
        raw(api, "CreateInventoryEntry", messages.CreateInventoryEntryRequest(inventory_entry=unknown))
    assert [field for field, _ in caught.value.violations] == ["inventory_entry.emissions"]
    activity = ActivityData(Fraction(1_200_000), "kWh", Fraction(2, 5), "kgCO2e/kWh", "IEA 2021")
    with client(api) as admin:
        booked = admin.create_inventory_entry(replace(entry(0, "scope2_location_based"), activity=activity))
        assert (booked.emissions, booked.activity) == (Emissions(480 * TONNE), activity)
        with pytest.raises(FailedPreconditionError) as wrong:
            admin.create_inventory_entry(entry(scope="scope9"))
    assert (wrong.value.reason, wrong.value.metadata["key"]) == ("INVALID_GOAL", "scope")
    assert wrong.value.advice


def test_of_two_that_restate_at_once_one_is_told(api: Api) -> None:
    with client(api) as admin:
        booked = admin.create_inventory_entry(entry())
        why: dict[str, Any] = {"cause": RestatementCause.ERROR, "reason": "x", "etag": booked.etag}
        admin.restate_inventory_entry(booked.name, entry(2), **why)
        with pytest.raises(ConflictError):
            admin.restate_inventory_entry(booked.name, entry(3), **why)
        with pytest.raises(ConflictError):
            admin.withdraw_inventory_entry(booked.name, **why)
        policy = admin.get_inventory_policy()
        updated = admin.update_inventory_policy(replace(policy, base_year=ReportingYear(2020)), etag=policy.etag)
        assert (updated.revision, updated.updated_by) == (1, "provider.admin")
        with pytest.raises(ConflictError):
            admin.update_inventory_policy(policy, etag=policy.etag)
        assert admin.get_inventory_policy() == updated
        withdrawn = admin.withdraw_inventory_entry(booked.name, cause=RestatementCause.ERROR, reason="not ours")
        assert withdrawn.state is EntryState.WITHDRAWN
        assert admin.list_inventory_entries().to_list() == []
        assert admin.list_inventory_entries(show_withdrawn=True).to_list() == [withdrawn]
        with pytest.raises(NotFoundError):
            admin.get_inventory_entry("inventoryEntries/there-is-none")


def test_a_base_year_is_recalculated(api: Api) -> None:
    with client(api) as admin:
        booked = admin.create_inventory_entry(entry(100))
        admin.update_inventory_policy(replace(admin.get_inventory_policy(), base_year=ReportingYear(2020)))
        effect = StructuralEffect("scope1", None, Emissions(10 * TONNE))
        admin.create_structural_change(
            StructuralChange("", "acquisition", datetime(2022, 7, 1, tzinfo=NOW.tzinfo), "bought", (effect,))
        )
        assessed = admin.assess_base_year()
        assert (assessed.share, assessed.recalculation_required) == (Fraction(1, 10), True)
        restated = admin.recalculate_base_year(reason="bought in 2022")
        assert sum(each.difference.micrograms for each in restated) == 10 * TONNE
        assert booked.name in {each.name for each in admin.list_inventory_entries(year="2020")}
        assert not admin.assess_base_year().recalculation_required


def test_every_page_shows_the_books_as_they_were_at_the_first(api: Api) -> None:
    with client(api) as admin:
        booked = [admin.create_inventory_entry(entry(number, "scope3", number)) for number in range(1, 8)]
        pages = admin.list_inventory_entries(page_size=3).pages()
        seen = list(next(pages))
        admin.withdraw_inventory_entry(booked[0].name, cause=RestatementCause.ERROR, reason="x")
        admin.restate_inventory_entry(booked[6].name, replace(booked[6], source="y"), cause=RestatementCause.ERROR, reason="x")
        admin.create_inventory_entry(entry(9, "scope3", 9))
        sizes = [3]
        for page in pages:
            seen += page
            sizes.append(len(page))
        assert (sorted(seen, key=lambda each: each.category or 0), sizes) == (booked, [3, 3, 1])
        now = {each.category or 0: each for each in admin.list_inventory_entries(page_size=2)}
        assert sorted(now) == [2, 3, 4, 5, 6, 7, 9]
        assert now[7].source == "y"


def test_the_journal_is_handed_over_and_its_chain_can_be_computed_again(api: Api) -> None:
    with client(api) as admin, client(api, "auditor") as auditor:
        for number in range(1, 6):
            admin.create_inventory_entry(entry(number, "scope3", number))
        records = auditor.list_book_records(page_size=2).to_list()
        assert [each.number for each in records] == [1, 2, 3, 4, 5]
        assert auditor.list_book_records(after=3).to_list() == records[3:]
    previous = "0" * 64
    for each in records:
        document = {
            "actor": each.actor,
            "body": json.loads(each.body),
            "kind": each.kind,
            "number": each.number,
            "previous": previous,
            "reason": each.reason,
            "time": format_instant(each.time),
        }
        previous = hashlib.sha256(canonical(document)).hexdigest()
        assert previous == each.digest


def test_a_document_comes_back_in_parts_that_a_stock_client_takes(api: Api) -> None:
    content = hashlib.sha256(b"seed").digest() * (250_000)  # 8 MB
    with client(api) as admin:
        digest = admin.upload_evidence(content)
        assert digest == hashlib.sha256(content).hexdigest() == admin.upload_evidence(content)
        assert admin.get_evidence(digest) == content
        with pytest.raises(NotFoundError):
            admin.get_evidence("0" * 64)
        with pytest.raises(InvalidArgumentError):
            admin.get_evidence("../changes/000000000001.json")
    part = raw(api, "GetEvidence", messages.GetEvidenceRequest(name=f"evidence/{digest}", offset=5))
    assert (part.total_size, len(part.content) < 4 << 20, part.content == content[5 : 5 + len(part.content)]) == (
        8_000_000,
        True,
        True,
    )


def test_what_changes_something_is_in_the_audit_trail_and_what_was_refused_is_not(api: Api) -> None:
    with client(api) as admin, client(api, "auditor") as auditor:
        admin.import_inventory_entries(CSV.encode(), file_name="2020.csv")
        with pytest.raises(GreencloudError):
            admin.close_inventory_year("2020")
        with pytest.raises(PermissionDeniedError):
            auditor.submit_inventory_year("2020")
        auditor.list_inventory_entries().to_list()
        trail = [(each.action, each.subject, each.outcome) for each in auditor.list_audit_entries()]
        summary = next(iter(auditor.list_audit_entries())).summary
    assert trail == [
        ("ImportInventoryEntries", "provider.admin", "OK"),
        ("CloseInventoryYear", "provider.admin", "FAILED_PRECONDITION"),
    ]
    assert f"content={len(CSV.encode())} bytes, SHA-256" in summary
    assert "510000" not in summary
