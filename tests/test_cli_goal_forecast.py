"""``greencloud goal forecast|measure|plan``: the same bytes from a data directory and from a server, and charts in files."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from forecast_world import GOAL, NOW, history
from greencloud.engine import DataDirectory
from greencloud.goal import ProviderBooks
from greencloud.inventory import Journal
from serving import greencloud, serving

SOLAR = ("--display-name", "Solar on roofs", "--scopes", "scope2_market_based", "--start", "2027", "--reduction", "120t")
WIND = ("--display-name", "Wind power", "--scopes", "scope2_market_based", "--start", "FY2027", "--reduction", "0.6kt")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = DataDirectory.open(tmp_path / "data", create=True)
    books = ProviderBooks(Journal(made.books_directory), actor="ann", clock=lambda: NOW)
    history(books, 500, 520, 505, 530, 540)
    books.create_goal(GOAL)
    return made.path


def goal(data: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = greencloud("goal", *arguments, "--data", data, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def measures(data: Path) -> Path:
    goal(data, "measure", "add", "solar", *SOLAR, "--ramp-years", "1", "--capital-cost", "9000", "--currency", "CNY")
    goal(data, "measure", "add", "wind", *WIND, "--annual-cost", "-20.5", "--currency", "CNY", "--overlap", "solar=25%")
    return data


def untimed(text: str) -> str:
    return re.sub(r'(As of |"as_of": ")[^"\n]*', "", text)


def test_a_data_directory_and_a_server_give_the_same_bytes(measures: Path) -> None:
    asked = [(verb, "-o", form) for verb in ("forecast", "plan", "measure list") for form in ("table", "json", "csv")]
    local = [untimed(goal(measures, *verb.split(), *options).stdout) for verb, *options in asked]

    with serving(measures) as server:
        token = greencloud("token", "--data", measures, "--role", "auditor").stdout.strip()
        source = ("--server", server.target, "--token", token)
        remote = [untimed(greencloud("goal", *verb.split(), *options, *source).stdout) for verb, *options in asked]

    assert local == remote
    assert all(local)


def test_measures_are_booked_listed_changed_and_deleted(measures: Path) -> None:
    again = goal(measures, "measure", "add", "solar", *SOLAR, "--ramp-years", "1", "--capital-cost", "9000", "--currency", "CNY")
    assert "revision 1" in again.stderr
    assert again.stdout == ""
    goal(measures, "measure", "update", "solar", "--committed", "--capital-cost", "9500.50", "--reason", "the board")
    assert "as it was" in goal(measures, "measure", "update", "measures/solar", "--committed").stderr

    solar, wind = json.loads(goal(measures, "measure", "list", "-o", "json").stdout)["measures"]
    assert (solar["committed"], solar["capital_cost"], solar["ramp_years"], solar["etag"]) == (True, "19001/2", 1, "2")
    assert wind["overlaps"] == [{"measure": "measures/solar", "share": "1/4"}]
    assert wind["reduction"]["micrograms"] == 600 * 10**12
    assert "names measures/solar" in goal(measures, "measure", "delete", "solar", code=1).stderr
    goal(measures, "measure", "delete", "wind", "--etag", "1")
    goal(measures, "measure", "delete", "solar")
    assert goal(measures, "measure", "list").stdout == "There are no measures.\n"
    assert "no measure" in goal(measures, "measure", "delete", "solar", code=5).stderr


def test_a_scenario_is_typed_as_rates(data: Path) -> None:
    found = json.loads(goal(data, "forecast", "half", "--growth", "5%", "--grid", "-4%", "--efficiency", "2%", "-o", "json").stdout)

    assert found["scenario"]["growth_per_year"] == "1/20"
    assert found["scenario"]["grid_decarbonisation_per_year"] == "1/25"
    assert found["scenario"]["efficiency_per_year"] == "1/50"
    first = int(found["years"][0]["expected"]["micrograms"]) / 10**12
    assert first == pytest.approx(1080 * 1.05 * 0.98 * (0.5 * 0.96 + 0.5))


def test_a_plan_is_a_curve_in_a_file_and_a_check(measures: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    done = goal(measures, "plan", "--measures", "wind", "--chart", str(picture), "--check", "-o", "csv", code=3)

    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["measure"], row["annual_cost"], row["chosen"]) == ("measures/wind", "-20.500000", "true")
    text = picture.read_text()
    assert "Wind power" in text
    assert "stay open" in text
    goal(measures, "forecast", "--chart", str(tmp_path / "forecast.png"))
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("forecast", "--growth", "much"), "write 0.1, 10%"),
        (("forecast", "--chart", "x.gif"), "a chart is written as"),
        (("plan", "--discount-rate", "x"), "write 0.1"),
        (("measure", "add", "a", *SOLAR, "--overlap", "wind"), "write wind=0.5"),
        (("measure", "add", "a", *SOLAR, "--capital-cost", "a lot"), "is not a number"),
        (("measure", "add", "a"), "--display-name"),
    ],
)
def test_wrong_usage_says_what_to_write(data: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in goal(data, *arguments, code=2).stderr
