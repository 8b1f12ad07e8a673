"""The overview and the way down: they show what the server answers, to the microgram, and a link leads to the same figure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from greencloud.errors import GreencloudError, QuantityError
from greencloud.page.customer import VIEWS
from greencloud.page.view import Caller
from greencloud.results import FootprintRow
from greencloud.testing import END, START, Server
from page_callers import calling, column, follow, kg, look, section_of, summed, table_of, texts_of

DIMENSIONS = ("service", "region", "sku", "component")


@pytest.fixture(scope="module")
def acme(seeded_server: Server) -> Iterator[Caller]:
    with calling(seeded_server, "acme") as caller:
        yield caller


@pytest.fixture(scope="module")
def provider(seeded_server: Server) -> Iterator[Caller]:
    with calling(seeded_server) as caller:
        yield caller


def whole(caller: Caller, **filters: list[str]) -> FootprintRow:
    return caller.client.query_footprint(start=START, end=END, **filters).total()  # type: ignore[arg-type]


def test_every_section_of_the_overview_adds_up_to_what_the_server_answers(acme: Caller) -> None:
    shown, total = look(acme, "/"), whole(acme)
    for name in (*DIMENSIONS, "over-time"):
        assert summed(table_of(shown, name), "kg_co2e_location_based") == kg(total), name
        assert summed(table_of(shown, name), "kg_co2e_market_based") == kg(total, market=True), name
    for method, market in (("location", False), ("market", True)):
        assert summed(table_of(shown, "scope"), f"kg_co2e_{method}_based") == kg(total, market=market)
    assert summed(table_of(shown, "week"), "kg_co2e_location_based") == kg(total)
    assert not shown.empty
    assert len(shown.cards) == 4


def test_the_provider_sees_every_account_and_pool_and_each_leads_to_its_own_page(provider: Caller) -> None:
    table = table_of(look(provider, "/"), "account")
    assert summed(table, "kg_co2e_location_based") == kg(whole(provider))
    for row, link in zip(table.csv[1:], table.links, strict=True):
        account = str(row[0])
        own = follow(provider, link)
        assert Decimal(row[2]) == kg(whole(provider, accounts=[account]))
        assert summed(table_of(own, "over-time"), "kg_co2e_location_based") == Decimal(row[2])
        assert own.crumbs[-1] == (account, "")


def test_a_row_leads_to_a_page_of_the_same_figure(acme: Caller) -> None:
    shown = look(acme, "/", lang="zh")
    for name in DIMENSIONS:
        table = table_of(shown, name)
        assert len(table.links) == len(table.rows) == len(table.csv) - 1
        assert all("lang=zh" in link for link in table.links)
        row, link = table.csv[-1], table.links[-1]
        assert summed(table_of(follow(acme, link), "over-time"), "kg_co2e_location_based") == Decimal(row[2]), link


def test_the_way_down_from_account_to_the_explanation_of_a_window(acme: Caller) -> None:
    overview = look(acme, "/", period="2025-01")
    service = follow(acme, next(link for link in table_of(overview, "service").links if "shop" in link))
    table = table_of(service, "operation")
    total = whole(acme, services=["shop"])
    assert summed(table, "kg_co2e_location_based") == kg(total)
    operation = follow(acme, next(link for link in table.links if "browse" in link))
    moments = table_of(operation, "per-operation")
    browse = whole(acme, services=["shop"], operations=["browse"])
    assert summed(moments, "operation_count") == browse.operation_count > 0
    assert summed(moments, "kg_co2e_location_based") == kg(browse)
    for amount, count, each in zip(
        column(moments, "kg_co2e_location_based"),
        column(moments, "operation_count"),
        column(moments, "mg_each_location"),
        strict=True,
    ):
        assert abs(amount * 10**6 / count - each) < Decimal("0.000001")
    windows = follow(acme, next(each.href for each in operation.downloads if each.href.startswith("/trace")))
    largest = table_of(windows, "windows")
    assert column(largest, "kg_co2e_location_based") == sorted(column(largest, "kg_co2e_location_based"), reverse=True)
    explained = follow(acme, largest.links[0])
    assert summed(table_of(explained, "amounts"), "amount") > 0
    assert [text for text, _ in operation.crumbs] == ["acme", "Service: shop", "Operation: browse"]
    assert follow(acme, operation.crumbs[1][1]).title == service.title


def test_the_service_is_beside_its_operation_and_has_all_of_its_emissions(acme: Caller) -> None:
    moments = table_of(look(acme, "/operation", service="shop", operation="browse"), "per-operation")
    total = whole(acme, services=["shop"])
    every = column(moments, "mg_each_of_service")
    assert len(every) == len(moments.rows)
    counted = zip(every, column(moments, "operation_count"), strict=True)  # browse is all that shop does
    assert abs(sum((each * count for each, count in counted), Decimal()) / 10**6 - kg(total)) < Decimal("0.00001")


def test_nothing_posted_is_said_with_what_to_do_and_never_a_zero(acme: Caller) -> None:
    for view in VIEWS:
        if view.path == "/statement":
            continue
        shown = look(acme, view.path, period="2024-03", lang="zh", service="shop", operation="browse")
        assert shown.empty, view.path
        if view.path != "/statements":
            assert "未知" in shown.empty, view.path
            assert "2025-01-06" in shown.empty, view.path
        assert not shown.sections
        assert not shown.cards
    assert "not zero: it is not known" in look(acme, "/", period="2024-03").empty


def test_what_is_unnamed_or_unknown_is_refused_with_advice(acme: Caller) -> None:
    for path, parameters in (
        ("/service", {}),
        ("/operation", {"service": "shop"}),
        ("/by", {"dimension": "colour"}),
        ("/by", {"granularity": "eon"}),
        ("/compare", {"against": "yore"}),
        ("/compare", {"method": "guess"}),
        ("/hours", {"shift": "99"}),
        ("/hours", {"to_region": "moon"}),
        ("/rules", {"days": "9999"}),
        ("/export", {"format": "exe"}),
        ("/export", {"format": "csv", "by": "colour"}),
        ("/export", {"format": "focus", "as": "json"}),
        ("/explain", {"windows": "1000"}),
        ("/statement", {"part": "key"}),
    ):
        with pytest.raises(QuantityError) as caught:
            look(acme, path, **parameters)
        assert caught.value.advice, path


def test_an_account_is_shown_nothing_of_another(seeded_server: Server) -> None:
    with calling(seeded_server, "globex") as globex:
        for view in VIEWS:
            own = {"service": "reports", "operation": "nightly", "format": "csv"}
            try:
                text = texts_of(look(globex, view.path, **own))
            except GreencloudError as error:
                text = str(error)
            for word in ("acme", "till", "checkout", "std-4", "fra1"):
                assert word not in text, (view.path, word)
            if view.path != "/statements":  # of which the log of roots is the same for everybody
                with pytest.raises(GreencloudError):
                    look(globex, view.path, account="acme", service="shop", operation="browse", period="2025-01", format="csv")


def test_an_open_period_says_that_it_is_compared_with_a_whole_one(acme: Caller) -> None:
    shown = look(acme, "/", START.replace(hour=20), period="2025-01-06")
    assert any("not over" in note for note in shown.notes)
    assert not any("not over" in note for note in look(acme, "/").notes)


def test_sections_that_a_reader_counts_on_are_there(acme: Caller) -> None:
    shown = look(acme, "/")
    names = [section.id for section in shown.sections]
    assert len(set(names)) == len(names)
    assert {"over-time", "scope", *DIMENSIONS, "operations", "week", "what-if"} == set(names)
    assert section_of(shown, "operations").table is not None
