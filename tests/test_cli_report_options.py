"""``greencloud report`` on a real data directory: time in words, change, order, limit, columns, units, files and thresholds."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli_world import run, two_months

MICROGRAMS = "total_location_based_micrograms"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_months(tmp_path_factory.mktemp("cli"))


def table(data: Path, *options: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run(data, "report", *options, "-o", "csv").stdout, newline="")))


def document(data: Path, *options: str) -> Any:
    return json.loads(run(data, "report", *options, "-o", "json").stdout)


def test_a_period_in_words_is_the_same_as_its_bounds(data: Path) -> None:
    named = run(data, "report", "--period", "2026-01", "-o", "csv").stdout

    assert named == run(data, "report", "--from", "2026-01-01", "--to", "2026-02-01", "-o", "csv").stdout
    assert named != run(data, "report", "--period", "2026-02", "-o", "csv").stdout


def test_a_change_is_exact_and_the_parts_add_up_to_that_of_the_total(data: Path) -> None:
    told = document(data, "--period", "2026-02", "--group-by", "account", "--change")
    before = document(data, "--period", "2026-01", "--group-by", "account")
    amounts = {row["dimensions"]["account"]: row["total_location_based"]["micrograms"] for row in before["rows"]}

    for row in told["rows"]:
        change, now = row["change"], row["total_location_based"]["micrograms"]
        assert (change["old"], change["new"]) == (amounts[row["dimensions"]["account"]], now)
        assert change["difference"] == now - change["old"]
    assert told["total"]["change"]["old"] == before["total"]["total_location_based"]["micrograms"]


def test_the_first_month_has_nothing_before_it(data: Path) -> None:
    (month,) = table(data, "--period", "2026-01", "--group-by", "", "--change")
    months = table(data, "--period", "2026-Q1", "--group-by", "", "--granularity", "month", "--change")

    assert month["total_location_based_previous_micrograms"] == month["total_location_based_change_percent"] == ""
    assert "n/a" in run(data, "report", "--period", "2026-01", "--change").stdout
    assert [row["total_location_based_previous_micrograms"] for row in months] == ["", month[MICROGRAMS]]


def test_others_are_one_row_and_the_total_stays(data: Path) -> None:
    options = ("--group-by", "account,region,component", "--sort", "total_location_based:desc")
    every, few = table(data, *options), table(data, *options, "--limit", "2")

    assert few[:2] == every[:2]
    assert [row["account"] for row in few[2:]] == ["(others)"]
    assert sum(int(row[MICROGRAMS]) for row in few) == sum(int(row[MICROGRAMS]) for row in every)
    ordered = [int(row[MICROGRAMS]) for row in every]
    assert ordered == sorted(ordered, reverse=True)


def test_a_filter_and_its_rest_are_the_whole(data: Path) -> None:
    def total(*options: str) -> int:
        return sum(int(row[MICROGRAMS]) for row in table(data, *options))

    assert total("--filter", "region=a") + total("--filter", "region=b") == total()
    assert total("--filter", "region=a", "--filter", "region=b") == total()
    assert total("--filter", "account=acme", "--filter", "region=a") < total("--account", "acme")


def test_every_format_has_the_same_figures(data: Path, tmp_path: Path) -> None:
    options = ("--group-by", "account,region", "--granularity", "month", "--period", "2026", "--change")
    wanted = table(data, *options)
    for name in ("f.parquet", "f.arrow", "f.jsonl", "f.tsv", "f.csv"):
        done = run(data, "report", *options, "--out", str(tmp_path / name))
        assert not done.stdout
        assert "wrote" in done.stderr
    found = pq.read_table(tmp_path / "f.parquet")
    assert found.equals(pa.ipc.open_file(tmp_path / "f.arrow").read_all())
    lines = [json.loads(line, parse_float=Decimal) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    for rows in (found.to_pylist(), lines):
        for column in (MICROGRAMS, "energy_millijoules", "total_location_based_change_micrograms"):
            assert ["" if row[column] is None else str(row[column]) for row in rows] == [row[column] for row in wanted]
    assert (tmp_path / "f.csv").read_text() == run(data, "report", *options, "-o", "csv").stdout
    assert len((tmp_path / "f.tsv").read_text().splitlines()) == len(wanted) + 1


def test_columns_and_units_of_a_table_are_those_asked_for(data: Path) -> None:
    shown = run(data, "report", "--columns", "service,total_market_based,energy", "--unit", "kg", "--unit", "kWh").stdout
    narrow = run(data, "report", "--columns", "service,energy", "-o", "tsv").stdout

    assert "kg" in shown
    assert "kWh" in shown
    assert "scope 1" not in shown
    assert narrow.splitlines()[0] == "service\tenergy_millijoules"
    said = run(data, "report", "--columns", "colour", code=2).stderr
    assert "there is no column 'colour'" in " ".join(said.split())


def test_a_zone_moves_what_is_shown_and_no_figure(data: Path) -> None:
    shown = run(data, "report", "--period", "2026", "--granularity", "month", "--tz", "Asia/Kolkata").stdout

    assert "2026-01-01T05:30:00+05:30" in shown
    assert "hours, days and months are those of UTC" in shown
    plain = run(data, "report", "--period", "2026", "--granularity", "month").stdout
    assert shown.splitlines()[-6:] == plain.splitlines()[-6:]


@pytest.mark.parametrize(("limit", "code"), [("1mg", 3), ("1kt", 0)])
def test_a_budget_that_is_exceeded_ends_with_code_3(data: Path, limit: str, code: int) -> None:
    done = run(data, "report", "--fail-above", limit, code=code)

    assert "Footprint of all accounts" in done.stdout
    assert ("is above --fail-above" in done.stderr) == (code == 3)


def test_a_budget_is_exceeded_by_more_than_it_only(data: Path) -> None:
    total = sum(int(row["total_market_based_micrograms"]) for row in table(data))

    run(data, "report", "--method", "market", "--fail-above", f"{total}µg")
    run(data, "report", "--method", "market", "--fail-above", f"{total - 1}µg", code=3)


def test_a_total_that_is_not_known_is_not_below_a_budget(data: Path) -> None:
    assert "is not known" in run(data, "report", "--period", "2020", "--fail-above", "1kt", code=3).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--period", "2026", "--from", "2026-01-01"], "either --period or --from and --to"),
        (["--period", "someday"], "'someday' is not a period"),
        (["--change"], "--change needs a whole time"),
        (["--filter", "colour=red"], "not DIMENSION=VALUE"),
        (["--account", "acme", "--filter", "account=acme"], "either --account or --filter account=ID"),
        (["--columns", "service", "-o", "json"], "--columns is not for -o json"),
        (["--unit", "stone"], "'stone' is not one of"),
        (["--tz", "Mars/Olympus"], "not a time zone"),
        (["--fail-above", "100"], "not a mass"),
        (["--sort", "colour"], "cannot be sorted by 'colour'"),
        (["--out", "x.parquet", "-o", "docx"], "'docx' is not one of"),
    ],
)
def test_wrong_usage_says_what_is_right(data: Path, options: list[str], said: str) -> None:
    done = run(data, "report", *options, code=2)

    assert said in " ".join(done.stderr.split())
    assert not done.stdout


def test_quarters_and_years_begin_with_the_fiscal_month(data: Path) -> None:
    def starts(granularity: str, month: str) -> list[str]:
        options = ("--period", "2026", "--granularity", granularity, "--fiscal-year-start", month, "--group-by", "")
        return [row["start"][:10] for row in table(data, *options)]

    assert starts("quarter", "1") == ["2026-01-01"]
    assert starts("quarter", "2") == ["2025-11-01", "2026-02-01"]
    assert starts("year", "2") == ["2025-02-01", "2026-02-01"]
