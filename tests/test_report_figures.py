"""Reports: every figure is the ledger's, exactly where a program reads it and never misleading where a person does."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goal_world import booked, entry, goal_of, year
from greencloud.goal import LedgerYear, progress
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
from greencloud.report.certainty import EVIDENCE, certainty_lines, evidence_of, evidence_text, posted_text
from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS, scales_of, total_of
from greencloud.results import BatchSummary, FootprintRow
from greencloud.units import Emissions, Energy, format_instant

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERIOD = (START, START + HOUR)
WIDTHS = {
    "energy": ("energy_half_width", "millijoules"),
    "total_location_based": ("location_half_width", "micrograms"),
    "total_market_based": ("market_half_width", "micrograms"),
}
"""The field of each half-width in a document, and its unit."""

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


def sure(row: FootprintRow, evidence: tuple[int, ...], widths: tuple[int | None, ...], updated: datetime | None) -> FootprintRow:
    """The same row with what it rests on."""
    kinds: dict[str, Any] = {f"{kind}_energy": Energy(part) for kind, part in zip(EVIDENCE, evidence, strict=True)}
    energy, *totals = widths
    location, market = (None if width is None else Emissions(width) for width in totals)
    return replace(
        row,
        **kinds,
        energy_half_width=None if energy is None else Energy(energy),
        location_half_width=location,
        market_half_width=market,
        updated=updated,
    )


rows = st.lists(
    st.builds(
        lambda name, evidence, emissions, count, widths, updated: sure(
            row_of({"service": name}, sum(evidence), *emissions, count=count), evidence, widths, updated
        ),
        st.text(max_size=8),
        st.tuples(*[amounts] * 4),
        st.lists(amounts, min_size=6, max_size=6),
        st.integers(0, 2**62),
        st.tuples(*[st.none() | amounts] * 3),
        st.none() | st.integers(0, 10**9).map(lambda seconds: START + timedelta(seconds=seconds)),
    ),
    max_size=6,
)

SMALL = [
    sure(
        row_of({"service": "cart", "component": "dynamic"}, 123_456_789, 1_000, 2_345_678, 5_000_000, 400_000, 500_000, count=1200),
        (100_000_000, 20_000_000, 3_456_789, 0),
        (2_500_000, 290_000, 600_000),
        START + HOUR,
    ),
    sure(
        row_of({"service": "cart", "component": "idle"}, 7_000, 0, 20, 30, 4, 5, 77_000, flags=("modelled",)),
        (0, 7_000, 0, 0),
        (1_750, 38_500, 38_500),
        START + HOUR + timedelta(minutes=5, microseconds=7),
    ),
    sure(
        row_of({"service": "", "component": "embodied"}, 0, 0, 0, 0, 0, 0, 9_000_000, provisional=True),
        (0, 0, 0, 0),
        (0, 4_500_000, 4_500_000),
        START + HOUR,
    ),
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
    for kind in EVIDENCE:
        parts = [getattr(row, f"{kind}_energy").millijoules for row in found]
        assert [row["evidence"][kind]["millijoules"] for row in document["rows"]] == parts
        assert document["total"]["evidence"][kind]["millijoules"] == sum(parts)
    for name, (field, unit) in WIDTHS.items():
        known = [getattr(getattr(row, field), unit, None) for row in found]
        assert [(row["half_width"][name] or {}).get(unit) for row in document["rows"]] == known
        whole = (document["total"]["half_width"][name] or {}).get(unit)
        assert whole == (None if None in known else sum(width for width in known if width is not None))
    times = [row.updated for row in found if row.updated is not None]
    assert document["total"]["updated"] == (format_instant(max(times)) if times else None)


@given(rows)
def test_csv_holds_the_exact_integers_and_no_total(found: list[FootprintRow]) -> None:
    read = list(csv.DictReader(io.StringIO(footprint_csv(found, ("service",)), newline="")))

    assert [int(line["energy_millijoules"]) for line in read] == [row.energy.millijoules for row in found]
    for name in (*EMISSION_FIELDS, *TOTAL_FIELDS):
        assert [int(line[f"{name}_micrograms"]) for line in read] == [getattr(row, name).micrograms for row in found]
    for kind in EVIDENCE:
        parts = [getattr(row, f"{kind}_energy").millijoules for row in found]
        assert [int(line[f"{kind}_energy_millijoules"]) for line in read] == parts
    for field, unit in WIDTHS.values():
        known = [getattr(getattr(row, field), unit, None) for row in found]
        assert [line[f"{field}_{unit}"] for line in read] == ["" if width is None else str(width) for width in known]
    assert [line["updated"] for line in read] == [format_instant(row.updated) if row.updated else "" for row in found]


@given(rows, rows)
def test_totals_of_totals_are_the_total(some: list[FootprintRow], more: list[FootprintRow]) -> None:
    if some and more:
        assert total_of([total_of(some), total_of(more)]) == total_of(some + more)


@given(rows)
def test_shares_of_evidence_never_call_some_nothing_or_a_part_the_whole(found: list[FootprintRow]) -> None:
    for row in found:
        words = [share.rsplit(" ", 1) for share in evidence_text(row).split(", ") if share]
        shown = {kind: share for share, kind in words}
        for kind, part in (evidence_of(row) or {}).items():
            share = shown.get(kind.replace("_", "-"))
            assert (share is not None) == (part.millijoules > 0)
            assert share is None or (share == "100 %") == (part == row.energy)
            assert share != "0 %"


def test_what_a_figure_rests_on_is_left_out_where_it_is_not_known() -> None:
    bare = row_of({"service": "cart"}, 5, 1, 2, 3, 4, 5, 6)
    assert evidence_of(bare) is None
    assert certainty_lines(bare, *scales_of(bare), None) == []
    assert "±" not in footprint_table([bare], ("service",), title="t")
    document = footprint_document([bare], account="a", period=PERIOD)["rows"][0]
    assert (document["evidence"], document["updated"]) == (None, None)
    assert set(document["half_width"].values()) == {None}
    assert footprint_csv([bare], ()).splitlines()[1].endswith('"","","","","","","",""')

    mixed = [replace(SMALL[0], updated=None), replace(SMALL[1], market_half_width=None)]
    table = footprint_table(mixed, ("service",), title="t").splitlines()
    assert [line.count("not known") for line in table[8:12]] == [0, 1, 0, 1]
    assert "location-based 2.824 g" in "\n".join(table)
    assert "market-based" not in "\n".join(table), "the total of what is known in part is not known"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "posted less than a minute ago"),
        (59, "posted less than a minute ago"),
        (12 * 60 + 59, "posted 12 min ago"),
        (119 * 60, "posted 119 min ago"),
        (120 * 60, "posted 2 h ago"),
        (47 * 3600, "posted 47 h ago"),
        (50 * 3600, "posted 2 days ago"),
        (-1, "posted 2026-11-23T10:00:00Z"),  # the clocks disagree
    ],
)
def test_freshness_reads_well(seconds: int, said: str) -> None:
    assert posted_text(START, START + timedelta(seconds=seconds)) == said
    assert posted_text(START, None) == "posted 2026-11-23T10:00:00Z"


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

    now = START + HOUR + timedelta(minutes=17, seconds=30)
    assert footprint_table(SMALL, ("service", "component"), title="Footprint of shop", now=now) == golden.read_text()


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
    assert "Posted 2026-11-23T11:05:00.000007Z." in lines
    assert lines[-1].startswith("Provisional: ")


def test_nothing_posted_is_said_in_every_format() -> None:
    assert footprint_table([], (), title="Footprint of shop") == "Footprint of shop\nNothing is posted for it.\n"
    assert "Nothing is posted" in footprint_markdown([], (), title="Footprint of shop")
    assert len(footprint_csv([], ("service",)).splitlines()) == 1


def goal_progress_of(covered: int, emitted: int) -> Any:
    goal = goal_of(display_name="Scope 1 gone", base_year=year("2024"), target_year=year("2027"), target_share=Fraction(0))
    books = booked(entry("2024", "scope1", 3 * 10**12), entry("2025", "scope1", 2_500 * 10**9))
    ledger = LedgerYear(2026, covered, {"scope1": Emissions(emitted)})
    return progress(goal, books, {}, ledger, START)


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
        "Inventory 2025: 2.500 t CO2e; the path allows 2.000 t, so it is 500.0 kg above.",
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
        "metric",
        "base",
        "target",
        "years",
        "latest",
        "milestones",
        "ledger",
        "status",
        "alerts",
        "as_of",
        "notes",
    ]
    assert document["ledger"]["emissions"]["micrograms"] == emitted
    assert document["ledger"]["gap"]["micrograms"] == emitted - document["ledger"]["path"]["micrograms"]
    assert [year["path"]["micrograms"] for year in document["years"]] == [year.path.micrograms for year in found.years]
    assert document["years"][2]["inventory"] is None


def test_a_ledger_that_covers_nothing_is_null_in_the_document() -> None:
    assert goal_document(goal_progress_of(0, 0))["ledger"] is None
