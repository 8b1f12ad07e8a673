"""CompareRules: what the data directory says, to a tenant its own rows alone; few at a time, and only while the caller waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from api_world import NOW, TENANTS, data_of
from greencloud.allocation import RULES
from greencloud.engine import DataDirectory
from greencloud.engine.compare import compare_rules, rule_comparison
from greencloud.errors import QuantityError, StoppedError
from greencloud.ledger.stop import Stop
from greencloud.results import RuleComparison
from greencloud.server import Principal
from greencloud.server import comparisons as module
from greencloud.server.comparisons import Comparisons
from greencloud.server.errors import BusyError, RequestError
from greencloud.server.paging import Pages
from greencloud.server.services import CompareOrder, Services
from greencloud.server.wiring import services_of
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.wire import comparison_from_messages, comparison_to_message, instant_to_message
from inprocess import World, serving
from strategies import START, provider, usage

ME, OTHER, _ = TENANTS
PROVIDER = Principal("provider.admin", "", "operator")
TENANT = Principal("customer.viewer", ME.account, "somebody")


class Call(Stop):
    """Stopped after so many looks."""

    def __init__(self, looks: int = 10**9) -> None:
        super().__init__()
        self.looks = looks

    def check(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            self.set()
        super().check()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return data_of(tmp_path_factory.mktemp("compared"), TENANTS)


@pytest.fixture
def comparisons(data: DataDirectory) -> Comparisons:
    return Comparisons(services_of(data, lambda: NOW), pages())


def pages() -> Pages:
    return Pages(bytes(32), clock=lambda: NOW)


def local(data: DataDirectory, by: tuple[str, ...] = ("account",), accounts: tuple[str, ...] | None = None) -> RuleComparison:
    return rule_comparison(compare_rules(data, rules=RULES, by=by, accounts=accounts), now=NOW)


def paged(asked: Callable[[messages.CompareRulesRequest], messages.CompareRulesResponse], **fields: Any) -> RuleComparison:
    found: list[messages.CompareRulesResponse] = []
    token = ""
    while not found or token:
        found.append(asked(messages.CompareRulesRequest(page_token=token, **fields)))
        token = found[-1].next_page_token
    return comparison_from_messages(found)


@pytest.mark.parametrize("by", [("account",), ("site", "service"), ("account", "component", "sku", "operation", "region")])
def test_the_provider_is_told_what_the_data_directory_says(
    data: DataDirectory, comparisons: Comparisons, by: tuple[str, ...]
) -> None:
    told = local(data, by)
    for size in (0, 1, 7):
        assert paged(lambda request: comparisons.page(request, PROVIDER, Call()), group_by=by, page_size=size) == told, size


def test_rows_of_a_tenant_are_those_that_the_provider_sees_of_it(data: DataDirectory, comparisons: Comparisons) -> None:
    everyone = local(data, ("account", "service", "site"))
    own = paged(lambda request: comparisons.page(request, TENANT, Call()), group_by=["account", "service", "site"])

    assert own.rows == tuple(row for row in everyone.rows if row.row.dimensions["account"] == ME.account)
    assert {row.row.dimensions["account"] for row in own.rows} == {ME.account}
    assert own.notes == ()
    assert len(own.rows) < len(everyone.rows)


def test_differences_are_from_the_first_rule_and_add_up_to_nothing(data: DataDirectory) -> None:
    found = local(data)
    first = {row.row.dimensions["account"]: row.row for row in found.rows if row.rule == found.rules[0]}
    for row in found.rows:
        base = first[row.row.dimensions["account"]]
        assert row.energy_difference == row.row.energy - base.energy
        assert row.total_location_based_difference == row.row.total_location_based - base.total_location_based
        assert row.total_market_based_difference == row.row.total_market_based - base.total_market_based
    for rule in found.rules:
        assert sum(row.energy_difference.millijoules for row in found.rows if row.rule == rule) == 0


def test_windows_that_are_left_out_are_counted_for_those_who_were_there(tmp_path: Path) -> None:
    data = data_of(tmp_path, TENANTS)
    site, host = OTHER.texts["site"], OTHER.texts["host"]
    late = {"window_start": START + timedelta(hours=5)}
    data.segments.write(usage([provider(OTHER.account, 10**18, site=site, host=host, **late)]))  # more than the host can do
    data.segments.write(usage([provider(OTHER.account, 1, site=site, host="nobody's", **late)]))

    everyone, own, other = (local(data, accounts=accounts) for accounts in (None, (ME.account,), (OTHER.account,)))

    assert [found.refused_window_count for found in (everyone, own, other)] == [1, 0, 1]
    assert (own.start, own.end) == (START, START + timedelta(hours=2))


def test_a_comparison_of_too_many_windows_is_refused_with_the_bound(data: DataDirectory) -> None:
    with pytest.raises(QuantityError, match="more than 7 site-windows") as caught:
        compare_rules(data, rules=RULES, by=("account",), most_windows=7)
    assert caught.value.advice == "ask for a shorter time"
    assert compare_rules(data, rules=RULES, by=("account",), most_windows=8).refused == []


def test_it_stops_at_the_next_window_when_the_caller_is_gone(data: DataDirectory, comparisons: Comparisons) -> None:
    gone = Call(3)
    with pytest.raises(StoppedError):
        comparisons.page(messages.CompareRulesRequest(), TENANT, gone)
    assert gone.looks == -1
    assert comparisons.page(messages.CompareRulesRequest(), TENANT, Call()).rows  # and its place is free again


def test_what_is_wrong_is_told_at_once(comparisons: Comparisons) -> None:
    request = messages.CompareRulesRequest(
        rules=["used", "used"],
        group_by=["labels"],
        page_size=-1,
        start_time=instant_to_message(NOW),
        end_time=instant_to_message(NOW),
    )
    with pytest.raises(RequestError) as caught:
        comparisons.page(request, PROVIDER, Call())
    assert {field for field, _ in caught.value.violations} == {"rules", "group_by", "page_size", "end_time"}


class Slow:
    """Comparisons that wait until they are let go."""

    def __init__(self) -> None:
        self.arrived, self.released = threading.Semaphore(0), threading.Event()

    def compare(self, order: CompareOrder, go_on: Callable[[], None]) -> RuleComparison:
        self.arrived.release()
        self.released.wait(10)
        return RuleComparison((), order.rules)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Slow]]:
    slow = Slow()
    plain = Services.__init__

    def made(self: Services, **fields: Any) -> None:
        plain(self, **fields, compare=lambda *order: slow.compare(*order))  # noqa: PLW0108  tests put others in place

    monkeypatch.setattr(Services, "__init__", made)
    with serving(tmp_path) as world:
        yield world, slow


def test_an_account_has_one_at_a_time_and_two_are_made_in_all(slow: tuple[World, Slow]) -> None:
    world, work = slow
    with world.channel() as channel:
        ask = stubs.FootprintServiceStub(channel).CompareRules
        request = messages.CompareRulesRequest()
        first = ask.future(request, metadata=world.bearer("acme"), timeout=20)
        assert work.arrived.acquire(timeout=10)
        with pytest.raises(grpc.RpcError, match="other comparisons"):
            ask(request, metadata=world.bearer("acme"), timeout=20)
        second = ask.future(request, metadata=world.bearer("bolt"), timeout=20)
        assert work.arrived.acquire(timeout=10)
        with pytest.raises(grpc.RpcError, match="other comparisons") as caught:
            ask(request, metadata=world.bearer(""), timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        work.released.set()
        assert list(first.result().rules) == list(second.result().rules) == ["reserved_and_used", "used"]
        assert ask(request, metadata=world.bearer("acme"), timeout=20).rules


def test_a_caller_who_hangs_up_frees_the_place(slow: tuple[World, Slow], monkeypatch: pytest.MonkeyPatch) -> None:
    world, work = slow
    ended = threading.Event()

    def until_gone(order: CompareOrder, go_on: Callable[[], None]) -> RuleComparison:
        work.arrived.release()
        try:
            while not work.released.wait(0.01):
                go_on()
        finally:
            ended.set()
        return RuleComparison((), order.rules)

    monkeypatch.setattr(work, "compare", until_gone)
    with world.channel() as channel:
        ask = stubs.FootprintServiceStub(channel).CompareRules
        call = ask.future(messages.CompareRulesRequest(), metadata=world.bearer("acme"), timeout=60)
        assert work.arrived.acquire(timeout=20)
        call.cancel()
        assert ended.wait(20)
        work.released.set()
        for left in reversed(range(200)):  # what it worked on has ended; its place is given back a moment later
            try:
                assert ask(messages.CompareRulesRequest(), metadata=world.bearer("acme"), timeout=20).rules
                break
            except grpc.RpcError:
                assert left
                ended.clear()
                ended.wait(0.02)


def test_two_that_ask_for_one_place_do_not_both_have_it(comparisons: Comparisons) -> None:
    with comparisons._turns.one_of(PROVIDER), pytest.raises(BusyError), comparisons._turns.one_of(PROVIDER):
        pass


def test_a_page_that_would_not_go_on_with_the_one_before_is_refused(tmp_path: Path) -> None:
    data = data_of(tmp_path, TENANTS)
    services = services_of(data, lambda: NOW)
    request = messages.CompareRulesRequest(page_size=2, rules=["used", "reserved"])
    first = Comparisons(services, pages()).page(request, PROVIDER, Call())
    request.page_token = first.next_page_token

    whole = rule_comparison(compare_rules(data, rules=("used", "reserved"), by=("account",)), now=NOW)
    again = Comparisons(services, pages()).page(request, PROVIDER, Call())  # another process, which makes it anew
    data.segments.write(usage([provider(ME.account, 5, window_start=START + timedelta(hours=3))]))
    with pytest.raises(RequestError, match="telemetry arrived"):
        Comparisons(services, pages()).page(request, PROVIDER, Call())

    assert [*first.rows, *again.rows] == list(comparison_to_message(whole).rows)[:4]


def test_the_bound_is_what_the_documentation_says() -> None:
    assert module.MOST_WINDOWS == 2_000
