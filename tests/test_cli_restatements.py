"""Restating by hand: foreseen, refused where it looks like a mistake, done with a reason, listed by directory and server alike."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.report.restatements import percent, restatements_csv, restatements_table
from greencloud.results import BookChange, Restatement, RestatementLine
from serving import serving
from test_restatement_replays import HEAD, METERS, NOW, START, apply, directory, metered, region, used


def greencloud(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Allocated by a book whose location factor was 129 g; the one in force says 100 g."""
    made = directory(tmp_path, [used("a", "acme", 3600), used("a", "globex", 3600)])
    for name, grams in (("wrong", "129"), ("right", "100")):
        apply(made, tmp_path / name, HEAD + region("a", grams), meters=METERS + metered("a", 1))
        if name == "wrong":
            greencloud("allocate", "--data", made.path)
    return made.path


def listed(data: Path, *options: str) -> Any:
    return json.loads(greencloud("restatements", "--data", data, "-o", "json", *options).stdout)["restatements"]


def test_foreseen_then_done_then_listed(data: Path) -> None:
    would = greencloud("allocate", "--data", data, "--dry-run", "--by", "ada", "--reason", "supplier")
    assert "would post 1 batches; 0 unchanged, 0 would be refused" in would.stdout
    assert "-22.48 %" in would.stdout
    assert "corrected_factor" in would.stdout
    assert "book: factors.a.location: 129 g/kWh -> 100 g/kWh" in would.stdout
    foreseen = json.loads(greencloud("allocate", "--data", data, "--dry-run", "-o", "json").stdout)
    assert listed(data) == []
    assert greencloud("restatements", "--data", data).stdout == "Nothing is restated.\n"

    done = greencloud("allocate", "--data", data, "--by", "ada", "--reason", "supplier corrected it")
    assert "1 of them restate final figures" in done.stderr
    (restated,) = listed(data)
    assert (restated["requested_by"], restated["reason"]) == ("ada", "supplier corrected it")
    assert restated["causes"] == ["corrected_factor"]
    assert {line["percent"] for line in restated["lines"]} == {"-22.4806"}
    assert restated["lines"] == foreseen["restatements"][0]["lines"]
    assert [batch["id"] for batch in foreseen["would_post"]] == [restated["new_batch"]]
    assert "supplier corrected it" in greencloud("restatements", "--data", data).stdout


def test_each_format_has_the_same_figures_and_an_account_its_own(data: Path) -> None:
    greencloud("allocate", "--data", data, "--reason", "=cmd()")
    lines = [line for each in listed(data, "--account", "acme") for line in each["lines"]]
    assert {line["account"] for line in lines} == {"acme"}
    rows = list(csv.DictReader(io.StringIO(greencloud("restatements", "--data", data, "--account", "acme", "-o", "csv").stdout)))
    assert [(row["component"], row["measure"], int(row["difference"])) for row in rows] == [
        (line["component"], line["measure"], line["difference"]) for line in lines
    ]
    assert {row["reason"] for row in rows} == {"'=cmd()"}
    (one,) = greencloud("restatements", "--data", data, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(one)] == listed(data)
    assert listed(data, "--from", "2026-02-01") == listed(data, "--account", "nobody") == []


def test_a_dry_run_touches_nothing(data: Path) -> None:
    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted((data / "ledger").rglob("*")) if path.is_file()}

    before = state()
    for output in ("table", "json", "csv"):
        greencloud("allocate", "--data", data, "--dry-run", "-o", output)
    assert state() == before


def test_what_looks_like_a_mistake_of_the_book_is_refused_until_it_is_confirmed(data: Path, tmp_path: Path) -> None:
    apply(DataDirectory.open(data, create=False), tmp_path / "typo", HEAD + region("a", "400"), meters=METERS + metered("a", 1))
    foreseen = greencloud("allocate", "--data", data, "--dry-run")
    assert "1 would be refused" in foreseen.stdout
    assert "+210.08 %" in foreseen.stdout  # shown all the same, so that it can be looked at
    refused = greencloud("allocate", "--data", data, code=1)
    assert "--most-change none" in refused.stderr
    assert listed(data) == []
    greencloud("allocate", "--data", data, "--most-change", "200%", code=1)
    greencloud("allocate", "--data", data, "--most-change", "none")
    assert len(listed(data)) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "json"], "-o is for --dry-run"),
        (["--most-change", "much"], "25%, 100% or none"),
        (["--reason", "a\nb"], "in one line"),
        (["--reason", "x" * 1_001], "1,000"),
        (["--dry-run", "--settle-after", "20d"], "give one of them"),
    ],
)
def test_wrong_usage_ends_with_code_2(tmp_path: Path, options: list[str], said: str) -> None:
    done = greencloud("allocate", "--data", tmp_path, *options, code=2)
    assert said in done.stderr


def test_where_restatements_come_from_is_said_once(tmp_path: Path) -> None:
    assert "either --data" in greencloud("restatements", code=2).stderr
    assert "either --data" in greencloud("restatements", "--data", tmp_path, "--server", "h:1", code=2).stderr
    ends = ("--from", "2026-02-01", "--to", "2026-01-01")
    assert "before" in greencloud("restatements", "--data", tmp_path, *ends, code=2).stderr


def test_a_server_restates_and_shows_each_tenant_its_own(data: Path) -> None:
    def token(*options: str) -> str:
        return greencloud("token", "--data", data, *options).stdout.strip()

    with serving(data) as server:
        with Client(server.target, token=token("--role", "provider")) as provider:
            (would,) = provider.restate(START, NOW, "July", dry_run=True).restatements
            assert list(provider.list_restatements()) == []
            run = provider.restate(START, NOW, "July")
            assert [each.lines for each in run.restatements] == [would.lines]
            assert [each.reason for each in provider.list_restatements()] == ["July"]
            assert run.posted[0].causes == ("corrected_factor",)
            assert run.posted[0].requested_by
            by_server = list(provider.list_restatements())
        assert by_server == DataDirectory.open(data, create=False).ledger.snapshot().restatements()
        own = greencloud(
            "restatements", "--server", server.target, "--token", token("--role", "tenant", "--account", "globex"), "-o", "jsonl"
        ).stdout
    assert json.loads(own)["lines"] == [line for line in listed(data)[0]["lines"] if line["account"] == "globex"]
    assert greencloud("restatements", "--data", data, "--account", "globex", "-o", "jsonl").stdout == own


LINE = RestatementLine("acme", "web", "eu", "", "idle", "scope1", 0, 5)


def test_what_was_nothing_has_no_percentage_and_what_is_lost_is_said() -> None:
    lost = Restatement("s", START, NOW, "a", "b", NOW, ("unknown",), kept=False)
    come = Restatement("s", START, NOW, "b", "c", NOW, ("late_data",), lines=(LINE,))
    many = tuple(BookChange(f"hosts.h{number}.site", "a", "b") for number in range(30))
    table = restatements_table([lost, come, Restatement("s", START, NOW, "c", "d", NOW, ("corrected_mapping",), changes=many)])
    assert "lost: the record of s at 2026-01-31T00:00:00Z" in table
    assert "10 more changes" in table
    assert "%" not in table
    assert restatements_csv([lost, come]).count("\n") == 2
    assert "No amount changes." in restatements_table([lost])


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (129, 100, "-22.4806"),
        (106, 100, "-5.6604"),
        (3, 4, "+33.3333"),
        (7, 7, "0.0000"),
        (0, 7, None),
        (10**30, 10**30 + 1, "0.0000"),
    ],
)
def test_percentages_are_signed_and_rounded_once(old: int, new: int, shown: str | None) -> None:
    assert percent(old, new) == shown
