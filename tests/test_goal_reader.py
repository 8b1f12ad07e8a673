"""Goal files: read digit by digit, each mistake told with its key; those from before there were books are read as they are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from goal_world import year
from greencloud.errors import GoalError
from greencloud.goal import read_goals
from greencloud.results.goals import GoalKind, GoalPath, Milestone
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

EXAMPLES = Path(__file__).parents[1] / "examples"

GOAL = """
[goal]
id = "g-2030"
display_name = "Halved"
kind = "absolute"
scopes = ["scope1"]
base_year = 2020
target_year = 2030
target_share = 0.5
inventory = "inventory.csv"
"""

SEVERAL = """
[[goal]]
id = "scope3-intensity"
display_name = "Scope 3 a unit of revenue halved"
kind = "intensity"
scopes = ["scope3", "scope1"]
categories = [6, 1]
sites = ["hall"]
businesses = ["cloud"]
base_year = 2020
target_year = "FY2030"
target_share = "1/2"
metric = "revenue"
inventory = "books/2020.csv"
[[goal.milestone]]
year = "FY2025"
share = 0.8

[[goal]]
id = "operations"
display_name = "Operations"
kind = "absolute"
path = "absolute_contraction"
scopes = ["scope2_market_based"]
base_year = 2020
target_year = 2030
inventory = "books/2020.csv"
[[goal.milestone]]
year = 2025
t_co2e = 12.5

[[metric]]
id = "revenue"
display_name = "Revenue"
unit = "million CNY"
values = { FY2022 = 853062, 2020 = 509711.5 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "goal.toml"
    path.write_text(text)
    return path


def test_the_goals_of_before_are_read_as_they_were() -> None:
    found = read_goals(EXAMPLES / "shop" / "goal.toml")

    (goal,) = found.goals
    assert (goal.name, goal.kind, goal.scopes) == ("goals/cloud-scope3-2030", GoalKind.NEUTRALITY, ("scope3",))
    assert (goal.base_year, goal.target_year, goal.target_share) == (year("2020"), year("2030"), Fraction(1, 10))
    assert (goal.path, goal.source) == (GoalPath.LINEAR, "illustrative")
    assert found.inventories == (EXAMPLES / "shop" / "inventory.csv",)
    assert found.metrics == ()


def test_one_file_may_hold_several_goals_and_what_they_divide_by(tmp_path: Path) -> None:
    found = read_goals(written(tmp_path, SEVERAL))

    intensity, operations = found.goals
    (revenue,) = found.metrics
    assert (intensity.scopes, intensity.categories) == (("scope1", "scope3"), (1, 6))
    assert (intensity.sites, intensity.businesses) == (("hall",), ("cloud",))
    assert (intensity.metric, intensity.target_year) == (revenue.name, ReportingYear(2030, fiscal=True))
    assert intensity.milestones == (Milestone(year("FY2025"), share=Fraction(4, 5)),)
    assert operations.path is GoalPath.ABSOLUTE_CONTRACTION
    assert operations.milestones == (Milestone(year("2025"), emissions=Emissions(12_500 * 10**9)),)
    assert revenue.values == ((year("2020"), Fraction("509711.5")), (year("FY2022"), Fraction(853062)))
    assert found.inventories == (tmp_path / "books" / "2020.csv",)


@pytest.mark.parametrize(
    ("given_line", "share"), [("target_share = 0.1", "1/10"), ('target_share = "0.1"', "1/10"), ("target_share = 1", "1")]
)
def test_decimals_are_read_digit_by_digit(tmp_path: Path, given_line: str, share: str) -> None:
    (goal,) = read_goals(written(tmp_path, GOAL.replace("target_share = 0.5", given_line))).goals
    assert goal.target_share == Fraction(share)


@pytest.mark.parametrize(
    ("before", "after", "key", "said"),
    [
        ("[goal]", "[target]", "goal", "has the table"),
        ("[goal]", "goal = 3\n[x]", "goal", "has the table"),
        ("base_year = 2020\n", "", "base_year", "'base_year' is missing"),
        ("base_year = 2020", 'base_year = "2020"', "base_year", "not a year"),
        ("base_year = 2020", "base_year = 20200", "base_year", "not a reporting year"),
        ("base_year = 2020", 'base_year = "FY20"', "base_year", "not a reporting year"),
        ("target_year = 2030", "target_year = 2020", "target_year", "not after the base year"),
        ('id = "g-2030"', 'id = "G 2030"', "id", "cannot be a resource name"),
        ('kind = "absolute"', 'kind = "absolut"', "kind", "unknown kind"),
        ('scopes = ["scope1"]', 'scopes = ["scope4"]', "scopes", "unknown scope 'scope4'"),
        ('scopes = ["scope1"]', "scopes = []", "scopes", "at least one scope"),
        ('scopes = ["scope1"]', "scopes = [1]", "scopes", "not a list of texts"),
        ('scopes = ["scope1"]', 'scopes = ["scope1", "scope1"]', "scopes", "named twice"),
        ('scopes = ["scope1"]', 'scopes = ["scope3"]\ncategories = [16]', "categories", "no category 16"),
        ('scopes = ["scope1"]', 'scopes = ["scope3"]\ncategories = [true]', "categories", "not a list of numbers"),
        ('["scope1"]', '["scope2_location_based", "scope2_market_based"]', "scopes", "same electricity twice"),
        ("target_share = 0.5\n", "", "target_share", "no target"),
        ("target_share = 0.5", "target_share = 0.5\nrate_per_year = 0.05", "target_share", "2 targets"),
        ("target_share = 0.5", "target_share = 1.5", "target_share", "not between 0 and 1"),
        ("target_share = 0.5", "target_share = nan", "target_share", "not a number"),
        ("target_share = 0.5", "target_share = 1e999999999", "target_share", "not a number"),
        ("target_share = 0.5", "rate_per_year = 0.2", "rate_per_year", "between the base and zero"),
        ("target_share = 0.5", "target_kg_co2e = -1", "target_kg_co2e", "0 or more"),
        ("target_share = 0.5", "target_t_co2e = 1e-13", "target_t_co2e", "whole number of micrograms"),
        ("target_share = 0.5", 'target_share = 0.5\npath = "exponential"', "path", "unknown path"),
        ("target_share = 0.5", "target_share = 0.5\ntarget = 3", "target", "unknown key 'target'"),
        ('inventory = "inventory.csv"', "[[goal.milestone]]\nyear = 2025", "milestone", "no amount, or two"),
        ('inventory = "inventory.csv"', "[[goal.milestone]]\nshare = 0.7", "year", "'year' is missing"),
        ('inventory = "inventory.csv"', 'inventory = "i.csv"\n[metric]\nid = "m"', "display_name", "is missing"),
    ],
)
def test_a_mistake_in_a_goal_is_told_with_its_key(tmp_path: Path, before: str, after: str, key: str, said: str) -> None:
    assert before in GOAL
    path = written(tmp_path, GOAL.replace(before, after))

    with pytest.raises(GoalError, match=said) as caught:
        read_goals(path)

    assert (caught.value.path, caught.value.key) == (str(path), key)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("before", "after", "key", "said"),
    [
        ('id = "operations"', 'id = "scope3-intensity"', "id", "two tables"),
        ("FY2022 = 853062", "FY2022 = 0", "values", "not above zero"),
        ("FY2022 = 853062", "x = 1", "values", "not a year"),
        ('unit = "million CNY"', 'unit = " "', "unit", "not a text"),
        ('metric = "revenue"\n', "", "metric", "has no business metric"),
        ('year = "FY2025"', 'year = "FY2035"', "milestones", "does not lie between"),
    ],
)
def test_a_mistake_in_one_of_several_is_told_too(tmp_path: Path, before: str, after: str, key: str, said: str) -> None:
    assert before in SEVERAL
    path = written(tmp_path, SEVERAL.replace(before, after))

    with pytest.raises(GoalError, match=said) as caught:
        read_goals(path)

    assert caught.value.key == key


def test_what_is_no_file_or_no_toml_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", written(tmp_path, "[goal")):
        with pytest.raises(GoalError) as caught:
            read_goals(path)
        assert caught.value.path == str(path)
