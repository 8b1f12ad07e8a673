"""``greencloud diff``: exact changes that add up to that of the whole, the largest first."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli_world import run, two_months

MONTHS = ("2026-01", "2026-02")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_months(tmp_path_factory.mktemp("diff"))


def document(data: Path, *arguments: str) -> Any:
    return json.loads(run(data, "diff", *arguments, "-o", "json").stdout)


@pytest.mark.parametrize("method", ["location", "market", "energy"])
def test_the_changes_add_up_and_the_largest_is_first(data: Path, method: str) -> None:
    told = document(data, *MONTHS, "--group-by", "account,region,component", "--method", method)
    changes = [row["difference"] for row in told["rows"]]

    assert sum(changes) == told["total"]["difference"] == told["total"]["new"] - told["total"]["old"]
    assert [abs(change) for change in changes] == sorted(map(abs, changes), reverse=True)


def test_the_other_way_round_every_sign_is(data: Path) -> None:
    there, back = document(data, *MONTHS), document(data, *reversed(MONTHS))

    assert [(row["new"], row["old"], -row["difference"]) for row in there["rows"]] == [
        (row["old"], row["new"], row["difference"]) for row in back["rows"]
    ]
    assert {row["difference"] for row in document(data, "2026-01", "2026-01")["rows"]} == {0}


def test_both_sides_are_what_the_report_says(data: Path) -> None:
    told = document(data, *MONTHS, "--group-by", "account")
    for side, month in zip(("old", "new"), MONTHS, strict=True):
        report = json.loads(run(data, "report", "--period", month, "--group-by", "account", "-o", "json").stdout)
        wanted = {row["dimensions"]["account"]: row["total_location_based"]["micrograms"] for row in report["rows"]}
        found = {row["dimensions"]["account"]: row[side] for row in told["rows"]}
        assert {account: amount for account, amount in found.items() if amount is not None} == wanted


def test_regions_and_accounts_are_compared_over_one_time(data: Path) -> None:
    regions = document(data, "a", "b", "--between", "region", "--group-by", "region,account", "--period", "2026-01")
    accounts = document(data, "globex", "acme", "--between", "account")

    assert regions["group_by"] == ["account"]
    assert regions["between"] == "region"
    assert accounts["total"]["new"] > accounts["total"]["old"] > 0


def test_nothing_on_one_side_is_not_zero(data: Path) -> None:
    done = run(data, "diff", "2025", "2026", "-o", "json")
    told = json.loads(done.stdout)

    assert "not known" in done.stderr
    assert {row["difference"] for row in told["rows"]} == {None}
    assert "n/a" in run(data, "diff", "2025", "2026").stdout
    assert "Nothing is posted on either side" in run(data, "diff", "2024", "2025").stdout


def test_tables_and_data_have_the_same_rows(data: Path, tmp_path: Path) -> None:
    told = document(data, *MONTHS, "--group-by", "account,region")
    rows = list(csv.DictReader(io.StringIO(run(data, "diff", *MONTHS, "--group-by", "account,region", "-o", "csv").stdout)))
    table = run(data, "diff", *MONTHS, "--group-by", "account,region").stdout
    markdown = run(data, "diff", *MONTHS, "--group-by", "account,region", "-o", "md").stdout

    assert [(row["account"], row["change_micrograms"]) for row in rows] == [
        (row["dimensions"]["account"], str(row["difference"])) for row in told["rows"]
    ]
    assert table.startswith("CO2e, location-based, from 2026-01 to 2026-02\n")
    assert table.splitlines()[-1].startswith("total")
    assert markdown.count("|\n") == len(rows) + 3
    run(data, "diff", *MONTHS, "--out", str(tmp_path / "d.parquet"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2026-01"], "Missing argument 'NEW'"),
        (["2026-01", "someday"], "'someday' is not a period"),
        ([*MONTHS, "--period", "2026"], "OLD and NEW are the periods"),
        (["a", "b", "--between", "region", "--filter", "region=a"], "--between region names the values"),
        (["a", "b", "--between", "account", "--account", "acme"], "Name accounts once"),
    ],
)
def test_wrong_usage_says_what_is_right(data: Path, arguments: list[str], said: str) -> None:
    assert said in " ".join(run(data, "diff", *arguments, code=2).stderr.split())


def test_an_account_that_nobody_knows_is_not_found(data: Path) -> None:
    assert "no account 'nobody'" in run(data, "diff", "nobody", "acme", "--between", "account", code=5).stderr
