"""GoalService from end to end: goals and business metrics as resources, who may change them, and what is wrong by its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from goal_world import goal_of, year
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.errors import (
    ConflictError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from greencloud.goal import apply_goals
from greencloud.results.goals import BusinessMetric, GoalKind, GoalStatus, Milestone
from greencloud.server import Intake, KeyStore, Taken, build_server
from greencloud.server.wiring import services_of
from greencloud.units import Emissions

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHOP = Path(__file__).parents[1] / "examples" / "shop"
HALVED = goal_of(id="halved", target_share=Fraction(1, 3), milestones=(Milestone(year("2025"), emissions=Emissions(10**13)),))
REVENUE = BusinessMetric("revenue", "Revenue", "M", ((year("2020"), Fraction(1, 3)), (year("FY2022"), Fraction(2))))


class Served:
    """A server over a data directory, and clients of several roles."""

    def __init__(self, target: str, keys: KeyStore, data: DataDirectory) -> None:
        self.target, self.keys, self.data = target, keys, data

    def client(self, role: str = "provider.analyst", account: str = "") -> Client:
        return Client(self.target, token=self.keys.issue(role, account, ttl=timedelta(hours=1), now=NOW))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    data = DataDirectory.open(tmp_path / "data", create=True)
    keys = KeyStore(data.keys_directory)
    server = build_server(
        services_of(data, lambda: NOW), Intake(lambda *_: Taken(0, "")), keys, listen="127.0.0.1:0", clock=lambda: NOW
    )
    try:
        yield Served(server.target, keys, data)
    finally:
        server.stop(0)


def test_a_goal_is_a_resource(served: Served) -> None:
    with served.client() as client:
        booked = client.create_goal(HALVED, reason="the board")
        assert booked == replace(HALVED, created_by=booked.created_by, updated=NOW)
        assert booked.created_by
        assert client.create_goal(HALVED) == booked
        assert client.get_goal() == client.get_goal("goals/halved") == booked

        changed = client.update_goal(replace(booked, display_name="Less"), etag=booked.etag)
        assert (changed.display_name, changed.revision) == ("Less", 2)
        for ask in (
            lambda: client.update_goal(booked, etag=booked.etag),
            lambda: client.delete_goal("goals/halved", etag=booked.etag),
            lambda: client.create_goal(HALVED),
        ):
            with pytest.raises(ConflictError):
                ask()
        client.delete_goal("goals/halved", etag=changed.etag)
        with pytest.raises(NotFoundError):
            client.get_goal("goals/halved")


def test_a_business_metric_is_one_too(served: Served) -> None:
    with served.client() as client:
        booked = client.create_business_metric(REVENUE)
        assert client.get_business_metric(REVENUE.name) == booked == client.create_business_metric(REVENUE)
        changed = client.update_business_metric(replace(booked, unit="k"), etag=booked.etag)
        assert client.list_business_metrics().to_list() == [changed]
        with pytest.raises(ConflictError):
            client.update_business_metric(booked, etag=booked.etag)
        with pytest.raises(NotFoundError):
            client.get_business_metric("businessMetrics/none")


def test_lists_come_in_pages(served: Served) -> None:
    with served.client() as client:
        booked = [client.create_goal(replace(HALVED, id=f"g{number}")) for number in range(5)]
        assert client.list_goals(page_size=2).to_list() == booked
        assert [len(page) for page in client.list_goals(page_size=2).pages()] == [2, 2, 1]
        with pytest.raises(FailedPreconditionError, match="there are 5 goals"):
            client.get_goal()


WRONG: list[tuple[Any, str]] = [
    (lambda client: client.create_goal(replace(HALVED, id="")), "goal_id"),
    (lambda client: client.create_goal(replace(HALVED, id="A b")), "goal.name"),
    (lambda client: client.create_goal(replace(HALVED, scopes=("scope4",))), "goal.scopes"),
    (lambda client: client.create_goal(replace(HALVED, scopes=("scope3",), categories=(16,))), "goal.categories"),
    (
        lambda client: client.create_goal(replace(HALVED, scopes=("scope2_location_based", "scope2_market_based"))),
        "goal.scopes",
    ),
    (lambda client: client.create_goal(replace(HALVED, target_year=year("2019"))), "goal.target_year"),
    (lambda client: client.create_goal(replace(HALVED, kind=GoalKind.INTENSITY)), "goal.milestones"),
    (lambda client: client.create_goal(replace(HALVED, metric="businessMetrics/x")), "goal.business_metric"),
    (lambda client: client.create_goal(HALVED, reason="x" * 1001), "reason"),
    (lambda client: client.update_goal(replace(HALVED, id="-")), "goal.name"),
    (lambda client: client.delete_goal("goals/-"), "name"),
    (lambda client: client.get_goal("goal/x"), "name"),
    (lambda client: client.get_goal_progress("goals/-", ledger_year=3), "ledger_year"),
    (lambda client: client.get_business_metric("businessMetrics/"), "name"),
    (lambda client: client.create_business_metric(replace(REVENUE, values=())), "business_metric.values"),
    (lambda client: client.update_business_metric(replace(REVENUE, id="")), "business_metric.name"),
]


@pytest.mark.parametrize(("ask", "field"), WRONG, ids=[f"{number}-{field}" for number, (_, field) in enumerate(WRONG)])
def test_what_is_wrong_is_told_by_its_field(served: Served, ask: Any, field: str) -> None:
    with served.client() as client, pytest.raises(InvalidArgumentError) as caught:
        ask(client)
    assert [violation[0] for violation in caught.value.violations] == [field]


def test_what_a_goal_lacks_in_the_books_is_a_precondition(served: Served) -> None:
    intensity = goal_of(kind=GoalKind.INTENSITY, metric=REVENUE.name, target_share=Fraction(1, 2))
    with served.client() as client:
        with pytest.raises(FailedPreconditionError, match="no business metric"):
            client.create_goal(intensity)
        client.create_business_metric(REVENUE)
        client.create_goal(intensity)
        with pytest.raises(FailedPreconditionError, match="books nothing for scope1 in the base year 2020"):
            client.get_goal_progress()


@pytest.mark.parametrize(
    ("role", "account", "reads"),
    [("customer.admin", "acme", False), ("provider.writer", "", False), ("auditor", "", True), ("provider.admin", "", True)],
)
def test_the_provider_reads_and_writes_and_an_auditor_reads(served: Served, role: str, account: str, reads: bool) -> None:
    with served.client() as client:
        client.create_goal(HALVED)
    with served.client(role, account) as client:
        if reads:
            assert client.get_goal().id == "halved"
            assert client.list_business_metrics().to_list() == []
        else:
            for ask in (client.get_goal, lambda: client.list_goals().to_list(), client.get_goal_progress):
                with pytest.raises(PermissionDeniedError):
                    ask()
        if role != "provider.admin":
            for write in (
                lambda: client.create_goal(HALVED),
                lambda: client.update_goal(HALVED),
                lambda: client.delete_goal("goals/halved"),
                lambda: client.create_business_metric(REVENUE),
                lambda: client.update_business_metric(REVENUE),
            ):
                with pytest.raises(PermissionDeniedError):
                    write()


def test_progress_is_that_of_the_books_with_alerts(served: Served) -> None:
    books = services_of(served.data, lambda: NOW).books("amy")
    apply_goals(books, SHOP / "goal.toml")

    with served.client() as client:
        found = client.get_goal_progress("goals/cloud-scope3-2030", ledger_year=2024)

    assert found == books.get_goal_progress(ledger_year=2024)
    assert (found.latest_year, found.latest_status, found.ledger_year) == (year("2022"), GoalStatus.OFF_TRACK, 2024)
    assert found.alerts[0].kind == "actual_above_path"


def test_a_goal_of_a_folder_of_before_is_served(served: Served) -> None:
    served.data.goal_directory.mkdir()
    for name in ("goal.toml", "inventory.csv"):
        (served.data.goal_directory / name).write_bytes((SHOP / name).read_bytes())

    with served.client() as client:
        assert client.get_goal_progress().base_emissions == Emissions(120 * 10**9)
        assert [goal.id for goal in client.list_goals()] == ["cloud-scope3-2030"]
