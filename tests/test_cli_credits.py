"""``greencloud credits``: the same bytes from a data directory and from a server, and mistakes told by row and field."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.cli._credits import KIND
from greencloud.cli._credits_file import read_instruments
from greencloud.engine import DataDirectory
from greencloud.results.instruments import InstrumentKind
from greencloud.results.inventory import EntryState
from instrument_builders import RETIREMENT, Served, book, books, certificate, removal, serving_books
from test_goal_initiatives import initiative, year

Run = Callable[..., Result]
HEADER = "kind,registry,project,serial_prefix,serial_first,serial_last,vintage_start,vintage_end,geography,durability_years"
ROW = "removal,Puro.earth,Mineral storage,PURO-,1,500,2024-01-01,2024-12-31,IS,1000"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    data = DataDirectory.open(tmp_path / "data", create=True)
    with serving_books(tmp_path / "server", data.books_directory) as served:
        yield served


@pytest.fixture
def run(served: Served, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A verb of ``credits``, on the data directory or, with ``server``, behind the server."""
    monkeypatch.setenv("GREENCLOUD_TOKEN", served.token())
    data = served.folder.parent

    def go(*arguments: str, server: bool = False, code: int = 0) -> Result:
        where = ("--server", served.target) if server else ("--data", str(data))
        done = CliRunner().invoke(main, ["credits", *arguments, *where])
        assert done.exit_code == code, done.output
        return done

    return go


def test_the_kinds_are_those_that_there_are() -> None:
    assert list(KIND.choices) == list(InstrumentKind)


@pytest.mark.parametrize("server", [False, True])
def test_an_instrument_goes_its_way(run: Run, served: Served, tmp_path: Path, server: bool) -> None:
    book(books(served.folder), "2024", {"scope1": 100}, state=EntryState.APPROVED)
    made = run(
        *("add", "--kind", "removal", "--registry", "Puro.earth", "--project", "Mineral storage", "--prefix", "PURO-"),
        *("--serials", "1-500", "--vintage", "2024-01-01", "2024-12-31", "--geography", "IS", "--durability", "1000"),
        *("--cost", "200.50", "--currency", "EUR", "--id", "stone", "-o", "json"),
        server=server,
    )
    assert json.loads(made.stdout)["units"] == 500
    refused = run("use", "stone", "--year", "2024", "--units", "60", server=server, code=1)
    assert "is not retired" in refused.stderr
    told = ("--date", "2025-02-01", "--beneficiary", "Example Cloud", "--reference", "RET-1")
    assert "retired" in run("retire", "stone", *told, server=server).stdout
    use = json.loads(run("use", "stone", "--year", "2024", "--units", "60", "-o", "json", server=server).stdout)
    assert (use["serial_first"], use["serial_last"]) == (1, 60)
    run("use", "stone", "--year", "2024", "--units", "50", server=server)
    run("cancel-use", "stone", "--year", "2024", "--serial-first", "1", "--reason", "typed wrong", server=server)
    shown = run("show", "stone", server=server).stdout
    assert "500 t, 450 of them free" in shown
    assert "typed wrong" in shown
    assert "200.5 EUR a unit" in shown
    claim = run("neutrality", "2024", "--scope", "scope1", "--check", server=server, code=3).stdout
    assert "NOT neutral" in claim
    run("use", "stone", "--year", "2024", "--units", "50", server=server)
    assert "\nneutral; " in run("neutrality", "2024", "--scope", "scope1", "--check", server=server).stdout
    run("delete", "stone", "--reason", "x", server=server, code=1)
    run("policy", "--most-vintage-years", "3", "--reason", "stricter", server=server)
    assert "3 years" in run("policy", server=server).stdout
    chart = tmp_path / "neutrality.svg"
    run("chart", "2024", "--scope", "scope1", "-o", str(chart), server=server)
    assert chart.read_bytes().lstrip().startswith(b"<svg")


@pytest.mark.parametrize("server", [False, True])
def test_an_initiative_goes_its_way(run: Run, server: bool) -> None:
    texts = (
        "--name",
        "Waste heat",
        "--partner",
        "Oslo",
        "--baseline",
        "Gas",
        "--counterfactual",
        "No plan",
        "--methodology",
        "ch. 8",
    )
    run("initiative", "add", "heat", *texts, "--attribution", "1/2", server=server)
    run("initiative", "year", "heat", "--year", "2024", "--baseline", "1.5Gt", "--actual", "100kt", server=server)
    assert "reason" in run("initiative", "update", "heat", "--attribution", "1", server=server, code=1).stderr
    run("initiative", "update", "heat", "--attribution", "1", "--reason", "bought out", server=server)
    found = json.loads(run("scope3plus", "--target", "1.5Gt", "--target-year", "2035", "-o", "json", server=server).stdout)
    assert found["cumulative"]["kg_co2e"] == "1499900000000.000000000"
    assert "still to come" in run("scope3plus", "--target", "1.5Gt", server=server).stdout


READS = [
    *(("list", "-o", kind) for kind in ("table", "json", "csv")),
    ("list", "--kind", "removal", "--year", "2024"),
    *(("show", "r1", "-o", kind) for kind in ("table", "json")),
    *(("neutrality", "2024", "-o", kind) for kind in ("table", "json")),
    ("policy", "-o", "json"),
    *(("initiative", "list", "-o", kind) for kind in ("table", "json")),
    *(("initiative", "show", "heat", "-o", kind) for kind in ("table", "json")),
    *(("scope3plus", "--target", "2t", "-o", kind) for kind in ("table", "json")),
]


def test_both_sources_give_the_same_bytes(run: Run, served: Served) -> None:
    kept = books(served.folder)
    empty: list[tuple[str, ...]] = [("list",), ("initiative", "list"), ("scope3plus",)]
    for arguments in empty:
        assert run(*arguments).stdout == run(*arguments, server=True).stdout != ""
    book(kept, "2020", {"scope1": 40, "scope2_market_based": 30, "scope3": 100})
    book(kept, "2024", {"scope1": 40, "scope2_market_based": 30, "scope3": 100})
    kept.batch_create_instruments([removal(id="r1"), certificate(id="c1")])
    kept.use_instrument("r1", year="2024", units=30)
    kept.cancel_instrument_use("r1", year="2024", serial_first=1, reason="by mistake")
    kept.use_instrument("r1", year="2024", units=20)
    kept.create_initiative(initiative(years=(year("2024", 5, 2),)))
    for arguments in READS:
        assert run(*arguments).stdout == run(*arguments, server=True).stdout != ""
    refused: list[tuple[tuple[str, ...], int]] = [(("show", "none"), 5), (("neutrality", "2023"), 1), (("list", "--year", "x"), 1)]
    for arguments, code in refused:
        assert run(*arguments, code=code).stdout == run(*arguments, server=True, code=code).stdout == ""


def test_a_list_can_be_imported_again(run: Run, served: Served, tmp_path: Path) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(f"{HEADER},retired,beneficiary,reference\n{ROW},2025-02-01,Example Cloud,RET-1\n")
    assert "500" in run("import", str(file)).stdout
    listed = run("list", "-o", "csv").stdout
    file.write_text(listed)
    before = books(served.folder).journal.changes()
    assert run("import", str(file), server=True).stdout == run("list").stdout
    assert books(served.folder).journal.changes() == before
    assert books(served.folder).list_instruments()[0].retirement == RETIREMENT
    assert [row["serial_last"] for row in csv.DictReader(io.StringIO(listed))] == ["500"]


@pytest.mark.parametrize(
    ("text", "row", "says"),
    [
        ("", 1, "lacks the column 'kind'"),
        (HEADER, 1, "no rows"),
        (f"{HEADER},colour\n{ROW},red", 1, "unknown or repeated column 'colour'"),
        (f"{HEADER}\n{ROW}\n{ROW},more", 3, "another number of fields"),
        (f"{HEADER}\n{ROW.replace('removal', 'tree')}", 2, "no kind 'tree'"),
        (f"{HEADER}\n{ROW.replace('500', '5e2')}", 2, "serial_last"),
        (f"{HEADER}\n{ROW.replace('2024-12-31', '31.12.2024')}", 2, "vintage_end"),
        (f"{HEADER},retired,beneficiary,reference\n{ROW},2025-02-01,,", 2, "a retirement needs beneficiary, reference"),
        (f"{HEADER},unit_cost,currency\n{ROW},cheap,EUR", 2, "unit_cost"),
        ("\n".join([HEADER, *[ROW] * 1_001]), 1, "1,001 rows"),
        ("x" * (2 << 20), 1, "1 MiB"),
        (f'{HEADER}\n"{ROW}', 1, "not CSV"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_row(text: str, row: int, says: str) -> None:
    found, wrong = read_instruments(text.encode())
    assert wrong[0][0] == row
    assert says in wrong[0][1]
    assert len(found) <= 1


def test_all_mistakes_are_told_and_nothing_is_recorded(run: Run, served: Served, tmp_path: Path) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('IS', '').replace('500', '?')}\n{ROW.replace('removal', 'tree')}\n")
    told = run("import", str(file), code=1).stderr
    assert f"{file}:3: serial_last" in told
    assert f"{file}:4: there is no kind" in told
    assert "2 mistakes" in told
    file.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('PURO-,1,500', 'PURO-,500,501')}\n")
    for server in (False, True):
        assert "number 2 of 2: serial_first: 500 to 500" in run("import", str(file), code=1, server=server).stderr
    assert not [change for change in books(served.folder).journal.changes() if change.kind != "inventory.book"]
    assert len(read_instruments(b"\xff\xfe")[1]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "--serials", "a-b"), "are no serials"),
        (("retire", "x", "--date", "soon"), "is not a day"),
        (("use", "x", "--year", "2024", "--units", "0"), "units"),
        (("initiative", "update", "x", "--attribution", "half"), "not a number"),
        (("scope3plus", "--target", "much"), "is not a mass"),
    ],
)
def test_what_is_typed_wrong_is_usage(run: Run, arguments: tuple[str, ...], says: str) -> None:
    assert says in run(*arguments, code=2).stderr
