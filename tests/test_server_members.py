"""A payer sees its own account and those it pays for; nobody else sees anybody, and the book in force decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from greencloud.engine import DataDirectory
from greencloud.engine.applied_books import AppliedBooks
from greencloud.errors import PermissionDeniedError
from greencloud.facility import Account, Facility, members_of
from greencloud.results import Statement
from greencloud.server.accounts import allowed_account, allowed_accounts
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.explanations import explain_order_from
from greencloud.server.members import BookMembers
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from inprocess import START, World, row, serving
from test_facility_payers import BOOK


def tenant(account: str) -> Principal:
    return Principal("customer.viewer", account, account)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    """Account to payer."""
    names = [f"a{number}" for number in range(draw(st.integers(1, 20)))]
    return {name: draw(st.sampled_from(["", *names[:at]])) for at, name in enumerate(names)}


@given(trees())
def test_who_sees_whom_is_who_pays_for_whom(payers: dict[str, str]) -> None:
    members = members_of({name: Account(name, payer=payer) for name, payer in payers.items()})

    def paid_for(account: str) -> frozenset[str]:
        return members.get(account, frozenset())

    def above(account: str) -> Iterator[str]:
        while account:
            yield account
            account = payers[account]

    for one in payers:
        seen = {other for other in payers if one in above(other)}
        assert allowed_accounts([], tenant(one), paid_for) == (one, *sorted(seen - {one}))
        for other in [*payers, "(unsold)", "stranger"]:
            if other in seen:
                assert allowed_account(other, tenant(one), Checks(), paid_for) == other
            else:
                with pytest.raises(PermissionDeniedError, match="or it might not exist"):
                    allowed_accounts([other], tenant(one), paid_for)
        assert allowed_accounts([], Principal("auditor", "", "x"), paid_for) is None


def query(*accounts: str, size: int = 0, page: str = "") -> messages.QueryFootprintRequest:
    return messages.QueryFootprintRequest(
        start_time=Timestamp(seconds=int(START.timestamp())),
        end_time=Timestamp(seconds=int((START + timedelta(days=1)).timestamp())),
        filter=messages.FootprintFilter(accounts=accounts),
        group_by=["account"],
        page_size=size,
        page_token=page,
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving(tmp_path) as world:
        world.members = {"org": frozenset({"team", "group", "leaf"}), "group": frozenset({"leaf"})}
        world.post([row(account) for account in ("org", "team", "group", "leaf", "stranger")])
        yield world


def code_of(call: grpc.RpcError) -> grpc.StatusCode:
    assert isinstance(call, grpc.Call)
    return call.code()


def test_a_payer_is_answered_for_its_members_and_a_member_for_itself(world: World) -> None:
    with world.channel() as channel:
        stub = stubs.FootprintServiceStub(channel)

        def accounts(caller: str, *asked: str) -> list[str]:
            rows = stub.QueryFootprint(query(*asked), metadata=world.bearer(caller), timeout=10).rows
            return sorted(row.dimensions["account"] for row in rows)

        assert accounts("org") == ["group", "leaf", "org", "team"]
        assert accounts("org", "leaf") == ["leaf"]
        assert accounts("group") == ["group", "leaf"]
        assert accounts("leaf") == ["leaf"]
        for caller, asked in [("leaf", "group"), ("leaf", "org"), ("team", "leaf"), ("org", "stranger"), ("org", "(unsold)")]:
            with pytest.raises(grpc.RpcError) as caught:
                accounts(caller, asked)
            assert code_of(caught.value) is grpc.StatusCode.PERMISSION_DENIED


def test_losing_a_member_ends_the_pages_and_the_sight(world: World) -> None:
    with world.channel() as channel:
        stub = stubs.FootprintServiceStub(channel)
        bearer = world.bearer("org")
        token = stub.QueryFootprint(query(size=1), metadata=bearer, timeout=10).next_page_token
        assert len(stub.QueryFootprint(query(size=3, page=token), metadata=bearer, timeout=10).rows) == 3
        world.members = {"org": frozenset({"team"})}
        with pytest.raises(grpc.RpcError) as ended:
            stub.QueryFootprint(query(page=token), metadata=bearer, timeout=10)
        with pytest.raises(grpc.RpcError) as denied:
            stub.QueryFootprint(query("leaf"), metadata=bearer, timeout=10)

    assert code_of(ended.value) is grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(denied.value) is grpc.StatusCode.PERMISSION_DENIED


def test_a_payer_gets_the_statements_of_its_members(world: World) -> None:
    asked: list[str] = []

    def statement(account: str, period: str) -> Statement:
        asked.append(account)
        raise PermissionDeniedError("far enough")

    world.statement = statement  # type: ignore[method-assign]
    with world.channel() as channel:
        stub = stubs.FootprintServiceStub(channel)
        for account in ("", "leaf", "stranger"):
            with pytest.raises(grpc.RpcError):
                stub.GetStatement(
                    messages.GetStatementRequest(account=account, period="2026-10"), metadata=world.bearer("org"), timeout=10
                )

    assert asked == ["org", "leaf"]


def test_a_member_is_explained_to_its_payer_as_to_itself() -> None:
    request = messages.ExplainFootprintRequest(
        account="leaf",
        start_time=Timestamp(seconds=int(START.timestamp())),
        end_time=Timestamp(seconds=int((START + timedelta(hours=1)).timestamp())),
    )
    orders = [explain_order_from(request, tenant(account), lambda _: frozenset({"leaf", "team"})) for account in ("org", "leaf")]

    assert orders[0] == orders[1]
    assert orders[0].tenant


def test_the_book_in_force_decides_and_is_read_once(tmp_path: Path) -> None:
    directory = DataDirectory.open(tmp_path / "data", create=True)
    read = []

    def book() -> Facility:
        read.append(1)
        return directory.facility()

    members = BookMembers(lambda: AppliedBooks(directory).mark, book)
    assert members("org") == frozenset()
    for text, found in ((BOOK, {"team"}), (BOOK.replace('payer = "org"', ""), set()), (BOOK, {"team"})):
        (tmp_path / "facility.toml").write_text(text)
        directory.apply_facility(tmp_path / "facility.toml")
        for _ in range(3):
            assert (set(members("org")), set(members("team"))) == (found, set())
    assert len(read) == 4
