"""Reports: every figure is the ledger's, exactly where a program reads it and never misleading where a person does."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.goal import Goal, LedgerYear, progress
from greencloud.inventory import Entry, Inventory
from greencloud.report import (
    balance_document,
    balance_table,
    footprint_csv,
    footprint_document,
    footprint_markdown,
    footprint_table,
    goal_document,
    goal_table,
)
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, kwh_decimal, scale_for
from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS
from greencloud.results import BatchSummary, FootprintRow
from greencloud.units import Emissions, Energy

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERIOD = (START, START + HOUR)

amounts = st.integers(0, 10**24)


def row_of(
    dimensions: dict[str, str],
    energy: int = 0,
    *emissions: int,
    count: int = 0,
    flags: tuple[str, ...] = (),
    provisional: bool = False,
) -> FootprintRow:
    one, two, three, four, five, six = (Emissions(amount) for amount in (*emissions, *[0] * (6 - len(emissions))))
    return FootprintRow(
        START, START + HOUR, dimensions, Energy(energy), one, two, three, four, five, six, count, flags, provisional, ("rule/1",)
    )


rows = st.lists(
    st.builds(
        lambda name, energy, emissions, count: row_of({"service": name}, energy, *emissions, count=count),
        st.text(max_size=8),
        amounts,
        st.lists(amounts, min_size=6, max_size=6),
        st.integers(0, 2**62),
    ),
    max_size=6,
)

SMALL = [
    row_of({"service": "cart", "component": "dynamic"}, 123_456_789, 1_000, 2_345_678, 5_000_000, 400_000, 500_000, 0, count=1200),
    row_of({"service": "cart", "component": "idle"}, 7_000, 0, 20, 30, 4, 5, 77_000, flags=("modelled",)),
    row_of({"service": "", "component": "embodied"}, 0, 0, 0, 0, 0, 0, 9_000_000, provisional=True),
]


def batch_of(site: str, metered: int, accounts: int, pools: dict[str, int], *, provisional: bool = False) -> BatchSummary:
    energies = {pool: Energy(amount) for pool, amount in pools.items()}
    return BatchSummary(
        site, site, START, START + HOUR, "r", "m", "f", "u", "", provisional, Energy(metered), Energy(accounts), energies, START
    )


BATCHES = [
    batch_of("north", 3_600_000_000, 3_000_000_000, {"(unattributed)": 600_000_000}),
    batch_of("south", 1_800_000_000, 1_200_000_000, {"(unsold)": 600_000_000}, provisional=True),
]


@given(rows)
def test_a_document_holds_the_exact_integers_and_their_sums(found: list[FootprintRow]) -> None:
    text = json.dumps(footprint_document(found, account="a", period=PERIOD, group_by=("service",)))
    document = json.loads(text)

    for name in (*EMISSION_FIELDS, *TOTAL_FIELDS):
        expected = [getattr(row, name).micrograms for row in found]
        assert [row[name]["micrograms"] for row in document["rows"]] == expected
        assert not found or document["total"][name]["micrograms"] == sum(expected)
        assert [Fraction(row[name]["kg_co2e"]) * 10**9 for row in document["rows"]] == expected
    if not found:
        assert document["total"] is None, "not known is not zero"
        return
    assert document["total"]["energy"]["millijoules"] == sum(row.energy.millijoules for row in found)
    assert document["total"]["operation_count"] == sum(row.operation_count for row in found)


@given(rows)
def test_csv_holds_the_exact_integers_and_no_total(found: list[FootprintRow]) -> None:
    read = list(csv.DictReader(io.StringIO(footprint_csv(found, ("service",)), newline="")))

    assert [int(line["energy_millijoules"]) for line in read] == [row.energy.millijoules for row in found]
    for name in (*EMISSION_FIELDS, *TOTAL_FIELDS):
        assert [int(line[f"{name}_micrograms"]) for line in read] == [getattr(row, name).micrograms for row in found]


@given(st.integers(-(10**24), 10**24))
def test_kilograms_are_exact_and_kilowatt_hours_within_half_of_the_ninth_place(amount: int) -> None:
    assert Fraction(kg_decimal(amount)) * 10**9 == amount
    assert abs(Fraction(kwh_decimal(amount)) - Fraction(amount, 3_600_000_000)) * 2 <= Fraction(1, 10**9)


@given(st.integers(-(10**20), 10**20), st.integers(0, 10**20))
def test_a_cell_is_nothing_only_where_there_is_nothing(amount: int, largest: int) -> None:
    scale = scale_for([amount, largest], EMISSION_UNITS)
    shown = scale.show(amount)

    assert (shown == "0") == (amount == 0)
    if "<" not in shown:
        error = abs(Fraction(Decimal(shown.replace(",", ""))) - Fraction(amount, scale.size))
        assert error * 2 * 10**scale.places <= 1


def test_the_keys_of_the_footprint_document_are_those_that_are_documented() -> None:
    document = footprint_document(SMALL, account="a", period=PERIOD, group_by=("service", "component"), batches=BATCHES)

    assert list(document) == [
        "schema",
        "account",
        "period",
        "group_by",
        "granularity",
        "rows",
        "total",
        "provisional",
        "quality_flags",
        "methodology_versions",
        "balance",
    ]
    assert document["period"] == {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T11:00:00Z"}
    assert (document["provisional"], document["quality_flags"]) == (True, ["modelled"])
    assert document["total"]["energy"] == {"millijoules": 123_463_789, "kwh": "0.034295497"}
    assert document["balance"] == {
        "windows": 2,
        "provisional_windows": 1,
        "metered": {"millijoules": 5_400_000_000, "kwh": "1.500000000"},
        "accounts": {"millijoules": 4_200_000_000, "kwh": "1.166666667"},
        "pools": {
            "(unattributed)": {"millijoules": 600_000_000, "kwh": "0.166666667"},
            "(unsold)": {"millijoules": 600_000_000, "kwh": "0.166666667"},
        },
        "difference": {"millijoules": 0, "kwh": "0.000000000"},
    }


def test_a_document_of_nothing_has_the_same_keys_and_no_total() -> None:
    empty = footprint_document([], account="a", period=None)
    full = footprint_document(SMALL, account="a", period=PERIOD)

    assert list(empty) == list(full)
    assert empty["period"] is None
    assert empty["balance"] is None
    assert empty["total"] is None


def test_the_footprint_table_reads_well() -> None:
    golden = Path(__file__).parent / "golden" / "footprint_table.txt"

    assert footprint_table(SMALL, ("service", "component"), title="Footprint of shop") == golden.read_text()


def test_several_periods_have_a_column_and_one_row_needs_no_total() -> None:
    later = FootprintRow(START + HOUR, START + 2 * HOUR, {}, Energy(7))
    several = footprint_table([row_of({}, 5), later], (), title="t").splitlines()
    one = footprint_table([later], (), title="t").splitlines()

    assert several[1].startswith("2026-11-23T10:00:00Z to 2026-11-23T12:00:00Z")
    assert [line.split()[0] for line in several[8:12]] == [
        "2026-11-23T10:00:00Z",
        "2026-11-23T11:00:00Z",
        several[7].split()[0],
        "total",
    ]
    assert len([line for line in one if line.startswith("---")]) == 1


def test_the_balance_table_reads_well() -> None:
    assert balance_table(BATCHES).splitlines() == [
        "site   windows  metered  accounts  (unattributed)  (unsold)  difference  provisional",
        "                    kWh       kWh             kWh       kWh",
        "-----  -------  -------  --------  --------------  --------  ----------  -----------",
        "north        1    1.000     0.833           0.167         0        0 mJ            0",
        "south        1    0.500     0.333               0     0.167        0 mJ            1",
        "-----  -------  -------  --------  --------------  --------  ----------  -----------",
        "total        2    1.500     1.167           0.167     0.167        0 mJ            1",
    ]
    assert balance_document(BATCHES)["difference"]["millijoules"] == 0
    assert balance_table([]) == "No window is allocated.\n"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\u202eb"])
def test_a_name_from_telemetry_cannot_speak_to_the_terminal(name: str) -> None:
    text = footprint_table([row_of({"service": name}, 5)], ("service",), title="t")

    assert name not in text
    assert "a\N{REPLACEMENT CHARACTER}" in text
    assert len(text.splitlines()) == len(footprint_table([row_of({"service": "ab"}, 5)], ("service",), title="t").splitlines())


def test_a_name_from_telemetry_is_neither_markup_nor_a_formula() -> None:
    found = [row_of({"service": "=1+1|<b>"}, 5)]

    assert "| =1+1\\|&lt;b> |" in footprint_markdown(found, ("service",), title="t")
    assert footprint_csv(found, ("service",)).splitlines()[1].split(",")[2] == '"\'=1+1|<b>"'


def test_markdown_is_one_table_with_its_total() -> None:
    lines = footprint_markdown(SMALL, ("service", "component"), title="Footprint of shop").splitlines()
    table = [line for line in lines if line.startswith("|")]

    assert lines[0] == "### Footprint of shop"
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert table[0].startswith("| service | component | energy Wh | scope 1 g | scope 2 location g | scope 2 market g |")
    assert table[-1].startswith("| **total** |  | **34.295** |")


def test_nothing_posted_is_said_in_every_format() -> None:
    assert footprint_table([], (), title="Footprint of shop") == "Footprint of shop\nNothing is posted for it.\n"
    assert "Nothing is posted" in footprint_markdown([], (), title="Footprint of shop")
    assert len(footprint_csv([], ("service",)).splitlines()) == 1


def goal_progress_of(covered: int, emitted: int) -> Any:
    goal = Goal("g", "Scope 1 gone", "absolute", ("scope1",), 2024, 2027, Path("i.csv"), target_share=Fraction(0))
    entries = (Entry(2024, "scope1", None, Emissions(3 * 10**12), "s"), Entry(2025, "scope1", None, Emissions(2_500 * 10**9), "s"))
    ledger = LedgerYear(2026, covered, {"scope1": Emissions(emitted)})
    return progress(goal, Inventory(entries), ledger, START)


def test_the_goal_table_reads_well() -> None:
    assert goal_table(goal_progress_of(365 * 86_400, 10**12 + 5)).splitlines() == [
        "Scope 1 gone (goals/g)",
        "absolute, scope1",
        "base 2024: 3.000 t; target 2027: 0 µg of CO2e",
        "",
        "year   path  inventory  above path",
        "          t          t           t",
        "----  -----  ---------  ----------",
        "2024  3.000      3.000           0",
        "2025  2.000      2.500       0.500",
        "2026  1.000  not known",
        "2027      0  not known",
        "",
        "Status: OFF TRACK: above the path",
        "Ledger 2026: 1.000 t CO2e in 31,536,000 s; the path allows 1.000 t for the same time, so it is 5 µg above.",
        (
            "- The ledger covers 31,536,000 of 31,536,000 seconds of 2026 (100.00 %); the path is taken for the same seconds, "
            "in proportion to time."
        ),
        "As of 2026-11-23T10:00:00Z.",
    ]


@given(st.integers(1, 365 * 86_400), amounts)
def test_a_goal_document_holds_the_exact_integers(covered: int, emitted: int) -> None:
    found = goal_progress_of(covered, emitted)
    document = json.loads(json.dumps(goal_document(found)))

    assert list(document) == [
        "schema",
        "name",
        "display_name",
        "kind",
        "scopes",
        "base",
        "target",
        "years",
        "ledger",
        "status",
        "as_of",
        "notes",
    ]
    assert document["ledger"]["emissions"]["micrograms"] == emitted
    assert document["ledger"]["gap"]["micrograms"] == emitted - document["ledger"]["path"]["micrograms"]
    assert [year["path"]["micrograms"] for year in document["years"]] == [year.path.micrograms for year in found.years]
    assert document["years"][2]["inventory"] is None


def test_a_ledger_that_covers_nothing_is_null_in_the_document() -> None:
    assert goal_document(goal_progress_of(0, 0))["ledger"] is None
