"""``Client`` and ``AsyncClient`` are one client: the same methods, the same requests on the wire, the same values and errors."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
import types
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from answering import METHODS, Answering, Failure, answering
from goal_world import goal_of
from greencloud.client import AsyncClient, Client
from greencloud.client.errors import error_from
from greencloud.errors import GreencloudError, QuantityError, RemoteError, UnavailableError
from greencloud.results import (
    AppliedFacilityBook,
    AuditEntry,
    BookChange,
    CallerIdentity,
    DataAvailability,
    DimensionValue,
    FacilityBook,
    Restatement,
    RestatementLine,
    RootLogEntry,
    RuleComparison,
    RuleRow,
    RunSummary,
    SiteDataAvailability,
    Statement,
)
from greencloud.results.goals import BusinessMetric
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import facility_service_pb2 as facility
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import goal_pb2, quantity_pb2
from greencloud.v1 import goal_service_pb2 as goals
from greencloud.v1 import identity_service_pb2 as identity
from greencloud.wire import (
    batch_to_message,
    business_metric_to_message,
    goal_progress_to_message,
    goal_to_message,
    log_entry_to_message,
    restatement_to_message,
    row_to_message,
    statement_to_message,
)
from inprocess import NOW, START, batch, goal, row

END = START + timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def public(kind: type) -> dict[str, Any]:
    parts = [part for part in reversed(kind.__mro__) if part.__module__.startswith("greencloud.client")]
    members = {name: member for part in parts for name, member in vars(part).items()}
    shown = {name: member for name, member in members.items() if not name.startswith("_") or name == "__init__"}
    return {name: member.__func__ if isinstance(member, classmethod) else member for name, member in shown.items()}


def test_every_rpc_has_a_method_in_both() -> None:
    wanted = {snake(name) for name in METHODS}

    assert wanted <= set(public(Client))
    assert wanted <= set(public(AsyncClient))


def plain(text: Any) -> str:
    """An annotation or a docstring without what the twin must say otherwise."""
    return re.sub(r"\bAsync(?=[A-Z])|\bawait |, awaited or not,", "", str(text)).replace("gives one and is", "gives one and is")


@pytest.mark.parametrize("name", sorted(public(Client)))
def test_the_twins_have_the_same_methods_parameters_and_words(name: str) -> None:
    one, other = public(Client)[name], public(AsyncClient)[name]
    assert set(public(Client)) == set(public(AsyncClient))
    if isinstance(one, property):
        one, other = one.fget, other.fget
    of_one, of_other = inspect.signature(one), inspect.signature(other)

    assert [(each.name, each.kind, each.default) for each in of_one.parameters.values()] == [
        (each.name, each.kind, each.default) for each in of_other.parameters.values()
    ]
    assert [plain(each.annotation) for each in (*of_one.parameters.values(),)] == [
        plain(each.annotation) for each in of_other.parameters.values()
    ]
    assert plain(of_one.return_annotation) == plain(of_other.return_annotation)
    assert plain(one.__doc__).split() == plain(other.__doc__).split()


def test_the_classes_say_the_same_of_their_arguments() -> None:
    assert (
        plain(Client.__doc__).replace(" and is asked", " is asked").split()
        == plain(AsyncClient.__doc__).replace(" and is asked", " is asked").split()
    )


async def settled(value: Any) -> Any:
    """What a method gives, whichever kind it is: awaited, and lists as lists."""
    if isinstance(value, Awaitable):
        value = await value
    return await value.to_list() if hasattr(value, "to_list") else value


def both(server: Answering, ask: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """The value that both clients give, and the requests that both sent."""
    start = len(server.received)
    saved = {name: list(queue) for name, queue in server.answers.items()}
    with Client(server.target, token="t") as client:
        one = ask(client)
        one = one.to_list() if hasattr(one, "to_list") else one
    first = server.received[start:]
    server.answers = saved

    async def go() -> Any:
        async with AsyncClient(server.target, token="t") as client:
            return await settled(ask(client))

    other = asyncio.run(go())
    assert one == other
    assert first == server.received[start + len(first) :]
    return one, [request for _, request in first]


def at(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def energy(millijoules: int) -> quantity_pb2.Energy:
    return quantity_pb2.Energy(millijoules=millijoules)


def emissions(micrograms: int) -> quantity_pb2.Emissions:
    return quantity_pb2.Emissions(micrograms=micrograms)


def test_pages_of_rows_with_every_argument(server: Answering) -> None:
    rows = [row("acme", hour) for hour in range(5)]
    pages = [
        footprint.QueryFootprintResponse(
            rows=map(row_to_message, rows[:3]), next_page_token="next", total_size=5, ledger_version=7
        ),
        footprint.QueryFootprintResponse(rows=map(row_to_message, rows[3:]), total_size=5, ledger_version=7),
    ]
    server.will("QueryFootprint", *pages)

    found, sent = both(
        server,
        lambda client: client.query_footprint(
            start=START,
            end=END,
            accounts=["acme"],
            services=("web",),
            methodology_versions=["used/2"],
            group_by=iter(["account", "service"]),
            granularity="quarter",
            fiscal_year_start_month=4,
            order_by=["total_location_based desc", "energy"],
            page_size=3,
        ),
    )

    assert found == rows
    wanted = footprint.QueryFootprintRequest(
        start_time=at(START),
        end_time=at(END),
        filter=footprint.FootprintFilter(accounts=["acme"], services=["web"], methodology_versions=["used/2"]),
        group_by=["account", "service"],
        granularity=footprint.GRANULARITY_QUARTER,
        fiscal_year_start_month=4,
        order_by="total_location_based desc, energy",
        page_size=3,
    )
    following = footprint.QueryFootprintRequest(page_token="next")
    following.MergeFrom(wanted)
    assert sent == [wanted, following]


def test_pages_say_how_many_rows_there_are_and_a_list_can_be_gone_through_again(server: Answering) -> None:
    server.will(
        "QueryFootprint",
        footprint.QueryFootprintResponse(rows=[row_to_message(row("a"))], next_page_token="n", total_size=2, ledger_version=7),
        footprint.QueryFootprintResponse(rows=[row_to_message(row("b"))], total_size=2, ledger_version=7),
    )

    with Client(server.target, token=None) as client:
        rows = client.query_footprint(start=START, end=END, group_by=["account"])
        pages = list(rows.pages())
        server.will("QueryFootprint", footprint.QueryFootprintResponse())
        again = rows.to_list()

    assert [(len(page), page.total_size, page.ledger_version) for page in pages] == [(1, 2, 7), (1, 2, 7)]
    assert [fact.dimensions["account"] for page in pages for fact in page] == ["a", "b"]
    assert again == []
    assert not server.received[0][1].page_token


def test_restatements_come_whole_over_pages(server: Answering) -> None:
    def restatement(site: str, *accounts: str) -> Restatement:
        lines = tuple(RestatementLine(account, "web", "eu", "", "dynamic", "energy", 1, 2) for account in accounts)
        return Restatement(site, START, END, "old", "new", NOW, ("late_data",), lines=lines)

    parts = [[restatement("a", "x")], [restatement("a", "y")], [], [restatement("a", "z"), restatement("b", "x")]]
    pages = [
        footprint.ListRestatementsResponse(restatements=map(restatement_to_message, part), next_page_token=str(number))
        for number, part in enumerate(parts)
    ]
    pages[1].restatements[0].continued = pages[3].restatements[0].continued = True
    pages[3].next_page_token = ""
    server.will("ListRestatements", *pages)

    found, _ = both(server, lambda client: client.list_restatements(START, END, ["x", "y", "z"]))

    assert found == [restatement("a", "x", "y", "z"), restatement("b", "x")]


def test_runs_and_restatements(server: Answering) -> None:
    server.will("RunAllocation", allocation.RunAllocationResponse(posted_batches=[batch_to_message(batch(0))], unchanged_count=2))
    run, sent = both(server, lambda client: client.run_allocation(START, END, "used"))
    assert run == RunSummary(posted=(batch(0),), unchanged_count=2)
    assert sent == [allocation.RunAllocationRequest(start_time=at(START), end_time=at(END), rule="used")]

    server.will("Restate", allocation.RestateResponse(unchanged_count=1))
    run, sent = both(server, lambda client: client.restate(START, END, "why", dry_run=True, confirm_large_changes=True))
    assert run == RunSummary(unchanged_count=1)
    assert sent == [
        allocation.RestateRequest(start_time=at(START), end_time=at(END), reason="why", dry_run=True, confirm_large_changes=True)
    ]


def test_goals_and_business_metrics(server: Answering) -> None:
    booked = goal_of(id="halved", target_share=Fraction(1, 3), revision=3, created_by="amy", updated=NOW)
    metric = BusinessMetric("revenue", "Revenue", "M", ((ReportingYear(2020), Fraction(1, 3)),), revision=2, created_by="amy")
    said, unit = goal_to_message(booked), business_metric_to_message(metric)
    for method, answer in {
        "CreateGoal": goals.CreateGoalResponse(goal=said),
        "UpdateGoal": goals.UpdateGoalResponse(goal=said),
        "GetGoal": said,
        "DeleteGoal": goals.DeleteGoalResponse(),
        "CreateBusinessMetric": goals.CreateBusinessMetricResponse(business_metric=unit),
        "UpdateBusinessMetric": goals.UpdateBusinessMetricResponse(business_metric=unit),
        "GetBusinessMetric": unit,
    }.items():
        server.will(method, answer)
    server.will("ListGoals", goals.ListGoalsResponse(goals=[said], next_page_token="n"), goals.ListGoalsResponse(goals=[said]))
    server.will("ListBusinessMetrics", goals.ListBusinessMetricsResponse(business_metrics=[unit]))
    bare, plain_unit = goals.Goal(), goal_pb2.BusinessMetric()
    bare.CopyFrom(said)
    plain_unit.CopyFrom(unit)
    for field in ("etag", "created_by", "update_time"):
        bare.ClearField(field)
    for field in ("etag", "created_by"):
        plain_unit.ClearField(field)

    made, sent = both(server, lambda client: client.create_goal(booked, reason="r"))
    assert (made, sent) == (booked, [goals.CreateGoalRequest(goal_id="halved", goal=bare, reason="r")])
    assert both(server, lambda client: client.get_goal("goals/halved"))[1] == [goals.GetGoalRequest(name="goals/halved")]
    assert both(server, lambda client: client.list_goals(page_size=1))[0] == [booked, booked]
    made, sent = both(server, lambda client: client.update_goal(booked, etag="3", reason="r"))
    bare.etag = "3"
    assert (made, sent) == (booked, [goals.UpdateGoalRequest(goal=bare, reason="r")])
    nothing, sent = both(server, lambda client: client.delete_goal("goals/halved", etag="3", reason="r"))
    assert (nothing, sent) == (None, [goals.DeleteGoalRequest(name="goals/halved", etag="3", reason="r")])
    kept, sent = both(server, lambda client: client.create_business_metric(metric, reason="r"))
    wanted = goals.CreateBusinessMetricRequest(business_metric_id="revenue", business_metric=plain_unit, reason="r")
    assert (kept, sent) == (metric, [wanted])
    assert both(server, lambda client: client.get_business_metric("businessMetrics/revenue"))[0] == metric
    assert both(server, lambda client: client.list_business_metrics())[0] == [metric]
    kept, sent = both(server, lambda client: client.update_business_metric(metric, etag="2"))
    plain_unit.etag = "2"
    assert (kept, sent) == (metric, [goals.UpdateBusinessMetricRequest(business_metric=plain_unit)])


def test_batches_goal_statement_and_log(server: Answering) -> None:
    server.will("ListBatches", allocation.ListBatchesResponse(batches=map(batch_to_message, [batch(0), batch(1)])))
    assert both(server, lambda client: client.list_batches(page_size=9))[0] == [batch(0), batch(1)]
    assert server.received[0][1].page_size == 9

    server.will("GetGoalProgress", goal_progress_to_message(goal()))
    assert both(server, lambda client: client.get_goal_progress())[0] == goal()
    server.will("GetGoalProgress", goal_progress_to_message(goal()))
    _, sent = both(server, lambda client: client.get_goal_progress("goals/a", ledger_year=2025))
    assert sent == [goals.GetGoalProgressRequest(name="goals/a", ledger_year=2025)]

    statement = Statement("acme", "2026-11", b"{}", b"[]")
    server.will("GetStatement", statement_to_message(statement))
    assert both(server, lambda client: client.get_statement("2026-11", "acme"))[0] == statement

    entry = RootLogEntry(0, NOW, "ab", b"{}", "2026-11", START, END)
    server.will("ListRootLogEntries", footprint.ListRootLogEntriesResponse(entries=[log_entry_to_message(entry)]))
    assert both(server, lambda client: client.list_root_log_entries())[0] == [entry]


def test_availability_and_values(server: Answering) -> None:
    server.will("GetDataAvailability", footprint.DataAvailability(ledger_version=3))
    assert both(server, lambda client: client.get_data_availability())[0] == DataAvailability(ledger_version=3)

    site = footprint.SiteDataAvailability(
        site="a", region="eu", start_time=at(START), end_time=at(END), final_until_time=at(END), update_time=at(NOW)
    )
    server.will("GetDataAvailability", footprint.DataAvailability(start_time=at(START), end_time=at(END), sites=[site]))
    found, sent = both(server, lambda client: client.get_data_availability(["acme"]))
    assert found == DataAvailability(START, END, sites=(SiteDataAvailability("a", "eu", START, END, END, NOW),), ledger_version=0)
    assert sent == [footprint.GetDataAvailabilityRequest(accounts=["acme"])]

    value = footprint.DimensionValue(
        value="web", energy=energy(3), total_location_based=emissions(2), total_market_based=emissions(1)
    )
    server.will("ListDimensionValues", footprint.ListDimensionValuesResponse(values=[value], total_size=1))
    found, sent = both(server, lambda client: client.list_dimension_values("service", START, skus=["s"]))
    assert found == [DimensionValue("web", Energy(3), Emissions(2), Emissions(1))]
    assert sent == [
        footprint.ListDimensionValuesRequest(
            dimension="service", start_time=at(START), filter=footprint.FootprintFilter(skus=["s"])
        )
    ]


def test_a_comparison_is_one_value_of_all_its_pages(server: Answering) -> None:
    rows = [RuleRow(rule, row("acme"), Energy(1), Emissions(2), Emissions(-3)) for rule in ("used", "reserved")]
    messages = [
        footprint.RuleRow(
            rule=each.rule,
            row=row_to_message(each.row),
            energy_difference=energy(1),
            total_location_based_difference=emissions(2),
            total_market_based_difference=emissions(-3),
        )
        for each in rows
    ]
    pages = [
        footprint.CompareRulesResponse(rows=[message], rules=["used", "reserved"], start_time=at(START), refused_window_count=1)
        for message in messages
    ]
    pages[0].next_page_token = "more"
    server.will("CompareRules", *pages)

    found, sent = both(server, lambda client: client.compare_rules(START, END, ["used", "reserved"], group_by=["account"]))

    assert found == RuleComparison(tuple(rows), ("used", "reserved"), START, refused_window_count=1)
    assert [request.page_token for request in sent] == ["", "more"]
    assert sent[0].rules == ["used", "reserved"]


def test_facility_books(server: Answering) -> None:
    message = facility.FacilityBook(
        name="facilityBooks/abc",
        display_name="North",
        apply_time=at(NOW),
        site_count=1,
        in_force=True,
        files=[facility.FacilityFile(path="facility.toml", content=b"x")],
    )
    book = FacilityBook("abc", "North", 1, 0, 0, NOW, "", in_force=True, files=(("facility.toml", b"x"),))
    server.will("GetFacilityBook", message)
    for name, sent in (("facilityBooks/-", "facilityBooks/-"), ("abc", "facilityBooks/abc"), ("-", "facilityBooks/-")):
        found, requests = both(server, lambda client, name=name: client.get_facility_book(name))  # type: ignore[misc]
        assert (found, requests[-1].name) == (book, sent)

    server.will("ListFacilityBooks", facility.ListFacilityBooksResponse(facility_books=[message]))
    assert both(server, lambda client: client.list_facility_books())[0] == [book]

    change = facility.FacilityChange(path="sites.a.pue", old_value="1", new_value="2")
    server.will("ApplyFacilityBook", facility.ApplyFacilityBookResponse(facility_book=message, changes=[change], notes=["a note"]))
    files = {"facility.toml": b"x", "data/meters.csv": b"y"}
    found, requests = both(server, lambda client: client.apply_facility_book(files, expected_revision="old", validate_only=True))
    assert found == AppliedFacilityBook(book, (BookChange("sites.a.pue", "1", "2"),), 0, ("a note",))
    assert [(file.path, file.content) for file in requests[0].files] == list(files.items())
    assert (requests[0].expected_revision, requests[0].validate_only) == ("old", True)


@pytest.mark.parametrize("path", ["/etc/passwd", "../book.toml", "a\\b.csv"])
def test_a_file_that_does_not_lie_beside_the_book_is_refused(server: Answering, path: str) -> None:
    with Client(server.target, token=None) as client, pytest.raises(QuantityError, match="beside the book"):
        client.apply_facility_book({path: b""})


def test_who_one_is_and_what_was_done(server: Answering) -> None:
    server.will(
        "GetCallerIdentity",
        identity.CallerIdentity(
            role="customer.viewer",
            account="acme",
            member_accounts=["a", "b"],
            subject="me",
            issuer="us",
            expire_time=at(END),
            permissions=["p"],
            server_version="1",
            server_time=at(NOW),
        ),
    )
    wanted = CallerIdentity("customer.viewer", "acme", "me", "us", END, ("p",), "1", NOW, ("a", "b"))
    assert both(server, lambda client: client.get_caller_identity())[0] == wanted

    entry = identity.AuditEntry(
        index=4, create_time=at(NOW), action="Restate", subject="me", role="r", request_id="q", summary="s", outcome="OK"
    )
    server.will("ListAuditEntries", identity.ListAuditEntriesResponse(entries=[entry]))
    found, sent = both(server, lambda client: client.list_audit_entries(START, page_size=5))
    assert found == [AuditEntry(4, NOW, "Restate", "me", "r", "q", "s", "OK")]
    assert sent == [identity.ListAuditEntriesRequest(start_time=at(START), page_size=5)]


def test_an_explanation_is_asked_for_page_by_page(server: Answering) -> None:
    amounts = {"energy_mj": "5"}
    page = footprint.ExplainFootprintResponse(account="acme", measures=["energy_mj"], amounts=amounts, window_count=0)
    server.will("ExplainFootprint", page)

    found, sent = both(server, lambda client: client.explain_footprint(start=START, end=END, account="acme", windows=3))

    assert (found["schema"], found["amounts"], found["recomputed"]) == ("greencloud.explanation/1", amounts, None)
    assert sent[0].page_size == 3


def stand_in() -> types.ModuleType:
    """The reading end in its simplest form, where that of the client is not what is tested."""
    module = types.ModuleType("greencloud.client.streaming")

    def batches(open_stream: Callable[[Any], Iterable[Any]], request: Any, *, tries: int) -> Iterator[Any]:
        assert tries == 4
        try:
            for message in open_stream(request):
                yield from pa.ipc.open_stream(message.arrow_ipc)
        except grpc.RpcError as error:
            raise error_from(error) from error

    async def batches_async(open_stream: Callable[[Any], AsyncIterable[Any]], request: Any, *, tries: int) -> AsyncIterator[Any]:
        assert tries == 4
        try:
            async for message in open_stream(request):
                for each in pa.ipc.open_stream(message.arrow_ipc):
                    yield each
        except grpc.RpcError as error:
            raise error_from(error) from error

    module.batches, module.batches_async = batches, batches_async  # type: ignore[attr-defined]
    return module


@pytest.fixture(params=["stand-in", "real"])
def reading_end(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "stand-in":
        monkeypatch.setitem(sys.modules, "greencloud.client.streaming", stand_in())
    else:
        pytest.importorskip("greencloud.client.streaming")


@pytest.mark.usefixtures("reading_end")
def test_a_stream_gives_record_batches_and_tables(server: Answering) -> None:
    table = pa.table({"energy_mj": pa.array([1, 2, 3], pa.int64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    message = footprint.StreamFootprintResponse(arrow_ipc=sink.getvalue().to_pybytes()[:-8], row_count=3)  # without its end mark
    server.will("StreamFootprint", [message])
    asked: dict[str, Any] = {"start": START, "end": END, "content": "postings", "compression": "lz4", "accounts": ["acme"]}

    with Client(server.target, token="t") as client:
        stream = client.stream_footprint(**asked)
        assert [each.num_rows for each in stream] == [2, 1]
        assert stream.to_arrow() == table
        assert stream.to_polars()["energy_mj"].to_list() == [1, 2, 3]

    async def go() -> Any:
        async with AsyncClient(server.target, token="t") as client:
            stream = client.stream_footprint(**asked)
            return [each.num_rows async for each in stream], await stream.to_arrow(), await stream.to_pandas()

    sizes, other, frame = asyncio.run(go())
    assert (sizes, other, list(frame["energy_mj"])) == ([2, 1], table, [1, 2, 3])
    assert server.received[0][1].content == footprint.STREAM_CONTENT_POSTINGS
    assert server.received[0][1].compression == footprint.STREAM_COMPRESSION_LZ4


@pytest.mark.usefixtures("reading_end")
def test_a_stream_that_fails_raises_our_errors(server: Answering) -> None:
    server.will("StreamFootprint", [Failure(grpc.StatusCode.INTERNAL)])

    with Client(server.target, token="t") as client, pytest.raises(RemoteError) as caught:
        client.stream_footprint(start=START, end=END).to_arrow()
    assert caught.value.request_id == server.metadata[0]["x-request-id"]

    async def go() -> Any:
        async with AsyncClient(server.target, token="t") as client:
            await client.stream_footprint(start=START, end=END).to_arrow()

    with pytest.raises(RemoteError):
        asyncio.run(go())


def test_an_async_client_may_be_made_before_there_is_a_loop_and_stays_in_one(server: Answering) -> None:
    server.will("GetGoalProgress", goal_progress_to_message(goal()))
    client = AsyncClient(server.target, token="t")

    async def go() -> Any:
        return await client.get_goal_progress()

    assert asyncio.run(go()) == goal()
    with pytest.raises(ValueError, match="another event loop"):
        asyncio.run(go())


def test_an_async_token_may_be_awaited(server: Answering) -> None:
    server.will("GetGoalProgress", goal_progress_to_message(goal()))

    async def token() -> str:
        await asyncio.sleep(0)
        return "fetched"

    async def go() -> None:
        async with AsyncClient(server.target, token=token) as client:
            await client.get_goal_progress()
            await client.with_options(token=lambda: "plain").get_goal_progress()
            await client.with_options(token=None).get_goal_progress()
            await client.raw.goal.GetGoalProgress(server.received[0][1], metadata=await client.metadata())

    asyncio.run(go())
    assert [each.get("authorization") for each in server.metadata] == ["Bearer fetched", "Bearer plain", None, "Bearer fetched"]


def test_an_async_task_that_is_cancelled_is_cancelled(server: Answering) -> None:
    async def go() -> None:
        async with AsyncClient("127.0.0.1:1", token="t") as client:
            task = asyncio.create_task(client.with_options(timeout=60).get_goal_progress())
            await asyncio.sleep(0)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())


def test_a_server_that_is_not_there_is_unavailable_to_both() -> None:
    with Client("127.0.0.1:1", token="t", timeout=0.5) as client, pytest.raises(UnavailableError) as caught:
        client.get_goal_progress()
    assert len(caught.value.request_id) == 32

    async def go() -> None:
        async with AsyncClient("127.0.0.1:1", token="t", timeout=0.5) as client:
            await client.get_goal_progress()

    with pytest.raises(UnavailableError):
        asyncio.run(go())


def test_a_client_that_is_closed_says_so(server: Answering) -> None:
    with Client(server.target, token="t") as client:
        rows, other = client.query_footprint(start=START, end=END), client.with_options(timeout=1)
    for ask in (client.get_goal_progress, rows.to_list, other.get_goal_progress):
        with pytest.raises(GreencloudError, match="closed"):
            ask()

    async def go() -> None:
        async with AsyncClient(server.target, token="t") as client:
            rows = client.query_footprint(start=START, end=END)
        with pytest.raises(GreencloudError, match="closed"):
            await rows.to_list()

    asyncio.run(go())
