"""GoalService from end to end: measures as resources, forecasts and plans, who may ask for them, and what is wrong by its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import grpc
import pytest

from forecast_world import GOAL, NOW, SOLAR, TONNE, history
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.errors import (
    ConflictError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from greencloud.goal import ProviderBooks
from greencloud.inventory import Journal
from greencloud.results.forecasts import Overlap, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.server import Intake, KeyStore, Taken, build_server
from greencloud.server.wiring import services_of
from greencloud.units import Emissions
from greencloud.v1 import forecast_pb2 as messages
from greencloud.v1 import goal_service_pb2_grpc as stubs
from greencloud.wire.forecast import measure_to_message


class Served:
    """A server over a data directory, and clients of several roles."""

    def __init__(self, target: str, keys: KeyStore, books: ProviderBooks) -> None:
        self.target, self.keys, self.books = target, keys, books

    def token(self, role: str = "provider.analyst", account: str = "") -> str:
        return self.keys.issue(role, account, ttl=timedelta(hours=1), now=NOW)

    def client(self, role: str = "provider.analyst", account: str = "") -> Client:
        return Client(self.target, token=self.token(role, account))

    def ask(self, method: str, request: Any) -> grpc.RpcError:
        """The error that a request ends with, which the client would not send."""
        with grpc.insecure_channel(self.target) as channel:
            stub: Any = stubs.GoalServiceStub(channel)
            with pytest.raises(grpc.RpcError) as error:
                getattr(stub, method)(request, metadata=(("authorization", f"Bearer {self.token()}"),), timeout=20)
        return error.value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = DataDirectory.open(tmp_path_factory.mktemp("forecasts") / "data", create=True)
    books = ProviderBooks(Journal(data.books_directory), actor="ann", clock=lambda: NOW)
    history(books, 500, 520, 505, 530, 540)
    books.create_goal(GOAL)
    keys = KeyStore(data.keys_directory)
    server = build_server(
        services_of(data, lambda: NOW), Intake(lambda *_: Taken(0, "")), keys, listen="127.0.0.1:0", clock=lambda: NOW
    )
    try:
        yield Served(server.target, keys, books)
    finally:
        server.stop(0)


@pytest.fixture(autouse=True)
def cleared(served: Served) -> Iterator[None]:
    yield
    while measures := served.books.list_measures():
        named = {overlap.measure for measure in measures for overlap in measure.overlaps}
        for measure in measures:
            if measure.name not in named:
                served.books.delete_measure(measure.name)


def test_a_measure_is_a_resource(served: Served) -> None:
    with served.client() as client:
        booked = client.create_measure(SOLAR, reason="the board")
        assert booked == replace(SOLAR, created_by=booked.created_by, revision=booked.revision)
        assert booked.created_by
        assert client.create_measure(SOLAR) == booked == client.get_measure("measures/solar")

        changed = client.update_measure(replace(booked, ramp_years=3), etag=booked.etag)
        assert (changed.ramp_years, changed.revision) == (3, booked.revision + 1)
        assert client.list_measures().to_list() == [changed]
        for ask in (
            lambda: client.update_measure(booked, etag=booked.etag),
            lambda: client.delete_measure("measures/solar", etag=booked.etag),
            lambda: client.create_measure(SOLAR),
        ):
            with pytest.raises(ConflictError):
                ask()
        client.delete_measure("measures/solar", etag=changed.etag)
        with pytest.raises(NotFoundError):
            client.get_measure("measures/solar")


def test_pages_are_of_one_state_of_the_books(served: Served) -> None:
    made = [served.books.create_measure(replace(SOLAR, id=f"m{number}")) for number in range(5)]

    with served.client() as client:
        pages = client.list_measures(page_size=2).pages()
        found = list(next(pages))
        served.books.delete_measure("measures/m0")
        found += [measure for page in pages for measure in page]

    assert found == made


def test_forecast_and_plan_are_those_of_the_books(served: Served) -> None:
    served.books.create_measure(replace(SOLAR, reduction=Emissions(800 * TONNE)))
    served.books.create_measure(replace(SOLAR, id="wind", overlaps=(Overlap("measures/solar", Fraction(1, 3)),)))
    scenario = Scenario("s", "Growing", Fraction(1, 20), Fraction(4, 100), Fraction(1, 3))

    with served.client("auditor") as client:
        assert client.forecast_goal() == served.books.forecast_goal()
        assert client.forecast_goal("goals/half", scenario=scenario) == served.books.forecast_goal(scenario=scenario)
        assert client.plan_goal() == served.books.plan_goal()
        found = client.plan_goal(scenario=scenario, discount_rate=Fraction(0), measures=["measures/solar"])
    assert found == served.books.plan_goal(scenario=scenario, discount_rate=Fraction(0), measures=["measures/solar"])
    assert len(found.steps) == 1


def test_only_the_provider_reads_and_only_its_analysts_write(served: Served) -> None:
    with served.client("auditor") as auditor:
        for ask in (
            lambda: auditor.create_measure(SOLAR),
            lambda: auditor.update_measure(SOLAR),
            lambda: auditor.delete_measure("measures/solar"),
        ):
            with pytest.raises(PermissionDeniedError):
                ask()
        assert auditor.list_measures().to_list() == []
    with served.client("customer.admin", "acme") as tenant:
        for read in (
            tenant.forecast_goal,
            tenant.plan_goal,
            lambda: tenant.list_measures().to_list(),
            lambda: tenant.get_measure("measures/solar"),
        ):
            with pytest.raises(PermissionDeniedError):
                read()


def test_what_is_wrong_by_itself_is_told_by_its_field(served: Served) -> None:
    wrong = [
        (replace(SOLAR, scopes=("scope4",)), "measure.scopes"),
        (replace(SOLAR, ramp_years=10), "measure.ramp_year_count"),
        (replace(SOLAR, currency=""), "measure.currency"),
        (replace(SOLAR, id="No"), "measure_id"),
    ]
    with served.client() as client:
        for measure, field in wrong:
            with pytest.raises(InvalidArgumentError) as error:
                client.create_measure(measure)
            assert error.value.violations[0][0] == field
        for scenario, field in (
            (Scenario(growth_per_year=Fraction(-2)), "scenario.growth_per_year"),
            (Scenario(efficiency_per_year=Fraction(3)), "scenario.efficiency_per_year"),
            (Scenario(id="x" * 201), "scenario"),
        ):
            with pytest.raises(InvalidArgumentError) as error:
                client.forecast_goal(scenario=scenario)
            assert error.value.violations[0][0] == field
        with pytest.raises(InvalidArgumentError) as error:
            client.plan_goal("half", discount_rate=Fraction(2), measures=["solar"])
        assert [field for field, _ in error.value.violations] == ["name", "discount_rate", "measures"]


def test_what_no_client_would_send_is_refused_too(served: Served) -> None:
    message = measure_to_message(SOLAR)
    message.start_year = "next year"
    requests = [
        ("CreateMeasure", messages.CreateMeasureRequest(measure_id="a")),
        ("CreateMeasure", messages.CreateMeasureRequest(measure_id="a", measure=message)),
        ("UpdateMeasure", messages.UpdateMeasureRequest(measure=messages.Measure())),
        ("UpdateMeasure", messages.UpdateMeasureRequest()),
        ("DeleteMeasure", messages.DeleteMeasureRequest(name="measures/a", reason="x" * 1001)),
        ("ForecastGoal", messages.ForecastGoalRequest(name="goals/-", scenario=messages.Scenario(growth_per_year="a lot"))),
        ("PlanGoal", messages.PlanGoalRequest(name="goals/-", discount_rate="1/0")),
        ("ListMeasures", messages.ListMeasuresRequest(page_size=-1)),
    ]
    for method, request in requests:
        assert served.ask(method, request).code() is grpc.StatusCode.INVALID_ARGUMENT, (method, request)


def test_what_the_books_lack_is_a_failed_precondition(served: Served) -> None:
    with served.client() as client:
        with pytest.raises(FailedPreconditionError):
            client.create_measure(replace(SOLAR, overlaps=(Overlap("measures/none", Fraction(1, 2)),)))
        served.books.create_goal(replace(GOAL, id="other", scopes=("scope1",)))
        try:
            with pytest.raises(FailedPreconditionError) as error:
                client.forecast_goal("goals/other")
            assert "books no year" in error.value.message
        finally:
            served.books.delete_goal("goals/other")
        with pytest.raises(NotFoundError):
            client.forecast_goal("goals/none")
        with pytest.raises(NotFoundError):
            client.plan_goal(measures=["measures/none"])


def test_a_start_in_a_fiscal_year_arrives(served: Served) -> None:
    with served.client() as client:
        assert client.create_measure(replace(SOLAR, start=ReportingYear(2027, True))).start == ReportingYear(2027, True)
