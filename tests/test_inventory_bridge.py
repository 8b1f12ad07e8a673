"""The bridge: it closes exactly where every step is what it says, and names the line where one is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.inventory.bridge import LEDGER_MEASURES, PURCHASED, BridgeInputs, bridge_of
from greencloud.results import FootprintRow
from greencloud.results.bridges import Bridge, BridgeSection, ClosedStatements
from greencloud.results.inventory import EntryState, InventoryEntry, LedgerReference
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

YEAR = ReportingYear(2026)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HALF = datetime(2026, 7, 1, tzinfo=UTC)
MEASURES = (*LEDGER_MEASURES.values(), "scope3_upstream_market_based")
ACCOUNTS = ("acme", "globex", "search", "(unsold)", "(unattributed)")

amounts = st.integers(0, 10**21)
tables = st.fixed_dictionaries({account: st.fixed_dictionaries(dict.fromkeys(MEASURES, amounts)) for account in ACCOUNTS})


def row_of(account: str, values: dict[str, int]) -> FootprintRow:
    fields: dict[str, Any] = {name: Emissions(value) for name, value in values.items()}
    return FootprintRow(START, END, {"account": account}, **fields)


def rows_of(table: dict[str, dict[str, int]]) -> list[FootprintRow]:
    return [row_of(account, values) for account, values in table.items()]


def total(table: dict[str, dict[str, int]], measure: str) -> Emissions:
    return Emissions(sum(values[measure] for values in table.values()))


def entry(scope: str, category: int | None, emissions: Emissions, **more: Any) -> InventoryEntry:
    return InventoryEntry(more.pop("id", f"{scope}-{category}"), YEAR, scope, category, emissions, "a source", **more)


def referring(key: tuple[str, int | None], emissions: Emissions, version: int = 7) -> InventoryEntry:
    measure = PURCHASED if key == ("scope3", 2) else LEDGER_MEASURES[key]
    return entry(*key, emissions, reference=LedgerReference(measure, START, END, version, 10))


def booked(table: dict[str, dict[str, int]], purchased: Emissions) -> list[InventoryEntry]:
    return [
        referring(key, purchased if key == ("scope3", 2) else total(table, measure)) for key, measure in LEDGER_MEASURES.items()
    ]


def inputs(table: dict[str, dict[str, int]], entries: list[InventoryEntry], **more: Any) -> BridgeInputs:
    by_id = {each.id: (each.emissions, each.emissions) for each in entries if each.reference}
    given = BridgeInputs(YEAR, START, END, 9, 10, rows_of(table), (), {"search"}, (), entries, by_id, {"eu-1"})
    return replace(given, **more)


def section(bridge: Bridge, scope: str, category: int | None = None) -> BridgeSection:
    (found,) = [each for each in bridge.sections if (each.scope, each.category) == (scope, category)]
    return found


def line(found: BridgeSection, kind: str) -> int:
    return sum(each.emissions.micrograms for each in found.lines if each.kind == kind)


@given(now=tables, then=tables, said=tables, first=tables, purchased=amounts, outside=st.lists(amounts, min_size=1, max_size=4))
def test_it_closes_whatever_the_ledger_the_statements_and_the_versions_say(
    now: Any, then: Any, said: Any, first: Any, *, purchased: int, outside: list[int]
) -> None:
    """Booked from an earlier version, stated before a restatement, half a year without statements: each is a step."""
    entries = booked(then, Emissions(purchased))
    entries += [entry("scope3", 6, Emissions(amount), id=f"travel-{at}", business=f"b{at}") for at, amount in enumerate(outside)]
    entries += [entry("scope1", None, Emissions(5), id="fleet")]
    referred = {
        each.id: (
            Emissions(purchased) if each.category == 2 else total(now, LEDGER_MEASURES[each.scope, each.category]),
            each.emissions,
        )
        for each in entries
        if each.reference
    }
    statements = ClosedStatements("2026-H1", START, HALF, {a: dict(values) for a, values in said.items()})
    given_ = inputs(
        now, entries, referred=referred, purchases=(("hardware/a", Emissions(purchased)),), stated=((statements, rows_of(first)),)
    )
    bridge = bridge_of(given_)

    assert bridge.closes, [(each.scope, each.category, each.finding) for each in bridge.sections if each.difference.micrograms]
    for (scope, category), measure in LEDGER_MEASURES.items():
        found = section(bridge, scope, category)
        assert found.ledger == total(now, measure)
        assert line(found, "statements") == sum(said[account][measure] for account in ("acme", "globex"))
        assert line(found, "unsold") == now["(unsold)"][measure]
        assert line(found, "internal_use") == now["search"][measure]
        assert found.inventory is not None
        assert sum(each.emissions.micrograms for each in found.lines) == found.inventory.micrograms
    assert line(section(bridge, "scope3", 6), "outside_ledger") == sum(outside)
    methods = section(bridge, "scope2_methods")
    assert line(methods, "location_based") == total(then, "scope2_location_based").micrograms
    assert line(methods, "market_instruments") == (
        total(then, "scope2_market_based").micrograms - total(then, "scope2_location_based").micrograms
    )


TABLE = {account: dict.fromkeys(MEASURES, 100 * (at + 1)) for at, account in enumerate(ACCOUNTS)}


@given(key=st.sampled_from(list(LEDGER_MEASURES)), off=st.integers(-50, 50).filter(bool))
def test_an_amount_that_is_not_the_ledgers_is_seen_where_it_is(key: tuple[str, int | None], off: int) -> None:
    entries = booked(TABLE, Emissions(30))
    wrong = [
        replace(each, emissions=Emissions(each.emissions.micrograms + off)) if (each.scope, each.category) == key else each
        for each in entries
    ]
    referred = {each.id: (each.emissions, each.emissions) for each in entries}
    bridge = bridge_of(inputs(TABLE, wrong, referred=referred, purchases=(("hardware/a", Emissions(30)),)))

    open_ = [each for each in bridge.sections if each.difference.micrograms and each.scope != "scope2_methods"]
    assert [(each.scope, each.category) for each in open_] == [key]
    assert open_[0].difference == Emissions(off)
    assert f"inventoryEntries/{key[0]}-{key[1]}" in open_[0].finding
    assert "book it anew" in open_[0].finding


def test_a_line_that_nobody_booked_is_named() -> None:
    entries = [each for each in booked(TABLE, Emissions()) if each.scope != "scope1"]
    found = section(bridge_of(inputs(TABLE, entries)), "scope1")
    assert found.inventory is None
    assert found.difference == Emissions(-1500)
    assert "greencloud inventory book-ledger 2026" in found.finding


def test_what_is_stated_for_a_site_of_the_ledger_would_count_twice() -> None:
    entries = [*booked(TABLE, Emissions()), entry("scope1", None, Emissions(40), id="diesel", site="eu-1")]
    found = section(bridge_of(inputs(TABLE, entries)), "scope1")
    assert found.difference == Emissions(40)
    assert "inventoryEntries/diesel" in found.finding
    assert "count twice" in found.finding


def test_a_version_that_is_not_kept_is_no_step() -> None:
    entries = booked(TABLE, Emissions())
    referred: dict[str, Any] = {each.id: (each.emissions, each.emissions) for each in entries}
    referred["scope1-None"] = (Emissions(1500 - 100), None)
    lower = {**TABLE, "acme": {**TABLE["acme"], "scope1": 0}}
    found = section(bridge_of(inputs(lower, entries, referred=referred)), "scope1")
    assert found.difference == Emissions(100)
    assert "version 7, which is not in force" in found.finding


def test_hardware_that_was_bought_after_it_was_booked_is_seen() -> None:
    entries = booked(TABLE, Emissions(30))
    found = section(
        bridge_of(inputs(TABLE, entries, purchases=(("hardware/a", Emissions(30)), ("hardware/b", Emissions(12))))), "scope3", 2
    )
    assert found.difference == Emissions(-12)
    assert "hardware changed" in found.finding
    assert line(found, "amortised") == -1500


@pytest.mark.parametrize("more", [{"state": EntryState.WITHDRAWN}, {"biogenic": True}])
def test_what_does_not_count_in_the_inventory_does_not_count_here(more: Any) -> None:
    extra = entry("scope3", 5, Emissions(9), **more)
    bridge = bridge_of(inputs(TABLE, [*booked(TABLE, Emissions()), extra]))
    assert bridge.closes
    assert ("scope3", 5) not in [(each.scope, each.category) for each in bridge.sections]


def test_an_inventory_without_a_ledger_is_all_outside() -> None:
    bridge = bridge_of(inputs({}, [entry("scope1", None, Emissions(7))]))
    assert bridge.closes
    assert [(each.scope, line(each, "outside_ledger")) for each in bridge.sections] == [("scope1", 7)]


def test_time_that_the_ledger_does_not_cover_is_told() -> None:
    assert "10 of 31,536,000 seconds" in bridge_of(inputs(TABLE, booked(TABLE, Emissions()))).notes[0]
