"""The path of a goal: linear in the base, exact, and never compounding; and the file that it is read from."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError
from greencloud.goal import Goal, read_goal
from greencloud.inventory import Entry, Inventory, read_inventory
from greencloud.units import Emissions

BOOKS = Path(__file__).parent / "books" / "goal-provider"

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


def goal_of(**changes: Any) -> Goal:
    values: dict[str, Any] = {
        "id": "g",
        "display_name": "G",
        "kind": "absolute",
        "scopes": ("scope1",),
        "base_year": 2020,
        "target_year": 2030,
        "inventory": Path("inventory.csv"),
    }
    return Goal(**(values | changes))


def micrograms(goal: Goal, base: Emissions, year: int, part: Fraction = Fraction(1)) -> int:
    allowed = goal.allowed(base, year, part)
    assert allowed is not None
    return allowed.micrograms


@st.composite
def goals(draw: st.DrawFn) -> tuple[Goal, Emissions]:
    base = Emissions(draw(st.integers(0, 10**22)))
    years = draw(st.integers(1, 40))
    target = draw(
        st.one_of(
            st.fractions(0, 1, max_denominator=10**6).map(lambda share: {"target_share": share}),
            st.integers(0, base.micrograms).map(lambda amount: {"target": Emissions(amount)}),
            st.fractions(0, Fraction(1, years), max_denominator=10**6).map(lambda rate: {"rate_per_year": rate}),
        )
    )
    return goal_of(target_year=2020 + years, **target), base


@given(goals())
def test_the_path_falls_from_the_base_to_exactly_the_target(drawn: tuple[Goal, Emissions]) -> None:
    goal, base = drawn
    path = [micrograms(goal, base, year) for year in range(goal.base_year, goal.target_year + 1)]

    assert path[0] == base.micrograms
    assert path == sorted(path, reverse=True)
    if goal.target is not None:
        assert path[-1] == goal.target.micrograms
    if goal.target_share is not None:
        assert path[-1] == round(base.micrograms * goal.target_share)
    if goal.rate_per_year is not None:
        assert path[-1] == round(base.micrograms * (1 - goal.rate_per_year * (len(path) - 1)))
    assert micrograms(goal, base, goal.target_year + 7) == path[-1]
    assert goal.allowed(base, goal.base_year - 1) is None


@given(goals())
def test_every_year_takes_the_same_amount_off_so_nothing_compounds(drawn: tuple[Goal, Emissions]) -> None:
    goal, base = drawn
    path = [micrograms(goal, base, year) for year in range(goal.base_year, goal.target_year + 1)]
    steps = [before - after for before, after in pairwise(path)]

    assert max(steps) - min(steps) <= 2  # each end of a step is rounded by half a microgram at the most


@given(goals(), st.integers(2020, 2060), st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_the_parts_of_a_year_add_up_to_its_path_within_their_rounding(
    drawn: tuple[Goal, Emissions], year: int, weights: list[int]
) -> None:
    goal, base = drawn
    parts = [micrograms(goal, base, year, Fraction(weight, sum(weights))) for weight in weights]

    assert abs(sum(parts) - micrograms(goal, base, year)) * 2 <= len(parts) + 1


def test_a_rate_is_a_share_of_the_base_and_not_of_the_year_before() -> None:
    goal = goal_of(rate_per_year=Fraction("0.042"))
    base = Emissions(1_000_000)

    # 4.2 % a year of the base: 58 % is left after ten years; compounding would leave 65 %.
    assert [micrograms(goal, base, year) for year in (2020, 2021, 2025, 2030)] == [1_000_000, 958_000, 790_000, 580_000]


def test_the_worked_base_halves_by_2030() -> None:
    goal = read_goal(BOOKS / "goal.toml")
    base = goal.base(read_inventory(goal.inventory))

    assert base == Emissions(9_514 * 10**15)
    assert [micrograms(goal, base, year) for year in (2025, 2030)] == [71_355 * 10**14, 4_757 * 10**15]


def test_the_example_of_the_shop_is_a_goal_with_its_base() -> None:
    goal = read_goal(Path(__file__).parents[1] / "examples" / "shop" / "goal.toml")
    base = goal.base(read_inventory(goal.inventory))

    assert (goal.kind, goal.scopes, base) == ("neutrality", ("scope3",), Emissions(120 * 10**9))
    assert micrograms(goal, base, 2030) == 12 * 10**9


@pytest.mark.parametrize(
    ("given_line", "share"), [("target_share = 0.1", "1/10"), ('target_share = "0.1"', "1/10"), ("target_share = 1", "1")]
)
def test_decimals_are_read_digit_by_digit(tmp_path: Path, given_line: str, share: str) -> None:
    path = tmp_path / "goal.toml"
    path.write_text(GOAL.replace("target_share = 0.5", given_line))

    assert read_goal(path).target_share == Fraction(share)


@pytest.mark.parametrize(
    ("before", "after", "key", "said"),
    [
        ("[goal]", "[target]", "goal", "has the table"),
        ("base_year = 2020\n", "", "base_year", "'base_year' is missing"),
        ("base_year = 2020", 'base_year = "2020"', "base_year", "not a year"),
        ("target_year = 2030", "target_year = 2020", "target_year", "not after the base year"),
        ('id = "g-2030"', 'id = "G 2030"', "id", "cannot be a resource name"),
        ('kind = "absolute"', 'kind = "intensity"', "kind", "unknown kind"),
        ('scopes = ["scope1"]', 'scopes = ["scope4"]', "scopes", "unknown scope 'scope4'"),
        ('scopes = ["scope1"]', "scopes = []", "scopes", "at least one scope"),
        ('scopes = ["scope1"]', 'scopes = ["scope1", "scope1"]', "scopes", "named twice"),
        ('["scope1"]', '["scope2_location_based", "scope2_market_based"]', "scopes", "same electricity twice"),
        ("target_share = 0.5\n", "", "target_share", "no target"),
        ("target_share = 0.5", "target_share = 0.5\nrate_per_year = 0.05", "target_share", "2 targets"),
        ("target_share = 0.5", "target_share = 1.5", "target_share", "not between 0 and 1"),
        ("target_share = 0.5", "target_share = nan", "target_share", "not a number"),
        ("target_share = 0.5", "rate_per_year = 0.2", "rate_per_year", "between the base and zero"),
        ("target_share = 0.5", "target_kg_co2e = -1", "target_kg_co2e", "0 or more"),
        ("target_share = 0.5", "target_t_co2e = 1e-13", "target_t_co2e", "whole number of micrograms"),
        ("target_share = 0.5", 'target_share = 0.5\npath = "exponential"', "path", "unknown path"),
        ("target_share = 0.5", "target_share = 0.5\ntarget = 3", "target", "unknown key 'target'"),
    ],
)
def test_a_mistake_in_a_goal_is_told_with_its_key(tmp_path: Path, before: str, after: str, key: str, said: str) -> None:
    assert before in GOAL
    path = tmp_path / "goal.toml"
    path.write_text(GOAL.replace(before, after))

    with pytest.raises(GoalError, match=said) as caught:
        read_goal(path)

    assert (caught.value.path, caught.value.key) == (str(path), key)
    assert caught.value.advice


def test_a_base_year_without_an_inventory_is_refused() -> None:
    goal = goal_of(scopes=("scope1", "scope3"), target_share=Fraction(0))
    inventory = Inventory((Entry(2020, "scope1", None, Emissions(5), "s"),), "inventory.csv")

    with pytest.raises(GoalError, match="books nothing for scope3 in the base year 2020"):
        goal.base(inventory)


def test_a_target_above_the_base_is_refused() -> None:
    inventory = Inventory((Entry(2020, "scope1", None, Emissions(5), "s"),))

    with pytest.raises(GoalError, match="above the base"):
        goal_of(target=Emissions(6)).base(inventory)
