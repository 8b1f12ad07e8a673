"""The page on forecasts: its Python runs, its table is of the models of the benchmark, and its fields are those of the values."""

from __future__ import annotations

import re
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from forecast_world import GOAL, SOLAR, history, opened
from greencloud.cli.goal import command
from greencloud.goal.drift import Drift
from greencloud.results.forecasts import Scenario

PAGE = (Path(__file__).parents[1] / "docs" / "forecast.md").read_text(encoding="utf-8")


def test_the_python_of_the_page_prints_a_forecast_and_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    books = opened(tmp_path)
    history(books, 500, 520, 505, 530, 540)
    books.create_goal(GOAL)
    books.create_measure(SOLAR)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)

    exec(program, {"client": books})

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["2025", "2026", "2027", "2028", "2029", "2030"]
    assert "measures/solar" in lines[6]


def test_the_table_of_scenarios_has_every_rate_and_its_option() -> None:
    rows = re.findall(r"^\| `--(\w+) [^`]*` \| `(\w+)`", PAGE, flags=re.MULTILINE)

    assert {field for _, field in rows} == {field.name for field in fields(Scenario) if field.name.endswith("_per_year")}
    options = {option for parameter in command.commands["forecast"].params for option in parameter.opts}
    assert {f"--{option}" for option, _ in rows} <= options


def test_the_formula_of_the_page_is_that_of_the_model() -> None:
    points = [(Fraction(year), amount) for year, amount in ((0, 100), (1, 130), (3, 120), (4, 160))]
    drift = Drift.fit(points)
    assert drift.sigma

    told = Drift.fit([(year, amount * 10**9) for year, amount in points]).describe()
    assert "drift: +15.00 kg a year, standard deviation " in told, "in the unit of the figures, however small the provider"
    for ahead in (1, 6):
        assert drift.expected(Fraction(ahead)) == 160 + round(15 * ahead)
        assert drift.scale(Fraction(ahead)) == pytest.approx(drift.sigma * (ahead + ahead**2 / 4) ** 0.5)
