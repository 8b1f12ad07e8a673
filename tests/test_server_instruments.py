"""Instruments, neutrality and avoided emissions over gRPC: the same values and rules as in the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import grpc
import pytest

from greencloud.client import AsyncClient
from greencloud.errors import (
    ConflictError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from greencloud.goal.book import GOAL_PUT
from greencloud.inventory import Draft
from greencloud.inventory.document import to_document
from greencloud.results.goals import Goal, GoalKind
from greencloud.results.instruments import InstrumentPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.server.roles import METHODS, Permission
from greencloud.units import Emissions
from greencloud.v1 import goal_service_pb2_grpc as stubs
from greencloud.v1 import instrument_pb2 as messages
from greencloud.wire.instruments import instrument_to_message
from instrument_builders import NOW, RETIREMENT, TONNE, Served, book, books, certificate, credit, removal, serving_books
from test_goal_initiatives import initiative, year

OWN = sorted(
    name
    for name in METHODS
    if "GoalService" in name and any(word in name for word in ("Instrument", "Initiative", "Neutrality", "ScopeThreePlus"))
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving_books(tmp_path) as served:
        yield served


def test_an_instrument_goes_its_way(served: Served) -> None:
    with served.client() as client:
        made = client.create_instrument(removal(retirement=None))
        assert client.create_instrument(removal(retirement=None)) == made
        with pytest.raises(FailedPreconditionError, match="is not retired"):
            client.use_instrument(made.name, year="2024", units=1)
        retired = client.retire_instrument(made.id, RETIREMENT, etag=made.etag)
        use = client.use_instrument(made.id, year="2024", units=60, claimed_as="removal", etag=retired.etag)
        assert (use.serial_first, use.serial_last, use.used) == (1, 60, NOW)
        assert client.use_instrument(made.name, year="2024", units=1, request_id="again") == client.use_instrument(
            made.name, year="2024", units=1, request_id="again"
        )
        undone = client.cancel_instrument_use(made.name, year="2024", serial_first=1, reason="typed wrong")
        held = client.get_instrument(made.name)
        assert (held.cancelled_uses, held.unused_units) == ((undone,), 99)
        assert held == books(served.folder).get_instrument(made.id)
        others = client.batch_create_instruments([credit(), certificate(cost=Fraction(1, 3), currency="EUR")])
        assert list(client.list_instruments(page_size=1)) == sorted([held, *others], key=lambda each: each.id)
        assert list(client.list_instruments(kind="energy_certificate")) == [others[1]]
        assert list(client.list_instruments(year="2024")) == [held]
        client.delete_instrument(others[0].name, reason="twice")
        with pytest.raises(NotFoundError):
            client.get_instrument(others[0].name)


def test_a_page_is_of_the_books_as_they_were_at_the_first(served: Served) -> None:
    with served.client() as client:
        client.batch_create_instruments([removal(n, n, id=f"r{n}") for n in range(5)])
        pages = client.list_instruments(page_size=2).pages()
        first = next(pages)
        client.create_instrument(removal(9, 9, id="a-first"))
        assert [each.id for page in (first, *pages) for each in page] == [f"r{n}" for n in range(5)]


def test_a_policy_and_initiatives(served: Served) -> None:
    with served.client() as client:
        assert client.get_instrument_policy() == InstrumentPolicy()
        assert client.update_instrument_policy(InstrumentPolicy(3), etag="0", reason="stricter").most_vintage_years == 3
        with pytest.raises(ConflictError):
            client.update_instrument_policy(InstrumentPolicy(4), etag="0", reason="again")
        made = client.create_initiative(initiative(attribution=Fraction(1, 3), years=(year("2024", 30, 0),)))
        longer = client.update_initiative(replace(made, years=(*made.years, year("FY2026"))), etag=made.etag)
        assert (client.get_initiative("heat"), list(client.list_initiatives(page_size=1))) == (longer, [longer])
        found = client.get_scope_three_plus(target=Emissions(5), target_year="2025")
        assert (found.cumulative, found.target) == (Emissions(10), Emissions(5))


def test_a_claim_of_a_goal_is_of_what_the_goal_names(served: Served) -> None:
    kept = books(served.folder)
    book(kept, "2020", {"scope1": 100, "scope3": 500})
    book(kept, "2025", {"scope1": 60, "scope3": 900})
    goal = Goal("zero", "Zero", GoalKind.NEUTRALITY, ("scope1",), ReportingYear(2020), ReportingYear(2030))
    kept.create_goal(goal)
    with served.client() as client:
        first, second = client.batch_create_instruments([removal(), credit()])
        client.use_instrument(first.name, year="2025", units=40, goal="goals/zero")
        client.use_instrument(second.name, year="2025", units=20, goal="goals/zero")
        client.use_instrument(second.name, year="2025", units=20)
        found = client.get_neutrality("2025", goal="goals/zero")
        assert found == kept.get_neutrality("2025", goal="goals/zero")
        assert [found.base, found.residual, found.path] == [Emissions(n * TONNE) for n in (100, 60, 50)]
        assert (found.removed, found.offset, found.neutral) == (Emissions(40 * TONNE), Emissions(20 * TONNE), True)
        assert not found.reduction_first
        with pytest.raises(FailedPreconditionError, match="names its own"):
            client.get_neutrality("2025", goal="goals/zero", scopes=["scope1"])
        with pytest.raises(NotFoundError):
            client.use_instrument(first.name, year="2025", units=1, goal="goals/none")
        assert client.get_neutrality("2025", scopes=["scope1"]).offset == Emissions(20 * TONNE)
        unknown = replace(goal, id="new", base_year=ReportingYear(2024))
        kept.transact(lambda _: Draft(GOAL_PUT, to_document(unknown)))
        found = client.get_neutrality("2025", goal="goals/new")
        assert (found.base, found.path, found.reduction_first) == (None, None, False)


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda client: client.create_instrument(removal(serial_prefix="X1")), FailedPreconditionError, "serial_prefix"),
        (lambda client: client.get_instrument("instruments/"), InvalidArgumentError, "name"),
        (lambda client: client.get_instrument("none"), NotFoundError, "none"),
        (lambda client: client.use_instrument("a", year="1", units=1), InvalidArgumentError, "year"),
        (lambda client: client.use_instrument("a", year="2024", units=-1), InvalidArgumentError, "unit_count"),
        (lambda client: client.cancel_instrument_use("a", year="2024", serial_first=1, reason=""), InvalidArgumentError, "reason"),
        (lambda client: client.get_neutrality("2024", scopes=["scope4"]), FailedPreconditionError, "scope4"),
        (lambda client: client.get_neutrality("2024", goal="zero"), InvalidArgumentError, "goal"),
        (lambda client: client.get_scope_three_plus(target_year="soon"), InvalidArgumentError, "target_year"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(served: Served, ask: Callable[[Any], Any], error: type[Exception], text: str) -> None:
    with served.client() as client, pytest.raises(error, match=text):
        ask(client)


def test_a_batch_is_recorded_whole_or_not_at_all(served: Served) -> None:
    good, bad = (messages.CreateInstrumentRequest(instrument=instrument_to_message(each)) for each in (removal(), credit()))
    bad.instrument.vintage_end_date = "soon"
    with grpc.insecure_channel(served.target) as channel, served.client() as client:
        stub: Any = stubs.GoalServiceStub(channel)
        with pytest.raises(grpc.RpcError, match=r"requests\[1\].instrument"):
            stub.BatchCreateInstruments(
                messages.BatchCreateInstrumentsRequest(requests=[good, bad]),
                metadata=(("authorization", f"Bearer {served.token()}"),),
                timeout=10,
            )
        assert list(client.list_instruments()) == []


WRITES: dict[str, Callable[[Any], Any]] = {
    "BatchCreateInstruments": lambda client: client.batch_create_instruments([removal()]),
    "CancelInstrumentUse": lambda client: client.cancel_instrument_use("a", year="2024", serial_first=1, reason="x"),
    "CreateInitiative": lambda client: client.create_initiative(initiative()),
    "CreateInstrument": lambda client: client.create_instrument(removal()),
    "DeleteInstrument": lambda client: client.delete_instrument("a", reason="x"),
    "RetireInstrument": lambda client: client.retire_instrument("a", RETIREMENT),
    "UpdateInitiative": lambda client: client.update_initiative(initiative()),
    "UpdateInstrumentPolicy": lambda client: client.update_instrument_policy(InstrumentPolicy(), reason="x"),
    "UseInstrument": lambda client: client.use_instrument("a", year="2024", units=1),
}

READS: tuple[Callable[[Any], Any], ...] = (
    lambda client: client.get_neutrality("2024"),
    lambda client: client.get_instrument("a"),
    lambda client: list(client.list_initiatives()),
)


def test_an_auditor_reads_everything_and_changes_nothing(served: Served) -> None:
    assert sorted(WRITES) == [name.rpartition("/")[2] for name in OWN if METHODS[name] is Permission.GOALS_WRITE]
    with served.client("auditor") as client:
        assert (list(client.list_instruments()), list(client.list_initiatives())) == ([], [])
        assert client.get_scope_three_plus().cumulative == Emissions()
        for write in WRITES.values():
            with pytest.raises(PermissionDeniedError):
                write(client)
    with served.client("customer.admin", "acme") as client:
        for ask in (*WRITES.values(), *READS):
            with pytest.raises(PermissionDeniedError):
                ask(client)
    assert not books(served.folder).journal.changes()


def test_the_client_that_awaits_has_them_too(served: Served) -> None:
    async def go() -> None:
        async with AsyncClient(served.target, token=served.token()) as client:
            made = await client.create_instrument(removal(id="r"))
            use = await client.use_instrument(made.name, year="2024", units=2)
            undone = await client.cancel_instrument_use(made.name, year="2024", serial_first=use.serial_first, reason="x")
            assert [each.cancelled_uses async for each in client.list_instruments()] == [(undone,)]
            told = await client.create_initiative(initiative())
            assert await client.get_initiative(told.name) == told

    asyncio.run(go())
