"""``docs/methodology.md`` says what the code does: rules with their versions, components, flags, and defaults with their values."""

from __future__ import annotations

import re
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from greencloud.allocation import COMPONENTS, DEFAULT_RULE, FLAGS, RULES, methodology_version, rule_named
from greencloud.facility import FactorKind, ResourceWeights, Uncertainties
from greencloud.facility.book import Facility

PAGE = (Path(__file__).parents[1] / "docs" / "methodology.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_column(text: str) -> list[str]:
    """The names in backticks with which rows of tables begin."""
    return re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE)


def cells(name: str) -> list[str]:
    """The row of the table of parameters that names a parameter."""
    rows = [line for line in section("Parameters and defaults").splitlines() if line.startswith("|") and f"`{name}`" in line]
    assert len(rows) == 1, name
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


def test_the_table_of_rules_has_every_rule_in_its_version() -> None:
    assert first_column(section("Rules")) == [methodology_version(rule) for rule in RULES]


def test_the_default_rule_is_the_one_that_the_page_names() -> None:
    assert f"(by default `{methodology_version(DEFAULT_RULE)}`)" in PAGE
    assert f"| `{methodology_version(DEFAULT_RULE)}` (default) |" in section("Rules")
    assert cells("--rule")[2] == f"`{DEFAULT_RULE}`"


def test_what_changed_is_told_of_every_version_of_the_default() -> None:
    assert f"`{methodology_version(DEFAULT_RULE)}` differs from" in section("Corrections and versions")


def test_the_table_of_components_has_every_component() -> None:
    assert first_column(section("Components")) == list(COMPONENTS)


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_explained(flag: str) -> None:
    assert f"`{flag}`" in PAGE


def test_the_named_defaults_are_those_of_the_book() -> None:
    table = re.findall(r"^\| `(\w+)` \| ([\d.]+) % \|", section("Uncertainty"), flags=re.MULTILINE)

    assert [(name, Fraction(percent) / 100) for name, percent in table] == [
        (default.name, getattr(Uncertainties(), default.name)) for default in fields(Uncertainties)
    ]


@pytest.mark.parametrize("weight", [weight.name for weight in fields(ResourceWeights)])
def test_the_weights_are_those_of_the_book(weight: str) -> None:
    names, _, values, *_ = cells(weight)
    named = re.findall(r"`(\w+)`", names)
    given = [Fraction(value.strip()) for value in values.split(",")]

    default = given[named.index(weight)] if len(given) > 1 else given[0]
    assert default == getattr(ResourceWeights(), weight)


def test_the_effort_of_the_peak_game_is_that_of_the_rule() -> None:
    rule = rule_named("workload_shapley")

    assert f"Up to {rule.exact_up_to} players" in section("Rules")
    assert f"{rule.permutations:,} orders of arrival" in section("Rules")
    assert f"| {rule.exact_up_to}, {rule.permutations:,} |" in section("Parameters and defaults")


def test_the_set_of_potentials_is_the_default_of_the_book() -> None:
    default = next(field.default for field in fields(Facility) if field.name == "gwp_set")

    assert cells("gwp")[2] == default


@pytest.mark.parametrize("kind", FactorKind)
def test_every_kind_of_factor_is_named(kind: FactorKind) -> None:
    assert f"`{kind}`" in section("Emissions")
