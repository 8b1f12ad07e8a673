"""``greencloud compare``: who would pay what, from a real data directory, in every format."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from greencloud.allocation import RULES
from greencloud.cli import main
from greencloud.units import Window
from strategies import START, provider, usage

BOOK = """
[facility]
name = "compared"

[[accounts]]
id = "acme"

[[accounts]]
id = "bolt"

[[curves]]
name = "server"
points = [[0, 100], [1, 200]]
source = "made up"

[[sites]]
id = "hall"
region = "eu"
grid_zone = "DE"
pue = 1.5
scope1 = "none"

[[hosts]]
id = "h1"
site = "hall"
vcpu = 4
memory = "0 GiB"
curve = "server"

[[reservations]]
account = "acme"
site = "hall"
vcpu = 4
start = 2020-01-01

[[factors]]
zone = "DE"
kind = "location"
start = 2020-01-01
g_per_kwh = 400
source = "made up"

[[factors]]
zone = "DE"
kind = "residual"
start = 2020-01-01
g_per_kwh = 500
source = "made up"

[[factors]]
zone = "DE"
kind = "upstream"
start = 2020-01-01
g_per_kwh = 0
source = "made up"
"""

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "facility.toml").write_text(BOOK)
    rows = [
        provider("acme", HOUR_NS, window_s=1800),
        provider("bolt", HOUR_NS, window_s=1800, window_start=START.replace(minute=30)),
    ]
    pq.write_table(usage(rows).rows, tmp_path / "usage.parquet")
    directory = tmp_path / "data"
    done = run("ingest", "--data", directory, "--facility", tmp_path / "facility.toml", tmp_path / "usage.parquet")
    assert done.exit_code == 0, done.stderr
    return directory


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_table_shows_every_rule_and_the_change_from_the_first(data: Path) -> None:
    done = run("compare", "--data", data, "--measure", "energy")

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Energy by rule, and the change from reserved_and_used"
    assert lines[1] == "2026-11-23T14:00:00Z to 2026-11-23T15:00:00Z"
    assert lines[3].split() == ["account", "reserved_and_used", *[word for rule in RULES[1:] for word in (rule, "change")]]
    # 100 Wh idle and 50 dynamic at half load, 1.5 times with overhead: acme reserved all, both used half.
    cells = {line.split()[0]: line.split()[1:] for line in lines[6:-2]}
    assert cells["acme"][:4] == ["187.50", "112.50", "-40.0", "%"]
    assert cells["bolt"][:4] == ["37.50", "112.50", "+200.0", "%"]
    assert cells["total"][:4] == ["225.00", "225.00", "0", "%"]
    assert lines[-2:] == ["", "Quality: modelled."]
    assert done.stderr == ""


def test_json_has_every_rule_with_exact_differences(data: Path) -> None:
    document: dict[str, Any] = json.loads(run("compare", "--data", data, "-o", "json").stdout)

    assert (document["schema"], document["rules"], document["by"]) == ("greencloud.rules/1", list(RULES), ["account"])
    for rule in RULES:
        assert sum(row["rules"][rule]["difference"]["energy_millijoules"] for row in document["rows"]) == 0
        assert sum(row["rules"][rule]["energy"]["millijoules"] for row in document["rows"]) == 225 * 3_600_000
    assert document["provisional"] is False
    (acme,) = [row for row in document["rows"] if row["dimensions"] == {"account": "acme"}]
    assert acme["rules"]["used"]["quality_flags"] == ["modelled"]
    assert acme["rules"]["used"]["difference"]["energy_millijoules"] == -75 * 3_600_000


def test_csv_is_one_line_for_each_account_and_rule(data: Path) -> None:
    done = run("compare", "--data", data, "--rule", "used", "--rule", "reserved", "--by", "account,component", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["rule"] for row in rows} == {"used", "reserved"}
    assert {row["methodology_versions"] for row in rows} == {"used/1", "reserved/1"}
    assert {row["quality_flags"] for row in rows if row["energy_millijoules"] != "0"} == {"modelled"}
    assert {row["provisional"] for row in rows} == {"false"}
    for rule in ("used", "reserved"):
        assert sum(int(row["energy_millijoules"]) for row in rows if row["rule"] == rule) == 225 * 3_600_000


def test_markdown_is_a_table(data: Path) -> None:
    lines = run("compare", "--data", data, "--rule", "reserved_and_used", "--rule", "used", "-o", "md").stdout.splitlines()

    assert lines[2] == "| account | reserved_and_used g | used g | change |"
    assert lines[-3].startswith("| **total** |")
    assert lines[-2:] == ["", "Quality: modelled."]


def test_figures_of_a_window_that_may_still_change_say_so(data: Path) -> None:
    now = Window.at(datetime.now(UTC), 3600)
    pq.write_table(usage([provider("acme", 5, window_start=now.start)]).rows, data.parent / "now.parquet")
    assert run("ingest", "--data", data, data.parent / "now.parquet").exit_code == 0

    assert "Provisional: " in run("compare", "--data", data, "--rule", "used").stdout.splitlines()[-1]
    rows = list(csv.DictReader(io.StringIO(run("compare", "--data", data, "-o", "csv").stdout)))
    assert {row["provisional"] for row in rows} == {"true"}


def test_one_rule_has_no_change_to_show(data: Path) -> None:
    lines = run("compare", "--data", data, "--rule", "used").stdout.splitlines()

    assert lines[0] == "CO2e, location-based, by rule"


def test_slices_of_files_reach_the_peak_games(data: Path) -> None:
    document = json.loads(run("compare", "--data", data, "--rule", "workload_shapley", "-o", "json").stdout)

    # They never met, so each is half the peak: the same as by use, but not by chance of one slice.
    assert document["notes"] == []
    assert {row["rules"]["workload_shapley"]["energy"]["millijoules"] for row in document["rows"]} == {405_000_000}


def test_windows_that_cannot_be_allocated_are_left_out_and_told(data: Path) -> None:
    posted = run("compare", "--data", data, "--from", "2030-01-01")
    assert (posted.exit_code, posted.stdout) == (0, "There is nothing to compare.\n")
    assert "no window with telemetry starts in that time" in posted.stderr
    rows = [provider("acme", 5, host="ghost", window_start=START.replace(hour=15))]
    pq.write_table(usage(rows).rows, data.parent / "more.parquet")
    assert run("ingest", "--data", data, data.parent / "more.parquet").exit_code == 0

    done = run("compare", "--data", data, "--measure", "energy")

    assert done.exit_code == 1
    assert "left out: hall 2026-11-23T15:00:00Z" in done.stderr
    assert "225.00" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--by", "colour"], 2, "'colour' is not one of account"),
        (["--by", "account,account"], 2, "'--by': one is named twice"),
        (["--rule", "fair"], 2, "there is no rule 'fair': choose one of reserved_and_used, used"),
        (["--rule", "used", "--rule", "used"], 2, "--rule: one is named twice"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], 2, "--from must be before --to"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_can(data: Path, arguments: list[str], code: int, said: str) -> None:
    done = run("compare", "--data", data, *arguments)

    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())
    assert not done.stdout


def test_allocate_knows_the_same_rules(data: Path) -> None:
    done = run("allocate", "--data", data, "--rule", "fair")

    assert done.exit_code == 2
    assert "there is no rule 'fair': choose one of reserved_and_used" in " ".join(done.stderr.split())


def test_nothing_is_posted(data: Path) -> None:
    run("compare", "--data", data)

    assert not (data / "ledger").exists()
