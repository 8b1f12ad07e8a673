"""``greencloud goal``: from a data directory and from a server with the same bytes, with exit codes and charts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.goal import ProviderBooks
from greencloud.inventory import Journal
from greencloud.server import Intake, KeyStore, Taken, build_server
from greencloud.server.wiring import services_of

SHOP = Path(__file__).parents[1] / "examples" / "shop"
Run = Callable[..., Result]

SCOPES = ["--kind", "absolute", "--scopes", "scope3", "--categories", "2,3"]
YEARS = ["--base-year", "2020", "--target-year", "2030", "--target-share", "50%", "--milestone", "2025=0.8"]
CREATE = ["create", "scope3-2030", *SCOPES, *YEARS, "--source", "board"]


@pytest.fixture(params=["data", "server"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """The verb, on a data directory or a server."""
    data = DataDirectory.open(tmp_path / "data", create=True)
    if request.param == "data":
        yield lambda *arguments: CliRunner().invoke(main, ["goal", *arguments, "--data", str(data.path)])
        return
    keys = KeyStore(data.keys_directory)
    server = build_server(
        services_of(data, lambda: datetime.now(UTC)),
        Intake(lambda *_: Taken(0, "")),
        keys,
        listen="127.0.0.1:0",
        clock=lambda: datetime.now(UTC),
    )
    token = keys.issue("provider.analyst", "", ttl=timedelta(hours=1), now=datetime.now(UTC))
    options = ("--server", server.target, "--token", token)
    try:
        yield lambda *arguments: CliRunner().invoke(main, ["goal", *arguments, *options])
    finally:
        server.stop(0)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_file_is_applied_and_again_changes_nothing(run: Run) -> None:
    first = run("apply", str(SHOP / "goal.toml"), "--reason", "first")
    again = run("apply", str(SHOP / "goal.toml"))

    assert (done(first), done(again)) == ("", "")
    assert "inventory: 6 added, 0 restated, 0 unchanged" in first.stderr
    assert "inventory: 0 added, 0 restated, 6 unchanged" in again.stderr
    assert "goals/cloud-scope3-2030 is in force" in first.stderr
    document = json.loads(done(run("status", "-o", "json")))
    assert (document["schema"], document["base"]["emissions"]["kg_co2e"]) == ("greencloud.goal/1", "120.000000000")
    assert (document["latest"], document["status"]) == ({"reporting_year": "2022", "status": "off_track"}, "off_track")
    assert document["alerts"][0]["kind"] == "actual_above_path"
    assert run("status", "--check").exit_code == 3


def test_a_goal_is_created_shown_changed_and_deleted(run: Run) -> None:
    done(run("apply", str(SHOP / "goal.toml")))
    assert "goals/scope3-2030 is booked, revision 1" in run(*CREATE, "--display-name", "Halved").stderr
    (found,) = [goal for goal in json.loads(done(run("list", "-o", "json"))) if goal["name"] == "goals/scope3-2030"]
    assert (found["target_share"], found["categories"], found["source"]) == ("1/2", [2, 3], "board")
    assert found["milestones"] == [{"reporting_year": "2025", "share": "4/5", "emissions": None}]

    changed = run("update", "scope3-2030", "--target", "50kg", "--reason", "less")
    assert "is changed, revision 2" in changed.stderr
    assert "is as it was, revision 2" in run("update", "scope3-2030", "--target", "50kg").stderr
    shown = done(run("show", "scope3-2030"))
    assert "may remain       50.00 kg" in shown
    assert "2025 80 %" in shown
    stale = run("update", "scope3-2030", "--display-name", "X", "--etag", "1")
    assert (stale.exit_code, "is at revision 2, not 1" in stale.stderr) == (1, True)

    table = done(run("status", "goals/scope3-2030"))
    assert "base 2020: 120.0 kg; target 2030: 50.00 kg of CO2e" in table
    assert "milestone" in table
    assert "name the one that you mean" in run("status").stderr
    done(run("delete", "scope3-2030", "--reason", "done"))
    assert run("show", "scope3-2030").exit_code == 5


def test_an_intensity_goal_and_its_metric(run: Run) -> None:
    done(run("apply", str(SHOP / "goal.toml")))
    arguments = ["metric", "set", "revenue", "--unit", "million CNY", "--value", "2020=100", "--value", "2021=120.5"]
    assert "revision 1" in run(*arguments, "--display-name", "Revenue").stderr
    assert "revision 2" in run("metric", "set", "revenue", "--value", "2022=200").stderr
    (metric,) = json.loads(done(run("metric", "list", "-o", "json")))
    assert metric["values"] == {"2020": "100", "2021": "241/2", "2022": "200"}
    assert "businessMetrics/revenue  2021  120.5  million CNY" in done(run("metric", "list"))

    created = [
        "create",
        "intensity",
        "--display-name",
        "Scope 3 a unit of revenue halved",
        "--kind",
        "intensity",
        "--scopes",
        "scope3",
        "--base-year",
        "2020",
        "--target-year",
        "2030",
        "--target-share",
        "1/2",
        "--metric",
        "revenue",
    ]
    done(run(*created))
    document = json.loads(done(run("status", "intensity", "-o", "json")))
    assert [year["metric"] for year in document["years"][:4]] == ["100", "241/2", "200", None]
    assert document["latest"] == {"reporting_year": "2022", "status": "on_track"}  # 106 kg, and 0.9 x 1.2 x 200 are allowed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "x"], "Missing option '--display-name'"),
        ([*CREATE, "--display-name", "X", "--target", "5 MWh"], "no unit of mass"),
        ([*CREATE, "--display-name", "X", "--categories", "a"], "no category 'a'"),
        ([*CREATE, "--display-name", "X", "--milestone", "2025"], "no year with a value"),
        ([*CREATE, "--display-name", "X", "--base-year", "20"], "not a reporting year"),
        ([*CREATE, "--display-name", "X", "--target-share", "half"], "is not a number"),
        (["chart"], "Missing option '-o'"),
    ],
)
def test_wrong_usage_ends_with_code_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["goal", *arguments, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--categories", "16"], "no category 16"),
        (["--scopes", "scope4"], "unknown scope 'scope4'"),
        (["--target-year", "2019"], "not after the base year"),
        (["--scopes", "scope2_location_based,scope2_market_based", "--categories", ""], "same electricity twice"),
        (["--target", "9kt"], "2 targets"),
    ],
)
def test_a_wrong_goal_is_refused_by_name(run: Run, options: list[str], said: str) -> None:
    result = run(*CREATE, "--display-name", "X", *options)
    assert result.exit_code == 1
    assert said in result.stderr
    assert json.loads(done(run("list", "-o", "json"))) == []


def test_a_chart_is_written_in_the_format_of_its_name(run: Run, tmp_path: Path) -> None:
    done(run("apply", str(SHOP / "goal.toml")))
    for name, begins in (("t.svg", b"<svg"), ("t.png", b"\x89PNG"), ("t.json", b"{")):
        assert done(run("chart", "-o", str(tmp_path / name))) == ""
        assert (tmp_path / name).read_bytes().startswith(begins)
    refused = run("chart", "-o", str(tmp_path / "t.gif"))
    assert (refused.exit_code, (tmp_path / "t.gif").exists()) == (2, False)
    for verb in ("status", "show", "list"):
        assert done(run(verb, "--out", str(tmp_path / f"{verb}.json"))) == ""
        assert json.loads((tmp_path / f"{verb}.json").read_text())


def test_a_folder_of_before_needs_nothing_to_be_applied(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.goal_directory.mkdir()
    for name in ("goal.toml", "inventory.csv"):
        (data.goal_directory / name).write_bytes((SHOP / name).read_bytes())

    result = CliRunner().invoke(main, ["goal", "status", "--data", str(data.path)])

    assert "base 2020: 120.0 kg; target 2030: 12.00 kg of CO2e" in done(result)
    books = ProviderBooks(Journal(data.books_directory), actor="amy", clock=lambda: datetime.now(UTC))
    assert [goal.id for goal in books.list_goals()] == ["cloud-scope3-2030"]


def test_applying_makes_the_data_directory(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["goal", "apply", str(SHOP / "goal.toml"), "--data", str(tmp_path / "new")])
    done(result)
    assert (tmp_path / "new" / "books").is_dir()


def test_what_changes_goals_is_in_the_audit_trail(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    for arguments in (["apply", str(SHOP / "goal.toml")], ["delete", "cloud-scope3-2030"], ["list"]):
        done(CliRunner().invoke(main, ["goal", *arguments, "--data", str(data.path)]))

    assert [(entry.action, entry.outcome) for entry in data.audit.entries()] == [("goal apply", "OK"), ("goal delete", "OK")]
