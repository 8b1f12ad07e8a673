"""Restatements over the API: a tenant is shown its own lines and nothing of anyone else's, pages lose none, providers restate."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import PermissionDeniedError, RemoteError
from greencloud.ledger import CAUSES
from greencloud.results import RESTATED_MEASURES, BookChange, Restatement, RestatementLine
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.paging import Pages
from greencloud.server.restatements import restatement_page, units_of
from greencloud.server.services import RestateOrder
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from inprocess import NOW, START, World, row, serving
from profiles import examples

ACCOUNTS = ("acme", "acme-2", "zeta", "(unsold)")
LINES = st.lists(
    st.builds(
        RestatementLine,
        account=st.sampled_from(ACCOUNTS),
        service=st.sampled_from(["web", "db"]),
        region=st.just("eu"),
        sku=st.just(""),
        component=st.just("dynamic"),
        measure=st.sampled_from(RESTATED_MEASURES),
        old=st.integers(0, 10**24),
        new=st.integers(0, 10**24),
    ),
    max_size=8,
).map(tuple)
CHANGES = st.lists(
    st.one_of(
        st.builds(BookChange, st.just("factors.DE.location"), st.just("1 g/kWh"), st.just("2 g/kWh")),
        st.builds(lambda account: BookChange(f"reservations.{account}.s.vcpu", "1", "2", account), st.sampled_from(ACCOUNTS[:3])),
        st.builds(BookChange, st.just("hosts.h1.dedicated_to"), st.just("zeta"), st.just("acme-2")),
        st.builds(BookChange, st.just("meters.s.h1"), st.just("energy_mj=1"), st.just("energy_mj=2")),
    ),
    max_size=4,
).map(tuple)


@st.composite
def lists(draw: st.DrawFn) -> list[Restatement]:
    return [
        Restatement(
            "s",
            START + timedelta(hours=draw(st.integers(0, 5))),
            START + timedelta(hours=9),
            f"{number}",
            f"{number + 1}",
            NOW + timedelta(seconds=number),
            draw(st.lists(st.sampled_from(CAUSES), min_size=1, unique=True).map(tuple)),
            "ada",
            "why",
            draw(LINES),
            draw(CHANGES),
            draw(st.integers(0, 3)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


quick = settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("restatements")) as world:
        yield world


def owned_by(tenant: str, each: Restatement) -> Restatement:
    """What is left of a restatement where nobody but one tenant exists."""
    changes = [change for change in each.changes if change.account == tenant or change.path.startswith("factors.")]
    lines = [line for line in each.lines if line.account == tenant]
    return replace(each, lines=tuple(lines), changes=tuple(changes), changes_left_out=0)


@quick
@given(lists(), st.sampled_from(["acme", "acme-2", "zeta", "nobody"]), st.integers(0, 4))
def test_a_tenant_s_answer_is_a_function_of_its_own_lines(
    world: World, restated: list[Restatement], tenant: str, page_size: int
) -> None:
    alone = [owned_by(tenant, each) for each in restated]
    with world.client(tenant) as client:
        answers = []
        for visible in (restated, alone):
            world.post(restated=visible)
            answers.append(list(client.list_restatements(page_size=page_size)))
    assert answers[0] == answers[1] == [each for each in alone if each.lines]


@quick
@given(lists(), st.integers(1, 6))
def test_pages_lose_no_line_and_stay_within_their_size(world: World, restated: list[Restatement], size: int) -> None:
    world.post(restated=restated)
    with world.client() as client:
        assert list(client.list_restatements(page_size=size)) == restated
    at = within = 0
    while at < len(restated):
        left = units_of(restated[at:]) - within
        page = restatement_page(restated[at:], within, size)
        at, within = at + page.done, page.within
        assert sum(len(each.lines) or 1 for each in page.messages) == min(size, left)


def test_a_restatement_of_many_lines_goes_over_several_messages_and_comes_whole(world: World) -> None:
    line = RestatementLine("acme", "w" * 200, "eu", "", "dynamic", "energy", 1, 2)
    lines = tuple(replace(line, sku=f"sku-{number}") for number in range(20_000))
    large = Restatement("s", START, NOW, "1", "2", NOW, ("late_data",), lines=lines)
    world.post(restated=[large, replace(large, lines=(line,))])
    with world.client(timeout=60) as client:
        assert list(client.list_restatements(page_size=10_000)) == [large, replace(large, lines=(line,))]
        cut = client.restate(START, NOW, "why", dry_run=True).restatements
    assert 0 < sum(len(each.lines) for each in cut) < len(lines)


@quick
@given(st.lists(st.one_of(st.sampled_from(ACCOUNTS), st.text(max_size=20)), min_size=1, max_size=4))
def test_asking_for_another_account_is_refused_alike_whether_or_not_it_exists(world: World, asked: list[str]) -> None:
    world.post()
    foreign = [account for account in asked if account != "acme"]
    with world.client("acme") as client:
        if not foreign:
            assert list(client.list_restatements(accounts=asked)) == []
            return
        with pytest.raises(PermissionDeniedError, match="or it might not exist"):
            list(client.list_restatements(accounts=asked, page_size=-1))


def test_time_and_accounts_narrow_the_list(world: World) -> None:
    line = RestatementLine("acme", "web", "eu", "", "dynamic", "energy", 1, 2)
    restated = [
        Restatement(
            "s", START + timedelta(hours=hour), NOW, f"{hour}", "x", NOW, ("unknown",), lines=(replace(line, account=name),)
        )
        for hour, name in enumerate(["acme", "zeta", "acme"])
    ]
    lost = Restatement("s", START, NOW, "l", "m", NOW, ("unknown",), kept=False)
    world.post(restated=[*restated, lost])
    with world.client() as client:
        assert list(client.list_restatements()) == [*restated, lost]
        assert list(client.list_restatements(START + timedelta(hours=1))) == restated[1:]
        assert list(client.list_restatements(end=START + timedelta(hours=1))) == [restated[0], lost]
        assert list(client.list_restatements(accounts=["zeta"])) == [restated[1]]


def test_a_page_token_belongs_to_its_caller_and_question_and_reads_one_version(world: World) -> None:
    line = RestatementLine("acme", "web", "eu", "", "dynamic", "energy", 1, 2)
    restated = [Restatement("s", START, NOW, f"{n}", "x", NOW, ("unknown",), lines=(line, line)) for n in range(3)]
    world.post(restated=restated)
    request = footprint.ListRestatementsRequest(page_size=3)
    with world.channel() as channel:
        ask = footprint_stubs.FootprintServiceStub(channel).ListRestatements
        first = ask(request, timeout=10, metadata=world.bearer("acme"))
        world.post([row("acme")])
        request.page_token = first.next_page_token
        second = ask(request, timeout=10, metadata=world.bearer("acme"))
        assert (second.ledger_version, second.next_page_token) == (first.ledger_version, "")
        assert [each.continued for each in (*first.restatements, *second.restatements)] == [False, False, True, False]
        for caller, wrong in (("zeta", request), ("acme", footprint.ListRestatementsRequest(accounts=["acme"]))):
            wrong.page_token = first.next_page_token
            with pytest.raises(grpc.RpcError) as caught:
                ask(wrong, timeout=10, metadata=world.bearer(caller))
            assert isinstance(caught.value, grpc.Call)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_provider_restates_with_its_name_and_reason(world: World) -> None:
    with world.client() as client:
        run = client.restate(START, NOW, "  the factor\n was wrong ", rule="used", dry_run=True)
        assert run.unchanged_count == 1
        order = world.orders[-1]
        assert order == RestateOrder("used", START, NOW, order.requested_by, "the factor was wrong", dry_run=True)
        assert order.requested_by
        client.restate(START, NOW, "sure", confirm_large_changes=True)
        assert (world.orders[-1].rule, world.orders[-1].dry_run, world.orders[-1].unbounded) == ("reserved_and_used", False, True)
    with world.client("acme") as tenant, pytest.raises(PermissionDeniedError):
        tenant.restate(START, NOW, "mine")


@pytest.mark.parametrize(
    ("reason", "rule", "field"), [("", "", "reason"), (" \n", "", "reason"), ("x" * 1_001, "", "reason"), ("ok", "fair", "rule")]
)
def test_what_is_wrong_with_an_order_is_told(world: World, reason: str, rule: str, field: str) -> None:
    before = len(world.orders)
    with world.client() as client, pytest.raises(RemoteError, match=field) as caught:
        client.restate(START, NOW, reason, rule=rule)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert len(world.orders) == before


def test_a_control_character_in_a_reason_is_refused(world: World) -> None:
    with world.client() as client, pytest.raises(RemoteError, match="printable"):
        client.restate(START, NOW, "red \x1b[31m text")


def test_a_page_token_of_the_release_before_has_expired(world: World) -> None:
    pages = Pages(bytes(32), clock=lambda: NOW)
    sealed = json.dumps({"version": 3, "offset": 5, "for": "x"}).encode()
    token = Fernet(base64.urlsafe_b64encode(bytes(32))).encrypt_at_time(sealed, int(NOW.timestamp())).decode()
    with pytest.raises(RequestError, match="page_token"):
        pages.open(footprint.ListRestatementsRequest(page_token=token), Principal("tenant", "acme", "acme"))


def test_a_page_reads_no_restatement_that_it_does_not_show() -> None:
    line = RestatementLine("acme", "web", "eu", "", "dynamic", "energy", 1, 2)
    one = Restatement("s", START, NOW, "1", "2", NOW, ("late_data",), lines=(line, line))
    taken: list[int] = []

    def restated() -> Iterator[Restatement]:
        for number in range(100):
            taken.append(number)
            yield one

    page = restatement_page(restated(), 0, 5)
    assert (page.done, page.within, page.begun) == (2, 1, one)
    assert taken == [0, 1, 2]


def test_a_page_ends_where_many_were_read_in_vain_and_the_list_goes_on(world: World) -> None:
    others = Restatement(
        "s", START, NOW, "1", "2", NOW, ("late_data",), lines=(RestatementLine("zeta", "", "eu", "", "dynamic", "energy", 1, 2),)
    )
    own = replace(others, old_batch="3", lines=(replace(others.lines[0], account="acme"),))
    world.post(restated=[*[others] * 2_500, own])
    with world.channel() as channel:
        ask = footprint_stubs.FootprintServiceStub(channel).ListRestatements
        first = ask(footprint.ListRestatementsRequest(), timeout=10, metadata=world.bearer("acme"))
    assert not first.restatements
    assert first.next_page_token
    with world.client("acme") as client:
        assert list(client.list_restatements()) == [own]
