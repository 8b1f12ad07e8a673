"""Importing entries: all rows or none, every mistake at once, and nothing from a hostile file."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import GoalError, MissingExtraError
from greencloud.inventory.rows import MOST_ERRORS
from greencloud.results.inventory import DataQuality, EntryImport, RestatementCause
from greencloud.units import Emissions
from inventory_world import NOW, TONNE, books, entry

HEADER = "year,scope,category,t_co2e,source\n"
ACTIVITY = "year,scope,category,source,activity_amount,activity_unit,factor,factor_unit,factor_source,gas,gwp_set,t_co2e\n"
GOAL_FILE = Path(__file__).parent / "books" / "goal-provider" / "inventory.csv"


def workbook(rows: Sequence[Sequence[Any]], *, sheets: Sequence[str] = ("Sheet1",), formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for index, name in enumerate(sheets):
        sheet = book.active if index == 0 else book.create_sheet()
        sheet.title = name
        for row in rows:
            sheet.append(row)
        for cell, number_format in (formats or {}).items():
            sheet[cell].number_format = number_format
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def said(answer: EntryImport) -> list[tuple[int, str]]:
    return [(error.row, error.column) for error in answer.errors]


# Laws


@settings(max_examples=20)
@given(
    amounts=st.dictionaries(st.tuples(st.integers(2018, 2022), st.integers(1, 15)), st.integers(0, 10**20), min_size=1, max_size=6),
    changed=st.integers(0, 10**20),
    excel=st.booleans(),
)
def test_an_import_books_what_the_file_says_once_and_restates_it_with_a_cause(
    amounts: dict[tuple[int, int], int], changed: int, excel: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def file(of: dict[tuple[int, int], int]) -> bytes:
        rows = [(year, "scope3", category, f"{micrograms}/1000000000000", "s") for (year, category), micrograms in of.items()]
        if excel:
            return workbook([HEADER.strip().split(","), *rows])
        return (HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows)).encode()

    name = "inventory.xlsx" if excel else "inventory.csv"
    there = books(tmp_path_factory.mktemp("books"))
    first = there.import_inventory_entries(file(amounts), file_name=name)
    assert {(one.year.year, one.category): one.emissions.micrograms for one in first.added} == amounts
    records = len(there.journal.changes())

    again = there.import_inventory_entries(file(amounts), file_name=name)
    assert (again.added, again.restated, again.errors, again.unchanged) == ((), (), (), len(amounts))
    assert len(there.journal.changes()) == records

    key = next(iter(amounts))
    other = {**amounts, key: changed}
    if changed == amounts[key]:
        return
    refused = there.import_inventory_entries(file(other), file_name=name)
    assert said(refused) == [(2, "t_co2e")]
    assert len(there.journal.changes()) == records
    restated = there.import_inventory_entries(
        file(other), file_name=name, restate=RestatementCause.LATE_DATA, reason="invoices of December"
    )
    assert [(one.before, one.after) for one in restated.restated] == [(Emissions(amounts[key]), Emissions(changed))]
    assert restated.unchanged == len(amounts) - 1


@settings(max_examples=200)
@given(content=st.binary(max_size=300), ending=st.sampled_from([".csv", ".xlsx"]))
def test_no_file_does_anything_but_be_read_or_refused(
    content: bytes, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = books(tmp_path_factory.getbasetemp() / "untouched")
    with suppress(GoalError):
        assert not there.import_inventory_entries(content, file_name="f" + ending, validate_only=True).added


# CSV


def test_the_file_of_a_goal_is_imported_as_it_is(tmp_path: Path) -> None:
    there = books(tmp_path)
    content = GOAL_FILE.read_bytes()
    answer = there.import_inventory_entries(content, file_name="inventory.csv")
    assert not answer.errors
    assert there.get_evidence(answer.evidence) == content
    assert all(answer.evidence in one.evidence for one in answer.added)
    totals = there.get_inventory("2020")
    assert totals.total_market_based == Emissions(9_514_000 * TONNE)
    assert there.get_inventory("2021").total_market_based == Emissions(13_249_000 * TONNE)


def test_every_column_is_read(tmp_path: Path) -> None:
    there = books(tmp_path)
    letter = there.upload_evidence(b"invoice")
    header = "Year,scope,category,kg_co2e,source,id,site,business,uncertainty_percent,data_quality,evidence,biogenic\n"
    text = f'\ufeff{header}\nFY2022,scope3,11,12.5,"model 4, run 7",use-phase,hall,cloud,7.5,good,{letter},true\n'
    answer = there.import_inventory_entries(text.encode(), file_name="a.CSV")
    assert not answer.errors
    (one,) = there.list_inventory_entries()
    assert (str(one.year), one.scope, one.category, one.emissions.micrograms, one.source) == (
        "FY2022",
        "scope3",
        11,
        12_500_000_000,
        "model 4, run 7",
    )
    assert (one.id, one.site, one.business, str(one.uncertainty), one.data_quality, one.biogenic) == (
        "use-phase",
        "hall",
        "cloud",
        "3/40",
        DataQuality.GOOD,
        True,
    )
    assert one.evidence == (letter, answer.evidence)


def test_activity_data_are_calculated_and_a_stated_amount_must_agree_to_its_last_digit(tmp_path: Path) -> None:
    there = books(tmp_path)
    rows = [
        "2019,scope1,,meter,1200,kWh,0.35,kgCO2e/kWh,supplier,,,",
        "2020,scope1,,meter,1200,kWh,0.35,kgCO2e/kWh,supplier,,,0.42",
        "2021,scope1,,meter,1200,kWh,0.35,kgCO2e/kWh,supplier,,,0.4",
        "2022,scope1,,leak,12,kg,1,kg/kg,IPCC,HFC-134a,AR6,",
        "2023,scope1,,stated,,,,,,,,7",
    ]
    answer = there.import_inventory_entries((ACTIVITY + "\n".join(rows)).encode(), file_name="a.csv")
    assert not answer.errors
    amounts = {str(one.year): one.emissions.micrograms for one in answer.added}
    assert amounts == {"2019": 42 * 10**10, "2020": 42 * 10**10, "2021": 42 * 10**10, "2022": 18_360 * 10**9, "2023": 7 * TONNE}

    wrong = [
        "2019,scope3,,meter,1200,kWh,0.35,kgCO2e/kWh,supplier,,,0.43",
        "2020,scope3,,meter,1200,kWh,0.35,kgCO2e/L,supplier,,,",
        "2021,scope3,,meter,1200,,0.35,kgCO2e/L,supplier,,,",
        "2022,scope3,,meter,,,,,,,,",
        "2023,scope3,,meter,x,kWh,0.35,kgCO2e/kWh,supplier,,,",
        "2024,scope3,,meter,1200,kWh,0.35,kgCO2e/kWh,supplier,,,0.0",
    ]
    answer = there.import_inventory_entries((ACTIVITY + "\n".join(wrong)).encode(), file_name="a.csv")
    assert said(answer) == [
        (2, "t_co2e"),
        (3, "activity_unit"),
        (4, "activity_unit"),
        (5, "t_co2e"),
        (6, "activity_amount"),
        (7, "t_co2e"),
    ]
    assert len(there.journal.changes()) == 1


def test_every_mistake_is_told_at_once_and_nothing_is_booked(tmp_path: Path) -> None:
    there = books(tmp_path)
    rows = [
        "2020,scope4,,1,s",
        "2020,scope3,16,1,s",
        "2020,scope1,3,1,s",
        "2020,scope1,,-1,s",
        "2020,scope1,,12 kWh,s",
        '2020,scope1,,"1,200",s',
        "2020,scope1,,1,",
        "20,scope1,,,",
        "2020,scope1,,1",
        "2021,scope1,,1,s",
        "2021,scope1,,2,s",
        "2022,scope3,,1,s",
        "2022,scope3,4,1,s",
        "2099,scope1,,1,s",
        "2020,scope1,,1,fine",
    ]
    answer = there.import_inventory_entries((HEADER + "\n".join(rows)).encode(), file_name="a.csv")
    assert said(answer) == [
        (2, "scope"),
        (3, "category"),
        (4, "category"),
        (5, "t_co2e"),
        (6, "t_co2e"),
        (7, "t_co2e"),
        (8, "source"),
        (9, "year"),
        (9, "source"),
        (9, "t_co2e"),
        (10, ""),
        (11, "id"),
        (12, "scope"),
        (14, "category"),
        (15, "year"),
    ]
    assert all(error.message and error.advice for error in answer.errors)
    advice = {error.row: error.advice for error in answer.errors}
    assert "activity_amount" in advice[6]
    assert "instruments" in advice[5]
    assert not there.journal.changes()
    assert not (tmp_path / "evidence").exists()


def test_no_more_than_a_hundred_mistakes_are_told(tmp_path: Path) -> None:
    answer = books(tmp_path).import_inventory_entries((HEADER + "2020,scope9,,1,s\n" * 500).encode(), file_name="a.csv")
    assert len(answer.errors) == MOST_ERRORS


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("year,scope,category,amount,source", {"t_co2e", "amount"}),
        ("year,scope,category,kwh,source", {"t_co2e", "kwh"}),
        ("year,scope,category,kg_co2e,t_co2e,source", {"t_co2e"}),
        ("year,scope,t_co2e,source", {"category"}),
        ("year,scope,category,t_co2e,source,sight", {"sight"}),
        ("year,scope,category,t_co2e,source,site,site", {"site"}),
        ("year,scope,category,source,factor", {"activity_amount", "activity_unit", "factor_unit", "factor_source"}),
    ],
)
def test_a_header_that_is_wrong_is_told_before_any_row(tmp_path: Path, header: str, columns: set[str]) -> None:
    answer = books(tmp_path).import_inventory_entries(f"{header}\n1,2,3,4,5\n".encode(), file_name="a.csv")
    assert {error.column for error in answer.errors} == columns
    assert {error.row for error in answer.errors} == {1}


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "no header"),
        (b"a;b;c\n", "a.csv", "semicolons"),
        (b"caf\xe9\n", "a.csv", "not UTF-8"),
        (b'year\n"a" b\n', "a.csv", "row 2 is not CSV"),
        (b"year\n", "a.xls", "ends in '.xls'"),
        (b"year\n", "inventory", "ends in 'nothing'"),
        (b"year\n", "a.xlsx", "not an Excel workbook"),
        (b"x" * ((16 << 20) + 1), "a.csv", "larger than 16 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    with pytest.raises(GoalError, match=message) as caught:
        books(tmp_path).import_inventory_entries(content, file_name=name)
    assert caught.value.path == name
    assert caught.value.advice


def test_more_than_fifty_thousand_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GoalError, match=r"more than 50,000 rows"):
        books(tmp_path).import_inventory_entries((HEADER + "2020,scope1,,1,s\n" * 50_001).encode(), file_name="a.csv")


def test_a_row_without_an_id_never_adds_to_what_is_booked_under_another(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry(id="diesel"))
    answer = there.import_inventory_entries((HEADER + "2020,scope1,,1,s\n").encode(), file_name="a.csv")
    assert said(answer) == [(2, "id")]
    named = "year,scope,category,t_co2e,source,id\n2020,scope1,,1,s,gas\n2020,scope1,,1,s,\n2020,scope1,,1,s,gas\n"
    answer = there.import_inventory_entries(named.encode(), file_name="a.csv")
    assert said(answer) == [(3, "id"), (4, "id")]


def test_trying_an_import_tells_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    there = books(tmp_path)
    there.create_inventory_entry(entry())
    content = (HEADER + "2020,scope1,,2,s\n2020,scope3,,1,s\n").encode()
    tried = there.import_inventory_entries(
        content, file_name="a.csv", restate=RestatementCause.ERROR, reason="w", validate_only=True
    )
    assert len(there.journal.changes()) == 1
    assert not (tmp_path / "evidence").exists()
    done = there.import_inventory_entries(content, file_name="a.csv", restate=RestatementCause.ERROR, reason="w")
    assert (tried.added, tried.restated, tried.validate_only) == (done.added, done.restated, True)
    with pytest.raises(GoalError, match="no reason"):
        there.import_inventory_entries((HEADER + "2020,scope1,,3,s\n").encode(), file_name="a.csv", restate=RestatementCause.ERROR)


def test_an_import_answers_what_is_on_record(tmp_path: Path) -> None:
    ticks = (NOW + timedelta(seconds=number) for number in count())
    there = books(tmp_path, clock=lambda: next(ticks))
    first = there.import_inventory_entries((HEADER + "2020,scope1,,2,s\n").encode(), file_name="a.csv")
    assert list(first.added) == there.list_inventory_entries()
    content = (HEADER + "2020,scope1,,3,s\n").encode()
    second = there.import_inventory_entries(content, file_name="a.csv", restate=RestatementCause.ERROR, reason="w")
    assert list(second.restated) == there.list_inventory_restatements()


# Excel


def test_a_workbook_is_read_as_excel_shows_it(tmp_path: Path) -> None:
    there = books(tmp_path)
    header = ["year", "scope", "category", "t_co2e", "source", "uncertainty_percent", "biogenic"]
    content = workbook(
        [header, [2020, "scope1", None, 0.1 + 0.2, "s", 0.05, None], [], [2021.0, "scope3", 11, 1 / 3, "s", 5, True]],
        sheets=["notes", "Inventory"],
        formats={"F2": "0.0%"},
    )
    answer = there.import_inventory_entries(content, file_name="a.xlsx")
    assert not answer.errors
    one, other = answer.added
    assert (one.emissions.micrograms, str(one.uncertainty)) == (300_000_000_000, "1/20")
    assert (other.emissions.micrograms, str(other.uncertainty), other.biogenic) == (333_333_333_333, "1/20", True)


def test_words_of_a_cell_have_one_blank_between(tmp_path: Path) -> None:
    source = "Meter\xa07,\n north   hall "
    there = books(tmp_path)
    there.import_inventory_entries(workbook([HEADER.strip().split(","), [2020, "scope1", None, 1, source]]), file_name="a.xlsx")
    there.import_inventory_entries(f'{HEADER}2021,scope1,,1,"{source}"\n'.encode(), file_name="a.csv")
    assert [one.source for one in there.list_inventory_entries()] == ["Meter 7, north hall"] * 2


def test_without_its_libraries_a_workbook_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook([["year"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match="a workbook"):
        books(tmp_path).import_inventory_entries(content, file_name="a.xlsx")


def test_cells_that_hold_no_value_are_told_with_their_row_and_column(tmp_path: Path) -> None:
    rows: list[list[Any]] = [HEADER.strip().split(","), [2020, "scope1", None, "=1+1", "s"], [2021, "scope1", None, "#REF!", "s"]]
    rows.append([date(2022, 1, 1), "scope1", None, 1, "s"])
    answer = books(tmp_path).import_inventory_entries(workbook(rows), file_name="a.xlsx")
    assert said(answer) == [(2, "t_co2e"), (3, "t_co2e"), (4, "year")]
    assert "without a saved value" in answer.errors[0].message


def test_of_several_sheets_one_must_be_named(tmp_path: Path) -> None:
    content = workbook([HEADER.strip().split(",")], sheets=["2020", "2021"])
    with pytest.raises(GoalError, match="sheets '2020', '2021'"):
        books(tmp_path).import_inventory_entries(content, file_name="a.xlsx")


def with_part(name: str, change: Any) -> bytes:
    file = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(workbook([HEADER.strip().split(","), [2020, "scope1", None, 1, "s"]])))
    with source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            content = source.read(part)
            target.writestr(part, change(content) if part == name else content)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_part(SHEET, lambda text: ENTITIES + text), "parts that Excel does not write"),
        (with_part(SHEET, lambda text: text.decode().encode("utf-16")), "parts that Excel does not write"),
        (with_part(SHEET, lambda text: b'<?xml version="1.0" encoding="utf-7"?>' + text), "parts that Excel does not write"),
        (with_part(SHEET, lambda text: text + b" " * (129 << 20)), "too large unpacked"),
        (with_part(SHEET, lambda text: text[:-40]), "not an Excel workbook"),
        (with_part(SHEET, lambda text: text.replace(b'<row r="2"', b'<row r="999999999999"')), "below row 60,000"),
        (with_part("[Content_Types].xml", lambda _: b"<a/>"), "workbook"),
        (with_part("xl/workbook.xml", lambda _: b"<a/>"), "workbook"),
        (workbook([["year"]])[:-30], "not an Excel workbook"),
    ],
    ids=["entities", "utf-16", "utf-7", "bomb", "torn", "far row", "types", "book", "no directory"],
)
def test_a_hostile_workbook_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        books(tmp_path).import_inventory_entries(content, file_name="a.xlsx")


def test_what_a_workbook_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    content = with_part(SHEET, lambda text: text.replace(b'<dimension ref="A1:E2"', b'<dimension ref="A1:XFD1048576"'))
    assert len(books(tmp_path).import_inventory_entries(content, file_name="a.xlsx").added) == 1
