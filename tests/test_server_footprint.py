"""Questions: a tenant sees itself and nothing else, pages are consistent, and wrong requests are told what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import PermissionDeniedError, RemoteError
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD
from greencloud.results import GROUPABLE, FootprintRow
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import allocation_service_pb2_grpc as allocation_stubs
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from greencloud.v1.footprint_service_pb2 import FootprintFilter
from greencloud.wire import instant_to_message
from inprocess import NOW, START, World, batch, goal, row, serving
from profiles import examples

EVER = (START - timedelta(days=1), START + timedelta(days=30))
ACCOUNTS = ("acme", "acme-2", "zeta", POOL_UNSOLD, POOL_UNATTRIBUTED)
ROWS = st.lists(
    st.builds(
        row, st.sampled_from(ACCOUNTS), st.integers(0, 40), service=st.sampled_from(["web", "db"]), energy=st.integers(0, 10**18)
    ),
    max_size=30,
    unique_by=lambda fact: (fact.start, fact.dimensions["account"], fact.dimensions["service"]),
)
quick = settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("footprint")) as world:
        yield world


def request_of(**fields: object) -> footprint.QueryFootprintRequest:
    times = {"start_time": instant_to_message(EVER[0]), "end_time": instant_to_message(EVER[1])}
    return footprint.QueryFootprintRequest(**(times | fields))  # type: ignore[arg-type]


def ask(world: World, request: footprint.QueryFootprintRequest, account: str = "") -> footprint.QueryFootprintResponse:
    with world.channel() as channel:
        stub = footprint_stubs.FootprintServiceStub(channel)
        answer: footprint.QueryFootprintResponse = stub.QueryFootprint(request, timeout=10, metadata=world.bearer(account))
        return answer


def refusal(
    world: World, request: footprint.QueryFootprintRequest, account: str = ""
) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Code, text and field violations."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(world, request, account)
    status = rpc_status.from_call(caught.value)
    assert status is not None
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    assert isinstance(caught.value, grpc.Call)
    return caught.value.code(), str(caught.value.details()), {each.field: each.description for each in bad.field_violations}


@quick
@given(ROWS, st.sampled_from(["acme", "acme-2", "zeta", "nobody"]), st.integers(0, 5))
def test_a_tenant_s_answer_is_a_function_of_its_own_rows(
    world: World, rows: list[FootprintRow], tenant: str, page_size: int
) -> None:
    with world.client(tenant) as client:
        answers = []
        for visible in (rows, [fact for fact in rows if fact.dimensions["account"] == tenant]):
            world.post(visible)
            answers.append(
                list(client.query_footprint(start=EVER[0], end=EVER[1], group_by=["account", "service"], page_size=page_size))
            )

    assert answers[0] == answers[1]
    assert {tenant} >= {fact.dimensions["account"] for fact in answers[0]}
    assert sum(fact.energy.millijoules for fact in answers[0]) == sum(
        fact.energy.millijoules for fact in rows if fact.dimensions["account"] == tenant
    )


@quick
@given(st.lists(st.one_of(st.sampled_from(ACCOUNTS), st.text(max_size=20)), min_size=1, max_size=4))
def test_asking_for_another_account_is_refused_alike_whether_or_not_it_exists(world: World, asked: list[str]) -> None:
    world.post([row(account) for account in ACCOUNTS])
    foreign = [account for account in asked if account != "acme"]
    request = request_of(filter=FootprintFilter(accounts=asked), group_by=["account"], page_size=-1, page_token="x")

    code, text, violations = refusal(world, request, "acme")

    if foreign:
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert text.startswith(f"permission denied on account {foreign[0]!r} (or it might not exist); ")
        assert violations == {}
    else:
        assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_tenant_may_name_its_own_account(world: World) -> None:
    world.post([row("acme"), row("zeta")])

    with world.client("acme") as client:
        rows = list(client.query_footprint(start=EVER[0], end=EVER[1], accounts=["acme", "acme"], group_by=["account"]))

    assert [fact.dimensions["account"] for fact in rows] == ["acme"]


def test_the_provider_sees_accounts_and_pools(world: World) -> None:
    world.post([row(account) for account in ACCOUNTS])

    with world.client() as client:
        everyone = list(client.query_footprint(start=EVER[0], end=EVER[1], group_by=["account"]))
        pool = list(client.query_footprint(start=EVER[0], end=EVER[1], accounts=[POOL_UNSOLD], group_by=["account"]))

    assert {fact.dimensions["account"] for fact in everyone} == set(ACCOUNTS)
    assert [fact.dimensions["account"] for fact in pool] == [POOL_UNSOLD]


@quick
@given(ROWS, ROWS, st.integers(1, 7))
def test_pages_of_any_size_are_the_whole_answer_whatever_is_posted_in_between(
    world: World, rows: list[FootprintRow], later: list[FootprintRow], page_size: int
) -> None:
    world.post(rows)
    whole = ask(world, request_of(group_by=["account", "service"]))
    request = request_of(group_by=["account", "service"], page_size=page_size)
    got: list[footprint.FootprintRow] = []
    versions = set()
    while True:
        page = ask(world, request)
        world.post(later)
        got += page.rows
        versions.add(page.ledger_version)
        assert len(page.rows) <= page_size
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert got == list(whole.rows)
    assert versions == {whole.ledger_version}


def token_of_second_page(world: World, account: str = "acme") -> str:
    world.post([row("acme", hour) for hour in range(5)] + [row("zeta", hour) for hour in range(5)])
    return ask(world, request_of(group_by=["service"], page_size=2), account).next_page_token


@quick
@given(st.data())
def test_a_page_token_with_any_character_changed_is_refused(world: World, data: st.DataObject) -> None:
    token = token_of_second_page(world)
    # Tokens differ from run to run, so what is drawn must not depend on one: a part of its length, and a step to another character.
    # The end is padding, and bits that are no part of the seal.
    at = data.draw(st.integers(0, 999)) * (len(token) - 5) // 999
    other = chr(45 + (ord(token[at]) - 45 + data.draw(st.integers(1, 77))) % 78)
    request = request_of(group_by=["service"], page_token=token[:at] + other + token[at + 1 :])

    code, _, violations = refusal(world, request, "acme")

    assert (code, list(violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


@quick
@given(st.text(min_size=1, max_size=200))
def test_no_text_is_taken_for_a_page_token(world: World, text: str) -> None:
    assert refusal(world, request_of(page_token=text), "acme")[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "change",
    [
        {"group_by": ["account"]},
        {"granularity": 3},
        {"end_time": instant_to_message(NOW)},
        {"filter": FootprintFilter(services=["web"])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_page_token_is_for_its_own_question(world: World, change: dict[str, object]) -> None:
    token = token_of_second_page(world)

    code, _, violations = refusal(world, request_of(**({"group_by": ["service"], "page_token": token} | change)), "acme")

    assert (code, list(violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


def test_a_page_token_gives_no_other_caller_anything(world: World) -> None:
    token = token_of_second_page(world, account="")
    request = request_of(group_by=["service"], page_token=token)

    assert refusal(world, request, "acme")[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert (
        refusal(world, replace_token(request, token_of_second_page(world, "zeta")), "acme")[0] is grpc.StatusCode.INVALID_ARGUMENT
    )


def replace_token(request: footprint.QueryFootprintRequest, token: str) -> footprint.QueryFootprintRequest:
    request.page_token = token
    return request


def test_page_size_may_change_between_pages(world: World) -> None:
    token = token_of_second_page(world)

    assert len(ask(world, request_of(group_by=["service"], page_size=3, page_token=token), "acme").rows) == 3


def test_a_page_token_holds_for_three_days(world: World) -> None:
    token = token_of_second_page(world)
    request = request_of(group_by=["service"], page_token=token)
    try:
        world.now = NOW + timedelta(days=3) - timedelta(seconds=1)
        assert len(ask(world, request, "acme").rows) == 3
        world.now = NOW + timedelta(days=3, seconds=2)
        assert refusal(world, request, "acme")[0] is grpc.StatusCode.INVALID_ARGUMENT
    finally:
        world.now = NOW


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start_time": None}, "start_time"),
        ({"end_time": None}, "end_time"),
        ({"end_time": instant_to_message(EVER[0])}, "end_time"),
        ({"group_by": ["colour"]}, "group_by"),
        ({"group_by": ["label:"]}, "group_by"),
        ({"group_by": ["label:" + "k" * 129]}, "group_by"),
        ({"group_by": ["site", "site"]}, "group_by"),
        ({"group_by": [f"label:{key}" for key in range(7)]}, "group_by"),
        ({"granularity": 99}, "granularity"),
        ({"page_size": -1}, "page_size"),
        ({"filter": FootprintFilter(services=["s"] * 1001)}, "filter.services"),
        ({"filter": FootprintFilter(operations=["o" * 257])}, "filter.operations"),
        ({"filter": FootprintFilter(accounts=["a" * 257])}, "filter.accounts"),
        ({"filter": FootprintFilter(components=["ideal"])}, "filter.components"),
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_named(world: World, fields: dict[str, object], field: str) -> None:
    code, text, violations = refusal(world, request_of(**fields))

    assert (code, list(violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert text.startswith(f"{field}: ")


def test_a_timestamp_out_of_range_is_named(world: World) -> None:
    request = request_of()
    request.start_time.seconds = 10**15

    assert list(refusal(world, request)[2]) == ["start_time"]


def test_every_fault_is_named_at_once(world: World) -> None:
    request = footprint.QueryFootprintRequest(group_by=["colour"], page_size=-1)

    assert set(refusal(world, request)[2]) == {"start_time", "end_time", "group_by", "page_size"}


@pytest.mark.parametrize("name", [*GROUPABLE, "label:team"])
def test_every_dimension_may_be_grouped_by(world: World, name: str) -> None:
    world.post([row("acme")])

    assert list(ask(world, request_of(group_by=[name])).rows[0].dimensions) == [name]


def test_a_request_of_more_than_a_mebibyte_is_refused(world: World) -> None:
    request = request_of(filter=FootprintFilter(services=["s" * 250] * 5_000))

    assert refusal(world, request)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_more_rows_than_the_most_come_in_pages_that_a_stock_client_takes(world: World) -> None:
    wide = replace(row("acme"), quality_flags=("f" * 600,))
    world.post([replace(wide, dimensions={"account": "acme", "service": f"s{number:05}"}) for number in range(10_500)])

    page = ask(world, request_of(group_by=["service"], page_size=10**6), "acme")
    with world.client("acme") as client:
        everything = list(client.query_footprint(start=EVER[0], end=EVER[1], group_by=["service"], page_size=10**6))

    assert page.ByteSize() < 4 << 20
    assert page.next_page_token
    assert [fact.dimensions["service"] for fact in everything] == [f"s{number:05}" for number in range(10_500)]


def test_batches_come_in_order_and_pages_do_not_move(world: World) -> None:
    listed = [batch(hour, site) for hour in range(20) for site in ("hall-a", "hall-b")]
    world.post(batches=listed)
    with world.channel() as channel:
        stub = allocation_stubs.AllocationServiceStub(channel)
        request = allocation.ListBatchesRequest(page_size=7)
        ids = []
        while True:
            page = stub.ListBatches(request, timeout=10, metadata=world.bearer())
            world.post()
            ids += [each.id for each in page.batches]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token

    assert ids == [each.id for each in listed]


def test_batches_of_a_stretch_of_time(world: World) -> None:
    world.post(batches=[batch(hour) for hour in range(150)])

    with world.client() as client:
        assert list(client.list_batches()) == [batch(hour) for hour in range(150)]
        assert list(client.list_batches(START + timedelta(hours=2), START + timedelta(hours=4))) == [batch(2), batch(3)]


def test_a_run_passes_rule_and_times_on_and_returns_what_it_did(world: World) -> None:
    with world.client() as client:
        run = client.run_allocation(START, NOW, "used")

    assert world.runs[-1] == ("used", START, NOW)
    assert (run.posted, run.unchanged_count) == ((batch(0),), 2)


def test_the_rule_is_the_first_where_none_is_named_and_an_unknown_one_is_refused(world: World) -> None:
    with world.client() as client:
        client.run_allocation()
        assert world.runs[-1] == ("reserved_and_used", None, None)
        with pytest.raises(RemoteError, match="there is no rule 'fair'") as caught:
            client.run_allocation(rule="fair")

    assert (caught.value.code, caught.value.remote_reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")


def test_the_goal_comes_whole(world: World) -> None:
    with world.client() as client:
        assert client.get_goal_progress() == goal()
        assert client.get_goal_progress("goals/cloud-2030") == goal()


@pytest.mark.parametrize("name", ["", "goals/", "cloud", "goals/a/b", "goals/\n"])
def test_a_goal_s_name_is_checked(world: World, name: str) -> None:
    with world.client() as client, pytest.raises(RemoteError) as caught:
        client.get_goal_progress(name)

    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_tenant_may_not_run_list_or_read_goals(world: World) -> None:
    with world.client("acme") as client:
        for asked in (client.run_allocation, lambda: list(client.list_batches()), client.get_goal_progress):
            with pytest.raises(PermissionDeniedError):
                asked()
