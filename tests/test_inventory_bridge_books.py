"""The ledger's lines in the inventory, and the bridge over a real ledger, statements and facility book."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.statement_totals import statement_totals
from greencloud.errors import GoalError
from greencloud.goal import ProviderBooks
from greencloud.inventory import BookHardware, Journal
from greencloud.results.bridges import Bridge, BridgeSection
from greencloud.results.inventory import InventoryEntry, RestatementCause
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from ledger_builders import batch_of, hour
from test_engine_closes import DAY
from test_engine_closes import NOW as CLOSED

NOW = datetime(2027, 2, 1, tzinfo=UTC)
T = 10**12
BOOK = Path(__file__).parents[1] / "sdk" / "greencloud" / "testing" / "facility.toml"


def rows(at: int, factor: int = 1) -> list[dict[str, Any]]:
    amounts = {"scope1_ug": 3, "scope2_location_ug": 70 + at, "scope2_market_ug": 90, "scope3_upstream_location_ug": 11}
    return [
        {
            "account": account,
            "energy_mj": 5 * factor,
            **{name: amount * factor for name, amount in amounts.items()},
            "scope3_embodied_ug": 2,
        }
        for account in ("a", "b", "(unsold)", "(unattributed)")
    ]


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """A closed day, and an hour after it."""
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.ledger.post_all([batch_of(rows(at), window=hour(at)) for at in range(2, 27)])
    data.closes.close(data.ledger, DAY, CLOSED)
    return data


def books_of(data: DataDirectory) -> ProviderBooks:
    return ProviderBooks(
        Journal(data.books_directory),
        actor="amy",
        clock=lambda: NOW,
        ledger=data.ledger.snapshot,
        hardware=lambda revision: BookHardware.of(data.facility_of(revision) if revision else data.facility()),
        statements=lambda start, end: statement_totals(data.closes, start, end),
    )


def section(bridge: Bridge, scope: str, category: int | None = None) -> BridgeSection:
    (found,) = [each for each in bridge.sections if (each.scope, each.category) == (scope, category)]
    return found


def step(found: BridgeSection, kind: str) -> int:
    return sum(line.emissions.micrograms for line in found.lines if line.kind == kind)


def test_what_is_booked_is_what_the_ledger_says(data: DataDirectory) -> None:
    books = books_of(data)
    booked = books.book_ledger_entries("2026")
    assert len(booked.added) == 4
    assert books.inventory_state().totals(ReportingYear(2026), categories=(2,), scopes=("scope3",)) is None, (
        "no hardware is recorded"
    )
    entry = books.get_inventory_entry("inventoryEntries/ledger-2026-scope1")
    assert entry.emissions == Emissions(25 * 4 * 3)
    assert entry.reference is not None
    assert entry.reference.covered_seconds == 25 * 3600
    assert books.book_ledger_entries("2026").unchanged == booked.added
    assert len(books.list_book_records()) == 1, "what says the same is not written again"


def test_the_bridge_closes_from_statements_to_inventory(data: DataDirectory) -> None:
    books = books_of(data)
    books.book_ledger_entries("2026")
    books.create_inventory_entry(InventoryEntry("", ReportingYear(2026), "scope3", 6, Emissions(9 * T), "travel agency"))
    bridge = books.get_bridge("2026")
    assert bridge.closes
    scope1 = section(bridge, "scope1")
    assert (step(scope1, "statements"), step(scope1, "not_stated")) == (24 * 2 * 3, 2 * 3)
    assert (step(scope1, "unsold"), step(scope1, "unattributed")) == (25 * 3, 25 * 3)
    assert step(section(bridge, "scope3", 6), "outside_ledger") == 9 * T
    assert step(section(bridge, "scope2_methods"), "market_instruments") == sum(4 * (90 - 70 - at) for at in range(2, 27))


def test_a_restated_ledger_is_a_step_until_it_is_booked_again(data: DataDirectory) -> None:
    books = books_of(data)
    books.book_ledger_entries("2026")
    data.ledger.post(batch_of(rows(5, factor=3), window=hour(5)))

    bridge = books.get_bridge("2026")
    assert bridge.closes
    scope1 = section(bridge, "scope1")
    assert step(scope1, "restated_since") == 2 * 6
    assert step(scope1, "booked_before") == -4 * 6

    with pytest.raises(GoalError, match="reason"):
        books.book_ledger_entries("2026")
    assert len(books.book_ledger_entries("2026", reason="invoiced meters").restated) == 4
    assert step(section(books.get_bridge("2026"), "scope1"), "booked_before") == 0
    restated = books.list_inventory_restatements(year="2026")
    assert {each.cause for each in restated} == {RestatementCause.LEDGER}
    assert [each.difference.micrograms for each in restated if each.scope == "scope1"] == [4 * 6]


def test_capital_goods_are_what_was_bought_and_not_what_is_amortised(data: DataDirectory, tmp_path: Path) -> None:
    text = BOOK.read_text().replace('meters = "meters.csv"', "").replace("[files]", "")
    bought = (
        '\n[[hardware]]\nid = "{}"\nsite = "osl1"\nembodied_kg = 1000\nin_service = 2026-03-01\nlife_years = 4\nsource = "LCA"\n'
    )
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(text + bought.format("rack-1"))
    second.write_text(text + bought.format("rack-1") + bought.format("rack-2"))
    books = books_of(data)
    data.apply_facility(first)
    books.book_ledger_entries("2026")
    goods = section(books.get_bridge("2026"), "scope3", 2)
    assert goods.difference == Emissions()
    assert (step(goods, "purchased"), step(goods, "amortised")) == (T, -200)
    assert goods.inventory == Emissions(T)
    assert [line.evidence for line in goods.lines if line.kind == "purchased"] == [("hardware/rack-1",)]

    data.apply_facility(second)
    goods = section(books.get_bridge("2026"), "scope3", 2)
    assert goods.difference == Emissions()
    assert (step(goods, "purchased"), step(goods, "booked_before")) == (2 * T, -T)


def test_what_the_ledger_holds_is_booked_for_one_unit_alone(data: DataDirectory) -> None:
    books = books_of(data)
    booked = books.book_ledger_entries("2026", business="cloud")
    for year, business in (("2026", ""), ("2026", "retail"), ("FY2026", "retail")):
        with pytest.raises(GoalError, match="booked already, for 'cloud', in 2026"):
            books.book_ledger_entries(year, business=business, validate_only=True)
    for name in booked.added:
        entry = books.get_inventory_entry(name)
        books.withdraw_inventory_entry(name, cause=RestatementCause.ERROR, reason="of another unit", etag=entry.etag)
    assert len(books.book_ledger_entries("2026").added) == 4
    assert books.get_bridge("2026").closes


def test_nobody_types_in_what_the_ledger_says(data: DataDirectory) -> None:
    books = books_of(data)
    books.book_ledger_entries("2026")
    entry = replace(books.get_inventory_entry("inventoryEntries/ledger-2026-scope1"), emissions=Emissions(1))
    with pytest.raises(GoalError, match="ledger"):
        books.create_inventory_entry(entry)
    with pytest.raises(GoalError, match="ledger"):
        books.restate_inventory_entry(entry.name, entry, cause=RestatementCause.ERROR, reason="nicer")


@pytest.mark.parametrize("year", ["2019", "FY26", "last year"])
def test_a_year_that_is_none_or_empty_is_refused(data: DataDirectory, year: str) -> None:
    with pytest.raises(GoalError):
        books_of(data).book_ledger_entries(year)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_command_line_books_and_bridges(data: DataDirectory, tmp_path: Path) -> None:
    where = ("--data", str(data.path))
    asked = run("inventory", "bridge", *where, "2026", "--check")
    assert asked.exit_code == 1
    assert "book-ledger 2026" in asked.output
    assert run("inventory", "book-ledger", *where, "2026", "--check").output.count("new ") == 4
    assert run("inventory", "book-ledger", *where, "2026").exit_code == 0
    chart = tmp_path / "bridge.svg"
    done = run("inventory", "bridge", *where, "2026", "--check", "-o", "json", "--chart", str(chart))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["closes"] is True
    assert chart.read_text().startswith("<svg")
    table = run("inventory", "bridge", *where, "2026").output
    assert "The bridge closes." in table
    assert run("inventory", "bridge", *where, "2026", "--chart", "bridge.gif").exit_code == 2
    nothing = run("inventory", "bridge", *where, "2019", "--check")
    assert (nothing.exit_code, nothing.output) == (1, "Neither the ledger nor the inventory holds anything of 2019.\n")
    assert "Scope 3, category 2: Capital goods" in table
    lines = run("inventory", "bridge", *where, "2026", "-o", "csv").output.splitlines()
    assert lines[0] == "year,scope,category,kind,label,kg_co2e,evidence"
    assert "2026,scope1,,statements,Customers' statements of closed periods,0.000000144,statements/2026-02-01" in lines
