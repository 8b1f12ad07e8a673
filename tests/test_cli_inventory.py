"""``greencloud inventory``: the same bytes from a directory and from its server; files with mistakes; exact figures."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inventory_strategies as any_
from api_world import Api, serving
from cli_world import two_months
from greencloud.cli import (
    _inventory,
    _inventory_base_year,
    _inventory_bridge,
    _inventory_entries,
    _inventory_import,
    _inventory_records,
    _inventory_reviews,
    _inventory_years,
)
from greencloud.engine import DataDirectory
from greencloud.report.amounts import exact_decimal
from greencloud.report.inventory_documents import entry_document, totals_document
from greencloud.report.inventory_tables import exact_tonnes
from greencloud.results.inventory import INVENTORY_SCOPES, DataQuality, RestatementCause
from greencloud.units import Emissions
from serving import greencloud

FILE = """year,scope,category,t_co2e,source
2020,scope1,,510000,"Annual report 2020, table 3"
2020,scope2_location_based,,3710000.5,"Annual report 2020, table 3"
2020,scope2_market_based,,3600000,"Annual report 2020, table 3"
2020,scope3,1,4000000,"Annual report 2020, table 4"
2020,scope3,11,12.000001,"Use of sold products, model 4"
2020,scope3,5,3,"Waste, invoices"
"""
NAME = "2020-scope1"
PARTS: tuple[Any, ...] = (
    _inventory_base_year,
    _inventory_entries,
    _inventory_import,
    _inventory_records,
    _inventory_reviews,
    _inventory_years,
)
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A year that was imported, restated, approved and submitted, with a policy and a change of structure."""
    folder = tmp_path_factory.mktemp("cli")
    data = DataDirectory.open(folder / "data", create=True)
    (folder / "inventory.csv").write_text(FILE)
    (folder / "report.pdf").write_bytes(b"a report")
    said = run(data, "import", folder / "inventory.csv")
    assert said.stdout.startswith("6 entries added, 0 restated, 0 unchanged\n")
    run(data, "restate", NAME, "--amount", "511000t", "--cause", "error", "--reason", "two meters", "--uncertainty", "5%")
    run(data, "restate", NAME, "--evidence", folder / "report.pdf", "--cause", "late_data", "--reason", "the report")
    calculated = [
        "--activity",
        "1200 MWh",
        "--factor",
        "0.2 kgCO2e/kWh",
        "--factor-source",
        "IEA 2021",
        "--site",
        "north",
        "--id",
        "north-2021",
    ]
    run(data, "add", "--year", "2021", "--scope", "scope1", "--source", "Invoices", *calculated, "--data-quality", "good")
    run(data, "approve", "--year", "2020")
    run(data, "submit", "2020")
    run(data, "policy", "set", "--base-year", "2020", "--organization", "Example Cloud")
    change = ["--kind", "acquisition", "--effective", "2022-07-01", "--description", "bought", "--effect", "scope1=90000t"]
    run(data, "change", "add", *change, "--effect", "scope3:1=-300t")
    with serving(data) as api:
        yield api


def run(data: DataDirectory, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    places = 2 if arguments[0] in {"policy", "change", "base-year", "evidence"} else 1
    done = greencloud("inventory", *arguments[:places], "--data", data.path, *arguments[places:], check=False)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def behind(
    api: Api, *arguments: str | Path, code: int = 0, role: str = "provider.admin", subject: str = ""
) -> subprocess.CompletedProcess[str]:
    where = ["--server", api.target, "--token", api.token(role, subject=subject)]
    places = 2 if arguments[0] in {"policy", "change", "base-year", "evidence"} else 1
    done = greencloud("inventory", *arguments[:places], *where, *arguments[places:], check=False)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


QUESTIONS = [
    ["list"],
    ["list", "--year", "2020", "--scope", "scope3", "-o", "json"],
    ["list", "-o", "csv"],
    ["list", "--category", "11", "--withdrawn"],
    ["list", "--site", "north"],
    ["list", "--business", "none"],
    ["show", NAME],
    ["show", f"inventoryEntries/{NAME}", "-o", "json"],
    ["show", "north-2021"],
    ["totals", "2020"],
    ["totals", "2020", "--iso"],
    ["totals", "2020", "--as-of", "1", "-o", "json"],
    ["totals", "2020", "-o", "csv"],
    ["totals", "2019"],
    ["years"],
    ["years", "-o", "json"],
    ["years", "-o", "csv"],
    ["restatements"],
    ["restatements", "--year", "2020", "-o", "json"],
    ["restatements", "-o", "csv"],
    ["policy", "show"],
    ["policy", "show", "-o", "json"],
    ["change", "list"],
    ["change", "list", "-o", "json"],
    ["base-year", "assess"],
    ["base-year", "assess", "-o", "json"],
    ["log"],
    ["log", "--after", "3", "-o", "json"],
    ["log", "-o", "csv"],
    ["evidence", "get", hashlib.sha256(b"a report").hexdigest()],
]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_directory_and_its_server_say_the_same_bytes(api: Api, question: list[str]) -> None:
    here, there = run(api.data, *question), behind(api, *question, role="auditor")

    assert here.stdout == there.stdout
    assert here.stdout


def test_totals_add_up_as_they_are_shown(api: Api) -> None:
    lines = run(api.data, "totals", "2020").stdout.splitlines()
    assert lines[0] == "Inventory of 2020 (submitted), 2020-01-01T00:00:00Z to 2021-01-01T00:00:00Z, t CO2e, gross"
    shown = {line[:40].strip(): line[40:].split()[0] for line in lines if "  " in line and not line.startswith("-")}
    assert shown["Scope 1"] == "511,000.000000"
    assert shown["total, location-based"] == "8,221,015.500001"
    assert shown["total, market-based"] == "8,111,015.000001"
    iso = run(api.data, "totals", "2020", "--iso").stdout
    assert "2 Indirect GHG emissions from imported energy (location-based)" in iso
    assert "4,000,003.000000" in iso  # categories 1 and 5 of Scope 3


def test_an_entry_shows_its_revisions_and_evidence(api: Api) -> None:
    document = json.loads(run(api.data, "show", NAME, "-o", "json").stdout)
    assert document["evidence"][-1] == hashlib.sha256(b"a report").hexdigest()
    assert [each["emissions"]["kg_co2e"] for each in document["revisions"]] == ["510000000.000000000", *["511000000.000000000"] * 2]
    assert (document["uncertainty"], document["state"]) == ("1/20", "approved")


def test_a_list_as_csv_is_a_file_that_changes_nothing(api: Api, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(run(api.data, "list", "-o", "csv").stdout)
    for said in (
        run(api.data, "import", tmp_path / "list.csv", "--check"),
        behind(api, "import", tmp_path / "list.csv", "--check"),
    ):
        assert said.stdout.startswith("0 entries would be added, 0 would be restated, 7 unchanged\n")
        assert "would be kept" in said.stdout


def test_a_wrong_file_is_told_row_by_row_and_nothing_is_booked(api: Api, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(
        "year,scope,category,t_co2e,source\n2020,scope9,,1,x\n2020,scope3,16,many,\n2020,scope1,,510000,x\n"
    )
    before = run(api.data, "log", "-o", "csv").stdout
    here = run(api.data, "import", tmp_path / "bad.csv", code=1)
    there = behind(api, "import", tmp_path / "bad.csv", code=1)
    assert here.stdout == there.stdout
    assert [line.split()[:2] for line in here.stdout.splitlines()[2:5]] == [["2", "scope"], ["3", "category"], ["3", "source"]]
    assert "nothing is booked" in here.stderr
    document = json.loads(run(api.data, "import", tmp_path / "bad.csv", "-o", "json", code=1).stdout)
    assert document["errors"][0]["row"] == 2
    assert run(api.data, "log", "-o", "csv").stdout == before


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Api]:
    with serving(DataDirectory.open(tmp_path / "data", create=True)) as api:
        yield api


def test_what_is_written_by_one_way_is_there_by_the_other(fresh: Api, tmp_path: Path) -> None:
    (tmp_path / "invoice 1.pdf").write_bytes(b"one")
    added = ["add", "--year", "FY2022", "--scope", "scope3", "--category", "6", "--amount", "12.5kg", "--source", "Agency"]
    added += ["--evidence", str(tmp_path / "invoice 1.pdf"), "--biogenic", "--reason", "x", "-o", "json"]
    there = behind(fresh, *added)
    assert run(fresh.data, *added).stdout == there.stdout  # which is there with the same content
    entry = json.loads(there.stdout)
    assert entry["emissions"]["micrograms"] == 12_500_000_000
    assert (entry["created_by"], entry["biogenic"]) == ("provider.admin", True)

    put = behind(fresh, "evidence", "put", tmp_path / "invoice 1.pdf")
    assert put.stdout == f"{hashlib.sha256(b'one').hexdigest()}  {tmp_path / 'invoice 1.pdf'}\n"
    out = tmp_path / "copy.pdf"
    behind(fresh, "evidence", "get", hashlib.sha256(b"one").hexdigest(), "--out", out)
    assert out.read_bytes() == b"one"

    behind(fresh, "policy", "set", "--base-year", "FY2022", "--significance-threshold", "10%")
    assert "10 %" in run(fresh.data, "policy", "show").stdout
    behind(fresh, "approve", entry["id"])
    behind(fresh, "verify", "--year", "FY2022", "--by", "Assurance Ltd", "--assurance", "limited")
    behind(fresh, "submit", "FY2022")
    assert "names no person" in run(fresh.data, "close", "FY2022", code=1).stderr
    behind(fresh, "submit", "FY2022", subject="ann")
    run(fresh.data, "close", "FY2022", "--reason", "another person")
    assert "closed" in behind(fresh, "years").stdout
    behind(fresh, "withdraw", entry["id"], "--cause", "error", "--reason", "not ours")
    assert json.loads(run(fresh.data, "restatements", "-o", "json").stdout)["restatements"][-1]["after"] is None


def test_documents_are_matched_with_the_rows_that_name_them(fresh: Api, tmp_path: Path) -> None:
    for name in ("a.pdf", "b c.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.pdf", "b c.pdf")}
    documents = [option for name in digests for option in ("--evidence", tmp_path / name)]
    named = tmp_path / "named.csv"
    named.write_text("year,scope,category,t_co2e,source,evidence\n2020,scope1,,5,x,a.pdf\n2020,scope3,1,5,x,b c.pdf\n")
    shown = run(fresh.data, "import", named, *documents, "--check")
    assert shown.stdout.startswith("2 entries would be added")
    assert not (fresh.data.books_directory / "evidence").exists()
    behind(fresh, "import", named, *documents)
    found = {each["scope"]: each["evidence"] for each in json.loads(run(fresh.data, "list", "-o", "json").stdout)["entries"]}
    assert digests["a.pdf"] in found["scope1"]
    assert digests["b c.pdf"] not in found["scope1"]
    assert digests["b c.pdf"] in found["scope3"]

    whole = tmp_path / "whole.csv"
    whole.write_text("year,scope,category,t_co2e,source\n2021,scope1,,5,x\n2021,scope3,1,5,x\n")
    run(fresh.data, "import", whole, *documents)
    for each in json.loads(run(fresh.data, "list", "--year", "2021", "-o", "json").stdout)["entries"]:
        assert set(digests.values()) <= set(each["evidence"])


def test_a_workbook_is_a_file_too(fresh: Api, tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    for row in (["year", "scope", "category", "t_co2e", "source"], [2020, "scope1", None, 5.25, "x"], [2020, "scope3", 17, 1, "x"]):
        workbook.active.append(row)
    workbook.save(tmp_path / "book.xlsx")
    here, there = run(fresh.data, "import", tmp_path / "book.xlsx", code=1), behind(fresh, "import", tmp_path / "book.xlsx", code=1)
    assert here.stdout == there.stdout
    assert here.stdout.splitlines()[2].split()[:2] == ["3", "category"]
    workbook.active.delete_rows(3)
    workbook.save(tmp_path / "book.xlsx")
    (tmp_path / "x.pdf").write_bytes(b"x")
    said = run(fresh.data, "import", tmp_path / "book.xlsx", "--evidence", tmp_path / "x.pdf", code=2)
    assert "evidence put first" in " ".join(said.stderr.split())
    assert behind(fresh, "import", tmp_path / "book.xlsx").stdout.startswith("1 entry added")
    assert "5.25" in run(fresh.data, "totals", "2020").stdout


def test_a_restatement_by_a_file_has_its_cause(fresh: Api, tmp_path: Path) -> None:
    file = tmp_path / "inventory.csv"
    file.write_text(FILE)
    run(fresh.data, "import", file)
    file.write_text(FILE.replace("510000", "511000.5"))
    refused = run(fresh.data, "import", file, code=1)
    assert refused.stdout.splitlines()[2].split()[:2] == ["2", "t_co2e"]
    done = behind(fresh, "import", file, "--restate", "late_data", "--reason", "Invoices of December")
    assert done.stdout.startswith("0 entries added, 1 restated, 5 unchanged\n")
    assert "1,000.5" in done.stdout
    assert run(fresh.data, "restatements").stdout.count("late_data") == 1


def test_base_year_recalculation(fresh: Api) -> None:
    run(fresh.data, "add", "--year", "2020", "--scope", "scope1", "--amount", "100t", "--source", "x")
    run(fresh.data, "policy", "set", "--base-year", "2020")
    change = ["--kind", "divestment", "--effective", "2022-01-01", "--description", "sold", "--effect", "scope1=-10t"]
    behind(fresh, "change", "add", *change)
    assert "must be recalculated" in run(fresh.data, "base-year", "assess", "--check", code=3).stdout
    restated = behind(fresh, "base-year", "recalculate", "--reason", "sold in 2022")
    assert "-10" in restated.stdout
    assert "need not" in run(fresh.data, "base-year", "assess", "--check").stdout


def test_what_is_written_to_a_directory_is_in_its_audit_trail(fresh: Api) -> None:
    run(fresh.data, "add", "--year", "2020", "--scope", "scope1", "--amount", "1t", "--source", "x")
    run(fresh.data, "close", "2020", code=1)
    run(fresh.data, "list")
    assert [(each.action, each.outcome) for each in fresh.data.audit.entries()] == [
        ("inventory add", "OK"),
        ("inventory close", "FAILED_PRECONDITION"),
    ]


def test_every_command_of_the_page_works_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (DOCS / "cli.md").read_text(encoding="utf-8").partition("## Inventory\n")[2].partition("\n## ")[0]
    text = "".join(re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)).replace("\\\n", " ")
    commands = [shlex.split(line, comments=True)[1:] for line in text.splitlines()]
    assert len(commands) > 20
    monkeypatch.chdir(tmp_path)
    two_months(tmp_path)
    (tmp_path / "inventory-2020.csv").write_text(FILE)
    (tmp_path / "inventory-2020-corrected.csv").write_text(FILE.replace("510000", "511000"))
    for name in ("annual-report.pdf", "invoices.pdf", "statement.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    statement = hashlib.sha256(b"statement.pdf").hexdigest()
    for words in commands:
        if "--server" not in words:  # of which there is none here
            greencloud(*(statement if re.fullmatch("[0-9a-f]{64}", word) else word for word in words))
    assert {words[1] for words in commands} == {command.name for part in (*PARTS, _inventory_bridge) for command in part.COMMANDS}


ADD = ["add", "--year", "2020", "--scope", "scope1", "--source", "x"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*ADD], "what is not known is not booked"),
        ([*ADD, "--amount", "5"], "is not a mass of CO2e"),
        ([*ADD, "--amount", "0.5µg"], "finer than a microgram"),
        ([*ADD, "--amount", "1t", "--activity", "5 kWh"], "a calculated amount is not typed"),
        ([*ADD, "--activity", "kWh"], "not a number with its unit"),
        ([*ADD, "--activity", "5 kWh"], "--factor-source"),
        ([*ADD, "--amount", "1t", "--evidence", "no-such-file"], "neither a file nor the SHA-256"),
        ([*ADD, "--amount", "1t", "--uncertainty", "5"], "not a percentage"),
        (["add", "--scope", "scope1", "--source", "x", "--amount", "1t"], "Missing option '--year'"),
        (["restate", NAME, "--cause", "error", "--reason", "x"], "Say what is another now"),
        (["approve"], "either names of entries or --year"),
        (["approve", NAME, "--year", "2020"], "either names of entries or --year"),
        (["policy", "set"], "Say what to set"),
        (
            ["change", "add", "--kind", "merger", "--effective", "2022-01-01", "--description", "x", "--effect", "scope1"],
            "not an effect",
        ),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_what_is_typed_wrong_is_told(api: Api, words: list[str], said: str) -> None:
    done = run(api.data, *words, code=2)
    assert said in " ".join(done.stderr.split())
    assert not done.stdout


def test_an_etag_that_has_passed_is_a_conflict(api: Api) -> None:
    words = ["restate", NAME, "--source", "y", "--cause", "error", "--reason", "x", "--etag", "1-draft"]
    for done in (run(api.data, *words, code=1), behind(api, *words, code=1)):
        assert "error:" in done.stderr
    assert behind(api, "show", "there-is-none", code=5).stdout == ""
    assert behind(api, "approve", NAME, code=4, role="auditor").stdout == ""


def test_the_words_of_the_command_line_are_those_of_the_values() -> None:
    assert (*_inventory.CAUSE.choices, RestatementCause.LEDGER) == tuple(RestatementCause)
    assert _inventory.SCOPES == INVENTORY_SCOPES
    assert tuple(DataQuality) == _inventory.QUALITIES


LIGHT = """
import sys
for name in ("pyarrow", "duckdb", "deltalake", "cryptography", "jwt", "opentelemetry", "numpy", "msgspec", "pint", "openpyxl"):
    sys.modules[name] = None
from greencloud.cli import main
main(sys.argv[1:], prog_name="greencloud")
"""


@pytest.mark.parametrize(
    "words", [["totals", "2020"], ["add", "--year", "2022", "--scope", "scope1", "--source", "x", "--amount", "1t"]]
)
def test_a_light_client_is_enough_for_a_server(fresh: Api, words: list[str]) -> None:
    where = ["--server", fresh.target, "--token", fresh.token("provider.admin")]
    command = [sys.executable, "-c", LIGHT, "inventory", *words, *where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@given(st.lists(st.integers(-(10**20), 10**20), max_size=5))
def test_tonnes_are_shown_exactly(micrograms: list[int]) -> None:
    amounts = [Emissions(each) for each in micrograms]
    show = exact_tonnes([*amounts, None])
    texts = [show(each) for each in amounts]
    places = {len(text.partition(".")[2]) for text in texts if text != "0"}
    assert len(places) <= 1
    for text, each in zip(texts, amounts, strict=True):
        whole, _, part = text.replace(",", "").partition(".")
        assert int(whole + part.ljust(12, "0")) == each.micrograms
    assert show(None) == ""


@given(any_.fractions)
def test_a_number_is_shown_exactly(number: Any) -> None:
    text = exact_decimal(number)
    assert type(number)(text) == number


@given(any_.entries, any_.totals)
def test_a_document_is_json_and_loses_nothing(entry: Any, totals: Any) -> None:
    document = json.loads(json.dumps(entry_document(entry, [entry])))
    assert document["emissions"]["micrograms"] == entry.emissions.micrograms
    assert (document["name"], document["state"], document["year"]) == (entry.name, entry.state.value, str(entry.year))
    assert document["revisions"][0] == {key: value for key, value in document.items() if key not in {"schema", "revisions"}}
    told = json.loads(json.dumps(totals_document(totals)))
    assert [line["emissions"]["micrograms"] for line in told["lines"]] == [line.emissions.micrograms for line in totals.lines]
    assert (told["total_market_based"] is None) == (totals.total_market_based is None)
